"""Tensors in files, both ways between Rushlight and PyTorch."""

from __future__ import annotations

import copy
import io
import pickle
from collections import OrderedDict

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import rushlight
from rushlight.serialize import get_unsafe_globals_in_checkpoint, load, safe_globals, save
from rushlight.serialize.tensors import steps_to
from rushlight.tensor.geometry import device, strided
from rushlight.tensor.views import Expand, Permute, Reshape, Slice, Strided

from .standin import DTYPES, loaded_by_torch, same_values, saved_by_torch
from .test_archive import SAMPLES, of_dtype, shared, without_identifier
from .test_restricted import archive_with


def saved(value, **options) -> bytes:
    file = io.BytesIO()
    save(value, file, **options)
    return file.getvalue()


def loaded(data: bytes, **options):
    return load(io.BytesIO(data), **options)


def from_torch(value):
    return loaded(saved_by_torch(value))


def to_torch(value):
    return loaded_by_torch(saved(value))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(dtype):
    theirs = of_dtype(dtype).reshape(3, 4)
    ours = from_torch(theirs)
    assert repr(ours.dtype) == repr(theirs.dtype) and ours.tolist() == theirs.tolist()
    assert same_values(to_torch(ours), theirs)
    assert same_values(to_torch(from_torch(theirs.t())), theirs.t())


@pytest.mark.parametrize(
    "name", ["scalar", "empty", "dtypes", "transposed", "shared", "requires_grad", "many", "no tensors"]
)
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_there_and_back(name, options):
    sample = SAMPLES[name]
    if options and name in ("dtypes", "transposed"):
        sample = [tensor for tensor in sample if tensor.dtype not in (torch.uint16, torch.uint32, torch.uint64)]
    back = loaded_by_torch(saved(loaded(saved_by_torch(sample, **options)), **options))
    pairs = back.items() if isinstance(back, dict) else enumerate(back) if isinstance(back, list) else [(..., back)]
    for key, tensor in pairs:
        assert same_values(tensor, sample if key is ... else sample[key])


@pytest.mark.parametrize("name", ["scalar", "empty", "many", "shared", "requires_grad", "state_dict", "training"])
def test_files_are_the_same_but_for_the_identifier(name):
    data = saved_by_torch(SAMPLES[name])
    assert without_identifier(saved(loaded(data))) == without_identifier(data)


def test_what_shared_memory_does_so_again():
    theirs, ours = copy.deepcopy(shared()), from_torch(shared())
    assert ours[6] is ours[0]
    for number, part in enumerate(theirs[:7]):
        part.mul_(0).add_(number)
        ours[number].mul_(0).add_(number)
        assert [tensor.tolist() for tensor in ours] == [tensor.tolist() for tensor in theirs]
    base = rushlight.arange(12.0).reshape(3, 4)
    again = loaded(saved({"base": base, "view": base[:, 1], "other": rushlight.ones(2)}))
    again["view"].fill_(9)
    assert again["base"].tolist() == [[0, 9, 2, 3], [4, 9, 6, 7], [8, 9, 10, 11]] and again["other"].tolist() == [1, 1]


def test_a_slice_takes_its_storage_along():
    data = saved(rushlight.zeros(10000)[:2])
    assert len(data) > 40000 and loaded_by_torch(data).untyped_storage().nbytes() == 40000
    assert len(saved(rushlight.zeros(10000)[:2].clone())) < 4000


@st.composite
def geometries(draw: st.DrawFn) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
    """A storage's size, and a shape, strides and offset that fit it."""
    size = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    stride = tuple(draw(st.sampled_from([0, 1, 2, 3, 4, 6, 8, 12, 24])) for _ in size)
    offset = draw(st.integers(0, 5))
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
    return max(last + 1, 1) + draw(st.integers(0, 30)), size, stride, offset


@settings(max_examples=150, deadline=None)
@given(geometries())
@example((20, (2, 2), (8, 3), 1))
def test_any_geometry(geometry):
    count, size, stride, offset = geometry
    base = torch.arange(count)
    theirs = torch.as_strided(base, size, stride, offset)
    whole, ours = from_torch([base, theirs])
    assert ours.tolist() == theirs.tolist() and tuple(ours.shape) == size
    assert same_values(to_torch([whole, ours])[1], to_torch(ours))
    if theirs.numel():
        geometry = [(n, s) for n, s in zip(size, stride, strict=True) if n > 1]
        assert [(n, s) for n, s in zip(ours.shape, ours.stride(), strict=True) if n > 1] == geometry
        assert ours.storage_offset() == offset
    alone = from_torch(theirs)
    assert alone.tolist() == theirs.tolist()
    if len(set(torch.as_strided(base, size, stride, offset).reshape(-1).tolist())) == theirs.numel():
        theirs.fill_(-1)
        try:
            ours.fill_(-1)
        except RuntimeError as error:
            assert "single memory location" in str(error) and 0 in stride
        else:
            assert whole.tolist() == base.tolist()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_views_that_programs_make_need_no_index(data):
    """Slices, transposes, selections and expansions of a contiguous tensor are read without gathering."""
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    view = torch.arange(int(torch.tensor(shape).prod())).reshape(shape)
    for _ in range(data.draw(st.integers(0, 4))):
        kind = data.draw(st.sampled_from(["slice", "select", "transpose", "expand", "unsqueeze"]))
        axis = data.draw(st.integers(0, view.dim() - 1)) if view.dim() else None
        if kind == "slice" and axis is not None:
            low = data.draw(st.integers(0, view.shape[axis] - 1))
            view = view.narrow(axis, low, data.draw(st.integers(1, view.shape[axis] - low)))
        elif kind == "select" and axis is not None:
            view = view.select(axis, data.draw(st.integers(0, view.shape[axis] - 1)))
        elif kind == "transpose" and axis is not None:
            view = view.transpose(axis, data.draw(st.integers(0, view.dim() - 1)))
        elif kind == "expand":
            view = view.expand(2, *view.shape)
        else:
            view = view.unsqueeze(0)
    count = view.untyped_storage().nbytes() // 8
    steps = steps_to((count,), view.storage_offset(), tuple(view.shape), view.stride())
    assert all(type(step) in (Reshape, Slice, Permute, Expand) for step in steps)
    assert from_torch(view).tolist() == view.tolist()


def test_overlapping_views_are_read_through_an_index():
    theirs = torch.arange(6).unfold(0, 3, 1)
    steps = steps_to((6,), 0, tuple(theirs.shape), theirs.stride())
    assert type(steps[-1]) is Strided and from_torch(theirs).tolist() == theirs.tolist()


def test_views_that_claim_too_much():
    with pytest.raises(ValueError, match="far more elements"):
        steps_to((10,), 0, (2, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2), (1, 2) + (1,) * 13)


def storage_pickle(size: bytes, stride: bytes, offset: bytes = b"K\x00") -> bytes:
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ"
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + stride + hooks + b"tR."


@pytest.mark.parametrize(
    "size, stride, offset, message",
    [
        (b"K\x07\x85", b"K\x01\x85", b"K\x00", "out of bounds"),
        (b"K\x06\x85", b"K\x01\x85", b"K\x01", "out of bounds"),
        (b"K\x02\x85", b"K\x06\x85", b"K\x00", "out of bounds"),
        (b"K\x06\x85", b")", b"K\x00", "not those of a tensor"),
        (b"J\xff\xff\xff\xff\x85", b"K\x01\x85", b"K\x00", "not those of a tensor"),
        (b"K\x06\x85", b"J\xff\xff\xff\xff\x85", b"K\x05", "not those of a tensor"),
        (b"K\x06\x85", b"K\x01\x85", b"N", "not those of a tensor"),
        (b"\x88\x85", b"K\x01\x85", b"K\x00", "not those of a tensor"),
        (b"J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40\x87", b"K\x00K\x00K\x00\x87", b"K\x00", "larger than any"),
        (b"K\x06", b"K\x01\x85", b"K\x00", "cannot take the arguments"),
    ],
)
def test_geometry_that_does_not_fit_the_storage(size, stride, offset, message):
    data = archive_with(storage_pickle(size, stride, offset))
    with pytest.raises((pickle.UnpicklingError, RuntimeError), match=message):
        loaded(data)


def test_the_sound_form_of_those_loads():
    assert loaded(archive_with(storage_pickle(b"K\x06\x85", b"K\x01\x85"))).tolist() == [0, 1, 2, 3, 4, 5]


def test_loaded_tensors_are_ordinary():
    tensor = from_torch(torch.ones(2, 2, requires_grad=True))
    assert tensor.is_leaf and tensor.requires_grad
    (tensor * tensor).sum().backward()
    assert tensor.grad.tolist() == [[2, 2], [2, 2]]


def test_results_with_history_are_saved_without():
    leaf = rushlight.ones(2, requires_grad=True)
    result = loaded(saved(leaf * 3))
    assert result.tolist() == [3, 3] and result.requires_grad and result.is_leaf
    theirs = torch.ones(2, requires_grad=True) * 3
    assert same_values(to_torch(leaf * 3), loaded_by_torch(saved_by_torch(theirs)))


def test_conjugate_views_of_pytorch():
    theirs = torch.tensor([1 + 2j, 3 - 1j])
    for view in (theirs.conj(), theirs.conj().imag):
        assert from_torch(view).tolist() == view.tolist()


def test_attributes_of_a_tensor():
    theirs = torch.ones(2)
    theirs.note = ["a", 1]
    ours = from_torch(theirs)
    assert ours.note == ["a", 1] and to_torch(ours).note == ["a", 1]


class Own(rushlight.Tensor):
    """A class of the program's own."""


def test_subclasses():
    tensor = rushlight.ones(2).as_subclass(Own)
    tensor.note = 3
    data = saved(tensor)
    with pytest.raises(pickle.UnpicklingError, match="Own was not an allowed global"):
        loaded(data)
    with safe_globals([Own]):
        again = loaded(data)
    assert type(again) is Own and again.note == 3 and again.tolist() == [1, 1]
    assert get_unsafe_globals_in_checkpoint(io.BytesIO(data)) == [f"{__name__}.Own"]


class TellsForItself(rushlight.Tensor):
    def __reduce_ex__(self, protocol):
        return list, ((1, 2),)


def test_a_subclass_that_says_what_it_is_made_of():
    assert loaded(saved(rushlight.ones(2).as_subclass(TellsForItself)), weights_only=False) == [1, 2]


def test_what_describes_tensors():
    value = {
        "size": rushlight.Size([2, 3]),
        "device": [device("cpu"), device("cuda", 1), device("cuda")],
        "dtype": [rushlight.float32, rushlight.bfloat16],
        "layout": strided,
        "format": rushlight.channels_last,
    }
    theirs = loaded_by_torch(saved(value), weights_only=False)
    assert repr(theirs) == repr(value) and type(theirs["size"]) is torch.Size
    for weights_only in (True, False):
        kept = {name: item for name, item in value.items() if name != "format"}
        again = loaded(saved(kept), weights_only=weights_only)
        assert again == kept and type(again["size"]) is rushlight.Size
        del theirs["format"]
        assert repr(loaded(saved_by_torch(theirs), weights_only=weights_only)) == repr(kept)
        theirs["format"] = None
    assert loaded(saved(rushlight.channels_last), weights_only=False) is rushlight.channels_last


@pytest.mark.parametrize(
    "tensor", [torch.eye(2).to_sparse_bsr((1, 1)), torch.empty(2, device="meta")], ids=["blocks", "meta"]
)
def test_kinds_of_tensors_that_there_are_not(tensor):
    with pytest.raises(
        (RuntimeError, pickle.UnpicklingError), match="does not have|not an allowed global|not a layout"
    ):
        loaded(saved_by_torch(tensor))


def test_mapped_files(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"a": torch.arange(6.0).reshape(2, 3).t(), "b": torch.ones(3, dtype=torch.bfloat16)}, path)
    ours = load(path, mmap=True)
    assert ours["a"].tolist() == [[0, 3], [1, 4], [2, 5]] and ours["b"].tolist() == [1, 1, 1]
    ours["a"].add_(1)
    assert ours["a"].tolist() == [[1, 4], [2, 5], [3, 6]] and load(path)["a"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_state_dicts_keep_order_and_metadata():
    theirs = SAMPLES["state_dict"]
    ours = from_torch(theirs)
    assert type(ours) is OrderedDict and list(ours) == list(theirs) and ours._metadata == theirs._metadata
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 3))
    network.load_state_dict(to_torch(ours))
    assert all(same_values(a, b) for a, b in zip(network.state_dict().values(), theirs.values(), strict=True))
