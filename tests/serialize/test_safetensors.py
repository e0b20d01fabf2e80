"""The safetensors format, both ways between Rushlight and safetensors.torch."""

from __future__ import annotations

import importlib
import os
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch as theirs
import torch

import rushlight
from rushlight.serialize import load as load_any
from rushlight.serialize import safetensors as ours

from .test_archive import of_dtype

NAMES = sorted(set(ours._CODES.values()))


def sample(library) -> dict:
    return {
        "matrix": library.arange(6.0).reshape(2, 3),
        "half": library.ones(3, dtype=library.bfloat16),
        "scalar": library.tensor(2),
        "empty": library.zeros(0, 3),
        "ü": library.tensor([True, False]),
    }


def assert_same(mine: dict, other: dict) -> None:
    assert sorted(mine) == sorted(other)
    for name, tensor in mine.items():
        assert tensor.tolist() == other[name].tolist() and repr(tensor.dtype) == repr(other[name].dtype)
        assert tuple(tensor.shape) == tuple(other[name].shape)


def test_bytes_both_ways():
    assert_same(ours.load(theirs.save(sample(torch))), sample(torch))
    assert_same(theirs.load(ours.save(sample(rushlight))), sample(torch))
    assert ours.save(sample(rushlight), {"a": "b"}) == theirs.save(sample(torch), {"a": "b"})


def test_files_both_ways(tmp_path):
    path = tmp_path / "model.safetensors"
    theirs.save_file(sample(torch), path)
    assert_same(ours.load_file(path), sample(torch))
    assert_same(load_any(path), sample(torch))
    assert_same(load_any(str(path), map_location="cpu"), sample(torch))
    ours.save_file(sample(rushlight), path, metadata={"format": "pt"})
    assert_same(theirs.load_file(path), sample(torch))
    assert os.listdir(tmp_path) == ["model.safetensors"]


@pytest.mark.parametrize("name", NAMES)
def test_every_dtype(name):
    tensor = of_dtype(getattr(torch, name))
    loaded = ours.load(theirs.save({"a": tensor}))["a"]
    assert loaded.tolist() == tensor.tolist() and loaded.dtype.name == name
    again = theirs.load(ours.save({"a": loaded}))["a"]
    assert again.dtype is tensor.dtype and again.tolist() == tensor.tolist()


def test_loaded_tensors_can_be_written_to():
    loaded = ours.load(theirs.save({"a": torch.ones(2)}))["a"]
    loaded.numpy()[0] = 5
    assert loaded.add_(1).tolist() == [6, 2]


def refused(tensors_of) -> tuple[type, type]:
    """The errors that ours and theirs raise for the same tensors."""
    errors = []
    for library, format in ((rushlight, ours), (torch, theirs)):
        with pytest.raises((ValueError, RuntimeError)) as caught:
            format.save(tensors_of(library))
        errors.append(caught)
    return errors


def test_what_cannot_be_saved():
    for tensors_of, words in (
        (lambda library: {"a": library.zeros(2, 3).t()}, "non contiguous tensor: `a`"),
        (lambda library: [library.ones(1)], "Expected a dict"),
        (lambda library: {"a": 3}, "Key `a` is invalid"),
    ):
        for caught in refused(tensors_of):
            assert caught.type is ValueError and words in str(caught.value)
    with pytest.raises(ValueError, match="no torch.complex128"):
        ours.save({"a": rushlight.zeros(1, dtype=rushlight.complex128)})


def overlapping(library) -> dict:
    base = library.arange(6.0)
    return {"a": base, "b": base[2:4]}


def test_shared_memory_is_refused():
    for caught in refused(overlapping):
        assert caught.type is RuntimeError and "share memory" in str(caught.value)


def test_parts_of_one_memory_that_do_not_overlap_are_saved():
    def apart(library):
        base = library.arange(6.0)
        return {"b": base[:2], "a": base[2:6]}

    assert ours.save(apart(rushlight)) == theirs.save(apart(torch))


class Model:
    """What `save_model` needs of a module, with two names for one memory."""

    def __init__(self, library, scale: float = 1.0) -> None:
        self.weight = library.arange(6.0).reshape(2, 3) * scale
        self.other = library.ones(2) * scale

    def state_dict(self):
        return {"decoder": self.weight, "encoder": self.weight, "other": self.other, "turned": self.other.reshape(1, 2)}

    def load_state_dict(self, state, strict):
        own = self.state_dict()
        for name in own.keys() & state.keys():
            own[name].copy_(state[name])
        return [name for name in own if name not in state], [name for name in state if name not in own]


def test_models_both_ways(tmp_path):
    path = tmp_path / "model.safetensors"
    ours.save_model(Model(rushlight), path, {"encoder": "mine"})
    written = path.read_bytes()
    theirs.save_model(Model(torch), path, {"encoder": "mine"})
    assert_same(ours.load(written), theirs.load_file(path))
    mine = Model(rushlight, 0.0)
    assert ours.load_model(mine, path) == (set(), [])
    assert mine.weight.tolist() == Model(torch).weight.tolist() and mine.other.tolist() == [1, 1]
    path.write_bytes(written)
    other = Model(torch, 0.0)
    theirs.load_model(other, path)
    assert other.weight.tolist() == mine.weight.tolist()


def test_models_of_which_another_name_was_kept(tmp_path):
    path = tmp_path / "model.safetensors"
    ours.save_file({"encoder": rushlight.zeros(2, 3), "turned": rushlight.zeros(1, 2)}, path)
    mine = Model(rushlight)
    assert ours.load_model(mine, path) == (set(), [])
    assert mine.weight.tolist() == [[0] * 3] * 2 and mine.other.tolist() == [0, 0]


def test_models_that_do_not_fit(tmp_path):
    path = tmp_path / "model.safetensors"
    ours.save_file({"encoder": rushlight.zeros(2, 3), "more": rushlight.zeros(1)}, path)
    with pytest.raises(RuntimeError, match='Model:\n    Missing .*"other"\n    Unexpected .*"more"'):
        ours.load_model(Model(rushlight), path)
    missing, unexpected = ours.load_model(Model(rushlight), path, strict=False)
    assert "other" in missing and unexpected == ["more"]


def test_a_model_whose_names_are_all_parts(tmp_path):
    class Parts(Model):
        def state_dict(self):
            base = self.weight.reshape(6)
            return {"a": base[:4], "b": base[2:]}

    for library, format in ((rushlight, ours), (torch, theirs)):
        with pytest.raises(RuntimeError, match="no suitable name to keep"):
            format.save_model(Parts(library), tmp_path / "model.safetensors")


def test_layouts_of_parameters(tmp_path):
    class Turned(Model):
        def state_dict(self):
            return {"a": self.weight.t()}

    path = tmp_path / "model.safetensors"
    ours.save_model(Turned(rushlight), path)
    assert theirs.load_file(path)["a"].tolist() == Turned(torch).state_dict()["a"].tolist()
    with pytest.raises(ValueError, match="force_contiguous=True"):
        ours.save_model(Turned(rushlight), path, force_contiguous=False)


def test_damaged_files(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(theirs.save(sample(torch))[:-1])
    with pytest.raises(importlib.import_module("safetensors").SafetensorError):
        ours.load_file(path)


def test_dtypes_that_there_are_not():
    with pytest.raises(ValueError, match="`a` has dtype F8_E4M3"):
        ours.load(theirs.save({"a": torch.ones(2).to(torch.float8_e4m3fn)}))


def test_devices_that_there_are_not(tmp_path):
    path = tmp_path / "model.safetensors"
    ours.save_file(sample(rushlight), path)
    with pytest.raises(RuntimeError, match="cuda"):
        ours.load_file(path, device="cuda")
    with pytest.raises(RuntimeError, match="dict or callable map_location"):
        load_any(path, map_location={"cuda": "cpu"})


def test_versions_of_the_package_that_take_bytes(monkeypatch, tmp_path):
    """Before 0.8 a tensor was described by a dictionary with its bytes."""
    package = importlib.import_module("safetensors")

    def addressed(described):
        arrays = {name: np.frombuffer(part["data"], np.uint8) for name, part in described.items()}
        specs = {
            name: package.TensorSpec(
                dtype=part["dtype"],
                shape=part["shape"],
                data_ptr=arrays[name].ctypes.data,
                data_len=arrays[name].nbytes,
            )
            for name, part in described.items()
        }
        return specs, arrays

    def serialize(described, metadata):
        specs, arrays = addressed(described)
        return package.serialize(specs, metadata) if arrays else None

    def deserialize(data):
        return [(name, {**part, "data": bytes(part["data"])}) for name, part in package.deserialize(data)]

    monkeypatch.setattr(ours, "_package", lambda: SimpleNamespace(serialize=serialize, deserialize=deserialize))
    data = ours.save(sample(rushlight))
    assert data == theirs.save(sample(torch))
    loaded = ours.load(data)
    assert_same(loaded, sample(torch))
    loaded["matrix"].numpy()[0] = 1


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(importlib.import_module("sys").modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install rushlight\[safetensors\]"):
        ours.save(sample(rushlight))
