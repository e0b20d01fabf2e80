"""Rows of a table: like `take`, but indices are never negative, and the rows at `padding` get no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Node
from .index import add_rows
from .op import Cotangents, Op
from .scalar import div, eq, number, select
from .type import Type
from .view import expand, reshape

Array = np.ndarray


def check_rows(index: Array, rows: int) -> None:
    """IndexError where an index is not in [0, rows)."""
    if index.size and int(np.ascontiguousarray(index).view(np.uint64).max()) >= rows:
        worst = int(index.min()) if index.min() < 0 else int(index.max())
        raise IndexError(
            f"index out of range in self — embedding: index {worst}, the table has {rows} rows, 0 to {rows - 1}"
        )


def _embedding_eval(type: Type, table: Array, index: Array, *, padding: int | None, by_frequency: bool) -> Array:
    check_rows(index, table.shape[0])
    return np.take(table, index, axis=0, mode="clip") if table.shape[0] else table[index]


def _embedding_vjp(node: Node, g: Node) -> Cotangents:
    table, index = node.operands
    return embedding_gradient(g, index, rows=table.type.shape[0], **node.attributes), None


# `by_frequency`: the gradient of a row is divided by how often it was read.
embedding = Op(
    "embedding",
    infer=lambda table, index, **settings: Type.of((*index.shape, *table.shape[1:]), table.dtype),
    eval=_embedding_eval,
    vjp=_embedding_vjp,
    at=lambda index, table, places, *, type, **settings: table[
        (places[index[: places.type.ndim]], *index[places.type.ndim :])
    ],
    moves=True,
)


def _gradient_eval(type: Type, g: Array, index: Array, *, rows: int, padding: int | None, by_frequency: bool) -> Array:
    result = np.zeros(type.shape, g.dtype)
    check_rows(index, rows)
    flat = index.reshape(-1)
    values = g.reshape(flat.size, *type.shape[1:])
    if padding is not None:
        kept = flat != padding
        if not kept.all():
            flat, values = flat[kept], values[kept]
    add_rows(result, flat, values)
    if by_frequency:
        counts = np.maximum(np.bincount(flat, minlength=rows), 1).astype(g.dtype)
        result /= counts.reshape(-1, *[1] * (result.ndim - 1))
    return result


def _gradient_vjp(node: Node, h: Node) -> Cotangents:
    g, index = node.operands
    settings: Any = node.attributes
    back = embedding(h, index, padding=settings["padding"], by_frequency=settings["by_frequency"])
    wide = (*index.type.shape, *[1] * (g.type.ndim - index.type.ndim))
    if settings["by_frequency"]:
        ones = expand(number(1, g.type.dtype), g.type.shape)
        whole = embedding_gradient(ones, index, rows=settings["rows"], padding=None, by_frequency=False)
        back = div(back, embedding(whole, index, padding=None, by_frequency=False))
    if settings["padding"] is not None:
        padded = eq(reshape(index, wide), number(settings["padding"], index.type.dtype))
        back = select(padded, number(0, g.type.dtype), back)
    return back, None


embedding_gradient = Op(
    "embedding_gradient",
    infer=lambda g, index, *, rows, **settings: Type.of((rows, *g.shape[index.ndim :]), g.dtype),
    eval=_gradient_eval,
    vjp=_gradient_vjp,
    anchor="scatter",
)
