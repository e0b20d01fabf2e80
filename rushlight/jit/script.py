"""`script`, `trace` and what is called on their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from ..errors import NotThereYet
from ..futures import Future
from ..nn.modules.module import Module
from ..tensor import Tensor
from .archive import save as _save

__all__ = [
    "CompilationUnit",
    "Error",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracerWarning",
    "enable_onednn_fusion",
    "export_opnames",
    "fork",
    "freeze",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "script",
    "set_fusion_strategy",
    "trace",
    "trace_module",
    "wait",
]


class Error(RuntimeError):
    """What a compiled program raises in PyTorch."""


class TracerWarning(Warning):
    """What tracing warns of in PyTorch: a value that a trace would hold fast. Here nothing is held fast."""


class ScriptModule(Module):
    """A base class of modules whose methods are compiled in PyTorch; here an `nn.Module`."""

    def save(self, f: Any, **kwargs: Any) -> NoReturn:
        """As `torch.jit.save`."""
        _save(self, f, **kwargs)


class RecursiveScriptModule(ScriptModule):
    """What `script` of a module is in PyTorch; here it is the module itself, and no object is one of these."""


class TopLevelTracedModule(ScriptModule):
    """What `trace` of a module is in PyTorch; here it is the module itself."""


class ScriptFunction:
    """What `script` of a function is in PyTorch; here it is the function itself."""


class CompilationUnit:
    """NotThereYet: programs in TorchScript's own text."""

    def __init__(self, lang: str | None = None, _frames_up: int = 0) -> None:
        raise NotThereYet(
            "torch.jit.CompilationUnit: programs in TorchScript's text are not in Rushlight yet; write them as Python functions"
        )


def script(
    obj: Any,
    optimize: None = None,
    _frames_up: int = 0,
    _rcb: Callable[[str], Any] | None = None,
    example_inputs: Any = None,
) -> Any:
    """What it is given: a function, a module or a class. It runs as it is written; `torch.compile` makes it faster.

    >>> import rushlight as torch
    >>> @torch.jit.script
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> double(torch.ones(2))
    tensor([2., 2.])
    """
    if obj is None:
        raise AttributeError("torch.jit.script: a function, a module or a class is expected, not None")
    if isinstance(obj, (int, float, complex, str, bytes)):
        raise TypeError(
            f"{type(obj)} is a built-in class — torch.jit.script: a function, a module or a class is expected"
        )
    return obj


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: Mapping[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """What it is given, run once with the example. Unlike a trace, it goes on to heed Python's conditions and loops."""
    if example_inputs is not None and example_kwarg_inputs is not None:
        raise RuntimeError("example_inputs and example_kwarg_inputs should not be both set")
    if example_kwarg_inputs is not None:
        if not isinstance(example_kwarg_inputs, dict):
            raise RuntimeError("example_kwarg_inputs should be a dict")
        func(**example_kwarg_inputs)
        return func
    if example_inputs is None:
        raise TypeError("torch.jit.trace: give example_inputs, or example_kwarg_inputs; both are None")
    func(*_arguments(example_inputs))
    return func


def trace_module(mod: Module, inputs: Mapping[str, Any], *args: Any, **kwargs: Any) -> Module:
    """The module, each of whose methods named has been run once with its example."""
    if not isinstance(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    for name, example in inputs.items():
        method = mod if name == "forward" else getattr(mod, name)
        method(*_arguments(example))
    return mod


def _arguments(example: Any) -> tuple[Any, ...]:
    return (example,) if isinstance(example, (Tensor, dict)) else tuple(example)


def freeze(mod: Module, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True) -> Module:
    """The module, which must be in evaluation."""
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing."
        )
    return mod


def optimize_for_inference(mod: Module, other_methods: list[str] | None = None) -> Module:
    """The module, in evaluation."""
    return mod.eval() if mod.training else mod


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """A future of the function's result; the function runs at once."""
    future: Future[Any] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future[Any]) -> Any:
    """The future's value."""
    return future.wait()


def export_opnames(m: Any) -> NoReturn:
    """NotThereYet: the operators of a TorchScript program."""
    raise NotThereYet("torch.jit.export_opnames: TorchScript programs are not in Rushlight yet")


_fusion = {"strategy": [("STATIC", 2), ("DYNAMIC", 10)], "onednn": False}


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> Any:
    """Remembers it and returns what was set; without effect."""
    before, _fusion["strategy"] = _fusion["strategy"], strategy
    return before


def enable_onednn_fusion(enabled: bool) -> None:
    """Remembers it; without effect."""
    _fusion["onednn"] = enabled


def onednn_fusion_enabled() -> Any:
    """What was set."""
    return _fusion["onednn"]
