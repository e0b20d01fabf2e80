"""Data sets: things with `__getitem__` and `__len__`, or with `__iter__`, and ways to put them together.

**Whole batches at once.** Where a data set can make the batch that `default_collate` would make of its samples in one
go, it defines `_collated(indices)`, which returns that batch, equal bit by bit and with the same random draws in the
same order, or `NotImplemented` where it cannot (and has drawn nothing yet). `collated_batch` asks for it. The hook
speaks only for the class that defines it: a subclass that overrides `__getitem__` or `__getitems__` is read sample by
sample. PyTorch's own `__getitems__(indices)`, which returns a list of samples, is served as PyTorch serves it.

>>> import rushlight as torch
>>> from rushlight.data import TensorDataset, Subset
>>> pairs = TensorDataset(torch.arange(4), torch.arange(4) * 10)
>>> Subset(pairs, [3, 1])[0]
(tensor(3), tensor(30))
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ..generator import Generator, default_generator
from ..tensor import Tensor, as_tensor, randperm

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A map from indices to samples; subclasses define `__getitem__` and, for most samplers, `__len__`."""

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[T_co]) -> ConcatDataset[T_co]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """A stream of samples; subclasses define `__iter__`.

    In a `DataLoader` with workers every worker has its own copy and reads all of it, unless `__iter__` asks
    `get_worker_info()` which share is its own.
    """

    def __add__(self, other: Dataset[T_co]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


def _definer(kind: type, name: str) -> type | None:
    return next((base for base in kind.__mro__ if name in vars(base)), None)


def collated_batch(dataset: Any, indices: Sequence[Any]) -> Any:
    """The batch of these samples made at once by the data set's `_collated`, or `NotImplemented`."""
    kind = type(dataset)
    speaker = _definer(kind, "_collated")
    if speaker is None or _definer(kind, "__getitem__") is not speaker:
        return NotImplemented
    if _definer(kind, "__getitems__") not in (None, speaker) or "__getitems__" in getattr(dataset, "__dict__", ()):
        return NotImplemented
    return dataset._collated(indices)


def plain_indices(indices: Sequence[Any], length: int) -> bool:
    """Whether these are Python integers from 0 up to `length`: others are left to `__getitem__` and its errors."""
    return len(indices) > 0 and all(type(i) is int for i in indices) and min(indices) >= 0 and max(indices) < length


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of one first dimension; sample `i` is the tuple of their rows `i`.

    >>> import rushlight as torch
    >>> len(TensorDataset(torch.zeros(5, 2), torch.zeros(5)))
    5
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        for i, t in enumerate(tensors):
            if t.size(0) != tensors[0].size(0):
                raise AssertionError(
                    f"Size mismatch between tensors: tensor 0 has {tensors[0].size(0)} rows, tensor {i} {t.size(0)}"
                )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)

    def _collated(self, indices: Sequence[Any]) -> Any:
        if not plain_indices(indices, len(self)):
            return NotImplemented
        if any(type(t) is not Tensor or t.requires_grad for t in self.tensors):
            return NotImplemented  # stacked rows have a history that one indexing would not have
        rows = as_tensor(indices)
        return [t[rows] for t in self.tensors]


class StackDataset(Dataset[Any]):
    """Data sets of one length side by side: sample `i` is the tuple (or, for keywords, the dict) of their samples
    `i`."""

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, "
                "but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        lengths = [len(d) for d in self._members()]  # type: ignore[arg-type]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}")
        self._length = lengths[0]

    def _members(self) -> list[Any]:
        return list(self.datasets.values()) if isinstance(self.datasets, dict) else list(self.datasets)

    def _sample(self, parts: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, parts, strict=True)) if isinstance(self.datasets, dict) else tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        return self._sample(d[index] for d in self._members())

    def __getitems__(self, indices: list) -> list:
        columns = []
        for member in self._members():
            if callable(getattr(member, "__getitems__", None)):
                column = member.__getitems__(indices)
                if len(column) != len(indices):
                    raise ValueError(
                        f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(column)}"
                    )
            else:
                column = [member[i] for i in indices]
            columns.append(column)
        return [self._sample(parts) for parts in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Data sets one after the other; `dataset_a + dataset_b` makes one.

    >>> joined = ConcatDataset([[1, 2], [3]])
    >>> len(joined), joined[2], joined[-3]
    (3, 3, 1)
    """

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        return list(itertools.accumulate(len(part) for part in sequence))

    def __init__(self, datasets: Iterable[Any]) -> None:
        super().__init__()
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T_co:
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        member = bisect.bisect_right(self.cumulative_sizes, idx)
        return self.datasets[member][idx - (self.cumulative_sizes[member - 1] if member else 0)]

    @property
    def cummulative_sizes(self) -> list[int]:
        warnings.warn(
            "`cummulative_sizes` attribute is renamed to `cumulative_sizes`", category=FutureWarning, stacklevel=2
        )
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Iterable data sets one after the other, joined while they are read."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        super().__init__()
        self.datasets = datasets

    def _members(self) -> Iterator[Any]:
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield d

    def __iter__(self) -> Iterator[Any]:
        for d in self._members():
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self._members())


class Subset(Dataset[T_co]):
    """The samples of a data set at the given indices."""

    dataset: Dataset[T_co]
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__. "
                "When subclassing Subset and overriding __getitem__, you must also override "
                "__getitems__ to ensure DataLoader works correctly with your custom logic. "
                "A simple implementation:\n\n"
                "def __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        inner = [self.indices[i] for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(inner)  # type: ignore[attr-defined]
        return [self.dataset[i] for i in inner]

    def __len__(self) -> int:
        return len(self.indices)

    def _collated(self, indices: Sequence[Any]) -> Any:
        return collated_batch(self.dataset, [self.indices[i] for i in indices])


def _lengths_from_fractions(fractions: Sequence[float], total: int) -> list[int]:
    for i, fraction in enumerate(fractions):
        if fraction < 0 or fraction > 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(lengths)):
        lengths[i % len(lengths)] += 1
    for i, length in enumerate(lengths):
        if length == 0:
            warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=3)
    return lengths


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = default_generator
) -> list[Subset]:
    """Splits a data set at random into subsets of the given lengths, or of the given fractions that add up to 1.

    >>> import rushlight as torch
    >>> [len(part) for part in random_split(range(10), [0.75, 0.25], torch.Generator().manual_seed(0))]
    [8, 2]
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_from_fractions(lengths, len(dataset))
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = randperm(sum(lengths), generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
