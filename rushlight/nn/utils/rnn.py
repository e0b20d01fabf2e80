"""Sequences of different lengths in one tensor: padded, or packed step by step.

A `PackedSequence` has the rows of all sequences that reach step 0, then those of step 1, and so on, the longest
sequence first.

>>> import rushlight as torch
>>> torch.nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(3)], batch_first=True)
tensor([[1., 1., 0.],
        [1., 1., 1.]])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

from ...dtype import long
from ...tensor import Tensor, argsort, as_tensor, cat, tensor, where

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(NamedTuple):
    """The parts of a packed sequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences packed by `pack_padded_sequence`, which recurrent layers take and give.

    data: (total length, *); batch_sizes: how many sequences reach each step; sorted_indices: the order that puts the
    longest first, None where it was so; unsorted_indices: the way back.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in "
                "nn.utils.rnn."
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> Self:
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The sequences with their data moved or converted, as `Tensor.to` does."""
        return self._with(self.data.to(*args, **kwargs))

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """The sequences on the CPU."""
        return self._with(self.data.cpu())

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """The sequences on a CUDA device; an error where there is none."""
        return self._with(self.data.cuda(*args, **kwargs))

    def pin_memory(self) -> Self:
        """The sequences in pinned memory."""
        return self._with(self.data.pin_memory())

    def double(self) -> Self:
        """The sequences as float64."""
        return self._with(self.data.double())

    def float(self) -> Self:
        """The sequences as float32."""
        return self._with(self.data.float())

    def half(self) -> Self:
        """The sequences as float16."""
        return self._with(self.data.half())

    def long(self) -> Self:
        """The sequences as int64."""
        return self._with(self.data.long())

    def int(self) -> Self:
        """The sequences as int32."""
        return self._with(self.data.int())

    def short(self) -> Self:
        """The sequences as int16."""
        return self._with(self.data.short())

    def char(self) -> Self:
        """The sequences as int8."""
        return self._with(self.data.char())

    def byte(self) -> Self:
        """The sequences as uint8."""
        return self._with(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether the data are on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data are in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes the given one."""
    return None if permutation is None else argsort(permutation)


def _as_lengths(lengths: Any) -> Tensor:
    lengths = as_tensor(lengths, dtype=long, device="cpu") if not isinstance(lengths, Tensor) else lengths
    if lengths.dim() != 1 or lengths.dtype is not long:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D cpu {lengths.type().rpartition('.')[2].removesuffix('Tensor')} tensor"
        )
    return lengths


def _batch_sizes(lengths: list[int]) -> list[int]:
    """How many of the sequences, sorted by falling length, reach each step."""
    sizes = []
    alive = len(lengths)
    for step in range(lengths[0]):
        while lengths[alive - 1] <= step:
            alive -= 1
        sizes.append(alive)
    return sizes


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences.

    input: (T, N, *), or (N, T, *) where batch_first holds; lengths: N of them, a list or an int64 tensor.
    enforce_sorted: the lengths must not rise; without it the sequences are sorted here.
    """
    lengths = _as_lengths(lengths)
    sorted_indices = None
    if not enforce_sorted:
        sorted_indices = argsort(lengths, descending=True, stable=True)
        lengths = lengths[sorted_indices]
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    x = input.transpose(0, 1) if batch_first else input
    steps, batch = x.shape[:2]
    known = lengths.tolist()
    _check_lengths(known, steps, batch)
    sizes = _batch_sizes(known)
    rows = [step * batch + i for step, size in enumerate(sizes) for i in range(size)]
    data = x.reshape(steps * batch, *x.shape[2:]).index_select(0, tensor(rows, dtype=long))
    return PackedSequence(data, tensor(sizes, dtype=long), sorted_indices, None)


def _check_lengths(lengths: list[int], steps: int, batch: int) -> None:
    if len(lengths) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={batch})"
        )
    if any(a < b for a, b in pairwise(lengths)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if lengths[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if lengths[0] > steps:
        raise RuntimeError(
            f"pack_padded_sequence: the longest length, {lengths[0]}, is more than the {steps} steps of the input"
        )


def _spread(rows: Tensor, places: list[list[int]], fill: float) -> Tensor:
    """rows[places], with `fill` where a place is -1."""
    index = tensor(places, dtype=long)
    taken = rows.index_select(0, index.clamp(min=0).reshape(-1)).reshape(*index.shape, *rows.shape[1:])
    if all(place >= 0 for line in places for place in line):
        return taken
    there = (index >= 0).reshape(*index.shape, *([1] * (rows.dim() - 1)))
    return where(there, taken, tensor(fill).to(rows.dtype))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded sequences, (T, N, *) or (N, T, *), in their first order, and their lengths.

    total_length: what T shall be, at least the longest sequence's length.
    """
    sizes = sequence.batch_sizes.tolist()
    longest = len(sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    sizes += [0] * ((total_length or longest) - longest)
    starts = [sum(sizes[:step]) for step in range(len(sizes))]
    batch = sizes[0]
    places = [[start + i if i < size else -1 for i in range(batch)] for start, size in zip(starts, sizes, strict=True)]
    lengths = [sum(size > i for size in sizes) for i in range(batch)]
    order = sequence.unsorted_indices
    if order is not None:
        chosen = order.tolist()
        places = [[line[i] for i in chosen] for line in places]
        lengths = [lengths[i] for i in chosen]
    if batch_first:
        places = [list(column) for column in zip(*places, strict=True)]
    return _spread(sequence.data, places, padding_value), tensor(lengths, dtype=long)


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Tensors (Lᵢ, *) as one, (T, N, *) or (N, T, *), T the longest length.

    padding_side: where the padding stands, "right" or "left".
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("right", "left"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    kind = sequences[0].dtype
    trailing = sequences[0].shape[1:]
    for place, each in enumerate(sequences):
        if each.shape[1:] != trailing:
            raise RuntimeError(
                f"pad_sequence: sequence {place} of shape {tuple(each.shape)} does not fit the first, of shape "
                f"{tuple(sequences[0].shape)}: all axes but the first must agree"
            )
    lengths = [each.shape[0] for each in sequences]
    places = _padded_places(lengths, padding_side)
    if not batch_first:
        places = [list(column) for column in zip(*places, strict=True)]
    rows = cat([each.to(kind) for each in sequences], 0)
    if rows.shape[0] == 0:
        shape = (len(lengths), 0) if batch_first else (0, len(lengths))
        return rows.reshape(*shape, *trailing)
    return _spread(rows, places, padding_value)


def _padded_places(lengths: list[int], padding_side: str) -> list[list[int]]:
    """For each sequence the row of each of its steps among all rows, -1 for padding."""
    longest = max(lengths)
    places = []
    start = 0
    for length in lengths:
        own = list(range(start, start + length))
        blank = [-1] * (longest - length)
        places.append(own + blank if padding_side == "right" else blank + own)
        start += length
    return places


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences, each of its own length, that `pad_sequence` put together."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs tensors (Lᵢ, *). enforce_sorted: as for `pack_padded_sequence`."""
    lengths = tensor([each.size(0) for each in sequences], dtype=long)
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that `pack_sequence` packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
