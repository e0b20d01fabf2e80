"""Samples as lists of their parts, and back: dictionaries, lists, tuples and named tuples, in any depth."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any


def _children(value: Any) -> list[Any] | None:
    if type(value) in (dict, OrderedDict, defaultdict):
        return list(value.values())
    if type(value) in (list, tuple) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return list(value)
    return None


def flat(value: Any) -> list[Any]:
    """The parts that are no containers."""
    children = _children(value)
    return [value] if children is None else [part for child in children for part in flat(child)]


def rebuilt(value: Any, parts: Iterator[Any]) -> Any:
    """A sample like this one, of other parts."""
    children = _children(value)
    if children is None:
        return next(parts)
    made = [rebuilt(child, parts) for child in children]
    if isinstance(value, dict):
        paired = zip(value, made, strict=True)
        return defaultdict(value.default_factory, paired) if isinstance(value, defaultdict) else type(value)(paired)
    return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
