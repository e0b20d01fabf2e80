"""How a list of samples becomes a batch, by PyTorch's rules.

>>> default_collate([(0, "a"), (1, "b")])
[tensor([0, 1]), ('a', 'b')]
>>> default_collate([{"x": 0.5}, {"x": 1.5}])
{'x': tensor([0.5000, 1.5000], dtype=torch.float64)}
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ..dtype import float64
from ..tensor import Tensor, as_tensor, stack

CollateMap = dict[Any, Callable[..., Any]]

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _holds_no_numbers(array: np.ndarray) -> bool:
    return array.dtype.kind in "SUO"


def _rebuild_mapping(like: Any, convert: Callable[[Any], Any]) -> Any:
    """A mapping of `like`'s own kind with converted values, or a dict where its kind cannot be made so."""
    converted = {key: convert(key) for key in like}
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)  # keeps what the kind has beside its items
            clone.update(converted)
            return clone
        return type(like)(converted)
    except TypeError:
        return converted


def _rebuild_sequence(like: Any, converted: list[Any]) -> Any:
    """A sequence of `like`'s own kind with these elements, or a list where its kind cannot be made so."""
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for i, element in enumerate(converted):
                clone[i] = element
            return clone
        return type(like)(converted)
    except TypeError:
        return converted


def default_convert(data: Any) -> Any:
    """Turns NumPy arrays and numbers inside `data` into tensors and leaves everything else: what a `DataLoader` without
    batches does to a sample.

    >>> import numpy as np
    >>> default_convert([np.array([0, 1]), "text"])
    [tensor([0, 1]), 'text']
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)) and type(data).__module__ == "numpy":
        if isinstance(data, np.str_) or (isinstance(data, np.ndarray) and _holds_no_numbers(data)):
            return data
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, lambda key: default_convert(data[key]))
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(d) for d in data])
    return data


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Joins samples, going down into containers; `collate_fn_map` says by type what to do with the rest.

    A function of the map is called as `function(batch, collate_fn_map=collate_fn_map)`.
    """
    first = batch[0]
    if collate_fn_map is not None:
        exact = collate_fn_map.get(type(first))
        if exact is not None:
            return exact(batch, collate_fn_map=collate_fn_map)
        for kind, function in collate_fn_map.items():
            if isinstance(first, kind):
                return function(batch, collate_fn_map=collate_fn_map)

    def join(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _rebuild_mapping(first, lambda key: join([sample[key] for sample in batch]))
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(join(samples) for samples in zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        joined = [join(samples) for samples in zip(*batch, strict=True)]
        return joined if isinstance(first, tuple) else _rebuild_sequence(first, joined)
    raise TypeError(default_collate_err_msg_format.format(type(first)))


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return stack(tuple(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    if _holds_no_numbers(batch[0]):
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return as_tensor(batch, dtype=float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return as_tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}
_ORIGINAL_MAP = dict(default_collate_fn_map)


def is_default_collate(function: Any) -> bool:
    """Whether batches are made by the rules of this file, unchanged: then a data set may make them by itself."""
    return function is default_collate and default_collate_fn_map == _ORIGINAL_MAP


def default_collate(batch: Any) -> Any:
    """Joins a list of samples: tensors, arrays and numbers are stacked, strings stay, containers are gone into.

    >>> default_collate([0, 1, 2])
    tensor([0, 1, 2])
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
