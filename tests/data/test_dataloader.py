"""DataLoader in one process against PyTorch's."""

import warnings

import numpy as np
import pytest
import torch
import torch.utils.data as theirs

import rushlight
from rushlight import data as ours
from rushlight.ir.graph import trace

from .oracle import assert_same, seeded


class Numbers:
    """Ten samples that draw while they are read, as augmented images do."""

    def __init__(self, library):
        self.library = library

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return self.library.rand(2), index, {"name": str(index)}


class Counting:
    """0, 1, …; with an announced length that need not be true."""

    def __init__(self, length, announced=None):
        self.length, self.announced = length, announced

    def __iter__(self):
        return iter(range(self.length))

    def __len__(self):
        return self.length if self.announced is None else self.announced


def stream(module, *arguments, **options):
    """An iterable data set of that library."""
    return type("Stream", (Counting, module.IterableDataset), {})(*arguments, **options)


OPTIONS = {
    "plain": {},
    "batches": {"batch_size": 3},
    "drop last": {"batch_size": 3, "drop_last": True},
    "shuffle": {"batch_size": 4, "shuffle": True},
    "single samples": {"batch_size": None},
    "shuffled single samples": {"batch_size": None, "shuffle": True},
    "own collate": {"batch_size": 4, "collate_fn": len},
    "own batch sampler": {"batch_sampler": [[0, 1], [5], [9, 9, 9]]},
    "own sampler": {"sampler": [3, 1, 4], "batch_size": 2},
}


def passes(loader, count=2):
    return [len(loader), [list(loader) for _ in range(count)]]


@pytest.mark.parametrize("name", OPTIONS)
def test_batches_and_draws(name):
    one = seeded(rushlight, 3, lambda: passes(ours.DataLoader(Numbers(rushlight), **OPTIONS[name])))
    assert_same(one, seeded(torch, 3, lambda: passes(theirs.DataLoader(Numbers(torch), **OPTIONS[name]))))


@pytest.mark.parametrize("options", [{}, {"replacement": True}])
def test_a_pass_begins_without_a_node_in_the_trace(options):
    """Else the first step of each pass would be a plan of its own."""
    numbers = range(10)
    loader = ours.DataLoader(numbers, sampler=ours.RandomSampler(numbers, **options), collate_fn=list)
    rushlight.ones(1).tolist()
    list(loader)
    assert trace.references == []


def test_own_generator():
    def run(d, t):
        generator = t.Generator().manual_seed(9)
        loader = d.DataLoader(Numbers(t), batch_size=4, shuffle=True, generator=generator)
        return [list(loader), list(loader), t.randint(0, 1 << 30, (3,), generator=generator)]

    assert_same(seeded(rushlight, 3, lambda: run(ours, rushlight)), seeded(torch, 3, lambda: run(theirs, torch)))


def test_a_tensor_data_set_at_once():
    def run(d, t):
        pairs = d.TensorDataset(t.arange(20).reshape(10, 2), t.arange(10) * 0.5)
        return list(d.DataLoader(d.Subset(pairs, [9, 2, 4, 1, 0]), batch_size=2, shuffle=True))

    assert_same(seeded(rushlight, 3, lambda: run(ours, rushlight)), seeded(torch, 3, lambda: run(theirs, torch)))


def test_many_samples_at_once():
    class Many(Numbers):
        def __getitems__(self, indices):
            return [("many", i) for i in indices]

    assert_same(next(iter(ours.DataLoader(Many(rushlight), batch_size=2))), [("many", "many"), torch.arange(2)])


def test_arrays_without_batches():
    samples = [np.arange(3), np.float32(2.5), "text"]
    assert_same(list(ours.DataLoader(samples, batch_size=None)), list(theirs.DataLoader(samples, batch_size=None)))


@pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"batch_size": 4, "drop_last": True}, {"batch_size": None}])
def test_iterable(options):
    def run(d):
        loader = d.DataLoader(stream(d, 10), **options)
        return [len(loader), list(loader), list(loader)]

    assert_same(run(ours), run(theirs))


def test_more_than_announced_warns():
    def run(d):
        loader = d.DataLoader(stream(d, 4, announced=2))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            length = len(loader)
            list(loader)
        return length, [str(w.message).replace(repr(loader.dataset), "") for w in caught]

    one, other = run(ours), run(theirs)
    assert one[0] == other[0] and len(one[1]) == len(other[1]) == 2
    assert [text.split(" was ")[1] for text in one[1]] == [text.split(" was ")[1] for text in other[1]]


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"prefetch_factor": -1, "num_workers": 1},
        {"persistent_workers": True},
        {"sampler": [1], "shuffle": True},
        {"batch_sampler": [[1]], "shuffle": True},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_sampler": [[1]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 2.0},
        {"multiprocessing_context": "fork"},
        {"multiprocessing_context": "thread", "num_workers": 1},
        {"multiprocessing_context": 3, "num_workers": 1},
    ],
)
def test_wrong_arguments(options):
    check_error(lambda d: d.DataLoader([1, 2, 3], **options))


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_wrong_arguments_for_streams(options):
    check_error(lambda d: d.DataLoader(stream(d, 3), **options))


@pytest.mark.parametrize("name", ["batch_size", "sampler", "batch_sampler", "drop_last", "dataset"])
def test_fixed_attributes(name):
    check_error(lambda d: setattr(d.DataLoader([1, 2, 3]), name, 1))


def check_error(call):
    with pytest.raises(Exception) as expected:
        call(theirs)
    with pytest.raises(type(expected.value)) as got:
        call(ours)
    assert str(got.value) == str(expected.value)


def test_attributes_users_read():
    one, other = (d.DataLoader(range(10), batch_size=4, shuffle=True) for d in (ours, theirs))
    for name in ("batch_size", "drop_last", "num_workers", "timeout", "pin_memory", "prefetch_factor", "in_order"):
        assert getattr(one, name) == getattr(other, name), name
    assert type(one.sampler).__name__ == type(other.sampler).__name__
    assert type(one.batch_sampler).__name__ == type(other.batch_sampler).__name__
    assert len(iter(one)) == len(iter(other)) == 3
    with pytest.raises(NotImplementedError):
        iter(one).__getstate__()


def test_pinned_memory_is_accepted_with_a_warning():
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert [batch.tolist() for batch in ours.DataLoader([1, 2], batch_size=2, pin_memory=True)] == [[1, 2]]


def test_an_error_in_the_data_set_comes_through():
    class Bad(Numbers):
        def __getitem__(self, index):
            raise KeyError(index)

    with pytest.raises(KeyError):
        list(ours.DataLoader(Bad(rushlight)))


def test_subclasses_of_dataloader():
    class Mine(ours.DataLoader):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.extra = 1

    assert [b.tolist() for b in Mine(range(3), batch_size=3)] == [[0, 1, 2]]
    assert ours.DataLoader[int] is not None
