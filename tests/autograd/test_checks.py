"""`gradcheck` and `gradgradcheck`, and the detection of anomalies."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest

import rushlight

from .programs import alike, attempt, leaf


def twice_wrong(t: Any) -> Any:
    """A square whose first derivative is right and whose second is not."""

    class Slope(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, g: Any) -> Any:
            ctx.save_for_backward(x, g)
            return 2 * x * g

        @staticmethod
        def backward(ctx: Any, h: Any) -> Any:
            x, g = ctx.saved_tensors
            return 3 * g * h, 2 * x * h

    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return Slope.apply(ctx.saved_tensors[0], g)

    return Square.apply


def wrong(t: Any) -> Any:
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.sin()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 0.5

    return Wrong.apply


@alike
def test_gradcheck(t: Any) -> Any:
    x = t.tensor([[0.3, 1.2], [2.0, -0.7]], dtype=t.float64, requires_grad=True)
    y = t.tensor([0.5, -1.5], dtype=t.float64, requires_grad=True)
    plain = t.tensor([2.0, 3.0], dtype=t.float64)
    z = t.tensor([1 + 2j, 0.5 - 1j], dtype=t.complex128, requires_grad=True)
    check, again = t.autograd.gradcheck, t.autograd.gradgradcheck
    return [
        check(lambda x: x.tanh() @ x, (x,)),
        check(lambda x, y: (x * y, x.sum(0) / y), (x, y)),
        check(lambda x, y, p, n: x @ y * p**n, (x, y, plain, 2)),
        check(lambda z: z * z.conj() + z.exp(), (z,)),
        check(lambda z: z.abs(), (z,)),
        check(lambda y: t.complex(y, y * 2).exp(), (y,)),
        check(wrong(t), (y,), raise_exception=False),
        check(lambda y: y * y.detach(), (y,), raise_exception=False),
        again(lambda x: x.sigmoid(), (x,)),
        again(lambda x, y: x @ y, (x, y)),
        again(lambda z: z**3, (z,)),
        check(twice_wrong(t), (y,)),
        again(twice_wrong(t), (y,), raise_exception=False),
    ]


@alike
def test_failures_of_gradcheck(t: Any) -> Any:
    y = t.tensor([0.5, -1.5], dtype=t.float64, requires_grad=True)
    failure = attempt(t.autograd.gradcheck, wrong(t), (y,))
    unneeded = attempt(t.autograd.gradcheck, lambda y: y * 2, (y.detach(),))
    return failure.kind, failure.text.split(",")[0], unneeded


def failing(program: Any) -> list[str]:
    """What a program of ours that fails warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises((RuntimeError, ValueError), match="mine|returned nan values in its 0th output"):
            program(rushlight)
    return [str(each.message) for each in caught]


@alike
def test_detection_raises_and_restores(t: Any) -> Any:
    x = t.zeros(2, requires_grad=True)
    seen = [(t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled())]

    def detect(**options: Any) -> None:
        with t.autograd.detect_anomaly(**options):
            seen.append((t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()))
            (x.sqrt() * 0).sum().backward()

    errors = [attempt(detect), attempt(detect, check_nan=False)]
    seen.append((t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()))
    with t.autograd.set_detect_anomaly(True):
        seen.append((t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()))
        errors.append(attempt(lambda: (x.pow(0.5) * 0).sum().backward()))
    t.autograd.set_detect_anomaly(True, check_nan=False)
    seen.append((t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()))
    t.autograd.set_detect_anomaly(False)
    seen.append((t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()))
    return errors, seen


def broken_function(t: Any, x: Any) -> Any:
    class Broken(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ValueError("mine")

    return Broken.apply(x)


LINES = [  # the function named, and a forward whose backward fails
    ("SqrtBackward0", lambda t, x: x.sqrt() * 0),
    ("BrokenBackward", broken_function),
    ("PowBackward0", lambda t, x: t.nn.functional.mse_loss(x.pow(0.5), x)),
    ("SqrtBackward0", lambda t, x: x.add(0).sqrt_() * 0),
    ("SoftmaxBackward0", lambda t, x: (x / x.sum()).softmax(0)),
]


@pytest.mark.parametrize("place", range(len(LINES)))
def test_detection_shows_the_line(place: int) -> None:
    name, forward = LINES[place]

    def program(t: Any) -> None:
        x = t.zeros(2, requires_grad=True)
        with t.autograd.detect_anomaly():
            forward(t, x).sum().backward()

    enabled, found = failing(program)
    assert enabled.startswith("Anomaly Detection has been enabled.")
    assert found.startswith(f"Error detected in {name}. Traceback of forward call that caused the error:")
    line = inspect.getsourcelines(forward)[1] if name != "BrokenBackward" else None
    assert f'File "{__file__}", line {line or ""}' in found
    assert not rushlight.is_anomaly_enabled()


def test_detection_without_a_forward_under_it() -> None:
    def program(t: Any) -> None:
        y = t.zeros(2, requires_grad=True).sqrt() * 0
        with t.autograd.detect_anomaly():
            y.sum().backward()

    found = failing(program)[1]
    assert found.startswith("Error detected in SqrtBackward0. No forward pass information available.")


@alike
def test_values_without_nan_pass(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    with t.autograd.set_detect_anomaly(True):
        (x.sqrt() * x).sum().backward()
        infinite = t.zeros(1, requires_grad=True)
        infinite.sqrt().backward()
    return x.grad, infinite.grad
