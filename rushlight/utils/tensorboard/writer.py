"""`SummaryWriter`: a folder's event files, one method for each kind of entry."""

from __future__ import annotations

import os
import socket
import time
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from ...errors import NotThereYet
from . import arrays, embedding, summary

__all__ = ["FileWriter", "SummaryWriter"]


def _default_bins() -> list[float]:
    """TensorBoard's own: 0, and from 1e-12 to 1e20 on either side, each end a tenth beyond the one before."""
    ends, end = [], 1e-12
    while end < 1e20:
        ends.append(end)
        end *= 1.1
    return [*(-end for end in reversed(ends)), 0, *ends]


class FileWriter:
    """One event file in the folder `log_dir`; a thread writes it.

    max_queue: entries that wait before a call waits too. flush_secs: seconds between two writes to the disk.
    filename_suffix: what the file's name ends with.
    """

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = "") -> None:
        self.event_writer: Any = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return str(self.event_writer.get_logdir())

    def add_event(self, event: Event, step: Any = None, walltime: float | None = None) -> None:
        """Adds TensorBoard's record `Event`, with its time (now, if `walltime` is None) and step."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Summary, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds TensorBoard's record `Summary`."""
        self.add_event(Event(summary=summary), global_step, walltime)

    def flush(self) -> None:
        """Writes what waits to the disk."""
        self.event_writer.flush()

    def close(self) -> None:
        """Writes what waits and closes the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Begins another file after `close`; does nothing while the file is open."""
        self.event_writer.reopen()


class SummaryWriter:
    """Writes event files that TensorBoard shows, as `torch.utils.tensorboard.SummaryWriter`; also a context manager.

    log_dir: the folder, "runs/<date>_<host><comment>" if None. purge_step: entries of an earlier run in the same folder from this step
    on are hidden. max_queue, flush_secs, filename_suffix: as FileWriter takes them.

    In all methods `tag` is the entry's name, `global_step` its step and `walltime` its time in seconds since 1970, now if None; values
    are tensors, NumPy arrays or numbers.

    >>> import tempfile
    >>> from rushlight.utils.tensorboard import SummaryWriter
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     for step in range(3):
    ...         writer.add_scalar("loss", 1 / (step + 1), step)
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir, self.purge_step = log_dir, purge_step
        self.max_queue, self.flush_secs, self.filename_suffix = max_queue, flush_secs, filename_suffix
        self.default_bins = _default_bins()
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        """The folder's writer, a new one after `close`."""
        if self.file_writer is None or self.all_writers is None:
            self.file_writer = self._open(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step, self.purge_step = self.purge_step, None
                self.file_writer.add_event(Event(file_version="brain.Event:2"), step)
                self.file_writer.add_event(Event(session_log=SessionLog(status=SessionLog.START)), step)
        return self.file_writer

    def _open(self, folder: Any) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _add(self, entry: Summary, global_step: Any = None, walltime: float | None = None) -> None:
        self._get_file_writer().add_summary(entry, global_step, walltime)

    def get_logdir(self) -> Any:
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
        """Adds one number; AssertionError for a tensor of several. new_style: as a tensor, with `double_precision` of float64."""
        entry = summary.scalar(tag, scalar_value, new_style=new_style, double_precision=double_precision)
        self._add(entry, global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Adds numbers that are shown in one chart, each to a file in a folder of its own, "<main_tag>_<its name>"."""
        walltime = time.time() if walltime is None else walltime
        above = self._get_file_writer().get_logdir()
        assert self.all_writers is not None
        for name, value in tag_scalar_dict.items():
            folder = f"{above}/{main_tag.replace('/', '_')}_{name}"
            if folder not in self.all_writers:
                self.all_writers[folder] = self._open(folder)
            self.all_writers[folder].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds a tensor of any dtype and shape."""
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
        """Adds the values' histogram; ValueError for none. bins: "tensorflow", or as `numpy.histogram` takes them."""
        if isinstance(bins, str) and bins == "tensorflow":
            bins = self.default_bins
        self._add(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: float,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Adds a histogram that is counted already; `bucket_limits` are the bins' upper ends."""
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
        """Adds a picture; floats count from 0 to 1, uint8 from 0 to 255. dataformats: the order of axes, as "CHW", "HWC", "HW"."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Adds a batch of pictures as one, eight in a row."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Any = None,
    ) -> None:
        """Adds a picture with red frames at boxes (n, 4) of left, top, right, bottom, and labels at them."""
        entry = summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._add(entry, global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: Any = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """Adds a matplotlib figure, or a list of them, as a picture; pyplot forgets it unless `close` is False."""
        image = arrays.figure_to_image(figure, close)
        self.add_image(tag, image, global_step, walltime, "NCHW" if image.ndim == 4 else "CHW")

    def add_video(
        self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, walltime: float | None = None
    ) -> None:
        """Adds films (n, time, channels, height, width) as an animated GIF of at most 256 colours; moviepy is not needed."""
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Adds one channel of sound, (n) or (1, n) values from -1 to 1, `sample_rate` of them a second."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds a text in Markdown."""
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
        """Adds a curve of precision over recall: labels 0 or 1, predictions from 0 to 1; at most 127 thresholds."""
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
        """Adds a curve of precision over recall from its counts, (thresholds) each."""
        rows = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts)
        entry = summary.pr_curve_raw(tag, *rows, precision, recall, num_thresholds, weights)
        self._add(entry, global_step, walltime)

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: int | None = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Adds points (n, features) to the projector, with labels and pictures (n, channels, height, width) of them.

        metadata: a label for each point, or a row of labels where `metadata_header` names the columns.
        """
        points = arrays.as_array(mat)
        if points.ndim != 2:
            raise AssertionError(
                f"mat should be 2D, where mat.size(0) is the number of data points; its shape is {points.shape}"
            )
        above = Path(self._get_file_writer().get_logdir())
        path = above / embedding.folder(tag, global_step)
        if path.exists():
            warnings.warn(f"add_embedding writes over {path}: pass another global_step or tag to keep it", stacklevel=2)
        path.mkdir(parents=True, exist_ok=True)
        if metadata is not None:
            embedding.write_labels(path, metadata, metadata_header, len(points))
        picture = None if label_img is None else embedding.write_pictures(path, label_img, len(points))
        embedding.write_points(path, points)
        if not hasattr(self, "_projector_config"):
            self._projector_config = ProjectorConfig()
        described = embedding.described(tag, global_step, metadata is not None, picture)
        self._projector_config.embeddings.extend([described])
        text = text_format.MessageToString(self._projector_config)
        (above / "projector_config.pbtxt").write_text(text, encoding="utf-8")

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Adds a run's hyperparameters (bool, str, float, int or None) and what came of them, in the folder `run_name`.

        hparam_domain_discrete: all values that a hyperparameter may have.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        entries = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(folder) as run:
            for entry in entries:
                run._add(entry, global_step)
            for name, value in metric_dict.items():
                run.add_scalar(name, value, global_step)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: dict[str, Any] | None = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Adds points (batch, n, 3), their colours from 0 to 255 of the same shape, and faces (batch, m, 3) of numbers of points.

        config_dict: settings of three.js, which shows them.
        """
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def add_custom_scalars(self, layout: dict[str, dict[str, Any]]) -> None:
        """Adds charts of several scalars each: {category: {title: ["Multiline" or "Margin", [tag, …]]}}."""
        self._add(summary.custom_scalars(layout))

    def add_custom_scalars_multilinechart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Adds a chart of the scalars `tags`."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Adds a chart of a scalar between two others: the tags of the value, of its lower and of its upper end."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Raises NotThereYet: PyTorch draws the graph that TorchScript traces."""
        raise NotThereYet(
            "SummaryWriter.add_graph is not in Rushlight yet, since it draws TorchScript's graph; rushlight.explain shows "
            "what a call of the model computes, and add_text can log that"
        )

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Raises NotThereYet."""
        raise NotThereYet("SummaryWriter.add_onnx_graph is not in Rushlight yet: there is no ONNX")

    def flush(self) -> None:
        """Writes what waits to the disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Writes what waits and closes the files; what is added later goes to new ones."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
