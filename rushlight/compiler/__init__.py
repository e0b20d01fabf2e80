"""`compile`: a function, a module or a whole training step is recorded once and then repeated without Python for each op.

What a repetition keeps, what it looks at before it repeats, and when a function is simply run, stands in
docs/decisions/0009-compile.md; the parts are `census` (what must be as it was), `recorder` and `recording` (what a run did),
`repetition`, and `function` (when to do what).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import late
from ..nn.modules import Module
from .controls import (
    BACKENDS,
    Backend,
    CacheInfo,
    allow_in_graph,
    assume_constant_result,
    cudagraph_mark_step_begin,
    disable,
    get_default_backend,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    list_backends,
    load_cache_artifacts,
    nested_compile_region,
    reset,
    save_cache_artifacts,
    set_default_backend,
    substitute_in_graph,
    wrap_numpy,
)
from .function import Compiled
from .module import OptimizedModule
from .stance import set_stance

__all__ = [
    "CacheInfo",
    "Compiled",
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "load_cache_artifacts",
    "nested_compile_region",
    "reset",
    "save_cache_artifacts",
    "set_default_backend",
    "set_stance",
    "substitute_in_graph",
    "wrap_numpy",
]

MODES = ("default", "lite", "max-autotune", "max-autotune-no-cudagraphs", "reduce-overhead")

__getattr__ = late.names(__name__, "torch.compiler", {})


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
    shapes_spec: Any = None,
) -> Any:
    """A function or module that does the same, recorded and repeated; also a decorator, with and without arguments.

    fullgraph: raise where a run cannot be repeated as a whole, instead of running the function itself each time.
    disable: run the function itself. recompile_limit: how many recordings are kept, 8 where it is None. dynamic, backend, mode, options, name,
    isolate_recompiles, shapes_spec: taken and checked as PyTorch takes them; there is one way to compile here, other shapes are recorded
    anew, and each call of `compile` has recordings of its own.

    >>> import rushlight as torch
    >>> @torch.compile
    ... def double_and_one(x):
    ...     return x * 2 + 1
    >>> for _ in range(4):
    ...     y = double_and_one(torch.ones(2))
    >>> y
    tensor([3., 3.])
    """
    backend = Backend.default if backend is None else backend
    _check(fullgraph, dynamic, backend, mode, options)
    if shapes_spec is not None and not isinstance(shapes_spec, dict):
        raise TypeError(f"shapes_spec must be ParamsSpec, dict, or None, got {type(shapes_spec).__name__}")
    if not (recompile_limit is None or isinstance(recompile_limit, int)):
        raise TypeError(f"compile(): recompile_limit is an int or None, not {recompile_limit!r}")
    if model is None:
        return functools.partial(
            compile,
            fullgraph=fullgraph,
            dynamic=dynamic,
            backend=backend,
            mode=mode,
            options=options,
            name=name,
            disable=disable,
            recompile_limit=recompile_limit,
            isolate_recompiles=isolate_recompiles,
            shapes_spec=shapes_spec,
        )
    if not callable(model):
        raise AssertionError(
            f"A callable function is expected, but {type(model)} is provided. — compile(): a function or an nn.Module"
        )
    if isinstance(model, OptimizedModule):
        model = model._orig_mod
    elif isinstance(model, Compiled):
        model = model._function
    if isinstance(model, Module):
        return OptimizedModule(model, fullgraph=fullgraph, disable=disable, limit=recompile_limit)
    return Compiled(model, fullgraph, disable, recompile_limit)


def _check(fullgraph: Any, dynamic: Any, backend: Any, mode: Any, options: Any) -> None:
    if not isinstance(fullgraph, bool):
        raise TypeError(f"compile(): fullgraph is a bool, not {fullgraph!r}")
    if dynamic not in (None, True, False):
        raise AssertionError(f"compile(): dynamic is a bool or None, not {dynamic!r}")
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
