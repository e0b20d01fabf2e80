"""Tensors and the public functions on them: what `nn`, `optim`, `data` and the rest are written against.

Importing the package binds every method. Besides the names below it has every public function (`rushlight.tensor.cat`).
"""

from . import (
    autograd,
    conversion,
    creation,
    elementwise,
    fft,
    indexing,
    linalg,
    lowrank,
    matrices,
    ordering,
    products,
    random,
    reductions,
    reversal,
    shape,
    special,
    spectral,
    view_forms,
)
from .conversion import flush_pending, to_dlpack
from .creation import typed_constructors
from .geometry import Size, device
from .grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .promotion import get_default_dtype, result_type, set_default_dtype
from .public import functions
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .tensor import Tensor

_FAMILIES = (
    autograd,
    conversion,
    creation,
    elementwise,
    fft,
    indexing,
    linalg,
    lowrank,
    matrices,
    ordering,
    products,
    random,
    reductions,
    reversal,
    shape,
    special,
    spectral,
    view_forms,
)

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "default_generator",
    "device",
    "fft",
    "enable_grad",
    "flush_pending",
    "functions",
    "get_default_dtype",
    "get_rng_state",
    "inference_mode",
    "initial_seed",
    "linalg",
    "is_grad_enabled",
    "manual_seed",
    "no_grad",
    "result_type",
    "seed",
    "set_default_dtype",
    "set_grad_enabled",
    "set_rng_state",
    "special",
    "to_dlpack",
    "typed_constructors",
]

globals().update(functions)
