"""The zip container: read by others, aligned, and mistrustful of what it reads."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import numpy as np
import pytest
import torch

from rushlight.serialize import container
from rushlight.serialize.container import ALIGNMENT, ArchiveReader, ArchiveWriter, is_zip

RECORDS = {"data.pkl": b"pickle", "data/0": bytes(range(100)), "data/1": b"", "data/2": os.urandom(1000)}


def written(records: dict[str, bytes] = RECORDS, name: str = "archive") -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file, name)
    for record, data in records.items():
        writer.write(record, data)
    writer.close()
    return file.getvalue()


def packed(records: dict[str, bytes], **options) -> bytes:
    """An archive as another program makes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return file.getvalue()


def reader(data: bytes) -> ArchiveReader:
    return ArchiveReader(io.BytesIO(data))


def test_it_reads_what_it_wrote():
    archive = reader(written())
    for record, data in RECORDS.items():
        assert record in archive and archive.size(record) == len(data) and archive.read(record) == data
    assert archive.read("version") == b"3\n"
    assert "data/3" not in archive


def test_pythons_zipfile_and_pytorch_read_it():
    data = written()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert all(archive.read(f"archive/{record}") == content for record, content in RECORDS.items())
    theirs = torch._C.PyTorchFileReader(io.BytesIO(data))
    assert all(theirs.get_record(record) == content for record, content in RECORDS.items() if content)


def test_records_are_aligned():
    data = written(name="a name of odd length")
    archive = reader(data)
    for record, content in RECORDS.items():
        start = archive.offset(record)
        assert start % ALIGNMENT == 0 and data[start : start + len(content)] == content


@pytest.mark.parametrize("limit", [0, 50, 500, 1000, 1500])
def test_sizes_and_offsets_beyond_32_bits(monkeypatch, limit):
    """With the limit lowered, all that large files need is used, and small files serve to test it."""
    monkeypatch.setattr(container, "_UINT32_MAX", limit)
    data = written()
    for archive in (zipfile.ZipFile(io.BytesIO(data)), torch._C.PyTorchFileReader(io.BytesIO(data))):
        for record, content in RECORDS.items():
            if isinstance(archive, zipfile.ZipFile):
                assert archive.read(f"archive/{record}") == content
            elif content:
                assert archive.get_record(record) == content
    assert all(reader(data).read(record) == content for record, content in RECORDS.items())


def test_the_identifier_tells_contents_apart():
    digits = [reader(written({"data/0": data})).read(".data/serialization_id") for data in (b"a", b"a", b"b")]
    assert digits[0] == digits[1] != digits[2]
    assert all(len(each) == 40 and each.isdigit() for each in digits)


def test_many_records():
    records = {f"data/{number}": b"%d" % number for number in range(70000)}
    archive = reader(written(records))
    assert archive.read("data/69999") == b"69999"


def test_an_archive_behind_other_bytes():
    file = io.BytesIO(b"before" + written())
    file.seek(6)
    assert is_zip(file) and file.tell() == 6
    assert ArchiveReader(file).read("data/0") == RECORDS["data/0"]


def test_a_file_without_readinto():
    class Plain:
        def __init__(self, data):
            file = io.BytesIO(data)
            self.read, self.seek, self.tell = file.read, file.seek, file.tell
            self.seekable = lambda: True

    assert ArchiveReader(Plain(written())).read("data/2") == RECORDS["data/2"]


def test_arrays_can_be_written_to():
    array = reader(written()).read_array("data/0")
    array[0] = 7
    assert isinstance(array, np.ndarray) and array.flags.writeable


@pytest.mark.parametrize(
    "name", ["../data/0", "archive/../../x", "/etc/passwd", "archive\\..\\x", "C:/x", "archive/.."]
)
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(RuntimeError, match="outside the archive"):
        reader(packed({"archive/data.pkl": b"", name: b""}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_records_of_one_name_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"a")
        archive.writestr("archive/data.pkl", b"b")
    with pytest.raises(RuntimeError, match="two records of the same name"):
        reader(file.getvalue())


def test_records_in_another_folder_are_not_seen():
    archive = reader(packed({"archive/data.pkl": b"", "other/version": b""}))
    assert "version" not in archive


def test_no_records():
    with pytest.raises(RuntimeError, match="no records"):
        reader(packed({}))


def test_compressed_records_are_refused():
    data = packed({"archive/data/0": bytes(10000)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(RuntimeError, match="claim more bytes than the file has"):
        reader(data)
    data = packed({"archive/data/0": os.urandom(10000)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(RuntimeError, match="compressed"):
        reader(data + bytes(0)).read("data/0")


def test_records_on_top_of_each_other_are_refused():
    """A bomb: many entries of the directory that name the same bytes."""
    data = written({"data/0": bytes(5000)})
    start = data.index(b"PK\1\2")
    entry_end = data.index(b"PK\1\2", start + 4)
    entry = data[start:entry_end]
    copies = [entry.replace(b"data/0", b"data/%d" % number) for number in range(1, 9)]
    end = data.index(b"PK\6\6")
    directory = data[start:end] + b"".join(copies)
    count = directory.count(b"PK\1\2")
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), start, 0)
    with pytest.raises(RuntimeError, match="claim more bytes"):
        reader(data[:start] + directory + tail)


def test_a_missing_record():
    with pytest.raises(RuntimeError, match="failed locating file data/9: file not found"):
        reader(written()).read("data/9")


def test_flipped_bits_are_found():
    data = bytearray(written())
    data[reader(bytes(data)).offset("data/0") + 5] ^= 1
    with pytest.raises(RuntimeError, match="data/0: its checksum does not fit"):
        reader(bytes(data)).read("data/0")


def test_files_written_without_checksums_load():
    torch.serialization.set_crc32_options(False)
    try:
        file = io.BytesIO()
        torch.save(torch.ones(3), file)
    finally:
        torch.serialization.set_crc32_options(True)
    assert reader(file.getvalue()).read("data/0") == np.ones(3, "f4").tobytes()


def test_a_directory_that_points_elsewhere():
    data = written()
    start = data.index(b"PK\1\2")
    offset = start + 42
    for wrong, message in ((4, "no record where"), (struct.unpack_from("<I", data, start + 42)[0], None)):
        changed = data[:offset] + struct.pack("<I", wrong) + data[offset + 4 :]
        if message:
            with pytest.raises(RuntimeError, match=message):
                reader(changed).read("data.pkl")
        else:
            assert reader(changed).read("data.pkl") == b"pickle"
    # The first entry now points to the second record.
    second = data.index(b"PK\3\4", 4)
    changed = data[:offset] + struct.pack("<I", second) + data[offset + 4 :]
    with pytest.raises(RuntimeError, match="disagree"):
        reader(changed).read("data.pkl")


@pytest.mark.parametrize("kept", [0, 4, 100, 1000, -1, -30])
def test_truncated_files(kept):
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed"):
        reader(written()[:kept]).read("data/2")
