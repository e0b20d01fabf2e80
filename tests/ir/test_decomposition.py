"""Decompositions: against NumPy-free identities and PyTorch, and their gradients twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch as peer

import rushlight as torch

L = torch.linalg


def _hermitian(x: Any) -> Any:
    return x @ x.mH + torch.eye(x.shape[-1], dtype=x.dtype)


# Vectors are compared by their size: their phase is free.
CASES: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "inv": ((2, 3, 3), L.inv),
    "det": ((2, 3, 3), L.det),
    "slogdet": ((3, 3), lambda x: L.slogdet(x)[1]),
    "solve": ((3, 3), lambda x: L.solve(x, x[:, :2] * 2 + 1)),
    "cholesky": ((3, 3), lambda x: L.cholesky(_hermitian(x))),
    "qr": ((4, 3), lambda x: [part.abs() for part in L.qr(x)]),
    "eigh": ((3, 3), lambda x: [part.abs() for part in L.eigh(_hermitian(x))]),
    "eig": ((3, 3), lambda x: [part.abs() for part in L.eig(x)]),
    "svd": ((4, 3), lambda x: [part.abs() for part in L.svd(x, False)]),
    "wide svd": ((3, 4), lambda x: [part.abs() for part in L.svd(x, False)]),
    "pinv": ((4, 3), L.pinv),
    "matrix_exp": ((3, 3), L.matrix_exp),
    "nuclear norm": ((4, 3), lambda x: L.matrix_norm(x, "nuc")),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_gradients_twice(name: str, dtype: Any) -> None:
    shape, function = CASES[name]
    torch.manual_seed(1)
    x = torch.randn(*shape, dtype=dtype, requires_grad=True)
    assert torch.autograd.gradcheck(function, [x])
    assert torch.autograd.gradgradcheck(function, [x])


@pytest.mark.parametrize("name", ["inv", "det", "eigvalsh", "svdvals", "matrix_exp", "pinv", "matrix_rank", "cond"])
def test_values_are_pytorchs(name: str) -> None:
    peer.manual_seed(0)
    torch.manual_seed(0)
    theirs = getattr(peer.linalg, name)(peer.randn(2, 4, 4, dtype=peer.float64))
    ours = getattr(L, name)(torch.randn(2, 4, 4, dtype=torch.float64))
    peer.testing.assert_close(peer.from_numpy(ours.numpy()), theirs)


def test_a_singular_matrix_has_a_determinants_gradient() -> None:
    x = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    torch.det(x).backward()
    assert torch.allclose(x.grad, torch.tensor([[4.0, -2.0], [-2.0, 1.0]], dtype=torch.float64))


def test_a_singular_matrix_has_no_inverse() -> None:
    with pytest.raises(L.LinAlgError, match="singular"):
        L.inv(torch.zeros(2, 2)).tolist()
