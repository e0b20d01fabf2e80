"""How tensors print: the text PyTorch gives, character for character.

An element's text depends on the tensor as a whole: whether all shown values are integral, whether they span too wide
a range for fixed point, and how wide the widest is. So the shown part is cut out first, formatted once as a flat list,
and then laid out in brackets. Options are one mutable record, as in PyTorch.

>>> import numpy as np
>>> from rushlight.dtype import float32
>>> format_tensor(np.array([1.5, 2], "f4"), float32)
'tensor([1.5000, 2.0000])'
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..dtype import bool_, complex64, complex128, decode, dtype, float32, float64, int64
from ..errors import InternalError


@dataclasses.dataclass
class PrintOptions:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: float = 80
    sci_mode: bool | None = None


OPTIONS = PrintOptions()

_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

# Beyond these, fixed point gives way to scientific notation.
_WIDEST_RATIO = 1e3
_LARGEST_FIXED = 1e8
_SMALLEST_FIXED = 1e-4


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print: digits, when to summarise and how many items to show then, line width, notation.

    `profile` is 'default', 'short' or 'full'; the other arguments override it, and None leaves an option as it is,
    except `sci_mode`, where None means "decide for each tensor", as in PyTorch. Unlike PyTorch, an unknown profile is
    a ValueError.

    >>> import rushlight as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1.12345])
    tensor([1.12])
    >>> torch.set_printoptions(profile="default")
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen: dict[str, float] = {}
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: profile {profile!r} is not one of {', '.join(map(repr, _PROFILES))}")
        chosen.update(_PROFILES[profile])
    chosen.update({name: value for name, value in given.items() if value is not None})
    for name, value in chosen.items():
        setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options now in force, as keywords for `set_printoptions`."""
    return dataclasses.asdict(OPTIONS)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Set options as `set_printoptions` does, for the length of a `with` block.

    >>> import rushlight as torch
    >>> with torch.printoptions(precision=1):
    ...     print(torch.tensor([0.25, 1.0]))
    tensor([0.2, 1.0])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def format_tensor(
    array: np.ndarray | None,
    dtype: dtype,
    *,
    shape: Sequence[int] | None = None,
    grad_fn_name: str | None = None,
    requires_grad: bool = False,
    is_leaf: bool = True,
    class_name: str = "tensor",
    is_parameter: bool = False,
    device: object = "cpu",
    default_dtype: dtype = float32,
    default_device: object = "cpu",
    indent: int = 0,
) -> str:
    """The text `repr` gives for a tensor with these values and properties.

    `array` holds the values, decoded or in storage form (then only the shown part is decoded); it is None for a tensor
    without data (device 'meta'), where `shape` is needed. `class_name` is the name of the tensor's class where that is
    not Tensor itself; `is_parameter` says that it is Parameter or derives from it. (The line "Parameter containing:" is
    added by Parameter's own `repr`.) `indent` is the number of columns already taken on the first line.
    """
    if shape is None:
        if array is None:
            raise InternalError("format_tensor: a tensor without data needs its shape")
        shape = array.shape
    prefix = "tensor(" if class_name == "Parameter" else f"{class_name}("
    column = indent + len(prefix)

    suffixes = []
    if _device_type(device) != _device_type(default_device):
        suffixes.append(f"device='{device}'")
    shows_values = array is not None and array.size > 0
    if (array is None) or (not shows_values and len(shape) != 1) or (shows_values and not OPTIONS.edgeitems):
        suffixes.append(f"size={tuple(shape)}")
    if not _goes_without_saying(dtype, default_dtype, shows_values):
        suffixes.append(f"dtype={dtype}")
    if grad_fn_name is not None and not is_leaf:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")

    body = "..." if array is None else format_values(array, dtype, column)
    text = with_suffixes(prefix + body, suffixes, column, indent)
    return f"Parameter({text})" if is_parameter and prefix != "tensor(" else text


def format_values(array: np.ndarray, dtype: dtype, column: int) -> str:
    """The bracketed values alone; `column` is where the outermost bracket stands."""
    if array.size == 0:
        return "[]"
    summarise = array.size > OPTIONS.threshold
    if summarise and array.ndim and not OPTIONS.edgeitems:
        return "[...]"
    cut = tuple(summarise and length > 2 * OPTIONS.edgeitems for length in array.shape)
    shown = _shown_part(array, cut)
    if shown.dtype == dtype.storage != dtype.compute:
        shown = decode(shown, dtype)
    texts, width = _texts_of(shown, dtype)
    layout = _Layout(iter(texts), shown.shape, cut, width)
    return layout.brackets(0, column) if array.ndim else texts[0]


def _device_type(device: object) -> str:
    return str(device).partition(":")[0]


def _goes_without_saying(of: dtype, default: dtype, shows_values: bool) -> bool:
    """Whether the printed values imply the dtype, so that it need not be named."""
    if not shows_values:
        return of is default
    return of in (default, complex128 if default is float64 else complex64, int64, bool_)


def _shown_part(array: np.ndarray, cut: tuple[bool, ...]) -> np.ndarray:
    """The array without what the '...' stand for: the first and last items along each cut axis."""
    edge = OPTIONS.edgeitems
    for axis, is_cut in enumerate(cut):
        if is_cut:
            front, back = [slice(None)] * array.ndim, [slice(None)] * array.ndim
            front[axis], back[axis] = slice(0, edge), slice(array.shape[axis] - edge, None)
            array = np.concatenate([array[tuple(front)], array[tuple(back)]], axis)
    return array


def _texts_of(shown: np.ndarray, dtype: dtype) -> tuple[list[str], int]:
    """Each element's text, padded, in row-major order; and the width to count for each when lines are broken."""
    flat = shown.reshape(-1)
    if dtype.is_complex:
        real, real_width = _real_texts(flat.real)
        imaginary, imaginary_width = _real_texts(flat.imag)
        return [_join_complex(*parts) for parts in zip(real, imaginary, strict=True)], real_width + imaginary_width + 1
    if dtype.is_floating_point:
        return _real_texts(flat)
    return _padded([str(value) for value in flat.tolist()], [True] * flat.size)


def _real_texts(flat: np.ndarray) -> tuple[list[str], int]:
    counts = np.isfinite(flat) & (flat != 0)  # zeros and non-finite values neither choose the notation nor the width
    texts = list(map(_number_format(flat[counts]), flat.tolist()))
    return _padded(texts, counts.tolist())


def _number_format(counted: np.ndarray) -> Callable[[float], str]:
    """The notation that suits these finite values that are not zero."""
    precision = OPTIONS.precision
    if counted.size and _needs_scientific(counted):
        return f"{{:.{precision}e}}".format
    if bool(np.all(counted == np.ceil(counted))):
        return lambda value: f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
    return f"{{:.{precision}f}}".format


def _needs_scientific(counted: np.ndarray) -> bool:
    if OPTIONS.sci_mode is not None:
        return OPTIONS.sci_mode
    magnitudes = np.abs(counted)
    smallest, largest = float(magnitudes.min()), float(magnitudes.max())  # float64, whatever the dtype
    too_wide = largest / smallest > _WIDEST_RATIO  # smallest > 0; Python floats: an overflow gives inf
    return too_wide or largest > _LARGEST_FIXED or smallest < _SMALLEST_FIXED


def _join_complex(real: str, imaginary: str) -> str:
    imaginary = imaginary.lstrip() + "j"
    return real + imaginary if imaginary[0] in "+-" else f"{real}+{imaginary}"


def _padded(texts: list[str], counts: list[bool]) -> tuple[list[str], int]:
    """The texts brought to the width of the widest that counts, and that width."""
    width = max((len(text) for text, counted in zip(texts, counts, strict=True) if counted), default=1)
    return [text.rjust(width) for text in texts], width


class _Layout:
    """Puts texts, taken in row-major order, into nested brackets with line breaks."""

    def __init__(self, texts: Iterator[str], shape: tuple[int, ...], cut: tuple[bool, ...], width: int) -> None:
        self.texts = texts
        self.shape = shape
        self.cut = cut
        self.width = width

    def brackets(self, axis: int, column: int) -> str:
        """One bracket of `axis`, standing at `column`."""
        length, deeper = self.shape[axis], len(self.shape) - 1 - axis
        if not deeper:
            return self.row(length, column)
        items = [self.brackets(axis + 1, column + 1) for _ in range(length)]
        if self.cut[axis]:
            items.insert(OPTIONS.edgeitems, "...")
        separator = "," + "\n" * deeper + " " * (column + 1)
        return f"[{separator.join(items)}]"

    def row(self, length: int, column: int) -> str:
        """The innermost bracket, broken into lines that fit."""
        items = [next(self.texts) for _ in range(length)]
        if self.cut[-1]:
            items.insert(OPTIONS.edgeitems, " ...")
        fitting = (OPTIONS.linewidth - column) / (self.width + len(", "))
        step = len(items) if fitting >= len(items) else max(1, math.floor(fitting))
        lines = [", ".join(items[start : start + step]) for start in range(0, len(items), step)]
        separator = ",\n" + " " * (column + 1)
        return f"[{separator.join(lines)}]"


def with_suffixes(text: str, suffixes: list[str], column: int, indent: int, new_line: bool = False) -> str:
    """Append `suffixes`, each on the last line while it fits there; `column` is where a new line starts, as the first does if asked."""
    last_break = text.rfind("\n")
    # PyTorch counts two columns more than there are, which decides where lines break.
    used = len(text) - last_break + 1 + (indent if last_break < 0 else 0)
    parts = [text]
    for suffix in suffixes:
        if new_line or used + len(suffix) + 2 > OPTIONS.linewidth:
            new_line = False
            parts.append(",\n" + " " * column + suffix)
            used = column + len(suffix)
        else:
            parts.append(", " + suffix)
            used += len(suffix) + 2
    return "".join(parts) + ")"
