"""`torch.utils.tensorboard`: event files for TensorBoard.

The files' records and the thread that writes them come from the package tensorboard, an extra: `pip install "rushlight[tensorboard]"`. `summary` and
`media` make entries of arrays, `hparams` those of hyperparameters, `projector` the files beside the events, and `writer` opens folders and puts
entries into them.
"""

try:
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise ImportError(
        "torch.utils.tensorboard writes with the package tensorboard, which is not installed; "
        'install it with: pip install "rushlight[tensorboard]"',
        name="tensorboard",
    ) from error

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
