"""Layers that contract an input with a weight and add a bias: one node each, the bias added in place while the result is at hand.

The operands stand in PyTorch's order, which programs see in `grad_fn.next_functions`: (bias, input, weight) for `affine`,
(input, weight, bias) for `convolution`.
"""

from __future__ import annotations

import numpy as np

from . import contraction
from .contract import contract
from .contraction import Contraction
from .graph import Node
from .op import Cotangents, Op, same_dtype
from .reduce import sum_
from .scalar import add, cj
from .type import Shape, Type
from .view import reshape


def _affine_infer(bias: Type, x: Type, weight: Type, *, spec: Contraction) -> Type:
    same_dtype("linear", (bias, x, weight))
    return Type.of(spec.output_shape, x.dtype)


def _affine_eval(type: Type, bias: np.ndarray, x: np.ndarray, weight: np.ndarray, *, spec: Contraction) -> np.ndarray:
    result = contraction.evaluate(spec, x, weight)
    result += bias
    return result


def _affine_vjp(node: Node, g: Node) -> Cotangents:
    bias, x, weight = node.operands
    spec = node.attributes["spec"]
    return (
        sum_(g, tuple(range(g.type.ndim - 1))) if bias.tracked else None,
        contract(g, cj(weight), spec=contraction.vjp(spec, 0, x.type.shape)) if x.tracked else None,
        contract(g, cj(x), spec=contraction.vjp(spec, 1, weight.type.shape)) if weight.tracked else None,
    )


def _affine_primitives(bias: Node, x: Node, weight: Node, *, spec: Contraction) -> Node:
    return add(contract(x, weight, spec=spec), bias)


affine = Op(
    "affine",
    infer=_affine_infer,
    eval=_affine_eval,
    vjp=_affine_vjp,
    anchor="contract",
    primitives=_affine_primitives,
)


def _split(shape: Shape, axis: int, groups: int) -> Shape:
    """The shape with an axis of groups before the channels'."""
    if groups == 1:
        return shape
    return (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _convolution_infer(*types: Type, spec: Contraction, groups: int) -> Type:
    same_dtype("convolution", types)
    shape = spec.output_shape
    if groups > 1:
        shape = (shape[0], shape[1] * shape[2], *shape[3:])
    return Type.of(shape, types[0].dtype)


def _convolution_eval(type: Type, *arrays: np.ndarray, spec: Contraction, groups: int) -> np.ndarray:
    x, weight, *bias = arrays
    if groups > 1:
        x, weight = x.reshape(_split(x.shape, 1, groups)), weight.reshape(_split(weight.shape, 0, groups))
    result = contraction.evaluate(spec, x, weight).reshape(type.shape)
    if bias:
        result += bias[0].reshape(-1, *[1] * (type.ndim - 2))
    return result


def _convolution_vjp(node: Node, g: Node) -> Cotangents:
    x, weight, *bias = node.operands
    spec, groups = node.attributes["spec"], node.attributes["groups"]
    own, kernels = _split(x.type.shape, 1, groups), _split(weight.type.shape, 0, groups)
    grouped = reshape(g, spec.output_shape)
    to_x = to_weight = None
    if x.tracked:
        found = contract(grouped, cj(reshape(weight, kernels)), spec=contraction.vjp(spec, 0, own))
        to_x = reshape(found, x.type.shape)
    if weight.tracked:
        found = contract(grouped, cj(reshape(x, own)), spec=contraction.vjp(spec, 1, kernels))
        to_weight = reshape(found, weight.type.shape)
    axes = (0, *range(2, g.type.ndim))
    return to_x, to_weight, *[sum_(g, axes) if each.tracked else None for each in bias]


def _convolution_primitives(x: Node, weight: Node, *bias: Node, spec: Contraction, groups: int) -> Node:
    own, kernels = _split(x.type.shape, 1, groups), _split(weight.type.shape, 0, groups)
    result = contract(reshape(x, own), reshape(weight, kernels), spec=spec)
    if bias:  # in the shape of the groups, so that it is added where the contraction stores
        channels = spec.output_shape[1 : 2 if groups == 1 else 3]
        result = add(result, reshape(bias[0], (*channels, *[1] * (len(spec.output_shape) - 1 - len(channels)))))
    shape = spec.output_shape
    return reshape(result, shape if groups == 1 else (shape[0], shape[1] * shape[2], *shape[3:]))


# Also the transposed convolution: only the contraction differs. With groups, its operands have an axis more for them.
convolution = Op(
    "convolution",
    infer=_convolution_infer,
    eval=_convolution_eval,
    vjp=_convolution_vjp,
    anchor="contract",
    primitives=_convolution_primitives,
)
