"""Names that packages import though their users may never use them: they can be looked at, and raise NotThereYet when they are used.

A package that supports PyTorch's sharded training, say, imports its classes at the top and asks `isinstance(model, FullyShardedDataParallel)`.
Such a class has no instances here, so that the answer is no; to make one is an error that says what to do instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from .errors import NotThereYet


def absent_function(name: str, instead: str) -> Callable[..., NoReturn]:
    """A function that raises NotThereYet. name: as PyTorch's users know it, with its module; instead: what they can do."""

    def call(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotThereYet(f"{name} is not in Rushlight yet; {instead}")

    _introduce(call, name, instead)
    return call


def absent_class(name: str, instead: str) -> Any:
    """A class without instances: to make one raises NotThereYet. Classes may be derived from it, to no other end.

    >>> from rushlight.absent import absent_class
    >>> Sharded = absent_class("torch.distributed.Sharded", "use one process")
    >>> isinstance(1, Sharded)
    False
    >>> Sharded()
    Traceback (most recent call last):
    rushlight.errors.NotThereYet: torch.distributed.Sharded is not in Rushlight yet; use one process
    """

    def refuse(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotThereYet(f"{name} is not in Rushlight yet; {instead}")

    made = type(name.rpartition(".")[2], (), {"__new__": refuse})
    _introduce(made, name, instead)
    return made


def _introduce(thing: Any, name: str, instead: str) -> None:
    thing.__name__ = thing.__qualname__ = name.rpartition(".")[2]
    thing.__module__ = sys._getframe(2).f_globals["__name__"]
    thing.__doc__ = f"NotThereYet; {instead}."
