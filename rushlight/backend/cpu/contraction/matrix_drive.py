"""The loops round a microkernel of matrix registers: those of any product, with panels of pairs."""

from __future__ import annotations

from ..assembly import Int
from .drive import REUSE, Driver
from .factor import Factor
from .lanes import Values
from .matrix import BYTES, SIDE, MatrixMicrokernel, configure, release
from .matrix_packing import pack_pairs


class MatrixDriver(Driver):
    """Writes one product in matrix registers into a kernel."""

    def emit(self, shared: str, private: str) -> None:
        """Adds the product to the kernel's function."""
        configure(self.frame.function, self.name)
        super().emit(shared, private)
        release(self.frame.function)

    @property
    def depth(self) -> int:
        """Lines of a panel."""
        panel = self.plan.lanes.panel
        assert panel is not None
        return panel.lines

    @property
    def lines(self) -> int:
        """How many of them are gone through for all tiles of a group before the next ones."""
        panel = self.plan.lanes.panel
        assert panel is not None
        if self.plan.rows.groups.most < REUSE:
            return self.depth
        room = self.frame.machine.l1 * 5 // 8 // (panel.pitch * BYTES)
        blocks = -(-self.depth // max(SIDE, room))
        return -(-self.depth // blocks // SIDE) * SIDE

    def _pack(
        self,
        factor: Factor,
        bounds: tuple[Int, Int],
        target: str,
        values: Values,
        slowest: tuple[Int, Int] | None = None,
    ) -> None:
        assert slowest is None
        lanes = factor is self.plan.lanes
        pack_pairs(self.frame, self.plan.summation, factor, bounds, target, values, self.plan.terms, lanes)

    def _microkernel(self) -> MatrixMicrokernel:
        plan = self.plan
        return MatrixMicrokernel(f"{self.name}_tile", len(plan.rows.chunks), len(plan.lanes.chunks), self.depth)
