"""How sparse tensors print: their indices and values, each as a tensor of its own, and what they have besides."""

from __future__ import annotations

from ..dtype import bool_, complex64, complex128, float64, int64
from ..tensor import Tensor
from ..tensor.geometry import sparse_coo, sparse_csr
from ..tensor.printing import format_values, with_suffixes
from ..tensor.promotion import Defaults
from .tensor import SparseTensor

_INDENT = len("tensor(")


def _part(name: str, tensor: Tensor) -> str:
    prefix = f"{name}=tensor("
    text = format_values(tensor._array(), tensor.dtype, _INDENT + len(prefix))
    size = "" if tensor.numel() else f", size={tuple(tensor.shape)}"
    return f"{prefix}{text}{size})"


def _repr(self: SparseTensor, *, tensor_contents: object = None) -> str:
    if self.layout is sparse_coo:
        names: tuple[str, ...] = ("indices",)
    else:
        names = ("crow_indices", "col_indices") if self.layout is sparse_csr else ("ccol_indices", "row_indices")
    parts = [_part(name, part) for name, part in zip(names, self._structure, strict=True)]
    parts.append(_part("values", self._elements.detach()))
    suffixes = [f"size={tuple(self.shape)}", f"nnz={self._nnz()}"]
    default = Defaults.dtype
    if self.dtype not in (default, complex128 if default is float64 else complex64, int64, bool_):
        suffixes.append(f"dtype={self.dtype}")
    suffixes.append(f"layout={self.layout}")
    if not self.is_leaf:
        suffixes.append(f"grad_fn=<{self.grad_fn.name()}>")
    elif self.requires_grad:
        suffixes.append("requires_grad=True")
    text = "tensor(" + (",\n" + " " * _INDENT).join(parts)
    return with_suffixes(text, suffixes, _INDENT, 0, new_line=self.layout is sparse_coo)


SparseTensor.__repr__ = _repr  # type: ignore[assignment]
SparseTensor.__format__ = lambda self, spec: object.__format__(self, spec)  # type: ignore[assignment]
