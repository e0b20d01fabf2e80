"""The function of a contraction's kernel: its arguments, and the share of the work that a thread has."""

from __future__ import annotations

from collections.abc import Sequence

from ....dtype import float32, float64
from ....kernel.contraction import Contract
from ...machine import Machine
from ..assembly import Function, Int, Module
from ..generated import OPERANDS, SCRATCH
from ..values import register_element
from .epilogue import Epilogue


class Frame:
    """One kernel in the making.

    Args:
        function: its entry point.
        operands: pointers to the operands.
        dtypes: what they are of; `dtype` is the value's, and `kind` what a product sums it in.
        bases: what the epilogue's places count from.
        element, size, width: the type of a lane in registers, its bytes, and how many a vector has.
    """

    def __init__(self, kernel: Contract, machine: Machine, name: str, epilogue: Epilogue) -> None:
        self.kernel = kernel
        self.machine = machine
        self.name = name
        self.epilogue = epilogue
        self.module = Module(machine.triple, machine.halves)
        parameters = [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")]
        self.function = Function(self.module, name, parameters, internal=False)
        count = len(kernel.operands)
        pointers = [self.argument(OPERANDS + i) for i in range(count + len(kernel.extras) + len(kernel.results))]
        self.operands, self.bases = pointers[:count], epilogue.bases(pointers[count:])
        self.dtypes = [buffer.dtype for buffer in kernel.operands]
        self.dtype = kernel.dtype
        self.kind = float64 if self.dtype is float64 else float32
        self.element = register_element(self.dtype)
        self.size = max(4, self.dtype.itemsize)
        self.width = machine.width(self.size)
        self.shared = 0  # bytes of scratch asked for
        self.per_thread = 0
        self._scratch = "null"

    def argument(self, slot: int) -> str:
        return self.function.load("ptr", self.function.pointer("%arguments", slot, "i64"), 8)

    def in_place(self, number: int) -> bool:
        """Whether a microkernel can read an operand where it lies: half precision has to be decoded first."""
        return self.dtypes[number] in (float32, float64)

    def reserve(self, shared: int, per_thread: int) -> None:
        """Asks for scratch, before any is used."""
        self.shared, self.per_thread = shared, per_thread
        if shared or per_thread:
            self._scratch = self.argument(SCRATCH)

    def shared_scratch(self, offset: int) -> str:
        """The scratch of all threads, from a byte on."""
        return self.function.pointer(self._scratch, offset, "i8")

    def private_scratch(self) -> str:
        """The scratch of this thread."""
        if not self.per_thread:
            return self._scratch
        own = self.function.mul("%thread", self.per_thread)
        return self.function.pointer(self._scratch, self.function.add(own, self.shared), "i8")

    def share(self, count: int) -> tuple[Int, Int]:
        """Which of `count` pieces of work this thread does."""
        function = self.function
        if count == 1:
            return 0, function.choose(function.compare("eq", "%thread", 0), "i64", 1, 0)
        following = function.add("%thread", 1)
        low, high = function.mul("%thread", count), function.mul(following, count)
        return function.emit(f"udiv i64 {low}, %threads"), function.emit(f"udiv i64 {high}, %threads")


def digits(function: Function, number: Int, extents: Sequence[int]) -> list[Int]:
    """A number in the mixed base `extents`, the last digit the fastest."""
    found: list[Int] = []
    for place, extent in enumerate(reversed(extents)):
        last = place == len(extents) - 1
        found.append(number if last else function.rem(number, extent))
        if not last:
            number = function.div(number, extent)
    return found[::-1]
