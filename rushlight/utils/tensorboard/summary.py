"""One entry of an event file each, as the message `Summary` that TensorBoard reads.

The functions have the names and arguments of `torch.utils.tensorboard.summary`, from which programs import some of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.custom_scalar.layout_pb2 import (
    Category,
    Chart,
    Layout,
    MarginChartContent,
    MultilineChartContent,
)
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

from .hparams import hparams
from .media import audio, image, image_boxes, video
from .values import as_array, as_number, shape_message, tensor_message

__all__ = [
    "audio",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]

# TensorBoard draws no more thresholds than this.
MOST_THRESHOLDS = 127


def entry(tag: str, plugin: str = "", content: bytes = b"", **value: Any) -> Summary:
    """A summary of one value; `plugin` names the part of TensorBoard that shows it, where its field does not say so."""
    if plugin:
        data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
        value["metadata"] = SummaryMetadata(plugin_data=data)
    return Summary(value=[Summary.Value(tag=tag, **value)])


def scalar(
    name: str, tensor: Any, collections: None = None, new_style: bool = False, double_precision: bool = False
) -> Summary:
    """One number. `new_style` writes it as a tensor, and then `double_precision` in float64; `collections` has no use."""
    number = as_number(tensor)
    if not new_style:
        return entry(name, simple_value=number)
    if double_precision:
        return entry(name, "scalars", tensor=TensorProto(dtype="DT_DOUBLE", double_val=[number]))
    return entry(name, "scalars", tensor=TensorProto(dtype="DT_FLOAT", float_val=[number]))


def tensor_proto(tag: str, tensor: Any) -> Summary:
    """A whole tensor."""
    return entry(tag, "tensor", tensor=tensor_message(tensor))


def text(tag: str, text: str) -> Summary:
    """A text in Markdown."""
    message = TensorProto(dtype="DT_STRING", tensor_shape=shape_message((1,)), string_val=[text.encode()])
    return entry(f"{tag}/text_summary", "text", tensor=message)


def default_edges() -> list[float]:
    """TensorFlow's buckets: each a tenth wider than the last, from 1e-12 to 1e20, on both sides of 0."""
    edges, edge = [], 1e-12
    while edge < 1e20:
        edges.append(edge)
        edge *= 1.1
    return [-edge for edge in reversed(edges)] + [0.0] + edges


def coarser(edges: np.ndarray, counts: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring bins put together until there are about `most`, each of as many as the others but for the last."""
    together = len(counts) // most
    if len(counts) <= most or together < 2:
        return edges, counts
    starts = np.arange(0, len(counts), together)
    return np.append(edges[starts], edges[-1]), np.add.reduceat(counts, starts)


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Summary:
    """How many of the values lie between each two edges; `bins` are edges, their number, or NumPy's name of a rule.

    The bins before the first and after the last that hold something are left out. TensorBoard takes bucket i to end at limit i, so
    that an empty bucket stands before the first, whose limit is where that one begins.
    """
    numbers = as_array(values).reshape(-1).astype(np.float64)
    if not numbers.size:
        raise ValueError(f"a histogram of no values: {name!r} was given shape {np.shape(values)}")
    counts, edges = np.histogram(numbers, default_edges() if isinstance(bins, str) and bins == "tensorflow" else bins)
    if max_bins is not None:
        edges, counts = coarser(edges, counts, max_bins)
    filled = np.flatnonzero(counts)
    if not filled.size:
        raise ValueError(
            f"no value of the histogram {name!r} lies within its bins, from {edges[0]:g} to {edges[-1]:g}; "
            f"the values go from {numbers.min():g} to {numbers.max():g}"
        )
    first, last = filled[0], filled[-1]
    with np.errstate(all="ignore"):
        return histogram_raw(
            name,
            numbers.min(),
            numbers.max(),
            numbers.size,
            numbers.sum(),
            numbers.dot(numbers),
            edges[first : last + 2].tolist(),
            [0, *counts[first : last + 1].tolist()],
        )


def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: float,
    sum: float,
    sum_squares: float,
    bucket_limits: Sequence[float],
    bucket_counts: Sequence[float],
) -> Summary:
    """A histogram that was counted elsewhere: bucket i holds the values up to `bucket_limits[i]`."""
    message = HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return entry(name, histo=message)


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> Summary:
    """Precision and recall at evenly spaced thresholds, of predictions in [0, 1] and labels 0 or 1."""
    thresholds = min(num_thresholds, MOST_THRESHOLDS)
    true, predicted = as_array(labels).astype(np.float64), as_array(predictions)
    weight = (
        np.ones(true.shape) if weights is None else np.broadcast_to(as_array(weights).astype(np.float64), true.shape)
    )
    if true.shape != predicted.shape:
        raise ValueError(f"pr_curve takes a prediction for each label, got shapes {true.shape} and {predicted.shape}")
    bucket = np.floor(predicted * (thresholds - 1)).astype(np.int64)
    inside = (bucket >= 0) & (bucket < thresholds)

    def at_or_above(amounts: np.ndarray) -> np.ndarray:
        """For each threshold, what the predictions from it on weigh."""
        return np.bincount(bucket[inside], amounts[inside], thresholds)[::-1].cumsum()[::-1]

    true_positive, false_positive = at_or_above(true * weight), at_or_above((1 - true) * weight)
    false_negative, true_negative = true_positive[0] - true_positive, false_positive[0] - false_positive

    def share(part: np.ndarray, other: np.ndarray) -> np.ndarray:
        """part / (part + other), and 0 where both are 0."""
        whole = part + other
        return np.divide(part, whole, out=np.zeros(thresholds), where=whole > 0)

    return pr_curve_raw(
        tag,
        true_positive,
        false_positive,
        true_negative,
        false_negative,
        share(true_positive, false_positive),
        share(true_positive, false_negative),
        thresholds,
    )


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: None = None,
) -> Summary:
    """A curve that was computed elsewhere, six numbers for each threshold; `weights` has no use, as in PyTorch."""
    rows = [
        np.asarray(row) if isinstance(row, Sequence) else as_array(row) for row in (tp, fp, tn, fn, precision, recall)
    ]
    content = PrCurvePluginData(version=0, num_thresholds=min(num_thresholds, MOST_THRESHOLDS))
    return entry(
        tag, "pr_curves", content.SerializeToString(), tensor=tensor_message(np.stack(rows).astype(np.float32))
    )


def chart(title: str, kind: str, tags: Sequence[str]) -> Chart:
    if kind == "Multiline":
        return Chart(title=title, multiline=MultilineChartContent(tag=tags))
    if kind != "Margin":
        raise ValueError(f"a chart is 'Multiline' or 'Margin', got {kind!r} for {title!r}")
    if len(tags) != 3:
        raise AssertionError(f"a margin chart has 3 tags (value, lower, upper), got {len(tags)} for {title!r}")
    value, lower, upper = tags
    return Chart(
        title=title,
        margin=MarginChartContent(series=[MarginChartContent.Series(value=value, lower=lower, upper=upper)]),
    )


def custom_scalars(layout: Mapping[str, Mapping[str, Sequence[Any]]]) -> Summary:
    """Which scalars TensorBoard's tab "Custom scalars" shows together: {category: {title: ("Multiline" | "Margin", tags)}}."""
    message = Layout(
        category=[
            Category(title=name, chart=[chart(title, kind, tags) for title, (kind, tags) in charts.items()])
            for name, charts in layout.items()
        ]
    )
    value = TensorProto(dtype="DT_STRING", tensor_shape=shape_message(()), string_val=[message.SerializeToString()])
    return entry("custom_scalars__config__", "custom_scalars", tensor=value)


def mesh(
    tag: str,
    vertices: Any,
    colors: Any,
    faces: Any,
    config_dict: Mapping[str, Any] | None,
    display_name: str | None = None,
    description: str | None = None,
) -> Summary:
    """A batch of meshes or clouds of points: vertices (B, N, 3), faces (B, F, 3) that count vertices, colours (B, N, 3) in 0 … 255."""
    kinds = MeshPluginData.ContentType
    given = [(kinds.VERTEX, vertices), (kinds.FACE, faces), (kinds.COLOR, colors)]
    arrays = [(kind, as_array(value).astype(np.float32)) for kind, value in given if value is not None]
    components = sum(1 << kind for kind, _ in arrays)
    values = []
    for kind, array in arrays:
        name = kinds.Name(kind)
        if array.ndim != 3:
            raise ValueError(f"a mesh's {name} has three dimensions, batch, number and 3, got shape {array.shape}")
        content = MeshPluginData(
            version=0,
            name=tag,
            content_type=kind,
            json_config=json.dumps(config_dict or {}),
            shape=array.shape,
            components=components,
        )
        one = entry(f"{tag}_{name}", "mesh", content.SerializeToString(), tensor=tensor_message(array)).value[0]
        one.metadata.display_name = display_name or ""
        one.metadata.summary_description = description or ""
        values.append(one)
    return Summary(value=values)
