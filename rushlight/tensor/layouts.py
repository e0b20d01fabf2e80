"""Tensors that are not strided: the core, which knows strided ones alone, stops at one and hands the call to the tensor itself.

A sparse tensor (`rushlight/sparse/`) is a Tensor without storage. Whatever reaches for its storage meets `OtherLayout`; the public
function around it then asks the tensor to do the call `instead`. So no function tests for layouts, and dense calls cost nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class OtherLayout(NotImplementedError):
    """A tensor that is not strided stands where a function needs one that is.

    tensor: the one that was met; it has `instead(name, args, kwargs)`, which does the call in its own way or raises OtherLayout again.
    """

    def __init__(self, tensor: Any, text: str = "") -> None:
        super().__init__(
            text or f"a tensor of layout {tensor.layout} has no strided memory to read; call .to_dense() on it first"
        )
        self.tensor = tensor


def elsewhere(function: Callable[..., Any], met: OtherLayout, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the tensor that was met makes of the call."""
    name: str = function.__name__
    try:
        return met.tensor.instead(name.removesuffix("_") or name, args, kwargs)
    except OtherLayout as again:
        raise again from None


def for_all_layouts(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is not a public one, with the same way out; a decorator."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except OtherLayout as met:
            return elsewhere(function, met, args, kwargs)

    call.__name__, call.__qualname__, call.__doc__ = function.__name__, function.__qualname__, function.__doc__
    call.__module__, call.__wrapped__ = function.__module__, function  # type: ignore[attr-defined]
    return call
