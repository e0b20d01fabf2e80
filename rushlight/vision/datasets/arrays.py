"""Data sets whose images lie in one file: street numbers, small photographs, postal digits."""

from __future__ import annotations

import bz2
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .arguments import checked_choice
from .download import download, extract_tar
from .matlab import load_arrays
from .vision import ArrayDataset

_ABSENT = "Dataset not found or corrupted: there is no {}. You can use download=True to download it"


class SVHN(ArrayDataset):
    """Street View House Numbers (http://ufldl.stanford.edu/housenumbers/): digits of 32 x 32 pixels, in colour.

    Args:
        root: folder that holds, or with `download` gets, `train_32x32.mat` and the like.
        split: "train", "test" or "extra".
        transform, target_transform: called with the PIL image and with the digit, an integer.
        download: get the file where it is missing.

    `data` is the array (N, 3, 32, 32) of bytes, `labels` the digits.
    """

    split_list = {
        name: [f"http://ufldl.stanford.edu/housenumbers/{name}_32x32.mat", f"{name}_32x32.mat", md5]
        for name, md5 in (
            ("train", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            ("test", "eb5a983be6a315427106f1b164d9cef3"),
            ("extra", "a93ce644f1a588dc4d68dda5feec44a7"),
        )
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = checked_choice(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        path = os.path.join(self.root, self.filename)
        if download:
            self.download()
        if not os.path.isfile(path):
            raise RuntimeError(_ABSENT.format(path))
        arrays = load_arrays(path)
        images, labels = arrays.get("X"), arrays.get("y")
        if images is None or images.ndim != 4 or images.shape[2] != 3 or images.dtype != np.uint8:
            raise RuntimeError(f"{path} is corrupt: it has no images X of bytes (32, 32, 3, N)")
        if labels is None or labels.size != images.shape[3]:
            raise RuntimeError(f"{path} is corrupt: it has not one label y for each image")
        self.data: Any = images.transpose(3, 2, 0, 1)
        self.labels: Any = labels.astype(np.int64).reshape(-1) % 10  # in the file, 10 stands for the digit 0

    def _pixels(self) -> np.ndarray:
        return self.data.transpose(0, 2, 3, 1)

    def _target(self, index: int) -> Any:
        return int(self.labels[index])

    def download(self) -> None:
        """Gets the file where it is missing."""
        path = os.path.join(self.root, self.filename)
        if not os.path.isfile(path):
            download([self.url], path, self.file_md5, f"put {self.filename} into {self.root}")

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


class STL10(ArrayDataset):
    """STL-10 (https://cs.stanford.edu/~acoates/stl10/): photographs of 96 x 96 pixels in ten classes, and many without one.

    Args:
        root: folder that holds, or with `download` gets, the folder `stl10_binary`.
        split: "train", "test", "unlabeled" or "train+unlabeled".
        folds: one of the ten parts of the training images, 0 to 9; None for all.
        transform, target_transform: called with the PIL image and with the class, an integer, -1 where there is none.
        download: get the data set where it is missing.

    `data` is the array (N, 3, 96, 96) of bytes, `labels` the classes.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = checked_choice(split, "split", self.splits)
        if folds is not None and not isinstance(folds, int):
            raise ValueError(f"Expected type None or int for argument folds, but got type {type(folds)}.")
        if folds is not None and folds not in range(10):
            raise ValueError(f"Value for argument folds should be in the range [0, 10), but got {folds}.")
        self.folds = folds
        if download:
            self.download()
        parts = [self._part(name) for name in split.split("+")]
        self.data: Any = np.concatenate([images for images, _ in parts]) if len(parts) > 1 else parts[0][0]
        self.labels: Any = np.concatenate([labels for _, labels in parts])
        names = self._path(self.class_names_file)
        if os.path.isfile(names):
            self.classes = Path(names).read_text().splitlines()

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _bytes(self, name: str) -> np.ndarray:
        path = self._path(name)
        if not os.path.isfile(path):
            raise RuntimeError(_ABSENT.format(path))
        return np.fromfile(path, np.uint8)

    def _part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        flat = self._bytes(f"{name}_X.bin")
        if flat.size % (3 * 96 * 96):
            raise RuntimeError(
                f"{self._path(name + '_X.bin')} is corrupt: it does not hold whole images of 3 x 96 x 96 bytes"
            )
        images = flat.reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)  # in the file, columns come one after the other
        if name == "unlabeled":
            return images, np.full(len(images), -1)
        labels = self._bytes(f"{name}_y.bin") - 1
        if len(labels) != len(images):
            raise RuntimeError(
                f"{self._path(name + '_y.bin')} is corrupt: {len(labels)} labels for {len(images)} images"
            )
        if name == "train" and self.folds is not None:
            lines = Path(self._path(self.folds_list_file)).read_text().splitlines()
            chosen = np.array(lines[self.folds].split(), np.int64)
            images, labels = images[chosen], labels[chosen]
        return images, labels

    def _pixels(self) -> np.ndarray:
        return self.data.transpose(0, 2, 3, 1)

    def _target(self, index: int) -> Any:
        return int(self.labels[index])

    def download(self) -> None:
        """Gets the files where one is missing."""
        names = ("train_X.bin", "train_y.bin", "unlabeled_X.bin", "test_X.bin", "test_y.bin")
        if all(os.path.isfile(self._path(name)) for name in names):
            return
        archive = os.path.join(self.root, self.filename)
        download([self.url], archive, self.tgz_md5, f"put the unpacked folder {self.base_folder} into {self.root}")
        extract_tar(archive, self.root)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


class USPS(ArrayDataset):
    """USPS (https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps): digits of 16 x 16 pixels from envelopes.

    Args:
        root: folder that holds, or with `download` gets, `usps.bz2` or `usps.t.bz2`.
        train: the images to learn from, or those to test on.
        transform, target_transform: called with the PIL image and with the digit, an integer.
        download: get the file where it is missing.
    """

    _address = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
    split_list = {
        "train": [f"{_address}usps.bz2", "usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"],
        "test": [f"{_address}usps.t.bz2", "usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"],
    }

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self._file = self.split_list["train" if train else "test"]
        path = os.path.join(self.root, self._file[1])
        if download:
            self.download()
        if not os.path.isfile(path):
            raise FileNotFoundError(f"there is no {path}. You can use download=True to download it")
        try:
            lines = [line.decode().split() for line in bz2.decompress(Path(path).read_bytes()).splitlines()]
            levels = np.array([[float(pair.partition(":")[2]) for pair in line[1:]] for line in lines], np.float32)
            self.data: Any = ((levels.reshape(-1, 16, 16) + 1) / 2 * 255).astype(np.uint8)
            self.targets = [int(line[0]) - 1 for line in lines]
        except (ValueError, OSError, IndexError) as error:
            raise RuntimeError(f"{path} is corrupt: {error}") from None

    def _pixels(self) -> np.ndarray:
        return self.data

    def _target(self, index: int) -> Any:
        return self.targets[index]

    def download(self) -> None:
        """Gets the file where it is missing."""
        url, name, md5 = self._file
        path = os.path.join(self.root, name)
        if not os.path.isfile(path):
            download([url], path, md5, f"put {name} into {self.root}")
