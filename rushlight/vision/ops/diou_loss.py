"""The loss of overlap and distance (Zheng et al. 2019)."""

from __future__ import annotations

from ...tensor import Tensor
from .box_losses import distance_loss, reduced, wide


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 less overlap and closeness of each pair of boxes (…, 4); "none", "mean" or "sum" of them.

    >>> import rushlight as torch
    >>> distance_box_iou_loss(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 2]]))
    tensor([0.])
    """
    return reduced(distance_loss(wide(boxes1), wide(boxes2), eps)[0], reduction)
