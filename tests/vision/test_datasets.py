"""Data sets against torchvision's, and what they do with files that are missing, damaged or hostile."""

import collections
import functools
import hashlib
import http.server
import io
import os
import pickle
import re
import shutil
import tarfile
import threading
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import rushlight
from rushlight.vision import datasets as ours
from rushlight.vision import transforms
from rushlight.vision.datasets import digits, download, restricted_pickle

from ..data.oracle import assert_same, seeded
from ..samples.torchvision_oracle import torchvision
from .files import mnist_files, packed, write_cifar10, write_cifar100, write_mnist
from .images import pixels, plain

theirs = torchvision.datasets
BOTH = ((ours, transforms, rushlight), (theirs, torchvision.transforms, torch))
quiet = pytest.mark.filterwarnings("ignore:the files in")


def samples(dataset, count=None):
    return [plain(dataset[i]) for i in range(count or len(dataset))]


def described(make):
    """What both libraries say of a data set, read with a transform and without."""
    results = []
    for D, T, library in BOTH:
        bare, dressed = make(D, None, None), make(D, T.ToTensor(), lambda target: target + 1)
        results.append([repr(bare), repr(dressed).split("lambda")[0].split("<function")[0], len(bare), samples(bare)])
        results[-1].append(seeded(library, 0, functools.partial(samples, dressed))[0])
    return results


@quiet
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_cifar10(tmp_path, train, protocol):
    write_cifar10(tmp_path, 3, protocol)
    one, other = described(lambda D, t, u: D.CIFAR10(tmp_path, train, t, u))
    assert_same(one, other)
    one, other = (D.CIFAR10(str(tmp_path), train) for D, _, _ in BOTH)
    np.testing.assert_array_equal(one.data, other.data)
    assert one.targets == other.targets and one.classes == other.classes and one.class_to_idx == other.class_to_idx


@quiet
def test_cifar100(tmp_path):
    write_cifar100(tmp_path)
    assert_same(*described(lambda D, t, u: D.CIFAR100(tmp_path, True, t, u)))


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("train", [True, False])
def test_mnist(tmp_path, name, train):
    write_mnist(tmp_path, name)
    assert_same(*described(lambda D, t, u: getattr(D, name)(tmp_path, train, t, u)))
    one, other = (getattr(D, name)(tmp_path, train) for D, _, _ in BOTH)
    assert_same([one.data, one.targets, one.classes], [other.data, other.targets, other.classes])
    assert one.class_to_idx == other.class_to_idx
    with pytest.warns(UserWarning, match="train_labels has been renamed targets"):
        assert_same(one.train_labels, other.targets)


def test_fake_data():
    for make in (
        lambda D, t, u: D.FakeData(5, (3, 7, 6), 4, t, None, 11),
        lambda D, t, u: D.FakeData(3, (1, 4, 4), transform=t),
    ):
        assert_same(*described(make))
    with pytest.raises(IndexError, match="FakeData index out of range"):
        ours.FakeData(2)[2]


def test_fake_data_leaves_the_stream_alone():
    def read(D, library):
        library.manual_seed(3)
        D.FakeData(2, (1, 4, 4))[1]
        return library.rand(2)

    assert_same(read(ours, rushlight), read(theirs, torch))


@pytest.fixture
def folders(tmp_path):
    for name, count in (("cat", 3), ("dog", 2), ("dog/deep", 1)):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.fromarray(pixels(seed=i, height=6 + i)).save(tmp_path / name / f"{i}.{'png' if i else 'PNG'}")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def test_image_folder(folders):
    assert_same(*described(lambda D, t, u: D.ImageFolder(folders, t, u)))
    one, other = (D.ImageFolder(folders) for D, _, _ in BOTH)
    for name in ("classes", "class_to_idx", "samples", "imgs", "targets", "extensions"):
        assert getattr(one, name) == getattr(other, name), name
    one, other = (D.ImageFolder(folders, is_valid_file=lambda path: path.endswith("1.png")) for D, _, _ in BOTH)
    assert one.samples == other.samples


def test_dataset_folder(folders):
    one, other = (D.DatasetFolder(folders, os.path.getsize, (".txt", ".png")) for D, _, _ in BOTH)
    assert list(one) == list(other)


@pytest.mark.parametrize(
    "call",
    [
        lambda D, p: D.ImageFolder(p / "cat"),
        lambda D, p: D.ImageFolder(p / "missing"),
        lambda D, p: D.DatasetFolder(p, str, (".txt",)),
        lambda D, p: D.DatasetFolder(p, str),
        lambda D, p: D.DatasetFolder(p, str, (".txt",), is_valid_file=len),
        lambda D, p: D.DatasetFolder.make_dataset(p, None, (".txt",)),
        lambda D, p: D.folder.make_dataset(p, {}, (".txt",)),
        lambda D, p: D.VisionDataset(p, transforms=len, transform=len),
        lambda D, p: D.VisionDataset(p)[0],
    ],
)
def test_errors_are_torchvisions(folders, call):
    with pytest.raises(Exception) as expected:
        call(theirs, folders)
    with pytest.raises(type(expected.value)) as got:
        call(ours, folders)
    assert str(got.value) == str(expected.value)


def test_an_empty_class_may_be_allowed(folders):
    (folders / "empty").mkdir()
    one, other = (D.ImageFolder(folders, allow_empty=True) for D, _, _ in BOTH)
    assert one.samples == other.samples and one.classes == other.classes == ["cat", "dog", "empty"]


def test_a_damaged_image_file_is_named(folders):
    whole = (folders / "cat" / "1.png").read_bytes()
    for content in (whole[: len(whole) // 2], b"nothing"):
        (folders / "cat" / "1.png").write_bytes(content)
        with pytest.raises(OSError, match=re.escape(str(folders / "cat" / "1.png"))):
            ours.ImageFolder(folders)[1]


def test_digits():
    train, test = ours.Digits(), ours.Digits(train=False)
    assert (len(train), len(test)) == (1437, 360)
    images, labels = np.concatenate([train.data, test.data]), np.array(train.targets + test.targets)
    assert images.dtype == np.uint8 and images.min() == 0 and images.max() == 255
    np.testing.assert_array_equal(np.bincount(labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    image, target = train[0]
    assert image.mode == "L" and image.size == (8, 8) and target == 0
    levels = [0, 0, 5, 13, 9, 1, 0, 0]
    np.testing.assert_array_equal(np.asarray(image)[0], [level * 255 // 16 for level in levels])
    assert repr(test).splitlines() == ["Dataset Digits", "    Number of datapoints: 360", "    Split: Test"]
    assert "CC BY 4.0" in digits.__doc__


# ---- files that are not as they should be ----


def test_other_checksums_give_one_warning(tmp_path):
    write_cifar10(tmp_path)
    with pytest.warns(UserWarning, match="not the official ones by their checksums") as caught:
        ours.CIFAR10(tmp_path, download=True)
        ours.CIFAR10(tmp_path, train=False, download=True)
    assert len(caught) == 1 and "\n" not in str(caught[0].message)


def test_official_checksums_give_none(tmp_path, monkeypatch):
    folder = write_cifar10(tmp_path)
    sums = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    for attribute in ("train_list", "test_list"):
        listed = [[name, sums[name]] for name, _ in getattr(ours.CIFAR10, attribute)]
        monkeypatch.setattr(ours.CIFAR10, attribute, listed)
    monkeypatch.setattr(ours.CIFAR10, "meta", {**ours.CIFAR10.meta, "md5": sums["batches.meta"]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.CIFAR10(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(RuntimeError, match="Dataset not found or corrupted.*You can use download=True"):
        ours.CIFAR10(tmp_path)
    write_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(RuntimeError, match="data_batch_3"):
        ours.CIFAR10(tmp_path)
    with pytest.raises(RuntimeError, match="Dataset not found"):
        ours.MNIST(tmp_path)


class Command:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def dump(value, protocol=2):
    return pickle.dumps(value, protocol)


def array_pickle(dtype):
    return dump({"data": np.zeros((2, 3072), dtype), "labels": [0, 1]})


BAD_PARTS = {
    "cut off": dump({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]})[:500],
    "empty": b"",
    "not a pickle": b"\x89PNG\r\n",
    "text": b"hello world\n",
    "a list": dump([1, 2]),
    "no labels": dump({"data": np.zeros((2, 3072), np.uint8)}),
    "no data": dump({"labels": [0, 1]}),
    "other shape": dump({"data": np.zeros((2, 3071), np.uint8), "labels": [0, 1]}),
    "other dtype": array_pickle(np.float64),
    "objects": dump({"data": np.array([None, 1], object), "labels": [0, 1]}),
    "records": array_pickle(np.dtype([("a", "u1")])),
    "dates": dump({"data": np.zeros(3, "M8[s]"), "labels": [0, 1]}),
    "too few labels": dump({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}),
    "label out of range": dump({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}),
    "label no integer": dump({"data": np.zeros((2, 3072), np.uint8), "labels": [0, "1"]}),
    "a module": dump(collections.Counter([1])),
    "a function": b"cos\nsystem\n(S'true'\ntR.",
    "an attribute": b"c__builtin__\ngetattr\n(c__builtin__\nset\nS'pop'\ntR.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0etesting.run_all\x93.",
    "persistent": b"Pabc\n.",
    "huge": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "recursive": b"]p0\ng0\na.",
    "bytes too short": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nI3072\nt"
    b"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'abc'\ntb.",
}


@pytest.mark.parametrize("name", BAD_PARTS)
def test_bad_parts_are_clear_errors_that_name_the_file(tmp_path, name):
    folder = write_cifar10(tmp_path)
    (folder / "data_batch_2").write_bytes(BAD_PARTS[name])
    with pytest.raises(RuntimeError, match=re.escape(str(folder / "data_batch_2"))) as caught:
        ours.CIFAR10(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_hostile_pickle_does_nothing(tmp_path):
    folder = write_cifar10(tmp_path)
    for protocol in range(6):
        (folder / "test_batch").write_bytes(dump({"data": Command(tmp_path / "proof"), "labels": []}, protocol))
        with pytest.raises(RuntimeError, match=r"it asks for posix.mkdir, which is not data"):
            ours.CIFAR10(tmp_path, train=False)
    assert not (tmp_path / "proof").exists()


def test_every_truncation_is_an_error(tmp_path):
    content = dump({"data": np.arange(40, dtype=np.uint8).reshape(2, 20), "labels": [1, 2], "name": "x"})
    path = tmp_path / "part"
    for length in range(len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(RuntimeError, match="is corrupt"):
            restricted_pickle.load(path)


def test_damaged_bytes_give_data_or_an_error(tmp_path):
    content = bytearray(dump({"data": np.arange(40, dtype=np.uint8), "labels": [1, 2], "s": np.float32(2)}))
    rng = np.random.default_rng(0)
    path = tmp_path / "part"
    for _ in range(400):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            restricted_pickle.load(path)
        except RuntimeError as error:
            assert str(path) in str(error)


PYTHON_2 = (  # {'data': array([[1, 200]], uint8), 'labels': [3]} as Python 2 and its NumPy wrote it
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b"
    b"\x87Rq\x05(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ"
    b"\xff\xff\xff\xffK\x00tb\x89U\x02\x01\xc8tbU\x06labelsq\x08]q\tK\x03au."
)


def test_pickles_of_python_2(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(PYTHON_2)
    loaded, expected = restricted_pickle.load(path), pickle.loads(PYTHON_2, encoding="latin1")
    assert_same(loaded, expected)


@pytest.mark.parametrize("protocol", range(6))
def test_data_is_read_as_pickle_reads_it(tmp_path, protocol):
    value = {
        "numbers": [1, -2, 3.5, 1 << 80, True, None, 1j],
        "texts": ("a", b"b", b"", "ü"),
        "sets": [{1, 2}, frozenset([3])],
        "arrays": [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array("x")],
        "swapped": np.arange(3, dtype=">i4"),
        "scalars": [np.float32(1.5), np.int64(-3), np.bool_(True)],
        "ordered": collections.OrderedDict(a=1),
    }
    path = tmp_path / "part"
    path.write_bytes(dump(value, protocol))
    loaded = restricted_pickle.load(path)
    assert loaded.pop("ordered") == {"a": 1}
    del value["ordered"]
    assert repr(loaded) == repr(value)


BAD_IDX = {
    "empty": b"",
    "cut off": mnist_files()["train-images-idx3-ubyte"][:-1],
    "too long": mnist_files()["train-images-idx3-ubyte"] + b"0",
    "head only": mnist_files()["train-images-idx3-ubyte"][:9],
    "labels": mnist_files()["train-labels-idx1-ubyte"],
    "packed": packed(b"1"),
    "floats": b"\0\0\x0d\x03" + bytes(100),
}


@pytest.mark.parametrize("name", BAD_IDX)
def test_bad_idx_files_are_named(tmp_path, name):
    folder = write_mnist(tmp_path)
    (folder / "train-images-idx3-ubyte").write_bytes(BAD_IDX[name])
    with pytest.raises(RuntimeError, match=re.escape(str(folder / "train-images-idx3-ubyte")) + " is corrupt"):
        ours.MNIST(tmp_path)


def test_labels_and_images_of_different_number(tmp_path):
    folder = write_mnist(tmp_path)
    (folder / "train-labels-idx1-ubyte").write_bytes(mnist_files(5)["train-labels-idx1-ubyte"])
    with pytest.raises(RuntimeError, match="12 images and 5 labels"):
        ours.MNIST(tmp_path)


# ---- downloads ----


@pytest.fixture
def server():
    """Serves the files in a dict; a value of None breaks off after half of what it announced."""
    files = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path.strip("/"))
            if content is None:
                self.send_error(404)
                return
            broken = isinstance(content, tuple)
            content = content[0] if broken else content
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if broken else content)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield files, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def cifar_archive(tmp_path):
    folder = write_cifar10(tmp_path / "made")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(folder, arcname=folder.name)
    return buffer.getvalue()


@quiet
def test_cifar10_is_downloaded_checked_and_unpacked(tmp_path, server, cifar_archive, monkeypatch):
    files, address = server
    files["cifar.tar.gz"] = cifar_archive
    monkeypatch.setattr(ours.CIFAR10, "url", address + "cifar.tar.gz")
    monkeypatch.setattr(ours.CIFAR10, "tgz_md5", md5(cifar_archive))
    root = tmp_path / "root"
    assert len(ours.CIFAR10(root, download=True)) == 100
    files.clear()
    assert len(ours.CIFAR10(root, train=False, download=True)) == 20
    shutil.rmtree(root / "cifar-10-batches-py")
    assert len(ours.CIFAR10(root, download=True)) == 100  # from the archive that is there


@pytest.mark.parametrize("how", ["broken off", "changed", "missing", "no server"])
def test_a_failed_download_leaves_nothing(tmp_path, server, cifar_archive, monkeypatch, how):
    files, address = server
    if how == "broken off":
        files["cifar.tar.gz"] = (cifar_archive,)
    elif how == "changed":
        files["cifar.tar.gz"] = cifar_archive + b"x"
    monkeypatch.setattr(
        ours.CIFAR10, "url", ("http://127.0.0.1:9/" if how == "no server" else address) + "cifar.tar.gz"
    )
    monkeypatch.setattr(ours.CIFAR10, "tgz_md5", md5(cifar_archive))
    root = tmp_path / "root"
    with pytest.raises(RuntimeError, match=f"could not download .*; put the unpacked folder .* into {root}") as caught:
        ours.CIFAR10(root, download=True)
    assert "\n" not in str(caught.value)
    assert not root.exists() or not list(root.iterdir())


def test_mnist_is_downloaded_from_the_mirror_that_has_it(tmp_path, server, monkeypatch):
    files, address = server
    archives = {f"{name}.gz": packed(content) for name, content in mnist_files().items()}
    files.update({f"second/{name}": content for name, content in archives.items()})
    monkeypatch.setattr(ours.MNIST, "mirrors", [address + "first/", address + "second/"])
    monkeypatch.setattr(ours.MNIST, "resources", [(name, md5(archives[name])) for name, _ in ours.MNIST.resources])
    assert len(ours.MNIST(tmp_path, download=True)) == 12
    monkeypatch.setattr(ours.MNIST, "mirrors", [address + "first/"])
    with pytest.raises(RuntimeError, match="first/train-images.*put the unpacked train-images-idx3-ubyte into"):
        ours.MNIST(tmp_path / "other", download=True)


@pytest.mark.parametrize("name", ["../outside", "/tmp/rushlight-outside"])
def test_an_archive_cannot_write_elsewhere(tmp_path, name):
    archive = tmp_path / "bad.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(RuntimeError, match="outside of"):
        download.extract_tar(archive, tmp_path / "inside")
    assert not (tmp_path / "outside").exists() and not os.path.exists("/tmp/rushlight-outside")


def test_links_in_an_archive_are_left_out(tmp_path):
    archive = tmp_path / "links.tar"
    with tarfile.open(archive, "w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
        inside = tarfile.TarInfo("link/file")
        inside.size = 3
        tar.addfile(inside, io.BytesIO(b"abc"))
    download.extract_tar(archive, tmp_path / "inside")
    assert (tmp_path / "inside" / "link" / "file").read_bytes() == b"abc"
    assert not (tmp_path / "inside" / "link").is_symlink()


@pytest.mark.parametrize("content", [b"", b"no archive", packed(b"a" * 10000)[:30]])
def test_damaged_archives_are_named(tmp_path, content):
    archive = tmp_path / "archive"
    archive.write_bytes(content)
    with pytest.raises(RuntimeError, match=re.escape(str(archive)) + " is corrupt"):
        download.extract_tar(archive, tmp_path / "inside")
    if content:
        with pytest.raises(RuntimeError, match=re.escape(str(archive)) + " is corrupt"):
            download.extract_gzip(archive, tmp_path / "file")
    assert not (tmp_path / "file").exists()
