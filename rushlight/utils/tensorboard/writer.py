"""Folders of event files: `FileWriter` for one, `SummaryWriter` with a method for each kind of entry."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog, TaggedRunMetadata
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from ...errors import NotThereYet
from . import projector, summary
from .media import of_figure

__all__ = ["FileWriter", "SummaryWriter"]


class FileWriter:
    """Puts entries into one event file of a folder, from a thread of its own: `torch.utils.tensorboard.FileWriter`.

    `max_queue` entries may wait; they are written at the latest after `flush_secs` seconds.
    """

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = "") -> None:
        self._settings = (os.fspath(log_dir), max_queue, flush_secs, filename_suffix)
        self.event_writer = EventFileWriter(*self._settings)
        self._closed = False

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Event, step: Any = None, walltime: float | None = None) -> None:
        """Adds an event at a step and a time in seconds since 1970, which is now if it is not given."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Summary, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds an entry."""
        self.add_event(Event(summary=summary), global_step, walltime)

    def add_graph(self, graph_profile: tuple[Any, Any], walltime: float | None = None) -> None:
        """Adds TensorFlow's messages `GraphDef` and `RunMetadata`."""
        graph, metadata = graph_profile
        self.add_event(Event(graph_def=graph.SerializeToString()), walltime=walltime)
        run = TaggedRunMetadata(tag="step1", run_metadata=metadata.SerializeToString())
        self.add_event(Event(tagged_run_metadata=run), walltime=walltime)

    def add_onnx_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Adds a `GraphDef`."""
        self.add_event(Event(graph_def=graph.SerializeToString()), walltime=walltime)

    def flush(self) -> None:
        """Writes what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Writes what waits and closes the file; nothing can be added until `reopen`."""
        self._closed = True
        self.event_writer.close()

    def reopen(self) -> None:
        """After `close`: goes on in a new file of the same folder."""
        if self._closed:
            self.event_writer = EventFileWriter(*self._settings)
            self._closed = False


class SummaryWriter:
    """Writes what TensorBoard shows, as `torch.utils.tensorboard.SummaryWriter` does; also a context manager.

    `log_dir` is the folder; without it, `runs/` with a folder named after the time, the machine and the `comment`. `purge_step` makes
    TensorBoard forget what an earlier run that broke off wrote at that step or later. `max_queue` and `flush_secs` are
    `FileWriter`'s. After `close`, the next entry opens a new file in the same folder.

    Values are tensors, NumPy arrays or numbers; `global_step` is a whole number, `walltime` seconds since 1970. Graphs of modules
    are not there yet.

    >>> import tempfile
    >>> from rushlight.utils.tensorboard import SummaryWriter
    >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with SummaryWriter(folder) as writer:
    ...         for step in range(3):
    ...             writer.add_scalar("loss", 1 / (step + 1), step)
    ...     [event.step for event in EventAccumulator(folder).Reload().Scalars("loss")]
    [0, 1, 2]
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            log_dir = os.path.join("runs", f"{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self.purge_step, self.max_queue, self.flush_secs = purge_step, max_queue, flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._points = ProjectorConfig()
        self._get_file_writer()

    def _open(self, folder: str) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self) -> FileWriter:
        """The folder's writer, opened anew after `close`. Programs that write their own entries call it, under this name."""
        if self.file_writer is None:
            self.file_writer = self._open(self.log_dir)
            self.all_writers = {self.log_dir: self.file_writer}
            if self.purge_step is not None:
                self.file_writer.add_event(Event(file_version="brain.Event:2"), self.purge_step)
                self.file_writer.add_event(Event(session_log=SessionLog(status=SessionLog.START)), self.purge_step)
                self.purge_step = None
        return self.file_writer

    def _add(self, entry: Summary, step: Any, walltime: float | None) -> None:
        self._get_file_writer().add_summary(entry, step, walltime)

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """One number. `new_style` is a form that loads faster, and keeps float64 with `double_precision`."""
        entry = summary.scalar(tag, scalar_value, new_style=new_style, double_precision=double_precision)
        self._add(entry, global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Mapping[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Several curves in one chart. Each has a folder of its own, since TensorBoard tells curves of one tag apart by folders."""
        root = self._get_file_writer().get_logdir()
        for name, value in tag_scalar_dict.items():
            folder = f"{root}/{main_tag.replace('/', '_')}_{name}"
            if folder not in self.all_writers:
                self.all_writers[folder] = self._open(folder)
            self.all_writers[folder].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """A whole tensor. float16, bfloat16 and uint8 are written where TensorBoard finds them; PyTorch's own files have them elsewhere."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How the values are spread; `bins` are edges, their number, or a rule of `numpy.histogram`. No more than about `max_bins`."""
        self._add(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: float,
        sum: float,
        sum_squares: float,
        bucket_limits: Sequence[float],
        bucket_counts: Sequence[float],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A histogram that was counted elsewhere: bucket i holds the values up to `bucket_limits[i]`."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError(
                f"a histogram has a limit for each bucket, got {len(bucket_limits)} bucket_limits and {len(bucket_counts)} bucket_counts"
            )
        entry = summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(entry, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture, bytes or floats in [0, 1]; `dataformats` names its axes, "CHW", "HWC" or "HW"."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """A batch of pictures, eight in a row, with 1 or 3 channels."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Sequence[str] | str | None = None,
    ) -> None:
        """A picture with boxes (N, 4) of left, top, right and bottom drawn into it, and a label for each if there are labels."""
        labels = [labels] if isinstance(labels, str) else labels
        self._add(summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels), global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: Any = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """A Matplotlib figure as a picture, or a list of figures of one size; they are closed unless `close` is False."""
        several = isinstance(figure, list)
        figures = figure if several else [figure]
        pictures = [of_figure(one, close) for one in figures]
        if several and len({picture.shape for picture in pictures}) != 1:
            raise ValueError(f"figures of one entry have one size, got {[picture.shape[1:] for picture in pictures]}")
        batch, letters = (np.stack(pictures), "NCHW") if several else (pictures[0], "CHW")
        self._add(summary.image(tag, batch, dataformats=letters), global_step, walltime)

    def add_video(
        self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, walltime: float | None = None
    ) -> None:
        """Films (N, T, C, H, W) side by side, bytes or floats in [0, 1], as a GIF of `fps` frames a second."""
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Sound of one channel, (1, L) or (L,), in [-1, 1]."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text, shown as Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Precision against recall, of labels 0 or 1 and predicted probabilities, at up to 127 thresholds."""
        self._add(summary.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A curve that was computed elsewhere: six numbers for each threshold."""
        counts = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts)
        entry = summary.pr_curve_raw(tag, *counts, precision, recall, num_thresholds, weights)
        self._add(entry, global_step, walltime)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Mapping[str, Any] | None = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Meshes, or clouds of points where `faces` is None: vertices (B, N, 3), colours (B, N, 3) in 0 … 255, faces (B, F, 3)."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def add_custom_scalars(self, layout: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
        """Which scalars stand together in the tab "Custom scalars": {category: {title: ["Multiline" or "Margin", tags]}}. Once a run."""
        self._add(summary.custom_scalars(layout), None, None)

    def add_custom_scalars_multilinechart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """`add_custom_scalars` with one chart of several curves."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """`add_custom_scalars` with one chart of a curve between a lower and an upper one: three tags."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_embedding(
        self,
        mat: Any,
        metadata: Sequence[Any] | None = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Sequence[str] | None = None,
    ) -> None:
        """Points (N, D) for the Projector, with a label each, or several under a header, and a picture each, (N, C, H, W)."""
        folder = Path(self._get_file_writer().get_logdir())
        projector.add_points(self._points, folder, mat, metadata, label_img, global_step, tag, metadata_header)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Mapping[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """A run's hyperparameters and what it reached with them, in the folder `run_name` below; without a name, the time's."""
        entries = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(folder) as run:
            for entry in entries:
                run._add(entry, global_step, None)
            for name, value in metric_dict.items():
                run.add_scalar(name, value, global_step)

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Not there yet."""
        raise NotThereYet(
            "SummaryWriter.add_graph is not in Rushlight yet: PyTorch draws the graph of TorchScript, which is missing here; "
            "rushlight.explain(function, *inputs) shows what runs"
        )

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Not there yet."""
        raise NotThereYet("SummaryWriter.add_onnx_graph is not in Rushlight yet, as nothing of ONNX is")

    def flush(self) -> None:
        """Writes what waits, in all files."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Writes what waits and closes all files."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
