"""`torch.fft`: discrete Fourier transforms, forward and backward, of real and complex tensors.

Integers and bools are computed in the default dtype. `norm` says where the factor 1/n stands: "backward" (the default) on
the transforms back, "forward" on those forward, "ortho" its root on both. A size given for an axis cuts it, or fills it up
with zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np

from ..dtype import FLOATING, bfloat16, dtype, float16
from ..ir import fourier, scalar, view
from ..ir.graph import Node
from .casting import casting
from .creation import _finish
from .geometry import require_cpu
from .promotion import Defaults
from .public import functions, scalar_name, with_out
from .public import name as set_label
from .tensor import Tensor, from_array, node_of, wrap, wrap_axes, wrap_axis

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

_FORWARD = {None: "one", "backward": "one", "ortho": "root", "forward": "size"}
_BACKWARD = {None: "size", "backward": "size", "ortho": "root", "forward": "one"}

# ---- operands ----


def _operand(op: str, input: Any) -> Node:
    """The input in a floating or complex dtype."""
    if not isinstance(input, Tensor):
        raise TypeError(f"fft_{op}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if input.dtype in (float16, bfloat16):
        raise RuntimeError(f"Unsupported dtype {scalar_name(input.dtype)} — {op}: convert the input to float32")
    node = node_of(input)
    return scalar.cast(node, dtype=Defaults.dtype) if input.dtype.category < FLOATING else node


def _real_operand(op: str, named: str, input: Any) -> Node:
    node = _operand(op, input)
    if node.type.dtype.is_complex:
        raise RuntimeError(f"{named} input tensor, but got {scalar_name(node.type.dtype)} — {op}")
    return node


def _factor(inverse: bool, norm: str | None) -> str:
    table = _BACKWARD if inverse else _FORWARD
    if norm not in table:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return table[norm]


def _whole_number(op: str, name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"fft_{op}(): argument '{name}' must be int, not {type(value).__name__}")
    return value


def _one_axis(op: str, node: Node, n: Any, dim: Any) -> tuple[int, int]:
    """The axis, and how many values of it are transformed."""
    dim = _whole_number(op, "dim", dim)
    if not node.type.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions — {op}")
    axis = wrap_axis(op, dim, node.type.ndim)
    return axis, node.type.shape[axis] if n is None else _whole_number(op, "n", n)


def _several_axes(op: str, node: Node, s: Any, dim: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes, and how many values of each are transformed: all axes, or the last ones where only sizes are given."""
    ndim = node.type.ndim
    s, dim = ((value,) if isinstance(value, int) else value for value in (s, dim))
    if dim is not None:
        axes = tuple(wrap_axis(op, axis, ndim) for axis in dim)
        if len(set(axes)) < len(axes):
            raise RuntimeError(f"FFT dims must be unique — {op}")
        if s is not None and len(s) != len(axes):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif s is not None:
        if len(s) > ndim:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
        axes = tuple(range(ndim - len(s), ndim))
    else:
        axes = tuple(range(ndim))
    present = [node.type.shape[axis] for axis in axes]
    sizes = present if s is None else [had if size == -1 else int(size) for size, had in zip(s, present, strict=True)]
    return axes, tuple(sizes)


def _resized(op: str, node: Node, axes: tuple[int, ...], sizes: tuple[int, ...]) -> Node:
    """The node with so many places along the axes: cut, or filled up with zeros."""
    shape = list(node.type.shape)
    for axis, size in zip(axes, sizes, strict=True):
        if size < 1:
            raise RuntimeError(f"Invalid number of data points ({size}) specified — {op}")
        shape[axis] = size
    had = node.type.shape
    if any(new < old for new, old in zip(shape, had, strict=True)):
        node = view.slice_(node, (0,) * len(had), tuple(map(min, shape, had)))
    if any(new > old for new, old in zip(shape, had, strict=True)):
        lacking = tuple(max(new - old, 0) for new, old in zip(shape, had, strict=True))
        node = view.pad(node, (0,) * len(had), lacking)
    return node


def _labelled(node: Node, label: str) -> Tensor:
    result = wrap(node)
    set_label(result, label)
    return result


# ---- the transforms, on nodes ----


def _all(op: str, node: Node, axes: tuple[int, ...], sizes: tuple[int, ...], inverse: bool, norm: str | None) -> Tensor:
    """Forward or back over some axes: complex to complex."""
    kind, scale = node.type.dtype, _factor(inverse, norm)
    if not axes:
        return wrap(scalar.cast(node, dtype=kind.to_complex()))
    label = "FftC2C"
    if not kind.is_complex and len(axes) == 1:
        label = "Conj" if inverse else "FftR2C"
    node = _resized(op, node, axes, sizes)
    return _labelled(fourier.transform(node, axes=axes, inverse=inverse, scale=scale), label)


def _half(op: str, node: Node, axes: tuple[int, ...], sizes: tuple[int, ...], norm: str | None, back: bool) -> Tensor:
    """Of real values half of the transform along the last of the axes, then the others; `back` with the other sign."""
    if not axes:
        raise RuntimeError(f"{op} must transform at least one axis")
    scale = _factor(back, norm)
    node = fourier.half(_resized(op, node, axes, sizes), axis=axes[-1], scale=scale)
    if back:
        node = scalar.conj(node)
    if len(axes) == 1:
        return _labelled(node, "Conj" if back else "FftR2C")
    node = fourier.transform(node, axes=axes[:-1], inverse=back, scale=scale)
    return _labelled(node, "FftC2C" if back else "FftR2C")


def _whole(op: str, node: Node, axes: tuple[int, ...], sizes: tuple[int, ...], norm: str | None, on: bool) -> Tensor:
    """Real values from half of their transform along the last of the axes; `on` transforms forward instead of back."""
    if not axes:
        raise RuntimeError(f"{op} must transform at least one axis")
    scale, last, size = _factor(not on, norm), axes[-1], sizes[-1]
    if size < 1:
        raise RuntimeError(f"Invalid number of data points ({size}) specified — {op}")
    node = _resized(op, node, axes, (*sizes[:-1], size // 2 + 1))
    if len(axes) > 1:
        node = fourier.transform(node, axes=axes[:-1], inverse=not on, scale=scale)
    if on and node.type.dtype.is_complex:
        node = scalar.conj(node)
    return _labelled(fourier.whole(node, axis=last, size=size, scale=scale), "FftC2R")


def _last_doubled(node: Node, axes: tuple[int, ...], sizes: tuple[int, ...], given: Any) -> tuple[int, ...]:
    """The sizes of the results: the last one is that of the whole, where it is not given."""
    if not axes or (given is not None and given[-1] != -1):
        return sizes
    return (*sizes[:-1], 2 * (node.type.shape[axes[-1]] - 1))


# ---- one axis ----


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The forward transform along an axis, complex.

    >>> import rushlight as torch
    >>> torch.fft.fft(torch.tensor([1.0, 2.0, 3.0]))
    tensor([ 6.0000+0.0000j, -1.5000+0.8660j, -1.5000-0.8660j])
    """
    node = _operand("fft", input)
    axis, size = _one_axis("fft", node, n, dim)
    return _all("fft", node, (axis,), (size,), False, norm)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The transform back along an axis, complex."""
    node = _operand("ifft", input)
    axis, size = _one_axis("ifft", node, n, dim)
    return _all("ifft", node, (axis,), (size,), True, norm)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The forward transform of a real tensor along an axis: its first n//2 + 1 places, which the others mirror.

    >>> import rushlight as torch
    >>> torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0]))
    tensor([ 6.0000+0.0000j, -1.5000+0.8660j])
    """
    node = _real_operand("rfft", "rfft expects a real", input)
    axis, size = _one_axis("rfft", node, n, dim)
    return _half("rfft", node, (axis,), (size,), norm, False)


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real values, n of them, of which the input is half of the transform; n is even where it is not given."""
    node = _operand("irfft", input)
    axis, size = _one_axis("irfft", node, n, dim)
    return _whole("irfft", node, (axis,), (size if n is not None else 2 * (size - 1),), norm, False)


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The forward transform, real, of values of which the input is the first half and the rest its mirror image."""
    node = _operand("hfft", input)
    axis, size = _one_axis("hfft", node, n, dim)
    return _whole("hfft", node, (axis,), (size if n is not None else 2 * (size - 1),), norm, True)


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The transform back of a real tensor: its first n//2 + 1 places, which the others mirror."""
    node = _real_operand("ihfft", "ihfft expects a real", input)
    axis, size = _one_axis("ihfft", node, n, dim)
    return _half("ihfft", node, (axis,), (size,), norm, True)


# ---- several axes ----


def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The forward transform over several axes, all of them unless given, complex."""
    node = _operand("fftn", input)
    return _all("fftn", node, *_several_axes("fftn", node, s, dim), False, norm)


def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The transform back over several axes, complex."""
    node = _operand("ifftn", input)
    return _all("ifftn", node, *_several_axes("ifftn", node, s, dim), True, norm)


def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The forward transform of a real tensor over several axes; of the last of them the first half."""
    node = _real_operand("rfftn", "rfftn expects a real-valued", input)
    return _half("rfftn", node, *_several_axes("rfftn", node, s, dim), norm, False)


def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The real values of which the input is the transform over several axes, halved along the last of them."""
    node = _operand("irfftn", input)
    axes, sizes = _several_axes("irfftn", node, s, dim)
    return _whole("irfftn", node, axes, _last_doubled(node, axes, sizes, s), norm, False)


def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The forward transform, real, over several axes, along the last of which the input is half and mirrors itself."""
    node = _operand("hfftn", input)
    axes, sizes = _several_axes("hfftn", node, s, dim)
    return _whole("hfftn", node, axes, _last_doubled(node, axes, sizes, s), norm, True)


def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The transform back of a real tensor over several axes; of the last of them the first half."""
    node = _real_operand("ihfftn", "ihfftn expects a real", input)
    return _half("ihfftn", node, *_several_axes("ihfftn", node, s, dim), norm, True)


def _of_two_axes(own: str, several: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def function(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return several(input, s, dim, norm)

    function.__name__ = function.__qualname__ = own
    function.__doc__ = f"`{several.__name__}` over two axes, the last two unless given."
    return function


fft2 = _of_two_axes("fft2", fftn)
ifft2 = _of_two_axes("ifft2", ifftn)
rfft2 = _of_two_axes("rfft2", rfftn)
irfft2 = _of_two_axes("irfft2", irfftn)
hfft2 = _of_two_axes("hfft2", hfftn)
ihfft2 = _of_two_axes("ihfft2", ihfftn)

# ---- frequencies ----


def _frequencies(op: str, count: int, places: np.ndarray, d: float, kind: dtype | None, requires_grad: bool) -> Tensor:
    kind = kind or Defaults.dtype
    if not kind.is_floating_point:
        raise RuntimeError(f"{op} requires a floating point or complex dtype — got {kind}")
    with np.errstate(all="ignore"):
        step = np.float64(1.0) / (count * d) if count else nan
        values = places.astype(kind.compute) * kind.compute.type(step)
    return _finish(from_array(values.astype(kind.compute), kind), requires_grad)


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the n places of a transform of values `d` apart: 0 up, then the negative ones.

    >>> import rushlight as torch
    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    require_cpu(device, "fftfreq")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    places = np.arange(n)
    return _frequencies("fftfreq", n, np.where(places < (n + 1) // 2, places, places - n), d, dtype, requires_grad)


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the n//2 + 1 places of half a transform of values `d` apart.

    >>> import rushlight as torch
    >>> torch.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    require_cpu(device, "rfftfreq")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n // 2 + 1}: [{n // 2 + 1}]")
    return _frequencies("rfftfreq", n, np.arange(n // 2 + 1), d, dtype, requires_grad)


def _shifted(op: str, input: Tensor, dim: Any, halves: Callable[[int], int]) -> Tensor:
    if not isinstance(input, Tensor):
        raise TypeError(f"fft_{op}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    axes = tuple(range(input.ndim)) if dim is None else wrap_axes(op, dim, input.ndim)
    if not axes:
        raise RuntimeError(f"`shifts` required — {op}: the tensor has no axis to shift")
    return functions["roll"](input, [halves(input.shape[axis]) for axis in axes], list(axes))  # type: ignore[no-any-return]


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The places of a transform put in order: the lowest frequency first, 0 in the middle.

    >>> import rushlight as torch
    >>> torch.fft.fftshift(torch.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shifted("fftshift", input, dim, lambda size: size // 2)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifted("ifftshift", input, dim, lambda size: (size + 1) // 2)


for _name in __all__:
    if _name not in ("fftshift", "ifftshift"):
        globals()[_name] = casting(f"fft.{_name}", with_out(globals()[_name], False))
