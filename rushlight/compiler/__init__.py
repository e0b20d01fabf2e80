"""`compile`: a function, a module or a whole training step is recorded once and then repeated without Python for each op.

What a repetition keeps, what it looks at before it repeats, and when a function is simply run, stands in
docs/decisions/0009-compile.md; the parts are `census` (what must be as it was), `recorder` and `recording` (what a run did),
`repetition`, and `function` (when to do what).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..nn.modules import Module
from ..runtime.watch import Watching
from .function import Compiled
from .module import OptimizedModule

__all__ = [
    "Compiled",
    "OptimizedModule",
    "compile",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "list_backends",
    "reset",
]

MODES = ("default", "max-autotune", "max-autotune-no-cudagraphs", "reduce-overhead")
BACKENDS = ("aot_eager", "cudagraphs", "eager", "inductor")


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """A function or module that does the same, recorded and repeated; also a decorator, with and without arguments.

    fullgraph: raise where a run cannot be repeated as a whole, instead of running the function itself each time.
    disable: run the function itself. dynamic, backend, mode, options: taken and checked as PyTorch takes them; there is one way to
    compile here, and other shapes are recorded anew.

    >>> import rushlight as torch
    >>> @torch.compile
    ... def double_and_one(x):
    ...     return x * 2 + 1
    >>> for _ in range(4):
    ...     y = double_and_one(torch.ones(2))
    >>> y
    tensor([3., 3.])
    """
    _check(fullgraph, dynamic, backend, mode, options)
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise TypeError(f"compile(): a function or an nn.Module is expected, not {type(model).__name__}")
    if isinstance(model, OptimizedModule):
        model = model._orig_mod
    elif isinstance(model, Compiled):
        model = model._function
    if isinstance(model, Module):
        return OptimizedModule(model, fullgraph=fullgraph, disable=disable)
    return Compiled(model, fullgraph, disable)


def _check(fullgraph: Any, dynamic: Any, backend: Any, mode: Any, options: Any) -> None:
    if not isinstance(fullgraph, bool):
        raise TypeError(f"compile(): fullgraph is a bool, not {fullgraph!r}")
    if dynamic not in (None, True, False):
        raise TypeError(f"compile(): dynamic is a bool or None, not {dynamic!r}")
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if options is not None and not isinstance(options, dict):
        raise TypeError(f"compile(): options is a dict, not {type(options).__name__}")
    if isinstance(backend, str) and backend not in BACKENDS:
        raise RuntimeError(f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available backends.")
    if not isinstance(backend, str):
        raise TypeError("compile(): a backend of one's own is given PyTorch's graphs, which there are none of here")


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The backends that `compile` takes; all mean the same here."""
    return ["cudagraphs", "inductor"]


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


def reset() -> None:
    """Accepted for PyTorch's sake: a function's recordings end with it."""
