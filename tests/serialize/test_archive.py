"""The array level against PyTorch: what one writes, the other reads, byte for byte the same file."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch

from rushlight.dtype import float32, int32

from .standin import (
    DTYPES,
    Plain,
    assert_same,
    loaded_by_torch,
    loaded_by_us,
    same_values,
    saved_by_torch,
    saved_by_us,
    to_plain,
)


def of_dtype(dtype: torch.dtype, count: int = 12) -> torch.Tensor:
    numbers = torch.arange(count) - 3
    if dtype.is_complex:
        return (numbers + 0.5j * numbers).to(dtype)
    return (numbers * 0.3).to(dtype) if dtype.is_floating_point else numbers.abs().to(dtype)


def state_dict() -> OrderedDict:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 3))
    return network.state_dict()


def training_state() -> dict:
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    network(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    return {"net": network.state_dict(), "opt": optimizer.state_dict(), "epoch": 3, "best": 0.25, "note": "é"}


def shared() -> list:
    base = torch.arange(24.0).reshape(4, 6)
    return [
        base,
        base.t(),
        base[1:3, ::2],
        base[:, 3],
        base[2, 3],
        base.reshape(2, 12),
        base,
        torch.ones(3).expand(2, 3),
    ]


def plain_data() -> dict:
    return {
        "numbers": [0, -1, 255, 65536, -(2**31), 2**40, -(2**70), 1.5, float("inf"), True, False, None, 2 - 3j],
        "text": ["", "a", "é\udce9", "x" * 300],
        "bytes": [b"\x00\xff", bytearray(b"ab")],
        ("tuple", 1): ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        3: {1, 2},
        "ordered": OrderedDict(a=1),
        "counter": Counter("aab"),
        "dtype": [torch.float32, torch.bfloat16, torch.bool, torch.uint16],
    }


SAMPLES = {
    "scalar": torch.tensor(1.5),
    "empty": [torch.zeros(0), torch.zeros(0, 3), torch.zeros(2, 0)],
    "dtypes": [of_dtype(dtype) for dtype in DTYPES],
    "transposed": [of_dtype(dtype).reshape(3, 4).t() for dtype in DTYPES],
    "shared": shared(),
    "requires_grad": [
        torch.ones(2, requires_grad=True),
        torch.nn.Parameter(torch.ones(3)),
        torch.nn.Parameter(torch.ones(2), requires_grad=False),
    ],
    "state_dict": state_dict(),
    "training": training_state(),
    "plain": plain_data(),
    "no tensors": [],
    "many": {str(i): torch.tensor([i]) for i in range(300)},
}
every_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


@every_sample
@pytest.mark.parametrize("weights_only", [True, False])
def test_pytorchs_files_load(sample, weights_only):
    assert_same(loaded_by_us(saved_by_torch(sample), weights_only=weights_only), sample)


@every_sample
def test_pytorch_loads_our_files(sample):
    assert_same(to_plain(loaded_by_torch(saved_by_us(to_plain(sample)), weights_only=True)), sample)


@every_sample
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_our_files_load(sample, protocol):
    data = saved_by_us(to_plain(sample), protocol=protocol)
    assert_same(loaded_by_us(data), sample)
    assert_same(loaded_by_us(data, weights_only=False), sample)


@every_sample
def test_files_are_the_same_but_for_the_identifier(sample):
    ours, theirs = saved_by_us(to_plain(sample)), saved_by_torch(sample)
    assert without_identifier(ours) == without_identifier(theirs)


def without_identifier(data: bytes) -> bytes:
    """The file with the digits that name it, which PyTorch makes of a hash of C++'s, and their checksum blanked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo("archive/.data/serialization_id")
        digits = archive.read(entry)
    assert len(digits) == 40 and digits.isdigit()
    return data.replace(digits, b"?" * 40).replace(entry.CRC.to_bytes(4, "little"), b"????")


def test_what_shared_memory_does_so_again():
    loaded = loaded_by_us(saved_by_torch(shared()))
    assert all(tensor.memory is loaded[0].memory for tensor in loaded[:7])
    assert loaded[6] is loaded[0]
    again = loaded_by_torch(saved_by_us(to_plain(shared())))
    again[0].fill_(7)
    assert all((tensor == 7).all() for tensor in again[:7]) and (again[7] == 1).all()


def test_pytorch_gets_every_property_back():
    for name in ("dtypes", "transposed", "shared", "requires_grad"):
        for ours, theirs in zip(loaded_by_torch(saved_by_us(to_plain(SAMPLES[name]))), SAMPLES[name], strict=True):
            assert same_values(ours, theirs)


def test_metadata_of_a_state_dict_is_kept():
    saved = state_dict()
    loaded = loaded_by_us(saved_by_torch(saved))
    assert loaded._metadata == saved._metadata
    loaded = loaded_by_torch(saved_by_us(loaded))
    assert loaded._metadata == saved._metadata


def test_one_memory_with_two_dtypes_is_refused():
    memory = np.zeros(8, np.uint8)
    tensors = [Plain(memory.view(of.storage), of, 0, (2,), (1,)) for of in (float32, int32)]
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        saved_by_us(tensors)


def test_byte_order_of_another_machine():
    numbers = np.arange(6, dtype=np.float32)
    data = saved_by_us(Plain(numbers.byteswap(), float32, 0, (6,), (1,)))
    other = b"big" if sys.byteorder == "little" else b"little"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    records["archive/byteorder"] = other
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    assert loaded_by_us(file.getvalue()).array().tolist() == numbers.tolist()
    assert loaded_by_torch(file.getvalue()).tolist() == numbers.tolist()


def test_without_a_byte_order_the_file_is_little_endian():
    data = saved_by_us(to_plain(torch.arange(3.0)), byteorder=False)
    assert b"byteorder" not in data
    assert loaded_by_us(data).array().tolist() == [0.0, 1.0, 2.0]
    assert loaded_by_torch(data).tolist() == [0.0, 1.0, 2.0]


class Anything:
    """A class of the program's own, with a reference to itself."""

    def __init__(self) -> None:
        self.tensor = to_plain(torch.ones(2))
        self.itself = self


def test_any_object_with_weights_only_false():
    loaded = loaded_by_us(saved_by_us(Anything()), weights_only=False)
    assert type(loaded) is Anything and loaded.itself is loaded and loaded.tensor.array().tolist() == [1.0, 1.0]


def test_pickle_module():
    class Loud(pickle.Unpickler):
        asked: list[str] = []

        def find_class(self, module, name):
            self.asked.append(name)
            return super().find_class(module, name)

    module = types.SimpleNamespace(Pickler=type("Own", (pickle._Pickler,), {}), Unpickler=Loud, __name__="loud")
    data = saved_by_us(Anything(), pickle_module=module)
    assert type(loaded_by_us(data, pickle_module=module)) is Anything
    assert "Anything" in Loud.asked
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        loaded_by_us(data, pickle_module=module, weights_only=True)
    with pytest.raises(RuntimeError, match="must derive from pickle._Pickler"):
        saved_by_us(1, pickle_module=types.SimpleNamespace(Pickler=pickle.Pickler))


@pytest.mark.parametrize("value", [b"", frozenset({1, (2, "a")}), bytearray()])
def test_data_that_pytorch_does_not_load_with_weights_only(value):
    assert loaded_by_us(saved_by_torch(value)) == loaded_by_us(saved_by_us(value)) == value


def test_what_cannot_be_pickled_is_pickles_error():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        saved_by_us(lambda: 1)


def test_strings_of_python_2():
    pickled = b"\x80\x02}q\x00U\x03key(X\x01\x00\x00\x00aU\x02\xc3\xa9tq\x01s."
    data = saved_by_us({})
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(file, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, pickled if name.endswith("data.pkl") else archive.read(name))
    assert loaded_by_us(file.getvalue()) == {"key": ("a", "é")}
    options = {"pickle_arguments": {"encoding": "bytes"}}
    assert loaded_by_us(file.getvalue(), **options) == {b"key": ("a", b"\xc3\xa9")}
