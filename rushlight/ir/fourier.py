"""Discrete Fourier transforms, on `numpy.fft`: three records, each the others' derivative.

`transform` goes over some axes, forward (e^-i…) or backward (e^+i…). `half` is the forward transform of real values along
one axis, of which it gives the first half, since the rest mirrors it; `whole` makes real values of such a half. `scale`
is the factor: "one", "root" (1/√n) or "size" (1/n), n the number of values transformed together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Node, input_node
from .op import Op
from .scalar import mul, real
from .type import Shape, Type

# NumPy's names for the factors, which it sees from the transform that goes the other way.
_FORWARD = {"one": "backward", "root": "ortho", "size": "forward"}
_BACKWARD = {"one": "forward", "root": "ortho", "size": "backward"}


def _transform_eval(type: Type, x: np.ndarray, *, axes: Shape, inverse: bool, scale: str) -> np.ndarray:
    if not type.size:
        return np.zeros(type.shape, type.dtype.compute)
    if inverse:
        return np.fft.ifftn(x, axes=axes, norm=_BACKWARD[scale])  # type: ignore[arg-type]
    return np.fft.fftn(x, axes=axes, norm=_FORWARD[scale])  # type: ignore[arg-type]


def _transform_vjp(node: Node, g: Node) -> tuple[Node, ...]:
    attributes = node.attributes
    back = transform(g, **{**attributes, "inverse": not attributes["inverse"]})
    return (back if node.operands[0].type.dtype.is_complex else real(back),)


transform = Op(
    "transform",
    infer=lambda x, **attributes: x.with_dtype(x.dtype.to_complex()),
    eval=_transform_eval,
    vjp=_transform_vjp,
    anchor="fourier",
)


def _half_infer(x: Type, *, axis: int, scale: str) -> Type:
    shape = (*x.shape[:axis], x.shape[axis] // 2 + 1, *x.shape[axis + 1 :])
    return Type.of(shape, x.dtype.to_complex())


def _half_eval(type: Type, x: np.ndarray, *, axis: int, scale: str) -> np.ndarray:
    if not x.size:
        return np.zeros(type.shape, type.dtype.compute)
    return np.fft.rfft(x, axis=axis, norm=_FORWARD[scale])  # type: ignore[arg-type]


def _shares(like: Type, axis: int, size: int, inner: float) -> Node:
    """What each place of a half stands for: itself at the ends, itself and its mirror image between them."""
    shares = np.full(size // 2 + 1, inner)
    shares[0] = 1.0
    if size % 2 == 0:
        shares[-1] = 1.0
    shape = [1] * like.ndim
    shape[axis] = shares.size
    values: Any = shares.reshape(shape).astype(like.dtype.compute)
    return input_node(values, Type.of(tuple(shape), like.dtype))


def _half_vjp(node: Node, g: Node) -> tuple[Node, ...]:
    axis, scale = node.attributes["axis"], node.attributes["scale"]
    size = node.operands[0].type.shape[axis]
    return (whole(mul(g, _shares(g.type, axis, size, 0.5)), axis=axis, size=size, scale=scale),)


half = Op("half", infer=_half_infer, eval=_half_eval, vjp=_half_vjp, anchor="fourier")


def _whole_infer(x: Type, *, axis: int, size: int, scale: str) -> Type:
    return Type.of((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype.to_real())


def _whole_eval(type: Type, x: np.ndarray, *, axis: int, size: int, scale: str) -> np.ndarray:
    if not type.size:
        return np.zeros(type.shape, type.dtype.compute)
    return np.fft.irfft(x, size, axis=axis, norm=_BACKWARD[scale])  # type: ignore[arg-type]


def _whole_vjp(node: Node, g: Node) -> tuple[Node, ...]:
    axis, size, scale = (node.attributes[name] for name in ("axis", "size", "scale"))
    back = half(g, axis=axis, scale=scale)
    back = mul(back, _shares(back.type, axis, size, 2.0))
    return (back if node.operands[0].type.dtype.is_complex else real(back),)


# The operand has size // 2 + 1 places along the axis; what is imaginary at the ends does not count.
whole = Op("whole", infer=_whole_infer, eval=_whole_eval, vjp=_whole_vjp, anchor="fourier")
