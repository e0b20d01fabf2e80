"""What the losses of pairs of boxes share."""

from __future__ import annotations

from ...dtype import float32, float64
from ...tensor import Tensor, max, min, where


def wide(boxes: Tensor) -> Tensor:
    """The boxes as float32 at least."""
    return boxes if boxes.dtype in (float32, float64) else boxes.float()


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses, their mean or their sum; ValueError for another word. The mean of none is 0."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
    )


def common_and_union(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of intersection and union of each pair of (…, 4)."""
    x1, y1, x2, y2 = boxes1.unbind(-1)
    u1, v1, u2, v2 = boxes2.unbind(-1)
    width, height = min(x2, u2) - max(x1, u1), min(y2, v2) - max(y1, v1)
    common = where((width > 0) & (height > 0), width * height, 0.0)
    return common, (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - common


def around(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the least box around each pair."""
    sides = max(boxes1[..., 2:], boxes2[..., 2:]) - min(boxes1[..., :2], boxes2[..., :2])
    return sides[..., 0], sides[..., 1]


def distance_loss(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The loss of each pair for overlap and distance, and their intersection over union."""
    common, union = common_and_union(boxes1, boxes2)
    iou = common / (union + eps)
    width, height = around(boxes1, boxes2)
    apart = (boxes1[..., :2] + boxes1[..., 2:]) / 2 - (boxes2[..., :2] + boxes2[..., 2:]) / 2
    distance = apart[..., 0] ** 2 + apart[..., 1] ** 2
    return 1 - iou + distance / (width**2 + height**2 + eps), iou  # type: ignore[return-value]
