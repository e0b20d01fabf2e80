"""Saving and loading in PyTorch's file format; `torch.save`, `torch.load`, `torch.serialization`."""

from __future__ import annotations

import os
import pickle
from typing import Any

from .. import late
from . import safetensors
from .allowed import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .choices import (
    LoadEndianness,
    SourceChangeWarning,
    check_module_version_greater_or_equal,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    mkdtemp,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from .files import load_object, save_object, unsafe_globals
from .location import default_restore_location, location_tag, validate_cuda_device
from .tensors import TENSORS

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "mkdtemp",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "validate_cuda_device",
]

__getattr__ = late.names(__name__, "torch.serialization", {})


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write an object, with the tensors in it, to a path or a file object (only `write` is used); PyTorch reads it.

    A path is replaced at once when everything is written: after a failure the old file is still there. Tensors that
    share memory share it in the file. `pickle_module`'s Pickler must derive from `pickle._Pickler`.

    >>> import io
    >>> import rushlight as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weight': tensor([1., 1.])}
    """
    save_object(
        obj,
        f,
        TENSORS,
        pickle_module=pickle_module,
        protocol=pickle_protocol,
        use_zip=_use_new_zipfile_serialization,
        byteorder=not _disable_byteorder_record,
    )


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save` or PyTorch's `torch.save` wrote, from a path or a seekable file object.

    weights_only: True, the default, makes tensors, plain data and what `torch.serialization.add_safe_globals` was
    given, and raises UnpicklingError for anything else. False runs whatever the file names: only for files you trust.
    map_location: where storages go that were saved from another device; a device, its name, a dictionary of names, or
    a function of storage and name. mmap: leave the storages in the file until they are used (paths only; their
    checksums are not looked at then). A path that ends in ".safetensors" is read as such a file. A damaged file is a
    RuntimeError or an UnpicklingError that says what is wrong.

    >>> import io
    >>> import rushlight as torch
    >>> file = io.BytesIO()
    >>> torch.save(torch.eye(2), file)
    >>> _ = file.seek(0)
    >>> torch.load(file, map_location="cpu")
    tensor([[1., 0.],
            [0., 1.]])
    """
    if isinstance(f, (str, os.PathLike)) and os.fspath(f).endswith(".safetensors"):
        if isinstance(map_location, dict) or callable(map_location):
            raise RuntimeError(
                "Loading safetensors file with dict or callable map_location is not supported. Use a device string or "
                "torch.device instead."
            )
        return safetensors.load_file(f, device="cpu" if map_location is None else map_location)
    return load_object(
        f,
        TENSORS,
        map_location=map_location,
        pickle_module=pickle_module,
        weights_only=weights_only,
        mmap=mmap,
        pickle_arguments=pickle_load_args,
    )


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """Full names of what a file asks for and `load` with weights_only=True refuses."""
    return unsafe_globals(f, TENSORS)
