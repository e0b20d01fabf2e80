"""Operations that torchvision compiles, with small inputs, and how what it answers was written down.

The PyTorch that the tests run beside has torchvision's Python parts only. On a machine with all of torchvision

    python -m tests.vision.compiled_ops

writes `compiled_ops.npz`, results and gradients of every case, from torchvision 0.28.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RECORDED = Path(__file__).with_suffix(".npz")
_random = np.random.default_rng(0)


def boxes(count: int, size: float, low: float = -3) -> np.ndarray:
    corners = _random.uniform(low, size, (count, 2))
    return np.concatenate([corners, corners + _random.uniform(0, size / 2, (count, 2))], 1).astype(np.float32)


def normal(*shape: int) -> np.ndarray:
    return _random.normal(size=shape).astype(np.float32)


MAPS = normal(2, 4, 7, 8)
REGIONS = np.concatenate([_random.integers(0, 2, (6, 1)), boxes(6, 10)], 1).astype(np.float32)
MOVED = [normal(2, 4, 7, 8), 2 * normal(2, 24, 4, 7), normal(6, 2, 3, 2), normal(6), normal(2, 12, 4, 7)]
MANY, SCORES, GROUPS = boxes(300, 40), _random.uniform(size=300).astype(np.float32), _random.integers(0, 3, 300)
OTHER_SCORES = _random.uniform(size=1200).astype(np.float32)

# name: (function of the library's ops and tensors, inputs with gradient, inputs without)
CASES: dict[str, tuple[Callable[..., Any], list[np.ndarray], list[np.ndarray]]] = {
    **{
        f"roi_align {aligned} {ratio} {scale}": (
            lambda ops, x, regions, a=aligned, r=ratio, s=scale: ops.roi_align(x, regions, (3, 2), s, r, a),
            [MAPS],
            [REGIONS],
        )
        for aligned, ratio, scale in [(False, -1, 1.0), (False, 2, 0.5), (True, -1, 0.5), (True, 2, 1.0)]
    },
    "roi_align of lists": (
        lambda ops, x, regions: ops.roi_align(x, [regions[:4, 1:], regions[4:4, 1:]], 2, 0.7),
        [MAPS],
        [REGIONS],
    ),
    "roi_align of none": (lambda ops, x, regions: ops.roi_align(x, regions[:0], 2), [MAPS], [REGIONS]),
    **{
        f"roi_pool {scale}": (
            lambda ops, x, regions, s=scale: ops.roi_pool(x, regions, (3, 2), s),
            [MAPS],
            [REGIONS],
        )
        for scale in (1.0, 0.37)
    },
    "ps_roi_align": (lambda ops, x, regions: ops.ps_roi_align(x, regions, 2, 0.5, 2), [MAPS], [REGIONS]),
    "ps_roi_align, adaptive": (lambda ops, x, regions: ops.ps_roi_align(x, regions, (2, 1)), [MAPS], [REGIONS]),
    "ps_roi_pool": (lambda ops, x, regions: ops.ps_roi_pool(x, regions, 2, 0.7), [], [MAPS, REGIONS]),
    "deform_conv2d": (
        lambda ops, x, offset, weight, bias, mask: ops.deform_conv2d(
            x, offset, weight, bias, stride=(2, 1), padding=(1, 0), mask=mask
        ),
        MOVED,
        [],
    ),
    "deform_conv2d, dilated": (
        lambda ops, x, offset, weight: ops.deform_conv2d(
            x, offset[:, :12, :, :6], weight, padding=(2, 0), dilation=(3, 2)
        ),
        [MOVED[0], np.concatenate([MOVED[1]] * 2, 2)[:, :, :5], MOVED[2]],
        [],
    ),
    **{
        f"nms {limit}": (lambda ops, b, s, limit=limit: ops.nms(b, s, limit), [], [MANY, SCORES])
        for limit in (0.1, 0.5, 0.7)
    },
    "nms of ties": (lambda ops, b, s: ops.nms(b, s, 0.5), [], [MANY.round(), SCORES.round(1)]),
    "nms of none": (lambda ops, b, s: ops.nms(b[:0], s[:0], 0.5), [], [MANY, SCORES]),
    "batched_nms": (lambda ops, b, s, g: ops.batched_nms(b, s, g, 0.5), [], [MANY, SCORES, GROUPS]),
    "batched_nms of many": (
        lambda ops, b, s, g: ops.batched_nms(b, s, g, 0.3),
        [],
        [
            np.tile(MANY, (4, 1)) + np.repeat(np.arange(4), 300)[:, None].astype(np.float32),
            OTHER_SCORES,
            np.tile(GROUPS, 4),
        ],
    ),
}


def answers(library: Any, ops: Any, name: str) -> list[np.ndarray]:
    """The result of a case, and the gradients of its weighted sum."""
    function, tracked, others = CASES[name]
    leaves = [library.tensor(array, requires_grad=True) for array in tracked]
    result = function(ops, *leaves, *(library.tensor(array) for array in others))
    if leaves:
        weights = np.cos(np.arange(result.numel())).reshape(tuple(result.shape)).astype(np.float32)
        (result * library.tensor(weights)).sum().backward()
    return [result.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


if __name__ == "__main__":
    import torch
    import torchvision

    np.savez_compressed(
        RECORDED,
        **{
            f"{name}/{place}": array
            for name in CASES
            for place, array in enumerate(answers(torch, torchvision.ops, name))
        },
    )
