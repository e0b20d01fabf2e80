"""Losses of classes, probabilities and differences. `ranking` has those of margins and distances, `ctc` that of sequences.

`reduction` is 'mean' (over all elements, or by weight), 'sum' or 'none'; `size_average` and `reduce` are PyTorch's old
names for it.
"""

from __future__ import annotations

import warnings
from math import pi
from typing import Any

import numpy as np

from ...dtype import FLOATING, dtype, int64, uint8
from ...ir import loss as records
from ...ir import reduce as reductions
from ...ir import scalar, view
from ...ir.activation import fixed
from ...ir.graph import Node
from ...ir.loss import reduced
from ...ir.type import broadcast_shapes
from ...tensor.casting import cast
from ...tensor.promotion import floating, operating_dtype, promoted
from ...tensor.public import public, scalar_name
from ...tensor.tensor import Tensor, node_of, wrap
from .linear import linear
from .operands import check_reduction, named, reduction_of, refuse_bool, require_tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "mse_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]

Flag = bool | None

# ---- classes ----


def _class_weight(op: str, weight: Any, count: int, kind: dtype) -> tuple[Node, ...]:
    if weight is None:
        return ()
    require_tensor(op, weight, "weight", 3)
    if tuple(weight.shape) != (count,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of shape: "
            f"{list(weight.shape)} — {op}"
        )
    if weight.dtype is not kind:
        raise RuntimeError(
            f"expected scalar type {scalar_name(kind)} but found {scalar_name(weight.dtype)} — {op}: input is {kind}, weight "
            f"{weight.dtype}; convert one with .to(dtype)"
        )
    node = node_of(weight)
    return (view.stop(node) if node.tracked else node,)


def _check_target_shape(shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    if shape[0] != target[0]:
        raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({target[0]}).")
    if len(shape) == 2:
        if len(target) != 1:
            raise RuntimeError(
                f"0D or 1D target tensor expected, multi-target not supported — input {shape}, target {target}"
            )
        return
    wanted = (shape[0], *shape[2:])
    if target == wanted:
        return
    if len(shape) != 4:
        raise RuntimeError(f"Expected target size {list(wanted)}, got {list(target)}")
    if len(target) != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(target)} — input {shape}"
        )
    raise RuntimeError(f"size mismatch (got input: {list(shape)} , target: {list(target)}")


def _target_node(op: str, x: Node, target: Any, ignore_index: int) -> Node:
    """The target's node, checked as far as its values are known."""
    shape, kind = x.type.shape, target.dtype
    node = scalar.cast(node_of(target), dtype=int64)
    if len(shape) == 1:
        if node.type.size != 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {node.type.shape[0]}")
        node = view.reshape(node, ())
    elif not node.type.shape:
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size (0): the target has no axis — {op}"
        )
    else:
        _check_target_shape(shape, node.type.shape)
    if kind not in (int64, uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_name(kind)} — {op}: convert class indices with .long()"
        )
    values = node.value
    if values is not None and values.size:
        count = shape[1] if len(shape) > 1 else shape[0]
        # As unsigned numbers negative ones are large: one comparison finds both kinds out of range.
        if int(np.maximum.reduce(values.view(np.uint64), axis=None)) >= count:
            records.check_classes(values[values != ignore_index], count)
    return node


def _class_label(ndim: int, reduction: str) -> str:
    """PyTorch flattens inputs that are neither matrices nor images, and reshapes what comes out."""
    if ndim <= 2:
        return "NllLoss"
    return "View" if ndim != 4 and reduction == "none" else "NllLoss2D"


def _check_classes_input(op: str, input: Any, target: Any, kernel: str) -> Node:
    require_tensor(op, input)
    require_tensor(op, target, "target", 2)
    if input.dtype.category != FLOATING:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}' — {op}: input must be floating; convert it with .float()"
        )
    return node_of(input)


@cast
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target] of log-probabilities (N, C, *) and class indices (N, *); 'mean' is weighted.

    >>> import rushlight as torch
    >>> torch.nn.functional.nll_loss(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    x = _check_classes_input("nll_loss", input, target, "nll_loss_out_frame")
    if not x.type.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    count = x.type.shape[1] if x.type.ndim > 1 else x.type.shape[0]
    index = _target_node("nll_loss", x, target, ignore_index)
    rest = _class_weight("nll_loss", weight, count, x.type.dtype)
    settings = {"reduction": reduction, "ignore": ignore_index, "weighted": bool(rest), "smoothed": False}
    return named(records.nll(x, index, *rest, **settings), _class_label(x.type.ndim, reduction))


@cast
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy of logits (N, C, *) with class indices (N, *), or with probabilities (N, C, *).

    >>> import rushlight as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]))
    tensor(1.3863)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    require_tensor("cross_entropy_loss", target, "target", 2)
    x = _check_classes_input("cross_entropy_loss", input, target, "log_softmax_lastdim_kernel_impl")
    shape = x.type.shape
    if not shape:
        raise IndexError(
            "Dimension out of range (expected to be in range of [-1, 0], but got 1) — cross_entropy: input has no axis"
        )
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target._type().shape == shape:
        return _soft_cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing)
    index = _target_node("cross_entropy", x, target, ignore_index)
    kind = x.type.dtype
    rest = _class_weight("cross_entropy", weight, shape[1] if len(shape) > 1 else shape[0], kind)
    settings = {"reduction": reduction, "ignore": ignore_index, "weighted": bool(rest), "smoothed": label_smoothing > 0}
    if label_smoothing > 0:
        rest = (*rest, fixed(label_smoothing, kind))
    label = "Add" if label_smoothing > 0 else _class_label(len(shape), reduction)
    return named(records.cross_entropy(x, index, *rest, **settings), label)


def _soft_cross_entropy(
    x: Node, target: Tensor, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """With a probability for each class."""
    if target.dtype.category != FLOATING:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {scalar_name(target.dtype)} — cross_entropy: class "
            f"indices have one axis less than the input, {(x.type.shape[0], *x.type.shape[2:])}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    axis = 1 if x.type.ndim > 1 else 0
    count = x.type.shape[axis]
    kind = operating_dtype(wrap(x), target)
    t = scalar.cast(node_of(target), dtype=kind)
    if smoothing > 0:
        t = scalar.add(scalar.mul(t, fixed(1 - smoothing, kind)), fixed(smoothing / count, kind))
    product = scalar.mul(scalar.cast(reductions.log_softmax(x, axis=axis), dtype=kind), t)
    if weight is not None:
        if tuple(weight.shape) != (count,):
            raise RuntimeError(
                f"cross_entropy: weight tensor should be defined either for all {count} classes or no classes but got weight tensor of "
                f"shape: {list(weight.shape)}"
            )
        spread = (1,) * axis + (count,) + (1,) * (x.type.ndim - axis - 1)
        product = scalar.mul(product, view.reshape(scalar.cast(node_of(weight), dtype=kind), spread))
    if reduction == "none":
        return named(scalar.neg(reductions.sum_(product, (axis,))), "Neg")
    total = scalar.neg(reductions.sum_(product, tuple(range(x.type.ndim))))
    if reduction == "sum":
        return named(total, "Neg")
    return named(scalar.div(total, fixed(float(x.type.size // max(count, 1)), kind)), "DivBackward1")


def _check_linear_classes(input: Any, linear_weight: Any, linear_bias: Any) -> tuple[int, ...]:
    """The shape of one input's logits: classes, then what a loss of several axes has more."""
    x, w = tuple(input.shape), tuple(linear_weight.shape)
    if len(x) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(x)}")
    if len(w) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(w)}")
    if x[-1] != w[-1]:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {x[-1]} and {w[-1]}, respectively"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != w[:-1]:
        raise RuntimeError(f"expected linear_bias shape {w[:-1]}, got {tuple(linear_bias.shape)}")
    if len(w) > 2 and len(x) == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {w} requires batched input, (N, {x[-1]}), got unbatched input with "
            f"shape {x}"
        )
    return w[:-1]


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """The cross entropy of `linear(input, linear_weight, linear_bias)`: weight (C, in), or (C, d1, …, in) for more axes.

    `options`, which in PyTorch trade time for memory, only make half precision be computed in float32.
    """
    require_tensor("linear_cross_entropy", input)
    require_tensor("linear_cross_entropy", linear_weight, "linear_weight", 2)
    own = _check_linear_classes(input, linear_weight, linear_bias)
    shape = (*input.shape[:-1], *own)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    flat = linear_weight.reshape(-1, input.shape[-1])  # type: ignore[attr-defined]
    bias = None if linear_bias is None else linear_bias.reshape(-1)  # type: ignore[attr-defined]
    ignored = -100 if ignore_index is None else ignore_index
    settings = (None, ignored, None, reduction, label_smoothing)
    if options is None or input.dtype.itemsize > 2:
        logits = linear(input, flat, bias).reshape(shape)  # type: ignore[attr-defined]
        return cross_entropy(logits, target, weight, *settings)
    wide = [None if each is None else each.float() for each in (input, flat, bias, weight)]  # type: ignore[attr-defined]
    logits = linear(wide[0], wide[1], wide[2]).reshape(shape)  # type: ignore[arg-type,attr-defined]
    return cross_entropy(logits, target, wide[3], *settings).to(input.dtype)  # type: ignore[attr-defined,no-any-return]


# ---- differences ----


def _pair(op: str, kernel: str, input: Any, target: Any, warn: bool = True) -> list[Node]:
    """Both operands in their common floating dtype; a warning where their shapes differ."""
    require_tensor(op, input)
    require_tensor(op, target, "target", 2)
    if warn and input._type().shape != target._type().shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to "
            "incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=4,
        )
    nodes = promoted(input, target, op=op)
    if nodes[0].type.dtype.category < FLOATING:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(nodes[0].type.dtype)}' — {op}")
    return nodes


def _weighted(op: str, loss: Node, input: Tensor, weight: Tensor, reduction: str, by_weight: bool) -> Tensor:
    """Each element by its weight; the mean divides by the weights' sum if `by_weight`."""
    if weight.shape != input.shape:
        raise ValueError(
            f"Weights and input must have the same size. — {op}: {tuple(weight.shape)} and {tuple(input.shape)}"
        )
    loss, factor = promoted(wrap(loss), weight, op=op)
    loss = scalar.mul(loss, factor)
    if reduction == "mean" and by_weight:
        every = tuple(range(loss.type.ndim))
        return named(
            scalar.div(reductions.sum_(loss, every), reductions.sum_(factor, tuple(range(factor.type.ndim)))), "Div"
        )
    return named(reduced(loss, reduction), {"mean": "Mean", "sum": "Sum", "none": "Mul"}[reduction])


@cast
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean of the squared differences; with `weight` the weighted mean.

    >>> import rushlight as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    loss = records.squared_error(*_pair("mse_loss", "mse_cpu", input, target))
    if weight is not None:
        return _weighted("mse_loss", loss, input, weight, reduction, True)
    return named(reduced(loss, reduction), "MseLoss")


def _absolute_difference(nodes: list[Node], reduction: str) -> Tensor:
    loss = scalar.abs_(scalar.sub(*nodes))
    return named(reduced(loss, reduction), {"mean": "Mean", "sum": "Sum", "none": "Abs"}[reduction])


@cast
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean of the absolute differences; with `weight` the weighted mean.

    >>> import rushlight as torch
    >>> torch.nn.functional.l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    nodes = _pair("l1_loss", "l1_cpu", input, target)
    if weight is not None:
        return _weighted("l1_loss", scalar.abs_(scalar.sub(*nodes)), input, weight, reduction, True)
    return _absolute_difference(nodes, reduction)


@cast
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The absolute difference, rounded off quadratically where it is below `beta`.

    >>> import rushlight as torch
    >>> torch.nn.functional.smooth_l1_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    nodes = _pair("smooth_l1_loss", "smooth_l1_cpu", input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return _absolute_difference(nodes, reduction)
    return named(reduced(records.smooth_l1(*nodes, fixed(beta, nodes[0].type.dtype)), reduction), "SmoothL1Loss")


@cast
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Half the squared difference where it is at most `delta`, linear beyond.

    >>> import rushlight as torch
    >>> torch.nn.functional.huber_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none", delta=2.0)
    tensor([0.1250, 4.0000])
    """
    check_reduction(reduction)
    nodes = _pair("huber_loss", "huber_cpu", input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    loss = records.huber(*nodes, fixed(delta, nodes[0].type.dtype))
    if weight is not None:
        return _weighted("huber_loss", loss, input, weight, reduction, False)
    return named(reduced(loss, reduction), "HuberLoss")


# ---- probabilities ----


def _factor(op: str, loss: Node, weight: Any) -> Node:
    """Times a weight that broadcasts to the loss."""
    if weight is None:
        return loss
    shape, own = loss.type.shape, tuple(weight.shape)
    if len(own) > len(shape) or any(a not in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False)):
        raise RuntimeError(
            f"Attempting to broadcast a dimension of length {own[-1]} at -1! Mismatching argument at index 1 had torch.Size({list(own)}); but "
            f"expected shape should be broadcastable to {list(shape)} — {op}: weight"
        )
    return scalar.mul(loss, scalar.cast(node_of(weight), dtype=loss.type.dtype))


@cast
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t·log p + (1 - t)·log(1 - p)) of probabilities; logarithms are at least -100.

    >>> import rushlight as torch
    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    op = "binary_cross_entropy"
    require_tensor(op, input)
    require_tensor(op, target, "target", 2)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. Please ensure they "
            "have the same size."
        )
    if input.dtype.category != FLOATING:
        raise NotImplementedError(f"\"{op}\" not implemented for '{scalar_name(input.dtype)}'")
    if target.dtype is not input.dtype:
        raise RuntimeError(
            f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(input.dtype)} — {op}: convert the target with .to(input.dtype)"
        )
    loss = _factor(op, records.binary_cross_entropy(node_of(input), node_of(target)), weight)
    return named(reduced(loss, reduction), "BinaryCrossEntropy")


@cast
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow; `pos_weight` multiplies the term of targets of 1.

    >>> import rushlight as torch
    >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    op = "binary_cross_entropy_with_logits"
    require_tensor(op, input)
    require_tensor(op, target, "target", 2)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if target.dtype.category < FLOATING:
        raise RuntimeError(
            f"result type {scalar_name(operating_dtype(input, target))} can't be cast to the desired output type {scalar_name(target.dtype)} "
            f"— {op}: the target must be floating; convert it with .float()"
        )
    x, t = promoted(input, target, op=op)
    if pos_weight is None:
        loss = records.logits_loss(x, t)
    else:
        loss = _positive_weighted(x, t, scalar.cast(node_of(pos_weight), dtype=x.type.dtype))
    return named(reduced(_factor(op, loss, weight), reduction), "BinaryCrossEntropyWithLogits")


def _positive_weighted(x: Node, t: Node, weight: Node) -> Node:
    """(1 - t)·x + (1 + (w - 1)·t)·log(1 + e^-x)."""
    shape = broadcast_shapes("binary_cross_entropy_with_logits", x.type.shape, weight.type.shape)
    if shape != x.type.shape:
        raise ValueError(f"pos_weight of shape {weight.type.shape} does not broadcast to the input's {x.type.shape}")
    kind = x.type.dtype
    one = scalar.number(1, kind)
    share = scalar.add(scalar.mul(scalar.sub(weight, one), t), one)
    positive_part = records.logits_loss(x, one)  # log(1 + e^-x)
    return scalar.add(scalar.mul(scalar.sub(one, t), x), scalar.mul(share, positive_part))


@cast
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t·(log t - input) of log-probabilities and probabilities; 'batchmean' is the mathematical divergence.

    >>> import rushlight as torch
    >>> torch.nn.functional.kl_div(
    ...     torch.log(torch.tensor([[0.5, 0.5]])), torch.tensor([[1.0, 0.0]]), reduction="batchmean"
    ... )
    tensor(0.6931)
    """
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by the batch "
            "size, and aligns with the KL div math definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    reduction = reduction_of(reduction, size_average, reduce)
    batch = reduction == "batchmean"
    check_reduction("sum" if batch else reduction)
    nodes = promoted(input, target, op="kl_div")
    if nodes[0].type.dtype.category < FLOATING or min(input.dtype.category, target.dtype.category) < FLOATING:
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        x, t = nodes
        loss = scalar.mul(scalar.exp(t), scalar.sub(t, x))
    else:
        loss = records.divergence(*nodes)
    if batch:
        total = reduced(loss, "sum")
        count = float(input.shape[0]) if input.ndim else 1.0
        return named(scalar.div(total, fixed(count, total.type.dtype)), "Div")
    own = "Mul" if log_target else "Sub"
    return named(reduced(loss, reduction), {"mean": "Mean", "sum": "Sum", "none": own}[reduction])


@public("Mean", function=False, method=False)
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: Flag = None,
    eps: float = 1e-8,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target·input of a Poisson rate's logarithm (of the rate without `log_input`); `full` adds Stirling's term."""
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    x, t = floating(input, target, op="poisson_nll_loss")
    kind = x.type.dtype
    if log_input:
        loss = scalar.sub(scalar.exp(x), scalar.mul(t, x))
    else:
        loss = scalar.sub(x, scalar.mul(t, scalar.log(scalar.add(x, fixed(eps, kind)))))
    if full:
        half = fixed(0.5, kind)
        log = scalar.log(t)
        term = scalar.sub(scalar.mul(t, log), t)
        term = scalar.add(term, scalar.mul(half, scalar.log(scalar.mul(t, fixed(2 * pi, kind)))))
        above = scalar.gt(t, scalar.number(1, kind))
        loss = scalar.add(loss, scalar.select(above, term, scalar.number(0, kind)))
    return wrap(reduced(loss, reduction))


@public("Mean", function=False, method=False)
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log var + (input - target)² / var) / 2; the variance is at least `eps`, and its lower bound passes the gradient."""
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(tuple(input.shape), float(var))  # type: ignore[attr-defined]
    elif bool((var.detach() < 0).any()):
        raise ValueError("var has negative entry/entries")
    shape, own = tuple(input.shape), tuple(var.shape)
    if own != shape:
        if own == shape[:-1]:
            var = var.unsqueeze(-1)
        elif len(own) != len(shape) or sum(b for a, b in zip(shape, own, strict=True) if a != b) != 1:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    x, t, v = promoted(input, target, var, op="gaussian_nll_loss")
    refuse_bool("gaussian_nll_loss", x)
    kind = x.type.dtype
    least = fixed(eps, kind)
    below = scalar.lt(v, least)
    floored = view.graft(scalar.select(below, least, v), v) if v.tracked else scalar.select(below, least, v)
    loss = scalar.add(scalar.log(floored), scalar.div(records.squared_error(x, t), floored))
    loss = scalar.mul(loss, fixed(0.5, kind))
    if full:
        loss = scalar.add(loss, fixed(0.5 * float(np.log(2 * pi)), kind))
    return wrap(reduced(loss, reduction))
