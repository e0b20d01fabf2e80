"""`torch.linalg`: norms, decompositions, solving; and the names of it that `torch` and `Tensor` have."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ..dtype import FLOATING, bool_, complex128, dtype, float64, int64
from ..ir import decomposition, scalar, view
from ..ir.component import components
from ..ir.graph import Node
from ..ir.lapack import LinAlgError
from . import factorizations
from .casting import casting
from .factorizations import (
    checked,
    cholesky_ex,
    from_upper,
    householder_product,
    inv_ex,
    labelled,
    ldl_factor,
    ldl_factor_ex,
    ldl_solve,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    matrix,
    solve_ex,
    solved,
    square,
    tensorinv,
    tensorsolve,
)
from .products import linalg_cross as cross
from .products import matmul, multi_dot
from .public import public, with_out
from .reductions import norm_node, normed_node
from .return_types import return_type
from .tensor import Tensor, from_array, from_values, node_of, wrap, wrap_axes

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]

qr_result = return_type("linalg_qr", "Q R")
svd_result = return_type("linalg_svd", "U S Vh")
eigh_result = return_type("linalg_eigh", "eigenvalues eigenvectors")
eig_result = return_type("linalg_eig", "eigenvalues eigenvectors")
slogdet_result = return_type("linalg_slogdet", "sign logabsdet")
old_svd_result = return_type("svd", "U S V")
old_qr_result = return_type("qr", "Q R")
triangular_solve_result = return_type("triangular_solve", "solution cloned_coefficient")
lstsq_result = return_type("linalg_lstsq", "solution residuals rank singular_values")


def inv(A: Tensor) -> Tensor:
    """The inverse of a matrix (or of each of a batch)."""
    return checked(decomposition.inverse(square("linalg.inv", A)), "LinalgInvEx")


def det(A: Tensor) -> Tensor:
    """The determinant."""
    return labelled(decomposition.determinant(matrix("linalg.det", A)), "LinalgDet")


def slogdet(A: Tensor) -> Any:
    """Sign and logarithm of the absolute value of the determinant."""
    sign, logarithm = components(decomposition.sign_log_determinant(matrix("linalg.slogdet", A)))
    return slogdet_result(labelled(sign, "LinalgSlogdet"), labelled(logarithm, "LinalgSlogdet"))


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower (or upper) triangular L with A = L L^H, of a positive-definite matrix."""
    node = square("linalg.cholesky", A)
    factor = decomposition.cholesky(from_upper(node) if upper else node)
    return checked(decomposition.adjoint(factor) if upper else factor, "LinalgCholeskyEx")


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """A = Q R with orthonormal Q and upper triangular R."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    q, r = components(decomposition.qr(matrix("linalg.qr", A), complete=mode == "complete"))
    if mode == "r":
        return qr_result(A.new_empty(0), labelled(r, "LinalgQr"))
    return qr_result(labelled(q, "LinalgQr"), labelled(r, "LinalgQr"))


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """A = U diag(S) Vh with orthonormal U and Vh, S descending."""
    parts = components(decomposition.svd(matrix("linalg.svd", A), full=bool(full_matrices)))
    return svd_result(*[checked(part, "LinalgSvd") for part in parts])


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, descending."""
    return checked(decomposition.singular_values(matrix("linalg.svd", A)), "LinalgSvd")


def _hermitian(op: str, A: Tensor, UPLO: str) -> Node:
    """A matrix made of one triangle, as LAPACK reads it."""
    node = matrix(op, A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    n = node.type.shape[-1]
    rows = np.arange(n)[:, None]
    keep = rows >= np.arange(n) if UPLO.upper() == "L" else rows <= np.arange(n)
    own = scalar.select(node_of(from_array(keep, bool_)), node, decomposition.adjoint(node))
    # As in PyTorch the gradient is that of a Hermitian matrix, whichever triangle is read.
    return view.graft(own, node) if node.tracked else own


def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues (ascending) and eigenvectors of a Hermitian matrix."""
    parts = components(decomposition.eigh(_hermitian("linalg.eigh", A, UPLO)))
    return eigh_result(*[checked(part, "LinalgEigh") for part in parts])


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a Hermitian matrix, ascending."""
    return checked(decomposition.eigenvalues_hermitian(_hermitian("linalg.eigh", A, UPLO)), "LinalgEigh")


def eig(A: Tensor) -> Any:
    """Eigenvalues and eigenvectors (complex, of length 1) of a square matrix."""
    parts = components(decomposition.eig(matrix("linalg.eig", A)))
    return eig_result(*[checked(part, "LinalgEig") for part in parts])


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of a square matrix, complex."""
    return eig(A)[0]


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B (or X A = B)."""
    result, _ = solved("linalg.solve", A, B, left, decomposition.solve)
    return checked(result, "LinalgSolveEx")


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X with A X = B (or X A = B) for a triangular A, of which one triangle is read."""
    node = matrix("linalg.solve_triangular", A)
    n = node.type.shape[-1]
    rows, columns = np.arange(n)[:, None], np.arange(n)
    keep = rows < columns if upper else rows > columns
    own = keep if unitriangular else keep | (rows == columns)
    triangle = scalar.select(node_of(from_array(own, bool_)), node, scalar.number(0, A.dtype))
    if unitriangular:
        triangle = scalar.add(triangle, node_of(from_values(np.eye(n), A.dtype)))
    return solve(wrap(triangle), B, left=left)


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A multiplied by itself n times; of the inverse where n < 0."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {A.shape[-2] if A.ndim > 1 else 1} by {A.shape[-1] if A.ndim else 1} matrices"
        )
    if n < 0:
        return matrix_power(inv(A), -n)
    result: Tensor | None = None
    power = A
    while n:
        if n & 1:
            result = power if result is None else matmul(result, power)
        n >>= 1
        power = matmul(power, power) if n else power
    if result is None:
        eye = from_values(np.broadcast_to(np.eye(A.shape[-1]), tuple(A.shape)).copy(), A.dtype)
        never = scalar.number(False, bool_)  # nothing of A stays but that it requires grad
        return wrap(scalar.select(never, node_of(A), node_of(eye)))
    return result.clone() if result is A else result


def matrix_exp(A: Tensor) -> Tensor:
    """The matrix exponential: a Taylor polynomial of the scaled matrix, squared back (scaling and squaring, Higham 2005)."""
    if A.dtype.name in ("float16", "bfloat16", "float32", "complex64"):  # computed wide, rounded once
        wide = A.to(complex128 if A.dtype.is_complex else float64)
        return matrix_exp(wide).to(A.dtype)
    node = matrix("linalg.matrix_exp", A)
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError("linalg.matrix_exp: A must be batches of square matrices")
    size = float(np.abs(A.detach()._array()).sum(-1).max(initial=0))
    squarings = max(0, int(np.ceil(np.log2(size / 0.25)))) if size > 0.25 and np.isfinite(size) else 0
    scaled = scalar.mul(node, scalar.number(2.0**-squarings, A.dtype))
    eye = node_of(from_values(np.eye(A.shape[-1]), A.dtype))
    result = eye
    for k in range(18, 0, -1):
        result = scalar.add(eye, scalar.mul(decomposition.matmul(scaled, result), scalar.number(1.0 / k, A.dtype)))
    for _ in range(squarings):
        result = decomposition.matmul(result, result)
    return labelled(view.expand(result, node.type.shape), "LinalgMatrixExp")


# ---- norms ----


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """The p-norm of all elements or over `dim`."""
    node = normed_node(x, dtype)
    axes = (
        tuple(range(x.ndim)) if dim is None or dim == () or dim == [] else wrap_axes("linalg.vector_norm", dim, x.ndim)
    )
    if any(node.type.shape[axis] == 0 for axis in axes) and (ord in (inf, -inf) or ord < 0):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does not have an identity"
        )
    return labelled(norm_node(node, float(ord), axes, keepdim), "LinalgVectorNorm")


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """A norm of matrices: 'fro', 'nuc', inf, -inf, 1, -1, 2, -2."""
    if dtype is not None:
        A = A.to(dtype)
    axes = wrap_axes("linalg.matrix_norm", dim, A.ndim)
    if len(axes) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    if ord == "fro":
        return vector_norm(A, 2, axes, keepdim)
    if ord in (1, -1, inf, -inf):
        rows, columns = axes if abs(ord) == 1 else axes[::-1]
        sums = vector_norm(A, 1, rows, True)
        if ord > 0 and not sums.shape[columns]:
            result = sums.sum(columns, True)
        else:
            pick = sums.amax if ord > 0 else sums.amin
            result = pick(columns, True)
        return result if keepdim else result.squeeze(axes)
    if ord not in ("nuc", 2, -2):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    moved = A.movedim(axes, (-2, -1))
    values = svdvals(moved)
    result = {
        "nuc": lambda: values.sum(-1),
        2: lambda: values.amax(-1) if values.shape[-1] else values.sum(-1),
        -2: lambda: values.amin(-1),
    }[ord]()
    if keepdim:
        for axis in sorted(axes):
            result = result.unsqueeze(axis)
    return result


def norm(
    input: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """`vector_norm` or `matrix_norm`, by how many axes and what order is asked for."""
    A = input
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    count = A.ndim if dim is None else 1 if isinstance(dim, int) else len(dim)
    if isinstance(ord, str) or count == 2:
        if dim is None and A.ndim != 2:
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
            )
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if dim is None and A.ndim > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


# ---- rank, pseudo-inverse, least squares ----


def _tolerance(values: Tensor, A: Tensor, atol: Any, rtol: Any) -> Tensor:
    top = values.amax(-1, keepdim=True)
    eps = float(np.finfo(A.dtype.to_real().storage).eps) * max(A.shape[-2:])
    # Without `rtol` the default holds, save where `atol` is given and positive.
    if isinstance(rtol, Tensor):
        relative: Any = rtol.unsqueeze(-1)
    elif rtol is not None:
        relative = rtol
    elif isinstance(atol, Tensor):
        relative = (atol <= 0).to(top.dtype).unsqueeze(-1) * eps
    else:
        relative = 0.0 if atol is not None and atol > 0 else eps
    bound = top * relative
    if atol is None:
        return bound
    return bound.clamp(min=atol) if not isinstance(atol, Tensor) else bound.maximum(atol.unsqueeze(-1).to(bound.dtype))


def matrix_rank(A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, tol: Any = None) -> Tensor:
    """How many singular values are not negligible."""
    values = eigvalsh(A).abs() if hermitian else svdvals(A)
    if not values.shape[-1]:
        return from_array(np.zeros(tuple(values.shape)[:-1], np.int64), int64)
    bound = _tolerance(values, A, tol if tol is not None else atol, 0.0 if tol is not None else rtol)
    return (values > bound).sum(-1)


def pinv(A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, rcond: Any = None) -> Tensor:
    """The pseudo-inverse (Moore and Penrose)."""
    matrix("linalg.pinv", A)
    if 0 in A.shape[-2:]:
        return A.mT.clone()
    if hermitian:
        values, vectors = eigh(A.detach())
        s, vh = values.abs(), vectors.mH
        u = vectors * values.sgn().unsqueeze(-2).to(A.dtype)
    else:
        u, s, vh = svd(A.detach(), False)
    bound = _tolerance(s.detach(), A, atol, rtol if rcond is None else rcond)
    keep = s.detach() > bound
    inverse = _inverse_where(keep, s)
    scaled = vh.mH * inverse.unsqueeze(-2).to(A.dtype)
    value = matmul(scaled, u.mH)
    return labelled(decomposition.pseudo_inverse(node_of(A), node_of(value)), "LinalgPinv")


def _inverse_where(keep: Tensor, s: Tensor) -> Tensor:
    mask, values = node_of(keep), node_of(s)
    kind = s.dtype
    safe = scalar.select(mask, values, scalar.number(1, kind))
    return wrap(scalar.select(mask, scalar.reciprocal(safe), scalar.number(0, kind)))


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X that makes |A X - B| least."""
    matrix("linalg.lstsq", A)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss) — got {driver!r}"
        )
    vector = A.ndim == B.ndim + 1
    right = B.unsqueeze(-1) if vector else B
    solution = matmul(pinv(A, rtol=rcond), right)
    rank = matrix_rank(A.detach(), rtol=rcond)
    m, n = A.shape[-2:]
    real = A.dtype.to_real()
    full = m > n and (driver == "gels" or bool((rank == n).all()))
    if full and driver != "gelsy" and driver is not None:
        residuals = (matmul(A, solution) - right).abs().square().sum(-2)
    else:
        residuals = A.new_empty(0, dtype=real)
    values = svdvals(A.detach()) if driver in ("gelsd", "gelss") else A.new_empty(0, dtype=real)
    if driver == "gels":
        rank = A.new_empty(0, dtype=int64)
    return lstsq_result(solution.squeeze(-1) if vector else solution, residuals, rank, values)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: for p None (2) or -2 by singular values, else norm(A) * norm(inv(A))."""
    if p in (None, 2, -2):
        values = svdvals(A)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Sums of conj(x) * y along an axis."""
    return (x.conj() * y).sum(dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of the last two axes."""
    return A.diagonal(offset, dim1, dim2)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Vandermonde's matrix: increasing powers of a vector's elements."""
    x = x if x.ndim else x.reshape(1)
    count = x.shape[-1] if N is None else N
    if N is not None and N <= 1:
        raise RuntimeError("N must be greater than 1.")
    if x.dtype.category < FLOATING:
        x = x.to(int64)
    return x.unsqueeze(-1) ** from_values(np.arange(count), int64)


# ---- names that torch and Tensor have ----


for _own in __all__:
    if _own == "matmul":
        globals()[_own] = with_out(matmul, False)
    elif _own not in ("LinAlgError", "diagonal", *factorizations.__all__):
        globals()[_own] = casting(f"linalg.{_own}", with_out(globals()[_own], False))


def _also(own: str, function: Any, label: str | None = None) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__name__ = own
    call.__doc__ = function.__doc__
    public(label)(call)


for _own, _function in {
    "inverse": inv,
    "det": det,
    "slogdet": slogdet,
    "matrix_power": matrix_power,
    "matrix_exp": matrix_exp,
    "pinverse": pinv,
}.items():
    _also(_own, _function)


@public("LinalgDet")
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where it is negative."""
    sign, logarithm = slogdet(input)
    return sign.log() + logarithm


@public("LinalgCholeskyEx")
def cholesky_(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky`."""
    return cholesky(input, upper=upper)


@public("LinalgSvd")
def svd_(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """U, S, V with input = U diag(S) V^H: PyTorch's older form, V not transposed."""
    u, s, vh = svd(input, not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        batch = tuple(input.shape)[:-2]
        return old_svd_result(input.new_zeros(*batch, m, m), s, input.new_zeros(*batch, n, n))
    return old_svd_result(u, s, vh.mH)


@public("LinalgQr")
def qr_(input: Tensor, some: bool = True) -> Any:
    """`linalg.qr` in PyTorch's older form."""
    return old_qr_result(*qr(input, "reduced" if some else "complete"))


@public("CholeskySolve")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, given A's Cholesky factor."""
    factor = L.mH if upper else L
    return solve(matmul(factor, factor.mH), B)


@public("CholeskyInverse")
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """A's inverse, given its Cholesky factor."""
    factor = L.mH if upper else L
    return inv(matmul(factor, factor.mH))


@public("TriangularSolve")
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """X with A X = b for a triangular A, and A again."""
    factor, up = (A.mT, not upper) if transpose else (A, upper)
    solution = solve_triangular(factor, b, upper=up, unitriangular=unitriangular)
    return triangular_solve_result(solution, A.clone())


@public("NuclearNorm", method=True, out=False)
def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of the singular values."""
    return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)
