"""A contraction with what is done to its result before it is stored: one kernel."""

from __future__ import annotations

from dataclasses import dataclass

from .. import config
from ..dtype import dtype as ElementType
from ..dtype import float32
from ..ir.contraction.form import Contraction
from ..ir.expr import Expr
from .buffer import Buffer
from .nest import Printer


class Precision:
    """Of how many numbers of bfloat16 a number of float32 may be taken for the sum, where that makes contractions faster; 0: it may not.

    In products of matrices what `set_float32_matmul_precision` says; in all contractions what the environment says.
    """

    of_products = 0
    of_all = config.PARTS

    @staticmethod
    def of(spec: Contraction) -> int:
        """That of one contraction."""
        if Precision.of_all:
            return Precision.of_all
        plain = all(
            axis.offset == 0
            and axis.denominator == 1
            and all(factor == 1 for _, factor in axis.terms)
            and len(axis.terms) < 2
            for axes in spec.maps
            for axis in axes
        )
        return Precision.of_products if plain and not spec.guards else 0


@dataclass(frozen=True)
class Contract:
    """A contraction of arrays, then element expressions of its result.

    Results lie in memory of their own, but for a result that lies where an extra does which the epilogue reads at the same place alone. Some
    elements are computed twice, by different threads, with the same outcome; where an extra has the output's shape, they are stored once.

    An epilogue expression stands over the output's loops: `Loop(axis)` is the index along an axis of the output, `Load(0, …)` with
    those loops as index is the contraction's value, `Load(k, index)` reads `extras[k - 1]`. Without an epilogue the value itself is
    stored.

    Args:
        spec: loops, output, addresses and guards.
        operands: what the contraction reads, in order.
        extras: what the epilogue reads beside the value.
        epilogue: an expression for each result, or none.
        results: where each expression goes; of the output's shape.
        decoded: whether operands of half precision are read as float32, of which the value then is.
        parts: of how many numbers of bfloat16 one of float32 may be taken for the sum; 0 if it may not.
    """

    spec: Contraction
    operands: tuple[Buffer, ...]
    extras: tuple[Buffer, ...]
    epilogue: tuple[Expr, ...]
    results: tuple[Buffer, ...]
    decoded: bool = False
    parts: int = 0

    @property
    def dtype(self) -> ElementType:
        """Of the value."""
        return float32 if self.decoded else self.operands[0].dtype

    def key(self) -> str:
        """A text that says everything."""
        parts = [f"contract {self.spec!r}{' decoded' * self.decoded}{f' in {self.parts} parts' * bool(self.parts)}"]
        for title, buffers in (("operands", self.operands), ("extras", self.extras), ("results", self.results)):
            parts.append(f"{title} {' '.join(buffer.key() for buffer in buffers)}")
        printer = Printer(parts)
        names = [printer.name(expression) for expression in self.epilogue]
        return "\n".join([*parts, f"epilogue {'; '.join(names)}"])
