"""Switches that are attributes of a module: set for a time by a context, or all at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


def setting(module: str, defaults: dict[str, Any]) -> Callable[..., tuple[Any, ...]]:
    """`set_flags`: sets the switches given (by name or in this order), None leaves one as it is; returns what they were."""

    def set_flags(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        own = sys.modules[module].__dict__
        before = tuple(own[name] for name in defaults)
        given = {**dict(zip(defaults, args, strict=False)), **{name.removeprefix("_"): v for name, v in kwargs.items()}}
        unknown = set(given) - set(defaults)
        if unknown:
            raise TypeError(
                f"set_flags() got an unexpected keyword argument {sorted(unknown)[0]!r}; there are {', '.join(defaults)}"
            )
        own.update({name: value for name, value in given.items() if value is not None})
        return before

    return set_flags


def context(
    set_flags: Callable[..., tuple[Any, ...]], defaults: dict[str, Any]
) -> Callable[..., AbstractContextManager[None]]:
    """`flags`: within it the switches are as given, those not given at these defaults."""

    @contextmanager
    def flags(*args: Any, **kwargs: Any) -> Iterator[None]:
        before = set_flags(**{**defaults, **dict(zip(defaults, args, strict=False)), **kwargs})
        try:
            yield
        finally:
            set_flags(*before)

    return flags
