"""Tensors and the public functions on them: what `nn`, `optim`, `data` and the rest are written against.

Importing the package binds the methods of every family but the late ones, which come when a name is missed. Besides the names below
it has the public functions of the others (`rushlight.tensor.cat`).
"""

from importlib import import_module as _import_module
from typing import Any as _Any

from . import (
    autograd,
    conversion,
    creation,
    elementwise,
    indexing,
    joining,
    matrices,
    operators,
    ordering,
    products,
    random,
    ranges,
    reductions,
    reversal,
    shape,
    view_forms,
)
from .conversion import flush_pending, to_dlpack
from .creation import typed_constructors
from .geometry import Size, device
from .grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .promotion import get_default_dtype, result_type, set_default_dtype
from .public import functions
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .tensor import Late as _LatePackages
from .tensor import Tensor

_FAMILIES = (
    autograd,
    conversion,
    creation,
    elementwise,
    indexing,
    joining,
    matrices,
    operators,
    ordering,
    products,
    random,
    ranges,
    reductions,
    reversal,
    shape,
    view_forms,
)
# Families that few programs need: a fifth of what the package would cost to load.
_LATE = (
    "copies",
    "fft",
    "foreach",
    "function_forms",
    "histograms",
    "linalg",
    "lowrank",
    "numerical",
    "sampling",
    "scattering",
    "special",
    "spectral",
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


def load_late_families() -> None:
    """Loads the families that few programs need, with their methods."""
    for name in _LATE:
        _import_module(f"{__name__}.{name}")


def __getattr__(name: str) -> _Any:
    if name in _LATE:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_LatePackages.packages.append(load_late_families)
