"""Reductions: sums, means, extremes, norms, variances, scans, and softmax."""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dtype import FLOATING, bool_, dtype, int64
from ..ir import index, reduce, scalar, view
from ..ir.graph import Node
from ..ir.type import Type
from .promotion import Defaults
from .public import public, scalar_name, write_out
from .return_types import return_type
from .tensor import Tensor, node_of, wrap, wrap_axes, wrap_axis


def _axes(op: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """The axes to reduce: none given, or an empty list, means all."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    return wrap_axes(op, dim, ndim)


def _keep(node: Node, before: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Node:
    return view.reshape(node, reduce.kept(before, axes)) if keepdim else node


def _label(name: str, dim: Any) -> str:
    return f"{name}Backward0" if dim is None else f"{name}Backward1"


def _named(node: Node, label: str) -> Tensor:
    """A result whose gradient function has this name even inside another public function's table."""
    result = wrap(node)
    if node.tracked and node.label is None:
        node.label = label
    return result


def _summed(op: str, input: Tensor, dim: Any, keepdim: bool, kind: dtype | None) -> Node:
    node = node_of(input)
    if kind is None:
        kind = int64 if input.dtype.category < FLOATING else input.dtype
    axes = _axes(op, dim, input.ndim)
    return _keep(reduce.sum_(scalar.cast(node, dtype=kind), axes), node.type.shape, axes, keepdim)


def _flag(op: str, keepdim: Any) -> bool:
    """A bool as such; TypeError for another argument in its place, as a dtype given by position."""
    if keepdim.__class__ is not bool and not isinstance(keepdim, np.bool_):
        raise TypeError(f"{op}(): argument 'keepdim' (position 2) must be bool, not {type(keepdim).__name__}")
    return bool(keepdim)


@public("Sum")
def sum_(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The sum over all axes or over `dim`; integers and bools add up in int64.

    >>> import rushlight as torch
    >>> torch.ones(2, 3).sum(1)
    tensor([3., 3.])
    """
    dim, keepdim = (axis if axis is not None else dim), _flag("sum", keepdim if keepdims is None else keepdims)
    return _named(_own(_summed("sum", input, dim, keepdim, dtype), input), _label("Sum", dim))


def _own(node: Node, input: Tensor) -> Node:
    """A node of its own where nothing was reduced, so that the result is not the input."""
    return view.identity(node) if node is node_of(input) else node


@public("Nansum")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum with NaN taken as 0."""
    node = node_of(input)
    if input.dtype.category >= FLOATING:
        node = scalar.select(scalar.isnan(node), scalar.number(0, input.dtype), node)
    return wrap(_summed("nansum", wrap(node), dim, keepdim, dtype))


def _mean_of(op: str, input: Tensor, dim: Any, keepdim: bool, kind: dtype | None) -> Node:
    node = node_of(input)
    shape = node.type.shape
    kind = kind or node.type.dtype
    if kind.category < FLOATING:
        raise RuntimeError(
            f"{op}(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {scalar_name(kind)}"
        )
    axes = _axes(op, dim, len(shape))
    count = product([shape[axis] for axis in axes])
    total = _keep(reduce.sum_(scalar.cast(node, dtype=kind), axes), shape, axes, keepdim)
    return scalar.div(total, scalar.number(float(count), kind))


@public("Mean")
def mean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The mean over all axes or over `dim`, of a floating tensor."""
    dim, keepdim = (axis if axis is not None else dim), _flag("mean", keepdim if keepdims is None else keepdims)
    return _named(_mean_of("mean", input, dim, keepdim, dtype), _label("Mean", dim))


@public("Mean")
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean over what is not NaN."""
    node = node_of(input)
    axes = _axes("nanmean", dim, input.ndim)
    missing = scalar.isnan(node)
    kind = dtype or input.dtype
    total = reduce.sum_(scalar.cast(scalar.select(missing, scalar.number(0, input.dtype), node), dtype=kind), axes)
    count = reduce.sum_(scalar.cast(scalar.logical_not(missing), dtype=kind), axes)
    return wrap(_keep(scalar.div(total, count), node.type.shape, axes, keepdim))


@public("Prod")
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The product over all axes or over `dim`."""
    node = node_of(input)
    kind = dtype or (int64 if input.dtype.category < FLOATING else input.dtype)
    keepdim, axes = _flag("prod", keepdim), _axes("prod", dim, input.ndim)
    result = reduce.prod(scalar.cast(node, dtype=kind), axes=axes) if axes else scalar.cast(node, dtype=kind)
    return _named(_own(_keep(result, node.type.shape, axes, keepdim), input), _label("Prod", dim))


def _nonempty(op: str, input: Tensor, axes: tuple[int, ...], dim: Any = None) -> None:
    if any(input.shape[axis] == 0 for axis in axes):
        if dim is None or dim == ():
            raise RuntimeError(
                f"{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            )
        axis = next(axis for axis in axes if input.shape[axis] == 0)
        raise IndexError(f"{op}(): Expected reduction dim {axis} to have non-zero size.")


def _as_numbers(input: Tensor) -> Node:
    """bool as uint8, for ops that order or count elements."""
    node = node_of(input)
    return scalar.cast(node, dtype=dtypes.uint8) if input.dtype is bool_ else node


def _extreme(op: str, input: Tensor, dim: Any, keepdim: bool) -> Node:
    if input.dtype.is_complex:
        kernel = {"amax": "max_values_cpu", "amin": "min_values_cpu"}.get(op, f"{op}_all")
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")
    axes = _axes(op, dim, input.ndim)
    _nonempty(op, input, axes, dim)
    node = node_of(input)
    reduction = reduce.max_ if op.endswith("max") else reduce.min_
    return _keep(reduction(node, axes=axes) if axes else view.identity(node), node.type.shape, axes, keepdim)


@public("Amax")
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The greatest element over axes; equal ones share the gradient."""
    return wrap(_extreme("amax", input, dim, keepdim))


@public("Amin")
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The least element over axes; equal ones share the gradient."""
    return wrap(_extreme("amin", input, dim, keepdim))


@public(None)
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """`amin` and `amax` at once."""
    return minmax_result(
        amin(input, () if dim is None else dim, keepdim), amax(input, () if dim is None else dim, keepdim)
    )


minmax_result = return_type("aminmax", "min max")
max_result = return_type("max", "values indices")
min_result = return_type("min", "values indices")


def places(input: Tensor, axis: int, greatest: bool) -> Node:
    """Where along an axis the extreme stands, the first of equal ones."""
    op = reduce.argmax if greatest else reduce.argmin
    return op(_as_numbers(input), axis=axis)


def _extreme_along(op: str, input: Tensor, dim: int, keepdim: bool, label: str) -> tuple[Tensor, Tensor]:
    if input.dtype.is_complex:
        raise RuntimeError(f"{op}(): does not support complex input")
    axis = wrap_axis(op, dim, input.ndim)
    if not input.ndim:
        return _named(view.identity(node_of(input)), label), wrap(scalar.full(0, input._type().with_dtype(int64)))
    _nonempty(op, input, (axis,), axis)
    place = places(input, axis, op == "max")
    node = node_of(input)
    shape = reduce.kept(node.type.shape, (axis,))
    values = index.gather(node, view.reshape(place, shape), axis=axis)
    if not keepdim:
        values = view.reshape(values, place.type.shape)
    else:
        place = view.reshape(place, shape)
    return _named(values, label), wrap(place)


def _min_or_max(op: str, input: Tensor, dim: Any, other: Any, keepdim: bool, result: Any) -> Any:
    if isinstance(dim, Tensor):
        other, dim = dim, None
    if other is not None:
        return input.maximum(other) if op == "max" else input.minimum(other)  # type: ignore[attr-defined]
    if dim is None:
        _nonempty(op, input, tuple(range(input.ndim)))
        return _named(_extreme(op, input, None, False), f"{op.capitalize()}Backward1")
    return result(*_extreme_along(op, input, dim, keepdim, f"{op.capitalize()}Backward0"))


@public("Max")
def max_(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The greatest element; with `dim` values and places along it; with a second tensor `maximum`."""
    return _min_or_max("max", input, dim, other, keepdim, max_result)


@public("Min")
def min_(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The least element; with `dim` values and places along it; with a second tensor `minimum`."""
    return _min_or_max("min", input, dim, other, keepdim, min_result)


def _arg_extreme(op: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    if input.dtype.is_complex or input.dtype is bool_:
        raise NotImplementedError(f"\"{op}_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    node = node_of(input)
    reduction = reduce.argmax if op == "argmax" else reduce.argmin
    if dim is None:
        if not input.numel():
            raise IndexError(
                f"{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            )
        flat = view.reshape(node, (input.numel(),))
        result = reduction(flat, axis=0)
        return wrap(view.reshape(result, (1,) * input.ndim) if keepdim else result)
    axis = wrap_axis(op, dim, input.ndim)
    if not input.ndim:
        return wrap(scalar.full(0, input._type().with_dtype(int64)))
    _nonempty(op, input, (axis,), axis)
    result = reduction(node, axis=axis)
    return wrap(_keep(result, node.type.shape, (axis,), keepdim))


@public(None)
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The place of the greatest element, in the flattened tensor or along `dim`."""
    return _arg_extreme("argmax", input, dim, keepdim)


@public(None)
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The place of the least element, in the flattened tensor or along `dim`."""
    return _arg_extreme("argmin", input, dim, keepdim)


def _truth(input: Tensor) -> Node:
    return scalar.cast(node_of(input), dtype=bool_)


def _all_or_any(op: str, input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    axes = _axes(op, dim, input.ndim) if dim is None or dim != () else tuple(range(input.ndim))
    node = _truth(input)
    reduction = reduce.all_ if op == "all" else reduce.any_
    result = _keep(reduction(node, axes=axes) if axes else node, node.type.shape, axes, keepdim)
    return wrap(scalar.cast(result, dtype=dtypes.uint8) if input.dtype is dtypes.uint8 else result)


@public(None)
def all_(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true."""
    return _all_or_any("all", input, dim, keepdim)


@public(None)
def any_(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether any element is true."""
    return _all_or_any("any", input, dim, keepdim)


@public(None, out=False)
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    axes = _axes("count_nonzero", dim, input.ndim)
    return wrap(reduce.sum_(scalar.cast(_truth(input), dtype=int64), axes))


# ---- spread ----


def _correction(unbiased: bool | None, correction: Any) -> float:
    if correction is not None:
        return correction  # type: ignore[no-any-return]
    return 1 if unbiased is None or unbiased else 0


def _spread(op: str, input: Tensor, dim: Any, correction: float, keepdim: bool) -> tuple[Node, Node]:
    """Variance and mean, in two passes."""
    if isinstance(dim, bool):
        raise TypeError(f"{op}(): argument 'dim' must be int or tuple of ints, not bool")
    if input.dtype.category < FLOATING:
        raise RuntimeError(f"{op} only support floating point and complex dtypes")
    node = node_of(input)
    axes = _axes(op, dim, input.ndim)
    count = product(node.type.shape[axis] for axis in axes)
    kind = node.type.dtype
    if kind in (dtypes.float16, dtypes.bfloat16):  # computed wide, rounded once
        wide = _spread(op, wrap(scalar.cast(node, dtype=dtypes.float32)), dim, correction, keepdim)
        return scalar.cast(wide[0], dtype=kind), scalar.cast(wide[1], dtype=kind)
    average = scalar.div(reduce.sum_(node, axes), scalar.number(float(count), kind))
    away = scalar.sub(node, reduce.spread(average, node.type.shape, axes))
    if kind.is_complex:
        real = kind.to_real()
        squares = scalar.add(scalar.square(scalar.real(away)), scalar.square(scalar.imag(away)))
        kind = real
    else:
        squares = scalar.square(away)
    rest = scalar.number(float(max(count - correction, 0)), kind)
    variance = scalar.div(reduce.sum_(squares, axes), rest)
    return _keep(variance, node.type.shape, axes, keepdim), _keep(average, node.type.shape, axes, keepdim)


def _spread_arguments(dim: Any, unbiased: bool | None, correction: Any) -> tuple[Any, float]:
    """`var(False)` means unbiased=False, as in PyTorch's first overload."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return dim, _correction(unbiased, correction)


@public("Var")
def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The variance, with n - 1 below the line unless `correction` says otherwise."""
    dim, by = _spread_arguments(dim, unbiased, correction)
    return wrap(_spread("var", input, dim, by, keepdim)[0])


def _root(variance: Node) -> Node:
    return _safe_root(variance)


@public("Std")
def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The standard deviation, with n - 1 below the line unless `correction` says otherwise."""
    dim, by = _spread_arguments(dim, unbiased, correction)
    return wrap(_root(_spread("std", input, dim, by, keepdim)[0]))


@public("VarMean", method=False, out=False)
def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """Variance and mean."""
    dim, by = _spread_arguments(dim, unbiased, correction)
    variance, average = _spread("var_mean", input, dim, by, keepdim)
    return wrap(variance), wrap(average)


@public("StdMean", method=False, out=False)
def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""
    dim, by = _spread_arguments(dim, unbiased, correction)
    variance, average = _spread("std_mean", input, dim, by, keepdim)
    return wrap(_root(variance)), wrap(average)


# ---- logarithms of sums, softmax ----


@public("Logsumexp")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over axes, without overflow."""
    node = node_of(input)
    if input.dtype.category < FLOATING:
        node = scalar.cast(node, dtype=Defaults.dtype)
    axes = _axes("logsumexp", dim, input.ndim)
    if not axes and node.type.dtype.is_complex:  # log(exp(x)) brings the angle into (-pi, pi]
        result = reduce.logsumexp(view.reshape(node, (*node.type.shape, 1)), axes=(input.ndim,))
    else:
        result = reduce.logsumexp(node, axes=axes) if axes else view.identity(node)
    return wrap(_keep(result, node.type.shape, axes, keepdim))


def softmax_node(op: str, input: Tensor, dim: int, kind: dtype | None) -> Node:
    node = node_of(input)
    if kind is not None:
        node = scalar.cast(node, dtype=kind)
    if node.type.dtype.category < FLOATING:
        raise NotImplementedError(f"\"{op}_lastdim_kernel_impl\" not implemented for '{scalar_name(node.type.dtype)}'")
    axis = wrap_axis(op, dim, input.ndim)
    record = reduce.softmax if op == "softmax" else reduce.log_softmax
    if not input.ndim:
        return view.reshape(record(view.reshape(node, (1,)), axis=0), ())
    return record(node, axis=axis)


@public("Softmax")
def softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
    """exp(input) / sum(exp(input)) along an axis."""
    return wrap(softmax_node("softmax", input, dim, dtype))


@public("LogSoftmax")
def log_softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
    """The logarithm of `softmax`, without overflow."""
    return wrap(softmax_node("log_softmax", input, dim, dtype))


# ---- scans ----


def _scanned(op: str, record: Any, input: Tensor, dim: int, kind: dtype | None) -> Tensor:
    node = node_of(input)
    kind = kind or (int64 if input.dtype.category < FLOATING else input.dtype)
    node = scalar.cast(node, dtype=kind)
    axis = wrap_axis(op, dim, input.ndim)
    return wrap(record(node, axis=axis) if input.ndim else view.identity(node))


@public("Cumsum", inplace=True, out="dtype")
def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """Running sums along an axis."""
    return _scanned("cumsum", reduce.cumsum, input, dim, dtype)


@public("Cumprod", inplace=True, out="dtype")
def cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """Running products along an axis."""
    return _scanned("cumprod", reduce.cumprod, input, dim, dtype)


@public("Logcumsumexp")
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Running `logsumexp` along an axis."""
    if input.dtype.category < FLOATING:
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    return _scanned("logcumsumexp", reduce.logcumsumexp, input, dim, None)


cummax_result = return_type("cummax", "values indices")
cummin_result = return_type("cummin", "values indices")


def _running(op: str, input: Tensor, dim: int, record: Any, result: Any) -> Any:
    if input.dtype.is_complex:
        raise NotImplementedError(f"\"{op}_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    axis = wrap_axis(op, dim, input.ndim)
    node = node_of(input)
    if not input.ndim:
        return result(wrap(view.identity(node)), wrap(scalar.full(0, node.type.with_dtype(int64))))
    place = record(_as_numbers(input), axis=axis)
    return result(wrap(index.gather(node, place, axis=axis)), wrap(place))


@public("Cummax")
def cummax(input: Tensor, dim: int) -> Any:
    """Running maxima along an axis, with their places."""
    return _running("cummax", input, dim, reduce.argcummax, cummax_result)


@public("Cummin")
def cummin(input: Tensor, dim: int) -> Any:
    """Running minima along an axis, with their places."""
    return _running("cummin", input, dim, reduce.argcummin, cummin_result)


# ---- norms ----


def normed_node(input: Tensor, kind: dtype | None) -> Node:
    """The elements of which a norm is taken, in the dtype wanted."""
    node = node_of(input)
    if kind is not None:
        node = scalar.cast(node, dtype=kind)
    if node.type.dtype.category < FLOATING:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(node.type.dtype)}"
        )
    return node


def norm_node(node: Node, p: float, axes: tuple[int, ...], keepdim: bool) -> Node:
    """The p-norm over axes; its gradient is 0 where the norm is."""
    kind = node.type.dtype
    if kind in (dtypes.float16, dtypes.bfloat16):  # computed wide, rounded once
        return scalar.cast(norm_node(scalar.cast(node, dtype=dtypes.float32), p, axes, keepdim), dtype=kind)
    size = scalar.abs_(node) if kind.is_complex or p not in (2, 2.0) else node
    real = size.type.dtype
    zero = scalar.number(0, real)
    before = node.type.shape
    if p == float("inf"):
        result = reduce.max_(size, axes=axes) if axes else size
    elif p == float("-inf"):
        result = reduce.min_(size, axes=axes) if axes else size
    elif p == 0:
        result = reduce.sum_(scalar.cast(scalar.ne(size, zero), dtype=real), axes)
        if size.tracked:  # a count whose gradient is zero, yet there is one
            never = scalar.full(False, Type.of((), bool_))
            result = scalar.select(never, reduce.sum_(size, axes), result)
    elif p == 1:
        result = reduce.sum_(size, axes)
    elif p == 2:
        result = _safe_root(reduce.sum_(scalar.square(size), axes))
    else:
        power = scalar.number(float(p), real)
        top = 0.0 if p > 0 else float("inf")  # what a zero makes of the sum
        inner = reduce.sum_(_safe_power(size, power, 0.0, top), axes)
        result = _safe_power(inner, scalar.number(1.0 / p, real), top, 0.0)
    return _keep(result, before, axes, keepdim)


def _safe_power(base: Node, power: Node, edge: float, there: float) -> Node:
    """base ** power; where the base is `edge` it is `there`, and the gradient 0."""
    if not base.tracked:
        return scalar.pow(base, power)
    kind = base.type.dtype
    at_edge = scalar.eq(base, scalar.number(edge, kind))
    inside = scalar.pow(scalar.select(at_edge, scalar.number(1, kind), base), power)
    return scalar.select(at_edge, scalar.number(there, kind), inside)


def _safe_root(square: Node) -> Node:
    """sqrt whose gradient at 0 is 0: the norm of a zero vector has subgradient 0 in PyTorch."""
    if not square.tracked:
        return scalar.sqrt(square)
    zero = scalar.number(0, square.type.dtype)
    flat = scalar.eq(square, zero)
    one = scalar.number(1, square.type.dtype)
    return scalar.select(flat, zero, scalar.sqrt(scalar.select(flat, one, square)))


@public("LinalgVectorNorm", method=False, out=False)
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    out: Tensor | None = None,
    dtype: dtype | None = None,
) -> Tensor:
    """The vector p-norm over all elements or over `dim` ('fro' is 2, 'nuc' the sum of singular values)."""
    result = input.norm(p, dim, keepdim, dtype)  # type: ignore[attr-defined]
    return result if out is None else write_out("norm", out, result)  # type: ignore[no-any-return]


@public("LinalgVectorNorm", function=False, out=False)
def norm_(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: dtype | None = None) -> Tensor:
    """`norm`, as a method."""
    node = normed_node(input, dtype)
    if p == "nuc":
        return input.nuclear_norm(dim, keepdim)  # type: ignore[attr-defined,no-any-return]
    order = 2.0 if p in ("fro", None) else float(p)
    return wrap(norm_node(node, order, _axes("norm", dim, input.ndim), keepdim))


@public("Dist")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference."""
    if input.dtype.name in ("float16", "bfloat16") and input.dtype is other.dtype:  # rounded once
        return dist(input.float(), other.float(), p).to(input.dtype)  # type: ignore[attr-defined,no-any-return]
    gap = input - other  # type: ignore[operator]
    return wrap(norm_node(node_of(gap), float(p), tuple(range(gap.ndim)), False))
