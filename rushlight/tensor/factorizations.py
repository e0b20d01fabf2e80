"""Factorizations of `torch.linalg` that solve by rows (LU, LDL) or by reflections, and those that report failure by a number."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..dtype import FLOATING, INTEGER, bool_, int32
from ..ir import decomposition, factorization, lapack, scalar, view
from ..ir.component import components
from ..ir.graph import Node
from ..ir.reduce import view_slice
from ..ir.type import Type
from ..runtime import executor
from .public import name as set_label
from .public import public, register, scalar_name, with_out, write_out
from .return_types import return_type
from .tensor import Tensor, from_values, node_of, wrap

__all__ = [
    "cholesky_ex",
    "householder_product",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "solve_ex",
    "tensorinv",
    "tensorsolve",
]

inv_result = return_type("linalg_inv_ex", "inverse info")
cholesky_result = return_type("linalg_cholesky_ex", "L info")
solve_result = return_type("linalg_solve_ex", "result info")
lu_result = return_type("linalg_lu", "P L U")
lu_factor_result = return_type("linalg_lu_factor", "LU pivots")
lu_factor_ex_result = return_type("linalg_lu_factor_ex", "LU pivots info")
lu_with_info_result = return_type("_lu_with_info", "LU pivots info")
lu_unpack_result = return_type("lu_unpack", "P L U")
ldl_factor_result = return_type("linalg_ldl_factor", "LD pivots")
ldl_factor_ex_result = return_type("linalg_ldl_factor_ex", "LD pivots info")
geqrf_result = return_type("geqrf", "a tau")


def matrix(op: str, A: Any) -> Node:
    """The node of a stack of matrices of single or double precision."""
    if not isinstance(A, Tensor):
        raise TypeError(f"{op}(): argument 'A' must be Tensor, not {type(A).__name__}")
    if A.ndim < 2:
        raise RuntimeError(f"{op}: The input tensor A must have at least 2 dimensions.")
    if A.dtype.category < FLOATING or A.dtype.name in ("float16", "bfloat16"):
        raise RuntimeError(f"{op}: Expected a floating point or complex tensor as input. Got {scalar_name(A.dtype)}")
    return node_of(A)


def square(op: str, A: Any) -> Node:
    """As `matrix`, square."""
    node = matrix(op, A)
    decomposition.square_matrices(op, node.type)
    return node


def labelled(node: Node, label: str) -> Tensor:
    """The result with its gradient function's name."""
    result = wrap(node)
    set_label(result, label)
    return result


def checked(node: Node, label: str) -> Tensor:
    """As `labelled`, run at once, so that what fails on the data raises at the user's call."""
    executor.hurry()
    return labelled(node, label)


def same_dtype(op: str, name: str, A: Tensor, B: Tensor) -> None:
    """RuntimeError unless both have one dtype."""
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"{op}: Expected {name} and B to have the same dtype, but found {name} of type {scalar_name(A.dtype)} and B of type "
            f"{scalar_name(B.dtype)} instead"
        )


def batched(a: Node, b: Node) -> tuple[Node, Node]:
    """Two batches of matrices broadcast to one batch shape."""
    batch = np.broadcast_shapes(a.type.shape[:-2], b.type.shape[:-2])
    return view.expand(a, (*batch, *a.type.shape[-2:])), view.expand(b, (*batch, *b.type.shape[-2:]))


# ---- with a number that says what failed ----


def _refuse(op: str, info: Tensor, text: str, check_errors: bool) -> None:
    if check_errors:
        lapack.refuse(op, info._array(), text)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """The inverse, and 0 or the number of the first zero pivot; NaN where a matrix is singular."""
    node = square("linalg.inv_ex", A)
    info = wrap(components(factorization.lu_factor(node))[2])
    _refuse("linalg.inv_ex", info, lapack.SINGULAR, check_errors)
    return inv_result(labelled(factorization.inverse_or_nan(node), "LinalgInvEx"), info)


def from_upper(node: Node) -> Node:
    """A Hermitian matrix whose upper triangle is read as one whose lower triangle is; the gradient is that of the whole."""
    turned = decomposition.adjoint(node)
    return view.graft(turned, node) if node.tracked else turned


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The Cholesky factor, and 0 or the order of the first leading minor that is not positive definite; NaN there."""
    node = square("linalg.cholesky_ex", A)
    if upper:
        node = from_upper(node)
    info = wrap(factorization.first_indefinite(node))
    _refuse("linalg.cholesky_ex", info, lapack.INDEFINITE, check_errors)
    factor = factorization.cholesky_or_nan(node)
    return cholesky_result(labelled(decomposition.adjoint(factor) if upper else factor, "LinalgCholeskyEx"), info)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """X with A X = B (or X A = B), and 0 or the number of the first zero pivot."""
    result, a = solved("linalg.solve_ex", A, B, left, factorization.solve_or_nan)
    info = wrap(components(factorization.lu_factor(a))[2])
    _refuse("torch.linalg.solve_ex", info, lapack.UNSOLVABLE, check_errors)
    return solve_result(labelled(result, "LinalgSolveEx"), info)


def solved(op: str, A: Tensor, B: Tensor, left: bool, record: Any) -> tuple[Node, Node]:
    """The solution by `record(a, b)`, and the matrix."""
    a, b = square(op, A), node_of(B)
    same_dtype(op, "A", A, B)
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape)[:-1])
    if vector:
        b = view.reshape(b, (*b.type.shape, 1))
    own = a
    if not left:
        a, b = decomposition.transpose(a), b if vector else decomposition.transpose(b)
    if a.type.shape[-1] != b.type.shape[-2]:
        (rows, columns), (m, n) = a.type.shape[-2:], b.type.shape[-2:]
        equation = "AX = B" if left else "XA = B"
        shapes = f"({rows}x{columns} and {m}x{n})" if left else f"({columns}x{rows} and {n}x{m})"
        raise RuntimeError(f"{op}: Incompatible shapes of A and B for the equation {equation} {shapes}")
    result = record(*batched(a, b))
    if vector:
        return view.reshape(result, result.type.shape[:-1]), own
    return result if left else decomposition.transpose(result), own


# ---- LU ----


def _lu_matrix(op: str, A: Any, pivot: bool) -> Node:
    if not isinstance(A, Tensor):
        raise TypeError(f"{op.split('.')[-1]}(): argument 'A' must be Tensor, not {type(A).__name__}")
    if A.ndim < 2:
        raise RuntimeError(f"{op}: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead")
    if A.dtype.category < FLOATING or A.dtype.name in ("float16", "bfloat16"):
        raise NotImplementedError(f"\"lu_cpu\" not implemented for '{scalar_name(A.dtype)}' — {op}")
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return node_of(A)


def _factored(op: str, A: Any, pivot: bool) -> tuple[Node, Node, Node]:
    factors, pivots, info = components(factorization.lu_factor(_lu_matrix(op, A, pivot)))
    return factors, pivots, info


def _refuse_zero(op: str, info: Tensor) -> None:
    flat = info._array().reshape(-1)
    failed = np.flatnonzero(flat)
    if failed.size:
        where, number = f"(Batch element {failed[0]}): " if info.ndim else "", flat[failed[0]]
        raise RuntimeError(
            f"{op}: {where}U[{number},{number}] is zero and using it on lu_solve would result in a division by zero. If you still "
            "want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L below the diagonal and U on and above it, of A with rows interchanged; and the interchanges, counted from 1."""
    factors, pivots, info = _factored("torch.lu_factor", A, pivot)
    _refuse_zero("torch.linalg.lu_factor", wrap(info))
    return lu_factor_result(labelled(factors, "LinalgLuFactorEx"), wrap(pivots))


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """As `lu_factor`, and 0 or the number of the first zero on U's diagonal."""
    factors, pivots, info = _factored("torch.lu_factor_ex", A, pivot)
    if check_errors:
        _refuse_zero("torch.linalg.lu_factor_ex", wrap(info))
    return lu_factor_ex_result(labelled(factors, "LinalgLuFactorEx"), wrap(pivots), wrap(info))


def _unpacked(factors: Node) -> tuple[Node, Node]:
    """L (…, m, k) and U (…, k, n), k = min(m, n)."""
    m, n = factors.type.shape[-2:]
    axis, count = factors.type.ndim - 1, min(m, n)
    lower = factorization.triangle(view_slice(factors, axis, 0, count), upper=False, unit=True)
    return lower, factorization.triangle(view_slice(factors, axis - 1, 0, count), upper=True)


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A = P L U: P a permutation, L lower triangular with ones on its diagonal, U upper triangular."""
    factors, pivots, _ = _factored("linalg.lu", A, pivot)
    lower, upper = (labelled(part, "LinalgLu") for part in _unpacked(factors))
    return lu_result(wrap(factorization.permutation(pivots, rows=A.shape[-2], dtype=A.dtype)), lower, upper)


def _check_factors(op: str, LU: Tensor, pivots: Tensor, B: Tensor) -> None:
    if B.dtype.category < FLOATING:
        raise NotImplementedError(f"\"{op}\" not implemented for '{scalar_name(B.dtype)}'")
    if LU.ndim < 2 or B.ndim < 2:
        which = "LU" if LU.ndim < 2 else "B"
        raise RuntimeError(f"{op}: The input tensor {which} must have at least 2 dimensions.")
    same_dtype(op, "LU", LU, B)
    if pivots.dtype is not int32:
        raise RuntimeError(f"{op}: pivots should be a Tensor of scalar type torch.int32")
    decomposition.square_matrices(f"torch.{op}", node_of(LU).type)
    if tuple(pivots.shape) != tuple(LU.shape)[:-1]:
        raise RuntimeError(
            f"{op}: Number of pivots per batch should be same as the dimension of the matrix — pivots {tuple(pivots.shape)}, LU "
            f"{tuple(LU.shape)}"
        )


def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X with A X = B (or X A = B; with A^H for A where `adjoint`), given what `lu_factor` makes of A."""
    _check_factors("linalg.lu_solve", LU, pivots, B)
    b = node_of(B)
    if not left:
        b, adjoint = decomposition.adjoint(b), not adjoint
    n, rows = LU.shape[-1], b.type.shape[-2]
    if n != rows:
        equation, (p, q) = "AX = B" if left else "XA = B", B.shape[-2:]
        raise RuntimeError(
            f"linalg.lu_solve: Incompatible shapes of A and B for the equation {equation} ({n}x{n} and {p}x{q})"
        )
    factors, right = batched(node_of(LU), b)
    order = factorization.permutation(node_of(pivots), rows=n, dtype=LU.dtype)
    order, _ = batched(order, right)
    lower, upper = _unpacked(factors)
    if adjoint:
        inner = decomposition.solve(decomposition.adjoint(upper), right)
        result = decomposition.matmul(order, decomposition.solve(decomposition.adjoint(lower), inner))
    else:
        inner = decomposition.solve(lower, decomposition.matmul(decomposition.transpose(order), right))
        result = decomposition.solve(upper, inner)
    return labelled(result if left else decomposition.adjoint(result), "LinalgLuSolve")


@public("LuUnpack", method=False)
def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L and U of what `lu_factor` gives; empty tensors for those that are not asked for."""
    if unpack_pivots and LU_pivots.dtype is not int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    if LU_data.ndim < 2:
        raise RuntimeError(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(LU_data.shape)} instead"
        )
    factors = node_of(LU_data)
    empty = scalar.full(0, Type.of((0,), LU_data.dtype))
    lower, upper = _unpacked(factors) if unpack_data else (empty, empty)
    order = empty
    if unpack_pivots:
        executor.hurry()
        order = factorization.permutation(node_of(LU_pivots), rows=LU_data.shape[-2], dtype=LU_data.dtype)
    return lu_unpack_result(wrap(order), wrap(lower), wrap(upper))


def torch_lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """`linalg.lu_factor` in PyTorch's older form: (LU, pivots), with `get_infos` (LU, pivots, info)."""
    factors, pivots, info = lu_factor_ex(A, pivot=pivot, check_errors=not get_infos)
    found = lu_with_info_result(factors, pivots, info) if get_infos else (factors, pivots)
    if out is None:
        return found
    for target, part in zip(out, found, strict=True):
        write_out("lu", target, part.to(target.dtype))
    return out


register("lu", torch_lu, function=True, method=True)


@public("LinalgLuSolve")
def lu_solve_(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg.lu_solve` with the right side first."""
    return lu_solve(LU_data, LU_pivots, b)


# ---- LDL ----


def _ldl(op: str, A: Any, hermitian: bool) -> tuple[Tensor, Tensor, Tensor]:
    factors, pivots, info = (
        wrap(part) for part in components(factorization.ldl_factor(square(op, A), hermitian=bool(hermitian)))
    )
    return factors, pivots, info


def _refuse_zero_block(op: str, info: Tensor) -> None:
    lapack.refuse(
        op, info._array(), "The diagonal block {} is zero: D is singular, and ldl_solve would divide by zero."
    )


def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """A = L D L^T of a symmetric matrix (L^H of a Hermitian one): L and D's blocks in the lower triangle, and the interchanges.

    Without a gradient, as in PyTorch.
    """
    factors, pivots, info = _ldl("torch.linalg.ldl_factor", A, hermitian)
    _refuse_zero_block("torch.linalg.ldl_factor", info)
    return ldl_factor_result(factors, pivots)


def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """As `ldl_factor`, and 0 or the number of the first zero block."""
    found = _ldl("torch.linalg.ldl_factor_ex", A, hermitian)
    if check_errors:
        _refuse_zero_block("torch.linalg.ldl_factor_ex", found[2])
    return ldl_factor_ex_result(*found)


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X with A X = B, given what `ldl_factor` makes of A."""
    op = "torch.linalg.ldl_solve"
    a, b = square(op, LD), matrix(op, B)
    same_dtype(op, "LD", LD, B)
    if tuple(pivots.shape) != tuple(LD.shape)[:-1]:
        raise RuntimeError(
            f"{op}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {list(pivots.shape)} instead"
        )
    if pivots.dtype.category != INTEGER:
        raise RuntimeError(f"{op}: Expected pivots to be integers. Got {scalar_name(pivots.dtype)}")
    if a.type.shape[-1] != b.type.shape[-2]:
        raise RuntimeError(f"{op}: Incompatible shapes of LD {tuple(LD.shape)} and B {tuple(B.shape)}")
    a, b = batched(a, b)
    swaps = view.expand(scalar.cast(node_of(pivots), dtype=int32), a.type.shape[:-1])
    return wrap(factorization.ldl_solve(a, swaps, b, hermitian=bool(hermitian)))


# ---- reflections ----


def _check_reflections(op: str, input: Tensor, tau: Tensor) -> None:
    if input.ndim < 2:
        raise RuntimeError(f"{op}: input must have at least 2 dimensions.")
    if input.ndim != tau.ndim + 1:
        raise RuntimeError(
            f"{op}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and input.ndim is equal "
            f"to {input.ndim}"
        )
    if tuple(input.shape)[:-2] != tuple(tau.shape)[:-1]:
        raise RuntimeError(
            f"{op}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape)[:-1]}"
        )
    if tau.dtype is not input.dtype:
        raise RuntimeError(
            f"{op}: tau dtype {scalar_name(tau.dtype)} does not match input dtype {scalar_name(input.dtype)}"
        )


def _reflect(x: Node, reflectors: Node, tau: Node, number: int, adjoint: bool) -> Node:
    """(I - tau v v^H) x for the reflection of that number, v its column; with tau's conjugate where `adjoint`."""
    axis = reflectors.type.ndim - 1
    v = view_slice(reflectors, axis, number, number + 1)
    share = view.reshape(view_slice(tau, axis - 1, number, number + 1), (*tau.type.shape[:-1], 1, 1))
    share = scalar.cj(share) if adjoint else share
    along = decomposition.matmul(decomposition.adjoint(v), x)
    return scalar.sub(x, scalar.mul(share, decomposition.matmul(v, along)))


def householder_product(input: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of reflections I - tau_i v_i v_i^H, v_i the part of column i below its one on the diagonal."""
    op = "torch.linalg.householder_product"
    _check_reflections(op, input, tau)
    m, n = input.shape[-2:]
    if m < n:
        raise RuntimeError(f"{op}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau.shape[-1]:
        raise RuntimeError(f"{op}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    matrix(op, input)
    reflectors = factorization.triangle(node_of(input), upper=False, unit=True)
    eye = from_values(np.broadcast_to(np.eye(m, n), tuple(input.shape)), input.dtype)
    result = node_of(eye)
    if not tau.numel():  # nothing of the input stays but that it requires grad
        result = scalar.select(scalar.number(False, bool_), node_of(input), result)
    for number in range(tau.shape[-1] - 1, -1, -1):
        result = _reflect(result, reflectors, node_of(tau), number, False)
    return labelled(view.identity(result), "LinalgHouseholderProduct")


def _orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """`linalg.householder_product`."""
    return householder_product(input, tau)


_orgqr.__name__ = "orgqr"
public("LinalgHouseholderProduct")(_orgqr)


@public("Geqrf")
def geqrf(input: Tensor) -> Any:
    """QR as LAPACK gives it: R on and above the diagonal, below it the reflections whose product is Q, with their factors."""
    node = matrix("torch.geqrf", input)
    executor.hurry()
    a, tau = components(factorization.geqrf(node))
    return geqrf_result(wrap(a), wrap(tau))


@public("Ormqr")
def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q other (or other Q; Q^H for Q where `transpose`), Q the product of the reflections in `input` and `tau`."""
    _check_reflections("torch.ormqr", input, tau)
    side = -2 if left else -1
    m, count = input.shape[-2], tau.shape[-1]
    if other.ndim != input.ndim or other.shape[side] != m:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    if count > min(other.shape[side], input.shape[-1]) or count != min(m, input.shape[-1]):
        raise RuntimeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])")
    same_dtype("torch.ormqr", "input", input, other)
    reflectors = factorization.triangle(node_of(input), upper=False, unit=True)
    x = node_of(other) if left else decomposition.adjoint(node_of(other))
    backwards = transpose if left else not transpose  # of Q^H the first reflection comes first
    for number in range(count) if backwards else range(count - 1, -1, -1):
        x = _reflect(x, reflectors, node_of(tau), number, backwards)
    return wrap(view.identity(x if left else decomposition.adjoint(x)))


# ---- tensors as matrices ----


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a map from its axes behind the first `ind` to those."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = tuple(A.shape)
    front, back = shape[:ind], shape[ind:]
    if prod(front) != prod(back):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {prod(back)} != {prod(front)}"
        )
    node = view.reshape(node_of(A), (prod(front), prod(back)))
    matrix("linalg.inv", wrap(node))
    return checked(view.reshape(decomposition.inverse(node), (*back, *front)), "Reshape")


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B; `dims` are axes of A that are moved to its end first."""
    if dims is not None:
        dims = tuple(dims)
        A = A.movedim(dims, tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape)
    rest = shape[B.ndim :]
    if prod(rest) != prod(shape[: B.ndim]):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{prod(rest)} != {prod(shape[: B.ndim])}"
        )
    n = prod(rest)
    a, b = view.reshape(node_of(A), (n, n)), view.reshape(node_of(B), (n, 1))
    matrix("linalg.solve", wrap(a))
    same_dtype("linalg.solve", "A", A, B)
    return checked(view.reshape(decomposition.solve(a, b), rest), "View")


for _own in __all__:
    globals()[_own] = with_out(globals()[_own], False)
