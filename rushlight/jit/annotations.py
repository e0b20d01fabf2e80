"""Marks for PyTorch's script compiler. Nothing is compiled by it here, so they leave functions as they are."""

from __future__ import annotations

import builtins
import types
import typing
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeVar

__all__ = [
    "Attribute",
    "annotate",
    "export",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "script_if_tracing",
    "script_method",
    "strict_fusion",
    "unused",
]

Value = TypeVar("Value")

# Packages take the names of Python's types from here.
Dict, List, Optional, Tuple, Union = typing.Dict, typing.List, typing.Optional, typing.Tuple, typing.Union  # noqa: UP006


def is_scripting() -> bool:
    """False: nothing is compiled to TorchScript."""
    return False


def is_tracing() -> bool:
    """False: functions run as they are written."""
    return False


def annotate(the_type: Any, the_value: Value) -> Value:
    """The value."""
    return the_value


class Attribute(NamedTuple):
    """A value with its type."""

    value: Any
    type: Any


def export(fn: Value) -> Value:
    """The function."""
    return fn


def unused(fn: Value) -> Value:
    """The function."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function; also a decorator with an argument."""
    if callable(drop):
        return drop
    if not builtins.isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")
    return lambda function: function


def interface(obj: Value) -> Value:
    """The class."""
    return obj


def script_method(fn: Value) -> Value:
    """The method."""
    return fn


def _overload(func: Value) -> Value:
    """The function: a signature for the script compiler, which the function of the same name that follows replaces."""
    return func


def _overload_method(func: Value) -> Value:
    """The method, as for `_overload`."""
    return func


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function."""
    return fn


class strict_fusion(nullcontext):
    """Within it nothing changes: what is fused is decided when it runs."""

    def __init__(self) -> None:
        super().__init__()


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether the object is of the type, down to the elements of lists, dicts, tuples and optionals.

    >>> from typing import List, Optional
    >>> import rushlight as torch
    >>> torch.jit.isinstance([1, 2], List[int]), torch.jit.isinstance(["a"], List[int]), torch.jit.isinstance(None, Optional[int])
    (True, False, True)
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, each) for each in target_type)
    origin, parts = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        return builtins.isinstance(obj, type(None) if target_type is None else target_type)
    if origin is typing.Union or origin is types.UnionType:
        return any(isinstance(obj, each) for each in parts)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is list:
        return all(isinstance(each, parts[0]) for each in obj)
    if origin is dict:
        return all(isinstance(key, parts[0]) and isinstance(value, parts[1]) for key, value in obj.items())
    if origin is tuple:
        return len(obj) == len(parts) and all(map(isinstance, obj, parts))
    raise RuntimeError(
        f"jit.isinstance: {target_type} is a type that it does not know; list, dict, tuple, Optional and Union are"
    )
