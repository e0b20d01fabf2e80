"""`torch.dropout`, `torch.batch_norm` and others whose arguments stand in another order than in `torch.nn.functional`.

They are registered for the namespace alone. A reduction is a number here: 0 none, 1 mean, 2 sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...tensor.public import register
from ...tensor.tensor import Tensor
from .dropout import alpha_dropout, dropout, feature_alpha_dropout, feature_dropout
from .embedding import embedding
from .loss import binary_cross_entropy_with_logits as _binary_cross_entropy_with_logits
from .loss import kl_div as _kl_div
from .loss import poisson_nll_loss as _poisson_nll_loss
from .normalization import batch_norm as _batch_norm
from .normalization import group_norm as _group_norm
from .normalization import instance_norm as _instance_norm
from .normalization import layer_norm as _layer_norm
from .normalization import rms_norm
from .ranking import cosine_embedding_loss as _cosine_embedding_loss
from .ranking import ctc_loss as _ctc_loss
from .ranking import hinge_embedding_loss as _hinge_embedding_loss
from .ranking import margin_ranking_loss as _margin_ranking_loss
from .ranking import triplet_margin_loss as _triplet_margin_loss
from .sampling import affine_grid, grid_sample

_reductions = ("none", "mean", "sum")


def _name(function: Callable[..., Any], name: str | None = None) -> None:
    register(name or function.__name__, function, function=True, method=False)


# ---- dropout ----


def _dropout(own: str, function: Callable[..., Tensor]) -> None:
    def call(input: Tensor, p: float, train: bool) -> Tensor:
        return function(input, p, train)

    def call_in_place(input: Tensor, p: float, train: bool) -> Tensor:
        return function(input, p, train, True)

    call.__name__, call_in_place.__name__ = own, own + "_"
    call.__doc__ = f"`{own}` with chance p of dropping, in training alone."
    call_in_place.__doc__ = f"In-place form of `{own}`."
    _name(call)
    _name(call_in_place)


for _own, _function in (
    ("dropout", dropout),
    ("alpha_dropout", alpha_dropout),
    ("feature_dropout", feature_dropout),
    ("feature_alpha_dropout", feature_alpha_dropout),
):
    _dropout(_own, _function)

# ---- normalization ----


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`nn.functional.batch_norm`."""
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`nn.functional.instance_norm`."""
    return _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """`nn.functional.layer_norm`."""
    return _layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`nn.functional.group_norm`."""
    return _group_norm(input, num_groups, weight, bias, eps)


for _norm in (batch_norm, instance_norm, layer_norm, group_norm):
    _name(_norm)
_name(rms_norm)

# ---- embedding ----


def torch_embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """`nn.functional.embedding`; a padding index of -1 is none."""
    padding = None if padding_idx == -1 else padding_idx
    return embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


_name(torch_embedding, "embedding")

# ---- losses ----


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits`."""
    return _binary_cross_entropy_with_logits(
        input, target, weight, reduction=_reductions[reduction], pos_weight=pos_weight
    )


def kl_div(input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False) -> Tensor:
    """`nn.functional.kl_div`."""
    return _kl_div(input, target, None, None, _reductions[reduction], log_target)


def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """`nn.functional.poisson_nll_loss`."""
    return _poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_reductions[reduction])


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`nn.functional.cosine_embedding_loss`."""
    return _cosine_embedding_loss(input1, input2, target, margin, reduction=_reductions[reduction])


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1) -> Tensor:
    """`nn.functional.hinge_embedding_loss`."""
    return _hinge_embedding_loss(input, target, margin, reduction=_reductions[reduction])


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`nn.functional.margin_ranking_loss`."""
    return _margin_ranking_loss(input1, input2, target, margin, reduction=_reductions[reduction])


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """`nn.functional.triplet_margin_loss`."""
    return _triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=_reductions[reduction])


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """`nn.functional.ctc_loss`."""
    return _ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _reductions[reduction], zero_infinity)


for _loss in (
    binary_cross_entropy_with_logits,
    kl_div,
    poisson_nll_loss,
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
    ctc_loss,
):
    _name(_loss)

# ---- grids ----

_modes, _paddings = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`nn.functional.grid_sample`, modes as numbers."""
    return grid_sample(input, grid, _modes[interpolation_mode], _paddings[padding_mode], align_corners)


def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid`."""
    return affine_grid(theta, size, align_corners)


_name(grid_sampler)
_name(affine_grid_generator)
