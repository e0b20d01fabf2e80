"""The loss of generalized intersection over union (Rezatofighi et al. 2019)."""

from __future__ import annotations

from ...tensor import Tensor
from .box_losses import around, common_and_union, reduced, wide


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 less the generalized overlap of each pair of boxes (…, 4); "none", "mean" or "sum" of them.

    >>> import rushlight as torch
    >>> generalized_box_iou_loss(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[2.0, 0, 4, 2]]))
    tensor([1.])
    """
    one, other = wide(boxes1), wide(boxes2)
    common, union = common_and_union(one, other)
    width, height = around(one, other)
    area = width * height
    return reduced(1 - (common / (union + eps) - (area - union) / (area + eps)), reduction)
