"""`torch.distributed.checkpoint.hf_storage`: names of the package, where PyTorch has them."""

from . import HuggingFaceStorageReader, HuggingFaceStorageWriter

__all__ = ["HuggingFaceStorageReader", "HuggingFaceStorageWriter"]
