"""The operations of `torch.masked`, made of the plain ones: masked elements are replaced before, and where the result has them, after."""

from __future__ import annotations

from typing import Any

from ..dtype import FLOATING, bool_, dtype, float64, int64
from ..limits import iinfo
from ..tensor.linalg import vector_norm
from ..tensor.promotion import Defaults
from ..tensor.public import functions
from ..tensor.tensor import Tensor, wrap_axes

Axes = int | tuple[int, ...] | list[int] | None


def _mask_of(op: str, input: Tensor, mask: Tensor | None) -> Any:
    """The mask in the input's shape; None where every element counts."""
    if mask is None:
        return None
    if mask.ndim > input.ndim:
        raise IndexError(
            f"masked.{op}: expected a mask that broadcasts to the input (got mask dimensionality higher than of the input): "
            f"{list(mask.shape)} for {list(input.shape)}"
        )
    return mask.to(bool_).expand(input.shape)  # type: ignore[attr-defined]


def _prepared(op: str, input: Tensor, mask: Tensor | None, filler: Any, kind: dtype | None) -> Any:
    """The input in the dtype wanted, with masked elements replaced."""
    x: Any = input if kind is None else input.to(kind)  # type: ignore[attr-defined]
    own = _mask_of(op, input, mask)
    return x if own is None else functions["where"](own, x, functions["full"]((), filler, dtype=x.dtype))


def _summed_dtype(input: Tensor, kind: dtype | None) -> dtype | None:
    return int64 if kind is None and input.dtype.category < FLOATING else kind


def _axes(op: str, input: Tensor, dim: Any) -> tuple[int, ...]:
    return tuple(range(input.ndim)) if dim is None or dim == () else wrap_axes(op, dim, input.ndim)


def _lowest(kind: dtype) -> Any:
    return float("-inf") if kind.category >= FLOATING else iinfo(kind).min if kind is not bool_ else False


def _highest(kind: dtype) -> Any:
    return float("inf") if kind.category >= FLOATING else iinfo(kind).max if kind is not bool_ else True


def _kept(keepdim: bool | None) -> bool:
    return bool(keepdim)


def sum(
    input: Tensor,
    dim: Axes = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The sum over axes of the elements where the mask holds.

    >>> import rushlight as torch
    >>> torch.masked.sum(torch.tensor([1.0, 2.0, 4.0]), mask=torch.tensor([True, False, True]))
    tensor(5.)
    """
    x = _prepared("sum", input, mask, 0, _summed_dtype(input, dtype))
    axes = _axes("sum", input, dim)
    return x.sum(axes, keepdim=_kept(keepdim)) if axes else x.clone()  # type: ignore[no-any-return]


def prod(
    input: Tensor,
    dim: Axes = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The product over axes of the elements where the mask holds."""
    x = _prepared("prod", input, mask, 1, _summed_dtype(input, dtype))
    for axis in sorted(_axes("prod", input, dim), reverse=True):
        x = x.prod(axis, keepdim=_kept(keepdim))
    return x  # type: ignore[no-any-return]


def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The running sum along an axis of the elements where the mask holds."""
    return _prepared("cumsum", input, mask, 0, dtype).cumsum(dim).to(dtype or input.dtype)  # type: ignore[no-any-return]


def cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The running product along an axis of the elements where the mask holds."""
    return _prepared("cumprod", input, mask, 1, dtype).cumprod(dim).to(dtype or input.dtype)  # type: ignore[no-any-return]


def amax(
    input: Tensor,
    dim: Axes = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The greatest over axes of the elements where the mask holds."""
    x = _prepared("amax", input, mask, _lowest(dtype or input.dtype), dtype)
    return x.amax(_axes("amax", input, dim), keepdim=_kept(keepdim))  # type: ignore[no-any-return]


def amin(
    input: Tensor,
    dim: Axes = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The least over axes of the elements where the mask holds."""
    x = _prepared("amin", input, mask, _highest(dtype or input.dtype), dtype)
    return x.amin(_axes("amin", input, dim), keepdim=_kept(keepdim))  # type: ignore[no-any-return]


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place along an axis of the greatest of the elements where the mask holds, in the dtype of what is compared, as PyTorch has it."""
    x = _prepared("argmax", input, mask, _lowest(dtype or input.dtype), dtype)
    return x.argmax(dim, keepdim=_kept(keepdim)).to(x.dtype)  # type: ignore[no-any-return]


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place along an axis of the least of the elements where the mask holds, in the dtype of what is compared, as PyTorch has it."""
    x = _prepared("argmin", input, mask, _highest(dtype or input.dtype), dtype)
    return x.argmin(dim, keepdim=_kept(keepdim)).to(x.dtype)  # type: ignore[no-any-return]


def _count(op: str, input: Tensor, axes: tuple[int, ...], mask: Tensor | None) -> Any:
    """How many elements count, with the axes kept."""
    own = _mask_of(op, input, mask)
    ones = functions["ones"](input.shape, dtype=int64) if own is None else own.to(int64)
    return ones.sum(axes, keepdim=True) if axes else ones


def _without(x: Any, axes: tuple[int, ...], keepdim: bool | None) -> Tensor:
    return x if _kept(keepdim) or not axes else x.squeeze(axes)  # type: ignore[no-any-return]


def mean(
    input: Tensor,
    dim: Axes = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean over axes of the elements where the mask holds; NaN where it holds nowhere."""
    kind = dtype or input.dtype
    if kind.category < FLOATING:
        raise ValueError(
            "mean(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {kind} — masked.mean: give dtype="
        )
    axes = _axes("mean", input, dim)
    total: Any = (
        sum(input, axes, keepdim=True, dtype=dtype, mask=mask) if axes else _prepared("mean", input, mask, 0, dtype)
    )
    return _without(total / _count("mean", input, axes, mask), axes, keepdim)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The median along an axis of the elements where the mask holds; NaN where it holds nowhere."""
    kind = dtype or input.dtype
    if kind.is_floating_point:
        return _prepared("median", input, mask, float("nan"), kind).nanmedian(dim, keepdim=keepdim).values  # type: ignore[no-any-return]
    # NaN marks what does not count, and integers up to 2^53 are themselves in double precision.
    x = _prepared("median", input, mask, float("nan"), float64)
    return x.nanmedian(dim, keepdim=keepdim).values.to(kind)  # type: ignore[no-any-return]


def logsumexp(
    input: Tensor,
    dim: Axes = None,
    *,
    keepdim: bool = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """log Σ exp over axes of the elements where the mask holds."""
    x = _prepared("logsumexp", input, mask, _lowest(dtype or input.dtype), dtype)
    return functions["logsumexp"](x, _axes("logsumexp", input, dim), keepdim=keepdim).to(x.dtype)  # type: ignore[no-any-return]


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: dtype | None = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)), each where its mask holds."""
    kind = dtype or input.dtype
    a = _prepared("logaddexp", input, input_mask, float("-inf"), kind)
    b = _prepared("logaddexp", other, other_mask, float("-inf"), kind)
    return functions["logaddexp"](a, b)  # type: ignore[no-any-return]


def norm(
    input: Tensor,
    ord: float = 2.0,
    dim: Axes = None,
    *,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The vector norm over axes of the elements where the mask holds."""
    filler = float("inf") if ord == float("-inf") else 0
    x = _prepared("norm", input, mask, filler, dtype)
    axes = _axes("norm", input, dim)
    return vector_norm(x, ord, axes, keepdim=_kept(keepdim))  # type: ignore[no-any-return]


def _spread(
    op: str,
    input: Tensor,
    dim: Axes,
    unbiased: Any,
    correction: Any,
    keepdim: bool | None,
    kind: dtype | None,
    mask: Tensor | None,
) -> Tensor:
    """The variance, of which the real part alone is not zero, in the dtype wanted."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given — masked.var")
    less = correction if correction is not None else 1 if unbiased is None else int(unbiased)
    axes = _axes(op, input, dim)
    wide = Defaults.dtype if input.dtype.category < FLOATING else input.dtype
    if kind is not None and kind.category >= FLOATING:
        wide = kind
    x: Any = input.to(wide)  # type: ignore[attr-defined]
    own = _mask_of(op, input, mask)
    count = _count(op, input, axes, mask)

    def total(value: Any) -> Any:
        chosen = value if own is None else functions["where"](own, value, functions["zeros"]((), dtype=value.dtype))
        return chosen.sum(axes, keepdim=True) if axes else chosen

    apart = x - total(x) / count
    squares = (apart * apart.conj()).real if wide.is_complex else apart * apart
    found = total(squares) / (count - less).clamp(min=0)
    found = found.sqrt() if op == "std" else found
    return _without(found.to(kind or wide), axes, keepdim)


def var(
    input: Tensor,
    dim: Axes = None,
    unbiased: Any = None,
    *,
    correction: int | None = None,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance over axes of the elements where the mask holds."""
    return _spread("var", input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Tensor,
    dim: Axes = None,
    unbiased: Any = None,
    *,
    correction: int | None = None,
    keepdim: bool | None = False,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation over axes of the elements where the mask holds."""
    return _spread("std", input, dim, unbiased, correction, keepdim, dtype, mask)


def softmax(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The softmax along an axis of the elements where the mask holds."""
    x = _prepared("softmax", input, mask, _lowest(dtype or input.dtype), dtype)
    return functions["softmax"](x, dim)  # type: ignore[no-any-return]


def log_softmax(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The logarithm of the softmax along an axis of the elements where the mask holds."""
    x = _prepared("log_softmax", input, mask, _lowest(dtype or input.dtype), dtype)
    return functions["log_softmax"](x, dim)  # type: ignore[no-any-return]


def softmin(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The softmax along an axis of the negated elements where the mask holds."""
    x = _prepared("softmin", input, mask, _highest(dtype or input.dtype), dtype)
    return functions["softmax"](-x, dim)  # type: ignore[no-any-return]


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The elements where the mask holds over their norm along an axis, which is at least eps; the others are 0."""
    x = _prepared("normalize", input, mask, 0, dtype)
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return x / functions["maximum"](size, functions["full"]((), eps, dtype=size.dtype))  # type: ignore[no-any-return]
