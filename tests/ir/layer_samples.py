"""Samples for the records that layers and losses are made of; together with those of `op_samples` they cover every op."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight.nn.functional  # noqa: F401  (registers their records)
from rushlight.dtype import float64
from rushlight.ir import contraction, crop, op, update_rules  # noqa: F401  (registers its records)
from rushlight.ir.pool import Windows

from . import op_samples
from .op_samples import Sample

_draw = np.random.default_rng(1)


def _real(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return _draw.uniform(low, high, shape)


def _number(value: float) -> np.ndarray:
    return np.array(value)


def _apart(*shape: int) -> np.ndarray:
    """Values apart from each other and from the kinks of activations."""
    count = int(np.prod(shape))
    return (_draw.permutation(count) / 3.0 - count / 6.0 + 0.041).reshape(shape)


def _logs(*shape: int) -> np.ndarray:
    """Log-probabilities over the last axis."""
    x = _real(*shape)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


_SETTINGS: dict[str, tuple[float, ...]] = {
    "leaky_relu": (0.2,),
    "hardtanh": (-0.7, 0.9),
    "threshold": (0.25, -1.5),
    "hardshrink": (0.5,),
    "softshrink": (0.5,),
    "hardsigmoid": (),
    "hardswish": (),
    "gelu": (),
    "gelu_tanh": (),
    "silu": (),
    "mish": (),
    "softplus": (1.5, 20.0),
    "log_sigmoid": (),
    "elu": (0.7, 1.1, 1.3),
}


def _activations() -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {
        "relu": [Sample([_apart(3, 4)]), Sample([_real(0, 2)])],
        "tanh_gradient": [Sample([_real(3, 4), _real(3, 4)]), Sample([_real(0), _real(0)])],
        "sigmoid_gradient": [Sample([_real(3, 4), _real(3, 4)])],
        "relu_gradient": [Sample([_real(3, 4), np.abs(_apart(3, 4)) * (_apart(3, 4) > 0)], smooth=False)],
        "prelu": [Sample([_apart(3, 4), _real(4)])],
        "glu": [Sample([_real(3, 4), _real(3, 4)])],
    }
    for name, values in _SETTINGS.items():
        settings = [_number(value) for value in values]
        found[name] = [Sample([_apart(3, 4), *settings], settings=len(settings))]
        found[f"{name}_gradient"] = [Sample([_real(3, 4), _apart(3, 4), *settings], settings=len(settings))]
    return found


def _pairs() -> dict[str, list[Sample]]:
    """Losses of pairs of elements."""
    a, b, g = _apart(3, 4), _real(4) * 0.01, _real(3, 4)
    chances = [_real(3, 4, low=0.1, high=0.9), _real(3, 4, low=0.2, high=0.8)]
    return {
        "average": [Sample([_real(3, 4)]), Sample([_real()])],
        "squared_error": [Sample([a, b])],
        "squared_error_gradient": [Sample([g, a, np.broadcast_to(b, (3, 4)).copy()])],
        "smooth_l1": [Sample([a, b, _number(0.7)], settings=1)],
        "smooth_l1_gradient": [Sample([g, a, np.broadcast_to(b, (3, 4)).copy(), _number(0.7)], settings=1)],
        "huber": [Sample([a, b, _number(0.7)], settings=1)],
        "huber_gradient": [Sample([g, a, np.broadcast_to(b, (3, 4)).copy(), _number(0.7)], settings=1)],
        "binary_cross_entropy": [Sample(chances)],
        "binary_cross_entropy_gradient": [Sample([g, *chances])],
        "logits_loss": [Sample([_real(3, 4), chances[1]])],
        "logits_gradient": [Sample([g, _real(3, 4), chances[1]])],
        "divergence": [Sample([_real(3, 4), chances[0]])],
    }


def _classes() -> dict[str, list[Sample]]:
    """Losses of class indices."""
    target, vector = np.array([1, 0, 3, 1]), np.array(2)
    image = _draw.integers(0, 3, (2, 2, 2))
    weight, smoothing = _real(3, low=0.3, high=1.5), _number(0.1)
    plain = dict(ignore=-100, weighted=False, smoothed=False)
    mean = dict(reduction="mean", **plain)
    rich = dict(reduction="mean", ignore=1, weighted=True, smoothed=True)
    each = dict(reduction="none", **plain)
    shape = (2, 3, 2, 2)
    found: dict[str, list[Sample]] = {}
    for name in ("nll", "cross_entropy"):
        found[name] = [
            Sample([_real(4, 5), target], mean),
            Sample([_real(4), vector], mean),
            Sample([_real(*shape), image], each),
            Sample([_real(*shape), image, weight, smoothing], rich, settings=2),
        ]
    found["nll_gradient"] = [
        Sample([_real(), target], dict(shape=(4, 5), **mean)),
        Sample([_real(2, 2, 2), image], dict(shape=shape, **each)),
        Sample([_real(), image, weight, smoothing], dict(shape=shape, **rich), settings=2),
    ]
    found["cross_entropy_gradient"] = [
        Sample([_real(), _real(4, 5), target], mean),
        Sample([_real(2, 2, 2), _real(*shape), image], each),
        Sample([_real(), _real(*shape), image, weight, smoothing], rich, settings=2),
    ]
    # CTC's gradient is the one behind a log-softmax, as PyTorch's: test_loss.py compares.
    paths = [_logs(6, 2, 4), np.array([[1, 2, 2], [3, 1, 0]]), np.array([6, 5]), np.array([3, 2])]
    ctc = dict(blank=0, zero_infinity=False)
    found["ctc"] = [Sample(list(paths), ctc, smooth=False)]
    found["ctc_gradient"] = [Sample([_real(2), *paths], ctc, smooth=False)]
    return found


def _norms() -> dict[str, list[Sample]]:
    x, weight, bias = _real(4, 3, 2), _real(3), _real(3)
    layout = dict(axes=(0, 2), scale_axes=(1,), weighted=True, biased=True, centred=True)
    rows = dict(axes=(2,), scale_axes=(), weighted=False, biased=False, centred=False)
    mean, variance = x.mean((0, 2)), x.var((0, 2))
    statistics = np.stack([mean, variance])
    squares = np.stack([np.zeros((4, 3)), np.square(x).mean(2)])
    eps = _number(1e-5)
    wanted = dict(wanted=(True, True, True), bias=float64)
    # `normalize` takes its moments as given and differentiates as if they were computed of x: test_normalization.py compares.
    return {
        "moments": [
            Sample([x], dict(axes=(0, 2), centred=True)),
            Sample([x], dict(axes=(2,), centred=False)),
            Sample([_real(0, 3)], dict(axes=(0,), centred=True)),
        ],
        "normalize": [
            Sample([x, statistics, eps, weight, bias], layout, smooth=False),
            Sample([x, squares, eps], rows, smooth=False),
        ],
        "normalize_gradient": [Sample([_real(4, 3, 2), x, statistics, eps, weight], layout | wanted, smooth=False)],
        "standardize": [Sample([x, mean, variance, eps, weight, bias], layout, smooth=False)],
        "running": [Sample([_real(3), statistics, _number(0.1), _number(1.2)], dict(part=1))],
    }


def _windows_and_tables() -> dict[str, list[Sample]]:
    shapes = (2, 4, 5, 6), (6, 2, 2, 3), (1, 2), ((1, 1), (0, 2)), (2, 1), 2
    settings: dict[str, Any] = dict(spec=contraction.convolution(*shapes), groups=2)
    overlapping = (Windows(3, 3, 2, 1), Windows(2, 2, 3))
    adaptive = (Windows(3, adaptive=True), Windows(2, adaptive=True))
    images = [(_apart(2, 5, 5), overlapping), (_apart(2, 5, 7), adaptive), (_apart(2, 4, 4), (Windows(2, 2, 2),) * 2)]
    table, index = _real(5, 3), np.array([[1, 0], [4, 1]])
    pooled = {name: [Sample([x], dict(windows=w)) for x, w in images] for name in ("max_pool", "max_pool_index")}
    return {
        **pooled,
        "max_pool_gradient": [
            Sample(
                [_real(2, *[w.number for w in windows]), x, _pooled(x, windows)],
                dict(windows=windows, **more),
                settings=2,
            )
            for x, windows in images
            for more in ({}, {"rectified": True})
        ],
        "affine": [Sample([_real(4), _real(3, 2), _real(4, 2)], dict(spec=contraction.linear((3, 2), (4, 2))))],
        "convolution": [
            Sample([_real(*shapes[0]), _real(*shapes[1]), _real(6)], settings),
            Sample([_real(*shapes[0]), _real(*shapes[1])], settings),
        ],
        "embedding": [
            Sample([table, index], dict(padding=None, by_frequency=False)),
            Sample([table, index], dict(padding=1, by_frequency=True), smooth=False),
        ],
        "embedding_gradient": [
            Sample([_real(2, 2, 3), index], dict(rows=5, padding=None, by_frequency=False)),
            Sample([_real(2, 2, 3), index], dict(rows=5, padding=1, by_frequency=True)),
        ],
    }


def _pooled(x: np.ndarray, windows: tuple[Windows, ...]) -> np.ndarray:
    record = op.registry["max_pool"]
    return np.asarray(record.eval(record.infer(op_samples.type_of(x), windows=windows), x, windows=windows))


def _sampling() -> dict[str, list[Sample]]:
    places, index = _real(2, 6) * 2.13, _draw.integers(0, 7, (2, 5))
    lows = [np.floor(_real(2, 4) * 2), np.floor(_real(2, 4) * 2)]
    edges = [dict(extent=4, reflect=reflect, aligned=aligned) for reflect in (True, False) for aligned in (True, False)]
    beyond = [
        dict(extents=(3, 4), steps=steps, reflect=reflect, aligned=False)
        for steps, reflect in (((0,), None), ((0, 1), None), ((-1, 0, 1, 2), True))
    ]
    return {
        "bounded": [Sample([places], each) for each in edges],
        "bounded_slope": [Sample([places], each) for each in edges],
        "taps": [Sample(list(lows), each) for each in beyond],
        "pick": [Sample([_real(2, 3, 7), index])],
        "spread_back": [Sample([_real(2, 3, 5), index], dict(extent=7))],
        "crop": _cropped(),
        "split": [Sample([_real(2, 5)], dict(axis=1, sizes=(2, 3))), Sample([_real(4, 2)], dict(axis=0, sizes=(4,)))],
        "safe_softmax": [Sample([_real(2, 3)], dict(axis=1)), Sample([_real(2, 3, 4)], dict(axis=1))],
    }


def _cropped() -> list[Sample]:
    """Four results of two images: inside, beyond two edges, outside, mirrored; with bounds, too."""
    images = _draw.integers(0, 256, (2, 3, 5, 6)).astype(np.uint8)
    # With 2 added: rows begin at 0, -2, 3 and 4, columns at 1, -1, 6 and 5.
    places = np.array([[1, 0, 1, 0], [2, 0, 5, 6], [3, 1, 8, 7], [0, 0, 0, 1], [0, 1, 0, 1]])
    bounds = np.array([[1, 0, 0, 2], [3, 4, 2, 1], [0, 1, 0, 0], [4, 2, 4, 3]])
    plain: dict[str, Any] = dict(size=(4, 4), reach=(2, 2), bounded=False, fill=7)
    return [
        Sample([images, places[:3]], plain | dict(mirrors=(False, False))),
        Sample([images, places], plain | dict(mirrors=(True, True))),
        Sample([images, places[[0, 1, 2, 4]]], plain | dict(mirrors=(False, True), fill=0)),
        Sample([images, np.concatenate([places, bounds])], plain | dict(mirrors=(True, True), bounded=True)),
        Sample([_real(2, 1, 5, 6), places[:4]], plain | dict(mirrors=(True, False))),
    ]


def _attention() -> dict[str, list[Sample]]:
    q, k, v, scale = _real(2, 3, 4), _real(2, 5, 4), _real(2, 5, 3), _number(0.6)
    seen = np.broadcast_to(np.array([1, 0, 1, 1, 0], bool), (2, 3, 5)).copy()
    seen[1, 2] = False
    added = _real(2, 3, 5)
    g, sums, through = _real(2, 3, 3), _real(2, 3, low=3.0, high=4.0), _real(2, 3)
    plain, causal = dict(causal=False), dict(causal=True)
    return {
        "attention": [
            Sample([q, k, v, scale], plain, settings=1),
            Sample([q[0], k[0], v[0], scale], causal, settings=1),
            Sample([q, k, v, seen, scale], plain, settings=1),
            Sample([q, k, v, added, scale], causal, settings=1),
            Sample([q, k[:, :0], v[:, :0], scale], plain, smooth=False),
        ],
        "attention_gradient": [
            Sample([q, k, v, scale, g, sums, through], causal),
            Sample([q, k, v, seen, scale, g, sums, through], plain),
            Sample([q, k, v, added, scale, g, sums, through], plain),
        ],
    }


def _updates() -> dict[str, list[Sample]]:
    """Of optimizers: every term, and none."""
    sgd = dict(maximize=False, decays=False, momentum=False, dampened=False, nesterov=False)
    rich = dict(maximize=True, decays=True, momentum=True, dampened=True, nesterov=False)
    adam = dict(maximize=False, decays="", amsgrad=False, near=True)
    numbers = [_number(each) for each in (0.1, 0.999, 0.001, 0.8, 1e-8, -0.01)]

    def tensors(count: int, *shape: int) -> list[np.ndarray]:
        return [_real(*shape), _real(*shape), *[_real(*shape, low=0.0) for _ in range(count)]]

    return {
        "sgd_update": [
            Sample([*tensors(0, 3, 4), _number(-0.1)], sgd),
            Sample([*tensors(1, 3), _number(0.9), _number(-0.1)], sgd | dict(momentum=True, nesterov=True)),
            Sample([*tensors(1, 2), *map(_number, (0.01, 0.9, 0.7, -0.1))], rich),
            Sample([*tensors(0, 0, 2), _number(-0.1)], sgd),
        ],
        "total_norm": [Sample([_real(3, 4), _real(5), _real()]), Sample([_real(2, 2)]), Sample([_real(0), _real(300)])],
        "adam_update": [
            Sample([*tensors(2, 3, 4), *numbers], adam),
            Sample([*tensors(3), _number(0.99), *numbers], adam | dict(decays="weight", amsgrad=True, near=False)),
            Sample([*tensors(2, 5), _number(0.1), *numbers], adam | dict(decays="gradient", maximize=True)),
        ],
    }


LAYERS = (
    _activations() | _pairs() | _classes() | _norms() | _windows_and_tables() | _sampling() | _attention() | _updates()
)


def samples(name: str) -> list[Sample]:
    """The samples of an op; KeyError where there are none."""
    return LAYERS[name] if name in LAYERS else op_samples.samples(name)
