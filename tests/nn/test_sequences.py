"""Padded and packed sequences; programs run with both libraries."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import rushlight
from rushlight.runtime import events

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


# What a program may do with the packed rows between packing and the layer, and between the layer and padding.
BETWEEN = [
    "packed",
    "[packed.data.shape, packed][1]",
    "[packed.data.mul_(2), packed][1]",
    "[packed.data.register_hook(lambda g: g * 3), packed][1]",
    "r.PackedSequence(packed.data * 2, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)",
    "packed._replace(data=packed.data + 1)",
    "packed.double().float()",
]


@pytest.mark.parametrize("between", BETWEEN)
def test_what_lies_side_by_side_is_what_was_packed(between: str) -> None:
    def program(t: Any) -> Any:
        layer = t.nn.GRU(2, 3, num_layers=2, bidirectional=True)
        x = t.randn(5, 3, 2)
        x[3:, 0] = float("nan")  # padding that nobody may read
        x.requires_grad_()
        r = t.nn.utils.rnn
        packed = r.pack_padded_sequence(x * 1, [3, 5, 4], enforce_sorted=False)
        output, state = layer(eval(between, {"r": r, "packed": packed}))
        output = eval(between, {"r": r, "packed": output})
        padded, lengths = r.pad_packed_sequence(output, True, 2.0, 6)
        (padded.square().sum() + state.sum()).backward()
        return [padded, lengths, state, x.grad, *[p.grad for p in layer.parameters()]]

    check(program, rtol=2e-5, atol=2e-6)


def test_packed_rows_are_of_the_value_that_was_packed() -> None:
    def program(t: Any) -> Any:
        x, r = t.ones(4, 2, 3), t.nn.utils.rnn
        packed = r.pack_padded_sequence(x, [4, 2])
        x.zero_()
        with t.no_grad():
            copies = copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))
        return [packed, *copies, r.pad_packed_sequence(packed), r.unpack_sequence(copies[0])]

    check(program)


def test_one_program_serves_batches_of_other_lengths() -> None:
    layer = rushlight.nn.LSTM(4, 6, bidirectional=True, batch_first=True)
    r = rushlight.nn.utils.rnn

    def step(lengths: list[int]) -> None:
        x = r.pad_sequence([rushlight.ones(length, 4) * rushlight.tensor(1.0) for length in lengths], batch_first=True)
        x = x.detach().clone()
        float(x.sum())
        packed = r.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        padded, _ = r.pad_packed_sequence(layer(packed)[0], batch_first=True)
        padded.square().sum().backward()
        layer.weight_ih_l0.grad.sum().item()
        layer.zero_grad()

    seen: list[int] = []
    stop = events.subscribe(lambda event, facts: seen.append(facts["nodes"]) if event == "plan miss" else None)
    try:
        for lengths in ([7, 3, 5], [2, 7, 6], [4, 7, 1], [7, 7, 2]):
            step(lengths)
    finally:
        stop()
    assert len([nodes for nodes in seen if nodes > 20]) == 1


def test_padding_what_is_known_records_nothing() -> None:
    rushlight.ones(2).sum().item()
    sequences = [rushlight.tensor([1, 2, 3][:length]) for length in (2, 3, 1)]
    padded = rushlight.nn.utils.rnn.pad_sequence(sequences, padding_value=-1)
    assert padded._storage.node.value is not None
    assert padded.tolist() == [[1, 1, 1], [2, 2, -1], [-1, 3, -1]]
