"""Losses of margins, rankings and distances, and of sequences (`ctc_loss`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...dtype import FLOATING, INTEGER, bool_, int64
from ...ir import activation, index, scalar, view
from ...ir import reduce as reductions
from ...ir.activation import fixed
from ...ir.ctc import ctc
from ...ir.graph import Node, input_node
from ...ir.loss import reduced
from ...ir.type import Type
from ...tensor.casting import cast
from ...tensor.promotion import get_default_dtype, promoted
from ...tensor.public import public
from ...tensor.tensor import Tensor, node_of, wrap
from .activation import logsigmoid
from .distance import pairwise_distance
from .operands import check_reduction, floating_node, named, reduction_of, refuse_bool, require_tensor

__all__ = [
    "cosine_embedding_loss",
    "ctc_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

Flag = bool | None
Distance = Callable[[Tensor, Tensor], Tensor]


def _chosen(reduction: str, size_average: Flag, reduce: Flag) -> str:
    reduction = reduction_of(reduction, size_average, reduce)
    check_reduction(reduction)
    return reduction


def _finish(loss: Node, reduction: str, own: str) -> Tensor:
    return named(reduced(loss, reduction), {"mean": "Mean", "sum": "Sum", "none": own}[reduction])


def _floating(x: Node) -> Node:
    """Integers as the default dtype."""
    return x if x.type.dtype.category >= FLOATING else scalar.cast(x, dtype=get_default_dtype())


def _hinge(margin: float, x: Node) -> Node:
    """max(margin - x, 0)."""
    x = _floating(x)
    return activation.relu(scalar.sub(fixed(margin, x.type.dtype), x))


@cast
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The input where the target is 1, max(margin - input, 0) where it is -1, both where it is neither."""
    reduction = _chosen(reduction, size_average, reduce)
    x, t = (_floating(node) for node in promoted(input, target, op="hinge_embedding_loss"))
    kind = x.type.dtype
    zero, one = scalar.number(0, kind), scalar.number(1, kind)
    away = scalar.select(scalar.ne(t, one), _hinge(margin, x), zero)
    near = scalar.select(scalar.ne(t, scalar.number(-1, kind)), x, zero)
    return _finish(scalar.add(away, near), reduction, "Add")


@cast
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """max(-target·(input1 - input2) + margin, 0).

    >>> import rushlight as torch
    >>> torch.nn.functional.margin_ranking_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
    tensor(2.)
    """
    reduction = _chosen(reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {input1.shape}, "
            f"input2: {input2.shape}, target: {target.shape} "
        )
    a, b, t = promoted(input1, input2, target, op="margin_ranking_loss")
    refuse_bool("margin_ranking_loss", t)
    gap = _floating(scalar.mul(scalar.neg(t), scalar.sub(a, b)))
    return _finish(activation.relu(scalar.add(gap, fixed(margin, gap.type.dtype))), reduction, "ClampMin")


@public("SoftMarginLoss", function=False, method=False)
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(-target·input))."""
    reduction = _chosen(reduction, size_average, reduce)
    x, t = promoted(input, target, op="soft_margin_loss")
    refuse_bool("soft_margin_loss", x)
    return wrap(reduced(scalar.log1p(scalar.exp(scalar.neg(scalar.mul(x, t)))), reduction))


def _rows(op: str, input: Any, target: Any) -> tuple[Node, Node]:
    """The input as (batch, classes), and the target as int64."""
    x = floating_node(op, op, input)
    require_tensor(op, target, "target", 2)
    if target.dtype.category != INTEGER:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.name.capitalize()} — {op}: target")
    if x.type.ndim > 2:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.type.shape)} — {op}"
        )
    wide = view.reshape(x, (1, x.type.size) if x.type.ndim < 2 else x.type.shape)
    return wide, scalar.cast(node_of(target), dtype=int64)


def _check_known(index: Node, low: int, high: int, text: str) -> None:
    if index.value is not None and index.value.size and not (index.value.min() >= low and index.value.max() < high):
        raise RuntimeError(text)


def _is_class(target: Node, shape: tuple[int, int]) -> Node:
    """Whether a class is the row's target: (batch, classes)."""
    classes = input_node(np.arange(shape[1]), Type.of((shape[1],), int64))
    return scalar.eq(classes, view.reshape(target, (shape[0], 1)))


@public("MultiMarginLoss", function=False, method=False)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """max(margin - input[target] + input[i], 0) ** p, over all other classes i, by the number of classes."""
    reduction = _chosen(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    x, t = _rows("multi_margin_loss", input, target)
    batch, count = x.type.shape
    kind = x.type.dtype
    if t.type.ndim > 1 or t.type.size != batch:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected "
            f"target size [{batch}], but got {list(t.type.shape)}. Input has shape {list(input.shape)}."
        )
    if weight is not None and tuple(weight.shape) != (count,):
        raise RuntimeError(f"inconsistent weight size, expected {count} but got {list(weight.shape)}")
    _check_known(t, 0, count, "target out of range — multi_margin_loss")
    own = index.gather(x, view.reshape(t, (batch, 1)), axis=1)
    loss = _hinge(margin, scalar.sub(own, x))
    if p == 2:
        loss = scalar.square(loss)
    if weight is not None:
        loss = scalar.mul(loss, view.reshape(index.take(node_of(weight), view.reshape(t, (batch,))), (batch, 1)))
    loss = scalar.select(_is_class(t, (batch, count)), scalar.number(0, kind), loss)
    rows = scalar.div(reductions.sum_(loss, (1,)), fixed(float(count), kind))
    return wrap(reduced(rows if input.ndim > 1 else view.reshape(rows, ()), reduction))


@public("MultilabelMarginLoss", function=False, method=False)
def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """max(1 - input[j] + input[i], 0), over the row's labels j (up to the first -1) and all other classes i, by their number."""
    reduction = _chosen(reduction, size_average, reduce)
    x, t = _rows("multilabel_margin_loss", input, target)
    if tuple(target.shape) != tuple(input.shape):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    batch, count = x.type.shape
    kind = x.type.dtype
    _check_known(t, -1, count, "argument #2 'target' is out of range — multilabel_margin_loss")
    t = view.reshape(t, (batch, count))
    known = scalar.cast(scalar.ge(t, scalar.number(0, int64)), dtype=int64)
    listed = scalar.cast(reductions.cumprod(known, axis=1), dtype=bool_)  # up to the first -1
    label = scalar.select(listed, t, scalar.number(0, int64))
    classes = input_node(np.arange(count), Type.of((count,), int64))
    equal = scalar.eq(view.reshape(label, (batch, count, 1)), classes)
    taken = reductions.any_(scalar.logical_and(equal, view.reshape(listed, (batch, count, 1))), axes=(1,))
    own = view.reshape(index.gather(x, label, axis=1), (batch, count, 1))
    gap = _hinge(1.0, scalar.sub(own, view.reshape(x, (batch, 1, count))))
    counts = scalar.logical_and(
        view.reshape(listed, (batch, count, 1)), view.reshape(scalar.logical_not(taken), (batch, 1, count))
    )
    rows = reductions.sum_(scalar.select(counts, gap, scalar.number(0, kind)), (1, 2))
    rows = scalar.div(rows, fixed(float(count), kind))
    return wrap(reduced(rows if input.ndim > 1 else view.reshape(rows, ()), reduction))


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the binary cross entropy with logits."""
    reduction = _chosen(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))  # type: ignore[operator]
    if weight is not None:
        loss = loss * weight
    rows = loss.sum(dim=input.ndim - 1) / input.shape[-1]
    return rows if reduction == "none" else rows.mean() if reduction == "mean" else rows.sum()  # type: ignore[no-any-return]


def _countable(x: Node) -> Node:
    """Integers and bools as int64, in which they are summed."""
    return x if x.type.dtype.category >= FLOATING else scalar.cast(x, dtype=int64)


def _cosine(a: Node, b: Node, axis: int) -> Node:
    """The cosine along an axis; squared norms have 1e-12 added, so that they are not 0."""
    if a.type.shape[axis] != b.type.shape[axis] and 1 not in (a.type.shape[axis], b.type.shape[axis]):
        raise RuntimeError(
            f"The size of tensor a ({a.type.shape[axis]}) must match the size of tensor b ({b.type.shape[axis]}) at non-singleton "
            f"dimension {axis} — cosine_embedding_loss"
        )
    product, first, second = (
        _floating(reductions.sum_(_countable(scalar.mul(x, y)), (axis,))) for x, y in ((a, b), (a, a), (b, b))
    )
    least = fixed(1e-12, product.type.dtype)
    norms = scalar.sqrt(scalar.mul(scalar.add(first, least), scalar.add(second, least)))
    return scalar.div(product, norms)


@cast
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where the target is 1, max(cos - margin, 0) where it is -1.

    >>> import rushlight as torch
    >>> torch.nn.functional.cosine_embedding_loss(
    ...     torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]]), torch.tensor([1])
    ... )
    tensor(0.0400)
    """
    reduction = _chosen(reduction, size_average, reduce)
    ndim = target.ndim
    if ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != ndim + 1 or input2.ndim != ndim + 1:
        raise RuntimeError(
            f"{ndim}D target tensor expects {ndim + 1}D input tensors, but found inputs with sizes {list(input1.shape)} and "
            f"{list(input2.shape)}."
        )
    a, b = promoted(input1, input2, op="cosine_embedding_loss")
    cosine = _cosine(a, b, ndim)
    kind = cosine.type.dtype
    t = scalar.cast(node_of(target), dtype=kind)
    zero, one = scalar.number(0, kind), scalar.number(1, kind)
    near = scalar.select(scalar.eq(t, one), scalar.sub(one, cosine), zero)
    apart = activation.relu(scalar.sub(cosine, fixed(margin, kind)))
    away = scalar.select(scalar.eq(t, scalar.number(-1, kind)), apart, zero)
    return _finish(scalar.add(near, away), reduction, "Add")


def _triplet(near: Tensor, far: Tensor, margin: float, reduction: str) -> Tensor:
    return _finish(_hinge(margin, scalar.sub(node_of(far), node_of(near))), reduction, "ClampMin")


@cast
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0), d the p-norm distance; `swap` takes the nearer of two far distances.

    >>> import rushlight as torch
    >>> torch.nn.functional.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.full((1, 2), 0.3))
    tensor(0.5757)
    """
    reduction = _chosen(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplet(*_near_and_far(anchor, positive, negative, distance, swap), margin, reduction)


def _near_and_far(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance: Distance, swap: bool
) -> tuple[Tensor, Tensor]:
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor "
            f"{anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    far = distance(anchor, negative)
    return distance(anchor, positive), far.minimum(distance(positive, negative)) if swap else far  # type: ignore[attr-defined]


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance, by default `pairwise_distance`."""
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    pair = _near_and_far(anchor, positive, negative, distance_function or pairwise_distance, swap)
    return _triplet(*pair, margin, reduction)


# ---- sequences ----


def _lengths(name: str, lengths: Any, batch: int) -> np.ndarray:
    if isinstance(lengths, Tensor):
        if lengths.dtype.category != INTEGER:
            raise RuntimeError(f"{name} must be integral")
        found = np.array(lengths._array(), np.int64).reshape(-1)
    else:
        found = np.array([int(each) for each in lengths], np.int64)
    if len(found) != batch:
        raise RuntimeError(f"{name} must be of size batch_size")
    if found.size and found.min() < 0:
        raise RuntimeError(f"Expected {name} to have value at least 0, but got value {int(found.min())} — ctc_loss")
    return found


def _padded_targets(targets: Tensor, lengths: np.ndarray, batch: int) -> Node:
    """Targets as (batch, longest): given so, or one after another."""
    longest = int(lengths.max(initial=0))
    where = "(while checking arguments for ctc_loss_allocate_outputs)"
    if targets.ndim == 1:
        flat = targets._array()
        if len(flat) < lengths.sum():
            raise RuntimeError(
                f"Expected tensor to have size {int(lengths.sum())} at dimension 0, but got size {len(flat)} for argument #2 'targets' {where}"
            )
        padded = np.zeros((batch, longest), np.int64)
        padded[np.arange(longest) < lengths[:, None]] = flat[: int(lengths.sum())]
        return input_node(padded, Type.of(padded.shape, int64))
    if targets.shape[0] != batch:
        raise RuntimeError(
            f"Expected tensor to have size {batch} at dimension 0, but got size {targets.shape[0]} for argument #2 'targets' {where}"
        )
    if targets.shape[1] < longest:
        raise RuntimeError(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size {targets.shape[1]} for argument #2 'targets' {where}"
        )
    return scalar.cast(node_of(targets), dtype=int64)


@cast
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification of log-probabilities (T, N, C) or (T, C).

    `targets` are (N, S), or all targets one after another; 'mean' divides each loss by its target's length first. Can be
    differentiated once.
    """
    x = floating_node("ctc_loss", "ctc_loss_cpu", log_probs, "log_probs")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    unbatched = x.type.ndim == 2
    if unbatched:
        x = view.reshape(x, (x.type.shape[0], 1, x.type.shape[1]))
    steps, batch, classes = x.type.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if targets.dtype.category != INTEGER:
        raise RuntimeError("targets must be integral")
    inputs, lengths = _lengths("input_lengths", input_lengths, batch), _lengths("target_lengths", target_lengths, batch)
    if inputs.size and int(inputs.max()) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {int(inputs.max())} (while checking arguments for "
            "ctc_loss_allocate_outputs)"
        )
    labels = _padded_targets(targets.reshape(-1) if unbatched else targets, lengths, batch)  # type: ignore[attr-defined]
    kind = Type.of((batch,), int64)
    loss = ctc(x, labels, input_node(inputs, kind), input_node(lengths, kind), blank=blank, zero_infinity=zero_infinity)
    if reduction == "mean":
        divisor = scalar.cast(input_node(np.maximum(lengths, 1), kind), dtype=x.type.dtype)
        return named(reduced(scalar.div(loss, divisor), "mean"), "Mean")
    if reduction == "sum":
        return named(reduced(loss, "sum"), "Sum")
    return named(view.reshape(loss, ()) if unbatched else loss, "CtcLoss")
