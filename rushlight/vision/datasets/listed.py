"""The base of data sets that are lists of image files, and those of them whose files are in folders of categories."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .arguments import checked_choice
from .download import download, extract_gzip_tars, extract_tar, extract_zip
from .flowers import FLOWERS
from .folder import default_loader
from .matlab import array_of
from .vision import VisionDataset

_ABSENT = "Dataset not found or corrupted. You can use download=True to download it"


class ListedImages(VisionDataset):
    """Base: `_listed` gives the paths of the images and their classes."""

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None,
        target_transform: Callable | None,
        loader: Callable[[Any], Any],
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader

    def _list(self, listed: list[tuple[Path, int]]) -> None:
        self._image_files = [path for path, _ in listed]
        self._labels = [label for _, label in listed]

    def __len__(self) -> int:
        return len(self._image_files)

    def _target(self, index: int) -> Any:
        return self._labels[index]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self.loader(self._image_files[index]), self._target(index)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


class Flowers102(ListedImages):
    """Oxford 102 Flower (https://www.robots.ox.ac.uk/~vgg/data/flowers/102/): photographs of flowers of 102 kinds.

    Args:
        root: folder that holds, or with `download` gets, the folder `flowers-102`.
        split: "train", "val" or "test".
        transform, target_transform: called with the image and with the class, an integer.
        download: get the data set where it is missing.
        loader: makes an image of a path.
    """

    _address = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    _archives = {
        "image": ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
        "label": ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        "setid": ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    }
    classes = FLOWERS

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ) -> None:
        super().__init__(root, transform, target_transform, loader)
        self._split = checked_choice(split, "split", ("train", "val", "test"))
        self._base_folder = Path(self.root) / "flowers-102"
        if download:
            self.download()
        if not self._exists():
            raise RuntimeError(_ABSENT)
        numbers = array_of(self._file("setid"), {"train": "trnid", "val": "valid", "test": "tstid"}[split]).ravel()
        labels = array_of(self._file("label"), "labels").ravel()
        if numbers.size and not 1 <= numbers.min() <= numbers.max() <= labels.size:
            raise RuntimeError(
                f"{self._base_folder} is corrupt: {labels.size} labels, and images up to {numbers.max()}"
            )
        images = self._base_folder / "jpg"
        self._list([(images / f"image_{number:05d}.jpg", int(labels[number - 1]) - 1) for number in numbers.tolist()])

    def _file(self, which: str) -> Path:
        return self._base_folder / self._archives[which][0]

    def _exists(self) -> bool:
        return (self._base_folder / "jpg").is_dir() and all(self._file(name).is_file() for name in ("label", "setid"))

    def download(self) -> None:
        """Gets the files where one is missing."""
        if self._exists():
            return
        for name, md5 in self._archives.values():
            download([self._address + name], self._base_folder / name, md5, f"put it into {self._base_folder}")
        extract_tar(self._file("image"), self._base_folder)

    def extra_repr(self) -> str:
        return f"split={self._split}"


class Food101(ListedImages):
    """Food-101 (https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101): photographs of 101 dishes, 750 and 250 of each.

    Args:
        root: folder that holds, or with `download` gets, the folder `food-101`.
        split: "train" or "test".
        transform, target_transform: called with the image and with the class, an integer.
        download: get the data set where it is missing.
        loader: makes an image of a path.
    """

    _address = "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"
    _md5 = "85eeb15f3717b99a5da872d97d918f87"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ) -> None:
        super().__init__(root, transform, target_transform, loader)
        self._split = checked_choice(split, "split", ("train", "test"))
        self._base_folder = Path(self.root) / "food-101"
        if download:
            self.download()
        if not self._exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        path = self._base_folder / "meta" / f"{split}.json"
        named = json.loads(path.read_text())
        if not isinstance(named, dict):
            raise RuntimeError(f"{path} is corrupt: it does not list images by class")
        self.classes = sorted(named)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        images = self._base_folder / "images"
        self._list([(images / f"{name}.jpg", self.class_to_idx[kind]) for kind in named for name in named[kind]])

    def _exists(self) -> bool:
        return all((self._base_folder / name).is_dir() for name in ("meta", "images"))

    def download(self) -> None:
        """Gets the files where they are missing."""
        if self._exists():
            return
        archive = Path(self.root) / "food-101.tar.gz"
        download([self._address], archive, self._md5, f"put the unpacked folder food-101 into {self.root}")
        extract_tar(archive, self.root)

    def extra_repr(self) -> str:
        return f"split={self._split}"


def _opened(path: Any) -> Any:
    return pillow().open(path)


class _Categories(ListedImages):
    """Base of the Caltech data sets: a folder for each category."""

    _folder = ""

    def __init__(
        self, root: str | Path, transform: Callable | None, target_transform: Callable | None, download: bool
    ) -> None:
        super().__init__(root, transform, target_transform, _opened)
        if download:
            self.download()
        if not os.path.isdir(self._images()):
            raise RuntimeError(_ABSENT)
        self.categories = sorted(os.listdir(self._images()))

    def _images(self) -> str:
        return os.path.join(self.root, self._folder)

    def download(self) -> None:
        raise NotImplementedError

    def _number(self, counts: list[int]) -> None:
        """Numbers the images of the categories."""
        self.index = [number for count in counts for number in range(1, count + 1)]
        self.y = [category for category, count in enumerate(counts) for _ in range(count)]


class Caltech101(_Categories):
    """Caltech 101 (https://data.caltech.edu/records/mzrjq-6wc02): pictures of objects of 101 categories.

    Args:
        root: folder that holds, or with `download` gets, the folder `caltech101`.
        target_type: "category" (an integer), "annotation" (the outline, an array (2, N)), or a list of them.
        transform, target_transform: called with the image and with the target.
        download: get the data set where it is missing.
    """

    _folder = "101_ObjectCategories"
    _others = {  # categories whose outlines are under another name
        "Faces": "Faces_2",
        "Faces_easy": "Faces_3",
        "Motorbikes": "Motorbikes_16",
        "airplanes": "Airplanes_Side_2",
    }

    def __init__(
        self,
        root: str | Path,
        target_type: list[str] | str = "category",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        listed = [target_type] if isinstance(target_type, str) else target_type
        self.target_type = [checked_choice(each, "target_type", ("category", "annotation")) for each in listed]
        super().__init__(os.path.join(root, "caltech101"), transform, target_transform, download)
        self.categories = [name for name in self.categories if name != "BACKGROUND_Google"]
        self.annotation_categories = [self._others.get(name, name) for name in self.categories]
        self._number([len(os.listdir(os.path.join(self._images(), name))) for name in self.categories])
        places = [f"{self.categories[y]}/image_{number:04d}.jpg" for y, number in zip(self.y, self.index, strict=True)]
        self._list([(Path(self._images()) / place, y) for place, y in zip(places, self.y, strict=True)])

    def _target(self, index: int) -> Any:
        targets = [self.y[index] if kind == "category" else self._outline(index) for kind in self.target_type]
        return tuple(targets) if len(targets) > 1 else targets[0]

    def _outline(self, index: int) -> Any:
        name = f"annotation_{self.index[index]:04d}.mat"
        return array_of(
            Path(self.root) / "Annotations" / self.annotation_categories[self.y[index]] / name, "obj_contour"
        )

    def download(self) -> None:
        """Gets the files where they are missing."""
        if os.path.isdir(self._images()):
            return
        archive = os.path.join(self.root, "caltech-101.zip")
        address = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
        place = f"put the unpacked folders 101_ObjectCategories and Annotations into {self.root}"
        download([address], archive, "3138e1922a9193bfa496528edbbc45d0", place)
        extract_zip(archive, self.root)
        extract_gzip_tars(os.path.join(self.root, "caltech-101"), self.root)

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}"


class Caltech256(_Categories):
    """Caltech 256 (https://data.caltech.edu/records/nyy15-4j048): pictures of objects of 256 categories, and clutter.

    Args:
        root: folder that holds, or with `download` gets, the folder `caltech256`.
        transform, target_transform: called with the image and with the category, an integer.
        download: get the data set where it is missing.
    """

    _folder = "256_ObjectCategories"

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(os.path.join(root, "caltech256"), transform, target_transform, download)
        names = [os.listdir(os.path.join(self._images(), category)) for category in self.categories]
        self._number([sum(name.endswith(".jpg") for name in listed) for listed in names])
        pairs = zip(self.y, self.index, strict=True)
        places = [f"{self.categories[y]}/{y + 1:03d}_{number:04d}.jpg" for y, number in pairs]
        self._list([(Path(self._images()) / place, y) for place, y in zip(places, self.y, strict=True)])

    def download(self) -> None:
        """Gets the files where they are missing."""
        if os.path.isdir(self._images()):
            return
        archive = os.path.join(self.root, "256_ObjectCategories.tar")
        address = "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar"
        place = f"put the unpacked folder 256_ObjectCategories into {self.root}"
        download([address], archive, "67b4f42ca05d46448c6bb8ecd2220f6d", place)
        extract_tar(archive, self.root)
