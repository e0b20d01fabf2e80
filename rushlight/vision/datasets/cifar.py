"""CIFAR-10 and CIFAR-100: 60,000 small photographs in 10 or 100 classes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import restricted_pickle
from .download import check_integrity, download, extract_tar
from .vision import ArrayDataset

_warned_of: set[str] = set()  # folders, so that their training and test sets give one warning


class CIFAR10(ArrayDataset):
    """CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html): 50,000 images to learn from, 10,000 to test on.

    Args:
        root: folder that holds, or with `download` gets, the folder `cifar-10-batches-py`.
        train: the images to learn from, or those to test on.
        transform: called with the PIL image.
        target_transform: called with the class, an integer.
        download: get the data set where it is missing.

    Files whose checksums are not the official ones are used where they have the right structure, with a warning. The
    files are pickles; nothing but data is loaded from them (`restricted_pickle`).
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

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
        missing = self._missing()
        if missing:
            raise RuntimeError(
                f"Dataset not found or corrupted: there is no {missing[0]}. You can use download=True to download it"
            )
        self._load_meta()
        parts, self.targets = [], []
        for name, _ in self.train_list if train else self.test_list:
            pixels, labels = self._load_part(self._path(name))
            parts.append(pixels)
            self.targets.extend(labels)
        self.data: Any = np.concatenate(parts).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        self._warn_of_other_checksums()

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _files(self) -> list[tuple[str, str]]:
        """Paths and official checksums of all files."""
        listed = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return [(self._path(name), md5) for name, md5 in listed]

    def _missing(self) -> list[str]:
        return [path for path, _ in self._files() if not os.path.isfile(path)]

    def _check_integrity(self) -> bool:
        """Whether all files are the official ones."""
        return all(check_integrity(path, md5) for path, md5 in self._files())

    def _warn_of_other_checksums(self) -> None:
        folder = os.path.abspath(os.path.join(self.root, self.base_folder))
        if folder in _warned_of or self._check_integrity():
            return
        _warned_of.add(folder)
        warnings.warn(
            f"the files in {folder} are not the official ones by their checksums, though their structure is right: "
            "used as they are",
            stacklevel=3,
        )

    def _load_part(self, path: str) -> tuple[np.ndarray, list[int]]:
        entry = restricted_pickle.load(path)
        labels = entry.get("labels", entry.get("fine_labels")) if isinstance(entry, dict) else None
        pixels = entry.get("data") if isinstance(entry, dict) else None
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (3072,):
            raise RuntimeError(f"{path} is not a part of {type(self).__name__}: it has no images of 3 x 32 x 32 bytes")
        if not isinstance(labels, list) or len(labels) != len(pixels):
            raise RuntimeError(f"{path} is not a part of {type(self).__name__}: it has not one label for each image")
        bad = next((label for label in labels if type(label) is not int or not 0 <= label < len(self.classes)), None)
        if bad is not None:
            raise RuntimeError(f"{path} is not a part of {type(self).__name__}: {bad!r} is not the number of a class")
        return pixels, labels

    def _load_meta(self) -> None:
        path = self._path(self.meta["filename"])
        entry = restricted_pickle.load(path)
        names = entry.get(self.meta["key"]) if isinstance(entry, dict) else None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise RuntimeError(f"{path} is not {type(self).__name__}'s: it has no names of classes")
        self.classes: list[str] = names
        self.class_to_idx = {name: number for number, name in enumerate(names)}

    def _pixels(self) -> np.ndarray:
        return self.data

    def _target(self, index: int) -> Any:
        return self.targets[index]

    def download(self) -> None:
        """Gets the files where one is missing."""
        if not self._missing():
            return
        archive = os.path.join(self.root, self.filename)
        place = f"put the unpacked folder {self.base_folder} into {self.root}"
        download([self.url], archive, self.tgz_md5, place)
        extract_tar(archive, self.root)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """CIFAR-100: as CIFAR-10, with 100 classes of 600 images."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
