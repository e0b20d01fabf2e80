"""`stft`, `istft` and windows against PyTorch."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import rushlight

from ..both import Program, Raised, assert_alike, check, run, warned

NAMES = ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_windows(name: str, periodic: bool) -> None:
    def program(t: Any) -> Any:
        make = getattr(t, name)
        kinds = [make(9, periodic, dtype=kind) for kind in (t.float32, t.float64, t.float16, t.bfloat16)]
        return kinds, [make(count, periodic=periodic) for count in (0, 1, 2, 3, 16)], make(4, requires_grad=True)

    check(program, rtol=1e-5, atol=1e-6)


WINDOWS: dict[str, Program] = {
    "alpha": lambda t: (t.hamming_window(5, True, 0.5), t.hamming_window(5, periodic=False, alpha=0.5, beta=0.4)),
    "beta": lambda t: (t.kaiser_window(5, True, 6.0), t.kaiser_window(5, False, 0.5, dtype=t.float64)),
    "negative": lambda t: t.hann_window(-1),
    "fraction": lambda t: t.hann_window(5.5),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_settings_of_windows(name: str) -> None:
    check(WINDOWS[name])


def test_wrong_windows() -> None:
    for call, kind, text in (
        (lambda: rushlight.hann_window(5, dtype=rushlight.int64), RuntimeError, "expects floating point dtypes"),
        (lambda: rushlight.hann_window(5, layout=rushlight.sparse_coo), RuntimeError, "not implemented for sparse"),
        (lambda: rushlight.hann_window(5, True, 0.5), TypeError, "takes at most 2 positional arguments"),
        (lambda: rushlight.kaiser_window(5, gamma=2.0), TypeError, "unexpected keyword argument 'gamma'"),
    ):
        with pytest.raises(kind, match=text):
            call()


SIGNAL: dict[str, dict[str, Any]] = {
    "plain": {},
    "hop": dict(hop_length=3),
    "short window": dict(hop_length=4, win_length=6),
    "not centred": dict(center=False),
    "constant": dict(pad_mode="constant"),
    "replicate": dict(pad_mode="replicate"),
    "circular": dict(pad_mode="circular"),
    "both sides": dict(onesided=False),
    "normalized": dict(normalized=True),
    "odd": dict(n_fft=7, hop_length=2, win_length=5),
    "aligned": dict(center=False, win_length=4, align_to_window=True),
    "not aligned": dict(center=False, win_length=4, align_to_window=False),
}


def transformed(t: Any, signal: Any, settings: dict[str, Any]) -> Any:
    given = {"n_fft": 8, "return_complex": True, **settings}
    size = given.get("win_length", given["n_fft"])
    window = t.hann_window(size, dtype=t.float64, requires_grad=True)
    return t.stft(signal, window=window, **given), window


@pytest.mark.parametrize("name", SIGNAL)
@pytest.mark.parametrize("shape", [(20,), (2, 20)], ids=str)
def test_transforms_and_two_gradients(name: str, shape: tuple[int, ...]) -> None:
    def program(t: Any) -> Any:
        signal = t.randn(shape, dtype=t.float64, requires_grad=True)
        result, window = transformed(t, signal, SIGNAL[name])
        pairs = t.view_as_real(result)
        loss = (pairs.square() * t.linspace(-1, 2, pairs.numel(), dtype=t.float64).view(pairs.shape)).sum()
        first = t.autograd.grad(loss, [signal, window], create_graph=True)
        second = t.autograd.grad(sum(g.square().sum() for g in first), [signal, window])
        return result, result.stride(), first, second

    check(program, rtol=1e-8, atol=1e-9)


BACK = [name for name in SIGNAL if name not in ("not centred", "aligned", "not aligned", "short window")]


@pytest.mark.parametrize("name", BACK)
@pytest.mark.parametrize("shape", [(21,), (2, 21)], ids=str)
def test_and_back(name: str, shape: tuple[int, ...]) -> None:
    settings = {key: value for key, value in SIGNAL[name].items() if key != "pad_mode"}

    def program(t: Any) -> Any:
        signal = t.randn(shape, dtype=t.float64, requires_grad=True)
        result, window = transformed(t, signal, settings)
        again = {"n_fft": 8, **settings}
        results = [t.istft(result, window=window, **again, length=length) for length in (None, 21, 10)]
        loss = sum((part.square() * t.linspace(0, 1, part.shape[-1], dtype=t.float64)).sum() for part in results)
        return results, t.autograd.grad(loss, [signal, window])

    check(program, rtol=1e-8, atol=1e-9)


CALLS: dict[str, Program] = {
    "no window": lambda t: t.stft(t.arange(20.0), 8, return_complex=True),
    "no window, short": lambda t: t.stft(t.arange(20.0), 8, 4, 6, return_complex=True),
    "real pairs": lambda t: t.stft(t.arange(20.0), 8, window=t.hann_window(8), return_complex=False),
    "method": lambda t: t.arange(20.0).stft(8, window=t.hann_window(8), return_complex=True),
    "complex signal": lambda t: t.stft(t.arange(20.0) + 1j, 8, window=t.hann_window(8)),
    "complex window": lambda t: t.stft(t.arange(20.0), 8, window=t.hann_window(8) + 1j),
    "complex, one side": lambda t: t.stft(t.arange(20.0) + 1j, 8, window=t.hann_window(8), onesided=True),
    "wider window": lambda t: t.stft(t.arange(20.0), 8, window=t.hann_window(8).double(), return_complex=True),
    "return_complex": lambda t: t.stft(t.arange(20.0), 8, window=t.hann_window(8)),
    "window of another size": lambda t: t.stft(t.ones(20), 8, 4, 6, window=t.hann_window(8), return_complex=True),
    "window a matrix": lambda t: t.stft(t.ones(20), 8, window=t.ones(1, 8), return_complex=True),
    "three axes": lambda t: t.stft(t.ones(1, 1, 20), 8, window=t.hann_window(8), return_complex=True),
    "padding": lambda t: t.stft(t.ones(20), 8, window=t.hann_window(8), pad_mode="mirror", return_complex=True),
    "long": lambda t: t.stft(t.ones(20), 50, return_complex=True),
    "long circular": lambda t: t.stft(t.ones(3), 8, pad_mode="circular", return_complex=True),
    "long, not centred": lambda t: t.stft(t.ones(20), 50, center=False, return_complex=True),
    "nothing": lambda t: t.stft(t.ones(20), 0, return_complex=True),
    "no hop": lambda t: t.stft(t.ones(20), 8, 0, return_complex=True),
    "window of nothing": lambda t: t.stft(t.ones(20), 8, 2, 0, return_complex=True),
    "window too long": lambda t: t.stft(t.ones(20), 8, 2, 9, return_complex=True),
    "integers": lambda t: t.stft(t.ones(20).long(), 8, return_complex=True),
    "align": lambda t: t.stft(t.ones(20), 8, window=t.ones(8), align_to_window=True, return_complex=True),
    "empty": lambda t: t.stft(t.zeros(0), 8, return_complex=True),
    "back, no window": lambda t: t.istft(t.ones(5, 4) + 1j, 8),
    "back, longer": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.ones(8), length=30),
    "back, not centred": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.ones(8), center=False),
    "back, complex": lambda t: t.istft(t.ones(8, 4) + 1j, 8, window=t.hann_window(8) + 0.5j, return_complex=True),
    "back, real of both sides": lambda t: t.istft(t.ones(8, 4) + 1j, 8, window=t.ones(8)),
    "back, wider window": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.ones(8).double()),
    "back, short window": lambda t: t.istft(t.ones(5, 4) + 1j, 8, 2, 6, window=t.ones(6)),
    "back, one side complex": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.ones(8), return_complex=True),
    "back, complex window": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.ones(8) + 0j),
    "back, frequencies": lambda t: t.istft(t.ones(5, 4) + 1j, 6, window=t.ones(6)),
    "back, one side": lambda t: t.istft(t.ones(5, 4) + 1j, 5, window=t.ones(8), onesided=True),
    "back, both sides": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.ones(8), onesided=False),
    "back, no hop": lambda t: t.istft(t.ones(5, 4) + 1j, 8, 0, window=t.ones(8)),
    "back, wide hop": lambda t: t.istft(t.ones(5, 4) + 1j, 8, 9, window=t.ones(8)),
    "back, long window": lambda t: t.istft(t.ones(5, 4) + 1j, 8, 2, 9, window=t.ones(8)),
    "back, window": lambda t: t.istft(t.ones(5, 4) + 1j, 8, 2, 6, window=t.ones(8)),
    "back, empty": lambda t: t.istft(t.ones(5, 0) + 1j, 8, window=t.ones(8)),
    "back, four axes": lambda t: t.istft(t.ones(1, 1, 5, 3) + 1j, 8, window=t.ones(8)),
    "back, one axis": lambda t: t.istft(t.ones(5) + 1j, 8, window=t.ones(8)),
    "back, real": lambda t: t.istft(t.ones(5, 3), 8, window=t.ones(8)),
    "back, zeros": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.zeros(8)),
    "back, zeros outside": lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.hann_window(8), center=False),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_and_errors(name: str) -> None:
    ours, theirs = run(CALLS[name], rushlight), run(CALLS[name], torch)
    if isinstance(theirs, Raised) and "window overlap add min" in theirs.text:
        assert isinstance(ours, Raised)
        ours.text = re.sub(r" window overlap add min.*", "", ours.text)
        theirs.text = re.sub(r" window overlap add min.*", "", theirs.text, flags=re.DOTALL)
    assert_alike(ours, theirs, rtol=1e-5, atol=1e-5)


def test_warnings() -> None:
    program: Program = lambda t: t.stft(t.ones(20), 8, return_complex=False)  # noqa: E731
    assert [text.partition(",which")[0] for _, text in warned(program, rushlight)] == [
        "A window was not provided. A rectangular window will be applied",
        "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors for "
        "all inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on the "
        "complex output to recover the old return format.",
    ]
    (back,) = warned(lambda t: t.istft(t.ones(5, 4) + 1j, 8, window=t.ones(8), length=30), rushlight)
    assert back[1].startswith("The length of signal is shorter than the length parameter.")
