"""The stance of the compiler, `set_stance`: what compiled functions do for the time being."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

STANCES = (
    "default",
    "force_eager",
    "eager_on_recompile",
    "fail_on_recompile",
    "eager_then_compile",
    "aot_eager_then_compile",
)


class Stance:
    """The present one, for all threads."""

    name = "default"


class set_stance:  # noqa: N801 -- PyTorch's name
    """Sets what compiled functions do, from now on, within `with`, or as a decorator within a function.

    "force_eager": run as they are written. "eager_on_recompile": repeat what is recorded, run all else as it is written.
    "fail_on_recompile": RuntimeError for arguments of a form not met before. The others are "default": the first runs are plain here anyway.
    skip_guard_eval_unsafe, force_backend: taken as PyTorch takes them; what must be as it was is always looked at, and there is one way to compile.
    RuntimeError for a stance that is none.

    >>> import rushlight as torch
    >>> @torch.compile
    ... def double(x):
    ...     return x * 2
    >>> with torch.compiler.set_stance("force_eager"):
    ...     double(torch.ones(2))
    tensor([2., 2.])
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in STANCES:
            raise RuntimeError(
                f"set_stance(): invalid torch.compile stance {stance!r}; it is one of {', '.join(STANCES)}"
            )
        if force_backend is not None and stance != "default":
            raise RuntimeError("non-default stance cannot have force_backend set")
        self._before, self._wanted = Stance.name, stance
        Stance.name = stance

    def __enter__(self) -> None:
        Stance.name = self._wanted

    def __exit__(self, *error: Any) -> None:
        Stance.name = self._before

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, in whose calls the stance holds; outside of them the one before does."""
        Stance.name = self._before
        stance = self._wanted

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with set_stance(stance):
                return function(*args, **kwargs)

        return call
