"""`tensor[...]` read and written: every kind of index in every place, and functions that take places."""

from __future__ import annotations

import itertools
import random

import pytest
import torch

import rushlight
from tests.both import Raised, assert_alike, run

from .written import check_refused, check_written, programs, written

ITEMS = [
    *(
        "1",
        "-1",
        "0:2",
        "::2",
        ":",
        "1:1",
        "-2:",
        "None",
        "...",
        "[0, 2]",
        "[-1]",
        "t.tensor([1, 0])",
        "t.tensor([[0], [2]])",
    ),
    *(
        "t.tensor(1)",
        "True",
        "False",
        "np.array([0, 1])",
        "np.int64(2)",
        "[True, False, True]",
        "t.tensor([True, False, True])",
    ),
    *(
        "t.zeros(0, dtype=t.int64)",
        "t.tensor([2, 2, 0], dtype=t.int32)",
        "[]",
        "(0, 1)",
        "range(2)",
        "5",
        "[[0, 1], [1, 2]]",
    ),
]


def compare(source):
    """The same result or the same class of error."""
    program = written(source)
    ours, theirs = run(program, rushlight), run(program, torch)
    if isinstance(theirs, Raised):
        assert isinstance(ours, Raised) and ours.kind == theirs.kind, f"{source}: {ours!r} is not {theirs!r}"
    else:
        assert_alike(ours, theirs, path=source)


@pytest.mark.parametrize("first", ITEMS)
def test_every_pair_of_items(first):
    for second in ITEMS:
        compare(f"x = t.arange(9 * 3).reshape(3, 3, 3); x[{first}, {second}]")


def triples(count):
    chosen = random.Random(0).sample(list(itertools.product(ITEMS, repeat=3)), count)
    return [", ".join(items) for items in chosen]


@pytest.mark.parametrize("part", range(10))
def test_triples_of_items(part):
    for index in triples(600)[part::10]:
        compare(f"x = t.arange(27).reshape(3, 3, 3); x[{index}]")


@pytest.mark.parametrize("part", range(10))
def test_items_written(part):
    for index in triples(200)[part::10] + [f"{a}, {b}" for a, b in itertools.product(ITEMS[part::10], ITEMS)][::3]:
        compare(f"x = t.zeros(3, 3, 3); x[{index}] = 7; x")
        compare(f"x = t.zeros(3, 3, 3); x[{index}] = t.arange(3.0); x")


@pytest.mark.parametrize("part", range(5))
def test_items_augmented(part):
    for index in triples(100)[part::5]:
        compare(f"x = t.ones(3, 3, 3); x[{index}] += 2; x")
        compare(f"x = t.ones(3, 3, 3); x[{index}] *= t.tensor([2.0]); x")


@programs("""
    x = t.arange(12).reshape(3, 4); x[0], x[-1], x[1, 2], x[1][2], x[:, 1], x[1:], x[..., -1], x[::2, ::2], x[:, -2:], x[5:], x[2:1]
    x = t.arange(12).reshape(3, 4); x[x > 5], x[x[:, 0] > 3], x[:, x[0] > 1], x[t.tensor([True, False, True])], x[t.tensor([1, 0, 1], dtype=t.uint8)]
    x = t.arange(12).reshape(3, 4); x[x > 100], x[x > 100].shape, x[t.zeros(3, dtype=t.bool)].shape, x[t.zeros(0, dtype=t.int64)].shape
    x = t.arange(12).reshape(3, 4); x[[0, 1], [2, 3]], x[[0, 1]], x[[[0], [1]], [2, 3]], x[(0, 1)], x[[0, 1], :], x[:, [0, 2]], x[[True, False, True]]
    x = t.arange(12).reshape(3, 4); x[np.array([0, 2])], x[np.array([True, False, True])], x[np.int64(1)], x[np.array(1)], x[np.array([[0], [1]]), np.array([1, 2])]
    x = t.arange(12).reshape(3, 4); x[t.tensor(1)], x[t.tensor([1])], x[t.tensor(1), t.tensor(2)], x[t.tensor([[1]])], x[t.tensor(2, dtype=t.int8)]
    x = t.arange(12).reshape(3, 4); x[None].shape, x[:, None].shape, x[..., None].shape, x[None, ..., None].shape, x[t.tensor([0, 1]), None].shape
    x = t.arange(24).reshape(2, 3, 4); x[:, [0, 1], :], x[[0, 1], :, [0, 1]], x[:, [0, 1], [0, 1]], x[[0, 1], [0, 1]], x[0, :, [0, 1]], x[[0], ..., [1]]
    x = t.arange(24).reshape(2, 3, 4); x[x[..., 0] > 4], x[t.tensor([[True, False, True], [False, True, False]])], x[:, t.tensor([[True] * 4] * 3)]
    x = t.arange(24).reshape(2, 3, 4); x[1, t.tensor([True, False, True]), 2], x[t.tensor([True, False]), t.tensor([0, 1]), t.tensor([[0], [1]])]
    x = t.arange(5); x[t.tensor([-1, -5])], x[[4, -4]], x[True], x[False], x[True].shape, x[None, True].shape, x[t.tensor(True)], x[t.tensor(False)].shape
    x = t.tensor(3); x[()], x[...], x[None], x[True], x[t.tensor(True)], x[t.tensor(False)], x[..., None], x[None, None].shape
    x = t.arange(6.0); x[2] = 9; x[-1] = t.tensor(7); x[0:2] = t.tensor([1.5, 2.5]); x[[3]] = 4; x
    x = t.zeros(3, 4); x[0] = 1; x[:, 1] = t.arange(3); x[1:, 2:] = t.tensor([[5], [6]]); x[..., -1] = t.tensor(8.0); x
    x = t.zeros(3, 4); x[x == 0] = 2; x[t.tensor([True, False, True])] = t.arange(4.0); x[t.tensor([True, False, True]), 0] = t.tensor([7.0, 8.0]); x
    x = t.zeros(3, 4); x[[0, 1], [2, 3]] = t.tensor([1.0, 2]); x[[0, 2]] = 5; x[[0, 0], [0, 0]] = 3; x
    x = t.zeros(3, 4); x[t.tensor([[0], [2]]), t.tensor([1, 3])] = t.tensor([[1.0, 2], [3, 4]]); x
    x = t.zeros(3, 4); x[:] = 1; x[...] = t.arange(4); x[None] = t.arange(4.0); x[()] = 3; x
    x = t.zeros(3, dtype=t.int64); x[0] = 1.7; x[1] = True; x[2] = t.tensor(2.9); x
    x = t.zeros(3, dtype=t.bool); x[0] = 2; x[1] = 0.5; x[2] = t.tensor(0); x
    x = t.zeros(3, dtype=t.uint8); x[0] = -1; x[1] = t.tensor(300); x
    x = t.zeros(3); x[1:] = 2; x[1:] += 1; x[x > 2] *= 2; x[[0, 1]] -= 1; x[-1] /= 4; x[t.tensor([0])] **= 2; x
    x = t.zeros(3); x[[0, 0, 1]] += 1; x
    x = t.zeros(3); x[t.tensor([0, 0, 1])] += t.tensor([1.0, 2.0, 3.0]); x
    x = t.arange(12.0).reshape(3, 4); x[1, :] *= 2; x[:, 1] += t.arange(3); x[x[:, 0] > 5, 2] -= 100; x[..., None][0] += 1; x
    x = t.arange(6).reshape(2, 3); x[0], x[1] = x[1], x[0]; x
    x = t.arange(6).reshape(2, 3); x[[0, 1]] = x[[1, 0]]; x
    x = t.arange(6); x[1:] = x[:-1].clone(); x[::2] = 0; x
    x = t.zeros(3).expand(2, 3); x[0, 0] = 1; x
    x = t.zeros(2, 3); x[0] = np.float64(9); x[1, 1] = True; x
    x = t.zeros(2, 2); x[0, 0] = t.tensor([[3.0]]); x[1] = t.ones(1, 1, 2); x
    x = t.zeros(2, 2, dtype=t.complex64); x[0, 0] = 1 + 2j; x[1] = 3; x
    x = t.zeros(0, 3); x[x > 0] = 1; x[:] = 5; x.shape, x[:, 1].shape, x[t.zeros(0, dtype=t.bool)].shape
    x = t.zeros(2, 3); x[t.tensor([True, False])] = t.zeros(1, 3) + 4; x[t.tensor([False, False])] = 9; x
    x = t.zeros(2, 3); x[:, t.tensor([True, False, True])] = t.tensor([[1.0, 2], [3, 4]]); x
    x = t.zeros(3); x[True] = 5; x[False] = 7; x
    x = t.arange(27).reshape(3, 3, 3); x[..., 0, ...], x[0, ..., ...], x[[t.tensor(0), t.tensor(1)]], x[[t.tensor([0]), 1]], x[[0.5, 1.5]], x[[[]]].shape
    x = t.zeros(2, 3); x[0][1] = 5; x[1, 1:][0] = 6; x
    x = t.zeros(2, 3); x[[0]][0] = 5; x
    x = t.arange(4); x[t.tensor([3, 2, 1, 0])], x[x.flip(0)], x[x], x[x.bool()]
    x = t.arange(10); x[2:7:3], x[-3:], x[:-8], x[100:], x[-100:2], x[t.tensor(2):t.tensor(5)], x[np.int64(1):np.int64(3)]
    x = t.arange(8).reshape(2, 2, 2); x[[[0, 1], [1, 0]]].shape, x[[0, 1], [1, 0]].shape, x[([0, 1], [1, 0])].shape, x[[0, 1], [1, 0], [0, 1]]
    x = t.arange(3); [slice(0, 2)] and x[[0, 2]], x[(slice(0, 2),)], x[tuple([1])], x[(None, slice(None), None)].shape
    x = t.eye(3); x[t.arange(3), t.arange(3)], x[range(3), range(3)], x[t.arange(3), t.tensor([2, 0, 1])]
    x = t.arange(24).reshape(2, 3, 4); x[1, ..., 2], x[..., 1, 2], x[0, ...], x[..., [0, 1]], x[..., t.tensor([True, False, True, False])], x[0, ..., None].shape
    x = t.rand(3, 4); (x[x > 0.5] > 0.5).all(), x[x.argmax(1) >= 0].shape, x[t.arange(3), x.argmax(1)].shape
""")
def test_reading_and_writing(source):
    check_written(source)


@programs("""
    t.zeros(3)[3]
    t.zeros(3)[-4]
    t.zeros(3)[1, 1]
    t.zeros(3, 4)[0, 4]
    t.zeros(3, 4)[:, 5]
    t.zeros(3, 4)[..., 0, 0, 0]
    t.zeros(3, 4)[..., ..., [0]]
    t.zeros(3)[[3]]
    t.zeros(3)[t.tensor([0, 3])]
    t.zeros(3)[t.tensor([-4])]
    t.zeros(3)[t.tensor([0.5])]
    t.zeros(3)[1.0]
    t.zeros(3)['a']
    t.zeros(3)[object()]
    t.zeros(3)[1j]
    t.zeros(3)[::-1]
    t.zeros(3)[::0]
    t.zeros(3)[0.5:]
    t.zeros(3)['a':]
    t.zeros(3)[t.tensor([True, False])]
    t.zeros(3, 4)[t.tensor([[True, False]])]
    t.zeros(3)[t.tensor([[True]])]
    t.zeros(3, 4)[t.ones(3, 4, 1, dtype=t.bool)]
    t.zeros(3, 4)[[0, 1], [0, 1, 2]]
    t.zeros(3, 4)[t.tensor([True, True, False]), t.tensor([0, 1, 2])]
    t.zeros(0)[0]
    t.zeros(0, 3)[0]
    t.tensor(1)[0]
    t.tensor(1)[0:1]
    t.tensor(1)[[0]]
    x = t.zeros(3); x[3] = 1; x
    x = t.zeros(3); x[[3]] = 1; x
    x = t.zeros(3); x[1, 1] = 1; x
    x = t.zeros(3); x[:2] = t.ones(3); x
    x = t.zeros(3); x[[0, 1]] = t.ones(3); x
    x = t.zeros(3); x[t.tensor([True, False, True])] = t.ones(3); x
    x = t.zeros(3); x[0] = t.ones(2); x
    x = t.zeros(3); x[0] = 'a'; x
    x = t.zeros(3); x[0] = None; x
    x = t.zeros(3); x[0] = [1, 2]; x
    x = t.zeros(3); x[0] = 1j; x
    x = t.zeros(3); x['a'] = 1; x
    x = t.zeros(3, dtype=t.int64); x[[0, 1]] = t.tensor([1.5, 2.5]); x
    x = t.zeros(3); x[t.tensor([True, False, True])] = t.ones(2, dtype=t.int64); x
    x = t.zeros(3, requires_grad=True); x[0] = 1; x
    x = t.zeros(3, requires_grad=True); x[[0]] += 1; x
    x = t.zeros(2, 3); x[t.tensor([True, False, True])] = 1; x
    x = t.zeros(3); x[[0, 1], [0]] = 1; x
    x = t.zeros(3).expand(2, 3); x[0] += t.ones(3); x[:] = t.ones(3); x
    x = t.zeros(3); x[0] = np.array(3); x
    x = t.zeros(3); x[[0, 1]] = [1, 2]; x
    x = t.zeros(3, dtype=t.uint8); x[0] = 300; x
    x = t.zeros(3); x.put_(t.tensor([3]), t.ones(1))
    x = t.zeros(3); x.put_(t.tensor([0]), t.ones(2))
    x = t.zeros(3); del x[0]; x
    t.zeros(3, 3)[[0, 1], 'a']
    x = t.zeros(3); x[0] = np.bool_(True); x
    t.zeros(3)[t.zeros(1, dtype=t.complex64)]
    t.zeros(3, dtype=t.uint8)[300]
    t.zeros(3)[2**70]
""")
def test_refused(source):
    check_refused(source)


@programs("""
    t.zeros(3)[3]
    t.zeros(3, 4)[0, 4]
    t.zeros(3)[1, 1]
    t.zeros(3)[[3]]
    t.zeros(3)[t.tensor([0.5])]
    t.zeros(3)[::-1]
    t.zeros(3)[t.tensor([True, False])]
    t.zeros(3, 4)[[0, 1], [0, 1, 2]]
    t.zeros(3)['a']
    t.tensor(1)[0]
    x = t.zeros(3); x[:2] = t.ones(3); x
    x = t.zeros(3); x[[0, 1]] = t.ones(3); x
    x = t.zeros(3, requires_grad=True); x[0] = 1; x
    x = t.zeros(3); x[t.tensor([True, False, True])] = t.ones(2, dtype=t.int64); x
    t.zeros(3).gather(0, t.tensor([3]))
    t.zeros(3).index_select(0, t.tensor([3]))
    t.zeros(3).gather(0, t.tensor([0.5]))
    t.zeros(3).scatter(0, t.tensor([[0]]), 1)
    t.zeros(3).masked_fill(t.tensor([1, 0, 1]), 1)
    t.zeros(3).masked_fill(t.tensor([True, False]), 1)
""")
def test_error_texts(source):
    check_written(source)


@programs("""
    t.arange(12).reshape(3, 4).index_select(0, t.tensor([2, 0])), t.arange(12).reshape(3, 4).index_select(1, t.tensor([0, 0])), t.tensor(3).index_select(0, t.tensor([0]))
    t.arange(12).reshape(3, 4).gather(1, t.tensor([[0, 1], [3, 3]])), t.arange(12).reshape(3, 4).gather(0, t.tensor([[2, 1, 0, 1]])), t.tensor(5).gather(0, t.tensor(0))
    t.zeros(3, 4).scatter(1, t.tensor([[0], [1], [2]]), 1.0), t.zeros(3, 4).scatter(0, t.tensor([[0, 1, 2, 0]]), t.arange(4.0).reshape(1, 4)), t.zeros(3).scatter(0, t.tensor([1]), value=2)
    t.zeros(3).scatter_add(0, t.tensor([0, 0, 2]), t.ones(3)), t.ones(3).scatter(0, t.tensor([0, 1]), t.tensor([2.0, 3]), reduce='multiply'), t.ones(3).scatter(0, t.tensor([0]), 4, reduce='add')
    x = t.zeros(3); x.scatter_(0, t.tensor([1]), 5); x.scatter_add_(0, t.tensor([1, 2]), t.ones(2)); x.index_fill_(0, t.tensor([0]), 9); x
    x = t.zeros(3, 2); x.index_add_(0, t.tensor([0, 0, 2]), t.ones(3, 2)); x.index_copy_(1, t.tensor([1]), t.full((3, 1), 7.0)); x
    x = t.zeros(3); x.index_add(0, t.tensor([1]), t.ones(1), alpha=3), x.index_fill(0, t.tensor([1, 2]), 4), x.index_put((t.tensor([0]),), t.tensor(2.0))
    x = t.zeros(3); x.index_put_((t.tensor([0, 0]),), t.ones(2), accumulate=True); x.put_(t.tensor([2]), t.tensor([8.0])); x
    t.arange(6).reshape(2, 3).take(t.tensor([[0, 5], [2, -1]])), t.take_along_dim(t.arange(6).reshape(2, 3), t.tensor([[0], [2]]), 1), t.take_along_dim(t.arange(6), t.tensor([0, 5]))
    t.arange(4).masked_select(t.tensor([True, False, True, False])), t.arange(6).reshape(2, 3).masked_select(t.tensor([True, False, True])), t.masked_select(t.arange(3), t.tensor(True))
    t.arange(4.0).masked_fill(t.tensor([True, False, True, False]), -1), t.zeros(2, 2).masked_fill(t.tensor([[True], [False]]), t.tensor(3.0)), t.arange(3).masked_fill(t.arange(3) > 1, 9)
    t.zeros(4).masked_scatter(t.tensor([True, False, True, True]), t.arange(1.0, 5)), t.where(t.arange(4) > 1), t.where(t.arange(4) > 1, 1, 0), t.arange(4).where(t.arange(4) > 1, t.tensor(-1))
    t.tensor([[0, 1], [2, 0]]).nonzero(), t.nonzero(t.tensor([0, 3])), t.nonzero(t.tensor([[0, 1], [2, 0]]), as_tuple=True), t.tensor(3).nonzero(), t.tensor(0).nonzero(), t.argwhere(t.tensor([0, 1, 2])), t.count_nonzero(t.tensor([[0, 1], [2, 3]]), 0)
    x = t.arange(6.0).reshape(2, 3); x.select_scatter(t.zeros(3), 0, 1), x.slice_scatter(t.zeros(2, 1), 1, 0, 1), x.diagonal_scatter(t.zeros(2)), x.unsqueeze(0).index_select(2, t.tensor([1]))
    t.isin(t.tensor([1, 2, 3]), t.tensor([2, 5])), t.isin(t.tensor([1, 2]), 2), t.isin(1, t.tensor([1])), t.isin(t.tensor([1, 2, 3]), t.tensor([2]), invert=True)
    t.searchsorted(t.tensor([1, 3, 5]), t.tensor([0, 3, 6])), t.searchsorted(t.tensor([1, 3, 5]), 3, right=True), t.bucketize(t.tensor([0, 3, 6]), t.tensor([1, 3, 5])), t.bucketize(3, t.tensor([1, 3, 5]), right=True)
""")
def test_functions(source):
    check_written(source, rtol=1e-6)


@programs("""
    t.zeros(3).gather(0, t.tensor([3]))
    t.zeros(3).gather(1, t.tensor([0]))
    t.zeros(3, 2).gather(0, t.tensor([0]))
    t.zeros(3).gather(0, t.tensor([0.5]))
    t.zeros(3).gather(0, [0])
    t.zeros(3).index_select(0, t.tensor([3]))
    t.zeros(3).index_select(0, t.tensor([[0]]))
    t.zeros(3).index_select(0, t.tensor([0.0]))
    t.zeros(3).scatter(0, t.tensor([3]), 1)
    t.zeros(3).scatter(0, t.tensor([[0]]), 1)
    t.zeros(3).scatter(0, t.tensor([0, 1]), t.ones(1))
    t.zeros(3).scatter(0, t.tensor([0]), t.ones(1, dtype=t.int64))
    t.zeros(3).scatter_add(0, t.tensor([0]), 1)
    t.zeros(3).scatter(0, t.tensor([0]), 1, reduce='max')
    t.zeros(3).index_add(0, t.tensor([0, 1]), t.ones(1))
    t.zeros(3).index_add(0, t.tensor([5]), t.ones(1))
    t.zeros(3).index_copy(0, t.tensor([0]), t.ones(2))
    t.zeros(3).index_copy(0, t.tensor([0]), t.ones(1, dtype=t.int64))
    t.zeros(3).index_fill(0, t.tensor([0]), t.ones(2))
    t.zeros(3).index_fill(0, t.tensor([4]), 1)
    t.zeros(3).masked_fill(t.tensor([1, 0, 1]), 1)
    t.zeros(3).masked_fill(t.tensor([True, False]), 1)
    t.zeros(3).masked_fill(t.tensor([True, False, True]), t.ones(2))
    t.zeros(3).masked_fill_(t.ones(2, 3, dtype=t.bool), 1)
    t.zeros(3).masked_select(t.tensor([True, False]))
    t.zeros(3).masked_scatter(t.tensor([True, True, True]), t.ones(2))
    t.zeros(3).take(t.tensor([3]))
    t.zeros(3).take(t.tensor([0.5]))
    t.zeros(2, 3).diagonal_scatter(t.zeros(3))
    t.zeros(2, 3).select_scatter(t.zeros(2), 0, 0)
    t.zeros(3).index_put((t.tensor([0]), t.tensor([0])), t.ones(1))
    t.where(t.tensor([True]), t.ones(2), 'a')
    t.where(t.ones(2))[0][5]
""")
def test_functions_refuse(source):
    check_refused(source)
