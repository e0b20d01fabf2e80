"""`torch.func`: functions of functions. Derivatives of pure functions of tensors, batched functions, and any nesting of them."""

from .. import late as _late
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

__getattr__ = _late.names(__name__, "torch.func", {})
