"""The images to train on: CIFAR-10 where it can be had, else the handwritten digits that come with Rushlight."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight.vision import datasets, transforms

# What CIFAR-10's archive unpacks to.
CIFAR10_FOLDER = "cifar-10-batches-py"
TO_NORMALISED = (transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))


@dataclass(frozen=True)
class Images:
    """A training set with augmentation, a test set without, both of normalised (3, 32, 32) images."""

    name: str
    train: Any
    test: Any
    classes: tuple[str, ...]
    batch_size: int


def load_images(data: str | None) -> Images:
    """CIFAR-10 from `data`, $RUSHLIGHT_DATA or ./data, or downloaded; else the digits, saying so."""
    folders = [Path(name) for name in (data, os.environ.get("RUSHLIGHT_DATA"), "data") if name]
    for folder in folders:
        if (folder / CIFAR10_FOLDER).is_dir():
            return cifar10(folder, download=False)
    searched = " or ".join(str(folder) for folder in dict.fromkeys(folders))
    print(f"CIFAR-10 is not under {searched}: trying to download it", flush=True)
    try:
        return cifar10(folders[0], download=True)
    except (OSError, RuntimeError) as error:
        print(f"no CIFAR-10 ({error}): training on the handwritten digits that come with Rushlight", flush=True)
        return digits()


def cifar10(folder: Path, download: bool) -> Images:
    """50,000 photographs to learn from, 10,000 to test on; shifted by up to 4 pixels and mirrored while training."""
    augment = (transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4))
    train = datasets.CIFAR10(folder, True, transforms.Compose([*augment, *TO_NORMALISED]), download=download)
    test = datasets.CIFAR10(folder, False, transforms.Compose(TO_NORMALISED))
    return Images("CIFAR-10", train, test, tuple(train.classes), batch_size=100)


def digits() -> Images:
    """1,797 handwritten digits of 8 x 8 pixels, enlarged to the size that the network takes; shifted while training."""
    enlarge = (transforms.Grayscale(3), transforms.Resize((32, 32)))
    augment = transforms.RandomCrop(32, padding=4)
    train = datasets.Digits(train=True, transform=transforms.Compose([*enlarge, augment, *TO_NORMALISED]))
    test = datasets.Digits(train=False, transform=transforms.Compose([*enlarge, *TO_NORMALISED]))
    return Images("handwritten digits", train, test, tuple("0123456789"), batch_size=20)
