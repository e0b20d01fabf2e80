"""MNIST and the data sets made in its likeness: 70,000 grey images of 28 x 28 pixels."""

from __future__ import annotations

import math
import os
import shutil
import string
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...data.arrays import array_of_tensor, tensor_of_array
from ...tensor import Tensor
from .arguments import checked_choice
from .download import check_integrity, download, extract_gzip, extract_xz, extract_zip
from .vision import ArrayDataset

# The third byte of an idx file says what it holds.
_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path, dimensions: int, kind: int = 0x08) -> np.ndarray:
    """The array in an idx file, of bytes or of another kind; RuntimeError that names the file where it is not one or is cut off."""
    content = Path(path).read_bytes()
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise RuntimeError(f"{path} is corrupt: it does not begin as an idx file")
    if content[2] != kind or content[3] != dimensions:
        what = "bytes" if kind == 0x08 else "integers"
        raise RuntimeError(f"{path} is corrupt: it does not hold {what} in {dimensions} dimensions")
    head = 4 + 4 * dimensions
    if len(content) < head:
        raise RuntimeError(f"{path} is corrupt: it is cut off in its head")
    shape = tuple(np.frombuffer(content[4:head], ">u4").tolist())
    dtype = np.dtype(_IDX_TYPES[kind])
    if math.prod(shape) * dtype.itemsize != len(content) - head:
        counted = "bytes" if kind == 0x08 else "integers"
        raise RuntimeError(f"{path} is corrupt: it announces {shape} {counted} and holds {len(content) - head} bytes")
    return np.frombuffer(bytearray(content), dtype, offset=head).reshape(shape)


class MNIST(ArrayDataset):
    """MNIST (http://yann.lecun.com/exdb/mnist/): handwritten digits, 60,000 to learn from and 10,000 to test on.

    Args:
        root: folder that holds, or with `download` gets, the folder `MNIST/raw`.
        train: the images to learn from, or those to test on.
        transform: called with the PIL image.
        target_transform: called with the class, an integer.
        download: get the data set where it is missing.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]
    data: Tensor
    targets: Tensor

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.data, self.targets = self._load_data()

    def _names(self) -> tuple[str, str]:
        """The unpacked files of images and labels."""
        split = "train" if self.train else "t10k"
        return f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte"

    def _load_data(self) -> tuple[Tensor, Tensor]:
        paths = [os.path.join(self.raw_folder, name) for name in self._names()]
        images, labels = read_idx(paths[0], 3), read_idx(paths[1], 1)
        if len(images) != len(labels):
            raise RuntimeError(f"{self.raw_folder} is corrupt: {len(images)} images and {len(labels)} labels")
        return tensor_of_array(images), tensor_of_array(labels.astype(np.int64))

    def _pixels(self) -> np.ndarray:
        return array_of_tensor(self.data)[0]

    def _target(self, index: int) -> Any:
        targets = array_of_tensor(self.targets)[0] if isinstance(self.targets, Tensor) else self.targets
        return int(targets[index])

    @property
    def raw_folder(self) -> str:
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def _check_exists(self) -> bool:
        return all(
            check_integrity(os.path.join(self.raw_folder, name.removesuffix(".gz"))) for name, _ in self.resources
        )

    def download(self) -> None:
        """Gets the files where one is missing."""
        if self._check_exists():
            return
        for name, md5 in self.resources:
            archive = os.path.join(self.raw_folder, name)
            place = f"put the unpacked {name.removesuffix('.gz')} into {self.raw_folder}"
            download([mirror + name for mirror in self.mirrors], archive, md5, place)
            extract_gzip(archive, archive.removesuffix(".gz"))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


def _renamed(old: str, new: str) -> property:
    def read(self: MNIST) -> Tensor:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=2)
        return getattr(self, new)

    return property(read)


for _old, _new in (
    ("train_labels", "targets"),
    ("test_labels", "targets"),
    ("train_data", "data"),
    ("test_data", "data"),
):
    setattr(MNIST, _old, _renamed(_old, _new))


class FashionMNIST(MNIST):
    """Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist): clothes, in MNIST's form."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """Kuzushiji-MNIST (https://github.com/rois-codh/kmnist): cursive Japanese characters, in MNIST's form."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_ALL = sorted(string.digits + string.ascii_letters)
# Lower-case letters that look like their capitals.
_DISTINCT = [letter for letter in _ALL if letter not in "cijklmopsuvwxyz"]


class EMNIST(MNIST):
    """EMNIST (https://www.nist.gov/itl/products-and-services/emnist-dataset): handwritten letters and digits, in MNIST's form.

    `split` is one of "byclass", "bymerge", "balanced", "letters", "digits" and "mnist"; the other arguments are MNIST's. The images are
    as they lie in the files: rows and columns exchanged.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": _ALL,
        "bymerge": _DISTINCT,
        "balanced": _DISTINCT,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = checked_choice(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[split]

    def _names(self) -> tuple[str, str]:
        prefix = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"

    def _check_exists(self) -> bool:
        return all(os.path.isfile(os.path.join(self.raw_folder, name)) for name in self._names())

    def download(self) -> None:
        """Gets the files where one is missing."""
        if self._check_exists():
            return
        archive = os.path.join(self.raw_folder, "gzip.zip")
        download(
            [self.url], archive, self.md5, f"put the unpacked {' and '.join(self._names())} into {self.raw_folder}"
        )
        extract_zip(archive, self.raw_folder)
        packed = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(packed):
            if name.endswith(".gz"):
                extract_gzip(os.path.join(packed, name), os.path.join(self.raw_folder, name.removesuffix(".gz")))
        shutil.rmtree(packed)


class QMNIST(MNIST):
    """QMNIST (https://github.com/facebookresearch/qmnist): MNIST with all that is known of each digit.

    Args:
        root: folder that holds, or with `download` gets, the folder `QMNIST/raw`.
        what: "train", "test", "test10k" (MNIST's), "test50k" (the others) or "nist"; None for what `train` says.
        compat: the targets are digits; else tensors of eight integers, the digit first.
        train: the images to learn from, or those to test on.
        kwargs: `transform`, `target_transform`, `download` as MNIST's.
    """

    subsets = {"train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist"}
    _address = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
    resources: Any = {
        "train": [
            (f"{_address}qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            (f"{_address}qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            (f"{_address}qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            (f"{_address}qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            (f"{_address}xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            (f"{_address}xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(
        self, root: str | Path, what: str | None = None, compat: bool = True, train: bool = True, **kwargs: Any
    ) -> None:
        self.what = checked_choice(what or ("train" if train else "test"), "what", tuple(self.subsets))
        self.compat = compat
        super().__init__(root, train, **kwargs)

    def _archives(self) -> list[tuple[str, str]]:
        return self.resources[self.subsets[self.what]]

    def _names(self) -> tuple[str, str]:
        images, labels = (os.path.splitext(os.path.basename(url))[0] for url, _ in self._archives())
        return images, labels

    def _check_exists(self) -> bool:
        return all(os.path.isfile(os.path.join(self.raw_folder, name)) for name in self._names())

    def _load_data(self) -> tuple[Tensor, Tensor]:
        paths = [os.path.join(self.raw_folder, name) for name in self._names()]
        images, labels = read_idx(paths[0], 3), read_idx(paths[1], 2, 0x0C).astype(np.int64)
        if len(images) != len(labels) or labels.shape[1] < 1:
            raise RuntimeError(f"{self.raw_folder} is corrupt: {len(images)} images and labels of shape {labels.shape}")
        part = {"test10k": slice(10000), "test50k": slice(10000, None)}.get(self.what, slice(None))
        return tensor_of_array(images[part].copy()), tensor_of_array(labels[part].copy())

    def _target(self, index: int) -> Any:
        return int(self.targets[index][0]) if self.compat else self.targets[index]

    def download(self) -> None:
        """Gets the files where one is missing."""
        if self._check_exists():
            return
        for url, md5 in self._archives():
            archive = os.path.join(self.raw_folder, os.path.basename(url))
            path = os.path.splitext(archive)[0]
            download([url], archive, md5, f"put the unpacked {os.path.basename(path)} into {self.raw_folder}")
            (extract_xz if archive.endswith(".xz") else extract_gzip)(archive, path)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
