"""The extension `linalg`: matrices in the last two axes, any number of axes before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import rushlight as torch
from rushlight import Tensor, dtype

from .promotion import together
from .statistics import Axes, axes_of, sum

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


class Eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class QR(NamedTuple):
    Q: Tensor
    R: Tensor


class Slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


class SVD(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product."""
    return torch.matmul(*together(x1, x2))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """Each matrix with its axes exchanged."""
    return x.mT


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The product of two tensors, summed over pairs of axes: so many last ones with so many first ones, or those named."""
    return torch.tensordot(*together(x1, x2), dims=axes)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The products of vectors along an axis, the first conjugated."""
    left, right = together(x1, x2)
    if left.shape[axis] != right.shape[axis]:
        raise ValueError(f"vecdot(): the vectors have lengths {left.shape[axis]} and {right.shape[axis]}")
    left, right = torch.broadcast_tensors(torch.moveaxis(left, axis, -1), torch.moveaxis(right, axis, -1))
    return torch.matmul(left[..., None, :].conj(), right[..., None])[..., 0, 0]


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """Cholesky's factor of positive definite matrices, lower unless `upper`."""
    return torch.linalg.cholesky(x, upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The vector products of vectors of length 3 along an axis."""
    return torch.linalg.cross(*torch.broadcast_tensors(*together(x1, x2)), dim=axis)


def det(x: Tensor, /) -> Tensor:
    """The determinants."""
    return torch.linalg.det(x)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals, as views."""
    return torch.diagonal(x, offset, -2, -1)


def eigh(x: Tensor, /) -> Eigh:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    return Eigh(*torch.linalg.eigh(x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Eigenvalues of Hermitian matrices."""
    return torch.linalg.eigvalsh(x)


def inv(x: Tensor, /) -> Tensor:
    """The inverses."""
    return torch.linalg.inv(x)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Tensor:
    """A norm of each matrix."""
    return torch.linalg.matrix_norm(x, "fro" if ord is None else ord, keepdim=keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """The n-th powers of square matrices; the inverses' for a negative n."""
    return torch.linalg.matrix_power(x, n)


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The numbers of singular values larger than `rtol` times the largest."""
    return torch.linalg.matrix_rank(x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of each element of one vector with each of another."""
    return torch.outer(*together(x1, x2))


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The pseudo-inverses; singular values below `rtol` times the largest count as zero."""
    return torch.linalg.pinv(x, rtol=rtol)


def qr(x: Tensor, /, *, mode: str = "reduced") -> QR:
    """Orthonormal columns and an upper triangle whose product is the matrix."""
    return QR(*torch.linalg.qr(x, mode))


def slogdet(x: Tensor, /) -> Slogdet:
    """The determinants as signs and logarithms of absolute values."""
    return Slogdet(*torch.linalg.slogdet(x))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The x with x1 @ x = x2. Only a tensor of one axis is a vector here; PyTorch guesses by shapes."""
    left, right = together(x1, x2)
    if right.ndim == 1:
        return torch.linalg.solve(left, right[:, None])[..., 0]
    # As many axes on both sides, so that PyTorch has nothing to guess.
    axes = max(left.ndim, right.ndim)
    left, right = (x.reshape((1,) * (axes - x.ndim) + tuple(x.shape)) for x in (left, right))
    return torch.linalg.solve(left, right)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVD:
    """The singular value decomposition."""
    return SVD(*torch.linalg.svd(x, full_matrices=full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values."""
    return torch.linalg.svdvals(x)


def trace(x: Tensor, /, *, offset: int = 0, dtype: dtype | None = None) -> Tensor:
    """The sums of diagonals."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x: Tensor, /, *, axis: Axes = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """A norm of the vectors over axes, all elements of each being one vector."""
    axes = axes_of(x, axis)
    if axes:
        return torch.linalg.vector_norm(x, ord, axes, keepdim=keepdims)
    if ord == 0:
        return (x != 0).to(x.dtype.to_real())
    return torch.abs(x)
