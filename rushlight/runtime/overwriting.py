"""A run that wrote over its inputs cannot be run again: whatever comes between, a Ctrl-C too, its results must reach the nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.graph import trace


class Overwriting:
    """The last run that wrote over inputs, until its results are where they belong."""

    epoch = -1  # of its trace
    length = 0  # of its trace, in entries
    live: tuple[int, ...] = ()  # the slots that the results are for
    program: Any = None  # knows whether it has ended
    results: Sequence[Any] = ()

    @classmethod
    def begin(cls, program: Any, live: tuple[int, ...], results: Sequence[Any]) -> None:
        """Before the native call; `results` are the arrays that it will have filled."""
        program.forget()
        cls.epoch, cls.length, cls.live, cls.results = trace.epoch, len(trace.references), live, results
        cls.program = program

    @classmethod
    def ended(cls) -> bool:
        """Whether a run of the trace at hand has written over inputs: it is not to be run again."""
        return cls.program is not None and cls.epoch == trace.epoch and cls.program.succeeded()

    @classmethod
    def clear(cls) -> None:
        cls.program, cls.results = None, ()
