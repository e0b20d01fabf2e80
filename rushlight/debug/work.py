"""How much work a kernel is: floating-point operations, bytes it must touch, the buffers it is given."""

from __future__ import annotations

from math import prod
from typing import Any

from ..ir.expr import Apply, Expr
from ..kernel.buffer import Buffer
from ..kernel.contraction import Contract
from ..kernel.index import Index
from ..kernel.nest import Fold, Nest, Row, Tally, Write, walk
from ..kernel.recurrence import Recurrence, RecurrenceBack
from ..kernel.scan import Scan
from ..kernel.scatter import Scatter
from ..kernel.window import MaxPool
from ..passes.lower import Launch, Lowering

# Functions that choose or convert, and compute nothing.
_FREE = {"select", "choose", "require", "wrap", "place", "index_and", "logical_and", "logical_or", "logical_not"}


def buffers(lowering: Lowering, launch: Launch) -> tuple[list[Buffer], list[Buffer]]:
    """What a kernel reads, and what it writes, in the order of its arguments."""
    kernel = launch.kernel
    if isinstance(kernel, Contract):
        return [*kernel.operands, *kernel.extras], list(kernel.results)
    if isinstance(kernel, Nest):
        return list(kernel.operands), list(kernel.results)
    operands = [lowering.view(operand)[1] for operand in lowering.graph.operands[launch.value]]
    return operands, [lowering.buffers[value] for value in launch.results]


def touched(buffer: Buffer) -> int:
    """Bytes of a buffer, what is seen more than once counted once."""
    pairs = zip(buffer.shape, buffer.strides, strict=True)
    return prod(extent for extent, stride in pairs if stride) * buffer.dtype.itemsize if buffer.size else 0


def operations(expressions: list[Expr]) -> int:
    """Arithmetic of one element; what is shared is counted once, index arithmetic not at all."""
    seen: set[int] = set()
    count = 0
    for expression in expressions:
        for part in walk(expression, seen):
            if isinstance(part, Apply) and part.function not in _FREE and not part.function.startswith("cast_"):
                count += not isinstance(part, Index)
    return count


def _of_contraction(kernel: Contract) -> int:
    """A product of n factors and the addition, for each turn of the loops: terms that fall outside of an operand are counted too."""
    shape = kernel.spec.output_shape
    return prod(kernel.spec.loops) * len(kernel.operands) + prod(shape) * operations(list(kernel.epilogue))


def _of_nest(kernel: Nest) -> int:
    rows = prod(kernel.extents[axis] for axis in kernel.rows)
    total = 0
    for part in kernel.body:
        turns = rows if isinstance(part, Row) else prod(kernel.extents)
        values = [statement.value for statement in part.statements if not isinstance(statement, Write)]
        values += [statement.value for statement in part.statements if isinstance(statement, Write)]
        total += turns * (
            operations(values) + sum(isinstance(statement, Fold | Tally) for statement in part.statements)
        )
    return total


def flops(kernel: Any) -> int | None:
    """Floating-point operations by the usual count: an addition, a product, a function are one each. None of kernels without a count."""
    if isinstance(kernel, Contract):
        return _of_contraction(kernel)
    if isinstance(kernel, Nest):
        return _of_nest(kernel)
    if isinstance(kernel, MaxPool):
        return prod(windows.number * windows.size for windows in kernel.windows) * (
            prod(kernel.x.shape) // max(prod(kernel.extents), 1)
        )
    if isinstance(kernel, Scan):
        return kernel.result.size
    if isinstance(kernel, Recurrence | RecurrenceBack):  # the product with the weight, which is nearly all
        return 2 * kernel.length * kernel.rows * kernel.weight.size
    if isinstance(kernel, Scatter):
        return kernel.value.size
    return None
