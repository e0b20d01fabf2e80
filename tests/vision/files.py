"""Small data sets in the layouts of the real ones, written to folders for tests."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np


def write_cifar10(root: Path, part: int = 20, protocol: int = 2) -> Path:
    """CIFAR-10's files with `part` images in each."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        entry = {
            "batch_label": name,
            "data": rng.integers(0, 256, (part, 3072), dtype=np.uint8),
            "labels": rng.integers(0, 10, part).tolist(),
            "filenames": [f"{i}.png" for i in range(part)],
        }
        (folder / name).write_bytes(pickle.dumps(entry, protocol))
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": classes, "num_vis": 3072}, protocol))
    return folder


def write_cifar100(root: Path, part: int = 20) -> Path:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    for name in ("train", "test"):
        entry = {
            "data": rng.integers(0, 256, (part, 3072), dtype=np.uint8),
            "fine_labels": rng.integers(0, 100, part).tolist(),
            "coarse_labels": rng.integers(0, 20, part).tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(entry, 2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"class {i}" for i in range(100)]}, 2))
    return folder


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def mnist_files(count: int = 12) -> dict[str, bytes]:
    rng = np.random.default_rng(3)
    files = {}
    for split in ("train", "t10k"):
        files[f"{split}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        files[f"{split}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, count, dtype=np.uint8))
    return files


def write_mnist(root: Path, name: str = "MNIST", count: int = 12) -> Path:
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for file, content in mnist_files(count).items():
        (folder / file).write_bytes(content)
    return folder


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
