"""`torch.linalg` against PyTorch's: results, errors raised at the call, gradients of factorizations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rushlight
from tests.both import Program, Raised, assert_alike, check, run

SINGULAR = [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 0.0]]
INDEFINITE = [[1.0, 2.0], [2.0, 1.0]]
NAN = [[float("nan")] * 3] * 3


def _draw(*shape: int, seed: int = 0, complex_: bool = False) -> np.ndarray:
    draw = np.random.default_rng(seed)
    found = draw.standard_normal(shape)
    return found + 1j * draw.standard_normal(shape) if complex_ else found


def _made(t: Any, *shape: int, seed: int = 0, complex_: bool = False, grad: bool = False) -> Any:
    return t.tensor(_draw(*shape, seed=seed, complex_=complex_), requires_grad=grad)


def _symmetric(t: Any, n: int, complex_: bool = False) -> Any:
    x = _made(t, 2, n, n, complex_=complex_)
    return x + x.mH


ERRORS: dict[str, Program] = {
    "inv singular": lambda t: t.linalg.inv(t.tensor(SINGULAR)),
    "inv of a batch": lambda t: t.linalg.inv(t.stack([t.eye(3), t.tensor(SINGULAR)])),
    "inverse": lambda t: t.inverse(t.tensor(SINGULAR)),
    "inv_ex": lambda t: t.linalg.inv_ex(t.tensor(SINGULAR), check_errors=True),
    "inv not square": lambda t: t.linalg.inv(t.ones(2, 3)),
    "inv of a vector": lambda t: t.linalg.inv(t.ones(3)),
    "solve singular": lambda t: t.linalg.solve(t.tensor(SINGULAR), t.ones(3)),
    "solve of a batch": lambda t: t.linalg.solve(t.stack([t.eye(3), t.tensor(SINGULAR)]), t.ones(2, 3, 1)),
    "solve_ex": lambda t: t.linalg.solve_ex(t.tensor(SINGULAR), t.ones(3, 1), check_errors=True),
    "solve shapes": lambda t: t.linalg.solve(t.eye(3), t.ones(5, 3)),
    "solve from the right": lambda t: t.linalg.solve(t.eye(3), t.ones(3, 5), left=False),
    "solve dtypes": lambda t: t.linalg.solve(t.eye(3), t.ones(3, 1).double()),
    "cholesky": lambda t: t.linalg.cholesky(t.tensor(INDEFINITE)),
    "cholesky of a batch": lambda t: t.linalg.cholesky(t.stack([t.eye(2), t.tensor(INDEFINITE)])),
    "cholesky_ex": lambda t: t.linalg.cholesky_ex(t.tensor(INDEFINITE), check_errors=True),
    "cholesky of NaN": lambda t: t.linalg.cholesky(t.tensor(NAN)),
    "svd of NaN": lambda t: t.linalg.svd(t.tensor(NAN)),
    "svdvals of NaN": lambda t: t.linalg.svdvals(t.tensor(NAN)),
    "eigvalsh of NaN": lambda t: t.linalg.eigvalsh(t.tensor(NAN)),
    "eig of NaN": lambda t: t.linalg.eig(t.tensor(NAN)),
    "lu_factor singular": lambda t: t.linalg.lu_factor(t.tensor(SINGULAR)),
    "lu_factor_ex singular": lambda t: t.linalg.lu_factor_ex(t.tensor(SINGULAR), check_errors=True),
    "lu without pivots": lambda t: t.linalg.lu(t.eye(3), pivot=False),
    "lu of a vector": lambda t: t.linalg.lu(t.ones(3)),
    "lu_solve shapes": lambda t: t.linalg.lu_solve(*t.linalg.lu_factor(t.eye(3)), t.ones(5, 3)),
    "lu_solve dtypes": lambda t: t.linalg.lu_solve(*t.linalg.lu_factor(t.eye(3)), t.ones(3, 3).double()),
    "lu_solve pivots": lambda t: t.linalg.lu_solve(t.eye(3), t.tensor([1, 2, 3]), t.ones(3, 3)),
    "lu_solve of a vector": lambda t: t.linalg.lu_solve(*t.linalg.lu_factor(t.eye(3)), t.ones(3)),
    "lu_solve not square": lambda t: t.linalg.lu_solve(t.ones(5, 3), t.ones(3, dtype=t.int32), t.ones(5, 3)),
    "lu_unpack pivots": lambda t: t.lu_unpack(t.eye(3), t.tensor([1, 2, 3])),
    "householder reflections": lambda t: t.linalg.householder_product(t.ones(5, 3), t.ones(4)),
    "householder wide": lambda t: t.linalg.householder_product(t.ones(3, 5), t.ones(3)),
    "householder dtypes": lambda t: t.linalg.householder_product(t.ones(5, 3), t.ones(3).double()),
    "householder axes": lambda t: t.linalg.householder_product(t.ones(5, 3), t.ones(2, 3)),
    "householder of a vector": lambda t: t.linalg.householder_product(t.ones(3), t.ones(2)),
    "ormqr": lambda t: t.ormqr(t.ones(5, 3), t.ones(3), t.ones(4, 2)),
    "ormqr reflections": lambda t: t.ormqr(t.ones(5, 3), t.ones(4), t.ones(5, 2)),
    "tensorinv": lambda t: t.linalg.tensorinv(t.ones(2, 3, 5)),
    "tensorinv axes": lambda t: t.linalg.tensorinv(t.ones(2, 3, 6), ind=0),
    "tensorsolve": lambda t: t.linalg.tensorsolve(t.ones(2, 3, 5), t.ones(2, 3)),
    "qr mode": lambda t: t.linalg.qr(t.eye(3), mode="full"),
    "eigh triangle": lambda t: t.linalg.eigh(t.eye(3), UPLO="X"),
    "matrix_norm order": lambda t: t.linalg.matrix_norm(t.eye(3), ord=3),
    "norm axes": lambda t: t.linalg.norm(t.ones(2, 2, 2), ord=1),
    "pca_lowrank": lambda t: t.pca_lowrank(t.ones(5, 3), 7),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_raised_at_the_call(name: str) -> None:
    wanted, got = run(ERRORS[name], torch), run(ERRORS[name], rushlight)
    assert isinstance(wanted, Raised) and isinstance(got, Raised), f"{got!r}, PyTorch: {wanted!r}"
    assert got.kind.strip("_") == wanted.kind.strip("_"), f"{got!r}, PyTorch: {wanted!r}"
    assert wanted.text.split("\n")[0] in got.text


def test_a_failure_leaves_the_rest_usable() -> None:
    before = rushlight.ones(2) + 1
    with pytest.raises(rushlight.linalg.LinAlgError):
        rushlight.linalg.cholesky(rushlight.tensor(INDEFINITE))
    assert before.tolist() == [2.0, 2.0]
    assert issubclass(rushlight.linalg.LinAlgError, RuntimeError)


RESULTS: dict[str, Program] = {
    "inv_ex": lambda t: t.linalg.inv_ex(_made(t, 2, 3, 3)),
    "inv_ex singular": lambda t: t.linalg.inv_ex(t.stack([t.eye(3), t.tensor(SINGULAR)])).info,
    "cholesky_ex": lambda t: t.linalg.cholesky_ex(_symmetric(t, 3) + 9 * t.eye(3, dtype=t.float64)),
    "cholesky_ex upper": lambda t: t.linalg.cholesky_ex(3 * t.eye(3, dtype=t.float64) + 1, upper=True),
    "cholesky_ex indefinite": lambda t: t.linalg.cholesky_ex(t.stack([t.eye(2), t.tensor(INDEFINITE)])).info,
    "cholesky reads one triangle": lambda t: t.linalg.cholesky(t.tensor([[4.0, 99.0], [2.0, 5.0]])),
    "cholesky reads the other triangle": lambda t: t.linalg.cholesky(t.tensor([[4.0, 2.0], [99.0, 5.0]]), upper=True),
    "solve_ex": lambda t: t.linalg.solve_ex(_made(t, 3, 3), _made(t, 3, 2)),
    "solve from the right": lambda t: t.linalg.solve(_made(t, 3, 3), _made(t, 2, 3), left=False),
    "solve broadcast": lambda t: t.linalg.solve(_made(t, 4, 1, 3, 3), _made(t, 2, 3, 2)),
    "lu_factor": lambda t: t.linalg.lu_factor(_made(t, 2, 40, 36)),
    "lu_factor_ex": lambda t: t.linalg.lu_factor_ex(t.tensor(SINGULAR)),
    "lu of NaN": lambda t: t.linalg.lu(t.tensor(NAN)).U.isnan().all(),
    "lu": lambda t: t.linalg.lu(_made(t, 2, 3, 5)),
    "torch.lu": lambda t: tuple(t.lu(_made(t, 3, 3), get_infos=True)),
    "Tensor.lu": lambda t: _made(t, 3, 3).lu(),
    "lu_unpack": lambda t: t.lu_unpack(*t.linalg.lu_factor(_made(t, 5, 3))),
    "lu_unpack pivots": lambda t: t.lu_unpack(*t.linalg.lu_factor(_made(t, 5, 3)), unpack_data=False),
    "lu_unpack data": lambda t: t.lu_unpack(*t.linalg.lu_factor(_made(t, 5, 3)), unpack_pivots=False),
    "torch.lu_solve": lambda t: t.lu_solve(_made(t, 3, 2), *t.linalg.lu_factor(_made(t, 3, 3))),
    "ldl_factor": lambda t: t.linalg.ldl_factor(_symmetric(t, 12)),
    "ldl_factor_ex": lambda t: t.linalg.ldl_factor_ex(t.zeros(3, 3)),
    "ldl_factor without a diagonal": lambda t: t.linalg.ldl_factor(t.tensor([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]])),
    "geqrf": lambda t: t.geqrf(_made(t, 2, 5, 3)),
    "householder_product": lambda t: t.linalg.householder_product(*t.geqrf(_made(t, 5, 3))),
    "orgqr": lambda t: t.orgqr(*t.geqrf(_made(t, 5, 3))),
    "ormqr": lambda t: t.ormqr(*t.geqrf(_made(t, 5, 3)), _made(t, 5, 2)),
    "ormqr transposed": lambda t: t.ormqr(*t.geqrf(_made(t, 5, 3)), _made(t, 2, 5), left=False, transpose=True),
    "tensorinv": lambda t: t.linalg.tensorinv(_made(t, 2, 3, 6)),
    "tensorsolve": lambda t: t.linalg.tensorsolve(_made(t, 6, 2, 3), _made(t, 6)),
    "tensorsolve axes": lambda t: t.linalg.tensorsolve(_made(t, 6, 2, 3), _made(t, 2, 3), dims=(0,)),
    "svd_lowrank": lambda t: [x.abs() for x in t.svd_lowrank(_made(t, 8, 5), 5)],
    "svd_lowrank wide": lambda t: [x.abs() for x in t.svd_lowrank(_made(t, 4, 9), 4, M=_made(t, 9, seed=3))],
    "pca_lowrank": lambda t: [x.abs() for x in t.pca_lowrank(_made(t, 8, 5), 5)],
    "matrix_exp of large numbers": lambda t: t.linalg.matrix_exp(7 * _made(t, 3, 3)),
    "norms of matrices": lambda t: [
        t.linalg.matrix_norm(_made(t, 2, 3, 4), o) for o in ("fro", "nuc", 1, -1, 2, -2, float("inf"))
    ],
    "slogdet": lambda t: t.linalg.slogdet(_made(t, 2, 3, 3)),
    "names of results": lambda t: [
        type(t.linalg.slogdet(t.eye(2))).__name__,
        t.linalg.slogdet(t.eye(2))._fields if t is rushlight else ("sign", "logabsdet"),
    ],
}


@pytest.mark.parametrize("name", RESULTS)
def test_results(name: str) -> None:
    check(RESULTS[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_ldl(n: int, hermitian: bool, complex_: bool) -> None:
    def program(t: Any) -> Any:
        x = _made(t, 2, n, n, complex_=complex_)
        x = x + (x.mH if hermitian else x.mT)
        x = x * (1 - 0.999 * t.eye(n, dtype=t.float64))  # small diagonals, so that blocks of two come
        found = t.linalg.ldl_factor(x, hermitian=hermitian)
        return found, t.linalg.ldl_solve(*found, _made(t, 2, n, 3, complex_=complex_), hermitian=hermitian)

    check(program, rtol=1e-6, atol=1e-7)


GRADIENTS: dict[str, tuple[tuple[tuple[int, ...], ...], Any]] = {
    "lu_factor": (((2, 3, 3),), lambda t, a: t.linalg.lu_factor(a)[0]),
    "lu_factor tall": (((5, 3),), lambda t, a: t.linalg.lu_factor(a)[0]),
    "lu_factor wide": (((3, 5),), lambda t, a: t.linalg.lu_factor(a)[0]),
    "lu": (((4, 3),), lambda t, a: t.linalg.lu(a)[1:]),
    "lu_unpack": (((3, 3),), lambda t, a: t.lu_unpack(*t.linalg.lu_factor(a))[1:]),
    "lu_solve": (((3, 3), (3, 2)), lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b)),
    "lu_solve from the right": (
        ((3, 3), (2, 3)),
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, left=False),
    ),
    "lu_solve adjoint": (((3, 3), (3, 2)), lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, adjoint=True)),
    "inv_ex": (((2, 3, 3),), lambda t, a: t.linalg.inv_ex(a)[0]),
    "solve_ex": (((3, 3), (3, 2)), lambda t, a, b: t.linalg.solve_ex(a, b)[0]),
    "cholesky_ex": (((3, 3),), lambda t, a: t.linalg.cholesky_ex(a @ a.mH + t.eye(3))[0]),
    "cholesky upper": (((3, 3),), lambda t, a: t.linalg.cholesky(a @ a.mH + t.eye(3), upper=True)),
    "householder_product": (((5, 3), (3,)), lambda t, a, b: t.linalg.householder_product(a, b)),
    "ormqr": (((5, 3), (3,), (5, 2)), lambda t, a, b, c: t.ormqr(a, b, c)),
    "ormqr from the right": (((5, 3), (3,), (2, 5)), lambda t, a, b, c: t.ormqr(a, b, c, left=False)),
    "tensorinv": (((2, 3, 6),), lambda t, a: t.linalg.tensorinv(a)),
    "tensorsolve": (((6, 2, 3), (6,)), lambda t, a, b: t.linalg.tensorsolve(a, b)),
}


def _gradients(t: Any, shapes: tuple[tuple[int, ...], ...], call: Any, complex_: bool) -> list[Any]:
    leaves = [_made(t, *shape, seed=n, complex_=complex_, grad=True) for n, shape in enumerate(shapes)]
    found = call(t, *leaves)
    outputs = list(found) if isinstance(found, tuple) else [found]
    cotangents = [_made(t, *x.shape, seed=9, complex_=complex_, grad=True) for x in outputs]
    first = t.autograd.grad(outputs, leaves, cotangents, create_graph=True)
    weights = [_made(t, *x.shape, seed=5, complex_=complex_) for x in first]
    second = t.autograd.grad(first, [*leaves, *cotangents], weights, allow_unused=True)
    return [*first, *[x if x is not None else t.zeros(()) for x in second]]


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_twice(name: str, complex_: bool) -> None:
    shapes, call = GRADIENTS[name]
    wanted, got = _gradients(torch, shapes, call, complex_), _gradients(rushlight, shapes, call, complex_)
    for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
        assert_alike(a.detach().clone(), b.detach().clone(), 1e-6, 1e-6, f"gradient {number}")


def test_no_gradient_of_geqrf() -> None:
    x = rushlight.ones(3, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="geqrf' is not implemented"):
        rushlight.geqrf(x).a.sum().backward()
