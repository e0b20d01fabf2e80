"""Paths and file objects: what is written where, and when."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest
import torch

from rushlight.serialize.files import load_object, save_object

from .standin import PLAIN, loaded_by_us, saved_by_torch, saved_by_us, to_plain

VALUE = {"a": torch.arange(6.0), "b": torch.ones(1000)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


def save(value, f, **options):
    save_object(to_plain(value), f, PLAIN, **options)


def values(loaded) -> dict:
    return {name: tensor.array().tolist() for name, tensor in loaded.items()}


EXPECTED = {name: tensor.tolist() for name, tensor in VALUE.items()}


@pytest.mark.parametrize("use_zip", [True, False])
@pytest.mark.parametrize("kind", [str, Path])
def test_paths(path, kind, use_zip):
    save(VALUE, kind(path), use_zip=use_zip)
    assert values(load_object(kind(path), PLAIN)) == EXPECTED
    assert torch.load(path)["b"].tolist() == EXPECTED["b"]
    torch.save(VALUE, path, _use_new_zipfile_serialization=use_zip)
    assert values(load_object(kind(path), PLAIN)) == EXPECTED
    assert os.listdir(path.parent) == ["model.pt"]


@pytest.mark.parametrize("name", ["model.pt", "model.v1.pt", "model", "a b.pth", "x.tar.gz"])
def test_the_folder_in_the_archive_is_named_as_by_pytorch(tmp_path, name):
    save(VALUE, tmp_path / name)
    ours = zipfile.ZipFile(tmp_path / name).namelist()
    torch.save(VALUE, tmp_path / name)
    assert ours == zipfile.ZipFile(tmp_path / name).namelist()


@pytest.mark.parametrize("name", ["é.pt", ".hidden", "..."])
def test_names_that_pytorch_cannot_write(tmp_path, name):
    save(VALUE, tmp_path / name)
    assert values(load_object(tmp_path / name, PLAIN)) == EXPECTED
    assert torch.load(tmp_path / name)["b"].tolist() == EXPECTED["b"]


class Refuses:
    def __reduce__(self):
        raise ValueError("not me")


def test_a_failed_save_leaves_the_old_file(path):
    save(VALUE, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not me"):
        save_object([to_plain(VALUE), Refuses()], path, PLAIN)
    assert path.read_bytes() == before and os.listdir(path.parent) == ["model.pt"]
    path.unlink()
    with pytest.raises(ValueError, match="not me"):
        save_object(Refuses(), path, PLAIN)
    assert os.listdir(path.parent) == []


def test_permissions(path):
    plain = path.with_name("plain")
    plain.write_bytes(b"")
    save(VALUE, path)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o640)
    save(VALUE, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_still_leads_to_the_file(path):
    link = path.with_name("latest.pt")
    link.symlink_to(path)
    save(VALUE, link)
    assert link.is_symlink() and values(load_object(path, PLAIN)) == EXPECTED


def test_devices_are_written_to_not_replaced():
    save(VALUE, os.devnull)
    assert not os.path.isfile(os.devnull)


def test_a_missing_folder(tmp_path):
    with pytest.raises(RuntimeError, match="Parent directory .*no does not exist"):
        save(VALUE, tmp_path / "no" / "model.pt")


def test_only_write_is_needed_to_save():
    class Sink:
        data = b""

        def write(self, part):
            self.data += bytes(part)

    sink = Sink()
    save(VALUE, sink)
    assert values(loaded_by_us(sink.data)) == EXPECTED


def test_what_is_no_file():
    with pytest.raises(AttributeError, match="string, path, or a file-like object"):
        save(VALUE, 3)
    with pytest.raises(AttributeError, match="seekable"):
        load_object(3, PLAIN)


def test_a_stream_that_cannot_seek():
    class Pipe:
        def read(self, count=-1):
            return b""

    with pytest.raises(AttributeError, match="only torch.load from a file that is seekable"):
        load_object(Pipe(), PLAIN)


def test_file_objects(path):
    with open(path, "wb") as file:
        save(VALUE, file)
    with open(path, "rb") as file:
        assert values(load_object(file, PLAIN)) == EXPECTED
    for opener in (gzip.open,):
        with opener(path, "wb") as file:
            save(VALUE, file)
        with opener(path, "rb") as file:
            assert values(load_object(file, PLAIN)) == EXPECTED


def test_mapped_storages_stay_in_the_file(path):
    torch.save(VALUE, path)
    loaded = load_object(path, PLAIN, mmap=True)
    assert values(loaded) == EXPECTED
    with open(path, "r+b") as file:  # a change in the file is seen, so nothing was copied
        at = path.read_bytes().index(torch.arange(6.0).numpy().tobytes())
        file.seek(at)
        file.write(b"\0\0\x80\x3f")
    assert loaded["a"].array()[0] == 1.0
    loaded["a"].memory[1] = 9  # and writing changes memory only
    assert loaded["a"].array()[1] == 9 and load_object(path, PLAIN, mmap=True)["a"].array()[1] == 1


def test_misaligned_storages_are_copied(path):
    data = saved_by_us(to_plain(VALUE))
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    loaded = load_object(path, PLAIN, mmap=True)
    assert values(loaded) == EXPECTED and all(tensor.memory.flags.aligned for tensor in loaded.values())


def test_mapping_needs_a_path_and_an_archive(path):
    with pytest.raises(ValueError, match="file path"):
        loaded_by_us(saved_by_us(1), mmap=True)
    save(VALUE, path, use_zip=False)
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        load_object(path, PLAIN, mmap=True)


def elsewhere(location: str) -> bytes:
    """A file whose storages were saved from another device."""
    data = saved_by_us(to_plain(VALUE))
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(file, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            tag = b"X" + len(location).to_bytes(4, "little") + location.encode()
            copy.writestr(name, content.replace(b"X\x03\0\0\0cpu", tag))
    return file.getvalue()


@pytest.mark.parametrize(
    "map_location",
    [
        "cpu",
        "cpu:0",
        torch.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, location: storage,
        lambda storage, location: storage.cpu() if location == "cuda:0" else None,
    ],
)
def test_map_location(map_location):
    data = elsewhere("cuda:0")
    assert values(loaded_by_us(data, map_location=map_location)) == EXPECTED


@pytest.mark.parametrize(
    "map_location", [None, {"cuda:1": "cpu"}, lambda storage, location: None, lambda storage, location: storage.cuda()]
)
def test_storages_of_a_device_that_is_not_there(map_location):
    with pytest.raises(RuntimeError, match=r"CUDA device but torch.cuda.is_available\(\) is False.*map_location"):
        loaded_by_us(elsewhere("cuda:0"), map_location=map_location)


def test_map_location_to_a_device_that_is_not_there():
    with pytest.raises(RuntimeError, match=r"torch.cuda.is_available\(\) is False"):
        loaded_by_us(saved_by_torch(VALUE), map_location="cuda")
    with pytest.raises(RuntimeError, match="don't know how to restore data location.*xla"):
        loaded_by_us(elsewhere("xla:0"))
    with pytest.raises(TypeError, match="must return the storage"):
        loaded_by_us(saved_by_torch(VALUE), map_location=lambda storage, location: 3)


def test_the_function_is_asked_once_for_each_storage():
    asked = []
    loaded_by_us(
        saved_by_torch([VALUE["a"], VALUE["a"][1:], VALUE["b"]]),
        map_location=lambda storage, location: asked.append((storage.nbytes(), location)),
    )
    assert asked == [(24, "cpu"), (4000, "cpu")]


def test_torchscript_is_refused_by_name():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("archive/data.pkl", "archive/constants.pkl", "archive/code/__torch__.py"):
            archive.writestr(name, b"")
    with pytest.raises(RuntimeError, match="TorchScript"):
        loaded_by_us(file.getvalue())


def test_arguments_of_pickle_have_no_effect_on_weights():
    with pytest.warns(UserWarning, match="pickle_load_args"):
        loaded_by_us(saved_by_us(1), pickle_arguments={"fix_imports": True})
