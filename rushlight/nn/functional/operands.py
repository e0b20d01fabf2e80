"""What the functions of this package ask of their arguments: tensors, floating dtypes, reductions, numbers for each axis."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ...dtype import BOOL, COMPLEX, FLOATING, bool_
from ...ir.graph import Node, mode
from ...tensor.public import register, scalar_name, write_out
from ...tensor.tensor import Tensor, node_of, wrap


def require_tensor(op: str, value: Any, name: str = "input", position: int = 1) -> None:
    """TypeError in PyTorch's words unless `value` is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}")


def floating_node(op: str, kernel: str, value: Any, name: str = "input", position: int = 1) -> Node:
    """The node of a tensor of real floating dtype; NotImplementedError names the kernel that PyTorch names."""
    require_tensor(op, value, name, position)
    if value.dtype.category != FLOATING:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{scalar_name(value.dtype)}' — {op}: {name} must be floating; convert it with .float()"
        )
    return node_of(value)


def real_node(op: str, kernel: str, value: Any) -> Node:
    """The node of a tensor of integers or floating numbers."""
    require_tensor(op, value)
    if value.dtype.category in (BOOL, COMPLEX):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(value.dtype)}' — {op}")
    return node_of(value)


def refuse_bool(op: str, *nodes: Node) -> None:
    """RuntimeError where one of the nodes, which will be subtracted or negated, is bool."""
    if any(node.type.dtype is bool_ for node in nodes):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
            f"instead. — {op}"
        )


def named(node: Node, label: str) -> Tensor:
    """A tensor of the node, whose gradient function has this name unless a public function around it names it."""
    if node.tracked and node.label is None and not mode.depth:
        node.label = label
    return wrap(node)


def in_place(function: Callable[..., Tensor], *, export: bool = False) -> Callable[..., Tensor]:
    """A function with `inplace` set, under its name with an underscore; `export` makes it `torch.name_` too."""
    own = function.__name__ + "_"

    def call(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, inplace=True, **kwargs)

    call.__name__ = call.__qualname__ = own
    call.__doc__ = f"In-place form of `{function.__name__}`."
    if export:
        register(own, call, function=True, method=False)
    return call


def with_out(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function with an `out=` that takes the result."""

    @functools.wraps(function)
    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Tensor:
        result = function(*args, **kwargs)
        return result if out is None else write_out(function.__name__, out, result)  # type: ignore[no-any-return]

    return call


def each_axis(op: str, name: str, value: Any, rank: int) -> tuple[int, ...]:
    """A setting given as one int for all axes, or one for each."""
    if type(value) is int:
        return (value,) * rank
    if type(value) is tuple and len(value) == rank and all([type(each) is int for each in value]):
        return value
    if hasattr(value, "__index__") and not isinstance(value, (bool, Sequence)):
        return (value.__index__(),) * rank
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(f"{op}(): argument '{name}' must be tuple of ints, not {type(value).__name__}")
    found = []
    for place, each in enumerate(value):
        if isinstance(each, bool) or not hasattr(each, "__index__"):
            raise TypeError(
                f"{op}(): argument '{name}' must be tuple of ints, but found element of type {type(each).__name__} at pos {place}"
            )
        found.append(each.__index__())
    if len(found) == 1:
        return (found[0],) * rank
    if len(found) != rank:
        raise RuntimeError(
            f"{op}: expected {name} to be a single integer value or a list of {rank} values to match the convolution dimensions, "
            f"but got {name}={found}"
        )
    return tuple(found)


def reduction_of(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction, from the deprecated pair of flags where one of them is given."""
    if size_average is None and reduce is None:
        return reduction
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    chosen = "none" if not reduce else "mean" if size_average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{chosen}' instead.", stacklevel=4
    )
    return chosen


def check_reduction(reduction: str) -> None:
    """ValueError unless it is 'none', 'mean' or 'sum'."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
