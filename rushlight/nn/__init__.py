"""Layers, losses and initializers, as `torch.nn`."""

from .. import late
from . import attention, functional, init, modules, parallel, parameter, utils
from .modules import *  # noqa: F403  (the layers, which are listed there)
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "functional",
    "init",
    "modules",
    "parallel",
    "parameter",
    "utils",
]
__all__ += modules.__all__

__getattr__ = late.names(
    __name__, "torch.nn", {"SyncBatchNorm": (f"{__name__}.modules.syncbatchnorm", "SyncBatchNorm")}
)
