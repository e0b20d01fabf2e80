"""What programs say to PyTorch's compiler beside `compile`: taken, and done where there is something to do.

PyTorch reads a function's bytecode, so that it must be told what to leave out or to look through. Here a run is watched: what a function
calls is recorded whatever it is, and what cannot be repeated is noticed.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from ..runtime.watch import Watching
from ..tensor import Tensor
from ..tensor.creation import from_numpy
from ..tensor.tree import map_leaves
from .function import Compiled

BACKENDS = ("aot_eager", "cudagraphs", "eager", "inductor")
_FOR_DEBUGGING = ("aot_eager", "eager")


class Backend:
    """What `compile` takes where it is told none."""

    default: Any = "inductor"


def get_default_backend() -> Any:
    """The backend of a `compile` that is given none."""
    return Backend.default


def set_default_backend(backend: Any) -> None:
    """Makes a backend the one of a `compile` that is given none; None: "inductor". TypeError for what is no backend."""
    if not (backend is None or isinstance(backend, str) or callable(backend)):
        raise TypeError(f"backend must be a string or callable, got {type(backend)}")
    Backend.default = "inductor" if backend is None else backend


def list_backends(exclude_tags: Collection[str] | None = ("debug", "experimental")) -> list[str]:
    """The backends that `compile` takes; all mean the same here."""
    left_out = _FOR_DEBUGGING if "debug" in (exclude_tags or ()) else ()
    return [name for name in BACKENDS if name not in left_out]


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A function that is never repeated: what calls it while it is recorded is run each time; also a decorator."""
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    plain = fn._function if isinstance(fn, Compiled) else fn

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        watcher: Any = Watching.watcher
        if watcher is not None:
            watcher.refuse(reason or f"it calls {plain!r}, which compiler.disable takes out")
        return plain(*args, **kwargs)

    return call


def is_compiling() -> bool:
    """Whether the program is being recorded."""
    return Watching.watcher is not None


is_dynamo_compiling = is_compiling


def is_exporting() -> bool:
    """False: there is no export."""
    return False


def reset() -> None:
    """Accepted for PyTorch's sake: a function's recordings end with it."""


def allow_in_graph(fn: Any) -> Any:
    """The function, or the functions, as they are: a recording looks through all. AssertionError for what cannot be called."""
    for each in fn if isinstance(fn, (list, tuple)) else (fn,):
        if not callable(each):
            raise AssertionError(f"allow_in_graph expects a callable — got {type(each).__name__}")
    return fn


def assume_constant_result(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is: what it gives is looked at where it matters to a recording."""
    return fn


def nested_compile_region(
    fn: Callable[..., Any] | None = None, *, options: Any = None, max_reuse_entries: int = 8, reuse_hash_fn: Any = None
) -> Any:
    """The function as it is, also as a decorator: equal kernels are compiled once wherever they are called."""
    return (lambda function: function) if fn is None else fn


def substitute_in_graph(
    original_fn: Callable[..., Any], *, can_constant_fold_through: bool = False, skip_signature_check: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives its function back: recordings look through the original, and need none in its place.

    TypeError for an original that cannot be called or has other arguments, as in PyTorch.
    """
    if not callable(original_fn):
        raise TypeError(f"substitute_in_graph expects a function but got {type(original_fn)}")

    def decorate(traceable_fn: Callable[..., Any]) -> Callable[..., Any]:
        if not skip_signature_check:
            try:
                pair = inspect.signature(original_fn), inspect.signature(traceable_fn)
            except ValueError:  # Python knows none of some built-in functions
                return traceable_fn
            if list(pair[0].parameters) != list(pair[1].parameters):
                raise TypeError(f"Signature mismatch between {original_fn} and {traceable_fn}: {pair[0]} != {pair[1]}")
        return traceable_fn

    return decorate


def wrap_numpy(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors made of one of NumPy arrays; it runs at once, and no gradient flows through it.

    >>> import numpy as np
    >>> import rushlight as torch
    >>> torch.compiler.wrap_numpy(np.cumsum)(torch.ones(3))
    tensor([1., 2., 3.])
    """

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = map_leaves(lambda value: value.numpy() if isinstance(value, Tensor) else value, (args, kwargs))
        return map_leaves(_as_tensor, fn(*args, **kwargs))

    return call


def _as_tensor(value: Any) -> Any:
    return from_numpy(value) if type(value).__name__ == "ndarray" else value


def cudagraph_mark_step_begin() -> None:
    """Nothing: results are never overwritten by the next step."""


@dataclass
class CacheInfo:
    """What a cache that was saved or loaded held, by kind."""

    artifacts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def save_cache_artifacts() -> tuple[bytes, CacheInfo] | None:
    """None: there is nothing to carry over, since compiled code is in files already (`RUSHLIGHT_CACHE`)."""
    return None


def load_cache_artifacts(serialized_artifacts: bytes) -> CacheInfo | None:
    """None, with a warning: artifacts of PyTorch's compiler are code for PyTorch."""
    warnings.warn(
        "load_cache_artifacts(): nothing is loaded, since compiled code is kept in files; set RUSHLIGHT_CACHE to their folder",
        stacklevel=2,
    )
    return None
