"""Damaged files, at random: loading works or says what is wrong, and neither crashes nor swells."""

from __future__ import annotations

import io
import pickle
import zipfile

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from .standin import loaded_by_us, saved_by_torch, saved_by_us, to_plain

VALUE = {
    "weight": torch.arange(12.0).reshape(3, 4).t(),
    "steps": [torch.tensor(3), torch.zeros(2, dtype=torch.bfloat16), torch.nn.Parameter(torch.ones(2))],
    "note": ("text", 1.5, None, b"bytes", {1, 2}),
}
ZIP = saved_by_torch(VALUE)
LEGACY = saved_by_us(to_plain(VALUE), use_zip=False)
with zipfile.ZipFile(io.BytesIO(ZIP)) as _archive:
    RECORDS = {name: _archive.read(name) for name in _archive.namelist()}

edits = st.lists(
    st.tuples(st.sampled_from(["set", "delete", "insert"]), st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


def edited(data: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    changed = bytearray(data)
    for kind, place, value in changes:
        at = int(place * len(changed))
        if kind == "set":
            changed[at] = value
        elif kind == "delete":
            del changed[at : at + value % 5 + 1]
        else:
            changed.insert(at, value)
    return bytes(changed)


def load_or_complain(data: bytes) -> None:
    try:
        loaded_by_us(data)
    except (RuntimeError, pickle.UnpicklingError, ValueError, EOFError) as error:
        assert not isinstance(error, (RecursionError, NotImplementedError)) and str(error)
        assert type(error) is not ValueError or "endianness" in str(error)


@settings(max_examples=150, deadline=None)
@given(edits)
def test_a_changed_pickle(changes):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in RECORDS.items():
            archive.writestr(name, edited(data, changes) if name.endswith("data.pkl") else data)
    load_or_complain(file.getvalue())


@settings(max_examples=150, deadline=None)
@given(edits)
def test_a_changed_archive(changes):
    load_or_complain(edited(ZIP, changes))


@settings(max_examples=150, deadline=None)
@given(edits)
def test_a_changed_stream(changes):
    load_or_complain(edited(LEGACY, changes))


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_file(share):
    for data in (ZIP, LEGACY):
        kept = data[: int(share * len(data))]
        try:
            loaded_by_us(kept)
        except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
            assert str(error)
        else:
            raise AssertionError("half a file was loaded")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data):
    load_or_complain(data)
