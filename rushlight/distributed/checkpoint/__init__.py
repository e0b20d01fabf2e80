"""`torch.distributed.checkpoint`: checkpoints that many processes write together. They cannot be written here; the names are for packages that ask for them."""

from __future__ import annotations

from ...absent import absent_class, absent_function

__all__ = [
    "FileSystemReader",
    "FileSystemWriter",
    "HuggingFaceStorageReader",
    "HuggingFaceStorageWriter",
    "async_save",
    "load",
    "load_state_dict",
    "save",
    "save_state_dict",
]

_INSTEAD = "`torch.save` in one process writes what all have alike"
_MODULE = "torch.distributed.checkpoint"

FileSystemReader = absent_class(f"{_MODULE}.FileSystemReader", _INSTEAD)
FileSystemWriter = absent_class(f"{_MODULE}.FileSystemWriter", _INSTEAD)
HuggingFaceStorageReader = absent_class(f"{_MODULE}.HuggingFaceStorageReader", _INSTEAD)
HuggingFaceStorageWriter = absent_class(f"{_MODULE}.HuggingFaceStorageWriter", _INSTEAD)
async_save = absent_function(f"{_MODULE}.async_save", _INSTEAD)
load = absent_function(f"{_MODULE}.load", _INSTEAD)
load_state_dict = absent_function(f"{_MODULE}.load_state_dict", _INSTEAD)
save = absent_function(f"{_MODULE}.save", _INSTEAD)
save_state_dict = absent_function(f"{_MODULE}.save_state_dict", _INSTEAD)
