"""Data sets against PyTorch's."""

import contextlib

import numpy as np
import pytest
import torch
import torch.utils.data as theirs

import rushlight
from rushlight import data as ours
from rushlight.data.dataset import collated_batch

from .oracle import assert_same, seeded


class Squares:
    """A plain map-style data set, usable with both libraries."""

    def __init__(self, size, module):
        self.size, self.module = size, module

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index >= self.size:
            raise IndexError(index)
        return self.module.tensor([index, index * index]), index


def both(make):
    return make(ours, rushlight), make(theirs, torch)


def samples(dataset):
    return [dataset[i] for i in range(len(dataset))]


def test_tensor_dataset_and_indexing():
    one, other = both(lambda d, t: d.TensorDataset(t.arange(12).reshape(6, 2), t.arange(6) * 0.5))
    assert len(one) == len(other) == 6
    assert_same(samples(one), samples(other))
    assert_same(one[1:3], other[1:3])
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        ours.TensorDataset(rushlight.zeros(2), rushlight.zeros(3))


@pytest.mark.parametrize("named", [False, True])
def test_stack_dataset(named):
    def make(d, t):
        parts = {"a": Squares(3, t), "b": d.TensorDataset(t.arange(3))}
        return d.StackDataset(**parts) if named else d.StackDataset(*parts.values())

    one, other = both(make)
    assert_same(samples(one), samples(other))
    assert_same(one.__getitems__([2, 0]), other.__getitems__([2, 0]))


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.StackDataset(),
        lambda d: d.StackDataset([1], a=[1]),
        lambda d: d.StackDataset([1], [1, 2]),
        lambda d: d.ConcatDataset([]),
        lambda d: d.ConcatDataset([d.IterableDataset()]),
        lambda d: len(d.ChainDataset([[1]])),
        lambda d: d.ConcatDataset([[1, 2]])[-3],
        lambda d: d.Dataset()[0],
        lambda d: d.random_split([1, 2, 3], [1, 1]),
        lambda d: d.random_split([1, 2, 3], [1.5, -0.5]),
        lambda d: type("Odd", (d.Subset,), {"__getitem__": lambda self, i: i})([1], [0]),
    ],
)
def test_errors_are_pytorchs(call):
    with pytest.raises(Exception) as expected:
        call(theirs)
    with pytest.raises(type(expected.value)) as got:
        call(ours)
    assert str(got.value).startswith(str(expected.value))


def test_concat_and_add():
    one, other = both(lambda d, t: d.TensorDataset(t.arange(2)) + d.TensorDataset(t.arange(3)))
    assert_same(samples(one), samples(other))
    assert_same(one[-1], other[-1])
    assert one.cumulative_sizes == other.cumulative_sizes
    with pytest.warns(FutureWarning):
        assert one.cummulative_sizes == [2, 5]


class Stream(ours.IterableDataset):
    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


def test_chain():
    chained = Stream([1, 2]) + Stream([3])
    assert isinstance(chained, ours.ChainDataset)
    assert list(chained) == [1, 2, 3] and len(chained) == 3


@pytest.mark.filterwarnings("ignore:Length of split")
@pytest.mark.parametrize("lengths", [[3, 7], [0.3, 0.3, 0.4], [0.55, 0.45], [10], [0.99, 0.01]])
@pytest.mark.parametrize("own_generator", [False, True])
def test_random_split(lengths, own_generator):
    def split(d, t):
        extra = {"generator": t.Generator().manual_seed(3)} if own_generator else {}
        return [(subset.indices, len(subset)) for subset in d.random_split(range(10), lengths, **extra)]

    warned = pytest.warns(UserWarning, match="index 1 is 0") if lengths[-1] == 0.01 else contextlib.nullcontext()
    with warned:
        one = seeded(rushlight, 5, lambda: split(ours, rushlight))
    assert_same(one, seeded(torch, 5, lambda: split(theirs, torch)))


def test_subset_of_subset():
    one, other = both(lambda d, t: d.Subset(d.Subset(Squares(9, t), [8, 3, 5]), [2, 0]))
    assert_same(samples(one), samples(other))
    assert_same(one.__getitems__([1, 0]), other.__getitems__([1, 0]))


def test_a_subset_asks_for_many_samples_at_once():
    class Many(Squares):
        def __getitems__(self, indices):
            return [("many", i) for i in indices]

    assert ours.Subset(Many(9, rushlight), [4, 5]).__getitems__([1]) == [("many", 5)]


def test_whole_batches_equal_collated_samples():
    features, labels = rushlight.arange(24).reshape(8, 3) * 0.5, rushlight.arange(8)
    dataset = ours.TensorDataset(features, labels)
    for source in (dataset, ours.Subset(dataset, [5, 6, 7, 1])):
        batch = source._collated([3, 0, 3])
        assert_same_as_samples(batch, source, [3, 0, 3])


def assert_same_as_samples(batch, source, indices):
    collated = ours.default_collate([source[i] for i in indices])
    assert type(batch) is type(collated) and len(batch) == len(collated)
    for one, other in zip(batch, collated, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_whole_batches_are_left_to_the_class_that_speaks_for_them():
    class Doubled(ours.TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * part for part in super().__getitem__(index))

    class Listed(ours.TensorDataset):
        def __getitems__(self, indices):
            return [self[i] for i in indices]

    class Renamed(ours.TensorDataset):
        pass

    values = rushlight.arange(4)
    assert collated_batch(Doubled(values), [1]) is NotImplemented
    assert collated_batch(Listed(values), [1]) is NotImplemented
    assert collated_batch(Squares(3, rushlight), [1]) is NotImplemented
    assert collated_batch(Renamed(values), [1]) is not NotImplemented
    assert collated_batch(ours.TensorDataset(values), [-1]) is NotImplemented
    assert collated_batch(ours.TensorDataset(values), [4]) is NotImplemented
    assert collated_batch(ours.TensorDataset(values * 1.0), [True]) is NotImplemented
    assert collated_batch(ours.TensorDataset((values * 1.0).requires_grad_()), [1]) is NotImplemented
