"""What is chosen for all files: byte order, checksums, mapping, data left out."""

from __future__ import annotations

import io
import mmap
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch as oracle

import rushlight as torch

from ..both import check

S = torch.serialization


@pytest.mark.parametrize(("saves", "loads"), [(torch, torch), (torch, oracle), (oracle, torch)])
def test_data_left_out_is_zero(saves: Any, loads: Any) -> None:
    file = io.BytesIO()
    with saves.serialization.skip_data():
        saves.save({"a": saves.arange(1, 5), "n": 3}, file)
    file.seek(0)
    loaded = loads.load(file)
    assert loaded["a"].tolist() == [0, 0, 0, 0] and loaded["n"] == 3


def test_data_left_out_has_its_place(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.pt", tmp_path / "b.pt"
    values = torch.arange(1, 50)
    torch.save(values, whole)
    with S.skip_data():
        torch.save(values, path)
    assert path.stat().st_size == whole.stat().st_size
    torch.save(values, path)
    with S.skip_data():
        assert torch.load(path).tolist() == [0] * 49
    assert torch.load(path).tolist() == values.tolist()


def test_checksums() -> None:
    file = io.BytesIO()
    S.set_crc32_options(False)
    try:
        assert S.get_crc32_options() is False
        torch.save(torch.arange(3), file)
    finally:
        S.set_crc32_options(True)
    assert all(entry.CRC == 0 for entry in zipfile.ZipFile(file).infolist() if "data" in entry.filename.split("/")[1:2])
    for lib in (torch, oracle):
        file.seek(0)
        assert lib.load(file).tolist() == [0, 1, 2]


def test_byte_order_of_a_file_without_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    torch.save(torch.tensor([1], dtype=torch.int32), file, _disable_byteorder_record=True)
    file.seek(0)
    assert S.get_default_load_endianness() is None and torch.load(file).item() == 1
    S.set_default_load_endianness(S.LoadEndianness.BIG)
    try:
        file.seek(0)
        assert torch.load(file).item() == 1 << 24
    finally:
        S.set_default_load_endianness(None)


@pytest.mark.parametrize("flags", [mmap.MAP_PRIVATE, mmap.MAP_SHARED])
def test_mapping(flags: int, tmp_path: Path) -> None:
    for lib in (torch, oracle):
        path = tmp_path / "a.pt"
        lib.save(lib.arange(3), path)
        with lib.serialization.set_default_mmap_options(flags):
            assert lib.serialization.get_default_mmap_options() == flags
            loaded = lib.load(path, mmap=True)
        assert lib.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
        loaded.numpy()[0] = 7
        loaded[1:].add_(1)
        written = lib.load(path, mmap=True).tolist()
        assert written == ([7, 2, 3] if flags == mmap.MAP_SHARED else [0, 1, 2])


class _Versioned:
    def __init__(self, version: str) -> None:
        self.__version__, self.__name__ = version, "some"


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.serialization.set_default_mmap_options(99),
        lambda t: t.serialization.check_module_version_greater_or_equal(_Versioned("1.2.3"), (1, 2, 0)),
        lambda t: t.serialization.check_module_version_greater_or_equal(_Versioned("1.2.3"), (1, 3, 0)),
        lambda t: t.serialization.check_module_version_greater_or_equal(_Versioned("x"), (1, 3, 0)),
        lambda t: t.serialization.check_module_version_greater_or_equal(_Versioned("x"), (1, 3, 0), False),
        lambda t: t.serialization.location_tag(t.ones(2).untyped_storage()),
        lambda t: [each.name for each in t.serialization.LoadEndianness],
    ],
)
def test_as_pytorch(program: Any) -> None:
    check(program)


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="Invalid argument type in function set_default_load_endianness"):
        S.set_default_load_endianness(3)
    with S.skip_data(), pytest.raises(RuntimeError, match="Cannot use skip_data=True with _use_new_zipfile"):
        torch.save(torch.ones(2), io.BytesIO(), _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="torch.cuda.is_available"):
        S.validate_cuda_device("cuda:0")
    with pytest.raises(RuntimeError, match="tagged with there"):
        S.default_restore_location(torch.ones(2).untyped_storage(), "there")
    with pytest.raises(torch.NotThereYet, match="torch.serialization.register_package is not in Rushlight yet"):
        S.register_package  # noqa: B018
