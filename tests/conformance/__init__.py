"""Rushlight against PyTorch: its OpInfo, ModuleInfo and OptimizerInfo databases walked for all that Rushlight has.

`python -m tests.conformance.report` prints the counts; `pytest tests/conformance` runs the same cases as tests.
"""
