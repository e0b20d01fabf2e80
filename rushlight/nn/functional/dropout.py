"""Dropout: elements, channels, and the self-normalising kind. Masks are drawn from the default generator, as PyTorch's CPU does."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ...dtype import FLOATING, encode
from ...generator import default_generator, discrete
from ...generator.placement import in_memory_order
from ...ir import scalar
from ...ir.graph import Node
from ...ir.type import Type
from ...tensor.public import public, scalar_name, store
from ...tensor.random import Draw, drawn
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import require_tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


def _check(op: str, input: Tensor, p: float) -> None:
    require_tensor(op, input)
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Tensor, p: float, shape: tuple[int, ...], one: float = 1.0) -> Draw:
    """What draws `one` where an element (or channel) stays, drawn with probability 1 - p, in the order of memory where PyTorch does."""
    kind = input.dtype

    def draw(extents: tuple[int, ...]) -> np.ndarray:
        return discrete.bernoulli(default_generator.engine, extents, kind, 1 - p, one)

    if len(shape) != input.ndim or shape != tuple(input.shape) or input.is_contiguous():
        return draw
    strides = input.stride()

    def draw_strided(extents: tuple[int, ...]) -> np.ndarray:
        if extents != shape:  # for a batch of examples, which lies as one block
            return draw(extents)
        return np.ascontiguousarray(in_memory_order(draw, shape, strides))

    return draw_strided


def _noise(input: Tensor, p: float, shape: tuple[int, ...]) -> Node:
    """The mask divided by 1 - p, in the input's dtype."""
    kind = input.dtype
    if kind.storage == kind.compute:
        return drawn(_kept(input, p, shape, float(1 / kind.storage.type(1 - p))), Type.of(shape, kind))
    mask = _kept(input, p, shape)
    return drawn(lambda extents: encode((mask(extents) != 0) / np.float32(1 - p), kind), Type.of(shape, kind))


def _scaled(op: str, input: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    if not training or p == 0 or not input.numel():
        return input
    if input.dtype.category < FLOATING:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {scalar_name(input.dtype)} — {op}: the input must be floating"
        )
    node = node_of(input)
    if p == 1:
        return wrap(scalar.mul(node, scalar.number(0, input.dtype)))
    return wrap(scalar.mul(node, _noise(input, p, shape)))


def _channels(input: Tensor) -> tuple[int, ...]:
    """One element for each channel of each sample."""
    return tuple(extent if axis < 2 else 1 for axis, extent in enumerate(input.shape))


def _finish(op: str, input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return store(op, input, result) if inplace and result is not input else result


@public("Mul", function=False, method=False, out=False)
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements set to 0 with probability p, the others divided by 1 - p, while training."""
    _check("dropout", input, p)
    return _finish("dropout_", input, _scaled("dropout", input, p, training, tuple(input.shape)), inplace)


def _channel_dropout(op: str, input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    _check(op, input, p)
    if not training or p == 0:
        return input
    wide = input if batched else input.unsqueeze(0)  # type: ignore[attr-defined]
    if wide.ndim < 2:
        raise RuntimeError(
            f"Feature dropout requires at least 2 dimensions in the input — {op}: got {tuple(input.shape)}"
        )
    result = _scaled(op, wide, p, training, _channels(wide))
    return _finish(op + "_", input, result if batched else result.squeeze(0), inplace)  # type: ignore[attr-defined]


@public("Mul", function=False, method=False, out=False)
def feature_dropout(input: Tensor, p: float, training: bool, inplace: bool = False) -> Tensor:
    """Whole channels (axis 1) set to 0 with probability p, the others divided by 1 - p, while training."""
    return _channel_dropout("feature_dropout", input, p, training, inplace, True)


@public("Mul", function=False, method=False, out=False)
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) set to 0 with probability p, the others divided by 1 - p."""
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to provide channel-wise dropout on "
            "inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _channel_dropout("dropout1d", input, p, training, inplace, input.ndim == 3)


def _warn_of_rank(input: Tensor, axes: int) -> None:
    if input.ndim not in (axes + 1, axes + 2):
        op = f"dropout{axes}d"
        warnings.warn(
            f"{op}: Received a {input.ndim}-D input to {op}, which is deprecated and will result in an error in a future release. To retain "
            f"the behavior and silence this warning, please use dropout instead. Note that {op} exists to provide channel-wise dropout on inputs "
            f"with {axes} spatial dimensions, a channel dimension, and an optional batch dimension (i.e. {axes + 1}D or {axes + 2}D inputs).",
            stacklevel=4,
        )


@public("Mul", function=False, method=False, out=False)
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W) or (N, C, L) set to 0 with probability p, the others divided by 1 - p."""
    _warn_of_rank(input, 2)
    return _channel_dropout("dropout2d", input, p, training, inplace, True)


@public("Mul", function=False, method=False, out=False)
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) set to 0 with probability p, the others divided by 1 - p."""
    _warn_of_rank(input, 3)
    return _channel_dropout("dropout3d", input, p, training, inplace, input.ndim != 4)


# SELU's fixed point: G. Klambauer et al., "Self-normalizing neural networks" (2017), equation 14.
_ALPHA = 1.7580993408473766


def _alpha(op: str, input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    _check(op, input, p)
    if not training or p == 0 or not input.numel():
        return input
    node, kind = node_of(input), input.dtype
    if p == 1:
        nothing = scalar.mul(node, scalar.number(0, kind))
        nothing.label = "Mul" if nothing.tracked else None
        return _finish(op + "_", input, wrap(nothing), inplace)
    mask = drawn(_kept(input, p, shape), Type.of(shape, kind))
    scale = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = scalar.add(
        scalar.mul(scalar.sub(mask, scalar.number(1, kind)), scalar.number(_ALPHA * scale, kind)),
        scalar.number(_ALPHA * scale * p, kind),
    )
    result = scalar.add(scalar.mul(node, scalar.mul(mask, scalar.number(scale, kind))), shift)
    return _finish(op + "_", input, wrap(result), inplace)


@public("Add", function=False, method=False, out=False)
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Elements set to SELU's negative limit with probability p, then all scaled and shifted so that mean and variance stay."""
    return _alpha("alpha_dropout", input, p, training, inplace, tuple(input.shape))


@public("Add", function=False, method=False, out=False)
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels."""
    return _alpha("feature_alpha_dropout", input, p, training, inplace, _channels(input))
