"""`torch.autograd`: gradients by hand, grad modes, custom functions, numerical checks."""

from .. import late
from ..tensor.autograd import backward, detect_anomaly, grad, set_detect_anomaly
from ..tensor.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

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
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

__getattr__ = late.names(
    __name__,
    "torch.autograd",
    {
        "forward_ad": ("rushlight.autograd.forward_ad", None),
        "functional": ("rushlight.autograd.functional", None),
        "graph": ("rushlight.autograd.graph", None),
        "profiler": ("rushlight.profiler.legacy", None),
    },
)
