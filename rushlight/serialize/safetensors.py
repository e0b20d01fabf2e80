"""The safetensors format: dictionaries of tensors without any pickle, as `safetensors.torch` reads and writes them.

Needs the package of that name: `pip install rushlight[safetensors]`. Its core knows bytes, dtype names and shapes only,
which is why bfloat16 passes through.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import numpy as np

from ..dtype import BY_NAME, dtype
from ..ir.graph import input_node
from ..ir.type import Type
from ..tensor.geometry import require_cpu
from ..tensor.tensor import Tensor, wrap
from .replacing import replacing

__all__ = ["load", "load_file", "load_model", "save", "save_file", "save_model"]

# The format's names of dtypes.
_CODES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file with these tensors, which must be contiguous and share no memory.

    >>> import rushlight as torch
    >>> from rushlight.serialize import safetensors
    >>> safetensors.load(safetensors.save({"a": torch.ones(2)}))
    {'a': tensor([1., 1.])}
    """
    package = _package()
    arrays = _checked(tensors)
    return bytes(package.serialize(_described(package, tensors, arrays), metadata))


def save_file(tensors: dict[str, Tensor], filename: str | os.PathLike, metadata: dict[str, str] | None = None) -> None:
    """Write these tensors, which must be contiguous and share no memory, to a file, which is replaced at once."""
    package = _package()
    arrays = _checked(tensors)
    with replacing(os.fspath(filename)) as path:
        package.serialize_file(_described(package, tensors, arrays), path, metadata)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file."""
    return {name: _tensor(name, part) for name, part in _package().deserialize(bytes(data))}


def load_file(filename: str | os.PathLike, device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors in a file."""
    require_cpu(device, "safetensors.load_file")
    with open(filename, "rb") as file:
        return load(file.read())


def save_model(
    model: Any, filename: str | os.PathLike, metadata: dict[str, str] | None = None, force_contiguous: bool = True
) -> None:
    """Write a module's state, each memory once: what is left out is named in the file's metadata.

    force_contiguous: write parameters whose layout is another as contiguous ones, instead of a ValueError.
    """
    state = model.state_dict()
    notes = dict(metadata or {})
    for kept, dropped in _duplicates(state).items():
        for name in dropped:
            notes.setdefault(name, kept)
            del state[name]
    if force_contiguous:
        state = {name: tensor.contiguous() for name, tensor in state.items()}
    try:
        save_file(dict(state), filename, notes or None)
    except ValueError as error:
        raise ValueError(f"{error} Or use save_model(..., force_contiguous=True).") from error


def load_model(
    model: Any, filename: str | os.PathLike, strict: bool = True, device: Any = "cpu"
) -> tuple[set[str], list[str]]:
    """Load a file into a module; returns the names that the file lacks and those that the module lacks.

    Where the module's own tensors share memory, one of their names in the file is enough. strict: any other
    difference is a RuntimeError.
    """
    state = load_file(filename, device)
    shared = _duplicates(model.state_dict(), preferred=set(state))
    missing, unexpected = map(list, model.load_state_dict(state, strict=False))
    lacking = set(missing)
    for dropped in shared.values():
        unexpected.extend(name for name in dropped if name not in lacking)
        lacking.difference_update(dropped)
    if strict and (lacking or unexpected):
        text = f"Error(s) in loading state_dict for {type(model).__name__}:"
        for kind, names in (("Missing", lacking), ("Unexpected", unexpected)):
            if names:
                text += f"\n    {kind} key(s) in state_dict: " + ", ".join(f'"{name}"' for name in sorted(names))
        raise RuntimeError(text)
    return lacking, unexpected


def _package() -> Any:
    try:
        return importlib.import_module("safetensors")
    except ImportError as error:
        raise ImportError(
            "this needs the package safetensors, an extra of Rushlight's: pip install rushlight[safetensors]"
        ) from error


def _checked(tensors: Any) -> dict[str, np.ndarray]:
    """The tensors' elements, contiguous and little-endian, once nothing speaks against writing them."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
        if tensor.dtype.name not in _CODES.values():
            raise ValueError(f"Key `{name}`: the safetensors format has no {tensor.dtype}; convert the tensor first")
    groups = [group for group in _overlapping(tensors) if len(group) > 1]
    if groups:
        raise RuntimeError(
            "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
            f"loading them again: {groups}. A potential way to correctly save your model is to use `save_model`."
        )
    arrays = {}
    for name, tensor in tensors.items():
        if not tensor.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either means you "
                "are trying to save tensors which are reference of each other in which case it's recommended to save "
                "only the full tensors, and reslice at load time, or simply call `.contiguous()` on your tensor to "
                "pack it before saving."
            )
        array = np.ascontiguousarray(tensor._array())
        arrays[name] = array if sys.byteorder == "little" else array.byteswap()
    return arrays


def _described(package: Any, tensors: dict[str, Tensor], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """What the package takes: an address since it has `TensorSpec`, bytes before. `arrays` must outlive its use."""
    spec = getattr(package, "TensorSpec", None)
    described = {}
    for name, array in arrays.items():
        kind, shape = tensors[name].dtype.name, list(tensors[name].shape)
        if spec is None:
            described[name] = {"dtype": kind, "shape": shape, "data": array.tobytes()}
        else:
            described[name] = spec(dtype=kind, shape=shape, data_ptr=array.ctypes.data, data_len=array.nbytes)
    return described


def _tensor(name: str, part: dict[str, Any]) -> Tensor:
    code, shape, data = part["dtype"], tuple(part["shape"]), part["data"]
    if code not in _CODES:
        raise ValueError(f"safetensors: `{name}` has dtype {code}, which Rushlight does not have")
    kind: dtype = BY_NAME[_CODES[code]]
    array = np.frombuffer(data, kind.storage)
    if not array.flags.writeable:
        array = array.copy()
    if sys.byteorder == "big":
        array = array.byteswap()
    return wrap(input_node(array.reshape(shape), Type.of(shape, kind)))


def _overlapping(tensors: dict[str, Tensor]) -> list[list[str]]:
    """The names, in groups of those whose elements lie in the same memory."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    groups: list[list[str]] = []
    for name, tensor in tensors.items():
        if not tensor.numel():
            groups.append([name])
            continue
        reach = sum((extent - 1) * step for extent, step in zip(tensor.shape, tensor.stride(), strict=True))
        width, start = tensor.dtype.itemsize, tensor.storage_offset()
        spans.setdefault(id(tensor._storage), []).append((start * width, (start + reach + 1) * width, name))
    for parts in spans.values():
        end = -1
        for start, stop, name in sorted(parts):
            if start >= end:
                groups.append([])
            groups[-1].append(name)
            end = max(end, stop)
    return groups


def _duplicates(tensors: dict[str, Tensor], preferred: set[str] | None = None) -> dict[str, list[str]]:
    """The names to leave out where several stand for one memory, by the name to keep, which covers all of it."""
    dropped = {}
    for group in _overlapping(tensors):
        if len(group) == 1:
            continue
        whole = sorted(name for name in group if _is_whole(tensors[name]))
        if not whole:
            raise RuntimeError(
                "Error while trying to find names to remove to save state dict, but found no suitable name to keep for "
                f"saving amongst: {sorted(group)}. None is covering the entire storage. Refusing to save/load the "
                "model since you could be storing much more memory than needed."
            )
        kept = next((name for name in whole if name in (preferred or ())), whole[0])
        dropped[kept] = sorted(name for name in group if name != kept)
    return dropped


def _is_whole(tensor: Tensor) -> bool:
    return tensor.storage_offset() == 0 and tensor._type().nbytes == tensor._storage.node.type.nbytes
