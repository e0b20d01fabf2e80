"""`torch.testing`: are two things close, and tensors to try functions with.

>>> import rushlight as torch
>>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
Traceback (most recent call last):
    ...
AssertionError: Tensor-likes are not close!
<BLANKLINE>
Mismatched elements: 1 / 2 (50.0%)
Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)
Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dtype import (
    BOOL,
    FLOATING,
    INTEGER,
    bfloat16,
    bool_,
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    int64,
    promote_types,
)
from .limits import finfo, iinfo
from .tensor import Tensor, as_tensor, empty, isclose, randint, view_as_real
from .tensor.geometry import strided
from .tensor.promotion import number_dtype

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

Tolerance = tuple[float, float]

# rtol and atol by dtype; other dtypes must be equal.
_TOLERANCES: dict[dtype, Tolerance] = {
    float16: (1e-3, 1e-5),
    bfloat16: (1.6e-2, 1e-5),
    float32: (1.3e-6, 1e-5),
    float64: (1e-7, 1e-7),
    complex64: (1.3e-6, 1e-5),
    complex128: (1e-7, 1e-7),
}


class _Difference(Exception):
    """Why two things are not close, in PyTorch's words."""


@dataclass
class _Rules:
    """What counts as close."""

    tolerance: Tolerance | None  # None: by dtype
    equal_nan: bool
    allow_subclasses: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool

    def tolerance_for(self, *kinds: dtype) -> Tolerance:
        """The tolerance given, or the widest of the dtypes'."""
        if self.tolerance is not None:
            return self.tolerance
        found = [_TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
        return max(rtol for rtol, _ in found), max(atol for _, atol in found)


# ---- what belongs to what: containers are gone through first, so that their faults come first ----


def _pairs(actual: Any, expected: Any, rules: _Rules, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any, tuple]]:
    """The (actual, expected, path) of all that containers hold."""
    if _both(actual, expected, Sequence) and not isinstance(actual, str) and not isinstance(expected, str):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise _Difference(_placed(text, path))
        for place, (one, other) in enumerate(zip(actual, expected, strict=True)):
            yield from _pairs(one, other, rules, (*path, place))
    elif _both(actual, expected, Mapping):
        for key in _shared_keys(actual, expected, path):
            yield from _pairs(actual[key], expected[key], rules, (*path, key))
    elif _comparable(actual, expected, rules):
        yield actual, expected, path
    else:
        text = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
        raise TypeError(_placed(text, path))


def _both(actual: Any, expected: Any, kind: Any) -> bool:
    return isinstance(actual, kind) and isinstance(expected, kind)


def _shared_keys(actual: Mapping[Any, Any], expected: Mapping[Any, Any], path: tuple[Any, ...]) -> list[Any]:
    missing, added = set(expected) - set(actual), set(actual) - set(expected)
    if missing or added:
        text = (
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(missing, key=repr)}\n"
            f"Additional keys in the actual mapping: {sorted(added, key=repr)}"
        )
        raise _Difference(_placed(text, path))
    try:
        return sorted(expected)
    except TypeError:
        return list(expected)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.number)) and not isinstance(value, (bool, np.bool_))


def _comparable(actual: Any, expected: Any, rules: _Rules) -> bool:
    if actual is None or expected is None:
        return True
    if _both(actual, expected, (bool, np.bool_)) or (_is_number(actual) and _is_number(expected)):
        return True
    if not _both(actual, expected, (Tensor, np.ndarray)):
        return False
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    return related if rules.allow_subclasses else type(actual) is type(expected)


def _placed(text: str, path: tuple[Any, ...]) -> str:
    if not path:
        return text
    return f"{text}\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in path)}"


# ---- one pair ----


def _compare(actual: Any, expected: Any, rules: _Rules) -> None:
    if actual is None or expected is None:
        if actual is not expected:
            raise _Difference(f"None mismatch: {actual} is not {expected}")
    elif _both(actual, expected, (bool, np.bool_)):
        if bool(actual) is not bool(expected):
            raise _Difference(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}")
    elif _is_number(actual):
        _compare_numbers(actual, expected, rules)
    else:
        _compare_tensors(as_tensor(actual), as_tensor(expected), rules)


def _compare_numbers(actual: Any, expected: Any, rules: _Rules) -> None:
    actual, expected = (value.item() if isinstance(value, np.number) else value for value in (actual, expected))
    if rules.check_dtype and type(actual) is not type(expected):
        raise _Difference(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
    # Python's floats and complex numbers are double.
    wide = [{float32: float64, complex64: complex128}.get(k, k) for k in map(number_dtype, (actual, expected))]
    rtol, atol = rules.tolerance_for(*wide)
    if actual == expected or (rules.equal_nan and actual != actual and expected != expected):
        return
    difference = abs(actual - expected)
    if not (math.isfinite(difference) and difference <= atol + rtol * abs(expected)):
        raise _Difference(_scalar_text(actual, expected, rtol, atol))


def _headline(kind: str, rtol: float, atol: float) -> str:
    return f"{kind} are not {'equal' if rtol == 0 and atol == 0 else 'close'}!\n\n"


def _allowed(bound: float, rtol: float, atol: float) -> str:
    return "" if rtol == 0 and atol == 0 else f" (up to {bound} allowed)"


def _scalar_text(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    absolute = abs(actual - expected)
    relative = math.inf if expected == 0 else absolute / abs(expected)
    return (
        f"{_headline('Scalars', rtol, atol)}Expected {expected} but got {actual}.\n"
        f"Absolute difference: {absolute}{_allowed(atol, rtol, atol)}\n"
        f"Relative difference: {relative}{_allowed(rtol, rtol, atol)}"
    )


def _compare_tensors(actual: Tensor, expected: Tensor, rules: _Rules) -> None:
    for name, checked, one, other in (
        ("shape", True, actual.shape, expected.shape),
        ("layout", rules.check_layout, actual.layout, expected.layout),
        ("stride()", rules.check_stride, actual.stride(), expected.stride()),
        ("device", rules.check_device, actual.device, expected.device),
        ("dtype", rules.check_dtype, actual.dtype, expected.dtype),
    ):
        if checked and one != other:
            raise _Difference(f"The values for attribute '{name}' do not match: {one} != {other}.")
    rtol, atol = rules.tolerance_for(actual.dtype, expected.dtype)
    kind = promote_types(actual.dtype, expected.dtype)
    actual, expected = actual.detach().to(kind), expected.detach().to(kind)
    if actual.layout != expected.layout:
        actual, expected = (tensor if tensor.layout is strided else tensor.to_dense() for tensor in (actual, expected))
    if actual.layout is strided:
        _compare_elements("Tensor-likes", actual, expected, rtol, atol, rules)
        return
    name = f"Sparse {str(actual.layout).rpartition('_')[2].upper()}"
    if actual._nnz() != expected._nnz():
        counts = f"{actual._nnz()} != {expected._nnz()}"
        raise _Difference(
            f"The number of specified values in {name[0].lower()}{name[1:]} tensors does not match: {counts}"
        )
    for part in _PARTS[str(actual.layout)]:
        one, other = (getattr(tensor, part)() for tensor in (actual, expected))
        limits = (rtol, atol) if part.endswith("values") else (0.0, 0.0)
        _compare_elements(f"{name} {part.lstrip('_')}", one, other, limits[0], limits[1], rules)


_PARTS = {
    "torch.sparse_coo": ("_indices", "_values"),
    "torch.sparse_csr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_csc": ("ccol_indices", "row_indices", "values"),
}


def _compare_elements(name: str, actual: Tensor, expected: Tensor, rtol: float, atol: float, rules: _Rules) -> None:
    """_Difference where an element of two strided tensors of one shape is out of tolerance."""
    matches = isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=rules.equal_nan)
    if matches.all():
        return
    if actual.ndim == 0:
        raise _Difference(_scalar_text(actual.item(), expected.item(), rtol, atol))
    raise _Difference(_tensor_text(name, actual, expected, matches, rtol, atol))


def _greatest(differences: Tensor, matches: Tensor) -> tuple[Any, tuple[int, ...]]:
    """The greatest difference among the elements that do not match (NaN counts as such), and where."""
    flat = differences.masked_fill(matches, 0).flatten()
    place = int(flat.argmax())
    return flat[place].item(), tuple(int(i) for i in np.unravel_index(place, tuple(differences.shape)))


def _tensor_text(name: str, actual: Tensor, expected: Tensor, matches: Tensor, rtol: float, atol: float) -> str:
    if actual.dtype.category < FLOATING:
        actual, expected = actual.to(int64), expected.to(int64)
    differences = (actual - expected).abs()
    total, wrong = matches.numel(), int((~matches).sum())
    absolute, where = _greatest(differences, matches)
    relative, elsewhere = _greatest(differences / expected.abs(), matches)
    return (
        f"{_headline(name, rtol, atol)}Mismatched elements: {wrong} / {total} ({wrong / total:.1%})\n"
        f"Greatest absolute difference: {absolute} at index {where}{_allowed(atol, rtol, atol)}\n"
        f"Greatest relative difference: {relative} at index {elsewhere}{_allowed(rtol, rtol, atol)}"
    )


# ---- for users ----


def _check_tolerances(rtol: float | None, atol: float | None) -> Tolerance | None:
    if rtol is None and atol is None:
        return None
    if rtol is None or atol is None:
        lacking = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {lacking}.")
    return rtol, atol


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless |actual - expected| ≤ atol + rtol·|expected| everywhere.

    Compares tensors, NumPy arrays, numbers, bools, None, and sequences and mappings of these; TypeError for other things
    and for kinds that do not go together. Tolerances not given follow from the dtype. msg: the error's text, or what
    makes it of the usual text.

    >>> import rushlight as torch
    >>> torch.testing.assert_close({"loss": [1.0, torch.ones(2)]}, {"loss": [1.0, torch.ones(2)]})
    """
    tolerance = _check_tolerances(rtol, atol)
    rules = _Rules(tolerance, equal_nan, allow_subclasses, check_device, check_dtype, check_layout, check_stride)
    path: tuple[Any, ...] = ()
    try:
        for one, other, path in list(_pairs(actual, expected, rules)):  # noqa: B007  (`path` is read below)
            _compare(one, other, rules)
        return
    except _Difference as difference:
        text = _placed(str(difference), path)
    raise AssertionError(msg(text) if callable(msg) else msg if isinstance(msg, str) else text)


_OLD_TOLERANCES: dict[dtype, Tolerance] = {float16: (1e-3, 1e-3), float32: (1e-4, 1e-5), float64: (1e-5, 1e-8)}


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The older form of `assert_close`, deprecated: dtypes may differ, NaN equals NaN, tolerances are wider."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead. "
        "You can find detailed upgrade instructions in https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    actual, expected = as_tensor(actual), as_tensor(expected)
    if rtol is None and atol is None:
        found = [_OLD_TOLERANCES.get(tensor.dtype, (0.0, 0.0)) for tensor in (actual, expected)]
        rtol, atol = max(rtol for rtol, _ in found), max(atol for _, atol in found)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


# ---- tensors to try functions with ----


def _bounds(kind: dtype, low: Any, high: Any) -> tuple[Any, Any]:
    """The bounds asked for, or the usual ones, within what the dtype holds; ValueError where there is nothing between."""
    exact = kind.category < FLOATING
    if kind is bool_:
        least: float = 0
        beyond: float = 2
        usual = (0, 2)
    elif exact:
        # The bound of int64 is its greatest number, since a bound is an int64 itself.
        least, beyond = iinfo(kind).min, iinfo(kind).max + (kind is not int64)
        usual = (0 if kind.name.startswith("u") else -9, 10)
    else:
        least, beyond, usual = finfo(kind).min, finfo(kind).max, (-9, 9)
    low, high = usual[0] if low is None else low, usual[1] if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and not exact:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since 2.1 "
            "and will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= beyond:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {kind} only supports "
            f"[{least}, {beyond})"
        )
    low, high = (min(max(bound, least), beyond) for bound in (low, high))
    return (math.ceil(low), math.ceil(high)) if exact else (low, high)


def _drawn(shape: tuple[int, ...], kind: dtype, device: Any, low: Any, high: Any) -> Tensor:
    if kind.category < FLOATING:
        return randint(low, high, shape, device=device, dtype=kind)  # type: ignore[no-any-return]
    result = empty(shape, device=device, dtype=kind)
    parts = view_as_real(result) if kind.is_complex else result
    if high - low < finfo(kind).max:
        parts.uniform_(low, high)
    else:  # a width that the dtype does not hold
        parts.uniform_(low / 2, high / 2).mul_(2)
    return result  # type: ignore[no-any-return]


def make_tensor(
    *shape: Any,
    dtype: dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of uniform draws from [low, high), by default from [-9, 9): from [-9, 10) for integers, [0, 10) for
    unsigned ones.

    noncontiguous: every other element of a tensor twice as long. exclude_zero: 1, or the smallest normal number, in
    place of 0.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.testing.make_tensor(3, dtype=torch.float32, device="cpu", low=0, high=1)
    tensor([0.4963, 0.7682, 0.0885])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    exact = dtype.category in (BOOL, INTEGER)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    if requires_grad and exact:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    apart = noncontiguous and math.prod(sizes) > 1
    drawn = (*sizes[:-1], 2 * sizes[-1]) if apart else sizes
    result: Any = _drawn(drawn, dtype, device, *_bounds(dtype, low, high))
    if apart:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = 1 if exact else finfo(dtype).tiny
    return result.requires_grad_(requires_grad) if not exact else result  # type: ignore[no-any-return]
