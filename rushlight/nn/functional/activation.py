"""Activations: ReLU and its kin, the smooth ones, the softmax family.

Settings such as slopes and bounds are Python numbers. Every function takes floating tensors of any shape; where PyTorch takes integers too it
says so.
"""

from __future__ import annotations

import warnings

import numpy as np

from ...dtype import COMPLEX, FLOATING, bool_, dtype, float32, float64
from ...generator import continuous, default_generator
from ...generator.checks import LARGEST
from ...ir import activation as records
from ...ir import scalar, view
from ...ir.activation import fixed
from ...ir.graph import Node, input_node
from ...ir.op import Op
from ...ir.type import Type
from ...tensor import reductions
from ...tensor.elementwise import sigmoid, tanh
from ...tensor.promotion import floating
from ...tensor.public import public, scalar_name, store
from ...tensor.random import drawn
from ...tensor.tensor import Tensor, node_of, wrap, wrap_axis
from .operands import floating_node, in_place, real_node, require_tensor, with_out

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def _finish(name: str, input: Tensor, node: Node, inplace: bool, label: str | None = None) -> Tensor:
    """The result, or the input overwritten with it; `label` names the gradient function of the in-place form alone."""
    if not inplace:
        return wrap(node)
    if label is not None and node.tracked:
        node.label = label
    return store(name + "_", input, wrap(node))


def _set(record: Op, x: Node, *settings: float) -> Node:
    """A record with its settings; for half precision in float32, since a setting would lose digits."""
    kind = x.type.dtype
    if kind.itemsize > 2 or kind.category < FLOATING:
        return record(x, *[fixed(value, kind) for value in settings])
    wide = record(scalar.cast(x, dtype=float32), *[fixed(value, float32) for value in settings])
    return scalar.cast(wide, dtype=kind)


# ---- piecewise linear ----


@public("Relu", out=False)
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0); integers too. The gradient at 0 is 0.

    >>> import rushlight as torch
    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    node = node_of(input)
    kind = node.type.dtype
    if kind is bool_:
        raise RuntimeError("Boolean inputs not supported for relu")
    if kind.category == COMPLEX:
        raise NotImplementedError('"clamp_min_scalar_cpu" not implemented for complex inputs — relu')
    node = records.relu(node)
    return _finish("relu", input, node, inplace) if inplace else wrap(node)


relu_ = in_place(relu, export=True)
Tensor.relu_ = relu_  # type: ignore[attr-defined]


@public("Hardtanh", function=False, method=False)
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """The input limited to [min_val, max_val]; integers too.

    >>> import rushlight as torch
    >>> torch.nn.functional.hardtanh(torch.tensor([-3.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    node = real_node("hardtanh", "hardtanh_cpu", input)
    kind = input.dtype
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if kind.name.startswith("u") and min(min_val, max_val) < 0:
        raise RuntimeError("Cannot do hardtanh on an unsigned type with negative limits")
    return _finish("hardtanh", input, _set(records.hardtanh, node, min_val, max_val), inplace)


hardtanh_ = in_place(hardtanh)


@public("Hardtanh", function=False, method=False)
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """The input limited to [0, 6]; integers too."""
    return hardtanh(input, 0.0, 6.0, inplace)


@public("LeakyRelu", function=False, method=False)
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The input where it is positive, negative_slope · input elsewhere.

    >>> import rushlight as torch
    >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """
    node = floating_node("leaky_relu", "leaky_relu_cpu", input)
    return _finish("leaky_relu", input, _set(records.leaky_relu, node, negative_slope), inplace, "LeakyReluBackward1")


leaky_relu_ = in_place(leaky_relu)


@public("Threshold", method=False, out=False)
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """The input where it is above `threshold`, `value` elsewhere; integers too."""
    node = real_node("threshold", "threshold_cpu", input)
    return _finish("threshold", input, _set(records.threshold, node, threshold, value), inplace)


threshold_ = in_place(threshold, export=True)


@with_out
@public("Hardshrink", out=False)
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |input| <= lambd, the input elsewhere."""
    node = floating_node("hardshrink", "hardshrink_cpu", input)
    return wrap(records.hardshrink(node, fixed(lambd, input.dtype)))  # PyTorch rounds this bound


@with_out
@public("Softshrink", function=False, method=False)
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved by lambd towards 0, and 0 where |input| <= lambd."""
    node = floating_node("softshrink", "softshrink_cpu", input)
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be in range [0, {LARGEST[input.dtype]:g}] for input dtype {scalar_name(input.dtype)}, but found {lambd} "
            "— softshrink"
        )
    return wrap(_set(records.softshrink, node, lambd))


@public("Hardsigmoid", function=False, method=False)
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6."""
    return _finish(
        "hardsigmoid", input, records.hardsigmoid(floating_node("hardsigmoid", "hardsigmoid_cpu", input)), inplace
    )


@public("Hardswish", function=False, method=False)
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input · relu6(input + 3) / 6."""
    return _finish("hardswish", input, records.hardswish(floating_node("hardswish", "hardswish_cpu", input)), inplace)


@public("PreluKernel", out=False)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """The input where it is positive, weight · input elsewhere; one weight, or one for each channel (axis 1).

    >>> import rushlight as torch
    >>> torch.nn.functional.prelu(torch.tensor([[-1.0, -1.0]]), torch.tensor([0.1, 0.5]))
    tensor([[-0.1000, -0.5000]])
    """
    node = floating_node("prelu", "prelu_cpu", input)
    require_tensor("prelu", weight, "weight", 2)
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype.name} and {weight.dtype.name}")
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    factor = node_of(weight)
    if weight.numel() != 1:
        if not input.ndim:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != weight.numel():
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} and channel size = {channels}."
            )
        factor = view.reshape(factor, (channels, *[1] * (input.ndim - 2)))
    elif weight.ndim > input.ndim:
        factor = view.reshape(factor, ())
    return wrap(records.prelu(node, factor))


# ---- smooth ----


@with_out
@public("Gelu", function=False, method=False)
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input · Φ(input), Φ the normal distribution function; `approximate='tanh'` takes tanh in its place.

    >>> import rushlight as torch
    >>> torch.nn.functional.gelu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    node = floating_node("gelu", "GeluKernelImpl", input)
    return wrap(records.gelu(node) if approximate == "none" else records.gelu_tanh(node))


@public("Silu", function=False, method=False)
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input · sigmoid(input).

    >>> import rushlight as torch
    >>> torch.nn.functional.silu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """
    require_tensor("silu", input)
    if input.dtype.category == COMPLEX:
        node = node_of(input)
        return _finish("silu", input, scalar.mul(node, scalar.sigmoid(node)), inplace)
    return _finish("silu", input, records.silu(floating_node("silu", "silu_cpu", input)), inplace)


@public("Mish", function=False, method=False)
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input · tanh(softplus(input))."""
    return _finish("mish", input, records.mish(floating_node("mish", "mish_cpu", input)), inplace)


@with_out
@public("Softplus", function=False, method=False)
def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta · input)) / beta; the input itself where beta · input is above `threshold`.

    >>> import rushlight as torch
    >>> torch.nn.functional.softplus(torch.tensor([-1.0, 0.0, 30.0]))
    tensor([ 0.3133,  0.6931, 30.0000])
    """
    node = floating_node("softplus", "softplus_cpu", input)
    return wrap(_set(records.softplus, node, beta, threshold))


@with_out
@public("LogSigmoid", function=False, method=False)
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)), without overflow."""
    return wrap(records.log_sigmoid(floating_node("logsigmoid", "log_sigmoid_cpu", input)))


def _elu(op: str, input: Tensor, low: float, high: float, rate: float, inplace: bool) -> Tensor:
    node = floating_node(op, "elu_cpu", input)
    return _finish(
        op,
        input,
        _set(records.elu, node, low, high, rate),
        inplace,
        "CeluBackward1" if op == "celu" else "EluBackward1",
    )


@public("Elu", function=False, method=False)
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The input where it is positive, alpha · (exp(input) - 1) elsewhere.

    >>> import rushlight as torch
    >>> torch.nn.functional.elu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return _elu("elu", input, alpha, 1.0, 1.0, inplace)


elu_ = in_place(elu)

_selu_alpha, _selu_scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@public("Elu", method=False, out=False)
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """ELU with the alpha and the scale that keep mean 0 and variance 1."""
    return _elu("selu", input, _selu_alpha * _selu_scale, _selu_scale, 1.0, inplace)


selu_ = in_place(selu, export=True)


@public("Celu", method=False, out=False)
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The input where it is positive, alpha · (exp(input / alpha) - 1) elsewhere."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu("celu", input, alpha, 1.0, 1.0 / alpha, inplace)


celu_ = in_place(celu, export=True)


@public("Glu", function=False, method=False)
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · sigmoid(b), where a and b are the halves of the input along `dim`.

    >>> import rushlight as torch
    >>> torch.nn.functional.glu(torch.tensor([2.0, 0.0]))
    tensor([1.])
    """
    node = floating_node("glu", "glu_cpu", input)
    if not input.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = wrap_axis("glu", dim, input.ndim)
    extent = node.type.shape[axis]
    if extent % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {extent}")
    low, high = [0] * input.ndim, list(node.type.shape)
    low[axis] = high[axis] = extent // 2
    first = view.slice_(node, (0,) * input.ndim, tuple(high))
    return wrap(records.glu(first, view.slice_(node, tuple(low), node.type.shape)))


@public("Sub", function=False, method=False)
def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    (x,) = floating(input, op="tanhshrink")
    return wrap(scalar.sub(x, scalar.tanh(x)))


@public("Div", function=False, method=False)
def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    (x,) = floating(input, op="softsign")
    size = scalar.abs_(x)
    below = scalar.add(size, scalar.number(1, size.type.dtype))
    return wrap(scalar.div(x, scalar.cast(below, dtype=x.type.dtype)))


# ---- softmax ----


def _default_axis(op: str, ndim: int, level: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {op} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=level,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """exp(input) / sum(exp(input)) along `dim`, which should be given.

    >>> import rushlight as torch
    >>> torch.nn.functional.softmax(torch.zeros(2, 4), dim=1)[0]
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    require_tensor("softmax", input)
    return reductions.softmax(input, _default_axis("softmax", input.ndim, _stacklevel) if dim is None else dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """The logarithm of `softmax`, without overflow.

    >>> import rushlight as torch
    >>> torch.nn.functional.log_softmax(torch.zeros(4), dim=0)
    tensor([-1.3863, -1.3863, -1.3863, -1.3863])
    """
    require_tensor("log_softmax", input)
    axis = _default_axis("log_softmax", input.ndim, _stacklevel) if dim is None else dim
    return reductions.log_softmax(input, axis, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """softmax(-input)."""
    require_tensor("softmin", input)
    axis = _default_axis("softmin", input.ndim, _stacklevel) if dim is None else dim
    return reductions.softmax(-input, axis, dtype)


# ---- drawn ----


@public("RreluWithNoise", method=False, out=False)
def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """A leaky ReLU whose slope is drawn for each element from [lower, upper) in training, and is their mean otherwise."""
    node = floating_node("rrelu", "rrelu_with_noise_out_cpu", input)
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    kind = input.dtype
    if not training:
        return _finish("rrelu", input, _set(records.leaky_relu, node, (lower + upper) / 2), inplace)
    below = input._decoded() <= 0  # as many draws as there are such elements
    slopes = np.ones(below.shape)
    slopes[below] = continuous.uniform(default_generator.engine, (int(below.sum()),), float64, lower, upper)
    # Half precision is rounded once, after the product.
    noise = input_node(slopes.astype(kind.compute), node.type.with_dtype(float32 if kind.itemsize == 2 else kind))
    product = scalar.mul(scalar.cast(node, dtype=noise.type.dtype), noise)
    return _finish("rrelu", input, scalar.cast(product, dtype=kind), inplace)


rrelu_ = in_place(rrelu, export=True)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution; `hard` gives one-hot rows with the soft ones' gradient."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    floating_node("gumbel_softmax", "exponential_", logits, "logits")
    type = Type.of(tuple(logits.shape), logits.dtype)
    draws = drawn(lambda extents: continuous.exponential(default_generator.engine, extents, type.dtype), type)
    noise = -wrap(draws).log()  # type: ignore[attr-defined]
    soft = softmax((logits + noise) / tau, dim)  # type: ignore[operator]
    if not hard:
        return soft
    place = soft.argmax(dim, keepdim=True)  # type: ignore[attr-defined]
    one_hot = logits.new_zeros(tuple(logits.shape)).scatter(dim, place, 1.0)  # type: ignore[attr-defined]
    return one_hot - soft.detach() + soft  # type: ignore[no-any-return]
