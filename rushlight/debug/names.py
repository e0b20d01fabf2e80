"""What kernels are called, which ops they are made of, which lines these came from, and why an op has no kernel."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from ..dtype import COMPLEX
from ..ir.contraction.form import Contraction
from ..ir.type import TupleType
from ..kernel.contraction import Contract
from ..kernel.functions import supported
from ..kernel.nest import Nest
from ..kernel.templates import TEMPLATES
from ..passes.fuse import Fusion
from ..passes.graph import Graph
from ..passes.lower import Launch
from ..passes.support import STRUCTURAL, functions_of
from .sites import Site

_MOST = 5  # ops that a name lists
_SILENT = {"constant", "component", "pack", "cast"}
# Calls of the user's that are better names of a contraction than its form is.
_CALLS = {
    "linear",
    "bilinear",
    "matmul",
    "bmm",
    "mm",
    "mv",
    "dot",
    "einsum",
    "conv1d",
    "conv2d",
    "conv3d",
    "addmm",
    "baddbmm",
}


def members(fusion: Fusion, launch: Launch) -> list[int]:
    """The values that a kernel computes, in order, those inside of its expressions too."""
    graph, home = fusion.graph, fusion.home.get(launch.value)
    found: set[int] = set()
    waiting = [launch.value] if home is None else [statement.value for statement in home.statements]
    while waiting:
        value = waiting.pop()
        if value in found or graph.signatures[value] is None:
            continue
        found.add(value)
        waiting += [operand for operand in graph.operands[value] if operand not in fusion.separate]
    return sorted(found)


def lines(graph: Graph, values: Iterable[int], sites: dict[int, Site]) -> list[str]:
    """The user's lines that values came from, each once."""
    found = (sites.get(graph.sources[value]) for value in values)
    return list(dict.fromkeys(site.place for site in found if site is not None))


def ranges(graph: Graph, launch: Launch, sites: dict[int, Site]) -> tuple[str, ...]:
    """The marked ranges that a kernel's first value was recorded in."""
    site = sites.get(graph.sources[launch.value])
    return () if site is None else site.ranges


# ---- names ----


def _extents(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape)) or "1"


def _matrix_loops(spec: Contraction) -> tuple[list[int], list[int], list[int], list[int]] | None:
    """Loops of a product of matrices: of both, of the first, of the second, summed ones; None where it is no such product."""
    if len(spec.maps) != 2 or spec.guards:
        return None
    if any(len(axis.terms) > 1 or axis.offset or axis.denominator != 1 for axes in spec.maps for axis in axes):
        return None
    first, second = ({loop for axis in axes for loop in axis.loops} for axes in spec.maps)
    rank = len(spec.output)
    outer = range(rank)
    return (
        [loop for loop in outer if loop in first and loop in second],
        [loop for loop in outer if loop in first and loop not in second],
        [loop for loop in outer if loop in second and loop not in first],
        list(range(rank, len(spec.loops))),
    )


def _form(spec: Contraction) -> tuple[str, str]:
    """What a contraction is, and its size: a product of matrices as rows × inner · columns."""
    loops = _matrix_loops(spec)
    if loops is not None and loops[3]:
        batch, rows, columns, inner = (prod(spec.loops[loop] for loop in group) for group in loops)
        return "matmul", f"{f'{batch}× ' if batch > 1 else ''}{rows}×{inner}·{columns}"
    summed = spec.loops[len(spec.output) :]
    size = _extents(spec.output_shape) + (f" of {_extents(summed)}" if summed else "")
    return ("convolution" if any(len(a.terms) > 1 for axes in spec.maps for a in axes) else "product"), size


def _listed(names: list[str]) -> str:
    counted = [name for place, name in enumerate(names) if not place or names[place - 1] != name]
    return "+".join(counted[:_MOST]) + ("+…" if len(counted) > _MOST else "")


def _op(graph: Graph, value: int) -> str:
    signature = graph.signatures[value]
    assert signature is not None
    return signature.op.name


def _is_silent(graph: Graph, value: int) -> bool:
    """Whether an op moves or converts alone, so that a name need not tell it."""
    signature = graph.signatures[value]
    return signature is None or signature.op.moves or signature.op.name in _SILENT


def op_names(graph: Graph, values: Iterable[int]) -> list[str]:
    """The ops that compute something, in order."""
    return [_op(graph, value) for value in values if not _is_silent(graph, value)]


def _contraction_name(fusion: Fusion, launch: Launch, sites: dict[int, Site]) -> str:
    graph = fusion.graph
    kind, size = _form(launch.kernel.spec)
    site = sites.get(graph.sources[launch.value])
    if site is not None and site.function in _CALLS:
        kind = site.function
    wide = graph.types[launch.value]
    found = []
    for value in members(fusion, launch):
        if value > launch.value and not _is_silent(graph, value):
            name = _op(graph, value)
            is_bias = name == "add" and any(_is_bias(graph, v, wide.size) for v in graph.operands[value])
            found.append("bias" if is_bias else name)
    return f"{_listed([kind, *found])} {size}"


def _is_bias(graph: Graph, value: int, size: int) -> bool:
    """Whether a value has fewer elements than a result of that size, though more than one, or repeats them."""
    signature = graph.signatures[value]
    if signature is not None and signature.op.name == "expand":
        return _is_bias(graph, graph.operands[value][0], size)
    return 1 < graph.types[value].size < size


def kernel_name(fusion: Fusion, launch: Launch, sites: dict[int, Site]) -> str:
    """A readable name made of a kernel's ops and its size."""
    graph, kernel = fusion.graph, launch.kernel
    if isinstance(kernel, Contract):
        return _contraction_name(fusion, launch, sites)
    values = members(fusion, launch)
    names = op_names(graph, values) or [_op(graph, value) for value in values]
    if isinstance(kernel, Nest):
        rows = [kernel.extents[axis] for axis in kernel.rows]
        inner = [kernel.extents[axis] for axis in kernel.inner]
        size = _extents(rows) + (f" rows of {_extents(inner)}" if inner else "")
        return f"{_listed(names)} {size}"
    return f"{_listed(names)} {_extents(graph.types[launch.results[0]].shape)}"


# ---- reasons ----


def reason(graph: Graph, value: int) -> str:
    """Why an op is evaluated by the interpreter."""
    signature = graph.signatures[value]
    assert signature is not None
    op, types = signature.op, (*signature.operands, signature.type)
    if any(isinstance(type, TupleType) for type in signature.operands):
        return "takes a result of several parts"
    parts = [part for type in types for part in (type.parts if isinstance(type, TupleType) else (type,))]
    if any(part.dtype.category == COMPLEX for part in parts):
        return "complex numbers have no native form"
    if any(not part.size for part in parts):
        return "an array without elements"
    if op.name in TEMPLATES:
        return "its kernel does not take these dtypes, shapes or settings"
    if op.at is None:
        return "no kernel for this op"
    dtypes = tuple(type.dtype for type in signature.operands)
    missing = sorted(f for f in functions_of(signature.number) - STRUCTURAL if not supported(f, dtypes))
    named = ", ".join(dict.fromkeys(dtype.name for dtype in dtypes))
    return f"no native form of {', '.join(missing)} for {named}" if missing else "no kernel for this form"


def plan_reason(plan: Any, tier: str, again: bool) -> str:
    """Why a whole plan was interpreted."""
    if again:
        return "native code met an index out of range or a division by zero"
    if tier == "interp":
        return "RUSHLIGHT_TIER=interp"
    return "it has not come often enough to be compiled" if not plan.variants else "its inputs have too many layouts"
