"""The loss of overlap, distance and ratio of the sides (Zheng et al. 2019)."""

from __future__ import annotations

from ...tensor import Tensor, no_grad
from .box_losses import distance_loss, reduced, wide
from .boxes import _shapes_apart


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """As `distance_box_iou_loss`, with a term for different ratios of the sides.

    >>> import rushlight as torch
    >>> complete_box_iou_loss(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 2]]))
    tensor([0.])
    """
    one, other = wide(boxes1), wide(boxes2)
    loss, iou = distance_loss(one, other, eps)
    term = _shapes_apart(one, other)
    with no_grad():
        share = term / (1 - iou + term + eps)
    return reduced(loss + share * term, reduction)  # type: ignore[arg-type]
