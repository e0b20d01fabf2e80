"""Reading and writing at places given by integer operands.

`take` reads with one index operand for each of the leading axes named, all broadcast together (advanced indexing, embedding);
`gather` reads along one axis with an index of the operand's rank; `put` and `scatter` are their writing forms. Indices are int64 and in range
(negative ones wrapped): the tensor layer checks them at the call where their values are known, `eval` checks them always.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import int64
from ..errors import InternalError
from . import expr, scalar
from .expr import Expr, Operand
from .graph import Node
from .op import Cotangents, Op, same_dtype
from .scalar import constant, div, eq, mul, select
from .type import Shape, Type, broadcast_shapes


def check_range(op: str, index: np.ndarray, extent: int, axis: int) -> None:
    """IndexError where an index leaves [-extent, extent)."""
    if index.size and (int(index.min()) < -extent or int(index.max()) >= extent):
        worst = int(index.min()) if int(index.min()) < -extent else int(index.max())
        raise IndexError(f"index {worst} is out of bounds for dimension {axis} with size {extent} — {op}")


def _index_types(op: str, indices: tuple[Type, ...]) -> Shape:
    for t in indices:
        if t.dtype is not int64:
            raise InternalError(f"{op}: index of {t!r}")
    return broadcast_shapes(op, *[t.shape for t in indices])


# ---- take and put: leading axes ----


def _take_infer(x: Type, *indices: Type) -> Type:
    return Type.of((*_index_types("index", indices), *x.shape[len(indices) :]), x.dtype)


def _take_eval(type: Type, x: np.ndarray, *indices: np.ndarray) -> np.ndarray:
    for axis, index in enumerate(indices):
        check_range("index", index, x.shape[axis], axis)
    if len(indices) == 1:
        return np.take(x, indices[0], axis=0, mode="wrap") if x.shape[0] else x[indices[0]]
    return x[indices]


def _take_at(index: tuple[Expr, ...], x: Operand, *indices: Operand, type: Type) -> Expr:
    rank = type.ndim - (x.type.ndim - len(indices))
    places = [
        expr.Apply("wrap", i.broadcast(index[:rank]), expr.Literal(x.type.shape[axis]))
        for axis, i in enumerate(indices)
    ]
    return x[(*places, *index[rank:])]


expr.FUNCTIONS["wrap"] = lambda i, extent: np.where(i < 0, i + extent, i)


def _take_vjp(node: Node, g: Node) -> Cotangents:
    x, *indices = node.operands
    return put(scalar.zeros_like(x), g, *indices, accumulate=True), *[None] * len(indices)


take = Op("take", infer=_take_infer, eval=_take_eval, vjp=_take_vjp, at=_take_at, moves=True)


def _put_infer(base: Type, value: Type, *indices: Type, accumulate: bool) -> Type:
    same_dtype("index_put", (base, value))
    shape = (*_index_types("index_put", indices), *base.shape[len(indices) :])
    if value.shape != shape:
        raise InternalError(f"put: value {value.shape} for region {shape}")
    return base


def _put_eval(type: Type, base: np.ndarray, value: np.ndarray, *indices: np.ndarray, accumulate: bool) -> np.ndarray:
    for axis, index in enumerate(indices):
        check_range("index_put", index, base.shape[axis], axis)
    result = np.array(base, order="C")
    if not accumulate:
        result[indices] = value
    elif result.dtype == np.bool_:
        np.logical_or.at(result, indices, value)
    elif len(indices) == 1 and result.ndim > 1:
        add_rows(result, indices[0] % max(base.shape[0], 1), value)
    else:
        np.add.at(result, indices, value)
    return result


_RANKS = 32  # so many rows of one place are added one after another; what is beyond, as sums of runs


def add_rows(result: np.ndarray, index: np.ndarray, value: np.ndarray) -> None:
    """result[index] += value with repeated rows, in the order of rows.

    Rows are added in rounds, no place twice in one: the first row of each place, the second, … `np.add.at` and short runs
    of `np.add.reduceat` take ten times as long. Places with very many rows have the rest of theirs summed as runs.
    """
    flat = index.reshape(-1)
    if not flat.size or not value.size:
        return
    rows = value.reshape(flat.size, *result.shape[1:])
    order = np.argsort(flat, kind="stable")
    places = flat[order]
    number = np.arange(flat.size)
    first = np.concatenate(([True], places[1:] != places[:-1]))
    rank = number - np.maximum.accumulate(np.where(first, number, 0))
    for each in range(min(int(rank.max()) + 1, _RANKS)):
        chosen = rank == each
        result[places[chosen]] += rows[order[chosen]]
    beyond = rank >= _RANKS
    if beyond.any():
        starts = np.flatnonzero(rank[beyond] == _RANKS)
        sums = np.add.reduceat(rows[order[beyond]], starts, axis=0, dtype=result.dtype)
        result[places[beyond][starts]] += sums


def _put_vjp(node: Node, g: Node) -> Cotangents:
    base, value, *indices = node.operands
    accumulate = node.attributes["accumulate"]
    kept = g if accumulate else put(g, scalar.zeros_like(value), *indices, accumulate=False)
    return kept, take(g, *indices) if value.tracked else None, *[None] * len(indices)


# Of values written to one place the last one stays, and forward mode says so. The vjp, as PyTorch's, gives the cotangent to all of them.
put = Op("put", infer=_put_infer, eval=_put_eval, vjp=_put_vjp, anchor="scatter", linear=lambda accumulate: True)

# ---- gather and scatter: along one axis ----


def _gather_infer(x: Type, index: Type, *, axis: int) -> Type:
    _index_types("gather", (index,))
    return Type.of(index.shape, x.dtype)


def _places(index: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    places = list(np.ogrid[tuple(map(slice, index.shape))])
    places[axis] = index
    return tuple(places)


def _gather_eval(type: Type, x: np.ndarray, index: np.ndarray, *, axis: int) -> np.ndarray:
    check_range("gather", index, x.shape[axis], axis)
    return x[_places(index, axis)]


def _gather_at(index: tuple[Expr, ...], x: Operand, places: Operand, *, type: Type, axis: int) -> Expr:
    place = expr.Apply("wrap", places[index], expr.Literal(x.type.shape[axis]))
    return x[(*index[:axis], place, *index[axis + 1 :])]


def _gather_vjp(node: Node, g: Node) -> Cotangents:
    x, index = node.operands
    return scatter(scalar.zeros_like(x), g, index, axis=node.attributes["axis"], reduce="add"), None


gather = Op("gather", infer=_gather_infer, eval=_gather_eval, vjp=_gather_vjp, at=_gather_at, moves=True)

_SCATTER: dict[str, Any] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def _scatter_infer(base: Type, source: Type, index: Type, *, axis: int, reduce: str) -> Type:
    same_dtype("scatter", (base, source))
    _index_types("scatter", (index,))
    if source.shape != index.shape:
        raise InternalError(f"scatter: source {source.shape} for index {index.shape}")
    return base


def _scatter_eval(
    type: Type, base: np.ndarray, source: np.ndarray, index: np.ndarray, *, axis: int, reduce: str
) -> np.ndarray:
    check_range("scatter", index, base.shape[axis], axis)
    result = np.array(base, order="C")
    places = _places(index, axis)
    if reduce == "set":
        result[places] = source
    else:
        with np.errstate(all="ignore"):
            _SCATTER[reduce].at(result, places, source)
    return result


def _scatter_vjp(node: Node, g: Node) -> Cotangents:
    base, source, index = node.operands
    axis, reduce = node.attributes["axis"], node.attributes["reduce"]
    back = gather(g, index, axis=axis)
    if reduce == "add":
        return g, back, None
    if reduce == "set":
        return scatter(g, scalar.zeros_like(source), index, axis=axis, reduce="set"), back, None
    if reduce == "mul":
        ones = constant(value=1, shape=base.type.shape, dtype=base.type.dtype)
        factor = scatter(ones, source, index, axis=axis, reduce="mul")
        return mul(g, scalar.cj(factor)), _product_of_others(node, g), None
    return (*_extreme_scatter_vjp(node, g), None)


def _product_of_others(node: Node, g: Node) -> Node:
    """The cotangent times all that was multiplied at an element's place but the element.

    Right where there are zeros, and so is its derivative: with one zero among the others the product is that zero times the rest. (Its second
    derivative, where two of the others are zero, comes out as 0.)
    """
    base, source, index = node.operands
    axis, dtype = node.attributes["axis"], node.operands[0].type.dtype
    zero, one = scalar.number(0, dtype), scalar.number(1, dtype)
    is_zero = eq(source, zero)
    nothing = scalar.zeros_like(base)

    def from_others(of_each: Node) -> Node:
        total = scatter(nothing, of_each, index, axis=axis, reduce="add")
        return scalar.sub(gather(total, index, axis=axis), of_each)

    zeros = from_others(scalar.cast(is_zero, dtype=dtype))
    the_zero = from_others(select(is_zero, source, zero))
    without = select(is_zero, one, source)
    product = gather(scatter(base, without, index, axis=axis, reduce="mul"), index, axis=axis)
    rest = div(product, without)
    found = select(eq(zeros, zero), rest, select(eq(zeros, one), mul(the_zero, rest), zero))
    return mul(gather(g, index, axis=axis), scalar.cj(found))


def _extreme_scatter_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    """Evenly over all that reach the extreme, the base's element among them."""
    base, source, index = node.operands
    axis = node.attributes["axis"]
    dtype = base.type.dtype
    own = scalar.cast(eq(base, node), dtype=dtype)
    theirs = scalar.cast(eq(source, gather(node, index, axis=axis)), dtype=dtype)
    count = scatter(own, theirs, index, axis=axis, reduce="add")
    share = div(g, count)
    zero = scalar.number(0, dtype)
    to_base = select(eq(own, zero), zero, share)
    return to_base, mul(theirs, gather(share, index, axis=axis))


scatter = Op(
    "scatter",
    infer=_scatter_infer,
    eval=_scatter_eval,
    vjp=_scatter_vjp,
    anchor="scatter",
    linear=lambda axis, reduce: reduce in ("set", "add"),
)
