"""Random graphs of op records, run by every tier of the runtime; `README.md` beside this folder says how they are compared."""
