"""`scatter` and `gather`: arguments in parts for several devices, and results put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor
from ...tensor.geometry import require_cpu

__all__ = ["gather", "is_namedtuple", "scatter", "scatter_kwargs"]


def is_namedtuple(obj: Any) -> bool:
    """Whether it is an instance of a named tuple."""
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def _part_for_each(inputs: Any, devices: Sequence[Any], dim: int) -> list[Any]:
    """The inputs for each device: tensors in parts along `dim`, containers part by part, other objects as they are."""
    if isinstance(inputs, Tensor):
        return list(inputs.chunk(len(devices), dim))
    if isinstance(inputs, tuple) and inputs:
        columns = [_part_for_each(each, devices, dim) for each in inputs]
        make = type(inputs) if is_namedtuple(inputs) else None
        return [make(*row) if make else row for row in zip(*columns, strict=False)]
    if isinstance(inputs, list) and inputs:
        return [list(row) for row in zip(*(_part_for_each(each, devices, dim) for each in inputs), strict=False)]
    if isinstance(inputs, dict) and inputs:
        columns = [_part_for_each(each, devices, dim) for each in inputs.values()]
        return [type(inputs)(zip(inputs, row, strict=True)) for row in zip(*columns, strict=False)]
    return [inputs for _ in devices]


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> Any:
    """The inputs in parts along `dim`, one for each device; RuntimeError for devices other than the CPU.

    >>> import rushlight as torch
    >>> torch.nn.parallel.scatter({"x": torch.arange(4)}, ["cpu", "cpu"])
    [{'x': tensor([0, 1])}, {'x': tensor([2, 3])}]
    """
    for each in target_gpus:
        require_cpu(f"cuda:{each}" if isinstance(each, int) else each, "nn.parallel.scatter")
    parts = _part_for_each(inputs, target_gpus, dim)
    return tuple(parts) if isinstance(inputs, Tensor) else parts


def scatter_kwargs(
    inputs: tuple[Any, ...], kwargs: dict[str, Any] | None, target_gpus: Sequence[Any], dim: int = 0
) -> tuple[tuple[Any, ...], tuple[dict[str, Any], ...]]:
    """`scatter` of positional and of named arguments; as many parts of both."""
    first = scatter(inputs, target_gpus, dim) if inputs else []
    second = scatter(kwargs, target_gpus, dim) if kwargs else []
    first = list(first) + [()] * (len(second) - len(first))
    second = list(second) + [{}] * (len(first) - len(second))
    return tuple(first), tuple(second)


def gather(outputs: Sequence[Any], target_device: Any, dim: int = 0) -> Any:
    """AssertionError for tensors on the CPU, as in PyTorch: `torch.cat` puts them together."""
    first = outputs[0]
    if isinstance(first, Tensor):
        raise AssertionError("Gather function not implemented for CPU tensors — use torch.cat")
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(each) != len(first) for each in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((key, gather([each[key] for each in outputs], target_device, dim)) for key in first)
    columns = [gather(each, target_device, dim) for each in zip(*outputs, strict=False)]
    return type(first)(*columns) if is_namedtuple(first) else type(first)(columns)
