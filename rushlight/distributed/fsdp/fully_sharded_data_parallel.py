"""`torch.distributed.fsdp.fully_sharded_data_parallel`: the names of the package, where PyTorch has them."""

from . import *  # noqa: F403
from . import __all__  # noqa: F401
