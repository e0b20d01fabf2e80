"""`torch.autograd`: gradients by hand, grad modes, custom functions, numerical checks."""

import sys as _sys
from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

from ..tensor.autograd import backward, detect_anomaly, grad, set_detect_anomaly
from ..tensor.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from ..tensor.tensor import Tensor
from .function import Function
from .gradcheck import gradcheck, gradgradcheck

Variable = Tensor  # PyTorch's name from before tensors carried their own gradients

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

_LATER = {
    "forward_ad": "rushlight.autograd.forward_ad",
    "functional": "rushlight.autograd.functional",
    "profiler": "rushlight.profiler.legacy",
}


def __getattr__(name: str) -> _ModuleType:
    """What is loaded when it is first asked for."""
    if name in _LATER:
        return _import_module(_LATER[name])
    if name.startswith("__"):  # asked by whoever looks at modules; no name of PyTorch's
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    missing = _import_module("rushlight.alias.missing")
    found: _ModuleType = missing.module_getattr(_sys.modules[__name__], "torch.autograd")(name)
    return found
