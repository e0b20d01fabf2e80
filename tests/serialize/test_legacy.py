"""Files in the format of PyTorch before 1.6, both ways."""

from __future__ import annotations

import io
import pickle
import struct

import pytest
import torch

from rushlight.serialize.files import load_object, save_object

from .standin import PLAIN, assert_same, loaded_by_torch, loaded_by_us, saved_by_torch, saved_by_us, to_plain
from .test_archive import SAMPLES, Anything, shared

# Dtypes that came after the format have no name in it that PyTorch itself reads back.
KNOWN = {name: sample for name, sample in SAMPLES.items() if name not in ("dtypes", "transposed")}
KNOWN["old dtypes"] = [
    tensor for tensor in SAMPLES["transposed"] if tensor.dtype not in (torch.uint16, torch.uint32, torch.uint64)
]
every_sample = pytest.mark.parametrize("sample", KNOWN.values(), ids=KNOWN)


@every_sample
@pytest.mark.parametrize("weights_only", [True, False])
def test_pytorchs_files_load(sample, weights_only):
    data = saved_by_torch(sample, _use_new_zipfile_serialization=False)
    assert_same(loaded_by_us(data, weights_only=weights_only), sample)


@every_sample
def test_pytorch_loads_our_files(sample):
    data = saved_by_us(to_plain(sample), use_zip=False)
    assert_same(to_plain(loaded_by_torch(data, weights_only=True)), sample)
    assert_same(loaded_by_us(data), sample)


def test_what_shared_memory_does_so_again():
    loaded = loaded_by_us(saved_by_torch(shared(), _use_new_zipfile_serialization=False))
    assert all(tensor.memory is loaded[0].memory for tensor in loaded[:7])


def test_any_object_with_weights_only_false():
    data = saved_by_us(Anything(), use_zip=False)
    loaded = loaded_by_us(data, weights_only=False)
    assert type(loaded) is Anything and loaded.itself is loaded and loaded.tensor.array().tolist() == [1.0, 1.0]
    with pytest.raises(pickle.UnpicklingError, match="Anything was not an allowed global"):
        loaded_by_us(data)


def test_a_module_with_its_source():
    """PyTorch puts the class of a module, with its source, where other files have a storage."""
    data = saved_by_torch({"class": Wrapper(torch.ones(1))}, _use_new_zipfile_serialization=False)
    loaded = loaded_by_us(data, weights_only=False)
    assert type(loaded["class"]) is Wrapper


class Wrapper(torch.nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value


def test_files_one_behind_another():
    file = io.BytesIO()
    for number in range(3):
        save_object([number, to_plain(torch.full((2,), float(number)))], file, PLAIN, use_zip=False)
    torch.save(torch.tensor(3.0), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    for number in range(3):
        count, tensor = load_object(file, PLAIN)
        assert count == number and tensor.array().tolist() == [number] * 2
    assert load_object(file, PLAIN).array() == 3.0
    assert not file.read()


def test_byte_order_of_another_machine():
    data = saved_by_us(to_plain(torch.arange(3.0)), use_zip=False)
    little = pickle.dumps({"little_endian": True}, 2)[4:-2]
    assert b"little_endianq" in data
    at = data.index(b"little_endianq") + len("little_endianq") + 1
    assert data[at : at + 1] == b"\x88" and little
    swapped = data[:at] + b"\x89" + data[at + 1 : -12] + struct.pack(">3f", 0, 1, 2)
    assert loaded_by_us(swapped).array().tolist() == [0.0, 1.0, 2.0]


def test_a_claim_beyond_the_file():
    data = saved_by_us(to_plain(torch.arange(3.0)), use_zip=False)
    for count in (4, 2**40, -1):
        with pytest.raises(RuntimeError, match="elements"):
            loaded_by_us(data[:-20] + struct.pack("<q", count) + data[-12:])
    with pytest.raises(RuntimeError, match="elements"):
        loaded_by_us(data[:-20] + struct.pack("<q", 2) + data[-12:-4])


def test_the_tar_format_is_refused_by_name():
    data = bytearray(1024)
    data[257:262] = b"ustar"
    with pytest.raises(RuntimeError, match="tar format"):
        loaded_by_us(bytes(data))


def test_views_of_storages_are_refused_by_name():
    data = saved_by_us(to_plain(torch.arange(3.0)), use_zip=False)
    assert data.count(b"K\x03Nt") == 1
    view = b"X\x01\x00\x00\x00vK\x00K\x03\x87"
    with pytest.raises(RuntimeError, match="before 0.4"):
        loaded_by_us(data.replace(b"K\x03Nt", b"K\x03" + view + b"t"))
