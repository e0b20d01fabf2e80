"""Operations on boxes and regions against torchvision's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import rushlight
from rushlight.vision import ops
from rushlight.vision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

from ..samples.torchvision_oracle import torchvision
from .compiled_ops import CASES, MAPS, RECORDED, REGIONS, answers, boxes, normal

theirs = torchvision.ops


@pytest.mark.parametrize("name", CASES)
def test_compiled_operations(name: str) -> None:
    with np.load(RECORDED) as recorded:
        for place, array in enumerate(answers(rushlight, ops, name)):
            expected = recorded[f"{name}/{place}"]
            assert array.dtype == expected.dtype and array.shape == expected.shape
            np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-4, err_msg=f"{name}, {place}")


def test_the_gradient_of_ps_roi_pool_is_its_own() -> None:
    """torchvision's forward and backward cut bins at different edges; a linear function says what is right."""
    maps = rushlight.tensor(MAPS, requires_grad=True)
    result = ops.ps_roi_pool(maps, rushlight.tensor(REGIONS), 2)
    total = (result * rushlight.arange(float(result.numel())).reshape(result.shape)).sum()
    total.backward()
    assert abs(total.item()) > 1
    np.testing.assert_allclose((maps.grad * maps).sum().item(), total.item(), rtol=1e-4)


def test_nms_of_ten_thousand_boxes_is_quick() -> None:
    random = np.random.default_rng(0)
    corners = random.uniform(0, 5000, (10_000, 2))
    many = rushlight.tensor(np.concatenate([corners, corners + 40], 1).astype(np.float32))
    scores = rushlight.tensor(random.uniform(size=10_000).astype(np.float32))
    start = time.process_time()
    kept = ops.nms(many, scores, 0.5)
    assert 9_000 < len(kept) < 10_000
    assert time.process_time() - start < 5  # a loop over pairs in Python takes minutes


P, Q = boxes(5, 20), boxes(5, 20)
INTS = (P * 3).astype(np.int64) + 1
ROTATED = np.concatenate([P, np.array([[-170], [-30], [0], [45], [100]], np.float32)], 1)
LOGITS, TARGETS = normal(5, 3), (normal(5, 3) > 0).astype(np.float32)
PYRAMID = [normal(2, 3, 16 // k, 24 // k) for k in (1, 2, 4)]
MASKS = normal(4, 6, 5) > 1.5
MASKS[2] = False


def pyramid(o: Any, extra: Any) -> Callable[..., Any]:
    def run(*maps: Any) -> Any:
        network = o.FeaturePyramidNetwork([3, 3, 3], 4, extra_blocks=extra)
        results = network(dict(zip("abc", maps, strict=True)))
        assert list(results) == [
            "a",
            "b",
            "c",
            *(["pool"] if type(extra).__name__ == "LastLevelMaxPool" else ["p6", "p7"]),
        ]
        return sum(map_.sin().sum() for map_ in results.values())

    return run


def pooled(o: Any, finest: Any, middle: Any, coarse: Any, corners: Any) -> Any:
    pooler = o.MultiScaleRoIAlign(["a", "b", "c"], 3, 2, canonical_scale=16, canonical_level=3)
    maps = {"a": finest, "b": middle, "c": coarse, "left out": coarse}
    return pooler(maps, [corners[:3], corners[3:]], [(64, 96), (60, 90)])


# name: (call, arrays, whether they have gradients)
CALLS: dict[str, tuple[Callable[..., Any], list[np.ndarray], bool]] = {
    **{
        name: (lambda t, o, p, q, name=name: getattr(o, name)(p, q), [P, Q[:3]], True)
        for name in ("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou")
    },
    "box_iou of integers": (lambda t, o, p: o.box_iou(p, p), [INTS], False),
    "complete_box_iou of integers": (lambda t, o, p: o.complete_box_iou(p, p), [INTS], False),
    "box_iou, cxcywh": (lambda t, o, p, q: o.box_iou(p, q, fmt="cxcywh"), [P, Q], True),
    **{
        f"{name}, {reduction}": (
            lambda t, o, p, q, name=name, reduction=reduction: getattr(o, name)(p, q, reduction=reduction),
            [P, Q],
            True,
        )
        for name in ("generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss")
        for reduction in ("none", "mean", "sum")
    },
    **{
        f"box_convert {first} {second}": (
            lambda t, o, p, first=first, second=second: o.box_convert(p, first, second),
            [P],
            True,
        )
        for first in ("xyxy", "xywh", "cxcywh")
        for second in ("xyxy", "xywh", "cxcywh")
    },
    **{
        f"box_convert {first} {second}": (
            lambda t, o, p, first=first, second=second: o.box_convert(p, first, second),
            [ROTATED],
            False,
        )
        for first in ("xywhr", "cxcywhr")
        for second in ("xywhr", "cxcywhr", "xyxyxyxy")
    },
    "box_convert of corners": (
        lambda t, o, p: o.box_convert(o.box_convert(p, "cxcywhr", "xyxyxyxy"), "xyxyxyxy", "xywhr"),
        [ROTATED],
        False,
    ),
    "box_area": (lambda t, o, p: o.box_area(p), [P], True),
    "box_area, xywh": (lambda t, o, p: o.box_area(p, fmt="xywh"), [P], True),
    "box_area of halves": (lambda t, o, p: o.box_area(p), [P.astype(np.float16)], False),
    "clip_boxes_to_image": (lambda t, o, p: o.clip_boxes_to_image(p, (9, 11)), [P], True),
    "remove_small_boxes": (lambda t, o, p: o.remove_small_boxes(p, 4.0), [P], False),
    "masks_to_boxes": (lambda t, o, m: o.masks_to_boxes(m), [MASKS], False),
    "masks_to_boxes of none": (lambda t, o, m: o.masks_to_boxes(m[:0]), [MASKS], False),
    "sigmoid_focal_loss": (lambda t, o, x: o.sigmoid_focal_loss(x, t.tensor(TARGETS)), [LOGITS], True),
    "sigmoid_focal_loss, mean": (
        lambda t, o, x: o.sigmoid_focal_loss(x, t.tensor(TARGETS), -1, 1.5, "mean"),
        [LOGITS],
        True,
    ),
    "stochastic_depth, row": (lambda t, o, x: o.stochastic_depth(x, 0.4, "row"), [normal(6, 3)], True),
    "stochastic_depth, batch": (lambda t, o, x: o.stochastic_depth(x, 0.4, "batch"), [normal(6, 3)], True),
    "stochastic_depth, all": (lambda t, o, x: o.stochastic_depth(x, 1.0, "row"), [normal(6, 3)], True),
    "drop_block2d": (lambda t, o, x: o.drop_block2d(x, 0.3, 3), [MAPS], True),
    "drop_block2d in place": (lambda t, o, x: o.drop_block2d(x.clone(), 0.3, 5, inplace=True), [MAPS], True),
    "drop_block3d": (lambda t, o, x: o.drop_block3d(x[None], 0.2, 3), [MAPS], True),
    "FrozenBatchNorm2d": (lambda t, o, x: o.FrozenBatchNorm2d(4)(x), [MAPS], True),
    "SqueezeExcitation": (lambda t, o, x: o.SqueezeExcitation(4, 2, t.nn.SiLU, t.nn.Hardsigmoid)(x), [MAPS], True),
    "MLP": (lambda t, o, x: o.MLP(8, [5, 3], t.nn.LayerNorm, t.nn.GELU, None, True, 0.25)(x), [MAPS], True),
    "Permute": (lambda t, o, x: o.Permute([0, 2, 3, 1])(x), [MAPS], True),
    "Conv3dNormActivation": (
        lambda t, o, x: o.Conv3dNormActivation(2, 3, (3, 1, 5), dilation=(2, 1, 1))(x[None]),
        [MAPS],
        True,
    ),
    "pyramid": (
        lambda t, o, *maps: pyramid(
            o, LastLevelMaxPool() if t is rushlight else theirs.feature_pyramid_network.LastLevelMaxPool()
        )(*maps),
        PYRAMID,
        True,
    ),
    "pyramid, P6 and P7": (
        lambda t, o, *maps: pyramid(
            o, LastLevelP6P7(3, 4) if t is rushlight else theirs.feature_pyramid_network.LastLevelP6P7(3, 4)
        )(*maps),
        PYRAMID,
        True,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_same_results_and_gradients(name: str) -> None:
    call, arrays, tracked = CALLS[name]
    found = []
    for library, operations in ((rushlight, ops), (torch, theirs)):
        library.manual_seed(3)
        leaves = [library.tensor(array, requires_grad=tracked) for array in arrays]
        result = call(library, operations, *leaves)
        if tracked:
            result.sin().sum().backward()
        found.append([result.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves if tracked)])
    for ours_one, theirs_one in zip(*found, strict=True):
        assert ours_one.dtype == theirs_one.dtype
        np.testing.assert_allclose(ours_one, theirs_one, rtol=1e-4, atol=2e-5)


def test_regions_of_a_pyramid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against torchvision's own parts, with Rushlight's roi_align, which is tested above, in place of the compiled."""

    def substitute(maps: Any, corners: Any, output_size: Any, spatial_scale: float, sampling_ratio: int) -> Any:
        found = ops.roi_align(
            rushlight.tensor(maps.numpy()),
            rushlight.tensor(corners.numpy()),
            output_size,
            spatial_scale,
            sampling_ratio,
        )
        return torch.tensor(found.numpy())

    monkeypatch.setattr(theirs.poolers, "roi_align", substitute)
    corners = boxes(8, 60, 0)
    corners[0] = [0, 0, 5, 5]
    result = pooled(ops, *(rushlight.tensor(array) for array in [*PYRAMID, corners]))
    expected = pooled(theirs, *(torch.tensor(array) for array in [*PYRAMID, corners]))
    np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


FORMS = {
    "RoIAlign": lambda t, o: o.RoIAlign((2, 2), 0.5, 2),
    "RoIPool": lambda t, o: o.RoIPool(2, 0.5),
    "PSRoIAlign": lambda t, o: o.PSRoIAlign(2, 0.5, 2),
    "PSRoIPool": lambda t, o: o.PSRoIPool(2, 0.5),
    "DropBlock3d": lambda t, o: o.DropBlock3d(0.1, 3, True),
    "DeformConv2d": lambda t, o: o.DeformConv2d(2, 4, 3, padding=1, groups=2, bias=False),
    "MultiScaleRoIAlign": lambda t, o: o.MultiScaleRoIAlign(["a"], 7, 2),
    "StochasticDepth": lambda t, o: o.StochasticDepth(0.1, "row"),
    "FrozenBatchNorm2d": lambda t, o: o.FrozenBatchNorm2d(3),
    "form of boxes": lambda t, o: o.box_convert(t.zeros(2, 4), "xyxy", "other"),
    "straight to rotated": lambda t, o: o.box_convert(t.zeros(2, 4), "xyxy", "xywhr"),
    "form of overlaps": lambda t, o: o.box_iou(t.zeros(2, 4), t.zeros(2, 4), fmt="other"),
    "form of areas": lambda t, o: o.box_area(t.zeros(2, 4), fmt="other"),
    "reduction": lambda t, o: o.sigmoid_focal_loss(t.zeros(2), t.zeros(2), reduction="other"),
    "alpha": lambda t, o: o.sigmoid_focal_loss(t.zeros(2), t.zeros(2), alpha=3),
    "reduction of boxes": lambda t, o: o.complete_box_iou_loss(t.zeros(2, 4), t.zeros(2, 4), reduction="other"),
    "axes of squares": lambda t, o: o.drop_block2d(t.zeros(2, 3), 0.1, 3),
    "axes of cubes": lambda t, o: o.drop_block3d(t.zeros(2, 3), 0.1, 3),
    "even squares": lambda t, o: o.drop_block2d(t.zeros(1, 1, 4, 4), 0.1, 2),
    "probability": lambda t, o: o.drop_block2d(t.zeros(1, 1, 4, 4), 2, 3),
    "probability of depth": lambda t, o: o.stochastic_depth(t.zeros(2), 2, "row"),
    "mode of depth": lambda t, o: o.stochastic_depth(t.zeros(2), 0.1, "column"),
    "no channels": lambda t, o: o.FeaturePyramidNetwork([1, 0], 2),
    "channels of groups": lambda t, o: o.DeformConv2d(3, 4, 3, groups=2),
}


@pytest.mark.parametrize("name", FORMS)
def test_printed_forms_and_errors(name: str) -> None:
    outcomes = []
    for library, operations in ((rushlight, ops), (torch, theirs)):
        try:
            outcomes.append(repr(FORMS[name](library, operations)))
        except Exception as error:
            outcomes.append((type(error), str(error)))
    assert outcomes[0] == outcomes[1]


WRONG = {
    "one box": (lambda o, t: o.nms(t.zeros(4), t.zeros(1), 0.5), RuntimeError, "2d tensor, got 1D"),
    "five sides": (lambda o, t: o.nms(t.zeros(1, 5), t.zeros(1), 0.5), RuntimeError, "4 elements"),
    "scores": (lambda o, t: o.nms(t.zeros(2, 4), t.zeros(2, 1), 0.5), RuntimeError, "1d tensor, got 2D"),
    "counts": (lambda o, t: o.nms(t.zeros(2, 4), t.zeros(3), 0.5), RuntimeError, "got 2 and 3"),
    "whole": (lambda o, t: o.nms(t.zeros(2, 4).long(), t.zeros(2).long(), 0.5), NotImplementedError, "float"),
    "types": (lambda o, t: o.nms(t.zeros(2, 4), t.zeros(2).double(), 0.5), RuntimeError, "same type"),
    "regions": (lambda o, t: o.roi_align(t.zeros(1, 1, 4, 4), t.zeros(1, 4), 2), AssertionError, r"Tensor\[K, 5\]"),
    "listed": (lambda o, t: o.roi_pool(t.zeros(1, 1, 4, 4), [t.zeros(1, 5)], 2), AssertionError, r"Tensor\[L, 4\]"),
    "kind": (lambda o, t: o.roi_pool(t.zeros(1, 1, 4, 4), 3, 2), AssertionError, "expected to be"),
    "channels": (lambda o, t: o.ps_roi_pool(t.zeros(1, 3, 4, 4), t.zeros(1, 5), 2), RuntimeError, "multiple"),
    "offset": (
        lambda o, t: o.deform_conv2d(t.zeros(1, 3, 4, 4), t.zeros(1, 7, 2, 2), t.zeros(1, 3, 3, 3)),
        RuntimeError,
        "offset.shape\\[1\\]=7",
    ),
    "offset's size": (
        lambda o, t: o.deform_conv2d(t.zeros(1, 3, 4, 4), t.zeros(1, 18, 3, 2), t.zeros(1, 3, 3, 3)),
        RuntimeError,
        "offset should have the shape",
    ),
    "rotated": (lambda o, t: o.box_iou(t.zeros(1, 5), t.zeros(1, 5), "xywhr"), NotImplementedError, "rotated"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(name: str) -> None:
    call, kind, text = WRONG[name]
    with pytest.raises(kind, match=text):
        call(ops, rushlight)


def test_names() -> None:
    assert set(ops.__all__) - {"boxes", "misc", "poolers"} == set(theirs.__all__)
