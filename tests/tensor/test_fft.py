"""`torch.fft` against PyTorch: results, names of gradient functions, both orders of gradients, errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

import rushlight

from ..both import Raised, assert_alike, check, run

Call = Callable[[Any, Any, Any], Any]  # of the library, a real tensor (2, 3), a complex one

PLAIN: list[Call] = [
    lambda t, x, c: t.fft.fft(x, n=0),
    lambda t, x, c: t.fft.fft(x, n=-1),
    lambda t, x, c: t.fft.fft(x, n=-2),
    lambda t, x, c: t.fft.fft(x, dim=5),
    lambda t, x, c: t.fft.fft(t.tensor(1.0)),
    lambda t, x, c: t.fft.fftn(t.tensor(1.0)),
    lambda t, x, c: t.fft.fft2(t.tensor([1.0])),
    lambda t, x, c: t.fft.fft(t.zeros(0)),
    lambda t, x, c: t.fft.fft(t.zeros(0, 3), dim=0),
    lambda t, x, c: t.fft.fft(x, norm="x"),
    lambda t, x, c: t.fft.fft(x, norm=None),
    lambda t, x, c: t.fft.fft(x.half()),
    lambda t, x, c: t.fft.fft(x.bfloat16()),
    lambda t, x, c: t.fft.fft(x.long()),
    lambda t, x, c: t.fft.fft(x > 1),
    lambda t, x, c: t.fft.rfft(c),
    lambda t, x, c: t.fft.ihfft(c),
    lambda t, x, c: t.fft.rfft2(c),
    lambda t, x, c: t.fft.rfftn(c),
    lambda t, x, c: t.fft.irfft(t.zeros(1)),
    lambda t, x, c: t.fft.irfft(t.zeros(3, 1)),
    lambda t, x, c: t.fft.irfft(c, n=0),
    lambda t, x, c: t.fft.irfft(c, n=1),
    lambda t, x, c: t.fft.fftn(x, s=(4,)),
    lambda t, x, c: t.fft.fftn(x, s=(4,), dim=(0,)),
    lambda t, x, c: t.fft.fftn(x, s=(4, 5, 6)),
    lambda t, x, c: t.fft.fftn(x, s=(4, 5), dim=(0,)),
    lambda t, x, c: t.fft.fftn(x, dim=(0, 0)),
    lambda t, x, c: t.fft.fftn(x, dim=(0, -2)),
    lambda t, x, c: t.fft.fftn(x, dim=()),
    lambda t, x, c: t.fft.fftn(x, s=()),
    lambda t, x, c: t.fft.rfftn(x, dim=()),
    lambda t, x, c: t.fft.irfftn(c, dim=()),
    lambda t, x, c: t.fft.fftn(x, s=(-1, 2)),
    lambda t, x, c: t.fft.fftn(x, s=(0, 2)),
    lambda t, x, c: t.fft.fft2(x, s=(2,)),
    lambda t, x, c: t.fft.fft2(x, dim=(0, 1, 0)),
    lambda t, x, c: t.fft.fft2(t.zeros(2, 3, 4), dim=(0, 1, 2)),
    lambda t, x, c: t.fft.fft2(t.zeros(3)),
    lambda t, x, c: t.fft.hfftn(x, dim=()),
    lambda t, x, c: t.fft.fftn(1),
    lambda t, x, c: t.fft.fft(1),
    lambda t, x, c: t.fft.fft(x, 2, 0),
    lambda t, x, c: t.fft.fft(x, out=t.empty(0, dtype=t.complex64)),
    lambda t, x, c: t.fft.fftfreq(5),
    lambda t, x, c: t.fft.fftfreq(5, d=0.5),
    lambda t, x, c: t.fft.fftfreq(5, dtype=t.float64),
    lambda t, x, c: t.fft.fftfreq(5, dtype=t.int64),
    lambda t, x, c: t.fft.fftfreq(0),
    lambda t, x, c: t.fft.fftfreq(-1),
    lambda t, x, c: t.fft.rfftfreq(5),
    lambda t, x, c: t.fft.rfftfreq(6, 2),
    lambda t, x, c: t.fft.rfftfreq(6, 2.0, requires_grad=True),
    lambda t, x, c: t.fft.fftfreq(4, 0),
    lambda t, x, c: t.fft.fftshift(x, dim=1),
    lambda t, x, c: t.fft.fftshift(x, dim=(0, 1)),
    lambda t, x, c: t.fft.fftshift(x, dim=5),
    lambda t, x, c: t.fft.fftshift(t.tensor(1.0)),
    lambda t, x, c: t.fft.ifftshift(t.arange(5)),
    lambda t, x, c: t.fft.ifftshift(t.arange(5), dim=[0]),
    lambda t, x, c: t.fft.fft(x, n=5)[..., 0],
    lambda t, x, c: t.fft.fft(x, n=2),
    lambda t, x, c: t.fft.irfft(c, n=10),
    lambda t, x, c: t.fft.hfft(c, n=3),
    lambda t, x, c: t.fft.hfft(c, norm="ortho"),
    lambda t, x, c: t.fft.ihfft(x, norm="forward"),
    lambda t, x, c: t.fft.fft(x, n=2.5),
    lambda t, x, c: t.fft.fft(x, dim=None),
    lambda t, x, c: t.fft.hfftn(c, s=(2,), dim=(0,)),
    lambda t, x, c: t.fft.ihfftn(x, s=(2,), dim=(0,)),
]

TRACKED: list[Call] = [
    lambda t, x, c: t.fft.fft(x),
    lambda t, x, c: t.fft.ifft(x),
    lambda t, x, c: t.fft.fft(c),
    lambda t, x, c: t.fft.rfft(x),
    lambda t, x, c: t.fft.irfft(x),
    lambda t, x, c: t.fft.irfft(c),
    lambda t, x, c: t.fft.hfft(x),
    lambda t, x, c: t.fft.hfft(c),
    lambda t, x, c: t.fft.ihfft(x),
    lambda t, x, c: t.fft.fft2(x),
    lambda t, x, c: t.fft.fft2(c),
    lambda t, x, c: t.fft.rfft2(x),
    lambda t, x, c: t.fft.irfft2(c),
    lambda t, x, c: t.fft.fftn(x),
    lambda t, x, c: t.fft.ifftn(x),
    lambda t, x, c: t.fft.ifftn(c),
    lambda t, x, c: t.fft.rfftn(x),
    lambda t, x, c: t.fft.irfftn(c),
    lambda t, x, c: t.fft.irfftn(x),
    lambda t, x, c: t.fft.hfft2(c),
    lambda t, x, c: t.fft.ihfft2(x),
    lambda t, x, c: t.fft.hfftn(c),
    lambda t, x, c: t.fft.ihfftn(x),
    lambda t, x, c: t.fft.fftshift(x),
    lambda t, x, c: t.fft.fft(c, n=5, norm="ortho"),
    lambda t, x, c: t.fft.ifft(x, n=2, dim=0, norm="forward"),
    lambda t, x, c: t.fft.rfft(x, n=5, norm="forward"),
    lambda t, x, c: t.fft.rfft(x, n=4, norm="ortho"),
    lambda t, x, c: t.fft.irfft(c, n=5, norm="ortho"),
    lambda t, x, c: t.fft.irfft(c, n=3, norm="forward"),
    lambda t, x, c: t.fft.hfft(c, n=5, norm="forward"),
    lambda t, x, c: t.fft.ihfft(x, n=5, norm="ortho"),
    lambda t, x, c: t.fft.rfftn(x, s=(4, 5), norm="forward"),
    lambda t, x, c: t.fft.irfftn(c, s=(3, 5), dim=(1, 0), norm="ortho"),
    lambda t, x, c: t.fft.hfftn(c, s=(3, 5), norm="backward"),
    lambda t, x, c: t.fft.ihfftn(x, s=(3, -1), norm="forward"),
]


def operands(t: Any, tracked: bool, kind: str = "float32") -> tuple[Any, Any]:
    x = t.arange(6.0, dtype=getattr(t, kind)).reshape(2, 3)
    c = x + 1j * (x.flip(1) * 0.5 - 1)
    return x.clone().requires_grad_(tracked), c.clone().requires_grad_(tracked)


def number(call: Call) -> str:
    return str(call.__code__.co_firstlineno)


@pytest.mark.parametrize("call", [*PLAIN, *TRACKED], ids=number)
def test_results_and_errors(call: Call) -> None:
    def program(t: Any) -> Any:
        return call(t, *operands(t, False))

    ours, theirs = run(program, rushlight), run(program, torch)
    if isinstance(theirs, Raised) and isinstance(ours, Raised):
        ours.text = re.sub(r" — fft2?n?: convert.*", "", ours.text)
    assert_alike(ours, theirs, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("call", TRACKED, ids=number)
def test_two_orders_of_gradients(call: Call) -> None:
    def program(t: Any) -> Any:
        x, c = operands(t, True, "float64")
        result = call(t, x, c)
        if t.is_complex(result):
            result = t.view_as_real(result.resolve_conj())
        weights = t.linspace(-1, 2, result.numel(), dtype=t.float64).reshape(result.shape)
        loss = (result * result * weights).sum()
        first = t.autograd.grad(loss, [x, c], create_graph=True, allow_unused=True)
        first = [g for g in first if g is not None]
        squares = sum((t.view_as_real(g.resolve_conj()) if t.is_complex(g) else g).square().sum() for g in first)
        second = t.autograd.grad(squares, [x, c], allow_unused=True)
        return first, [g for g in second if g is not None]

    check(program, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("call", TRACKED, ids=number)
def test_names_of_gradient_functions(call: Call) -> None:
    check(lambda t: call(t, *operands(t, True)).grad_fn.name())


@pytest.mark.parametrize("size", [1, 2, 7, 8, 30])
def test_a_transform_and_back(size: int) -> None:
    signal = rushlight.randn(3, size, dtype=rushlight.float64)
    rushlight.testing.assert_close(rushlight.fft.irfft(rushlight.fft.rfft(signal), size), signal)
    rushlight.testing.assert_close(rushlight.fft.ifft(rushlight.fft.fft(signal)).real, signal)
    rushlight.testing.assert_close(rushlight.fft.hfft(rushlight.fft.ihfft(signal), size), signal)
    rushlight.testing.assert_close(rushlight.fft.ifftshift(rushlight.fft.fftshift(signal)), signal)


def test_what_differs_from_pytorch() -> None:
    x, c = operands(rushlight, False)
    assert rushlight.fft.fft(rushlight.zeros(0, 3)).shape == (0, 3)  # MKL refuses it
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Float"):
        rushlight.fft.fft(x, out=rushlight.empty(0))
    with pytest.raises(RuntimeError, match="ihfftn expects a real input tensor, but got ComplexFloat"):
        rushlight.fft.ihfft2(c)
    with pytest.raises(RuntimeError, match="requires a floating point or complex dtype — got torch.complex64"):
        rushlight.fft.fftfreq(5, dtype=rushlight.complex64)


def test_every_name_of_the_module_is_there() -> None:
    assert [name for name in torch.fft.__all__ if not hasattr(rushlight.fft, name)] == []
    assert sorted(rushlight.fft.__all__) == rushlight.fft.__all__
