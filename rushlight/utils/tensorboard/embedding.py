"""Files that TensorBoard's projector reads: the points, what they are called, their pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

from . import arrays

ESCAPED = str.maketrans({character: f"%{ord(character):02x}" for character in "%/\\"})


def folder(tag: str, step: int | None) -> str:
    """Where an embedding's files lie, below the log's folder."""
    return f"{step or 0:05}/{tag.translate(ESCAPED)}"


def write_points(path: Path, points: np.ndarray) -> None:
    """One point a line."""
    lines = ("\t".join(map(str, point)) for point in points.tolist())
    path.joinpath("tensors.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_labels(path: Path, labels: Any, header: Any, count: int) -> None:
    """One point's label a line, or its labels with tabs between; `header` names the columns of several."""
    rows = [[str(part) for part in row] if isinstance(row, (list, tuple)) and header else [str(row)] for row in labels]
    if len(rows) != count:
        raise AssertionError(f"#labels should equal with #data points: there are {len(rows)} labels for {count} points")
    if header:
        rows.insert(0, [str(name) for name in header])
    # A line break inside a label would begin another point's.
    lines = ("\t".join(row).replace("\n", " ") for row in rows)
    path.joinpath("metadata.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_pictures(path: Path, pictures: Any, count: int) -> tuple[int, int]:
    """The points' pictures (n, channels, height, width) in one square sheet; gives the width and height of one."""
    array = arrays.as_array(pictures)
    if array.ndim != 4 or len(array) != count:
        raise AssertionError(
            f"#images should equal with #data points: label_img has the shape {tuple(array.shape)} for {count} points"
        )
    columns = math.ceil(math.sqrt(count))
    padded = np.concatenate([array, np.zeros((columns * columns - count, *array.shape[1:]), array.dtype)])
    sheet = arrays.side_by_side(padded.transpose(0, 2, 3, 1), columns)
    path.joinpath("sprite.png").write_bytes(arrays.png(arrays.as_bytes(sheet)))
    return array.shape[3], array.shape[2]


def described(tag: str, step: int | None, labelled: bool, picture: tuple[int, int] | None) -> EmbeddingInfo:
    """What the projector's configuration says of an embedding."""
    place = folder(tag, step)
    info = EmbeddingInfo(tensor_name=f"{tag}:{step or 0:05}", tensor_path=f"{place}/tensors.tsv")
    if labelled:
        info.metadata_path = f"{place}/metadata.tsv"
    if picture is not None:
        info.sprite.image_path = f"{place}/sprite.png"
        info.sprite.single_image_dim.extend(picture)
    return info
