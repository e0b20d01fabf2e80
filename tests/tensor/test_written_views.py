"""Random chains of views that are written to, of any dtype, with extents 0 and 1, without axes, with NaN and infinities: as in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import rushlight

View = Callable[[Any, Any], Any]

VIEWS: dict[str, View] = {
    "every other": lambda t, x: x[..., ::2],
    "from the second": lambda t, x: x[1:],
    "none": lambda t, x: x[:0],
    "last": lambda t, x: x[-1],
    "transposed": lambda t, x: x.transpose(0, -1),
    "a new axis": lambda t, x: x[..., None],
    "squeezed": lambda t, x: x.squeeze(),
    "flat": lambda t, x: x.view(-1),
    "diagonal": lambda t, x: x.diagonal(),
    "chunk": lambda t, x: x.chunk(2)[-1],
    "real": lambda t, x: x.real,
    "pairs": lambda t, x: t.view_as_real(x),
    "strided": lambda t, x: x.as_strided((2,), (2,)),
    "strided reals": lambda t, x: x.real.as_strided((2, 2), (1, 2)),
    "same bytes": lambda t, x: x.view(t.int32 if x.element_size() == 4 else x.dtype),
    "detached": lambda t, x: x.detach(),
}
WRITES: dict[str, View] = {
    "fill": lambda t, v: v.fill_(3),
    "add": lambda t, v: v.add_(v),
    "negative": lambda t, v: v.neg_(),
    "itself backwards": lambda t, v: v.copy_(v.flip(0)),
    "where": lambda t, v: v.masked_fill_(v == v, 2),
    "at places": lambda t, v: v.index_fill_(0, t.arange(min(1, len(v))), 5),
    "scatter": lambda t, v: v.scatter_(0, t.zeros(v.shape, dtype=t.int64), v[-1:].clone()),
    "item": lambda t, v: v.__setitem__(0, 1),
    "number of elements": lambda t, v: v.mul_(v.numel()),
    "equal": lambda t, v: v.eq_(1),
    "sum along": lambda t, v: v.cumsum_(0),
    "lower": lambda t, v: v.tril_(),
}
SHAPES = [(), (0,), (1,), (3,), (2, 3), (1, 3), (3, 0, 2), (2, 3, 4)]
NUMBERS = [0.0, -0.0, 1.0, 2.5, -7.0, 100.0, math.inf, -math.inf, math.nan]


def _given(t: Any, shape: tuple[int, ...], kind: str, start: int) -> Any:
    numbers = [NUMBERS[(start + i) % len(NUMBERS)] for i in range(math.prod(shape))]
    if "float" not in kind:  # infinite complex numbers are NaN in one part or in both, as it comes
        numbers = [number if math.isfinite(number) else 3.0 for number in numbers]
    return t.tensor(numbers, dtype=t.float64).to(getattr(t, kind)).reshape(shape)


def _told(t: Any, x: Any) -> Any:
    wide = t.view_as_real(x) if x.is_complex() else x
    return str(x.dtype), tuple(x.shape), repr(wide.to(t.float64).flatten().tolist()).replace("-0.0", "0.0")


def _outcome(t: Any, shape: tuple[int, ...], kind: str, start: int, views: list[str], write: str) -> Any:
    base = _given(t, shape, kind, start)
    try:
        part = base
        for each in views:
            part = VIEWS[each](t, part)
        WRITES[write](t, part)
    except Exception as error:
        return type(error)
    # The stride of an axis of extent 1 says nothing.
    strides = [s for s, extent in zip(part.stride(), part.shape, strict=True) if extent > 1] if part.numel() else None
    return _told(t, base), _told(t, part), strides, part.storage_offset()


@given(
    st.sampled_from(SHAPES),
    st.sampled_from("float32 float64 int64 int32 uint8 float16 bfloat16 complex64".split()),
    st.integers(0, len(NUMBERS) - 1),
    st.lists(st.sampled_from(sorted(VIEWS)), min_size=1, max_size=3),
    st.sampled_from(sorted(WRITES)),
)
@example((2, 3), "complex64", 1, ["strided reals"], "fill")
@example((2, 3, 4), "int32", 1, ["every other", "same bytes"], "add")
@settings(max_examples=200, deadline=None, derandomize=True)
@pytest.mark.filterwarnings("ignore")
def test_a_write_through_views(shape: tuple[int, ...], kind: str, start: int, views: list[str], write: str) -> None:
    ours, theirs = (_outcome(t, shape, kind, start, views, write) for t in (rushlight, torch))
    if isinstance(theirs, type) or isinstance(ours, type):
        assert isinstance(theirs, type) and isinstance(ours, type), (ours, theirs)
        return
    assert ours == theirs
