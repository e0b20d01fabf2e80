"""A tensor that is nothing but its geometry on a flat array: what the array level needs of one."""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rushlight.dtype import ALL, BY_NAME, dtype
from rushlight.serialize.archive import Binding
from rushlight.serialize.files import load_object, save_object
from rushlight.serialize.location import LoadedStorage
from rushlight.serialize.names import STORAGE_GLOBALS, Global
from rushlight.serialize.pickler import SavedStorage

torch.set_num_threads(1)

TENSOR, TYPED_TENSOR, PARAMETER = (
    Global("torch._utils", f"_rebuild_{name}") for name in ("tensor_v2", "tensor_v3", "parameter")
)
DTYPES = [getattr(torch, made.name) for made in ALL]


@dataclass(eq=False)
class Plain:
    """A stand-in for a tensor. `memory` is the whole storage, in the dtype's memory form."""

    memory: np.ndarray
    dtype: dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool = False
    parameter: bool = False

    def array(self) -> np.ndarray:
        """The elements, in memory form."""
        strides = [step * self.memory.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(self.memory[self.offset :], self.size, strides)


def reduce(obj: Any) -> Any:
    if not isinstance(obj, Plain):
        return NotImplemented
    if obj.parameter:
        data = Plain(obj.memory, obj.dtype, obj.offset, obj.size, obj.stride)
        return PARAMETER, (data, obj.requires_grad, OrderedDict())
    start = obj.memory.__array_interface__["data"][0]
    is_old = obj.dtype in STORAGE_GLOBALS
    storage = SavedStorage(start or id(obj), obj.memory, obj.dtype if is_old else None, owner=obj)
    parts = (storage, obj.offset, obj.size, obj.stride, obj.requires_grad, OrderedDict())
    if is_old:
        return TENSOR, parts
    return TYPED_TENSOR, (*parts, obj.dtype)


def rebuild_v2(storage: LoadedStorage, offset: int, size: Any, stride: Any, requires_grad: bool, hooks: Any) -> Plain:
    return rebuild_v3(storage, offset, size, stride, requires_grad, hooks, storage.dtype)


def rebuild_v3(
    storage: LoadedStorage, offset: int, size: Any, stride: Any, requires_grad: bool, hooks: Any, of: Any
) -> Plain:
    if storage.cell is None:
        storage.cell = storage.elements(of)
    return Plain(storage.cell, of, offset, size, stride, requires_grad)


def rebuild_parameter(data: Plain, requires_grad: bool, hooks: Any) -> Plain:
    return Plain(data.memory, data.dtype, data.offset, data.size, data.stride, requires_grad, parameter=True)


PLAIN = Binding(
    reduce,
    {
        "torch._utils._rebuild_tensor_v2": rebuild_v2,
        "torch._utils._rebuild_tensor_v3": rebuild_v3,
        "torch._utils._rebuild_parameter": rebuild_parameter,
    },
)


def to_plain(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """A structure with PyTorch's tensors replaced by stand-ins on the same memory; what occurs twice still does."""
    memo = {} if memo is None else memo
    if id(value) not in memo:
        memo[id(value)] = _converted(value, memo)
    return memo[id(value)]


def _converted(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, torch.Tensor):
        of = BY_NAME[str(value.dtype).removeprefix("torch.")]
        memory = torch.tensor([], dtype=torch.uint8).set_(value.untyped_storage()).numpy().view(of.storage)
        is_parameter = isinstance(value, torch.nn.Parameter)
        size = tuple(value.shape)
        return Plain(memory, of, value.storage_offset(), size, value.stride(), value.requires_grad, is_parameter)
    if isinstance(value, torch.dtype):
        return BY_NAME[str(value).removeprefix("torch.")]
    if isinstance(value, dict):
        made = type(value)()
        for key, item in value.items():
            made[key] = to_plain(item, memo)
        if hasattr(value, "_metadata"):
            made._metadata = value._metadata
        return made
    if isinstance(value, (list, tuple)):
        return type(value)([to_plain(item, memo) for item in value])
    return value


def assert_same(ours: Any, theirs: Any) -> None:
    """Whether a structure of stand-ins holds what PyTorch's does, bit for bit, with the same geometry."""
    if isinstance(theirs, torch.Tensor):
        expected = to_plain(theirs)
        assert isinstance(ours, Plain)
        assert (ours.dtype, ours.offset, tuple(ours.size), tuple(ours.stride)) == (
            expected.dtype,
            expected.offset,
            expected.size,
            expected.stride,
        )
        assert ours.requires_grad == expected.requires_grad and ours.parameter == expected.parameter
        assert ours.memory.tobytes() == expected.memory.tobytes()
    elif isinstance(theirs, torch.dtype):
        assert repr(ours) == repr(theirs)
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    else:
        assert type(ours) is type(theirs) and ours == theirs


def saved_by_torch(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def saved_by_us(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    save_object(value, file, PLAIN, **options)
    return file.getvalue()


def loaded_by_us(data: bytes, **options: Any) -> Any:
    return load_object(io.BytesIO(data), PLAIN, **options)


def loaded_by_torch(data: bytes, **options: Any) -> Any:
    return torch.load(io.BytesIO(data), **options)


def same_values(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal bits, geometry and properties."""
    a_bits, b_bits = (t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (a, b))
    return (
        type(a) is type(b)
        and a.dtype is b.dtype
        and a.shape == b.shape
        and a.stride() == b.stride()
        and a.storage_offset() == b.storage_offset()
        and a.requires_grad == b.requires_grad
        and torch.equal(a_bits, b_bits)
    )
