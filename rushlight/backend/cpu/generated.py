"""What a generator hands to the builder: the text of one kernel and what it needs to run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Generated:
    """A kernel as LLVM IR.

    The function has the signature `void @name(ptr %arguments, i64 %thread, i64 %threads)`; slots 0, 1, 2 of the arguments are the
    team's barrier, the scratch memory and the failure flag; then come the operands and the results.
    """

    name: str
    text: str
    shared: int = 0  # bytes of scratch that all threads share
    per_thread: int = 0  # bytes of scratch for each thread, after the shared ones
    parallel: bool = True  # False: one thread alone calls it, as thread 0 of 1
    risk: str = (
        ""  # what may set the failure flag: "" nothing, "indices" an index out of range, "values" other values too
    )


BARRIER, SCRATCH, FAILURE, OPERANDS = range(4)  # slots of the arguments; operands and results stand from OPERANDS on
