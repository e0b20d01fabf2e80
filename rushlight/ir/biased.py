"""Layers that contract an input with a weight and add a bias: one node each, the bias added in place while the result is at hand.

The operands stand in PyTorch's order, which programs see in `grad_fn.next_functions`: (bias, input, weight) for `affine`,
(input, weight, bias) for `convolution`.
"""

from __future__ import annotations

import numpy as np

from . import contraction
from .contract import contract
from .contraction import Contraction, ConvolutionShapes
from .graph import Node
from .op import Cotangents, Op, same_dtype
from .reduce import sum_
from .scalar import cj
from .type import Type
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


affine = Op("affine", infer=_affine_infer, eval=_affine_eval, vjp=_affine_vjp, anchor="contract")


def _convolution_infer(*types: Type, spec: Contraction, shapes: ConvolutionShapes) -> Type:
    same_dtype("convolution", types)
    return Type.of(shapes.output, types[0].dtype)


def _convolution_eval(type: Type, *arrays: np.ndarray, spec: Contraction, shapes: ConvolutionShapes) -> np.ndarray:
    x, weight, *bias = arrays
    result = contraction.evaluate(spec, x.reshape(shapes.input), weight.reshape(shapes.weight)).reshape(type.shape)
    if bias:
        result += bias[0].reshape(-1, *[1] * (type.ndim - 2))
    return result


def _convolution_vjp(node: Node, g: Node) -> Cotangents:
    x, weight, *bias = node.operands
    spec, shapes = node.attributes["spec"], node.attributes["shapes"]
    grouped = reshape(g, shapes.grouped)
    to_x = to_weight = None
    if x.tracked:
        other = cj(reshape(weight, shapes.weight))
        to_x = reshape(contract(grouped, other, spec=contraction.vjp(spec, 0, shapes.input)), x.type.shape)
    if weight.tracked:
        other = cj(reshape(x, shapes.input))
        to_weight = reshape(contract(grouped, other, spec=contraction.vjp(spec, 1, shapes.weight)), weight.type.shape)
    axes = (0, *range(2, g.type.ndim))
    return to_x, to_weight, *[sum_(g, axes) if each.tracked else None for each in bias]


# Also the transposed convolution: only the contraction differs.
convolution = Op(
    "convolution", infer=_convolution_infer, eval=_convolution_eval, vjp=_convolution_vjp, anchor="contract"
)
