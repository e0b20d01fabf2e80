"""Padded and packed sequences; programs run with both libraries."""

from __future__ import annotations

from typing import Any

import pytest

from ..both import check


def padded(t: Any) -> Any:
    return t.arange(24.0).view(4, 3, 2).requires_grad_()


CALLS = [
    "pack_padded_sequence(x, [4, 2, 1])",
    "pack_padded_sequence(x, t.tensor([4, 2, 1]))",
    "pack_padded_sequence(x.transpose(0, 1), [4, 2, 1], batch_first=True)",
    "pack_padded_sequence(x, [2, 4, 3], enforce_sorted=False)",
    "pack_padded_sequence(x, [3, 2, 1])",
    "pack_padded_sequence(x, [1, 1, 1])",
    "pack_padded_sequence(x, [4, 2, 3])",
    "pack_padded_sequence(x, [4, 2, 0])",
    "pack_padded_sequence(x, [4, 2])",
    "pack_padded_sequence(x, t.tensor([[4, 2, 1]]))",
    "pack_padded_sequence(t.ones(0, 3, 2), [0, 0, 0])",
    "pad_packed_sequence(r.pack_padded_sequence(x, [2, 4, 3], enforce_sorted=False))",
    "pad_packed_sequence(r.pack_padded_sequence(x, [2, 4, 3], enforce_sorted=False), True, 9.0, 5)",
    "pad_packed_sequence(r.pack_padded_sequence(x, [4, 2, 1]), total_length=2)",
    "pad_sequence([t.ones(2), t.ones(3)])",
    "pad_sequence([t.ones(2, 2), t.ones(3, 2)], True, 7.0)",
    "pad_sequence([t.ones(2), t.ones(3)], padding_side='left')",
    "pad_sequence([t.ones(2), t.ones(3)], padding_side='middle')",
    "pad_sequence([t.ones(2, dtype=t.int64), t.ones(3, dtype=t.int64)], padding_value=-1)",
    "pad_sequence([t.ones(2, dtype=t.int32), t.ones(3)])",
    "pad_sequence(t.ones(2, 3))",
    "pad_sequence([t.ones(0), t.ones(2)])",
    "pad_sequence([])",
    "pad_sequence(3)",
    "unpad_sequence(r.pad_sequence([t.ones(2), t.ones(3)]), t.tensor([2, 3]))",
    "pack_sequence([t.ones(3), t.zeros(2)])",
    "pack_sequence([t.ones(2), t.zeros(3)], enforce_sorted=False)",
    "pack_sequence([t.ones(2), t.zeros(3)])",
    "unpack_sequence(r.pack_sequence([t.ones(2), t.zeros(3)], enforce_sorted=False))",
    "PackedSequence(t.ones(2), t.tensor([1, 1]))",
    "PackedSequence(t.ones(2))",
    "PackedSequence(t.ones(3), t.tensor([3]), t.tensor([2, 0, 1]))",
    "invert_permutation(t.tensor([2, 0, 1]))",
    "invert_permutation(None)",
]


@pytest.mark.parametrize("call", CALLS)
def test_calls(call: str) -> None:
    check(lambda t: eval("r." + call, {"t": t, "r": t.nn.utils.rnn, "x": padded(t)}))


def test_gradients() -> None:
    def program(t: Any) -> Any:
        r, x = t.nn.utils.rnn, padded(t)
        packed = r.pack_padded_sequence(x, [2, 4, 3], enforce_sorted=False)
        back, _ = r.pad_packed_sequence(packed, padding_value=3.0)
        (back * back.detach().cos()).sum().backward()
        parts = [t.ones(2, requires_grad=True), t.ones(3, requires_grad=True)]
        (r.pad_sequence(parts) * t.arange(6.0).view(3, 2)).sum().backward()
        return x.grad, [part.grad for part in parts]

    check(program)


def test_conversions() -> None:
    def program(t: Any) -> Any:
        packed = t.nn.utils.rnn.pack_sequence([t.ones(3), t.ones(2)])
        kinds = ("double", "float", "half", "long", "int", "short", "char", "byte", "cpu")
        dtypes = [str(getattr(packed, kind)().data.dtype) for kind in kinds]
        moved = packed.to(t.float64)
        return dtypes, moved, packed.to(t.float32) is packed, packed.is_cuda, packed.is_pinned()

    check(program)
