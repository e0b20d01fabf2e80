"""The windows into the compiler: reports, explanations, memory, profiles."""
