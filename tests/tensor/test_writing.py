"""Writes into parts of values that are there already: programs run with both libraries, and what becomes of memory and plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight
from rushlight.ir.graph import trace
from rushlight.runtime import events

from ..both import check

# Each begins with `x`, (5, 3), whose value is known.
WRITES = [
    "x[1] = t.tensor([1.0, 2.0, 3.0])",
    "x[2, 1] = 7; x[-1] = 2.5; x[3] = -1e40",
    "x[:, 2] = t.arange(5.0); x[1:3, ::2] = 4.0; x.t()[1] = 6; x[None, 2] = 8",
    "y = x.clone(); x[1] = 5.0; x[2] = 6.0; other.append(y)",
    "v, w = x[4], x.view(15); x[4] = -1.0; other += [v, w, v.clone()]; x[4, 1] = 2.0; other += [v, w]",
    "y = x * 2; x[0] = 9.0; other.append(y)",
    "y = x[0].clone(); x[1] = x[0]; x[0] = x[1] + 1; other += [y, x[0] * x[1]]",
    "a = np.ones(3, np.float32); x[0] = t.from_numpy(a); a[:] = 9; x[1] = t.from_numpy(a).double(); a[:] = 3; other.append(t.tensor(a))",
    "a = x.numpy(); x[0] = 3.0; a[1] = 4; x[2] = 5.0; other.append(t.tensor(a.copy()))",
    "d = x.detach(); d[2] = 1.0; x.data[3] = 2.0; other.append(d)",
    "l, r, o = t.zeros(3, 4, 2); print(l.sum().item())\nfor i in range(4):\n    l[i] = x[i, :2] * i; r[i], o[i] = l[i] + 1, t.ones(2) * i; other.append(r[i] * 2)\nother += [l, r, o]",
    "x[0] = x.sum(1)[:3] * 2; y = x[0]; x[1] = y + 1; x[0, 0] = 1.0; other += [y, x[0], x[1]]",
    "for i in range(12): x[i % 5] = x[i % 5] * i + 1",
    "for i in range(5):\n    x[i] += i; x[i, 0] *= 2; other.append(x[i].clone())",
    "h = x.to(t.bfloat16); print(h.sum().item()); h[1] = 1 / 3; h[2] = x[0].bfloat16(); h[3] = h[1] * 3; other.append(h.float())",
    "b = x > 0; print(b.any().item()); b[0] = True; b[1] = b[0]; i = x.long(); print(i.sum().item()); i[0] = 3; i[1] = i[0] * 2; other += [b, i]",
    "w = t.ones(5, 3, requires_grad=True)\nwith t.no_grad(): w[1] = 3.0; w[2] = x[1]\n(w * w).sum().backward(); other += [w, w.grad]",
    "w = t.ones(3, requires_grad=True); x[1] = w * 2; x[2] = 5.0; (x * x).sum().backward(); other.append(w.grad)",
    "w = t.ones(5, 3, requires_grad=True); w[1] = 3.0",
    "x[7] = 1.0",
    "x[1] = t.ones(4)",
    "x[1] = 'a'",
    "y = x.expand(2, 5, 3); x[1] = 3.0; other.append(y); y[0, 0] = 1",
    "s = x.unfold(1, 2, 1); x[0] = 7.0; other.append(s.clone())",
]


@pytest.mark.parametrize("write", WRITES)
def test_writes(write: str) -> None:
    def program(t: Any) -> Any:
        x, other = t.arange(15.0).view(5, 3).clone(), []
        assert x.sum().item() == 105
        exec(write, {"t": t, "x": x, "other": other, "np": np, "print": lambda *_: None})
        return [x, *other]

    check(program)


def _settled(rows: int, columns: int) -> rushlight.Tensor:
    buffer = rushlight.zeros(rows, columns)
    buffer[0] = 1.0
    float(buffer.sum())
    return buffer


def test_a_buffer_that_nobody_else_holds_is_written_in_place() -> None:
    buffer = _settled(50, 4)
    buffer[1] = rushlight.ones(4)
    place = buffer.data_ptr()
    for i in range(2, 50):
        buffer[i] = float(i)
    assert buffer.data_ptr() == place
    kept = buffer.clone()
    buffer[3] = 0.0
    assert buffer.data_ptr() != kept.data_ptr() and kept[3, 0] == 3
    assert buffer[:, 1].tolist() == [1.0, 1.0, 2.0, 0.0, *map(float, range(4, 50))]


def _misses(run: Any) -> int:
    misses: list[str] = []
    stop = events.subscribe(lambda event, facts: misses.append(event) if event == "plan miss" else None)
    try:
        run()
    finally:
        stop()
    return len(misses)


def test_one_plan_writes_all_rows() -> None:
    x, losses, (pairs, singles) = rushlight.randn(4), _settled(40, 4), rushlight.zeros(2, 40, 3)
    float(pairs.sum())

    def loop() -> None:
        for i in range(40):
            losses[i] = x * (i + 0.3)
            pairs[i] = x[:3] + 1
            singles[i] = pairs[i] * 2
            float(losses[i].sum() + singles[i].sum())

    assert _misses(loop) < 6
    np.testing.assert_array_equal(losses, np.outer(np.arange(40, dtype=np.float32) + np.float32(0.3), x))
    np.testing.assert_array_equal(singles, np.tile((x[:3] + 1) * 2, (40, 1)))


@pytest.mark.parametrize("make", [rushlight.zeros, rushlight.ones, lambda n: rushlight.full((n,), 3.0)])
def test_a_fresh_tensor_of_one_number_is_filled_without_a_trace(make: Callable[[int], rushlight.Tensor]) -> None:
    x = make(6)
    first = float(x.clone()[0])
    x = make(6)
    copy, sum_ = x.clone(), x + 1
    pending = trace.pending
    for i in range(6):
        x[i] = i * 2
    assert trace.pending == pending
    assert x.tolist() == [0, 2, 4, 6, 8, 10]
    assert copy.tolist() == [first] * 6 and sum_.tolist() == [first + 1] * 6
