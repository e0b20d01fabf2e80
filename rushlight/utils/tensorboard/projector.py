"""Points for TensorBoard's tab "Projector": their coordinates, labels and little pictures, in files beside the events."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo, ProjectorConfig

from .media import as_bytes, grid
from .values import as_array

CONFIG = "projector_config.pbtxt"


def folder_of(tag: str) -> str:
    """A tag as one part of a path."""
    return tag.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")


def write_rows(file: Path, rows: Sequence[Sequence[Any]]) -> None:
    text = "".join("\t".join(str(cell) for cell in row) + "\n" for row in rows)
    file.write_text(text, encoding="utf-8", newline="\n")


def table(metadata: Sequence[Any], header: Sequence[str] | None, points: int) -> list[list[Any]]:
    """Labels as rows: a label each, or with a header as many as there are columns."""
    if len(metadata) != points:
        raise AssertionError(f"{points} points have {len(metadata)} labels in metadata; give one for each")
    if header is None:
        return [[label] for label in metadata]
    rows = [[row] if isinstance(row, str) else list(row) for row in metadata]
    for row in rows:
        if len(row) != len(header):
            raise AssertionError(f"metadata_header has {len(header)} columns, but a row of metadata has {len(row)}")
    return [list(header), *rows]


def sprite(pictures: np.ndarray) -> np.ndarray:
    """One square picture that holds all: the Projector finds each by its number, row by row."""
    columns = math.ceil(math.sqrt(len(pictures)))
    joined = grid(pictures, columns)
    height, width, _ = joined.shape
    if height > width:
        raise ValueError(
            f"label_img of {pictures.shape[1]} x {pictures.shape[2]} pixels do not fit into a square sprite, as TensorBoard wants it; "
            "make them as wide as they are high"
        )
    return np.pad(joined, ((0, width - height), (0, 0), (0, 0)))


def add_points(
    config: ProjectorConfig,
    root: Path,
    points: Any,
    metadata: Sequence[Any] | None,
    label_img: Any,
    step: Any,
    tag: str,
    header: Sequence[str] | None,
) -> None:
    """Writes the files of one set of points below `root` and adds it to the `config` there."""
    coordinates = as_array(points)
    if coordinates.ndim != 2:
        raise AssertionError(f"points are a matrix (number, coordinates), got shape {coordinates.shape}")
    number = str(step or 0).zfill(5)
    below = f"{number}/{folder_of(tag)}"
    folder = root / below
    if folder.exists():
        warnings.warn(f"add_embedding writes over the points in {folder}; give a global_step or a tag", stacklevel=3)
    rows = None if metadata is None else table(metadata, header, len(coordinates))
    pictures = None if label_img is None else as_array(label_img)
    if pictures is not None and len(pictures) != len(coordinates):
        raise AssertionError(f"{len(coordinates)} points have {len(pictures)} pictures in label_img; give one for each")
    folder.mkdir(parents=True, exist_ok=True)

    entry = EmbeddingInfo(tensor_name=f"{tag}:{number}", tensor_path=f"{below}/tensors.tsv")
    write_rows(folder / "tensors.tsv", coordinates.tolist())
    if rows is not None:
        write_rows(folder / "metadata.tsv", rows)
        entry.metadata_path = f"{below}/metadata.tsv"
    if pictures is not None:
        if pictures.shape[1] == 1:
            pictures = pictures.repeat(3, axis=1)
        Image.fromarray(sprite(as_bytes(pictures.transpose(0, 2, 3, 1)))).save(folder / "sprite.png")
        entry.sprite.image_path = f"{below}/sprite.png"
        entry.sprite.single_image_dim.extend([pictures.shape[3], pictures.shape[2]])
    config.embeddings.append(entry)
    (root / CONFIG).write_text(text_format.MessageToString(config), encoding="utf-8", newline="\n")
