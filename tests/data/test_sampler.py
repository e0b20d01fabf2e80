"""Samplers against PyTorch's: the same indices, and the generators left in the same state."""

import pytest
import torch
import torch.utils.data as theirs

import rushlight
from rushlight import data as ours

from .oracle import assert_same, seeded

WEIGHTS = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6]

MAKERS = {
    "sequential": lambda d, t, g: d.SequentialSampler(range(7)),
    "random": lambda d, t, g: d.RandomSampler(range(11), generator=g),
    "random few": lambda d, t, g: d.RandomSampler(range(11), num_samples=4, generator=g),
    "random many": lambda d, t, g: d.RandomSampler(range(11), num_samples=30, generator=g),
    "random whole rounds": lambda d, t, g: d.RandomSampler(range(11), num_samples=22, generator=g),
    "replacement": lambda d, t, g: d.RandomSampler(range(1000), replacement=True, num_samples=75, generator=g),
    "replacement whole chunks": lambda d, t, g: d.RandomSampler(range(50), True, 64, generator=g),
    "subset": lambda d, t, g: d.SubsetRandomSampler([5, 3, 9, 1], generator=g),
    "weighted": lambda d, t, g: d.WeightedRandomSampler(WEIGHTS, 20, generator=g),
    "weighted without replacement": lambda d, t, g: d.WeightedRandomSampler(WEIGHTS, 6, False, generator=g),
    "weights as a tensor": lambda d, t, g: d.WeightedRandomSampler(t.tensor(WEIGHTS), 20, generator=g),
    "batches": lambda d, t, g: d.BatchSampler(d.RandomSampler(range(11), generator=g), 4, False),
    "whole batches": lambda d, t, g: d.BatchSampler(d.RandomSampler(range(11), generator=g), 4, True),
    "distributed": lambda d, t, g: d.DistributedSampler(range(11), 4, 2),
    "distributed in order": lambda d, t, g: d.DistributedSampler(range(11), 4, 3, shuffle=False),
    "distributed dropping": lambda d, t, g: d.DistributedSampler(range(11), 4, 1, drop_last=True, seed=9),
    "distributed few": lambda d, t, g: d.DistributedSampler(range(2), 5, 4),
    "distributed even": lambda d, t, g: d.DistributedSampler(range(12), 4, 1, drop_last=True),
}


def two_passes(name, d, t, own_generator):
    generator = t.Generator().manual_seed(4) if own_generator else None
    sampler = MAKERS[name](d, t, generator)
    drawn = [len(sampler), list(sampler), list(sampler)]
    if own_generator:
        drawn.append(t.randint(0, 1 << 30, (3,), generator=generator))
    return drawn


@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize("name", MAKERS)
def test_same_indices(name, own_generator):
    one = seeded(rushlight, 11, lambda: two_passes(name, ours, rushlight, own_generator))
    assert_same(one, seeded(torch, 11, lambda: two_passes(name, theirs, torch, own_generator)))


def test_an_abandoned_pass_has_drawn_as_much():
    def some(d, t):
        generator = t.Generator().manual_seed(4)
        pass_ = iter(d.RandomSampler(range(1000), replacement=True, num_samples=200, generator=generator))
        return [next(pass_) for _ in range(40)], t.randint(0, 1 << 30, (3,), generator=generator)

    assert_same(some(ours, rushlight), some(theirs, torch))


def test_set_epoch():
    one, other = ours.DistributedSampler(range(20), 2, 0), theirs.DistributedSampler(range(20), 2, 0)
    for epoch in range(3):
        one.set_epoch(epoch)
        other.set_epoch(epoch)
        assert list(one) == list(other)


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.RandomSampler([1], replacement=1),
        lambda d: d.RandomSampler([1], num_samples=0),
        lambda d: d.RandomSampler([]),
        lambda d: d.WeightedRandomSampler([1.0], True),
        lambda d: d.WeightedRandomSampler([1.0], 0),
        lambda d: d.WeightedRandomSampler([1.0], 1, replacement=0),
        lambda d: d.WeightedRandomSampler([[1.0], [2.0]], 1),
        lambda d: d.BatchSampler([1], 0, False),
        lambda d: d.BatchSampler([1], True, False),
        lambda d: d.BatchSampler([1], 2, 0),
        lambda d: d.DistributedSampler([1], 2, 2),
        lambda d: d.DistributedSampler([1], 2, -1),
        lambda d: iter(d.Sampler()),
    ],
)
def test_errors_are_pytorchs(call):
    with pytest.raises(Exception) as expected:
        call(theirs)
    with pytest.raises(type(expected.value)) as got:
        call(ours)
    assert str(got.value) == str(expected.value)


def test_distributed_without_processes():
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        ours.DistributedSampler([1, 2])
