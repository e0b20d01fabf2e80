"""Boxes, (x1, y1, x2, y2) unless said otherwise: their forms, areas and overlaps, and which of them to keep."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...dtype import float32, float64, int32, int64
from ...errors import NotThereYet
from ...tensor import Tensor, arange, atan, cos, from_numpy, max, min, no_grad, sin, stack, where, zeros

_BLOCK = 64  # boxes that `nms` compares with all others at once


def _wide(boxes: Tensor) -> Tensor:
    """The boxes in a type whose products do not overflow."""
    if boxes.is_floating_point():
        return boxes if boxes.dtype in (float32, float64) else boxes.float()
    return boxes if boxes.dtype in (int32, int64) else boxes.int()


def _kept(boxes: np.ndarray, threshold: float) -> np.ndarray:
    """The places of the boxes that stay, of boxes in the order of their scores.

    A box goes where one before it that stays overlaps it too much. A block of boxes is settled among itself, one by
    one, and then takes away from all that follow, in one comparison.
    """
    limit = np.float64(threshold)  # compared in 64 bits, whatever the type of the boxes
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.arange(len(boxes))
    stay = []
    while len(left):
        block, left = left[:_BLOCK], left[_BLOCK:]
        conflicts = _overlaps(boxes, areas, block, block) > limit
        alive = np.ones(len(block), dtype=bool)
        for place in range(len(block)):
            if alive[place]:
                alive[place + 1 :] &= ~conflicts[place, place + 1 :]
        block = block[alive]
        stay.append(block)
        if len(left):
            left = left[~(_overlaps(boxes, areas, block, left) > limit).any(0)]
    return np.concatenate(stay) if stay else np.empty(0, dtype=np.int64)


def _overlaps(boxes: np.ndarray, areas: np.ndarray, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of each of some boxes with each of others; NaN for two boxes without area."""
    a, b = boxes[some][:, None], np.ascontiguousarray(boxes[others].T)
    common = np.minimum(a[..., 2], b[2]) - np.maximum(a[..., 0], b[0])
    height = np.minimum(a[..., 3], b[3]) - np.maximum(a[..., 1], b[1])
    np.maximum(common, 0, out=common)
    np.maximum(height, 0, out=height)
    common *= height
    union = areas[some][:, None] + areas[others]
    union -= common
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(common, union, out=common)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The places of the boxes that stay when each takes away those of lower score that overlap it too much.

    Args:
        boxes: (N, 4), floating point. scores: (N,), of the same type.
        iou_threshold: intersection over union above which a box goes.

    Returns int64, by falling score. RuntimeError for wrong shapes, NotImplementedError for boxes of whole numbers.

    >>> import rushlight as torch
    >>> boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    >>> nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5)
    tensor([1, 2])
    """
    if boxes.dim() != 2:
        raise RuntimeError(f"boxes should be a 2d tensor, got {boxes.dim()}D")
    if boxes.size(1) != 4:
        raise RuntimeError(f"boxes should have 4 elements in dimension 1, got {boxes.size(1)}")
    if scores.dim() != 1:
        raise RuntimeError(f"scores should be a 1d tensor, got {scores.dim()}D")
    if boxes.size(0) != scores.size(0):
        raise RuntimeError(
            "boxes and scores should have same number of elements in dimension 0, got "
            f"{boxes.size(0)} and {scores.size(0)}"
        )
    if not boxes.is_floating_point():
        raise NotImplementedError(f"nms: boxes are {boxes.dtype}; give them as floating-point numbers, boxes.float()")
    if boxes.dtype != scores.dtype:
        raise RuntimeError(f"dets should have the same type as scores: they are {boxes.dtype} and {scores.dtype}")
    corners = _wide(boxes.detach()).numpy()
    order = scores.detach().sort(descending=True, stable=True)[1].numpy()
    return from_numpy(order[_kept(corners[order], iou_threshold)])


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """As `nms`, where only boxes with the same number in `idxs` (N,), such as a class, take each other away.

    >>> import rushlight as torch
    >>> boxes, classes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2]]), torch.tensor([0, 1])
    >>> batched_nms(boxes, torch.tensor([0.5, 0.9]), classes, 0.5)
    tensor([1, 0])
    """
    if boxes.numel() == 0:
        return zeros(0, dtype=int64)
    if boxes.numel() <= 4000:  # as many as PyTorch moves apart, class by class, in rounded coordinates
        apart = idxs.to(boxes.dtype) * (boxes.max() + 1)
        return nms(boxes + apart[:, None], scores, iou_threshold)
    kept = []
    groups = idxs.numpy()
    for group in np.unique(groups):
        places = from_numpy(np.flatnonzero(groups == group))
        kept.append(places[nms(boxes[places], scores[places], iou_threshold)].numpy())
    stay = from_numpy(np.sort(np.concatenate(kept)))
    return stay[scores[stay].sort(descending=True)[1]]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The places of the boxes (N, 4) with both sides at least `min_size`."""
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return where((widths >= min_size) & (heights >= min_size))[0]  # type: ignore[no-any-return]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (…, 4) cut at the edges of an image of `size` (height, width)."""
    height, width = size
    across, down = boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)
    return stack((across, down), dim=boxes.dim()).reshape(boxes.shape)  # type: ignore[no-any-return]


# ---- forms ----


def _of_xywh(boxes: Tensor) -> Tensor:
    x, y, width, height = boxes.unbind(-1)
    return stack((x, y, x + width, y + height), dim=-1)  # type: ignore[no-any-return]


def _to_xywh(boxes: Tensor) -> Tensor:
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack((x1, y1, x2 - x1, y2 - y1), dim=-1)  # type: ignore[no-any-return]


def _of_cxcywh(boxes: Tensor) -> Tensor:
    x, y, width, height = boxes.unbind(-1)
    return stack((x - 0.5 * width, y - 0.5 * height, x + 0.5 * width, y + 0.5 * height), dim=-1)  # type: ignore[no-any-return]


def _to_cxcywh(boxes: Tensor) -> Tensor:
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), dim=-1)  # type: ignore[no-any-return]


def _turned(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Place, width, height, angle of rotated boxes, and the angle's cosine and sine."""
    x, y, width, height, degrees = boxes.unbind(-1)
    angle = degrees * math.pi / 180.0
    return x, y, width, height, degrees, cos(angle), sin(angle)


def _of_xywhr(boxes: Tensor) -> Tensor:
    x, y, width, height, degrees, c, s = _turned(boxes)
    return stack(  # type: ignore[no-any-return]
        (x + width / 2 * c + height / 2 * s, y - width / 2 * s + height / 2 * c, width, height, degrees), dim=-1
    )


def _to_xywhr(boxes: Tensor) -> Tensor:
    x, y, width, height, degrees, c, s = _turned(boxes)
    return stack(  # type: ignore[no-any-return]
        (x - width / 2 * c - height / 2 * s, y - height / 2 * c + width / 2 * s, width, height, degrees), dim=-1
    )


def _of_corners(boxes: Tensor) -> Tensor:
    x1, y1, x2, y2, x3, y3, x4, y4 = boxes.unbind(-1)
    width, height = ((x2 - x1) ** 2 + (y2 - y1) ** 2).sqrt(), ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    degrees = (y1 - y2).atan2(x2 - x1) * 180 / math.pi
    return stack(((x1 + x3) / 2, (y1 + y3) / 2, width, height, degrees), dim=-1)  # type: ignore[no-any-return]


def _to_corners(boxes: Tensor) -> Tensor:
    x, y, width, height, _, c, s = _turned(boxes)
    across, down = (width / 2 * c, width / 2 * s), (height / 2 * s, height / 2 * c)
    corners = []
    for along, over in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        corners += [x + along * across[0] + over * down[0], y - along * across[1] + over * down[1]]
    return stack(corners, dim=-1)  # type: ignore[no-any-return]


# From and to a form that stands in the middle: (x1, y1, x2, y2), and (cx, cy, width, height, degrees) of rotated boxes.
_Change = Callable[[Tensor], Tensor]
_STRAIGHT: dict[str, tuple[_Change, _Change]] = {
    "xyxy": (Tensor.clone, Tensor.clone),
    "xywh": (_of_xywh, _to_xywh),
    "cxcywh": (_of_cxcywh, _to_cxcywh),
}
_ROTATED: dict[str, tuple[_Change, _Change]] = {
    "cxcywhr": (Tensor.clone, Tensor.clone),
    "xywhr": (_of_xywhr, _to_xywhr),
    "xyxyxyxy": (_of_corners, _to_corners),
}


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes (…, 4) in another form: "xyxy", "xywh" or "cxcywh".

    Rotated boxes, with an angle in degrees against the clock, are (…, 5), "xywhr" or "cxcywhr", or (…, 8), the corners
    "xyxyxyxy". ValueError for another form.

    >>> import rushlight as torch
    >>> box_convert(torch.tensor([1.0, 2, 3, 6]), "xyxy", "cxcywh")
    tensor([2., 4., 2., 4.])
    """
    for forms in (_STRAIGHT, _ROTATED):
        if in_fmt in forms and out_fmt in forms:
            if in_fmt == out_fmt:
                return boxes.clone()
            return forms[out_fmt][1](forms[in_fmt][0](boxes))
    kind: type[Exception] = ValueError
    if {in_fmt, out_fmt} <= {*_STRAIGHT, *_ROTATED}:
        kind = NotImplementedError  # straight boxes and rotated ones
    raise kind(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """The areas of boxes (…, 4) in the form `fmt`."""
    boxes = _wide(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    if fmt in _STRAIGHT:
        return boxes[..., 2] * boxes[..., 3]
    raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")


# ---- overlaps ----


def _common(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of intersection and union of each of (…, N, 4) with each of (…, M, 4)."""
    one, other = boxes1[..., None, :], boxes2[..., None, :, :]
    sides = (min(one[..., 2:], other[..., 2:]) - max(one[..., :2], other[..., :2])).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    return common, box_area(boxes1)[..., None] + box_area(boxes2)[..., None, :] - common


def _around(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Sides (…, N, M, 2) of the least boxes around each pair."""
    one, other = boxes1[..., None, :], boxes2[..., None, :, :]
    return (max(one[..., 2:], other[..., 2:]) - min(one[..., :2], other[..., :2])).clamp(min=0)


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of each of (…, N, 4) with each of (…, M, 4): (…, N, M).

    >>> import rushlight as torch
    >>> box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2]]))
    tensor([[1.0000, 0.3333]])
    """
    if fmt in _ROTATED:
        raise NotThereYet(f"box_iou: overlaps of rotated boxes, fmt={fmt!r}, are not in Rushlight yet")
    if fmt not in _STRAIGHT:
        raise ValueError(
            f"Unsupported format '{fmt}'. Supported axis-aligned formats: {tuple(_STRAIGHT)}. Supported rotated formats: "
            f"{tuple(_ROTATED)}."
        )
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    common, union = _common(_wide(boxes1), _wide(boxes2))
    return common / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """As `box_iou`, less the share of the least box around both that neither fills (Rezatofighi et al. 2019)."""
    one, other = _wide(boxes1), _wide(boxes2)
    common, union = _common(one, other)
    sides = _around(one, other)
    area = sides[..., 0] * sides[..., 1]
    return common / union - (area - union) / area


def _distance(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    one, other = _wide(boxes1), _wide(boxes2)
    common, union = _common(one, other)
    sides = _around(one, other)
    diagonal = sides[..., 0] ** 2 + sides[..., 1] ** 2 + eps
    centres = [(boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (one, other)]
    apart = (centres[0][..., None, :] - centres[1][..., None, :, :]) ** 2
    iou = common / union
    return iou - (apart[..., 0] + apart[..., 1]) / diagonal, iou


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """As `box_iou`, less the distance of the centres, squared, over that of the farthest corners (Zheng et al. 2019)."""
    return _distance(boxes1, boxes2, eps)[0]


def _shapes_apart(one: Tensor, other: Tensor) -> Tensor:
    """The term of the complete measure for the ratio of the sides; the boxes broadcast."""
    angles = [atan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1])) for boxes in (one, other)]
    return (4 / math.pi**2) * (angles[0] - angles[1]) ** 2  # type: ignore[no-any-return]


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """As `distance_box_iou`, less a term for different ratios of the sides (Zheng et al. 2019)."""
    closeness, iou = _distance(boxes1, boxes2, eps)
    term = _shapes_apart(_wide(boxes1)[..., None, :], _wide(boxes2)[..., None, :, :])
    with no_grad():
        share = term / (1 - iou + term + eps)
    return closeness - share * term  # type: ignore[return-value]


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The least boxes, (N, 4) of float32, around the pixels that are not zero in masks (N, H, W); zeros where there is none.

    >>> import rushlight as torch
    >>> mask = torch.zeros(1, 4, 4); mask[0, 1:3, 2] = 1
    >>> masks_to_boxes(mask)
    tensor([[2., 1., 2., 2.]])
    """
    if masks.numel() == 0:
        return zeros((0, 4))
    filled = masks != 0
    sides = []
    for axis, size in ((1, masks.shape[2]), (2, masks.shape[1])):
        line = filled.any(axis)
        places = arange(size)
        sides.append((where(line, places, size).amin(1), where(line, places, -1).amax(1)))
    (left, right), (top, bottom) = sides
    boxes = stack((left, top, right, bottom), dim=1).float()
    return where(filled.flatten(1).any(1)[:, None], boxes, zeros(()))  # type: ignore[no-any-return]
