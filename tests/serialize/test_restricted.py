"""What `weights_only=True` lets a file do: make tensors and plain data, and nothing that was not vouched for."""

from __future__ import annotations

import collections
import datetime
import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict
from fractions import Fraction

import numpy as np
import pytest
import torch

from rushlight.serialize import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from rushlight.serialize.files import unsafe_globals
from rushlight.serialize.restricted import Scanner, WeightsMachine

from .standin import PLAIN, Plain, loaded_by_torch, loaded_by_us, saved_by_torch, saved_by_us, to_plain


@pytest.fixture(autouse=True)
def nothing_vouched_for():
    clear_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    clear_safe_globals()
    torch.serialization.clear_safe_globals()


def run(pickled: bytes, position: int = 0):
    return WeightsMachine(
        pickled, position, calls=PLAIN.calls, values=PLAIN.find, load_storage=lambda identifier: identifier
    ).run()


def archive_with(pickled: bytes) -> bytes:
    """A file whose object is this pickle, with one storage of 24 bytes."""
    data = saved_by_us(to_plain(torch.arange(6.0)))
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(file, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, pickled if name.endswith("data.pkl") else archive.read(name))
    return file.getvalue()


class Own:
    def __init__(self, value=None):
        self.value = value

    def __eq__(self, other):
        return type(other) is type(self) and self.value == other.value


class WithSlots:
    __slots__ = ("a",)


class WithState(Own):
    def __setstate__(self, state):
        self.value = ("set", state["value"])


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/this_must_not_be",)


VALUES = [
    None, True, 0, 255, 256, 65536, -1, 2**31, -(2**63), 2**2100, 1.5, -0.0, "", "é", "x" * 70000, b"\x00\xff", (),
    (1,),
    (1, (2, (3, (4, 5, 6, 7)))), [], [[]], {}, {1: 2, "a": {b"b": None}}, set(), {1, 2}, frozenset({3}), 1 - 2j,
    bytearray(b"abc"), OrderedDict([(1, 2), ("b", [3])]), Counter("hello"), [2**64] * 300, list(range(3000)),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_plain_data(value, protocol):
    for pickler in (pickle.dumps, lambda value, protocol: pickle._dumps(value, protocol)):
        loaded = run(pickler(value, protocol))
        assert loaded == value and type(loaded) is type(value)


def test_references_are_kept():
    value: list = [1]
    value.append(value)
    loaded = run(pickle.dumps(value, 2))
    assert loaded[1] is loaded
    loaded = run(pickle.dumps([value, value, "s", "s"], 4))
    assert loaded[0] is loaded[1]


def test_attributes_of_an_ordered_dict():
    value = OrderedDict(a=1)
    value._metadata = OrderedDict(version=2)
    loaded = run(pickle.dumps(value, 2))
    assert loaded == value and loaded._metadata == value._metadata


REFUSED = [
    Own(1),
    Evil(),
    os.getcwd,
    datetime.datetime(2020, 1, 1),
    collections.namedtuple,
    print,
    eval,
    getattr,
    np.float64(1.5),
    np.arange(3),
    Fraction(1, 3),
    range(3),
    type,
    object(),
]


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_everything_else_is_refused_by_name(value, protocol):
    data = saved_by_us([value], protocol=protocol)
    with pytest.raises(pickle.UnpicklingError) as caught:
        loaded_by_us(data)
    text = str(caught.value)
    assert "Weights only load failed" in text and "weights_only=False" in text and "trust" in text
    if protocol == 2:
        with pytest.raises(pickle.UnpicklingError) as theirs:
            loaded_by_torch(data, weights_only=True)
        needed = [line for line in str(theirs.value).splitlines() if "GLOBAL" in line][-1]
        name = needed.partition("GLOBAL ")[2].partition(" ")[0]
        assert f"GLOBAL {name} " in text
        assert ("is blocked" in text) == ("is blocked" in needed)
    if "blocked" not in text:
        assert "add_safe_globals([" in text and "safe_globals([" in text


def test_no_code_runs():
    assert not os.path.exists("/tmp/this_must_not_be")
    for protocol in range(6):
        with pytest.raises(pickle.UnpicklingError):
            loaded_by_us(archive_with(pickle.dumps(Evil(), protocol)))
    assert not os.path.exists("/tmp/this_must_not_be")


def test_blocked_modules_cannot_be_vouched_for():
    add_safe_globals([os.system, (os.system, "posix.system")])
    with pytest.raises(pickle.UnpicklingError, match="blocked"):
        loaded_by_us(archive_with(pickle.dumps(Evil(), 2)))


@pytest.mark.parametrize("value", [Own([1, {"a": 2}]), WithState(3), Fraction(1, 3)], ids=lambda v: type(v).__name__)
def test_vouched_classes_load(value):
    data = saved_by_torch(value)
    with safe_globals([type(value)]), torch.serialization.safe_globals([type(value)]):
        loaded, theirs = loaded_by_us(data), loaded_by_torch(data)
    assert type(loaded) is type(value) and loaded == theirs
    with pytest.raises(pickle.UnpicklingError):
        loaded_by_us(data)


def test_slots():
    value = WithSlots()
    value.a = 5
    add_safe_globals([WithSlots])
    assert loaded_by_us(saved_by_us(value)).a == 5


def test_vouching_for_one_class_says_nothing_of_others():
    add_safe_globals([Own])
    with pytest.raises(pickle.UnpicklingError, match="WithSlots was not an allowed global"):
        loaded_by_us(saved_by_us([Own(), WithSlots()]))


def numpy_globals() -> list:
    multiarray = np._core.multiarray
    return [
        np.ndarray,
        np.dtype,
        type(np.dtype("f8")),
        type(np.dtype("i8")),
        multiarray._reconstruct,
        multiarray.scalar,
        (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
    ]


def test_numpy_arrays_and_scalars_once_vouched_for():
    value = {"scalar": np.float64(1.5), "array": np.arange(4.0), "integers": np.arange(3)}
    data = saved_by_torch(value)
    with pytest.raises(pickle.UnpicklingError, match="numpy"):
        loaded_by_us(data)
    with safe_globals(numpy_globals()):
        loaded = loaded_by_us(data)
    assert loaded["scalar"] == 1.5 and type(loaded["scalar"]) is np.float64
    assert loaded["array"].tolist() == [0, 1, 2, 3] and loaded["integers"].dtype == np.int64
    assert loaded_by_us(data, weights_only=False)["array"].tolist() == [0, 1, 2, 3]


def test_the_list_of_safe_globals():
    add_safe_globals([Own])
    with safe_globals([Own, Fraction]):
        assert set(get_safe_globals()) == {Own, Fraction}
    assert get_safe_globals() == [Own]
    clear_safe_globals()
    assert get_safe_globals() == []


@pytest.mark.parametrize("wrong, error", [((Own, "a", "b"), ValueError), ((Own, 3), TypeError)])
def test_pairs_must_be_pairs(wrong, error):
    add_safe_globals([wrong])
    with pytest.raises(error, match="Expected"):
        loaded_by_us(saved_by_us(1))


def test_a_class_under_another_name():
    data = saved_by_us(Own(3)).replace(b"Own\n", b"Old\n")
    data = archive_with(
        zipfile.ZipFile(io.BytesIO(saved_by_us(Own(3)))).read("archive/data.pkl").replace(b"Own", b"Old")
    )
    with safe_globals([(Own, f"{__name__}.Old")]):
        assert loaded_by_us(data) == Own(3)


def test_unsafe_globals_are_listed():
    value = [to_plain(torch.ones(2)), Own(1), OrderedDict(), Fraction(1, 2)]
    for data in (saved_by_us(value), saved_by_us(value, use_zip=False)):
        assert unsafe_globals(io.BytesIO(data), PLAIN) == [f"{__name__}.Own", "fractions.Fraction"]
        with safe_globals([Own]):
            assert unsafe_globals(io.BytesIO(data), PLAIN) == ["fractions.Fraction"]


def test_the_scanner_makes_nothing():
    scanner = Scanner(pickle.dumps([Evil(), Own(1), {1: Own(2)}, {Own}], 4))
    scanner.run()
    assert (os.system.__module__, "system") in scanner.globals and (__name__, "Own") in scanner.globals
    assert not os.path.exists("/tmp/this_must_not_be")


G, OD = b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n)R"


def storage_id(
    kind=b"ctorch\nFloatStorage\n", key=b"X\x01\x00\x00\x000", location=b"X\x03\x00\x00\x00cpu", count=b"K\x06"
):
    return b"(X\x07\x00\x00\x00storage" + kind + key + location + count + b"tQ"


HOSTILE = {
    "empty": b"",
    "no stop": b"\x80\x02N",
    "stack empty": b"\x80\x02.",
    "no mark": b"\x80\x02t.",
    "memo": b"\x80\x02h\x07.",
    "future protocol": b"\x80\x09N.",
    "text opcodes": b"I1\n.",
    "instance": b"(ios\nsystem\n.",
    "extension": b"\x80\x02\x82\x01.",
    "endless string": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "endless bytes": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "negative length": b"\x80\x02\x8b\xff\xff\xff\xffabc.",
    "bad utf-8": b"\x80\x02X\x01\x00\x00\x00\xff.",
    "odd dictionary": b"\x80\x02(NNNd.",
    "list as key": b"\x80\x02}]Ns.",
    "append to a tuple": b"\x80\x02)Na.",
    "items of a number": b"\x80\x02K\x01NNs.",
    "call a number": b"\x80\x02K\x01)R.",
    "call a dtype": b"\x80\x02ctorch\nfloat32\n)R.",
    "call a storage class": b"\x80\x02ctorch\nFloatStorage\n(K\x05tR.",
    "call with a list": b"\x80\x02ccollections\nOrderedDict\n]R.",
    "wrong arguments": b"\x80\x02" + G + b"(K\x01tR.",
    "make what may be called only": b"\x80\x02ccollections\nCounter\n)\x81.",
    "state of a list": b"\x80\x02]}b.",
    "state of a class": b"\x80\x02ccollections\nCounter\n}b.",
    "state that is a list": b"\x80\x02" + OD + b"]b.",
    "state with a number for a name": b"\x80\x02" + OD + b"}K\x01K\x02sb.",
    "bytearray of a size": b"\x80\x02cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.",
    "bytes of a size": b"\x80\x02cbuiltins\nbytes\n(J\xff\xff\xff\x7ftR.",
    "another codec": b"\x80\x02c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00zipptR.",
    "deep key": b"\x80\x02}" + b")" + b"\x85" * 100000 + b"Ns.",
    "deep item of a set": b"\x80\x02cbuiltins\nset\n(](" + b")" + b"\x85" * 100000 + b"etR.",
    "deep key of an ordered dict": b"\x80\x02ccollections\nOrderedDict\n(](" + b")" + b"\x85" * 100000 + b"N\x86etR.",
    "deep frozenset": b"\x80\x04()" + b"\x85" * 100000 + b"\x91.",
    "global without end": b"\x80\x02cos",
    "global of numbers": b"\x80\x04K\x01K\x02\x93.",
    "persistent number": b"\x80\x02K\x01Q.",
    "persistent module": b"\x80\x02(X\x06\x00\x00\x00modulectorch\nFloatStorage\ntQ.",
    "storage key a number": b"\x80\x02" + storage_id(key=b"K\x00") + b".",
    "storage key a path": b"\x80\x02" + storage_id(key=b"X\x0a\x00\x00\x00../version") + b".",
    "storage key of another record": b"\x80\x02" + storage_id(key=b"X\x0b\x00\x00\x00../data.pkl") + b".",
    "storage missing": b"\x80\x02" + storage_id(key=b"X\x01\x00\x00\x001") + b".",
    "storage class a dtype": b"\x80\x02" + storage_id(kind=b"ctorch\nfloat32\n") + b".",
    "storage class a number": b"\x80\x02" + storage_id(kind=b"K\x01") + b".",
    "storage too large": b"\x80\x02" + storage_id(count=b"K\x07") + b".",
    "storage huge": b"\x80\x02" + storage_id(count=b"\x8a\x07\xff\xff\xff\xff\xff\xff\x3f") + b".",
    "storage beyond any": b"\x80\x02" + storage_id(count=b"\x8a\x0a" + b"\xff" * 9 + b"\x7f") + b".",
    "storage too small": b"\x80\x02" + storage_id(count=b"K\x05") + b".",
    "storage of no size": b"\x80\x02" + storage_id(count=b"N") + b".",
    "storage of negative size": b"\x80\x02" + storage_id(count=b"J\xff\xff\xff\xff") + b".",
    "storage on no device": b"\x80\x02" + storage_id(location=b"K\x01") + b".",
}  # fmt: skip


@pytest.mark.parametrize("pickled", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pickles_are_errors(pickled):
    with pytest.raises((pickle.UnpicklingError, RuntimeError)) as caught:
        loaded_by_us(archive_with(pickled))
    assert str(caught.value) and not isinstance(caught.value, RecursionError)


def test_the_sound_form_of_those_loads():
    whole = b"\x80\x02" + G + b"(" + storage_id() + b"K\x00K\x02K\x03\x86K\x03K\x01\x86\x89" + OD + b"tR."
    loaded = loaded_by_us(archive_with(whole))
    assert isinstance(loaded, Plain) and loaded.array().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_deep_nesting_is_no_error():
    depth = 50000
    loaded = run(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
    for _ in range(depth - 1):
        (loaded,) = loaded
    assert loaded == []
