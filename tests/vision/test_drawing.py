"""What is drawn into images, against torchvision's pixels."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rushlight
from rushlight.vision import utils as ours

from ..data.oracle import assert_same
from ..samples.torchvision_oracle import torchvision

theirs = torchvision.utils
_random = np.random.default_rng(0)
IMAGE = _random.integers(0, 256, (3, 40, 60)).astype(np.uint8)
FLOAT = IMAGE.astype(np.float32) / 255
CORNERS = _random.uniform(0, 30, (5, 2))
BOXES = np.concatenate([CORNERS, CORNERS + _random.uniform(1, 25, (5, 2))], 1).astype(np.float32)
TURNED = np.array([[5, 5, 35, 12, 30, 30, 2, 22], [10, 3, 40, 3, 40, 20, 10, 20], [30, 9, 18, 25, 9, 18, 21, 2]])
MASKS = _random.uniform(size=(3, 40, 60)) < 0.4
POINTS = _random.uniform(0, 40, (2, 4, 2)).astype(np.float32)
SHOWN = np.array([[1, 0, 1, 1], [1, 1, 1, 0]])
EDGES = [(0, 1), (0, 2), (2, 3)]
FLOW = _random.normal(size=(2, 2, 20, 30)).astype(np.float32)
NAMES = ["a", "dog", None, "x y", "Ä"]
FIVE = ["red", (1, 2, 3), "#10F020", "blue", (255, 255, 0)]

Call = Callable[[Any, Callable[[Any], Any]], Any]  # of the module and of what makes an array its tensor
DRAWN: dict[str, Call] = {
    "boxes": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES)),
    "boxes of integers": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES.astype(np.int64)), width=3),
    "boxes on grey": lambda u, t: u.draw_bounding_boxes(t(IMAGE[:1]), t(BOXES), colors="red"),
    "boxes on floats": lambda u, t: u.draw_bounding_boxes(t(FLOAT), t(BOXES), colors=(3, 200, 77)),
    "boxes on doubles": lambda u, t: u.draw_bounding_boxes(t(FLOAT.astype(np.float64)), t(BOXES), fill=True),
    "filled boxes": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), fill=True, width=2, colors=FIVE),
    "labels": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), NAMES, width=2),
    "labels' colors": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), NAMES, FIVE, label_colors=FIVE[::-1]),
    "labels, filled": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), NAMES, fill_labels=True),
    "labels, all filled": lambda u, t: u.draw_bounding_boxes(
        t(IMAGE), t(BOXES), NAMES, FIVE, True, 3, label_colors="white", label_background_colors=FIVE, fill_labels=True
    ),
    "background unused": lambda u, t: u.draw_bounding_boxes(
        t(IMAGE), t(BOXES), NAMES, label_background_colors="yellow"
    ),
    "turned boxes": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(TURNED), width=2),
    "turned boxes, filled": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(TURNED), NAMES[:3], FIVE, True),
    "turned boxes, labels filled": lambda u, t: u.draw_bounding_boxes(
        t(IMAGE), t(TURNED), NAMES[:3], FIVE, fill_labels=True
    ),
    "boxes, size without font": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), NAMES, font_size=20),
    "no boxes": lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES[:0])),
    "masks": lambda u, t: u.draw_segmentation_masks(t(IMAGE), t(MASKS)),
    "one mask": lambda u, t: u.draw_segmentation_masks(t(IMAGE), t(MASKS[0]), 0.3, "purple"),
    "masks' colors": lambda u, t: u.draw_segmentation_masks(t(IMAGE), t(MASKS), alpha=1.0, colors=FIVE),
    "masks on floats": lambda u, t: u.draw_segmentation_masks(t(FLOAT), t(MASKS), colors=FIVE),
    "masks on doubles": lambda u, t: u.draw_segmentation_masks(t(FLOAT.astype(np.float64)), t(MASKS), 0.7),
    "masks on doubles, colors": lambda u, t: u.draw_segmentation_masks(
        t(FLOAT.astype(np.float64)), t(MASKS), 0.7, (9, 99, 199)
    ),
    "no masks": lambda u, t: u.draw_segmentation_masks(t(IMAGE), t(MASKS[:0])),
    "key points": lambda u, t: u.draw_keypoints(t(IMAGE), t(POINTS)),
    "joined": lambda u, t: u.draw_keypoints(t(IMAGE), t(POINTS), EDGES, "green", radius=4, width=1),
    "joined, some": lambda u, t: u.draw_keypoints(t(FLOAT), t(POINTS), EDGES, (1, 2, 3), visibility=t(SHOWN)),
    "visibility's third": lambda u, t: u.draw_keypoints(
        t(IMAGE), t(POINTS), EDGES, visibility=t(SHOWN[..., None].astype(np.float32))
    ),
    "flow": lambda u, t: u.flow_to_image(t(FLOW[0])),
    "flows": lambda u, t: u.flow_to_image(t(FLOW)),
    "flow along the axes": lambda u, t: u.flow_to_image(
        t(np.array([[[1.0, -1, 0, 0, 0]], [[0, 0, 1, -1, 0]]], np.float32))
    ),
    "no flow": lambda u, t: u.flow_to_image(t(FLOW * 0)),
}


def outcome(function: Call, module: Any, make: Callable[[Any], Any]) -> tuple[Any, list[type]]:
    """What a call gives, or its error, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(module, make)
        except Exception as error:
            result = (type(error).__name__, str(error))
    return result, [warning.category for warning in caught]


@pytest.mark.parametrize("name", DRAWN)
def test_pixels(name: str) -> None:
    result, warned = outcome(DRAWN[name], ours, lambda a: rushlight.tensor(a))
    expected, expected_warnings = outcome(DRAWN[name], theirs, lambda a: torch.tensor(a))
    assert isinstance(expected, torch.Tensor)
    assert_same(result, expected)
    assert warned == expected_warnings


def test_many_boxes_at_angles() -> None:
    corners = np.random.default_rng(1).uniform(0, 60, (60, 8))
    images = [
        module.draw_bounding_boxes(library.zeros(3, 60, 60), library.tensor(corners))
        for module, library in ((ours, rushlight), (theirs, torch))
    ]
    assert_same(*images)


@pytest.fixture
def font() -> str:
    """A TrueType font of this machine."""
    for folder in ("/usr/share/fonts", "/System/Library/Fonts", "C:/Windows/Fonts"):
        for file in sorted(Path(folder).rglob("*.ttf")):
            return str(file)
    pytest.skip("no TrueType font on this machine")


@pytest.mark.parametrize("size", [None, 17])
def test_a_font_of_the_users(font: str, size: int | None) -> None:
    def call(module: Any, library: Any) -> Any:
        image, boxes = library.tensor(IMAGE), library.tensor(BOXES)
        return module.draw_bounding_boxes(image, boxes, NAMES, font=font, font_size=size, fill_labels=True)

    assert_same(call(ours, rushlight), call(theirs, torch))


# With what the error must say.
WRONG: dict[str, tuple[Call, str]] = {
    "no image": (lambda u, t: u.draw_bounding_boxes(3, t(BOXES)), r"tensor, got int"),
    "integers": (lambda u, t: u.draw_bounding_boxes(t(IMAGE.astype(np.int32)), t(BOXES)), r"got .*int32"),
    "batch": (lambda u, t: u.draw_bounding_boxes(t(IMAGE[None]), t(BOXES)), r"one by one"),
    "two channels": (lambda u, t: u.draw_bounding_boxes(t(IMAGE[:2]), t(BOXES)), r"1 or 3 channels, got 2"),
    "corners": (lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES[:, [2, 1, 0, 3]])), r"left <= right"),
    "corners, y": (lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES[:, [0, 3, 2, 1]])), r"top <= bottom"),
    "few labels": (lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), ["a"]), r"5 boxes but 1 labels"),
    "few colors": (lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), colors=["red"]), r"5 objects but 1 colors"),
    "few text colors": (
        lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), NAMES, label_colors=["red"]),
        r"5 objects but 1 colors",
    ),
    "colors": (lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), colors=3), r"list of colors, got 3"),
    "two of three": (
        lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), colors=(1, 2)),
        r"three numbers .*, got \(1, 2\)",
    ),
    "unknown color": (lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), colors="rod"), r"rod"),
    "unknown font": (lambda u, t: u.draw_bounding_boxes(t(IMAGE), t(BOXES), NAMES, font="none.ttf"), r"resource"),
    "masks, no image": (lambda u, t: u.draw_segmentation_masks(3, t(MASKS)), r"tensor, got int"),
    "masks, grey": (lambda u, t: u.draw_segmentation_masks(t(IMAGE[:1]), t(MASKS)), r"3 channels, got 1"),
    "masks, numbers": (
        lambda u, t: u.draw_segmentation_masks(t(IMAGE), t(MASKS.astype(np.float32))),
        r"bool, got .*float32",
    ),
    "masks, size": (
        lambda u, t: u.draw_segmentation_masks(t(IMAGE), t(MASKS[:, 1:])),
        r"\(39, 60\) do not cover .*\(40, 60\)",
    ),
    "masks, dimensions": (
        lambda u, t: u.draw_segmentation_masks(t(IMAGE), t(MASKS[None])),
        r"\(N, H, W\) or \(H, W\), got",
    ),
    "points, dimensions": (lambda u, t: u.draw_keypoints(t(IMAGE), t(POINTS[0])), r"\(N, K, 2\), got shape \(4, 2\)"),
    "points, grey": (lambda u, t: u.draw_keypoints(t(IMAGE[:1]), t(POINTS)), r"3 channels, got 1"),
    "points, visibility": (
        lambda u, t: u.draw_keypoints(t(IMAGE), t(POINTS), visibility=t(SHOWN[:, :2])),
        r"\(2, 2\) does not belong",
    ),
    "points, visible": (
        lambda u, t: u.draw_keypoints(t(IMAGE), t(POINTS), visibility=t(SHOWN[0])),
        r"\(N, K\), .* got shape \(4,\)",
    ),
    "flow, doubles": (lambda u, t: u.flow_to_image(t(FLOW.astype(np.float64))), r"float32, got .*float64"),
    "flow, shape": (lambda u, t: u.flow_to_image(t(FLOW[:, :1])), r"got shape \(2, 1, 20, 30\)"),
    "flow, dimensions": (lambda u, t: u.flow_to_image(t(FLOW[0, 0])), r"got shape \(20, 30\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_are_of_torchvisions_class_and_say_what(name: str) -> None:
    call, words = WRONG[name]
    expected, _ = outcome(call, theirs, lambda a: torch.tensor(a))
    assert isinstance(expected, tuple)
    (kind, text), _ = outcome(call, ours, lambda a: rushlight.tensor(a))
    assert kind == expected[0] and re.search(words, text), text


def test_boxes_of_another_form_are_named() -> None:
    for boxes in (BOXES[:, :3], BOXES[0]):
        with pytest.raises(ValueError, match=r"boxes must be \(N, 4\).*\(N, 8\)"):
            ours.draw_bounding_boxes(rushlight.tensor(IMAGE), rushlight.tensor(boxes))


def test_inputs_are_left_alone() -> None:
    image = rushlight.tensor(IMAGE)
    ours.draw_bounding_boxes(image, rushlight.tensor(BOXES), fill=True)
    ours.draw_segmentation_masks(image, rushlight.tensor(MASKS))
    ours.draw_keypoints(image, rushlight.tensor(POINTS))
    np.testing.assert_array_equal(image.numpy(), IMAGE)
