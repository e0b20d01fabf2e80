"""What transforms do to bounding boxes (N, 4) and key points (..., 2), on plain tensors.

Each function takes the coordinates and what it needs to know of them and gives the coordinates and the size of the image after it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....dtype import float32, int64
from ....tensor import Tensor, as_tensor, cat, matmul, ones, stack, tensor
from ...tv_tensors import BoundingBoxFormat
from ..functional import affine_matrix, inverse_affine_matrix, resized_size
from ..tensors import pixel_positions, size_of_rotated

XYXY, XYWH, CXCYWH = BoundingBoxFormat.XYXY, BoundingBoxFormat.XYWH, BoundingBoxFormat.CXCYWH
Canvas = tuple[int, int]


def _floating(x: Tensor) -> Tensor:
    return x if x.is_floating_point() else x.float()


def converted(boxes: Tensor, old: BoundingBoxFormat, new: BoundingBoxFormat) -> Tensor:
    """Boxes in another format; integers are rounded down."""
    if old is new:
        return boxes
    first, second = boxes[..., :2], boxes[..., 2:]
    if old is XYWH:
        second = first + second
    elif old is CXCYWH:
        low = _floating(first) - _floating(second) / 2
        first, second = low.to(boxes.dtype), (low + second).to(boxes.dtype)
    if new is XYXY:
        return cat([first, second], -1)
    size = second - first
    if new is CXCYWH:
        first = (first * 2 + size).div(2, rounding_mode=None if boxes.is_floating_point() else "floor")
    return cat([first, size], -1)


def clamped(boxes: Tensor, format: BoundingBoxFormat, canvas: Canvas, mode: str | None) -> Tensor:
    """Boxes cut off at the borders of the image."""
    if mode is None:
        return boxes.clone()
    corners = converted(_floating(boxes), format, XYXY)
    across, down = corners[..., 0::2].clamp(0, canvas[1]), corners[..., 1::2].clamp(0, canvas[0])
    inside = stack([across[..., 0], down[..., 0], across[..., 1], down[..., 1]], -1)
    return converted(inside, XYXY, format).to(boxes.dtype)


def clamped_points(points: Tensor, canvas: Canvas) -> Tensor:
    x, y = _floating(points).unbind(-1)
    return stack([x.clamp(0, canvas[1] - 1), y.clamp(0, canvas[0] - 1)], -1).to(points.dtype)


def flipped(boxes: Tensor, format: BoundingBoxFormat, canvas: Canvas, axis: int) -> Tensor:
    """Mirrored along x (axis 0) or y (axis 1)."""
    extent = canvas[1 - axis]
    parts = list(boxes.unbind(-1))
    if format is XYXY:
        parts[axis], parts[axis + 2] = extent - parts[axis + 2], extent - parts[axis]
    elif format is XYWH:
        parts[axis] = extent - (parts[axis] + parts[axis + 2])
    else:
        parts[axis] = extent - parts[axis]
    return stack(parts, -1)


def flipped_points(points: Tensor, canvas: Canvas, axis: int) -> Tensor:
    parts = list(points.unbind(-1))
    parts[axis] = canvas[1 - axis] - 1 - parts[axis]
    return stack(parts, -1)


def resized(coordinates: Tensor, canvas: Canvas, size: Any, max_size: int | None) -> tuple[Tensor, Canvas]:
    """Boxes or points in the image after a resize."""
    height, width = resized_size(*canvas, size, max_size)
    if (height, width) == tuple(canvas):
        return coordinates, canvas
    ratios = tensor([width / canvas[1], height / canvas[0]] * (coordinates.shape[-1] // 2))
    return coordinates.mul(ratios).to(coordinates.dtype), (height, width)


def moved(coordinates: Tensor, x: int, y: int, format: BoundingBoxFormat | None) -> Tensor:
    """Boxes of this format, or points (None), moved."""
    by = [x, y] if format is None else [x, y, x, y] if format is XYXY else [x, y, 0, 0]
    return coordinates + tensor(by, dtype=coordinates.dtype)


def _corners(boxes: Tensor) -> Tensor:
    """The four corners (N, 4, 2) of boxes XYXY."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack([stack(pair, -1) for pair in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))], 1)


def around(corners: Tensor) -> Tensor:
    """The boxes XYXY around points (N, K, 2)."""
    return cat([corners.amin(1), corners.amax(1)], 1)


def _mapped(points: Tensor, matrix: Any) -> Tensor:
    """Points (..., 2) through an affine map (2, 3)."""
    flat = points.reshape(-1, 2)
    rows = tensor(matrix, dtype=points.dtype).reshape(2, 3)
    return matmul(cat([flat, ones(len(flat), 1, dtype=points.dtype)], -1), rows.T).reshape(points.shape)


def turned(
    coordinates: Tensor,
    format: BoundingBoxFormat | None,
    canvas: Canvas,
    mode: str | None,
    *,
    angle: float,
    translate: Any = (0.0, 0.0),
    scale: float = 1.0,
    shear: Any = (0.0, 0.0),
    center: Any = None,
    expand: bool = False,
) -> tuple[Tensor, Canvas]:
    """Boxes, or points (format None), under an affine map; with `expand` the image grows to hold all of itself."""
    if not coordinates.numel():
        return coordinates, canvas
    height, width = canvas
    center = (width * 0.5, height * 0.5) if center is None else center
    matrix = affine_matrix(center, angle, translate, scale, shear)
    points = _floating(coordinates) if format is None else _corners(converted(_floating(coordinates), format, XYXY))
    found = _mapped(points, matrix)
    if expand:
        ends = tensor([[0.0, 0.0], [0.0, height], [width, height], [width, 0.0]], dtype=found.dtype)
        found = found - _mapped(ends, matrix).amin(0)
        across, down = size_of_rotated(inverse_affine_matrix(center, angle, translate, scale, shear), width, height)
        canvas = down, across
    if format is not None:
        found = converted(clamped(around(found), XYXY, canvas, mode), XYXY, format)
    return found.to(coordinates.dtype), canvas


def seen_in_perspective(
    coordinates: Tensor, format: BoundingBoxFormat | None, canvas: Canvas, mode: str | None, coefficients: list[float]
) -> Tensor:
    """Boxes, or points, after an image was read through these coefficients: they go the other way."""
    if not coordinates.numel():
        return coordinates
    a, b, c, d, e, f, g, h = coefficients
    forward = np.linalg.inv(np.array([[a, b, c], [d, e, f], [g, h, 1.0]]))
    points = _floating(coordinates) if format is None else _corners(converted(_floating(coordinates), format, XYXY))
    x, y = points.unbind(-1)
    u, v, w = (float(row[0]) * x + float(row[1]) * y + float(row[2]) for row in forward)
    found = stack([u / w, v / w], -1)
    if format is not None:
        found = converted(clamped(around(found), XYXY, canvas, mode), XYXY, format)
    return found.to(coordinates.dtype)


def displaced(
    coordinates: Tensor, format: BoundingBoxFormat | None, canvas: Canvas, mode: str | None, displacement: Tensor
) -> Tensor:
    """Boxes, or points, after each pixel was read at its place plus `displacement`: about as far the other way."""
    wanted = (1, *canvas, 2)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    if tuple(displacement.shape) != wanted:
        raise ValueError(f"Argument displacement shape should be {wanted}, but given {displacement.shape}")
    if not coordinates.numel():
        return coordinates
    height, width = canvas
    dtype = coordinates.dtype if coordinates.is_floating_point() else float32
    points = coordinates if format is None else _corners(converted(coordinates, format, XYXY))
    whole = points.ceil() if format is not None and points.is_floating_point() else points
    x, y = (part.to(int64).clamp(0, extent - 1) for part, extent in zip(whole.unbind(-1), (width, height), strict=True))
    columns, rows = pixel_positions(width, height)
    grid = stack([as_tensor(columns).expand(height, width), as_tensor(rows).expand(height, width)], -1)
    inverse = grid.to(dtype) - displacement[0].to(dtype)
    found = (inverse[y, x] + 1) * (0.5 * tensor([width, height], dtype=dtype)) - 0.5
    found = found.to(coordinates.dtype)
    if format is not None:
        found = converted(clamped(around(found), XYXY, canvas, mode), XYXY, format)
    return found


def are_sound(boxes: Tensor, format: BoundingBoxFormat, canvas: Canvas, min_size: float, min_area: float) -> Tensor:
    """Which boxes are inside the image and not too small."""
    corners = converted(boxes, format, XYXY)
    x1, y1, x2, y2 = corners.unbind(-1)
    width, height = x2 - x1, y2 - y1
    large = (width >= min_size) & (height >= min_size) & (width * height >= min_area)
    inside = (corners >= 0).all(-1) & (x1 <= canvas[1]) & (x2 <= canvas[1]) & (y1 <= canvas[0]) & (y2 <= canvas[0])
    return large & inside


def are_inside(points: Tensor, canvas: Canvas) -> Tensor:
    """Which points, or groups of them, are inside the image."""
    x, y = points.unbind(-1)
    inside = (x >= 0) & (x < canvas[1]) & (y >= 0) & (y < canvas[0])
    return inside.flatten(1).all(1) if inside.ndim > 1 else inside


def overlaps(boxes: Tensor, box: list[int]) -> Tensor:
    """The area that each box XYXY has in common with one, as a share of the area of both together."""
    left, top, right, bottom = box
    x1, y1, x2, y2 = boxes.unbind(-1)
    common = (x2.clamp(max=right) - x1.clamp(min=left)).clamp(min=0) * (y2.clamp(max=bottom) - y1.clamp(min=top)).clamp(
        min=0
    )
    area = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top)
    return common / (area - common)
