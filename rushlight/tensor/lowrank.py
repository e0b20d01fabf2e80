"""Matrices of low rank by random projection: N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness" (2011)."""

from __future__ import annotations

from typing import Any

from .linalg import qr, svd
from .products import matmul
from .public import public
from .random import randn
from .tensor import Tensor

__all__ = ["pca_lowrank", "svd_lowrank"]


def _basis(A: Tensor, q: int, niter: int) -> Tensor:
    """Orthonormal columns that nearly span A's range (their algorithm 4.4)."""
    found = qr(matmul(A, randn(A.shape[-1], q, dtype=A.dtype))).Q
    for _ in range(niter):
        found = qr(matmul(A.mH, found)).Q
        found = qr(matmul(A, found)).Q
    return found


@public(method=False, out=False)
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> Any:
    """U, S, V with A - M nearly U diag(S) V^H, of q columns; draws a random matrix, as PyTorch's does."""
    q = 6 if q is None else q
    niter = 2 if niter is None else niter
    if M is not None:
        A = A - M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A = A.mH
    basis = _basis(A, q, niter)
    u, s, vh = svd(matmul(basis.mH, A), full_matrices=False)
    u, v = matmul(basis, u), vh.mH
    return (v, s, u) if wide else (u, s, v)


@public(method=False, out=False)
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """The q principal components of A's rows: U, S, V as `svd_lowrank` gives them of A less its mean row."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    centred = A - A.mean(-2, keepdim=True) if center else A
    return svd_lowrank(centred, q, niter=niter)
