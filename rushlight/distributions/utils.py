"""What distributions are made with: broadcasting of parameters, chances and their logarithms, attributes computed once.

Its names are those of PyTorch's `torch.distributions.utils`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from numbers import Number
from typing import Any

from ..dtype import dtype as Dtype
from ..limits import finfo
from ..tensor import (
    Size,
    Tensor,
    arange,
    broadcast_tensors,
    enable_grad,
    get_default_dtype,
    log,
    log1p,
    randn,
    sigmoid,
    softmax,
    tensor,
    tril_indices,
)

euler_constant = 0.57721566490153286060  # Euler and Mascheroni's
EMPTY = Size()  # the shape of one sample

__all__ = [
    "broadcast_all",
    "logits_to_probs",
    "clamp_probs",
    "probs_to_logits",
    "lazy_property",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]


def is_tensor_like(value: Any) -> bool:
    """Whether a value is a tensor, or of a class that takes tensors' functions over (`__torch_function__`)."""
    return isinstance(value, Tensor) or hasattr(type(value), "__torch_function__")


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the dtype of the first tensor.

    Raises ValueError for what is neither.

    >>> import rushlight as torch
    >>> torch.distributions.utils.broadcast_all(torch.ones(2), 3.0)
    (tensor([1., 1.]), tensor([3., 3.]))
    """
    if not all(is_tensor_like(value) or isinstance(value, Number) for value in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    kind = next((value.dtype for value in values if is_tensor_like(value)), get_default_dtype())
    made = [value if is_tensor_like(value) else tensor(value, dtype=kind) for value in values]
    return tuple(broadcast_tensors(*made))


def _standard_normal(shape: Sequence[int], dtype: Dtype, device: Any = None) -> Tensor:
    """Standard normal numbers; drawn by `randn`, which gives what PyTorch's `normal` of zeros and ones gives."""
    return randn(tuple(shape), dtype=dtype)  # type: ignore[no-any-return]


def _sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last `dim` axes."""
    return value if dim == 0 else value.reshape(value.shape[:-dim] + (-1,)).sum(-1)  # type: ignore[no-any-return]


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Chances from their logarithms (up to a constant, over the last axis) or, if binary, from log odds.

    >>> import rushlight as torch
    >>> torch.distributions.utils.logits_to_probs(torch.zeros(2), is_binary=True)
    tensor([0.5000, 0.5000])
    """
    return sigmoid(logits) if is_binary else softmax(logits, dim=-1)  # type: ignore[no-any-return]


def clamp_probs(probs: Tensor) -> Tensor:
    """Chances kept a unit in the last place away from 0 and 1; integers as the default dtype would be kept."""
    kind = probs.dtype if probs.dtype.is_floating_point else get_default_dtype()
    eps = finfo(kind).eps
    return probs.clamp(min=eps, max=1 - eps)  # type: ignore[no-any-return]


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logarithms of chances or, if binary, log odds."""
    inside = clamp_probs(probs)
    logs = log(inside)
    return logs - log1p(-inside) if is_binary else logs  # type: ignore[no-any-return]


class lazy_property:
    """An attribute computed when first read, with gradients whatever the mode, and kept in the instance.

    >>> class Square:
    ...     def __init__(self, side): self.side = side
    ...     @lazy_property
    ...     def area(self): return self.side ** 2
    >>> square = Square(3)
    >>> square.area, "area" in vars(square)
    (9, True)
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What a class gives for a lazy attribute: a property, for tools that make documentation."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements of D × D matrices on and under a diagonal, in rows, as vectors.

    Raises ValueError for a diagonal that the matrix has not.
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    places = arange(n)
    chosen = places < places.view(-1, 1) + (diag + 1)
    return mat[..., chosen]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Vectors as lower triangular matrices, filled in rows up to a diagonal; the inverse of `tril_matrix_to_vec`.

    Raises ValueError for a length that no matrix has.
    """
    count = vec.shape[-1]
    # The number of elements is (n + diag)(n + diag + 1)/2, but for the corner that a diagonal above the main one cuts off.
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part of a square D x D matrix."
        )
    size = round(n)
    matrix = vec.new_zeros(vec.shape[:-1] + Size((size, size)))
    rows, columns = tril_indices(size, size, diag)
    matrix[..., rows, columns] = vec
    return matrix
