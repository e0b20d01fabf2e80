"""What tensors are to a file: how they are taken apart, and made again on the storages that were read.

A tensor in a file is a storage, an offset, a shape and strides. Reading, the first tensor of a storage makes its cell;
the others become views of that cell, so that what shared memory does so again.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..dtype import dtype, uint8
from ..ir.graph import input_node
from ..ir.type import Type
from ..runtime import executor
from ..tensor.geometry import (
    Size,
    contiguous_strides,
    device,
    layout,
    memory_format,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from ..tensor.storage import Storage
from ..tensor.tensor import Late, Tensor, handle
from ..tensor.views import Expand, Permute, Reshape, Slice, Step, Strided
from .archive import Binding
from .location import LoadedStorage
from .names import STORAGE_GLOBALS, Global, find_ours
from .pickler import SavedStorage

_REBUILD_TENSOR = Global("torch._utils", "_rebuild_tensor_v2")
_REBUILD_TYPED_TENSOR = Global("torch._utils", "_rebuild_tensor_v3")
_REBUILD_SUBCLASS = Global("torch._tensor", "_rebuild_from_type_v2")
_REBUILD_PARAMETER = Global("torch._utils", "_rebuild_parameter")
_REBUILD_PARAMETER_WITH_STATE = Global("torch._utils", "_rebuild_parameter_with_state")
_REBUILD_SPARSE = Global("torch._utils", "_rebuild_sparse_tensor")
_DEVICE = Global("torch", "device")
_LAYOUT = Global("torch.serialization", "_get_layout")

# A view whose elements overlap this much is no view that a program made.
_MOST_OVERLAP = 1024


# ---- saving ----


def reduce(obj: Any) -> Any:
    """Takes a tensor, or what describes one, apart; see `new_pickler`."""
    if isinstance(obj, Tensor):
        return _reduce_tensor(obj)
    if type(obj) is device:
        return _DEVICE, (obj.type,) if obj.index is None else (obj.type, obj.index)
    if type(obj) is layout:
        return _LAYOUT, (repr(obj),)
    if type(obj) is memory_format:
        return obj.name
    return NotImplemented


def _reduce_tensor(tensor: Tensor) -> Any:
    own = type(tensor).__reduce_ex__
    if tensor.layout is not strided:
        return _reduce_sparse(tensor)
    parameter = getattr(sys.modules.get("rushlight.nn.parameter"), "Parameter", None)
    if parameter is not None and own is parameter.__reduce_ex__:
        own_parts: tuple = tensor.data, tensor.requires_grad, OrderedDict()
        state = dict(tensor.__dict__)
        return (_REBUILD_PARAMETER_WITH_STATE, (*own_parts, state)) if state else (_REBUILD_PARAMETER, own_parts)
    if own is not Tensor.__reduce_ex__:
        return NotImplemented  # a subclass that says for itself what it is made of
    kind = tensor.dtype
    storage = SavedStorage(id(tensor._storage), _elements(tensor._storage), kind, owner=tensor._storage)
    geometry = tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride())
    parts: tuple = storage, *geometry, tensor.requires_grad, OrderedDict()
    rebuild = _REBUILD_TENSOR
    if kind not in STORAGE_GLOBALS:
        storage.dtype = None
        rebuild, parts = _REBUILD_TYPED_TENSOR, (*parts, kind)
    if type(tensor) is Tensor and not tensor.__dict__:
        return rebuild, parts
    return _REBUILD_SUBCLASS, (rebuild, type(tensor), parts, dict(tensor.__dict__))


def _reduce_sparse(tensor: Any) -> Any:
    """A sparse tensor as its parts; history and whether it requires grad are not in a file, as with PyTorch."""
    if tensor.layout is sparse_coo:
        parts: tuple = tensor._indices(), tensor._values(), Size(tensor.shape), tensor.is_coalesced()
    elif tensor.layout is sparse_csr:
        parts = tensor.crow_indices(), tensor.col_indices(), tensor._values(), Size(tensor.shape)
    else:
        parts = tensor.ccol_indices(), tensor.row_indices(), tensor._values(), Size(tensor.shape)
    return _REBUILD_SPARSE, (tensor.layout, parts)


def _elements(storage: Storage) -> np.ndarray:
    """All of a storage, in row-major order."""
    return np.ascontiguousarray(executor.value_of(storage.read())).reshape(-1)


# ---- loading ----


def _rebuild_tensor(storage: LoadedStorage, offset: int, size: Any, stride: Any) -> Tensor:
    return _tensor_on(storage, offset, size, stride, storage.dtype or uint8)


def _rebuild_tensor_v2(
    storage: LoadedStorage,
    offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    metadata: dict[str, bool] | None = None,
) -> Tensor:
    return _finish(_rebuild_tensor(storage, offset, size, stride), requires_grad, metadata)


def _rebuild_tensor_v3(
    storage: LoadedStorage,
    offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    of: dtype,
    metadata: dict[str, bool] | None = None,
) -> Tensor:
    if not isinstance(of, dtype):
        raise TypeError(f"a tensor's dtype is given as {type(of).__name__}")
    return _finish(_tensor_on(storage, offset, size, stride, of), requires_grad, metadata)


def _finish(tensor: Tensor, requires_grad: bool, metadata: dict[str, bool] | None) -> Tensor:
    """What a tensor has besides its elements. PyTorch's lazy conjugate and negative are computed here."""
    if metadata:
        if metadata.get("conj"):
            tensor = tensor.conj()
        if metadata.get("neg"):
            tensor = -tensor
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Any:
    return _parameter_class()(_checked(data), requires_grad)


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any) -> Any:
    made = _rebuild_parameter(data, requires_grad, backward_hooks)
    _set_attributes(made, state)
    return made


def _rebuild_from_type_v2(rebuild: Callable, cls: type, parts: tuple, state: Any) -> Any:
    if rebuild not in CALLS.values():
        raise TypeError(f"{rebuild} does not make a tensor")
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"{cls} is not a class of tensors")
    made = rebuild(*parts)
    if type(made) is not cls:
        made = _checked(made).as_subclass(cls)
    own = getattr(cls, "__setstate__", None)
    if own is not None and own is not getattr(Tensor, "__setstate__", None):
        made.__setstate__(state)
    else:
        _set_attributes(made, state)
    return made


def _set_attributes(tensor: Tensor, state: Any) -> None:
    """Gives a tensor the attributes a program put on it: a dictionary, or a pair of one and an empty one for slots."""
    if type(state) is tuple and len(state) == 2 and not state[1]:
        state = state[0]
    if type(state) is not dict or not all(type(name) is str for name in state):
        raise TypeError(f"the attributes of a {type(tensor).__name__} are not a dictionary of names")
    tensor.__dict__.update(state)


def _parameter_class() -> Any:
    found = find_ours("torch.nn.parameter", "Parameter")
    if found is None:
        raise RuntimeError("load: the file holds a Parameter, but rushlight.nn is not installed")
    return found


def _checked(tensor: Any) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"expected a tensor, got {type(tensor).__name__}")
    return tensor


def _tensor_on(storage: Any, offset: Any, size: Any, stride: Any, of: dtype) -> Tensor:
    """The tensor of this geometry on a storage that was read."""
    if not isinstance(storage, LoadedStorage):
        raise TypeError(f"a tensor stands on a storage, not on {type(storage).__name__}")
    size, stride = tuple(size), tuple(stride)
    _check_geometry(storage, offset, size, stride, of)
    cell = storage.cell
    if cell is None or cell.node.type.dtype is not of:
        elements = storage.elements(of)
        whole = offset == 0 and stride == contiguous_strides(size) and prod(size) == elements.size
        shape = size if whole else elements.shape
        memory = elements.reshape(shape)
        cell = storage.cell = Storage(input_node(memory, Type.of(shape, of)))
        if storage.writes_through:
            cell.share(memory)
    return handle(cell, steps_to(cell.node.type.shape, offset, size, stride))


def _check_geometry(storage: LoadedStorage, offset: Any, size: tuple, stride: tuple, of: dtype) -> None:
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(number) is int and 0 <= number < 1 << 62 for number in numbers):
        raise ValueError(f"offset {offset!r}, shape {size} and strides {stride} are not those of a tensor")
    if prod(size) >= 1 << 62:
        raise ValueError(f"a tensor of shape {size} is larger than any")
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
    available = storage.nbytes() // of.itemsize
    if prod(size) and last >= available:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{of.itemsize} requiring a storage size of {(last + 1) * of.itemsize} are out of bounds for storage of "
            f"size {storage.nbytes()}"
        )


def steps_to(base: tuple[int, ...], offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> tuple[Step, ...]:
    """View steps from a contiguous storage of shape `base` to a tensor of this geometry."""
    count = prod(base)
    if offset == 0 and size == base and stride == contiguous_strides(base):
        return ()
    flat: list[Step] = [] if base == (count,) else [Reshape((count,))]
    if prod(size) == 0:
        return (*flat, Slice((0,), (0,), (1,)), Reshape(size))
    axes = sorted((a for a in range(len(size)) if size[a] > 1 and stride[a]), key=lambda axis: -stride[axis])
    cut = _cut(count, offset, _merged([(size[axis], stride[axis]) for axis in axes]))
    if cut is None:
        if prod(size) > _MOST_OVERLAP * count:
            raise ValueError(f"shape {size} with strides {stride} claims far more elements than the storage's {count}")
        return (*flat, Strided(size, stride, offset))
    steps = [*flat, *cut, Reshape(tuple(size[axis] for axis in axes))]
    order = tuple(sorted(range(len(axes)), key=axes.__getitem__))
    if order != tuple(range(len(axes))):
        steps.append(Permute(order))
    if len(axes) < len(size):
        steps.append(Reshape(tuple(extent if axis in axes else 1 for axis, extent in enumerate(size))))
    if any(extent > 1 and not step for extent, step in zip(size, stride, strict=True)):
        steps.append(Expand(size))
    return tuple(steps)


def _merged(axes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(extent, stride) pairs, widest stride first, with axes that run on into the next joined."""
    joined: list[tuple[int, int]] = []
    for extent, step in axes:
        if joined and joined[-1][1] == extent * step:
            extent *= joined.pop()[0]
        joined.append((extent, step))
    return joined


def _cut(count: int, offset: int, axes: list[tuple[int, int]]) -> list[Step] | None:
    """Steps from the flat storage to its elements on these axes; None where they do not nest as digits do.

    The storage becomes a grid with an axis for each stride, in which the elements are a block that starts at the
    offset's digits.
    """
    strides = [step for _, step in axes]
    lengths = [extent for extent, _ in axes]
    if any(outer % inner for outer, inner in zip(strides, strides[1:], strict=False)):
        return None
    widest = strides[0] if strides else count
    rows = count // widest
    grid = [rows, *(outer // inner for outer, inner in zip(strides, strides[1:], strict=False))]
    grid = [*grid[: len(axes)], strides[-1] if strides else count]
    start, rest = [], offset
    for step in strides:
        start.append(rest // step)
        rest %= step
    start.append(rest)
    stop = [first + length for first, length in zip(start, [*lengths, 1], strict=True)]
    if any(last > extent for last, extent in zip(stop, grid, strict=True)):
        return None
    steps: list[Step] = []
    if rows * widest != count:
        steps.append(Slice((0,), (rows * widest,), (1,)))
    steps.append(Reshape(tuple(grid)))
    if any(start) or stop != grid:
        steps.append(Slice(tuple(start), tuple(stop), (1,) * len(grid)))
    return steps


def _get_layout(name: str) -> Any:
    for known in (strided, sparse_coo, sparse_csr, sparse_csc):
        if repr(known) == name:
            return known
    raise ValueError(f"{name!r} is not a layout that Rushlight has")


def _rebuild_sparse_tensor(of: Any, parts: Any) -> Tensor:
    """A sparse tensor from its parts, whose indices are looked at: a file may say anything."""
    sparse = Late.sparse().construction
    if of is sparse_coo:
        indices, values, size, *coalesced = parts
        known = {"is_coalesced": coalesced[0] or None} if coalesced else {}
        made = sparse.sparse_coo_tensor(
            _checked(indices), _checked(values), tuple(size), check_invariants=True, **known
        )
        return made  # type: ignore[no-any-return]
    if of not in (sparse_csr, sparse_csc):
        raise RuntimeError(f"load: the file holds a tensor of layout {of}, which Rushlight does not have")
    pointers, inner, values, size = parts
    return sparse.sparse_compressed_tensor(  # type: ignore[no-any-return]
        _checked(pointers), _checked(inner), _checked(values), tuple(size), layout=of, check_invariants=True
    )


def _refused(kind: str) -> Callable:
    def refuse(*parts: Any) -> Any:
        raise RuntimeError(f"load: the file holds a {kind} tensor, which Rushlight does not have")

    return refuse


CALLS: dict[str, Callable] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type_v2,
    "torch._utils._rebuild_sparse_tensor": _rebuild_sparse_tensor,
    "torch._utils._rebuild_qtensor": _refused("quantized"),
    "torch._utils._rebuild_nested_tensor": _refused("nested"),
    "torch._utils._rebuild_meta_tensor_no_storage": _refused("meta"),
    "torch.serialization._get_layout": _get_layout,
    "torch.Size": Size,
    "torch.device": device,
}


def _find_value(path: str) -> Any:
    """Classes that files name as the class of a tensor."""
    if path == "torch.Tensor":
        return Tensor
    return _parameter_class() if path in ("torch.nn.parameter.Parameter", "torch.nn.Parameter") else None


TENSORS = Binding(reduce, CALLS, _find_value)
