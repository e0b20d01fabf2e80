"""Carries samples from PyTorch to the module under test, and its results back.

Tensors keep values, dtype, layout (expanded, permuted and strided views are made again by view operations) and
`requires_grad`; one tensor met twice becomes one tensor. The other way, results become PyTorch tensors by a copy.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from . import names
from .subject import lookup, subject

MOST_DIMENSIONS = 64  # NumPy's
WIDE = dict.fromkeys((torch.float16, torch.bfloat16, torch.float32), torch.float64) | {
    torch.complex64: torch.complex128
}


SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc)


class Unconvertible(Exception):
    """A sample holds something that is out of scope, such as a sparse tensor of blocks."""


def _array_of(t: torch.Tensor) -> np.ndarray:
    dense = t.detach().resolve_conj().resolve_neg().contiguous()
    return (
        dense.float() if dense.dtype is torch.bfloat16 else dense.clone()
    ).numpy()  # `numpy` would pin the storage of `t`


def dtype_to_subject(dtype: torch.dtype) -> Any:
    """The dtype of the same name."""
    found = getattr(subject, str(dtype).removeprefix("torch."), None)
    if found is None:
        raise Unconvertible(f"dtype {dtype}")
    return found


def dense_to_subject(t: torch.Tensor) -> Any:
    """A contiguous tensor with the values and dtype of `t`."""
    dtype = dtype_to_subject(t.dtype)
    made = subject.tensor(_array_of(t))
    return made if made.dtype == dtype else made.to(dtype)


def _strided_to_subject(t: torch.Tensor) -> Any:
    """A view with the sizes and strides of `t` where view operations can make one, else a contiguous tensor."""
    sizes, strides = list(t.shape), list(t.stride())
    dims = sorted((d for d in range(t.dim()) if sizes[d] > 1 and strides[d] > 0), key=lambda d: -strides[d])
    expanded = [d for d in range(t.dim()) if sizes[d] > 1 and strides[d] == 0]
    widths = []  # of the base along each dimension of `dims`, outermost first
    for outer, inner in zip([None, *dims], dims, strict=False):
        if outer is not None:
            if strides[outer] % strides[inner] or strides[outer] < strides[inner] * sizes[inner]:
                return dense_to_subject(t)
            widths.append(strides[outer] // strides[inner])
        else:
            widths.append(sizes[inner])
    if len(dims) > 0:
        widths[-1] = max(widths[-1], sizes[dims[-1]]) * strides[dims[-1]]
    core = t.detach().permute([*dims, *(d for d in range(t.dim()) if d not in dims)])
    core = core[(slice(None),) * len(dims) + (0,) * (t.dim() - len(dims))]  # drops expanded and size-one dimensions
    base = torch.zeros(widths, dtype=t.dtype)
    step = [strides[d] if d == dims[-1] else 1 for d in dims]
    region = tuple(slice(0, sizes[d] * s, s) for d, s in zip(dims, step, strict=True))
    base[region] = core
    view = dense_to_subject(base)
    if tuple(widths) != tuple(core.shape):
        view = view[region]
    for _ in range(t.dim() - len(dims)):
        view = view.unsqueeze(0)
    place = {d: t.dim() - len(dims) + k for k, d in enumerate(dims)}
    rest = iter(range(t.dim() - len(dims)))
    view = view.permute([place[d] if d in place else next(rest) for d in range(t.dim())])
    return view.expand(sizes) if expanded else view


def _sparse_to_subject(t: torch.Tensor) -> Any:
    """The sparse tensor with the same indices and values."""
    size, options = list(t.shape), {"requires_grad": t.requires_grad}
    if t.layout is torch.sparse_coo:
        parts = dense_to_subject(t._indices()), dense_to_subject(t._values())
        return subject.sparse_coo_tensor(*parts, size, is_coalesced=t.is_coalesced() or None, **options)
    if t.layout is torch.sparse_csr:
        pointers, places = t.crow_indices(), t.col_indices()
    else:
        pointers, places = t.ccol_indices(), t.row_indices()
    if pointers.dim() > 1:
        raise Unconvertible(f"batch of {t.layout} matrices")
    parts = dense_to_subject(pointers), dense_to_subject(places), dense_to_subject(t.values().detach())
    layout = getattr(subject, str(t.layout).removeprefix("torch."))
    return subject.sparse_compressed_tensor(*parts, size, layout=layout, **options)


def tensor_to_subject(t: torch.Tensor) -> Any:
    """The tensor with the values, dtype, layout and `requires_grad` of `t`, a leaf."""
    if t.layout in SPARSE:
        return _sparse_to_subject(t)
    if t.layout is not torch.strided or t.is_quantized or t.device.type != "cpu":
        raise Unconvertible(f"{t.layout} tensor on {t.device}")
    if t.dim() > MOST_DIMENSIONS:
        raise Unconvertible(f"{t.dim()} dimensions")
    if isinstance(t, torch.nn.Parameter):
        return subject.nn.Parameter(dense_to_subject(t), requires_grad=t.requires_grad)
    plain = t.is_contiguous() or t.numel() == 0
    made = dense_to_subject(t) if plain else _strided_to_subject(t)
    return made.detach().requires_grad_() if t.requires_grad else made


def _clone(t: torch.Tensor, retype: dict[torch.dtype, torch.dtype]) -> torch.Tensor:
    if t.layout is not torch.strided:
        return t
    if isinstance(t, torch.nn.Parameter):
        return torch.nn.Parameter(t.detach().clone(), requires_grad=t.requires_grad)
    if t.dtype in retype:
        made = t.detach().to(retype[t.dtype])
    else:
        shared = any(size > 1 and stride == 0 for size, stride in zip(t.shape, t.stride(), strict=True))
        made = t.detach() if shared else t.detach().clone()
    return made.requires_grad_(t.requires_grad)


class Copier:
    """Copies a structure of samples; `tensors` are the pairs (original, copy) met, in order.

    With `to_subject` the copy belongs to the module under test; without, to PyTorch: tensors are cloned, or are
    detached aliases where several elements share one place. `retype` gives dtypes for dtypes.
    """

    def __init__(self, to_subject: bool, retype: dict[torch.dtype, torch.dtype] | None = None) -> None:
        self.to_subject, self.retype = to_subject, retype or {}
        self.tensors: list[tuple[torch.Tensor, Any]] = []
        self._seen: dict[int, Any] = {}

    def leaves(self) -> list[Any]:
        """The copies that require grad."""
        return [made for original, made in self.tensors if original.requires_grad]

    def __call__(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) not in self._seen:
                made = tensor_to_subject(value) if self.to_subject else _clone(value, self.retype)
                self._seen[id(value)] = made
                self.tensors.append((value, made))
            return self._seen[id(value)]
        if isinstance(value, torch.Size):
            return subject.Size(value) if self.to_subject else value
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*(self(v) for v in value))
        if isinstance(value, (list, tuple)):
            return type(value)([self(v) for v in value])
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, slice):
            return slice(self(value.start), self(value.stop), self(value.step))
        if isinstance(value, np.ndarray):
            return value.copy()
        if isinstance(value, torch.Generator):
            made = subject.Generator() if self.to_subject else torch.Generator()
            made.manual_seed(value.initial_seed())
            return made
        return self._special(value) if self.to_subject else value

    def _special(self, value: Any) -> Any:
        if isinstance(value, torch.dtype):
            return dtype_to_subject(value)
        if isinstance(value, torch.device):
            return subject.device(str(value))
        if isinstance(value, (torch.memory_format, torch.layout)):
            return getattr(subject, str(value).removeprefix("torch."))
        if isinstance(value, torch.nn.Module):
            return self._module(value)
        if isinstance(value, types.FunctionType):
            return names.rebind(value)
        if callable(value):
            return names.same_name(value)
        return value

    def _module(self, value: torch.nn.Module) -> Any:
        """A module of the same class with the same attributes, parameters, buffers and submodules."""
        kind = type(value)
        found = lookup(f"{kind.__module__}.{kind.__name__}".removeprefix("torch.")) or lookup(f"nn.{kind.__name__}")
        if found is None:
            raise Unconvertible(f"module {type(value).__name__}")
        made = found.__new__(found)
        subject.nn.Module.__init__(made)
        for key, setting in vars(value).items():
            if not key.startswith("_") or key in ("_qkv_same_embed_dim",):
                setattr(made, key, self(setting))
        for key, parameter in value._parameters.items():
            made.register_parameter(key, self(parameter))
        for key, buffer in value._buffers.items():
            made.register_buffer(key, self(buffer))
        for key, module in value._modules.items():
            made.add_module(key, self(module))
        return made


def is_subject_tensor(value: Any) -> bool:
    """Whether it is a tensor of the module under test."""
    return isinstance(value, subject.Tensor)


def _sparse_to_oracle(value: Any) -> torch.Tensor:
    elements = to_oracle(value._values())
    if value.is_sparse:
        return torch.sparse_coo_tensor(to_oracle(value._indices()), elements, tuple(value.shape))
    pair = (
        (value.crow_indices(), value.col_indices())
        if value.is_sparse_csr
        else (value.ccol_indices(), value.row_indices())
    )
    layout = getattr(torch, str(value.layout).removeprefix("torch."))
    return torch.sparse_compressed_tensor(*map(to_oracle, pair), elements, tuple(value.shape), layout=layout)


def to_oracle(value: Any) -> Any:
    """A result of the module under test with PyTorch's tensors, dtypes, sizes in place of its own."""
    if is_subject_tensor(value):
        dtype = getattr(torch, str(value.dtype).removeprefix("torch."))
        plain = value.detach()
        if str(value.layout) != "torch.strided":
            return _sparse_to_oracle(plain)
        if dtype is torch.bfloat16:
            plain = plain.float()
        return torch.from_numpy(np.array(plain.clone().numpy())).to(dtype)
    if isinstance(value, (list, tuple)):
        made = [to_oracle(v) for v in value]
        return tuple(made) if isinstance(value, tuple) else made
    if isinstance(value, dict):
        return {k: to_oracle(v) for k, v in value.items()}
    if isinstance(value, subject.dtype):
        return getattr(torch, str(value).removeprefix("torch."))
    return value


def flat_tensors(value: Any, is_tensor: Callable[[Any], bool]) -> list[Any]:
    """The tensors of a nest of lists, tuples and dicts, in order."""
    if is_tensor(value):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in flat_tensors(v, is_tensor)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [t for v in value for t in flat_tensors(v, is_tensor)]
    return []
