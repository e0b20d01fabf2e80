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

import numpy as np

from ...dtype import bool_, dtype, encode, long
from ...ir.graph import Node
from ...runtime.executor import Haste, settled
from ...runtime.watch import Watching
from ...tensor import Tensor, argsort, as_tensor, cat, tensor, where
from ...tensor.storage import Deferred
from ...tensor.tensor import from_array, handle, node_of, snapshot

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


class Laid(NamedTuple):
    """Sequences side by side, the longest first, as rows of a tensor whose size says nothing of their lengths.

    The packed rows are as many as the sequences have steps together, so that whatever is computed of these needs another program for nearly
    every batch; what is computed of all rows of a padded tensor, with places as data, is one program. In the second epoch of a translator's
    training a step takes a third of the time so.
    """

    rows: Tensor  # (R, *)
    places: np.ndarray  # (T, N): the row of each step of each sequence; of one that has ended, its last
    lengths: np.ndarray  # (N,), falling

    def packed(self) -> Tensor:
        """The packed rows, (sum of lengths, *), gathered when they are first read."""
        real = np.arange(len(self.places))[:, None] < self.lengths
        return handle(Deferred(lambda: node_of(self.rows.index_select(0, from_array(self.places[real], long)))))


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

    # Where the rows stand in a padded tensor, for who can do without the packed ones. (`_make` and `_replace` know nothing of it.)
    _laid: Laid | None = None

    def __getstate__(self) -> None:
        """Nothing beside the parts: what is pickled or copied is these."""
        return

    @classmethod
    def _of(
        cls, laid: Laid, batch_sizes: Tensor, sorted_indices: Tensor | None, unsorted_indices: Tensor | None
    ) -> Self:
        """Sequences whose packed rows are gathered when somebody reads them."""
        made = cls(laid.packed(), batch_sizes, sorted_indices, unsorted_indices)
        made._laid = laid
        return made

    def _side_by_side(self) -> Laid | None:
        """Where the rows stand in a padded tensor, as long as nobody has seen the packed ones: they may be written to, or have hooks."""
        storage = self.data._storage
        return self._laid if isinstance(storage, Deferred) and storage.untouched() else None

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
    known, order, sorted_indices = np.array(lengths.tolist(), np.int64), None, None
    if not enforce_sorted:
        order = np.argsort(-known, kind="stable")
        known, sorted_indices = known[order], from_array(order, long)
    if order is not None and len(order) != input.shape[0 if batch_first else 1]:
        input, order = input.index_select(0 if batch_first else 1, sorted_indices), None
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    batch, steps = input.shape[:2] if batch_first else (input.shape[1], input.shape[0])
    falling = known.tolist()
    _check_lengths(falling, steps, batch)
    sequence = np.arange(batch) if order is None else order
    step = np.minimum(np.arange(falling[0])[:, None], known - 1)
    places = sequence * steps + step if batch_first else step * batch + sequence
    laid = Laid(snapshot(input.reshape(batch * steps, *input.shape[2:])), places, known)
    unsorted = None if order is None else from_array(np.argsort(order), long)
    return PackedSequence._of(laid, tensor(_batch_sizes(falling), dtype=long), sorted_indices, unsorted)


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


def _spread(rows: Tensor, places: np.ndarray, there: np.ndarray, fill: float) -> Tensor:
    """rows[places], with `fill` where nothing is there."""
    taken = rows.index_select(0, from_array(places.reshape(-1), long)).reshape(*places.shape, *rows.shape[1:])
    if there.all():
        return taken
    mask = from_array(there.reshape(*there.shape, *([1] * (rows.dim() - 1))), bool_)
    return where(mask, taken, tensor(fill).to(rows.dtype))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded sequences, (T, N, *) or (N, T, *), in their first order, and their lengths.

    total_length: what T shall be, at least the longest sequence's length.
    """
    sizes = np.array(sequence.batch_sizes.tolist(), np.int64)
    longest = len(sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    lengths = (sizes[:, None] > np.arange(sizes[0])).sum(0)
    laid = sequence._side_by_side()
    if laid is None:
        step = np.minimum(np.arange(longest)[:, None], lengths - 1)
        rows, places = sequence.data, (np.cumsum(sizes) - sizes)[step] + np.arange(sizes[0])
    else:
        rows, places = laid.rows, laid.places
    if total_length is not None and total_length > longest:
        places = np.concatenate([places, np.repeat(places[-1:], total_length - longest, 0)])
    if sequence.unsorted_indices is not None:
        order = sequence.unsorted_indices.tolist()
        places, lengths = places[:, order], lengths[order]
    there = np.arange(len(places))[:, None] < lengths
    if batch_first:
        places, there = places.T, there.T
    return _spread(rows, places, there, padding_value), from_array(lengths, long)


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
    known = _known(sequences)
    if known is not None:
        return _padded_at_once(known, lengths, kind, batch_first, padding_value, padding_side)
    places = np.array(_padded_places(lengths, padding_side), np.int64).reshape(len(lengths), max(lengths))
    if not batch_first:
        places = places.T
    rows = cat([each.to(kind) for each in sequences], 0)
    if rows.shape[0] == 0:
        shape = (len(lengths), 0) if batch_first else (0, len(lengths))
        return rows.reshape(*shape, *trailing)
    return _spread(rows, np.maximum(places, 0), places >= 0, padding_value)


def _known(sequences: list[Tensor]) -> list[np.ndarray] | None:
    """The arrays of tensors of one dtype whose values are there and have no history, as those of a data set are; else None."""
    if Watching.watcher is not None or any([type(each) is not Tensor for each in sequences]):
        return None
    hurried = Haste.wanted
    nodes = [node_of(each) for each in sequences]
    kind = nodes[0].type.dtype
    if all([type(n) is Node and n.value is not None and not n.tracked and n.type.dtype is kind for n in nodes]):
        if not hurried:
            settled()  # memory that NumPy shares is read here and now
        return [node.value for node in nodes]  # type: ignore[misc]
    return None


def _padded_at_once(
    arrays: list[np.ndarray], lengths: list[int], kind: dtype, batch_first: bool, fill: float, side: str
) -> Tensor:
    """The padded sequences, made in NumPy: recorded, the lengths of each batch would be the structure of another program."""
    shape = (len(lengths), max(lengths), *arrays[0].shape[1:])
    with np.errstate(all="ignore"):
        blank = encode(np.array(fill).astype(kind.compute), kind)
    made = np.full(shape if batch_first else (shape[1], shape[0], *shape[2:]), blank, kind.storage)
    lines = made if batch_first else made.swapaxes(0, 1)
    for line, array, length in zip(lines, arrays, lengths, strict=True):
        line[(shape[1] - length if side == "left" else 0) :][:length] = array
    return from_array(made, kind)


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
