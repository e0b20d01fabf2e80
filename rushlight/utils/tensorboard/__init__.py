"""`torch.utils.tensorboard`: event files that TensorBoard shows, written through the package `tensorboard`.

It comes with `pip install rushlight[tensorboard]`.
"""

from __future__ import annotations

try:
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise ImportError(
        "torch.utils.tensorboard writes its files through the package tensorboard, which is not installed: "
        'pip install "rushlight[tensorboard]"',
        name="tensorboard",
    ) from error

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
