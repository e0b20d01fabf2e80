"""DLPack by the names that `torch.utils.dlpack` has; `from_dlpack` takes capsules too."""

from ..tensor import functions, to_dlpack

from_dlpack = functions["from_dlpack"]

__all__ = ["from_dlpack", "to_dlpack"]
