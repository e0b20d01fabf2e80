"""Tensors and the public functions on them; importing the package binds every method."""

from . import (
    autograd,
    conversion,
    creation,
    elementwise,
    indexing,
    matrices,
    ordering,
    products,
    random,
    reductions,
    shape,
)
from .conversion import flush_pending
from .public import functions
from .tensor import Tensor

__all__ = [
    "Tensor",
    "autograd",
    "conversion",
    "creation",
    "elementwise",
    "flush_pending",
    "functions",
    "indexing",
    "matrices",
    "ordering",
    "products",
    "random",
    "reductions",
    "shape",
]
