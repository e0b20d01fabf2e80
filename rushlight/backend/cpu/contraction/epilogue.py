"""What is done to a contraction's value before it is stored."""

from __future__ import annotations

from collections.abc import Sequence

from ....errors import InternalError
from ....ir.affine import Axis
from ....kernel.buffer import Buffer
from ....kernel.contraction import Contract
from ....kernel.functions import Unsupported
from ...machine import Machine
from ..assembly import Function
from ..values import Value
from .lanes import Lanes, Values, write


class Epilogue:
    """The epilogue of a kernel. `places` are the addresses, over the output's axes, that it needs: first the results'."""

    def __init__(self, kernel: Contract, machine: Machine) -> None:
        self.kernel = kernel
        self.machine = machine
        self.dtype = kernel.operands[0].dtype
        self.places: list[Axis] = [place_in(buffer) for buffer in kernel.results]
        if kernel.epilogue:
            raise Unsupported("epilogues are not there yet")
        if kernel.results[0].dtype is not self.dtype or len(kernel.results) != 1:
            raise InternalError(f"a contraction of {self.dtype} cannot be stored as {kernel.results}")

    def emit(
        self, function: Function, total: str, places: Sequence[Axis], pointers: Sequence[str], values: Values, at: Lanes
    ) -> None:
        """Stores what becomes of the sums `total`.

        Args:
            places: where `self.places` have gone in the summation at hand.
            pointers: to the extras, then to the results.
        """
        value = Value(total, self.dtype, at.width)
        results = pointers[len(self.kernel.extras) :]
        write(function, value, results[0], places[0], values, at)


def place_in(buffer: Buffer) -> Axis:
    """Where an array of the output's shape is read or written, over the output's axes."""
    return Axis([(axis, stride) for axis, stride in enumerate(buffer.strides) if buffer.shape[axis] != 1])
