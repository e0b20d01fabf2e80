"""`torch.sparse`: tensors of which most elements are zero, by the places of the others.

A sparse tensor is made of dense ones (indices, elements, a size), and functions of it of functions of those, so that autograd and the
compiler need not know of it. What it does with a public function's call stands in the table `operations`.
"""

from ..late import names as _names
from . import construction, conversion, elementwise, gradients, printing, products, reductions, shape
from .construction import spdiags
from .invariants import check_sparse_tensor_invariants
from .legacy import types as _types
from .products import sampled_addmm
from .products import sparse_addmm as addmm
from .products import sparse_mm as mm
from .reductions import sparse_log_softmax as log_softmax
from .reductions import sparse_softmax as softmax
from .reductions import sparse_sum as sum
from .tensor import SparseTensor

# What fills the table of operations and gives `torch` its constructors; the core reaches these by `Late.sparse()`.
_FAMILIES = (construction, conversion, elementwise, gradients, printing, products, reductions, shape)

globals().update(_types)

__all__ = [
    "SparseTensor",
    "addmm",
    "check_sparse_tensor_invariants",
    "log_softmax",
    "mm",
    "sampled_addmm",
    "softmax",
    "spdiags",
    "sum",
    *_types,
]

__getattr__ = _names(__name__, "torch.sparse", {})
