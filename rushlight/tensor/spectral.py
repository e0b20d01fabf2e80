"""Short-time Fourier transforms, and the windows they are taken through."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import FLOATING, bfloat16, dtype, float16, float32, int64
from ..ir import fourier, index, scalar, view
from ..ir.graph import Node
from .creation import _finish
from .geometry import require_cpu, strided
from .promotion import Defaults, promoted
from .public import functions, public, scalar_name
from .public import name as set_label
from .tensor import Tensor, from_array, node_of, wrap

# ---- windows ----


def _window(own: str, shape: Callable[..., Tensor], text: str, *settings: tuple[str, float]) -> Callable[..., Tensor]:
    """A function that makes a window; `shape(places, length, *settings)` gives its values, in the places' dtype."""

    def function(
        window_length: int,
        periodic: bool = True,
        *values: float,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: bool = False,
        requires_grad: bool = False,
        **named: float,
    ) -> Tensor:
        require_cpu(device, own)
        kind = dtype or Defaults.dtype
        if not isinstance(window_length, int):
            raise TypeError(
                f"{own}(): argument 'window_length' (position 1) must be int, not {type(window_length).__name__}"
            )
        if not kind.is_floating_point:
            raise RuntimeError(f"{own} expects floating point dtypes, got: {kind}")
        if layout not in (None, strided):
            raise RuntimeError(f"{own} is not implemented for sparse types, got: {layout}")
        if window_length < 0:
            raise RuntimeError(f"{own} requires non-negative window_length, got window_length={window_length}")
        if len(values) > len(settings):
            raise TypeError(f"{own}() takes at most {2 + len(settings)} positional arguments ({2 + len(values)} given)")
        chosen = dict(settings) | dict(zip(dict(settings), values, strict=False))
        for name in named:
            if name not in chosen:
                raise TypeError(f"{own}() got an unexpected keyword argument '{name}'")
        chosen |= named
        if window_length <= 1:
            return functions["ones"](window_length, dtype=kind, requires_grad=requires_grad)  # type: ignore[no-any-return]
        length = window_length + 1 if periodic else window_length  # a periodic one goes on where it begins
        places = functions["arange"](length, dtype=kind)
        return _finish(shape(places, length, *chosen.values())[:window_length].clone(), requires_grad)  # type: ignore[index]

    function.__name__ = function.__qualname__ = own
    function.__doc__ = text
    return public(method=False, out=False)(function)


def _hamming(places: Any, length: int, alpha: float, beta: float) -> Tensor:
    return places.mul_(2.0 * math.pi / (length - 1)).cos_().mul_(-beta).add_(alpha)  # type: ignore[no-any-return]


def _blackman(places: Any, length: int) -> Tensor:
    turns = places.mul_(math.pi / (length - 1))
    return turns.mul(4).cos_().mul_(0.08) - turns.mul(2).cos_().mul_(0.5) + 0.42  # type: ignore[no-any-return]


def _bartlett(places: Any, length: int) -> Tensor:
    rising = places.mul_(2.0 / (length - 1))
    return functions["minimum"](rising, 2.0 - rising)  # type: ignore[no-any-return]


def _kaiser(places: Any, length: int, beta: float) -> Tensor:
    kind = places.dtype
    across = places.to(float32 if kind in (float16, bfloat16) else kind).mul_(2.0 / (length - 1)).sub_(1.0)
    top = functions["i0"](functions["tensor"](float(beta), dtype=across.dtype))
    return ((1.0 - across * across).clamp_(min=0.0).sqrt_().mul_(beta).i0_() / top).to(kind)  # type: ignore[no-any-return]


hann_window = _window(
    "hann_window",
    lambda places, length: _hamming(places, length, 0.5, 0.5),
    """A raised cosine from 0 to 1 and back; a periodic one lacks the last 0.

    >>> import rushlight as torch
    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """,
)
hamming_window = _window(
    "hamming_window",
    _hamming,
    "alpha - beta · cos: a raised cosine that does not begin at 0.",
    ("alpha", 0.54),
    ("beta", 0.46),
)
blackman_window = _window(
    "blackman_window", _blackman, "A sum of two cosines, with lower side lobes than Hann's window."
)
bartlett_window = _window("bartlett_window", _bartlett, "A triangle from 0 to 1 and back.")
kaiser_window = _window(
    "kaiser_window", _kaiser, "Kaiser's window: narrower in frequency for smaller beta.", ("beta", 12.0)
)

# ---- what both transforms check ----


def _described(value: Tensor | None) -> str:
    return "None" if value is None else f"{value.type()}{{{list(value.shape)}}}"  # type: ignore[attr-defined]


def _shown(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _call(op: str, input: str, window: Tensor | None, n_fft: int, hop: int, win: int, **options: Any) -> str:
    """The call in PyTorch's words, as its errors begin."""
    listed = "".join(f", {name}={_shown(value)}" for name, value in options.items())
    return f"{op}({input}, n_fft={n_fft}, hop_length={hop}, win_length={win}, window={_described(window)}{listed})"


def _centred(window: Node, n_fft: int) -> Node:
    """The window with zeros on both sides, as long as the transform."""
    size = window.type.shape[0]
    left = (n_fft - size) // 2
    return view.pad(window, (left,), (n_fft - size - left,)) if size < n_fft else window


# ---- stft ----


def _extended(signal: Node, width: int, mode: str) -> Node:
    """Rows (…, length) with `width` more values at both ends, made as `mode` says."""
    shape, last = signal.type.shape, signal.type.ndim - 1
    length, listed = shape[-1], [1] * (last < 2) + list(shape)
    if mode == "constant":
        return view.pad(signal, (*(0,) * last, width), (*(0,) * last, width))
    ways = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in ways:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if not signal.type.size:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {listed}"
        )
    if mode == "reflect" and width >= length:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({width}, {width}) at dimension 2 of input {listed}"
        )
    if mode == "circular" and width > length:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    places = np.pad(np.arange(length), (width, width), mode=ways[mode])  # type: ignore[call-overload]
    places_first = index.take(view.permute(signal, (last, *range(last))), node_of(from_array(places, int64)))
    return view.permute(places_first, (*range(1, last + 1), 0))


def _check_stft(call: str, input: Tensor, length: int, n_fft: int, hop: int, win: int, window: Tensor | None) -> None:
    wrong = None
    if input.dtype.category < FLOATING:
        wrong = "expected a tensor of floating point or complex values"
    elif input.ndim not in (1, 2):
        wrong = "expected a 1D or 2D tensor"
    elif not 0 < n_fft <= length:
        wrong = f"expected 0 < n_fft < {length}, but got n_fft={n_fft}"
    elif hop <= 0:
        wrong = f"expected hop_length > 0, but got hop_length={hop}"
    elif not 0 < win <= n_fft:
        wrong = f"expected 0 < win_length <= n_fft, but got win_length={win}"
    elif window is not None and tuple(window.shape) != (win,):
        wrong = (
            f"expected a 1D window tensor of size equal to win_length={win}, but got window with size "
            f"{list(window.shape)}"
        )
    if wrong:
        raise RuntimeError(f"{call} : {wrong}")


def _warn_of_no_window(more: str) -> None:
    warnings.warn(
        f"A window was not provided. A rectangular window will be applied{more}To suppress this warning and use a "
        "rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`.",
        UserWarning,
        stacklevel=4,
    )


def _frames(signal: Node, window: Tensor | None, n_fft: int, hop: int, win: int) -> tuple[Node, bool]:
    """The parts of each row, (N, parts, n_fft), seen through the window; whether all is real."""
    parts = view.window(signal, size=(n_fft,), stride=(hop,), dilation=(1,))
    if window is None and win < n_fft:
        window = functions["ones"](win, dtype=wrap(signal).dtype)
    if window is not None:
        one, other = promoted(wrap(parts), window, op="stft")
        parts = scalar.mul(one, _centred(other, n_fft))
    return parts, not parts.type.dtype.is_complex


@public(out=False)
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The transforms of overlapping parts of a signal (length,) or signals (N, length): (…, frequencies, parts).

    Args:
        n_fft, hop_length: how long a part is, and how far from one to the next (n_fft // 4).
        win_length, window: the window's length (n_fft) and values (1).
        center: the signal is extended as `pad_mode` says ("reflect", "replicate", "circular", "constant"), so that the
            middle of part t is value t · hop_length.
        normalized: divide by √n_fft.
        onesided: half of the frequencies, as the others mirror them; the default for real signals.
        return_complex: False gives pairs of real numbers. To be given for real signals.
        align_to_window: without `center`, whether parts begin with the window instead of n_fft.

    >>> import rushlight as torch
    >>> torch.stft(torch.arange(8.0), 4, window=torch.hann_window(4), return_complex=True).shape
    torch.Size([3, 9])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"stft(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if window is None:
        _warn_of_no_window(
            ",which is known to cause spectral leakage. Other windows such as torch.hann_window or torch.hamming_window "
            "are recommended to reduce spectral leakage."
        )
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    has_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    signal = node_of(input)
    rows = view.reshape(signal, (1, *signal.type.shape)) if input.ndim == 1 else signal
    if center and rows.type.ndim in (2, 3):
        rows = _extended(rows, n_fft // 2, pad_mode)
    shown = list(rows.type.shape[1:] if input.ndim == 1 else rows.type.shape)
    options = dict(normalized=normalized, onesided=onesided, return_complex=return_complex)
    call = _call(
        "stft",
        f"{input.type()}{shown}",
        window,
        n_fft,
        hop,
        win,
        **options,
        align_to_window=align_to_window,  # type: ignore[attr-defined]
    )
    if return_complex is None and not has_complex:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require that "
            "return_complex=True in a future PyTorch release."
        )
    _check_stft(call, input, shown[-1] if shown else 0, n_fft, hop, win, window)
    if has_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if align_to_window and win < n_fft:
        left = (n_fft - win) // 2
        rows = view.pad(rows, (0, left), (0, n_fft - win - left))
    parts, real = _frames(rows, window, n_fft, hop, win)
    scale = "root" if normalized else "one"
    if real and onesided is not False:
        spectrum = fourier.half(parts, axis=2, scale=scale)
    else:
        spectrum = fourier.transform(parts, axes=(2,), inverse=False, scale=scale)
    result: Any = wrap(spectrum).transpose(1, 2)  # type: ignore[attr-defined]
    if input.ndim == 1:
        result = result.squeeze(0)
    if return_complex is False:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors "
            "for all inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real "
            "on the complex output to recover the old return format.",
            UserWarning,
            stacklevel=3,
        )
        return functions["view_as_real"](result)  # type: ignore[no-any-return]
    return result  # type: ignore[no-any-return]


# ---- istft ----


def _check_istft(call: str, input: Tensor, n_fft: int, hop: int, win: int, window: Tensor | None, half: bool) -> None:
    wrong = None
    if not input.numel():
        wrong = "input tensor cannot be empty."
    elif input.ndim not in (2, 3):
        wrong = f"expected a tensor with 3 or 4 dimensions, but got {input.ndim + 1}"
    elif half and n_fft // 2 + 1 != input.shape[-2]:
        wrong = (
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when "
            f"onesided=True, but got {input.shape[-2]}"
        )
    elif not half and n_fft != input.shape[-2]:
        wrong = (
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when onesided=False, "
            f"but got {input.shape[-2]}"
        )
    elif not 0 < hop <= win:
        wrong = "expected 0 < hop_length <= win_length"
    elif not 0 < win <= n_fft:
        wrong = "expected 0 < win_length <= n_fft"
    elif window is not None and tuple(window.shape) != (win,):
        wrong = "Invalid window shape. window has to be 1D and length of `win_length`"
    if wrong:
        raise RuntimeError(f"{call} : {wrong}")


def _added_up(parts: Node, hop: int, length: int) -> Node:
    """Overlapping parts (N, parts, n_fft) added up to rows (N, length)."""
    size = parts.type.shape[2]
    return view.fold(parts, shape=(parts.type.shape[0], length), size=(size,), stride=(hop,), dilation=(1,))


def _signal(spectrum: Node, n_fft: int, scale: str, complex_wanted: bool) -> Node:
    """The parts (N, parts, n_fft) of which the spectrum (N, frequencies, parts) is made: real ones from half of it."""
    spectrum = view.permute(spectrum, (0, 2, 1))
    if complex_wanted:
        return fourier.transform(spectrum, axes=(2,), inverse=True, scale=scale)
    half = (*spectrum.type.shape[:2], n_fft // 2 + 1)
    return fourier.whole(view.slice_(spectrum, (0, 0, 0), half), axis=2, size=n_fft, scale=scale)


@public(out=False)
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal (length,), or signals, of which `stft` with the same arguments gives the input, (…, frequencies, parts).

    The parts are added up and divided by what the windows add up to, which must not be 0 anywhere. length: how much of
    the signal is wanted; zeros follow where there is less.

    >>> import rushlight as torch
    >>> signal, window = torch.arange(8.0), torch.hann_window(4)
    >>> torch.istft(torch.stft(signal, 4, window=window, return_complex=True), 4, window=window)
    tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"istft(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if window is None:
        _warn_of_no_window(".Please provide the same window used by stft to make the inversion lossless.")
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if input.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-2, 1], but got -3) — istft")
    half = onesided if onesided is not None else n_fft != input.shape[-2]
    call = _call(
        "istft",
        f"CPU{scalar_name(input.dtype)}Type{list(input.shape)}",
        window, n_fft, hop, win,
        center=center, normalized=normalized, onesided=onesided, length=length, return_complex=return_complex,
    )  # fmt: skip
    _check_istft(call, input, n_fft, hop, win, window, half)
    if window is not None and window.dtype.is_complex and not return_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    if return_complex and half:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    spectrum = node_of(input)
    rows = view.reshape(spectrum, (1, *spectrum.type.shape)) if input.ndim == 2 else spectrum
    parts = _signal(rows, n_fft, "root" if normalized else "size", return_complex)
    if window is None:
        window = functions["ones"](win, dtype=parts.type.dtype)
    one, other = promoted(wrap(parts), window, op="istft")
    result = _overlapped(call, one, _centred(other, n_fft), hop, center, length)
    if input.ndim == 2:
        label = "SqueezeBackward1"
        result = view.reshape(result, result.type.shape[1:])
    else:
        label = "DivBackward0"
    tensor = wrap(result)
    set_label(tensor, label)
    return tensor


def _overlapped(call: str, parts: Node, window: Node, hop: int, center: bool, length: int | None) -> Node:
    """The rows that the parts (N, parts, n_fft) give, cut to what is wanted."""
    n_fft = window.type.shape[0]
    count = parts.type.shape[1]
    whole = n_fft + hop * (count - 1)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else whole - n_fft // 2 if center else whole
    until = max(min(end, whole), start)
    total = _added_up(scalar.mul(parts, window), hop, whole)
    squares = view.expand(view.reshape(scalar.square(window), (1, 1, n_fft)), (1, count, n_fft))
    weight = view.slice_(_added_up(squares, hop, whole), (0, start), (1, until))
    if until > start and float(np.abs(wrap(weight)._array()).min()) <= 1e-11:
        raise RuntimeError(
            f"{call} window overlap add min: the windows add up to 0 somewhere in the signal, so that it cannot be found; "
            "use a window without zeros, a smaller hop_length, or center=True"
        )
    rows = scalar.div(view.slice_(total, (0, start), (parts.type.shape[0], until)), weight)
    if end > until:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=4,
        )
        rows = view.pad(rows, (0, 0), (0, end - until))
    return rows
