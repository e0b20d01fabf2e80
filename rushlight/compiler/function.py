"""A compiled function: recordings by the form of its arguments, and when to record, to repeat, or to leave it alone."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any

from ..errors import CompileError
from ..ir.graph import trace
from ..runtime.watch import Watching
from ..tensor import Tensor, no_grad
from ..tensor.geometry import strided
from .census import Refused, of_library
from .recording import Recording, record
from .repetition import MISSED, Repetition
from .stance import Stance
from .structure import rebuilt, take_apart

VARIANTS = 8  # kept for a function, as PyTorch's limit; others run as they are written
FORMS = 256  # of arguments, remembered for a function
PATIENCE = 3  # refusals in a row after which the next runs are not watched: 8, then 16, 32, … up to LONGEST
LONGEST = 4096
UNLIKE = 16  # recordings in a row without two alike, from which each counts as a refusal


class Compiled:
    """A callable that records what a function does and repeats it where it can be told to do the same again.

    The first run with arguments of a form is only recorded, and so is the second; where both did the same, the third repeats it.
    """

    def __init__(
        self, function: Callable[..., Any], fullgraph: bool = False, disable: bool = False, limit: int | None = None
    ) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._fullgraph, self._disabled, self._limit = fullgraph, disable, VARIANTS if limit is None else limit
        self._code = _own_code(function)
        self.reset()

    def reset(self) -> None:
        """Forgets all recordings."""
        self._variants: dict[Any, list[Repetition]] = {}
        self._last: dict[Any, Recording] = {}
        self._met: set[Any] = set()  # forms of arguments, for the stance "fail_on_recompile"
        self._count = 0
        self._refusals = self._rest = self._unlike = 0
        self.reason: str | None = None  # why the last recording was refused

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {self._function!r}>"

    def __reduce__(self) -> Any:
        return Compiled, (self._function, self._fullgraph, self._disabled, self._limit)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        stance = Stance.name
        if self._disabled or stance == "force_eager" or Watching.watcher is not None and _is_watching_here():
            return self._function(*args, **kwargs)
        with trace.lock:
            given: list[Tensor] = []
            originals: list[Tensor] = []
            objects: list[Any] = []
            form = take_apart((args, kwargs) if kwargs else args, given, originals, objects)
            for variant in self._variants.get(form, ()):
                result = variant.run(given, originals)
                if result is not MISSED:
                    return result
            if stance == "fail_on_recompile" and form not in self._met:
                raise RuntimeError(
                    f"Detected recompile when torch.compile stance is 'fail_on_recompile'. {self!r} has not been called with "
                    "arguments of these shapes, dtypes and values"
                )
            if (
                self._rest == 0
                and self._count < self._limit
                and stance not in ("eager_on_recompile", "fail_on_recompile")
            ):
                if len(self._met) < FORMS:
                    self._met.add(form)
                return self._recorded(form, args, kwargs, given, originals, objects)
        self._rest = max(0, self._rest - 1)
        return self._function(*args, **kwargs)

    def _recorded(
        self, form: Any, args: Any, kwargs: Any, given: list[Tensor], originals: list[Tensor], objects: list[Any]
    ) -> Any:
        """Runs the function while it is watched, and makes a variant where it did as the time before."""
        replaced = [(a, b) for a, b in zip(originals, given, strict=True) if a is not b]
        if replaced:
            stand_ins = iter(given)
            args, kwargs = _with_tensors((args, kwargs), stand_ins)
        versions = [stand._storage.version for _, stand in replaced]
        result, found = record(self._function, self._code, args, kwargs, given, objects)
        for (original, stand), version in zip(replaced, versions, strict=True):
            if stand._storage.version != version:
                found = Refused("it writes to an argument that is a view, or shares memory with NumPy")
                with no_grad():
                    original.copy_(stand)
        if replaced:
            result, found = _with_originals(result, found, replaced)
        if isinstance(found, Refused):
            self._note(found)
            return result
        if self._unlike <= UNLIKE:
            self._refusals = 0
        last = self._last.get(form)
        if last is None or last.key() != found.key():
            self._last[form] = found
            self._unlike += 1
            if self._unlike > UNLIKE:
                self._last.pop(next(iter(self._last)))
                self._note(Refused("what it is given, or what it does, is another thing each time", lasting=False))
        elif found.shares_constants(last):
            self._note(Refused("it reads a tensor that cannot be found from its arguments, names and modules"))
        else:
            self._last.clear()
            self._unlike = 0
            self._variants.setdefault(form, []).insert(0, Repetition(found))
            self._count += 1
            if self._count == self._limit:
                warnings.warn(
                    f"{self!r} has {self._limit} recordings, for arguments of different forms or values; others run uncompiled",
                    stacklevel=4,
                )
        return result

    def _note(self, refused: Refused) -> None:
        self.reason = str(refused)
        self._refusals += 1
        if self._fullgraph and refused.lasting:
            raise CompileError(
                f"compile(fullgraph=True): the whole of {self._function!r} cannot be repeated: {refused}"
            )
        if self._refusals >= PATIENCE:
            self._rest = min(LONGEST, 8 << (self._refusals - PATIENCE))


def _is_watching_here() -> bool:
    return getattr(Watching.watcher, "thread", None) == threading.get_ident()


def _own_code(function: Any) -> CodeType | None:
    """The code that the user wrote, below decorators of ours that hand its result on."""
    function = getattr(function, "__func__", function)
    while isinstance(function, FunctionType) and of_library(function.__globals__.get("__name__")):
        function = getattr(function, "__wrapped__", None)
    return function.__code__ if isinstance(function, FunctionType) else None


def _with_tensors(value: Any, tensors: Any) -> Any:
    """Arguments with their tensors replaced by others, in order."""
    return rebuilt(value, lambda leaf: next(tensors) if isinstance(leaf, Tensor) and leaf.layout is strided else leaf)


def _with_originals(result: Any, found: Any, replaced: list[tuple[Tensor, Tensor]]) -> tuple[Any, Any]:
    """A result in which the caller's own tensors stand again for their stand-ins; parts of those are not handed out."""
    by_stand = {id(stand): original for original, stand in replaced}
    storages = {id(stand._storage) for _, stand in replaced}
    parts: list[Tensor] = []
    take_apart(result, [], parts, [])
    if any(id(part._storage) in storages and id(part) not in by_stand for part in parts):
        found = Refused("it returns a part of an argument that is a view")
    if any(id(part) in by_stand for part in parts):
        result = _with_tensors(result, iter([by_stand.get(id(part), part) for part in parts]))
    return result, found
