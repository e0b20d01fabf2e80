"""The op record: what an op means, in one place, complete or it does not import.

`infer(*types, **attributes) -> Type`   raises the user's error
`eval(type, *arrays, **attributes)`     the meaning in NumPy; never writes to its operands, may return a view of one
`vjp(node, g) -> tuple`                 cotangents of the operands as nodes (None where there is none), or NONDIFFERENTIABLE
`at(index, *operands, type, **attributes) -> Expr`    element `index` of the result; or `anchor="template"` for ops that are not one
                                        element at a time
`primitives(*operands, **attributes)`   optional: the op as a graph of simpler records, of the same meaning, for a compiler to expand:
                                        a node, or a node for each of several results
`linear(**attributes)`                  optional: whether the op, of its floating operands together, is linear, so that its tangent is the
                                        op of their tangents; for ops whose vjp does not say so (see `index.put`)

Calling a record emits a node.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import bfloat16, decode, encode, float16
from ..errors import InternalError
from .graph import Node, Signature, emit
from .type import TupleType, Type

NONDIFFERENTIABLE = "nondifferentiable"
Cotangents = tuple["Node | None", ...]
registry: dict[str, Op] = {}


class Op:
    """One op record; see the module's text."""

    __slots__ = (
        "name",
        "infer",
        "eval",
        "vjp",
        "at",
        "anchor",
        "differentiable",
        "moves",
        "primitives",
        "linear",
        "elementwise",
    )

    def __init__(
        self,
        name: str,
        *,
        infer: Callable[..., Any],
        eval: Callable[..., Any],
        vjp: Callable[[Node, Node], Cotangents] | str,
        at: Callable[..., Any] | None = None,
        anchor: str | None = None,
        moves: bool = False,
        primitives: Callable[..., Node | tuple[Node, ...]] | None = None,
        linear: Callable[..., bool] | None = None,
        elementwise: bool = False,
    ) -> None:
        if name in registry:
            raise InternalError(f"op {name!r} is defined twice")
        if (at is None) == (anchor is None):
            raise InternalError(f"op {name!r} needs either `at` or `anchor`")
        if not (callable(infer) and callable(eval) and (callable(vjp) or vjp == NONDIFFERENTIABLE)):
            raise InternalError(f"op {name!r} lacks infer, eval or vjp")
        self.name = name
        self.infer = infer
        self.eval = eval
        self.vjp = vjp
        self.at = at
        self.anchor = anchor
        self.differentiable = callable(vjp)
        self.moves = moves  # only moves elements: works on bit patterns, nothing to decode
        self.primitives = primitives
        self.linear = linear
        self.elementwise = elementwise  # operands broadcast, whatever their rank
        registry[name] = self

    __call__ = emit

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def _decoded(value: Any, type: Type | TupleType) -> Any:
    """An operand in the dtype NumPy computes in; of a tuple each part."""
    if isinstance(type, TupleType):
        return tuple(decode(part, kind.dtype) for part, kind in zip(value, type.parts, strict=True))
    return decode(value, type.dtype)


@functools.cache
def bind(signature: Signature) -> Callable[..., Any]:
    """The evaluation of a signature as a function of arrays in memory form; signatures are interned, so each has one."""
    evaluate, attributes, result = signature.op.eval, signature.attributes, signature.type
    types = signature.operands
    if signature.op.moves:

        def move(*arrays: Any) -> Any:
            value = evaluate(result, *arrays, **attributes)
            return value if isinstance(value, np.ndarray | tuple) else np.asarray(value)

        return move
    if isinstance(result, TupleType):
        return lambda *arrays: tuple(
            encode(part, part_type.dtype)
            for part, part_type in zip(
                evaluate(result, *map(_decoded, arrays, types), **attributes),
                result.parts,
                strict=True,
            )
        )
    narrow = (bfloat16, float16)
    if any(t.dtype in narrow for t in types):
        dtypes = [t.dtype for t in types]
        return lambda *arrays: encode(evaluate(result, *map(decode, arrays, dtypes), **attributes), result.dtype)
    if result.dtype in narrow:
        return lambda *arrays: encode(evaluate(result, *arrays, **attributes), result.dtype)
    storage = result.dtype.storage

    def run(*arrays: np.ndarray) -> np.ndarray:
        value = evaluate(result, *arrays, **attributes)
        if type(value) is np.ndarray and value.dtype == storage:
            return value
        return np.asarray(value, dtype=storage)

    return run


def same_dtype(op: str, types: tuple[Type, ...]) -> None:
    """Operands of one node have one dtype: the tensor layer casts, so anything else is our fault."""
    for type in types:
        if type.dtype is not types[0].dtype:
            raise InternalError(f"{op}: operands of different dtypes {types!r} reached the graph")
