"""Grad modes: contexts and decorators that say whether new results are tracked. Each thread has its own mode."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..ir.graph import mode as _mode


class _GradMode:
    """Context manager and decorator that sets whether new results are tracked."""

    wanted: bool

    def __init__(self) -> None:
        self._saved: list[bool] = []

    def __enter__(self) -> None:
        self._saved.append(_mode.tracking)
        _mode.tracking = self.wanted

    def __exit__(self, *exception: Any) -> None:
        _mode.tracking = self._saved.pop()

    def clone(self) -> _GradMode:
        return type(self)()

    def __call__(self, function: Any) -> Any:
        if inspect.isgeneratorfunction(function):
            return _wrap_generator(self.clone, function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return call


def _wrap_generator(context: Callable[[], _GradMode], function: Callable[..., Any]) -> Callable[..., Any]:
    """The generator runs in the mode, whoever asks it for values does not."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        try:
            with context():
                value = next(generator)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with context():
                        generator.close()
                    raise
                except BaseException as error:
                    with context():
                        value = generator.throw(error)
                else:
                    with context():
                        value = generator.send(sent)
        except StopIteration as stop:
            return stop.value

    return call


class no_grad(_GradMode):
    """Results inside are not tracked; also a decorator.

    >>> import rushlight as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     print((x * 2).requires_grad)
    False
    """

    wanted = False

    def __new__(cls, function: Any = None) -> Any:
        made = object.__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)


class enable_grad(no_grad):
    """Results inside are tracked again within `no_grad`."""

    wanted = True


class set_grad_enabled(_GradMode):
    """Sets tracking at once, and back at the end where it is used as a context."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.wanted = bool(mode)
        self._before = _mode.tracking
        _mode.tracking = self.wanted

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: Any) -> None:
        _mode.tracking = self._before

    def __call__(self, function: Any) -> Any:
        _mode.tracking = self._before
        return super().__call__(function)

    def clone(self) -> _GradMode:
        return type(self)(self.wanted)


class inference_mode(_GradMode):
    """Like `no_grad`; results can be used in later tracked work, which PyTorch forbids."""

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if callable(mode):
            made.__init__()  # type: ignore[misc]
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._on = mode

    def __enter__(self) -> None:
        self._saved.append(_mode.tracking)
        self._saved.append(_mode.inference)
        _mode.tracking = not self._on
        _mode.inference = self._on

    def __exit__(self, *exception: Any) -> None:
        _mode.inference = self._saved.pop()
        _mode.tracking = self._saved.pop()

    def clone(self) -> _GradMode:
        return type(self)(self._on)


def is_grad_enabled() -> bool:
    return _mode.tracking


def is_inference_mode_enabled() -> bool:
    return _mode.inference
