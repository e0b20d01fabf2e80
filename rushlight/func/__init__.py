"""`torch.func`: functions of functions. Derivatives of pure functions of tensors, batched functions, and any nesting of them."""

import sys as _sys
from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

from ..tensor.batched import vmap
from .jacobian import hessian, jacfwd, jacrev
from .modules import functional_call, functionalize, replace_all_batch_norm_modules_, stack_module_state
from .transforms import grad, grad_and_value, jvp, linearize, vjp

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> _ModuleType:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    missing = _import_module("rushlight.alias.missing")
    found: _ModuleType = missing.module_getattr(_sys.modules[__name__], "torch.func")(name)
    return found
