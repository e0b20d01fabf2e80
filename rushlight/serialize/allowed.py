"""The globals a user vouches for: what `load(weights_only=True)` may use besides tensors and plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .names import name_in_file

# Never allowed, whoever vouches: they reach the machine.
BLOCKED_MODULES = ("sys", "os", "posix", "nt")

_vouched: set[Any] = set()


def add_safe_globals(safe_globals: Iterable[Callable | tuple[Callable, str]]) -> None:
    """Let `load(weights_only=True)` use these functions and classes: call them, make instances, set their state.

    An item is a function or class, or a pair of one with the full name under which files know it.

    >>> import rushlight as torch
    >>> from fractions import Fraction
    >>> torch.serialization.add_safe_globals([Fraction])
    >>> torch.serialization.get_safe_globals()
    [<class 'fractions.Fraction'>]
    >>> torch.serialization.clear_safe_globals()
    """
    _vouched.update(safe_globals)


def get_safe_globals() -> list[Callable | tuple[Callable, str]]:
    """What `add_safe_globals` was given, in no order."""
    return list(_vouched)


def clear_safe_globals() -> None:
    """Forget everything `add_safe_globals` was given."""
    _vouched.clear()


class safe_globals:
    """A context in which `load(weights_only=True)` may use these functions and classes; see `add_safe_globals`.

    >>> import rushlight as torch
    >>> from fractions import Fraction
    >>> with torch.serialization.safe_globals([Fraction]):
    ...     torch.serialization.get_safe_globals()
    [<class 'fractions.Fraction'>]
    >>> torch.serialization.get_safe_globals()
    []
    """

    def __init__(self, safe_globals: Iterable[Callable | tuple[Callable, str]]) -> None:
        self.safe_globals = list(safe_globals)

    def __enter__(self) -> None:
        # Those that were there before stay when the context ends.
        self._added = set(self.safe_globals) - _vouched
        _vouched.update(self._added)

    def __exit__(self, *error: object) -> None:
        _vouched.difference_update(self._added)


def vouched_globals() -> dict[str, Any]:
    """The vouched objects by full name."""
    named: dict[str, Any] = {}
    for item in _vouched:
        if isinstance(item, tuple):
            if len(item) != 2:
                raise ValueError(
                    "Expected tuple of length 2 (global, str of callable full path), "
                    f"but got tuple of length: {len(item)}"
                )
            found, name = item
            if type(name) is not str:
                raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(name)}")
            named[name] = found
        else:
            named[f"{item.__module__}.{item.__qualname__}"] = item
            known = name_in_file(item, item.__qualname__)
            if known is not None:  # files know our classes and functions by PyTorch's names
                named[f"{known.module}.{known.name}"] = item
    return named
