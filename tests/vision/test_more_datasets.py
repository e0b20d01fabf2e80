"""More data sets against torchvision's, from tiny files in the official forms."""

import bz2
import gzip
import json
import os
import struct
import sys
import types
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from rushlight import data
from rushlight.vision import datasets as ours
from rushlight.vision import transforms
from rushlight.vision.datasets import download, matlab

from ..data.oracle import assert_same
from ..samples.torchvision_oracle import torchvision
from .files import idx
from .images import pixels
from .test_datasets import described

theirs = torchvision.datasets
_STORED = {"u1": (2, 9), "f8": (9, 6), "i2": (3, 10), "u2": (4, 11)}  # types of values and classes of matrices


def _element(kind, content):
    if 0 < len(content) <= 4:
        return struct.pack("<I", kind | len(content) << 16) + content.ljust(4, b"\0")
    return struct.pack("<II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def mat(packed=True, **arrays):
    """A MATLAB file of level 5."""
    content = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49)
    for name, array in arrays.items():
        kind, matrix = _STORED[array.dtype.str[1:]]
        parts = _element(6, struct.pack("<II", matrix, 0)) + _element(5, np.array(array.shape, "<i4").tobytes())
        parts += _element(1, name.encode()) + _element(kind, array.tobytes(order="F"))
        element = struct.pack("<II", 14, len(parts)) + parts
        squeezed = zlib.compress(element)
        content += struct.pack("<II", 15, len(squeezed)) + squeezed if packed else element
    return content


@pytest.fixture
def trusting(monkeypatch):
    """torchvision with its checksums not looked at, and with a reader of MATLAB's files."""

    def loadmat(path, squeeze_me=False):
        arrays = matlab.load_arrays(path)
        return {name: array.squeeze() if squeeze_me else array for name, array in arrays.items()}

    reader = types.ModuleType("scipy.io")
    reader.loadmat = loadmat
    package = types.ModuleType("scipy")
    package.io = reader
    monkeypatch.setitem(sys.modules, "scipy", package)
    monkeypatch.setitem(sys.modules, "scipy.io", reader)
    for module in (theirs.svhn, theirs.stl10, theirs.flowers102):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: os.path.isfile(path))


@pytest.mark.parametrize("packed", [True, False])
def test_matlab_files(tmp_path, packed):
    rng = np.random.default_rng(0)
    arrays = {
        "X": rng.integers(0, 256, (3, 4, 2, 5), dtype=np.uint8),
        "long_name": rng.normal(size=(2, 3)),
        "y": np.array([[7]], np.uint8),
        "ids": np.arange(300, 305, dtype=np.uint16).reshape(1, 5),
    }
    path = tmp_path / "some.mat"
    path.write_bytes(mat(packed, **arrays))
    found = matlab.load_arrays(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[: len(whole) - 9], b"x" * 200, whole[:140] + b"\xff" * 20 + whole[160:]):
        path.write_bytes(damaged)
        with pytest.raises(RuntimeError, match="some.mat is corrupt"):
            matlab.load_arrays(path)


def write_svhn(root, count=9):
    rng = np.random.default_rng(1)
    X = rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
    (root / "train_32x32.mat").write_bytes(mat(X=X, y=np.arange(1, count + 1, dtype=np.uint8).reshape(-1, 1) % 10 + 1))


def test_svhn(tmp_path, trusting):
    write_svhn(tmp_path)
    assert_same(*described(lambda D, t, u: D.SVHN(tmp_path, "train", t, u)))
    one, other = (D.SVHN(str(tmp_path)) for D in (ours, theirs))
    np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.labels, other.labels)
    with pytest.raises(RuntimeError, match="there is no .*test_32x32.mat"):
        ours.SVHN(tmp_path, "test")


def test_street_numbers_are_read_in_whole_batches(tmp_path):
    write_svhn(tmp_path)
    dataset = ours.SVHN(tmp_path, transform=transforms.Compose([transforms.Resize(20), transforms.ToTensor()]))
    images, labels = next(iter(data.DataLoader(dataset, batch_size=4)))
    for number in range(4):
        assert (images[number] == dataset[number][0]).all() and labels[number] == dataset[number][1]


@pytest.mark.parametrize(
    ("split", "folds"), [("train", None), ("train", 3), ("test", None), ("unlabeled", None), ("train+unlabeled", 1)]
)
def test_stl10(tmp_path, trusting, split, folds):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    rng = np.random.default_rng(2)
    for name, count in (("train", 4), ("test", 3), ("unlabeled", 2)):
        (folder / f"{name}_X.bin").write_bytes(rng.integers(0, 256, count * 3 * 96 * 96, dtype=np.uint8).tobytes())
        if name != "unlabeled":
            (folder / f"{name}_y.bin").write_bytes(rng.integers(1, 11, count, dtype=np.uint8).tobytes())
    (folder / "fold_indices.txt").write_text("".join(f"{i % 4} {(i + 2) % 4} \n" for i in range(10)))
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    assert_same(*described(lambda D, t, u: D.STL10(tmp_path, split, folds, t, u)))
    one, other = (D.STL10(tmp_path, split, folds) for D in (ours, theirs))
    assert one.classes == other.classes and one.labels.tolist() == other.labels.tolist()
    np.testing.assert_array_equal(one.data, other.data)


def test_usps(tmp_path):
    rng = np.random.default_rng(3)
    lines = [f"{i + 1} " + " ".join(f"{j + 1}:{rng.uniform(-1, 1):.4f}" for j in range(256)) for i in range(4)]
    (tmp_path / "usps.bz2").write_bytes(bz2.compress("\n".join(lines).encode()))
    assert_same(*described(lambda D, t, u: D.USPS(tmp_path, True, t, u)))
    with pytest.raises(FileNotFoundError):
        ours.USPS(tmp_path, train=False)


@pytest.mark.parametrize("split", ["letters", "balanced", "byclass"])
@pytest.mark.parametrize("train", [True, False])
def test_emnist(tmp_path, split, train):
    folder = tmp_path / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(4)
    prefix = folder / f"emnist-{split}-{'train' if train else 'test'}"
    images, labels = rng.integers(0, 256, (5, 28, 28), dtype=np.uint8), rng.integers(1, 10, 5, dtype=np.uint8)
    prefix.with_name(prefix.name + "-images-idx3-ubyte").write_bytes(idx(images))
    prefix.with_name(prefix.name + "-labels-idx1-ubyte").write_bytes(idx(labels))
    assert_same(*described(lambda D, t, u: D.EMNIST(tmp_path, split, train=train, transform=t, target_transform=u)))
    one, other = (D.EMNIST(tmp_path, split, train=train) for D in (ours, theirs))
    assert one.classes == other.classes and one.class_to_idx == other.class_to_idx
    with pytest.raises(RuntimeError, match="Dataset not found"):
        ours.EMNIST(tmp_path, split, train=not train)


@pytest.mark.parametrize("options", [{}, {"what": "nist"}, {"train": False}, {"what": "test10k"}, {"compat": False}])
def test_qmnist(tmp_path, options):
    folder = tmp_path / "QMNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    for name in ("qmnist-train", "qmnist-test", "xnist"):
        labels = rng.integers(0, 10, (6, 8)).astype(">i4")
        head = b"\0\0\x0c\x02" + struct.pack(">II", 6, 8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(rng.integers(0, 256, (6, 28, 28), dtype=np.uint8)))
        (folder / f"{name}-labels-idx2-int").write_bytes(head + labels.tobytes())
    assert_same(*described(lambda D, t, u: D.QMNIST(tmp_path, transform=t, target_transform=u, **options)))
    one, other = (D.QMNIST(tmp_path, **options) for D in (ours, theirs))
    assert_same([one.data, one.targets], [other.data, other.targets])


def test_flowers102(tmp_path, trusting):
    images = tmp_path / "flowers-102" / "jpg"
    images.mkdir(parents=True)
    for number in range(1, 7):
        Image.fromarray(pixels(seed=number)).save(images / f"image_{number:05d}.jpg")
    labels = np.array([[5, 5, 102, 1, 77, 2]], np.uint8)
    (images.parent / "imagelabels.mat").write_bytes(mat(labels=labels))
    ids = {"trnid": [[3, 1]], "valid": [[2, 5]], "tstid": [[6, 4]]}
    (images.parent / "setid.mat").write_bytes(mat(**{name: np.array(value, np.uint16) for name, value in ids.items()}))
    for split in ("train", "val", "test"):
        assert_same(*described(lambda D, t, u, split=split: D.Flowers102(tmp_path, split, t, u)))
    assert ours.Flowers102.classes == theirs.Flowers102.classes
    with pytest.raises(ValueError, match="Valid values are"):
        ours.Flowers102(tmp_path, "all")


def test_food101(tmp_path):
    listed = {"pizza": ["pizza/2", "pizza/1"], "apple_pie": ["apple_pie/7"]}
    for name in (name for names in listed.values() for name in names):
        path = tmp_path / "food-101" / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(seed=len(name))).save(path)
    (tmp_path / "food-101" / "meta").mkdir()
    (tmp_path / "food-101" / "meta" / "train.json").write_text(json.dumps(listed))
    assert_same(*described(lambda D, t, u: D.Food101(tmp_path, "train", t, u)))
    assert ours.Food101(tmp_path).class_to_idx == theirs.Food101(tmp_path).class_to_idx


def test_caltech(tmp_path, trusting):
    for category, others in (("Faces", "Faces_2"), ("anchor", "anchor"), ("BACKGROUND_Google", "none")):
        folder = tmp_path / "caltech101" / "101_ObjectCategories" / category
        outlines = tmp_path / "caltech101" / "Annotations" / others
        folder.mkdir(parents=True)
        outlines.mkdir(parents=True)
        for number in (1, 2):
            Image.fromarray(pixels(seed=number)).save(folder / f"image_{number:04d}.jpg")
            contour = np.arange(6.0).reshape(2, 3) + number
            (outlines / f"annotation_{number:04d}.mat").write_bytes(mat(obj_contour=contour))
    assert_same(*described(lambda D, t, u: D.Caltech101(tmp_path, "category", t, u)))
    one, other = (D.Caltech101(tmp_path, ["category", "annotation"])[2][1] for D in (ours, theirs))
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])
    for number, category in ((1, "001.ak47"), (2, "002.flag")):
        folder = tmp_path / "caltech256" / "256_ObjectCategories" / category
        folder.mkdir(parents=True)
        Image.fromarray(pixels(seed=number)).save(folder / f"{number:03d}_0001.jpg")
    assert_same(*described(lambda D, t, u: D.Caltech256(tmp_path, t, u)))


@pytest.mark.parametrize(
    "name", ["SVHN", "STL10", "USPS", "QMNIST", "Flowers102", "Food101", "Caltech101", "Caltech256"]
)
def test_a_network_that_refuses(tmp_path, monkeypatch, name):
    def refuse(url, file):
        raise OSError("no way out")

    monkeypatch.setattr("rushlight.vision.datasets.address.fetch", refuse)
    with pytest.raises(RuntimeError, match=r"could not download http.*no way out.*; put "):
        getattr(ours, name)(tmp_path, download=True)
    assert not [file for _, _, files in os.walk(tmp_path) for file in files]


def test_downloaded_letters_are_unpacked(tmp_path, monkeypatch):
    prefix = "gzip/emnist-letters-train"
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as packed:
        packed.writestr(f"{prefix}-images-idx3-ubyte.gz", gzip.compress(idx(np.zeros((2, 28, 28), np.uint8))))
        packed.writestr(f"{prefix}-labels-idx1-ubyte.gz", gzip.compress(idx(np.ones(2, np.uint8))))
    content = (tmp_path / "given.zip").read_bytes()
    monkeypatch.setattr(ours.EMNIST, "md5", download.file_md5(tmp_path / "given.zip"))

    def give(url, file):
        file.write(content)
        return ours.EMNIST.md5

    monkeypatch.setattr("rushlight.vision.datasets.address.fetch", give)
    dataset = ours.EMNIST(tmp_path, "letters", download=True)
    assert len(dataset) == 2 and dataset[0][1] == 1
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        packed.writestr("../outside", b"x")
    with pytest.raises(RuntimeError, match="outside of"):
        download.extract_zip(tmp_path / "bad.zip", tmp_path / "inside")
