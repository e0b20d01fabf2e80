"""A data set in CIFAR-10's file layout, generated: small, quick to make, the same on every machine, and learnable."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def write(folder: Path, images_per_batch: int, test_images: int = 200) -> Path:
    """Writes `folder`/cifar-10-batches-py with five training batches and a test batch; returns `folder`."""
    batches = folder / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(1, 6):
        _dump(batches / f"data_batch_{number}", random, f"training batch {number} of 5", images_per_batch)
    _dump(batches / "test_batch", random, "testing batch 1 of 1", test_images)
    meta = {"num_cases_per_batch": images_per_batch, "label_names": list(CLASSES), "num_vis": 3072}
    (batches / "batches.meta").write_bytes(pickle.dumps(meta))
    return folder


def _dump(path: Path, random: np.random.Generator, name: str, count: int) -> None:
    """Images of a class share a tint and a direction of brightness; noise is laid over them."""
    labels = random.integers(0, 10, count)
    tint = np.stack([labels * 25, (labels * 7 % 10) * 25, (labels * 3 % 10) * 25], axis=1)[:, :, None, None]
    rows, columns = np.mgrid[:32, :32]
    slope = np.where((labels % 2 == 0)[:, None, None, None], rows, columns) * 3
    noise = random.normal(0, 30, (count, 3, 32, 32))
    data = np.clip(0.5 * tint + slope + noise, 0, 255).astype(np.uint8).reshape(count, 3072)
    names = [f"{CLASSES[label]}_{index:04}.png" for index, label in enumerate(labels)]
    path.write_bytes(pickle.dumps({"batch_label": name, "data": data, "labels": labels.tolist(), "filenames": names}))
