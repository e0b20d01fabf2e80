"""Factorizations by rows: LU with interchanges, LDL of symmetric matrices; and decompositions that say by a number that they failed.

The derivative of LU is that of S. de Hoog, R. Anderssen and M. Lukas, "Differentiation of matrix functionals using triangular
factorization" (2011), for square matrices; of others A = P [L1; L2] [U1, U2] it follows by the same steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import bool_, dtype, int32
from . import lapack
from .component import components
from .decomposition import adjoint, cholesky_vjp, inverse_vjp, matmul, solve, solve_vjp, square_matrices
from .graph import Node, input_node
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .reduce import view_slice
from .scalar import number, select, sub
from .type import TupleType, Type
from .view import concatenate

Array = np.ndarray

# ---- LU ----


def triangle(x: Node, *, upper: bool, unit: bool = False) -> Node:
    """The upper or lower triangle of (…, m, n); with ones on the diagonal where it is `unit`."""
    m, n = x.type.shape[-2:]
    rows, columns = np.arange(m)[:, None], np.arange(n)
    inside = rows < columns if upper else rows > columns
    keep = inside if unit else inside | (rows == columns)
    part = select(input_node(keep, Type.of(keep.shape, bool_)), x, number(0, x.type.dtype))
    if not unit:
        return part
    eye = np.eye(m, n, dtype=bool)
    return select(input_node(eye, Type.of(eye.shape, bool_)), number(1, x.type.dtype), part)


def _lu_infer(x: Type) -> TupleType:
    *batch, m, n = x.shape
    return TupleType.of(x, Type.of((*batch, min(m, n)), int32), Type.of(tuple(batch), int32))


def _lu_vjp(node: Node, g: Node) -> Cotangents:
    factors, pivots, _ = components(node)
    to_factors = components(g)[0]
    m, n = factors.type.shape[-2:]
    ndim, count = factors.type.ndim, min(m, n)
    row, column = ndim - 2, ndim - 1
    core = view_slice(view_slice(factors, row, 0, count), column, 0, count)
    to_core = view_slice(view_slice(to_factors, row, 0, count), column, 0, count)
    lower, upper = triangle(core, upper=False, unit=True), triangle(core, upper=True)
    to_lower, to_upper = matmul(adjoint(lower), to_core), matmul(to_core, adjoint(upper))
    if n > m:
        right, to_right = view_slice(factors, column, m, n), view_slice(to_factors, column, m, n)
        to_lower = sub(to_lower, matmul(to_right, adjoint(right)))
    if m > n:
        below, to_below = view_slice(factors, row, n, m), view_slice(to_factors, row, n, m)
        to_upper = sub(to_upper, matmul(adjoint(below), to_below))
    inner = _join(to_lower, to_upper)
    whole = solve(adjoint(lower), _over(inner, upper))
    if n > m:
        whole = concatenate((whole, solve(adjoint(lower), to_right)), column)
    if m > n:
        whole = concatenate((whole, _over(to_below, upper)), row)
    return (matmul(permutation(pivots, rows=m, dtype=whole.type.dtype), whole),)


def _join(lower: Node, upper: Node) -> Node:
    """The elements below the diagonal of one matrix, the others of another."""
    n = lower.type.shape[-1]
    below = np.arange(n)[:, None] > np.arange(n)
    return select(input_node(below, Type.of(below.shape, bool_)), lower, upper)


def _over(x: Node, upper: Node) -> Node:
    """X U^-H."""
    return adjoint(solve(upper, adjoint(x)))


# (LU, pivots, the first zero on U's diagonal or 0)
lu_factor = Op(
    "lu_factor",
    infer=_lu_infer,
    eval=lambda type, x: lapack.lu_factor(x),
    vjp=_lu_vjp,
    anchor="decomposition",
)


def _permutation_infer(pivots: Type, *, rows: int, dtype: dtype) -> Type:
    return Type.of((*pivots.shape[:-1], rows, rows), dtype)


# Row interchanges as matrices.
permutation = Op(
    "permutation",
    infer=_permutation_infer,
    eval=lambda type, pivots, *, rows, dtype: lapack.permutation(pivots, rows).astype(dtype.compute),
    vjp=NONDIFFERENTIABLE,
    anchor="decomposition",
)

# ---- QR by reflections ----


def _geqrf_infer(x: Type) -> TupleType:
    *batch, m, n = x.shape
    return TupleType.of(x, Type.of((*batch, min(m, n)), x.dtype))


def _geqrf_eval(type: TupleType, x: Array) -> tuple[Array, Array]:
    packed, tau = np.linalg.qr(x, mode="raw")
    return np.swapaxes(packed, -1, -2), tau


def _no_derivative(node: Node, g: Node) -> Cotangents:
    raise RuntimeError("the derivative for 'geqrf' is not implemented.")


geqrf = Op("geqrf", infer=_geqrf_infer, eval=_geqrf_eval, vjp=_no_derivative, anchor="decomposition")

# ---- LDL: without derivatives, as PyTorch's ----


def _ldl_infer(x: Type, *, hermitian: bool) -> TupleType:
    return TupleType.of(x, Type.of(x.shape[:-1], int32), Type.of(x.shape[:-2], int32))


ldl_factor = Op(
    "ldl_factor",
    infer=_ldl_infer,
    eval=lambda type, x, *, hermitian: lapack.ldl_factor(x, hermitian),
    vjp=NONDIFFERENTIABLE,
    anchor="decomposition",
)
ldl_solve = Op(
    "ldl_solve",
    infer=lambda a, pivots, b, *, hermitian: b,
    eval=lambda type, a, pivots, b, *, hermitian: lapack.ldl_solve(a, pivots, b, hermitian),
    vjp=NONDIFFERENTIABLE,
    anchor="decomposition",
)

# ---- decompositions that do not raise ----


def _square_infer(op: str) -> Any:
    def infer(x: Type) -> Type:
        square_matrices(op, x)
        return x

    return infer


inverse_or_nan = Op(
    "inverse_or_nan",
    infer=_square_infer("linalg.inv_ex"),
    eval=lambda type, x: lapack.one_by_one(np.linalg.inv, x),
    vjp=inverse_vjp,
    anchor="decomposition",
)
solve_or_nan = Op(
    "solve_or_nan",
    infer=lambda a, b: b,
    eval=lambda type, a, b: lapack.one_by_one(np.linalg.solve, a, b),
    vjp=solve_vjp,
    anchor="decomposition",
)
cholesky_or_nan = Op(
    "cholesky_or_nan",
    infer=_square_infer("linalg.cholesky_ex"),
    eval=lambda type, x: lapack.one_by_one(np.linalg.cholesky, x),
    vjp=cholesky_vjp,
    anchor="decomposition",
)
first_indefinite = Op(
    "first_indefinite",
    infer=lambda x: Type.of(x.shape[:-2], int32),
    eval=lambda type, x: lapack.first_indefinite(x),
    vjp=NONDIFFERENTIABLE,
    anchor="decomposition",
)

__all__ = [
    "cholesky_or_nan",
    "first_indefinite",
    "geqrf",
    "inverse_or_nan",
    "ldl_factor",
    "ldl_solve",
    "lu_factor",
    "permutation",
    "solve_or_nan",
    "triangle",
]
