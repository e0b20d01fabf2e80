"""Arguments and results taken apart into a form and its leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import dtype
from ..ir.graph import input_node
from ..runtime import executor
from ..tensor import Size, Tensor, device
from ..tensor.geometry import strided
from ..tensor.tensor import wrap

ATOMS = (int, float, complex, bool, str, bytes, type(None), dtype, device, Size, type(Ellipsis), slice, range, type)


def take_apart(value: Any, tensors: list[Tensor], originals: list[Tensor], objects: list[Any]) -> Any:
    """A value's form, which can be compared and hashed; its tensors and the objects that are compared by identity go to the lists.

    In `tensors` another tensor of the same elements stands for one of which only the elements matter.
    """
    kind = type(value)
    if isinstance(value, Tensor) and value.layout is strided:
        tensors.append(value)
        originals.append(value)
        source = value._source
        if value._steps or value._storage.buffer is not None:
            if is_plain(value):
                tensors[-1] = stand_in(value)
                return kind, value._type(), "elements"
            return kind, value._type(), steps_key(value), source is not None and source.leaf is not None
        return kind, value._storage.node.type, source is not None and source.leaf is not None
    if kind is tuple or kind is list or (isinstance(value, tuple) and kind is not Size):
        return kind, tuple([take_apart(each, tensors, originals, objects) for each in value])
    if kind is dict:
        return kind, tuple([(key, take_apart(each, tensors, originals, objects)) for key, each in value.items()])
    if kind in ATOMS:
        return kind, repr(value) if kind in (float, complex, slice) else value  # NaN is not itself, and -0.0 is 0.0
    if isinstance(value, np.generic):
        return kind, value.tobytes()
    objects.append(value)
    return kind, id(value)


def steps_key(tensor: Tensor) -> Any:
    """What tells a view's steps from others."""
    return tuple([(type(step), *[repr(getattr(step, name)) for name in _slots(type(step))]) for step in tensor._steps])


def _slots(kind: type) -> tuple[str, ...]:
    return tuple(kind.__dict__.get("__slots__", ()))


def is_plain(tensor: Tensor) -> bool:
    """Whether only the elements of a view, or of memory shared with NumPy, matter: it is contiguous and has no history.

    A batch that is cut out of all data is such a one, wherever it begins.
    """
    return (
        tensor._source is None
        and not tensor._storage.node.tracked
        and type(tensor) is Tensor
        and tensor._grad is None
        and tensor.dtype is tensor._storage.node.type.dtype
        and tensor.is_contiguous()
    )


def stand_in(tensor: Tensor) -> Tensor:
    """A tensor of the elements of a plain one: they are shared, or copied where NumPy may change them."""
    storage = tensor._storage
    array = executor.value_of(storage.node)
    for step in tensor._steps:
        array = step.expose(array)
    return wrap(input_node(np.array(array) if storage.shared() is not None else array, tensor._type()))


def rebuilt(value: Any, part: Callable[[Any], Any]) -> Any:
    """A structure of tuples, lists and dicts with every leaf replaced."""
    kind = type(value)
    if isinstance(value, tuple) and kind is not Size:
        parts = [rebuilt(each, part) for each in value]
        return kind(*parts) if hasattr(value, "_fields") else kind(parts)
    if kind is list:
        return [rebuilt(each, part) for each in value]
    if kind is dict:
        return {key: rebuilt(each, part) for key, each in value.items()}
    return part(value)
