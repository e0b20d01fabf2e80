"""What can be native code: which ops a nest can hold, by the functions and dtypes that every backend has."""

from __future__ import annotations

import functools

from ..dtype import COMPLEX, bool_
from ..ir.graph import signatures
from ..ir.type import TupleType, Type
from ..kernel.functions import supported
from ..kernel.index import loop
from ..kernel.nest import FOLDS
from .element import Elements, functions
from .graph import Graph

# Of a concatenation: each element is found by as many choices. NumPy copies parts one after another, as fast as memory is.
MOST_PARTS = 8

STRUCTURAL = {"choose", "place", "wrap", "round_bfloat16", "round_float16"}


def native(graph: Graph, value: int) -> bool:
    """Whether the op of a value can be part of a nest, or is a contraction that can be compiled."""
    signature = graph.signatures[value]
    return signature is not None and _native(signature.number)


@functools.lru_cache(maxsize=8192)
def _native(number: int) -> bool:
    signature = signatures[number]
    types = (*signature.operands, signature.type)
    if any(isinstance(t, TupleType) or t.dtype.category == COMPLEX for t in types):
        return False
    name, dtypes = signature.op.name, tuple(t.dtype for t in signature.operands)
    if name == "contract":
        return dtypes[0] is not bool_
    if name in FOLDS:
        return True
    if signature.op.at is None or (name == "concatenate" and len(dtypes) > MOST_PARTS):
        return False
    names = functions_of(number) - STRUCTURAL
    return all(supported(function, dtypes) for function in names)


def functions_of(number: int) -> set[str]:
    """The functions that one element of the op is made of."""
    signature = signatures[number]
    graph = Graph()
    operands = tuple(graph.input(type) for type in signature.operands)
    value = graph.add(signature, operands)
    if value in operands:
        return set()
    assert isinstance(signature.type, Type)
    index = tuple(loop(axis, extent) for axis, extent in enumerate(signature.type.shape))
    return functions(Elements(graph, set(operands)).body(value, index))
