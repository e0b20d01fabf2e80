"""What stands between the brackets of `tensor[...]`: the view that it makes, and the index tensors that are left over."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dtype import FLOATING, bool_, int64, uint8
from ..ir import index as index_ops
from ..ir.graph import input_node
from ..ir.type import Type
from ..passes import batching
from .creation import _from_data, is_sequence
from .tensor import Tensor, make_view, node_of, wrap
from .views import Slice, Step, Units


class Parsed:
    """The view part of an index, and the index tensors that remain with the axes of the view they apply to."""

    __slots__ = ("view", "axes", "indices")

    def __init__(self, view: Tensor, axes: list[int], indices: list[Tensor]) -> None:
        self.view = view
        self.axes = axes
        self.indices = indices


def _as_index(item: Any) -> Any:
    """A list, array or other sequence as an index tensor; everything else as it is."""
    if isinstance(item, (Tensor, int, slice, type(None), type(...))):
        return item
    if isinstance(item, np.ndarray) or (isinstance(item, np.generic) and item.dtype.kind == "b"):
        return _from_data(item, None, "index")
    if is_sequence(item):
        found = _from_data(list(item), None, "index")
        return found if found.dtype.category < FLOATING else found.to(int64)  # type: ignore[attr-defined]
    if isinstance(item, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(item).__name__}'")
    return item


def _items(key: Any) -> list[Any]:
    if isinstance(key, tuple):
        return list(key)
    if isinstance(key, list) and len(key) < 32 and any(map(_is_part, key)):
        return key
    return [key]


def _is_part(item: Any) -> bool:
    """Whether a list with this item stands for a tuple, as it once did with NumPy."""
    return isinstance(item, (Tensor, slice, type(None), type(...))) or is_sequence(item)


def _consumed(item: Any) -> int:
    """How many axes an item of the index uses up."""
    if item is None or item is Ellipsis or isinstance(item, (bool, np.bool_)):
        return 0
    if isinstance(item, Tensor) and item.dtype in (bool_, uint8):
        return item.ndim
    return 1


# The steps of indices of numbers, slices, None and `...` by shape: loops come again with the same ones, and to take them apart costs
# more than to record most ops.
_known_steps: dict[tuple[Any, ...], tuple[Step, ...]] = {}
_KNOWN = 1 << 13


def _plain(key: Any) -> Any:
    """What stands for an index in `_known_steps`; None where it has other parts."""
    kind = type(key)
    if kind is int:
        return (key,)
    if kind is not tuple:
        key = (key,)
    parts = []
    for item in key:
        kind = type(item)
        if kind is slice:
            item = (item.start, item.stop, item.step)
            for bound in item:
                if bound is not None and type(bound) is not int:
                    return None
        elif not (kind is int or item is None or item is Ellipsis):
            return None
        parts.append(item)
    return tuple(parts)


def parse(tensor: Tensor, key: Any) -> Parsed:
    """Splits an index into a view and gathers."""
    plain = _plain(key)
    if plain is None:
        return _parsed(tensor, key)
    entry = (tensor._type().shape, plain)
    steps = _known_steps.get(entry)
    if steps is not None:
        return Parsed(make_view(tensor, *steps), [], [])
    found = _parsed(tensor, key)
    if len(_known_steps) >= _KNOWN:
        _known_steps.clear()
    _known_steps[entry] = found.view._steps[len(tensor._steps) :]
    return found


def _parsed(tensor: Tensor, key: Any) -> Parsed:
    items = [_as_index(item) for item in _items(key)]
    used = sum(_consumed(item) for item in items)
    ndim = tensor.ndim
    if used > ndim:
        raise IndexError(_too_many(items, ndim))
    ellipses = [place for place, item in enumerate(items) if item is Ellipsis]
    if not ellipses:
        items.append(Ellipsis)
    elif len(ellipses) > 1:  # the first stands for all axes that are left
        if any(_consumed(item) for item in items[ellipses[1] :]):
            raise IndexError(
                f"too many indices for tensor of dimension {ndim}: the first of several ... takes all axes"
            )
        items = [item for place, item in enumerate(items) if place not in ellipses[1:]]
    shape = tuple(tensor.shape)
    low, high, step = [0] * ndim, list(shape), [1] * ndim
    target: list[int] = []  # the shape after the view part
    axes: list[int] = []
    indices: list[Tensor] = []
    place = 0
    for item in items:
        if item is Ellipsis:
            for _ in range(ndim - used):
                target.append(shape[place])
                place += 1
        elif item is None:
            target.append(1)
        elif isinstance(item, slice):
            start, stop, by = _slice_bounds(item, shape[place])
            low[place], high[place], step[place] = start, stop, by
            target.append(-(-(stop - start) // by))
            place += 1
        elif isinstance(item, (bool, np.bool_)):
            axes.append(len(target))
            target.append(1)
            indices.append(_from_data([0] if item else [], int64, "index"))
        elif isinstance(item, Tensor) and not _is_scalar(item):
            place = _tensor_item(item, place, shape, target, axes, indices)
        else:
            at = _integer(item)
            extent = shape[place]
            if not -extent <= at < extent:
                raise IndexError(f"index {at} is out of bounds for dimension {place} with size {extent}")
            low[place], high[place] = at % extent, at % extent + 1
            place += 1
    return Parsed(_viewed(tensor, low, high, step, target, items), axes, indices)


def _too_many(items: list[Any], ndim: int) -> str:
    if not ndim and len(items) == 1 and _is_scalar(items[0]):
        return (
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
            "tensor to a number"
        )
    if not ndim and isinstance(items[0], slice):
        return "slice() cannot be applied to a 0-dim tensor."
    return f"too many indices for tensor of dimension {ndim}"


def _viewed(
    tensor: Tensor, low: list[int], high: list[int], step: list[int], target: list[int], items: list[Any]
) -> Tensor:
    shape = tuple(tensor.shape)
    selects = sum(_is_integer(item) for item in items)
    sliced = tuple([-(-(hi - lo) // by) for lo, hi, by in zip(low, high, step, strict=True)])
    slices = any(isinstance(item, slice) and item != slice(None) for item in items)
    steps: list[Any] = []
    if sliced != shape or any(by != 1 for by in step):
        label = "Slice" if slices or not selects else "Select" if selects > 1 else None
        steps.append(Slice(tuple(low), tuple(high), tuple(step), label))
    if tuple(target) != sliced or (selects and any(item is None for item in items)):
        steps.append(Units(tuple(target), _origins(items, shape, step), "Select" if selects else "Unsqueeze"))
    return make_view(tensor, *steps)


def _origins(items: list[Any], shape: tuple[int, ...], step: list[int]) -> tuple[Any, ...]:
    """For each axis of the view part, which of the tensor it was, or what followed it where it is new (see `Units`)."""
    origins: list[Any] = []
    place, ndim = 0, len(shape)
    unused = ndim - sum(_consumed(item) for item in items)
    for item in items:
        if _is_scalar(item):
            place += 1
            continue
        taken = unused if item is Ellipsis else _consumed(item)
        if taken == 0 and item is not Ellipsis:
            origins.append((place, shape[place], step[place]) if place < ndim else None)
        origins.extend(range(place, place + taken))
        place += taken
    return tuple(origins)


def _is_scalar(item: Any) -> bool:
    """Whether an item of an index takes one place of its axis, which goes."""
    if isinstance(item, Tensor):
        return not item.ndim and item.dtype not in (bool_, uint8) and batching.level_of(node_of(item)) is None
    return _is_integer(item)


def _is_integer(item: Any) -> bool:
    return not (item is None or item is Ellipsis or isinstance(item, (slice, Tensor, bool, np.bool_)))


def _integer(item: Any) -> int:
    if isinstance(item, Tensor):
        return int(item)
    if not hasattr(item, "__index__"):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(item).__name__})"
        )
    found = item.__index__()
    if not -(2**63) <= found < 2**63:
        raise ValueError(f"Overflow when unpacking long long — index {found}")
    return found  # type: ignore[no-any-return]


def _slice_bounds(item: slice, extent: int) -> tuple[int, int, int]:
    parts: tuple[Any, ...] = (item.start, item.stop, item.step)
    if not all(part is None or hasattr(part, "__index__") for part in parts):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    parts = tuple(None if part is None else part.__index__() for part in parts)
    if parts[2] is not None and parts[2] <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, by = slice(*parts).indices(extent)
    return start, max(start, stop), by


def _tensor_item(
    item: Tensor, place: int, shape: tuple[int, ...], target: list[int], axes: list[int], indices: list[Tensor]
) -> int:
    """Adds an index tensor or mask; returns the next axis of the indexed tensor."""
    if item.dtype in (bool_, uint8):
        covered = shape[place : place + item.ndim]
        if tuple(item.shape) != covered:
            bad = next(a for a, (m, e) in enumerate(zip(item.shape, covered, strict=True)) if m != e)
            raise IndexError(
                f"The shape of the mask {list(item.shape)} at index {bad} does not match the shape of the indexed tensor {list(shape)} at "
                f"index {place + bad}"
            )
        if item.ndim == 0:
            axes.append(len(target))
            target.append(1)
            indices.append(_from_data([0] if bool(item) else [], int64, "index"))
            return place
        for found in np.nonzero(item._array()):
            axes.append(len(target))
            target.append(shape[place])
            indices.append(wrap(input_node(found, Type.of(found.shape, int64))))
            place += 1
        return place
    if item.dtype not in (int64, dtypes.int32, dtypes.int16, dtypes.int8):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    axes.append(len(target))
    target.append(shape[place])
    check_index(item, shape[place], place)
    indices.append(item.detach().to(int64))  # type: ignore[attr-defined]
    return place + 1


def check_index(item: Tensor, extent: int, axis: int, words: str | None = None) -> None:
    """IndexError at the call for an index out of range, where the index is already known; else when it is run."""
    node = item._storage.node
    if node.value is not None and not item._steps:
        try:
            index_ops.check_range("index", node.value, extent, axis)
        except IndexError as error:
            if words is None:
                raise
            raise IndexError(f"{words} — {error}") from None
