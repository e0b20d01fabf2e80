"""`torch.distributed.fsdp.api`: the names of the package, where PyTorch has them."""

from . import *  # noqa: F403
from . import __all__  # noqa: F401
