"""Losses against PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

import rushlight

from .oracle import compare, inputs, same_error

REDUCTIONS = ["mean", "sum", "none"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


CLASSES = {
    "vector": ((4,), ()),
    "rows": ((5, 4), (5,)),
    "many rows": ((300, 10), (300,)),
    "sequence": ((3, 4, 6), (3, 6)),
    "image": ((2, 4, 3, 5), (2, 3, 5)),
    "volume": ((2, 4, 2, 3, 2), (2, 2, 3, 2)),
}
SETTINGS = {
    "plain": {},
    "weight": {"weight": True},
    "ignore": {"ignore_index": 1},
    "weight and ignore": {"weight": True, "ignore_index": 2},
    "smoothing": {"label_smoothing": 0.2},
    "smoothing, weight and ignore": {"weight": True, "ignore_index": 0, "label_smoothing": 0.1},
}


def _targets(shape: tuple[int, ...], count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, count, shape)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", CLASSES)
def test_class_indices(name: str, setting: str, reduction: str) -> None:
    shape, target_shape = CLASSES[name]
    count = shape[1] if len(shape) > 1 else shape[0]
    settings = dict(SETTINGS[setting])
    weighted = settings.pop("weight", False)
    x, weight = inputs(shape, (count,))

    def entropy(F, torch, x, t, w):  # type: ignore[no-untyped-def]
        return F.cross_entropy(x, t, weight=w.detach().abs() if weighted else None, reduction=reduction, **settings)

    compare(entropy, x, _targets(target_shape, count), weight)
    if "label_smoothing" in settings:
        return

    def likelihood(F, torch, x, t, w):  # type: ignore[no-untyped-def]
        return F.nll_loss(x, t, weight=w.detach().abs() if weighted else None, reduction=reduction, **settings)

    compare(likelihood, x, _targets(target_shape, count), weight)


def test_all_ignored() -> None:
    compare(lambda F, torch, x: F.cross_entropy(x, torch.full((3,), -100)), *inputs((3, 4)), gradgrad=False)


def test_extreme_logits() -> None:
    x = np.array([[1000.0, -1000.0, 0.0], [-np.inf, 0.0, 1.0], [50.0, 50.0, 50.0]])
    compare(lambda F, torch, x: F.cross_entropy(x, torch.tensor([0, 1, 2])), x, gradgrad=False)


def test_bytes_as_targets() -> None:
    compare(
        lambda F, torch, x: F.cross_entropy(x, torch.tensor([0, 1, 2], dtype=torch.uint8)),
        *inputs((3, 4)),
        rounded=False,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 4, 3)], ids=str)
def test_class_probabilities(shape: tuple[int, ...], reduction: str) -> None:
    def call(F, torch, x, t):  # type: ignore[no-untyped-def]
        return F.cross_entropy(x, t, reduction=reduction)

    axis = 1 if len(shape) > 1 else 0
    compare(call, *inputs(shape, shape))
    compare(
        lambda F, torch, x, t, w: F.cross_entropy(x, t, weight=w, label_smoothing=0.1, reduction=reduction),
        *inputs(shape, shape, (shape[axis],)),
    )


LINEAR = {
    "rows": (((5, 3), (4, 3), (4,)), (5,)),
    "vector": (((3,), (4, 3), (4,)), ()),
    "more axes": (((5, 3), (4, 2, 3), (4, 2)), (5, 2)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_cross_entropy(name: str) -> None:
    shapes, target_shape = LINEAR[name]

    def call(F, torch, t, x, w, b):  # type: ignore[no-untyped-def]
        return F.linear_cross_entropy(x, w, t, linear_bias=b, label_smoothing=0.1)

    compare(call, _targets(target_shape, 4), *inputs(*shapes))


def test_the_tutorials_gradient_functions() -> None:
    x = rushlight.ones(2, 3, requires_grad=True)
    w, b = rushlight.ones(4, 3, requires_grad=True), rushlight.ones(4, requires_grad=True)
    loss = rushlight.nn.functional.mse_loss(rushlight.nn.functional.linear(x, w, b), rushlight.zeros(2, 4))
    assert loss.grad_fn.name() == "MseLossBackward0"
    assert loss.grad_fn.next_functions[0][0].name() == "AddmmBackward0"


PAIRS = {
    "mse": lambda F, torch, x, y, r: F.mse_loss(x, y, reduction=r),
    "l1": lambda F, torch, x, y, r: F.l1_loss(x, y, reduction=r),
    "smooth l1": lambda F, torch, x, y, r: F.smooth_l1_loss(x, y, reduction=r, beta=0.7),
    "smooth l1, beta 0": lambda F, torch, x, y, r: F.smooth_l1_loss(x, y, reduction=r, beta=0.0),
    "huber": lambda F, torch, x, y, r: F.huber_loss(x, y, reduction=r, delta=0.6),
    "mse weight": lambda F, torch, x, y, r: F.mse_loss(x, y, reduction=r, weight=y.detach().abs()),
    "l1 weight": lambda F, torch, x, y, r: F.l1_loss(x, y, reduction=r, weight=y.detach().abs()),
    "huber weight": lambda F, torch, x, y, r: F.huber_loss(x, y, reduction=r, weight=y.detach().abs()),
    "soft margin": lambda F, torch, x, y, r: F.soft_margin_loss(x, y.detach().sign(), reduction=r),
    "margin ranking": lambda F, torch, x, y, r: F.margin_ranking_loss(x, y, (x * y).detach().sign(), 0.3, reduction=r),
    "hinge": lambda F, torch, x, y, r: F.hinge_embedding_loss(x, y.detach().sign(), reduction=r),
    "logits": lambda F, torch, x, y, r: F.binary_cross_entropy_with_logits(x, y, reduction=r),
    "logits weight": lambda F, torch, x, y, r: F.binary_cross_entropy_with_logits(x, y, y.detach()[0], reduction=r),
    "positive weight": lambda F, torch, x, y, r: F.binary_cross_entropy_with_logits(
        x, y, reduction=r, pos_weight=y.detach()[0].abs()
    ),
    "probabilities": lambda F, torch, x, y, r: F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), reduction=r),
    "probabilities weight": lambda F, torch, x, y, r: F.binary_cross_entropy(
        x.sigmoid(), y.detach().sigmoid(), y.detach()[0], reduction=r
    ),
    "poisson": lambda F, torch, x, y, r: F.poisson_nll_loss(x, y.detach().abs(), reduction=r),
    "poisson full": lambda F, torch, x, y, r: F.poisson_nll_loss(x, 4 * y.detach().abs(), full=True, reduction=r),
    "poisson rates": lambda F, torch, x, y, r: F.poisson_nll_loss(x.exp(), y.detach().abs(), False, reduction=r),
    "gaussian": lambda F, torch, x, y, r: F.gaussian_nll_loss(x, y, y.exp(), reduction=r),
    "gaussian full": lambda F, torch, x, y, r: F.gaussian_nll_loss(x, y, y[:, :1].exp(), full=True, reduction=r),
    "gaussian number": lambda F, torch, x, y, r: F.gaussian_nll_loss(x, y, 0.5, reduction=r),
    "divergence": lambda F, torch, x, y, r: F.kl_div(x.log_softmax(1), y.softmax(1), reduction=r),
    "divergence of logarithms": lambda F, torch, x, y, r: F.kl_div(
        x.log_softmax(1), y.log_softmax(1), reduction=r, log_target=True
    ),
    "multilabel soft margin": lambda F, torch, x, y, r: F.multilabel_soft_margin_loss(
        x, (y > 0) * 1.0 + 0 * x.detach(), reduction=r
    ),
    "cosine": lambda F, torch, x, y, r: F.cosine_embedding_loss(x, y, y.detach()[:, 0].sign(), 0.1, reduction=r),
    "triplet": lambda F, torch, x, y, r: F.triplet_margin_loss(x, y, 2 * y + x, reduction=r),
    "triplet swap": lambda F, torch, x, y, r: F.triplet_margin_loss(x, y, 2 * y + x, 0.5, 1, swap=True, reduction=r),
    "triplet distance": lambda F, torch, x, y, r: F.triplet_margin_with_distance_loss(
        x, y, 2 * y, distance_function=lambda a, b: (a - b).abs().sum(1), reduction=r
    ),
    "multi margin": lambda F, torch, x, y, r: F.multi_margin_loss(x, torch.tensor([0, 3, 2]), reduction=r),
    "multi margin square": lambda F, torch, x, y, r: F.multi_margin_loss(
        x, torch.tensor([0, 3, 2]), 2, 0.8, y.detach()[0].abs(), reduction=r
    ),
    "multilabel margin": lambda F, torch, x, y, r: F.multilabel_margin_loss(
        x, torch.tensor([[1, 2, -1, 0], [-1, 0, 1, 2], [3, 0, 1, 2]]), reduction=r
    ),
}
WITHOUT_LABEL = {"gaussian full", "gaussian", "gaussian number", "poisson", "poisson full", "poisson rates"}
ONCE = {"multi margin", "multi margin square", "multilabel margin"}  # PyTorch has no second derivative of these
NOT_ROUNDED = {"positive weight", "gaussian", "gaussian full", "multilabel soft margin"}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name: str, reduction: str) -> None:
    def call(F, torch, x, y):  # type: ignore[no-untyped-def]
        return PAIRS[name](F, torch, x, y, reduction)

    label = reduction == "mean" or name not in WITHOUT_LABEL and "multilabel soft" not in name
    compare(
        call,
        *inputs((3, 4), (3, 4)),
        label=label and "weight" not in name,
        gradgrad=name not in ONCE,
        rounded=name not in NOT_ROUNDED,
    )


def test_batch_mean_of_divergence() -> None:
    compare(
        lambda F, torch, x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"), *inputs((3, 4), (3, 4))
    )


def test_divergence_of_zero_probabilities() -> None:
    target = np.array([[0.0, 1.0], [0.5, 0.5]])
    compare(lambda F, torch, x, t: F.kl_div(x, t.detach(), reduction="none"), np.log(np.full((2, 2), 0.5)), target)


def test_probabilities_at_the_ends() -> None:
    x, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])
    compare(lambda F, torch, x, t: F.binary_cross_entropy(x, t.detach(), reduction="none"), x, t, gradgrad=False)


CTC = {
    "padded": ((9, 2, 5), [[1, 2, 2], [3, 4, 0]], (9, 7), (3, 2)),
    "joined": ((9, 2, 5), [1, 2, 2, 3, 4], (9, 7), (3, 2)),
    "empty target": ((6, 2, 5), [[1, 2], [3, 4]], (6, 6), (2, 0)),
    "too short": ((9, 2, 5), [[1, 2, 2], [3, 4, 1]], (2, 9), (3, 3)),
}


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", CTC)
def test_ctc(name: str, reduction: str, zero_infinity: bool) -> None:
    shape, targets, steps, lengths = CTC[name]

    def call(F, torch, x):  # type: ignore[no-untyped-def]
        return F.ctc_loss(
            x.log_softmax(2),
            torch.tensor(targets),
            torch.tensor(steps),
            torch.tensor(lengths),
            reduction=reduction,
            zero_infinity=zero_infinity,
        )

    compare(call, *inputs(shape), gradgrad=False, label=reduction != "none")


def test_ctc_unbatched() -> None:
    compare(
        lambda F, torch, x: F.ctc_loss(x.log_softmax(1), torch.tensor([1, 2]), torch.tensor(6), torch.tensor(2), 4),
        *inputs((6, 5)),
        gradgrad=False,
    )


X = np.random.default_rng(0).standard_normal((3, 4))
T = np.array([0, 1, 2])
ERRORS = {
    "range": lambda F, torch, x, t: F.cross_entropy(x, torch.tensor([0, 1, 9])),
    "negative": lambda F, torch, x, t: F.cross_entropy(x, torch.tensor([0, 1, -1])),
    "pending": lambda F, torch, x, t: F.cross_entropy(x, t + 3),
    "batch": lambda F, torch, x, t: F.cross_entropy(x, t[:2]),
    "axes": lambda F, torch, x, t: F.cross_entropy(x, torch.zeros(3, 4, dtype=torch.int64)),
    "floating": lambda F, torch, x, t: F.cross_entropy(x, torch.zeros(3)),
    "int": lambda F, torch, x, t: F.cross_entropy(x, t.int()),
    "weight": lambda F, torch, x, t: F.cross_entropy(x, t, weight=torch.ones(3)),
    "weight dtype": lambda F, torch, x, t: F.cross_entropy(x, t, weight=torch.ones(4).double()),
    "smoothing": lambda F, torch, x, t: F.cross_entropy(x, t, label_smoothing=1.5),
    "reduction": lambda F, torch, x, t: F.cross_entropy(x, t, reduction="x"),
    "input dtype": lambda F, torch, x, t: F.cross_entropy(x.long(), t),
    "probabilities": lambda F, torch, x, t: F.cross_entropy(x, torch.ones(3, 5)),
    "probabilities ignored": lambda F, torch, x, t: F.cross_entropy(x, torch.ones(3, 4), ignore_index=0),
    "sequence": lambda F, torch, x, t: F.cross_entropy(torch.ones(3, 4, 5), torch.zeros(3, 6, dtype=torch.int64)),
    "list": lambda F, torch, x, t: F.cross_entropy(x, [0, 1, 2]),
    "image": lambda F, torch, x, t: F.nll_loss(torch.ones(3, 4, 5, 5), torch.zeros(3, 5, 6, dtype=torch.int64)),
    "nll batch": lambda F, torch, x, t: F.nll_loss(x, t[:2]),
    "nll scalar": lambda F, torch, x, t: F.nll_loss(torch.ones(()), t),
    "mse": lambda F, torch, x, t: F.mse_loss(x, torch.ones(3, 5)),
    "mse reduction": lambda F, torch, x, t: F.mse_loss(x, x, reduction="x"),
    "mse of integers": lambda F, torch, x, t: F.mse_loss(t, t),
    "mse weight": lambda F, torch, x, t: F.mse_loss(x, x, weight=torch.ones(3)),
    "beta": lambda F, torch, x, t: F.smooth_l1_loss(x, x, beta=-1.0),
    "delta": lambda F, torch, x, t: F.huber_loss(x, x, delta=0),
    "bce shape": lambda F, torch, x, t: F.binary_cross_entropy(x.sigmoid(), torch.ones(3, 5)),
    "bce range": lambda F, torch, x, t: F.binary_cross_entropy(x.sigmoid() + 2, x.sigmoid()),
    "bce target": lambda F, torch, x, t: F.binary_cross_entropy(x.sigmoid(), x.sigmoid() + 1),
    "bce dtype": lambda F, torch, x, t: F.binary_cross_entropy(x.sigmoid(), (x > 0).long()),
    "bce weight": lambda F, torch, x, t: F.binary_cross_entropy(x.sigmoid(), x.sigmoid(), torch.ones(5)),
    "logits shape": lambda F, torch, x, t: F.binary_cross_entropy_with_logits(x, torch.ones(3, 5)),
    "logits dtype": lambda F, torch, x, t: F.binary_cross_entropy_with_logits(x, (x > 0).long()),
    "divergence": lambda F, torch, x, t: F.kl_div(x, t.reshape(3, 1)),
    "divergence reduction": lambda F, torch, x, t: F.kl_div(x, x, reduction="x"),
    "multi margin": lambda F, torch, x, t: F.multi_margin_loss(x, t[:2]),
    "multi margin p": lambda F, torch, x, t: F.multi_margin_loss(x, t, p=3),
    "multi margin range": lambda F, torch, x, t: F.multi_margin_loss(x, torch.tensor([9, 9, 9])),
    "multi margin weight": lambda F, torch, x, t: F.multi_margin_loss(x, t, weight=torch.ones(3)),
    "multilabel": lambda F, torch, x, t: F.multilabel_margin_loss(x, t),
    "multilabel range": lambda F, torch, x, t: F.multilabel_margin_loss(x, torch.full((3, 4), 9)),
    "soft margin": lambda F, torch, x, t: F.soft_margin_loss(x, torch.ones(3, 5)),
    "cosine axes": lambda F, torch, x, t: F.cosine_embedding_loss(torch.ones(2, 3, 4), torch.ones(2, 3, 4), t),
    "ranking": lambda F, torch, x, t: F.margin_ranking_loss(x, torch.ones(3), x),
    "triplet margin": lambda F, torch, x, t: F.triplet_margin_loss(x, x, x, margin=-1),
    "gaussian": lambda F, torch, x, t: F.gaussian_nll_loss(x, x, -torch.ones(3, 4)),
    "gaussian reduction": lambda F, torch, x, t: F.gaussian_nll_loss(x, x, torch.ones(3, 4), reduction="x"),
    "gaussian size": lambda F, torch, x, t: F.gaussian_nll_loss(x, x, torch.ones(5)),
    "poisson reduction": lambda F, torch, x, t: F.poisson_nll_loss(x, x, reduction="x"),
}
for _name, _arguments in {
    "steps": ((9, 8), (3, 3)),
    "lengths": ((8, 8), (3, 4)),
    "number": ((8,), (3, 3)),
}.items():
    ERRORS[f"ctc {_name}"] = lambda F, torch, x, t, a=_arguments: F.ctc_loss(
        torch.ones(8, 2, 4), torch.ones(2, 3, dtype=torch.int64), torch.tensor(a[0]), torch.tensor(a[1])
    )
ERRORS["ctc blank"] = lambda F, torch, x, t: F.ctc_loss(torch.ones(8, 2, 4), t, (8, 8), (1, 1), blank=4)


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    same_error(ERRORS[name], X, T)
