"""default_collate and default_convert against PyTorch's."""

import collections
from types import MappingProxyType

import numpy as np
import pytest
import torch
import torch.utils.data as theirs
from torch.utils.data._utils import collate as their_collate

import rushlight
from rushlight import data as ours
from rushlight.data import collate as our_collate

from .oracle import assert_same

Point = collections.namedtuple("Point", ["x", "y"])


class Table(dict):
    note = "kept"


class Row(list):
    pass


BATCHES = {
    "tensors": lambda t: [t.arange(3), t.arange(3) + 4],
    "scalars": lambda t: [t.tensor(1.5), t.tensor(2.5)],
    "bool tensors": lambda t: [t.tensor([True, False])] * 2,
    "int": lambda t: [1, 2, 3],
    "bool": lambda t: [True, False],
    "float": lambda t: [0.1, 0.2],
    "str": lambda t: ["a", "b"],
    "bytes": lambda t: [b"a", b"b"],
    "arrays": lambda t: [np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)],
    "array scalars": lambda t: [np.float64(1.5), np.float64(2.5)],
    "small integers": lambda t: [np.int16(1), np.int16(2)],
    "numpy bools": lambda t: [np.bool_(True), np.bool_(False)],
    "zero-dim arrays": lambda t: [np.array(3), np.array(4)],
    "tuples": lambda t: [(1, "a", t.zeros(2)), (2, "b", t.ones(2))],
    "lists": lambda t: [[1, 2.0], [3, 4.0]],
    "dicts": lambda t: [{"x": 1, "y": [t.ones(1)]}, {"x": 2, "y": [t.zeros(1)]}],
    "own dict": lambda t: [Table(a=1), Table(a=2)],
    "own list": lambda t: [Row([1, 2]), Row([3, 4])],
    "proxy": lambda t: [MappingProxyType({"a": 1}), MappingProxyType({"a": 2})],
    "ordered": lambda t: [collections.OrderedDict(b=1, a=2), collections.OrderedDict(b=3, a=4)],
    "named tuples": lambda t: [Point(1, 2.0), Point(3, 4.0)],
    "ranges": lambda t: [range(2), range(2, 4)],
    "nested": lambda t: [({"p": Point(t.ones(2), "s")}, [b"x"]), ({"p": Point(t.zeros(2), "t")}, [b"y"])],
}

BAD_BATCHES = {
    "objects": lambda t: [object(), object()],
    "none": lambda t: [None],
    "string arrays": lambda t: [np.array(["a"])],
    "uneven": lambda t: [[1, 2], [1]],
    "shapes": lambda t: [t.zeros(2), t.zeros(3)],
    "sets": lambda t: [{1}],
}


@pytest.mark.parametrize("name", BATCHES)
def test_default_collate(name):
    assert_same(ours.default_collate(BATCHES[name](rushlight)), theirs.default_collate(BATCHES[name](torch)))


@pytest.mark.parametrize("name", BATCHES)
def test_default_convert(name):
    if name == "proxy":  # PyTorch's own result is a list of proxies, compared by their items
        one, other = ours.default_convert(BATCHES[name](rushlight)), theirs.default_convert(BATCHES[name](torch))
        assert [dict(m) for m in one] == [dict(m) for m in other]
    else:
        assert_same(ours.default_convert(BATCHES[name](rushlight)), theirs.default_convert(BATCHES[name](torch)))


@pytest.mark.parametrize("name", BAD_BATCHES)
def test_errors_are_pytorchs(name):
    with pytest.raises(Exception) as expected:
        theirs.default_collate(BAD_BATCHES[name](torch))
    with pytest.raises(type(expected.value)) as got:
        ours.default_collate(BAD_BATCHES[name](rushlight))
    if name != "shapes":
        assert str(got.value) == str(expected.value)


def test_string_arrays_stay_as_they_are():
    words = np.array(["a", "b"])
    assert ours.default_convert(words) is words
    assert ours.default_convert(np.str_("a")) == "a"


def test_own_kinds_keep_what_they_carry():
    assert ours.default_collate([Table(a=1), Table(a=2)]).note == "kept"
    first = Table(a=1)
    ours.default_collate([first, Table(a=2)])
    assert first == {"a": 1}


def test_own_function_by_type():
    def first_only(batch, *, collate_fn_map=None):
        return batch[0]

    for module, library in ((our_collate, rushlight), (their_collate, torch)):
        table = {library.Tensor: first_only, str: lambda batch, *, collate_fn_map=None: "".join(batch)}
        result = module.collate([(library.ones(2), "a"), (library.zeros(2), "b")], collate_fn_map=table)
        assert result[0].tolist() == [1, 1] and result[1] == "ab"


def test_an_extended_table_is_obeyed_for_whole_batches():
    dataset = ours.TensorDataset(rushlight.arange(4))
    original = our_collate.default_collate_fn_map[rushlight.Tensor]
    our_collate.default_collate_fn_map[rushlight.Tensor] = lambda batch, *, collate_fn_map=None: "mine"
    try:
        assert list(ours.DataLoader(dataset, batch_size=4)) == [["mine"]]
    finally:
        our_collate.default_collate_fn_map[rushlight.Tensor] = original
