"""Decompositions of (batches of) matrices: cholesky, qr, svd, eigh, eig, inverse, solve, determinant, exponential.

Computed by LAPACK through NumPy. Each vjp is the published formula: M. Giles, "An extended collection of matrix derivative results"
(2008) for inverse, solve, determinant and Cholesky; M. Seeger et al., "Auto-differentiating linear algebra" (2017) for QR and
eigh; J. Townsend, "Differentiating the singular value decomposition" (2016) for svd.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..dtype import bool_, float64
from . import lapack, scalar
from .component import component, components
from .contract import contract
from .contraction import build
from .graph import Node, input_node, mode
from .op import Cotangents, Op
from .reduce import spread, sum_, view_slice
from .scalar import add, cj, div, mul, neg, number, select, sub
from .type import TupleType, Type
from .view import concatenate, permute, reshape

# ---- small algebra on nodes ----


def matmul(a: Node, b: Node) -> Node:
    return contract(a, b, spec=build.matmul(a.type.shape, b.type.shape))


def transpose(x: Node) -> Node:
    n = x.type.ndim
    return permute(x, (*range(n - 2), n - 1, n - 2))


def adjoint(x: Node) -> Node:
    return cj(transpose(x))


def _mask(x: Node, keep: np.ndarray) -> Node:
    """x where `keep` holds on its last two axes, else 0."""
    return select(input_node(keep, Type.of(keep.shape, bool_)), x, number(0, x.type.dtype))


def _lower(x: Node) -> Node:
    return _mask(x, np.tri(*x.type.shape[-2:], dtype=bool))


def diagonal_matrix(values: Node) -> Node:
    """(…, n) as diagonal matrices (…, n, n)."""
    count = values.type.shape[-1]
    wide = reshape(values, (*values.type.shape, 1))
    eye = np.eye(count, dtype=bool)
    return select(input_node(eye, Type.of(eye.shape, bool_)), wide, number(0, values.type.dtype))


def diagonal_of(matrix: Node) -> Node:
    """The diagonal (…, min(m, n)) of square matrices."""
    rows, columns = matrix.type.shape[-2:]
    return sum_(_mask(matrix, np.eye(rows, columns, dtype=bool)), (matrix.type.ndim - 1,))


def square_matrices(op: str, x: Type) -> None:
    """RuntimeError unless x is a stack of square matrices."""
    if x.ndim < 2:
        raise RuntimeError(f"{op}: The input tensor A must have at least 2 dimensions.")
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{op}: A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )


# ---- inverse, solve, determinant ----


def _inverse_infer(x: Type) -> Type:
    square_matrices("linalg.inv", x)
    return x


def _inverse_eval(type: Type, x: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        lapack.refuse("linalg.inv", lapack.lu_factor(x)[2], lapack.SINGULAR)
        raise


def inverse_vjp(node: Node, g: Node) -> Cotangents:
    back = adjoint(node)
    return (neg(matmul(back, matmul(g, back))),)


inverse = Op(
    "inverse",
    infer=_inverse_infer,
    eval=_inverse_eval,
    vjp=inverse_vjp,
    anchor="decomposition",
)


def _solve_infer(a: Type, b: Type) -> Type:
    square_matrices("linalg.solve", a)
    if a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B ({a.shape} and {b.shape})"
        )
    return b


def _solve_eval(type: Type, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        lapack.refuse("torch.linalg.solve", lapack.lu_factor(a)[2], lapack.UNSOLVABLE)
        raise


def solve_vjp(node: Node, g: Node) -> Cotangents:
    a = node.operands[0]
    to_b = solve(adjoint(a), g)
    return neg(matmul(to_b, adjoint(node))), to_b


solve = Op(
    "solve",
    infer=_solve_infer,
    eval=_solve_eval,
    vjp=solve_vjp,
    anchor="decomposition",
)


def _determinant_infer(x: Type) -> Type:
    square_matrices("linalg.det", x)
    return Type.of(x.shape[:-2], x.dtype)


def _cofactors(x: np.ndarray) -> np.ndarray:
    """det(A)·A^-H by the singular values, so that singular matrices have a gradient too."""
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.stack([np.prod(np.delete(s, i, -1), -1) for i in range(n)], -1) if n else s
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return np.conj(sign)[..., None, None] * ((u * others[..., None, :]) @ vh)


def _determinant_vjp(node: Node, g: Node) -> Cotangents:
    x = node.operands[0]
    ndim = x.type.ndim
    if mode.tracking:  # the gradient is itself to be differentiated: built of ops that can be
        factor = mul(cj(node), g)
        return (mul(spread(factor, x.type.shape, (ndim - 2, ndim - 1)), adjoint(inverse(x))),)
    return (mul(spread(g, x.type.shape, (ndim - 2, ndim - 1)), cofactor(x)),)


cofactor = Op(
    "cofactor", infer=lambda x: x, eval=lambda type, x: _cofactors(x), vjp="nondifferentiable", anchor="decomposition"
)
determinant = Op(
    "determinant",
    infer=_determinant_infer,
    eval=lambda type, x: np.linalg.det(x),
    vjp=_determinant_vjp,
    anchor="decomposition",
)


def _sign_log_infer(x: Type) -> TupleType:
    square_matrices("linalg.slogdet", x)
    batch = x.shape[:-2]
    return TupleType.of(Type.of(batch, x.dtype), Type.of(batch, x.dtype.to_real()))


def _sign_log_vjp(node: Node, g: Node) -> Cotangents:
    x = node.operands[0]
    to_sign, to_log = components(g)
    factor = scalar.cast(to_log, dtype=x.type.dtype)
    if x.type.dtype.is_complex:
        sign = component(node, index=0)
        # The sign turns with the imaginary part of tr(A^-1 dA).
        turn = scalar.imag(mul(cj(to_sign), sign))
        factor = sub(factor, mul(scalar.cast(turn, dtype=x.type.dtype), number(1j, x.type.dtype)))
    axes = (x.type.ndim - 2, x.type.ndim - 1)
    return (mul(spread(factor, x.type.shape, axes), adjoint(inverse(x))),)


sign_log_determinant = Op(
    "sign_log_determinant",
    infer=_sign_log_infer,
    eval=lambda type, x: tuple(np.linalg.slogdet(x)),
    vjp=_sign_log_vjp,
    anchor="decomposition",
)

# ---- Cholesky ----


def _cholesky_infer(x: Type) -> Type:
    square_matrices("linalg.cholesky", x)
    return x


def _cholesky_eval(type: Type, x: np.ndarray) -> np.ndarray:
    try:
        found = np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        found = np.full((), np.nan)
    if not np.isfinite(found).all():
        lapack.refuse("linalg.cholesky", lapack.first_indefinite(x), lapack.INDEFINITE)
    return found


def cholesky_vjp(node: Node, g: Node) -> Cotangents:
    n = node.type.shape[-1]
    inner = matmul(adjoint(node), g)
    below, diagonal = _mask(inner, np.tri(n, k=-1, dtype=bool)), _mask(inner, np.eye(n, dtype=bool))
    symmetric = mul(add(add(below, adjoint(below)), diagonal), number(0.5, g.type.dtype))
    back = inverse(node)
    return (matmul(adjoint(back), matmul(symmetric, back)),)


cholesky = Op(
    "cholesky",
    infer=_cholesky_infer,
    eval=_cholesky_eval,
    vjp=cholesky_vjp,
    anchor="decomposition",
)

# ---- QR ----


def _qr_infer(x: Type, *, complete: bool) -> TupleType:
    if x.ndim < 2:
        raise RuntimeError("linalg.qr: The input tensor A must have at least 2 dimensions.")
    *batch, m, n = x.shape
    k = m if complete else min(m, n)
    return TupleType.of(Type.of((*batch, m, k), x.dtype), Type.of((*batch, k, n), x.dtype))


def _qr_vjp(node: Node, g: Node) -> Cotangents:
    q, r = components(node)
    to_q, to_r = components(g)
    m, n = node.operands[0].type.shape[-2:]
    if node.attributes["complete"] and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols")
    if m < n:
        return (_qr_wide(node, q, r, to_q, to_r),)
    return (_qr_tall(q, r, to_q, to_r),)


def _qr_wide(node: Node, q: Node, r: Node, to_q: Node, to_r: Node) -> Node:
    """A = [X, Y] = Q [U, V]: X = Q U as for a square matrix, and V = Q^H Y."""
    a = node.operands[0]
    m, n = a.type.shape[-2:]
    axis = a.type.ndim - 1
    to_u, to_v = view_slice(to_r, axis, 0, m), view_slice(to_r, axis, m, n)
    to_q = add(to_q, matmul(view_slice(a, axis, m, n), adjoint(to_v)))
    return concatenate((_qr_tall(q, view_slice(r, axis, 0, m), to_q, to_u), matmul(q, to_v)), axis)


def _qr_tall(q: Node, r: Node, to_q: Node, to_r: Node) -> Node:
    n = r.type.shape[-1]
    inner = sub(matmul(r, adjoint(to_r)), matmul(adjoint(to_q), q))
    lower = _lower(inner)
    diagonal = _mask(inner, np.eye(n, dtype=bool))
    symmetric = sub(add(lower, adjoint(lower)), _hermitian_diagonal(diagonal))
    right = add(to_q, matmul(q, symmetric))
    return adjoint(solve(r, adjoint(right)))


def _hermitian_diagonal(diagonal: Node) -> Node:
    """The diagonal that `lower + lower^H` counts twice, less its imaginary part, which does not move a unitary factor."""
    if not diagonal.type.dtype.is_complex:
        return diagonal
    return scalar.cast(scalar.real(diagonal), dtype=diagonal.type.dtype)


qr = Op(
    "qr",
    infer=_qr_infer,
    eval=lambda type, x, *, complete: tuple(np.linalg.qr(x, mode="complete" if complete else "reduced")),
    vjp=_qr_vjp,
    anchor="decomposition",
)

# ---- eigenvalues ----


def _eigh_infer(x: Type) -> TupleType:
    square_matrices("linalg.eigh", x)
    return TupleType.of(Type.of(x.shape[:-1], x.dtype.to_real()), x)


def _gaps(values: Node, kind: Any) -> Node:
    """E_ij = w_j - w_i, with 1 on the diagonal so that it divides."""
    w = values if values.type.dtype is kind else scalar.cast(values, dtype=kind)
    n = w.type.shape[-1]
    row, column = reshape(w, (*w.type.shape[:-1], 1, n)), reshape(w, (*w.type.shape, 1))
    gap = sub(row, column)
    eye = np.eye(n, dtype=bool)
    return select(input_node(eye, Type.of(eye.shape, bool_)), number(1, kind), gap)


def _eigh_vjp(node: Node, g: Node) -> Cotangents:
    values, vectors = components(node)
    to_values, to_vectors = components(g)
    kind = vectors.type.dtype
    n = vectors.type.shape[-1]
    mixed = div(matmul(adjoint(vectors), to_vectors), _gaps(values, kind))
    inner = add(diagonal_matrix(scalar.cast(to_values, dtype=kind)), _mask(mixed, ~np.eye(n, dtype=bool)))
    whole = matmul(vectors, matmul(inner, adjoint(vectors)))
    return (mul(add(whole, adjoint(whole)), number(0.5, kind)),)


eigh = Op(
    "eigh",
    infer=_eigh_infer,
    eval=lambda type, x: tuple(lapack.converged("linalg.eigh", "eigenvalues", np.linalg.eigh, x)),
    vjp=_eigh_vjp,
    anchor="decomposition",
)


def _eigenvalues_vjp(node: Node, g: Node) -> Cotangents:
    _, vectors = components(eigh(node.operands[0]))
    inner = diagonal_matrix(scalar.cast(g, dtype=vectors.type.dtype))
    return (matmul(vectors, matmul(inner, adjoint(vectors))),)


# The values alone: their gradient is defined where equal ones leave the vectors undetermined.
eigenvalues_hermitian = Op(
    "eigenvalues_hermitian",
    infer=lambda x: _eigh_infer(x).parts[0],
    eval=lambda type, x: lapack.converged("linalg.eigh", "eigenvalues", np.linalg.eigvalsh, x),
    vjp=_eigenvalues_vjp,
    anchor="decomposition",
)


def _eig_infer(x: Type) -> TupleType:
    square_matrices("linalg.eig", x)
    kind = x.dtype.to_complex()
    return TupleType.of(Type.of(x.shape[:-1], kind), Type.of(x.shape, kind))


def _eig_eval(type: TupleType, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not np.isfinite(x).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    values, vectors = lapack.converged("linalg.eig", "eigenvalues", np.linalg.eig, x)
    return values.astype(type.parts[0].dtype.storage), vectors.astype(type.parts[1].dtype.storage)


def _eig_vjp(node: Node, g: Node) -> Cotangents:
    values, vectors = components(node)
    to_values, to_vectors = components(g)
    kind = vectors.type.dtype
    n = vectors.type.shape[-1]
    projected = matmul(adjoint(vectors), to_vectors)
    # The vectors have length 1: the part of the cotangent along them does not count.
    real_diagonal = scalar.cast(scalar.real(diagonal_of(projected)), dtype=kind)
    gram = matmul(adjoint(vectors), vectors)
    row = reshape(real_diagonal, (*real_diagonal.type.shape[:-1], 1, n))
    inner = div(sub(projected, mul(gram, row)), cj(_gaps(values, kind)))
    inner = add(_mask(inner, ~np.eye(n, dtype=bool)), diagonal_matrix(to_values))
    whole = solve(adjoint(vectors), matmul(inner, adjoint(vectors)))
    return (scalar.cast(whole, dtype=node.operands[0].type.dtype),)


eig = Op("eig", infer=_eig_infer, eval=_eig_eval, vjp=_eig_vjp, anchor="decomposition")

# ---- the pseudo-inverse, whose gradient is defined where that of the singular vectors is not ----


def _pseudo_inverse_vjp(node: Node, g: Node) -> Cotangents:
    """G. Golub and V. Pereyra, "The differentiation of pseudo-inverses" (1973), for matrices of constant rank."""
    a = node.operands[0]
    back, g_back = adjoint(node), adjoint(g)
    m, n = a.type.shape[-2:]
    left = sub(_eye(m, a), matmul(a, node))
    right = sub(_eye(n, a), matmul(node, a))
    through = neg(matmul(back, matmul(g, back)))
    below = matmul(matmul(left, matmul(g_back, node)), back)
    beside = matmul(back, matmul(matmul(node, g_back), right))
    return add(through, add(below, beside)), None


def _eye(n: int, like: Node) -> Node:
    return scalar.cast(input_node(np.eye(n), Type.of((n, n), float64)), dtype=like.type.dtype)


pseudo_inverse = Op(
    "pseudo_inverse",
    infer=lambda a, value: value,
    eval=lambda type, a, value: value,
    vjp=_pseudo_inverse_vjp,
    anchor="decomposition",
)

# ---- singular values ----


def _svd_infer(x: Type, *, full: bool) -> TupleType:
    if x.ndim < 2:
        raise RuntimeError("linalg.svd: The input tensor A must have at least 2 dimensions.")
    *batch, m, n = x.shape
    k = min(m, n)
    return TupleType.of(
        Type.of((*batch, m, m if full else k), x.dtype),
        Type.of((*batch, k), x.dtype.to_real()),
        Type.of((*batch, n if full else k, n), x.dtype),
    )


def _svd_eval(type: TupleType, x: np.ndarray, *, full: bool) -> tuple[np.ndarray, ...]:
    return tuple(lapack.converged("linalg.svd", "singular values", partial(np.linalg.svd, full_matrices=full), x))


def _svd_vjp(node: Node, g: Node) -> Cotangents:
    u, s, vh = components(node)
    to_u, to_s, to_vh = components(g)
    kind = u.type.dtype
    k = s.type.shape[-1]
    # The further vectors of full matrices are not determined by the matrix: as in PyTorch, nothing flows from them.
    column, row = u.type.ndim - 1, vh.type.ndim - 2
    u, to_u = view_slice(u, column, 0, k), view_slice(to_u, column, 0, k)
    vh, to_vh = view_slice(vh, row, 0, k), view_slice(to_vh, row, 0, k)
    v, to_v = adjoint(vh), adjoint(to_vh)
    wide = scalar.cast(s, dtype=kind)
    across, down = reshape(wide, (*wide.type.shape[:-1], 1, k)), reshape(wide, (*wide.type.shape, 1))
    gap = sub(mul(across, across), mul(down, down))
    off = ~np.eye(k, dtype=bool)
    diagonal = input_node(~off, Type.of(off.shape, bool_))
    gap = select(diagonal, number(1, kind), gap)
    uu, vv = matmul(adjoint(u), to_u), matmul(adjoint(v), to_v)
    left = _mask(div(sub(uu, adjoint(uu)), gap), off)
    right = _mask(div(sub(vv, adjoint(vv)), gap), off)
    inner = add(add(mul(left, across), mul(down, right)), diagonal_matrix(scalar.cast(to_s, dtype=kind)))
    if kind.is_complex:
        inner = add(inner, _phase(uu, wide))
    whole = matmul(matmul(u, inner), vh)
    m, n = node.operands[0].type.shape[-2:]
    if m > k:
        outside = div(sub(to_u, matmul(u, uu)), across)
        whole = add(whole, matmul(outside, vh))
    if n > k:
        outside = div(sub(to_v, matmul(v, vv)), across)
        whole = add(whole, matmul(u, adjoint(outside)))
    return (whole,)


def _phase(uu: Node, s: Node) -> Node:
    """The imaginary diagonal part of complex singular vectors' derivative."""
    kind = s.type.dtype
    turn = div(scalar.cast(scalar.imag(diagonal_of(uu)), dtype=kind), s)
    return diagonal_matrix(mul(turn, number(1j, kind)))


svd = Op(
    "svd",
    infer=_svd_infer,
    eval=_svd_eval,
    vjp=_svd_vjp,
    anchor="decomposition",
)


def _singular_values_vjp(node: Node, g: Node) -> Cotangents:
    u, _, vh = components(svd(node.operands[0], full=False))
    return (matmul(u, matmul(diagonal_matrix(scalar.cast(g, dtype=u.type.dtype)), vh)),)


# The values alone: their gradient is defined where equal ones leave the vectors undetermined.
singular_values = Op(
    "singular_values",
    infer=lambda x: _svd_infer(x, full=False).parts[1],
    eval=lambda type, x: lapack.converged("linalg.svd", "singular values", partial(np.linalg.svd, compute_uv=False), x),
    vjp=_singular_values_vjp,
    anchor="decomposition",
)
