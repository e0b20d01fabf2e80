"""Each kind of entry as TensorBoard's record `Summary`; which fields a kind fills is told by TensorBoard's plugins."""

from __future__ import annotations

import io
import json
import warnings
import wave
from typing import Any

import numpy as np
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.mesh import metadata as meshes
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

from ...dtype import bfloat16, uint16
from ...tensor import Tensor
from . import arrays
from .hyperparameters import hparams

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

MOST_THRESHOLDS = 127  # TensorBoard keeps a curve's number of points in a byte
SMALLEST = 1e-7  # what a curve divides by where it counts nothing

# How TensorBoard's record keeps the elements of each NumPy dtype: its type, and the field. Types without a field go as bytes.
FIELDS = {
    "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"),
    "float16": ("DT_HALF", None),
    "bool": ("DT_BOOL", "bool_val"),
    "uint8": ("DT_UINT8", "int_val"),
    "int8": ("DT_INT8", "int_val"),
    "int16": ("DT_INT16", "int_val"),
    "int32": ("DT_INT32", "int_val"),
    "int64": ("DT_INT64", "int64_val"),
    "uint16": ("DT_UINT16", None),
    "uint32": ("DT_UINT32", None),
    "uint64": ("DT_UINT64", None),
    "complex64": ("DT_COMPLEX64", "scomplex_val"),
    "complex128": ("DT_COMPLEX128", "dcomplex_val"),
}


def _shape(*sizes: int) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def _record(array: np.ndarray, kind: str | None = None) -> TensorProto:
    known, field = FIELDS[array.dtype.name]
    record = TensorProto(dtype=types_pb2.DataType.Value(kind or known), tensor_shape=_shape(*array.shape))
    if field is None:
        record.tensor_content = array.tobytes()
        return record
    flat = np.ascontiguousarray(array).reshape(-1)
    if array.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    getattr(record, field).extend(flat.tolist())
    return record


def _entry(tag: str, record: TensorProto, plugin: str, content: bytes = b"") -> Summary:
    data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    return Summary(value=[Summary.Value(tag=tag, tensor=record, metadata=SummaryMetadata(plugin_data=data))])


def scalar(
    name: str, tensor: Any, collections: Any = None, new_style: bool = False, double_precision: bool = False
) -> Summary:
    """One number."""
    number = arrays.as_number(tensor)
    if not new_style:
        return Summary(value=[Summary.Value(tag=name, simple_value=number)])
    if double_precision:
        record = TensorProto(dtype=types_pb2.DT_DOUBLE, double_val=[number])
    else:
        record = TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[number])
    return _entry(name, record, "scalars")


def tensor_proto(tag: str, tensor: Tensor) -> Summary:
    """A tensor of any dtype and shape."""
    if not isinstance(tensor, Tensor):
        raise AttributeError(f"add_tensor: a torch tensor is expected, not {type(tensor).__name__}")
    tensor = tensor.detach()
    if tensor.dtype is bfloat16:
        bits = tensor.contiguous().view(uint16).numpy()
        record = TensorProto(
            dtype=types_pb2.DT_BFLOAT16, tensor_shape=_shape(*bits.shape), tensor_content=bits.tobytes()
        )
    else:
        record = _record(tensor.numpy())
    return _entry(tag, record, "tensor")


def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: float,
    sum: float,
    sum_squares: float,
    bucket_limits: Any,
    bucket_counts: Any,
) -> Summary:
    """A histogram that is already counted; `bucket_limits` are the upper ends."""
    limits, counts = list(bucket_limits), list(bucket_counts)
    if len(limits) != len(counts):
        raise ValueError(
            f"add_histogram_raw: len(bucket_limits) != len(bucket_counts): there are {len(limits)} and {len(counts)}"
        )
    counted = HistogramProto(
        min=min, max=max, num=num, sum=sum, sum_squares=sum_squares, bucket_limit=limits, bucket=counts
    )
    return Summary(value=[Summary.Value(tag=name, histo=counted)])


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Summary:
    """The values' histogram; `bins` as `numpy.histogram` takes them, neighbours added up where there are more than `max_bins`."""
    values = arrays.as_array(values).astype(np.float64).reshape(-1)
    if values.size == 0:
        raise ValueError(f"add_histogram({name!r}): there are no values, the tensor is empty")
    counts, limits = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        if len(counts) % step:
            counts = np.append(counts, [0] * (step - len(counts) % step))
        counts = counts.reshape(-1, step).sum(axis=-1)
        limits = np.append(limits[:-1:step], limits[-1])
    filled = np.flatnonzero(counts)
    if len(filled) == 0:
        raise ValueError(f"add_histogram({name!r}): none of the values lies in the bins")
    first, last = int(filled[0]), int(filled[-1])
    # The first limit is the lower end of the first bin that holds something, with nothing below it.
    return histogram_raw(
        name,
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values.dot(values),
        bucket_limits=limits[first : last + 2].tolist(),
        bucket_counts=[0, *counts[first : last + 1].tolist()],
    )


def _image(tag: str, array: np.ndarray) -> Summary:
    height, width, channels = array.shape
    shown = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=arrays.png(array))
    return Summary(value=[Summary.Value(tag=tag, image=shown)])


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Summary:
    """A picture, or a batch of them as a grid."""
    array = arrays.picture(tensor, dataformats)
    return _image(tag, array if rescale == 1 else arrays.resized(array, rescale))


def image_boxes(
    tag: str, tensor_image: Any, tensor_boxes: Any, rescale: float = 1, dataformats: str = "CHW", labels: Any = None
) -> Summary:
    """A picture with boxes drawn on it."""
    array, boxes = arrays.picture(tensor_image, dataformats), arrays.as_array(tensor_boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"add_image_with_boxes: boxes are rows of four numbers, not a tensor of shape {boxes.shape}")
    if isinstance(labels, str):
        labels = [labels]
    if labels is not None and len(labels) != len(boxes):
        warnings.warn(f"add_image_with_boxes: {len(labels)} labels for {len(boxes)} boxes; none is drawn", stacklevel=3)
        labels = None
    array = arrays.with_boxes(array, boxes, labels)
    return _image(tag, array if rescale == 1 else arrays.resized(array, rescale))


def video(tag: str, tensor: Any, fps: float = 4) -> Summary:
    """Films (n, time, channels, height, width) as one animated GIF, side by side, in no more rows than columns."""
    films = arrays.as_array(tensor)
    if films.ndim != 5:
        raise ValueError(
            f"add_video: a tensor of shape (n, time, channels, height, width) is expected, not of {tuple(films.shape)}"
        )
    films = arrays.as_bytes(films)
    columns = 1
    while columns * columns < len(films):
        columns *= 2
    frames = np.stack([arrays.side_by_side(frame, columns) for frame in films.transpose(1, 0, 3, 4, 2)])
    _, height, width, channels = frames.shape
    shown = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=arrays.gif(frames, fps))
    return Summary(value=[Summary.Value(tag=tag, image=shown)])


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Summary:
    """One channel of sound from -1 to 1, as a WAV file of 16 bits a sample."""
    samples = arrays.as_array(tensor).squeeze()
    if samples.ndim != 1:
        raise AssertionError(f"add_audio: one channel, a tensor of one dimension, is expected, not {samples.shape}")
    if np.abs(samples).max() > 1:
        warnings.warn("add_audio: values beyond -1 and 1 are cut off there", stacklevel=3)
        samples = samples.clip(-1, 1)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(sample_rate)
        written.writeframes((samples * np.iinfo(np.int16).max).astype("<i2").tobytes())
    sound = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(samples),
        encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )
    return Summary(value=[Summary.Value(tag=tag, audio=sound)])


def text(tag: str, text: str) -> Summary:
    """A text in Markdown."""
    record = TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=_shape(1), string_val=[text.encode("utf-8")])
    return _entry(f"{tag}/text_summary", record, "text")


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: Any = None,
) -> Summary:
    """A curve of precision over recall from its counts at each threshold."""
    number = min(num_thresholds, MOST_THRESHOLDS)
    content = PrCurvePluginData(version=0, num_thresholds=number).SerializeToString()
    rows = [
        np.asarray(arrays.as_array(row) if isinstance(row, Tensor) else row)
        for row in (tp, fp, tn, fn, precision, recall)
    ]
    return _entry(tag, _record(np.stack(rows).astype(np.float32)), "pr_curves", content)


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> Summary:
    """A curve of precision over recall at thresholds evenly from 0 to 1."""
    labels, predictions = arrays.as_array(labels).reshape(-1), arrays.as_array(predictions).reshape(-1)
    weighting = np.ones(labels.shape) if weights is None else arrays.as_array(weights).astype(np.float64).reshape(-1)
    if not labels.shape == predictions.shape == weighting.shape:
        raise ValueError(
            f"add_pr_curve({tag!r}): as many labels, predictions and weights are expected; there are {labels.size}, "
            f"{predictions.size} and {weighting.size}"
        )
    number = min(num_thresholds, MOST_THRESHOLDS)
    # The last threshold that a prediction reaches; what reaches a threshold reaches those before it.
    reached = np.floor(predictions * (number - 1)).astype(np.int64)

    def counted(part: np.ndarray) -> np.ndarray:
        bins, _ = np.histogram(reached, bins=number, range=(0, number - 1), weights=part)
        return bins[::-1].cumsum()[::-1]

    positive = labels.astype(np.float64)
    tp, fp = counted(positive * weighting), counted((1.0 - positive) * weighting)
    tn, fn = fp[0] - fp, tp[0] - tp
    precision, recall = tp / np.maximum(SMALLEST, tp + fp), tp / np.maximum(SMALLEST, tp + fn)
    return pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, number)


def custom_scalars(layout: dict[str, dict[str, Any]]) -> Summary:
    """Charts that show several scalars: {category: {chart: ["Multiline" or "Margin", tags]}}."""
    categories = []
    for category, charts in layout.items():
        shown = []
        for title, (kind, tags, *_) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(
                        f"Expected 3 tags, got {len(tags)}: a margin chart has a value, a lower and an upper end"
                    )
                series = layout_pb2.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
                margin = layout_pb2.MarginChartContent(series=[series])
                shown.append(layout_pb2.Chart(title=title, margin=margin))
            else:
                shown.append(layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=list(tags))))
        categories.append(layout_pb2.Category(title=category, chart=shown))
    content = layout_pb2.Layout(category=categories).SerializeToString()
    record = TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=_shape(), string_val=[content])
    return _entry("custom_scalars__config__", record, "custom_scalars")


def mesh(
    tag: str,
    vertices: Any,
    colors: Any,
    faces: Any,
    config_dict: dict[str, Any] | None,
    display_name: Any = None,
    description: Any = None,
) -> Summary:
    """Point clouds or surfaces: vertices (batch, n, 3), colours of the same shape, faces (batch, m, 3) as numbers of vertices."""
    parts = ((vertices, MeshPluginData.VERTEX), (faces, MeshPluginData.FACE), (colors, MeshPluginData.COLOR))
    given = [(arrays.as_array(part).astype(np.float32), kind) for part, kind in parts if part is not None]
    components = meshes.get_components_bitmask([kind for _, kind in given])
    values = []
    for array, kind in given:
        metadata = meshes.create_summary_metadata(
            tag,
            display_name,
            kind,
            components,
            array.shape,
            description,
            json_config=json.dumps(config_dict or {}, sort_keys=True),
        )
        name = meshes.get_instance_name(tag, kind)
        values.append(
            Summary.Value(
                tag=name,
                tensor=_record(array),
                metadata=SummaryMetadata.FromString(metadata.SerializeToString()),
            )
        )
    return Summary(value=values)
