"""Factorizations of matrices that NumPy has no function for, and why one failed, on arrays.

All take stacks (…, m, n). LU follows J. Dongarra et al., "LINPACK" (1979), in blocks of columns; LDL follows J. Bunch and L.
Kaufman, "Some stable methods for calculating inertia" (1977). Pivots are counted from 1, as LAPACK's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np

Array = np.ndarray
_BLOCK = 32


class LinAlgError(RuntimeError):
    """A matrix that a decomposition does not exist for, as `torch.linalg.LinAlgError`."""


def _size(x: Array) -> Array:
    """What pivots are compared by."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def _stack(x: Array, axes: int = 2) -> Array:
    """(…, m, n) as (batch, m, n)."""
    lead = x.shape[: x.ndim - axes]
    return x.reshape(prod(lead), *x.shape[x.ndim - axes :])


# ---- LU with row interchanges ----


def _factor_panel(a: Array, start: int, stop: int, pivots: Array, info: Array) -> None:
    """Factors the columns start … stop, interchanging whole rows."""
    every = np.arange(len(a))
    for j in range(start, stop):
        chosen = np.argmax(_size(a[:, j:, j]), axis=1) + j
        pivots[:, j] = chosen + 1
        row = a[every, chosen]
        a[every, chosen] = a[:, j]
        a[:, j] = row
        pivot = a[:, j, j]
        zero = pivot == 0
        info[zero & (info == 0)] = j + 1
        a[:, j + 1 :, j] /= np.where(zero, a.dtype.type(1), pivot)[:, None]
        a[:, j + 1 :, j + 1 : stop] -= a[:, j + 1 :, j, None] * a[:, j, None, j + 1 : stop]


def lu_factor(x: Array) -> tuple[Array, Array, Array]:
    """L below the diagonal and U on and above it, of the matrix with rows interchanged; the interchanges; the first zero of U or 0."""
    *batch, m, n = x.shape
    count = min(m, n)
    a = _stack(np.array(x))
    pivots, info = np.zeros((len(a), count), np.int32), np.zeros(len(a), np.int32)
    with np.errstate(all="ignore"):
        for start in range(0, count, _BLOCK):
            stop = min(start + _BLOCK, count)
            _factor_panel(a, start, stop, pivots, info)
            for j in range(start, stop):
                a[:, j + 1 : stop, stop:] -= a[:, j + 1 : stop, j, None] * a[:, j, None, stop:]
            a[:, stop:, stop:] -= a[:, stop:, start:stop] @ a[:, start:stop, stop:]
    return a.reshape(x.shape), pivots.reshape(*batch, count), info.reshape(batch)


def permutation(pivots: Array, rows: int) -> Array:
    """Row interchanges one after another as the matrices P with A = P L U."""
    *batch, count = pivots.shape
    order = np.tile(np.arange(rows), (prod(batch), 1))
    every = np.arange(len(order))
    for j in range(count):
        other = _stack(pivots, 1)[:, j] - 1
        if ((other < 0) | (other >= rows)).any():
            raise RuntimeError("pivots passed to lu_unpack must be between 1 and LU.size(-2)")
        taken = order[every, other]
        order[every, other] = order[:, j]
        order[:, j] = taken
    return (order[:, None, :] == np.arange(rows)[:, None]).reshape(*batch, rows, rows)


# ---- LDL of symmetric and Hermitian matrices, the lower triangle ----


def _choose_pivot(a: Array, k: int) -> tuple[int, int]:
    """Which row comes to the front, and whether the pivot is of one row or two; 0 rows where the column is zero."""
    alpha = (1 + sqrt(17)) / 8
    own = _size(a[k, k])
    below = _size(a[k + 1 :, k])
    most = float(below.max(initial=0))
    if max(float(own), most) == 0:
        return k, 0
    if own >= alpha * most:
        return k, 1
    best = k + 1 + int(below.argmax())
    row = max(float(_size(a[best, k:best]).max()), float(_size(a[best + 1 :, best]).max(initial=0)))
    if own >= alpha * most * (most / row):
        return k, 1
    return (best, 1) if _size(a[best, best]) >= alpha * row else (best, 2)


def _interchange(a: Array, k: int, kk: int, kp: int, hermitian: bool) -> None:
    """Rows and columns kk and kp of the trailing matrix, of which only the lower triangle is kept."""
    turn: Callable[[Any], Any] = np.conj if hermitian else (lambda x: x)
    a[kp + 1 :, [kk, kp]] = a[kp + 1 :, [kp, kk]]
    column = a[kk + 1 : kp, kk].copy()
    a[kk + 1 : kp, kk] = turn(a[kp, kk + 1 : kp])
    a[kp, kk + 1 : kp] = turn(column)
    a[kp, kk] = turn(a[kp, kk])
    a[[kk, kp], [kk, kp]] = a[[kp, kk], [kp, kk]]
    if kk != k:
        a[[k + 1, kp], k] = a[[kp, k + 1], k]


def _ldl_one(a: Array, pivots: Array, hermitian: bool) -> int:
    """Factors one matrix in place; the first zero pivot, counted from 1, or 0."""
    n, k, failed = len(a), 0, 0
    while k < n:
        kp, rows = _choose_pivot(a, k)
        step = max(rows, 1)
        if not rows:
            failed = failed or k + 1
        kk = k + step - 1
        if kp != kk:
            _interchange(a, k, kk, kp, hermitian)
        behind = a[k + step :, k : k + step].copy()
        if rows and behind.size:
            block = _pivot_block(a, k, step, hermitian)
            factor = np.linalg.solve(block.T, behind.T).T
            a[k + step :, k + step :] -= factor @ (behind.conj().T if hermitian else behind.T)
            a[k + step :, k : k + step] = factor
        pivots[k : k + step] = kp + 1 if step == 1 else -(kp + 1)
        k += step
    return failed


def _pivot_block(a: Array, k: int, step: int, hermitian: bool) -> Array:
    block = a[k : k + step, k : k + step].copy()
    if step == 2:
        block[0, 1] = np.conj(block[1, 0]) if hermitian else block[1, 0]
    return block


def ldl_factor(x: Array, hermitian: bool) -> tuple[Array, Array, Array]:
    """L and the blocks of D in the lower triangle, with the interchanges (negative: of blocks of two), and the first zero pivot or 0."""
    *batch, n, _ = x.shape
    a = _stack(np.tril(x))
    pivots, info = np.zeros((len(a), n), np.int32), np.zeros(len(a), np.int32)
    with np.errstate(all="ignore"):
        for place in range(len(a)):
            info[place] = _ldl_one(a[place], pivots[place], hermitian)
    return np.tril(a).reshape(x.shape), pivots.reshape(*batch, n), info.reshape(batch)


def _solve_forwards(a: Array, pivots: Array, b: Array, hermitian: bool) -> None:
    k = 0
    while k < len(a):
        step = 1 if pivots[k] > 0 else 2
        kp, kk = abs(int(pivots[k])) - 1, k + step - 1
        b[[kk, kp]] = b[[kp, kk]]
        b[k + step :] -= a[k + step :, k : k + step] @ b[k : k + step]
        block = _pivot_block(a, k, step, hermitian)
        b[k : k + step] = b[k : k + 1] / block if step == 1 else np.linalg.solve(block, b[k : k + 2])
        k += step


def _solve_backwards(a: Array, pivots: Array, b: Array, hermitian: bool) -> None:
    k = len(a) - 1
    while k >= 0:
        step = 1 if pivots[k] > 0 else 2
        first = k - step + 1
        column = a[k + 1 :, first : k + 1]
        b[first : k + 1] -= (column.conj() if hermitian else column).T @ b[k + 1 :]
        kp = abs(int(pivots[k])) - 1
        b[[k, kp]] = b[[kp, k]]
        k -= step


def ldl_solve(a: Array, pivots: Array, b: Array, hermitian: bool) -> Array:
    """X with A X = B, given A's factors; all with one batch shape."""
    result = _stack(np.array(b))
    with np.errstate(all="ignore"):
        for own, swaps, x in zip(_stack(a), _stack(pivots, 1), result, strict=True):
            _solve_forwards(own, swaps, x, hermitian)
            _solve_backwards(own, swaps, x, hermitian)
    return result.reshape(b.shape)


# ---- failures ----


def one_by_one(function: Callable[..., Array], x: Array, *others: Array) -> Array:
    """`function` of each matrix of a stack; NaN where it fails."""
    flat, rest = _stack(x), [_stack(other) for other in others]
    parts = []
    for place, matrix in enumerate(flat):
        own = [other[place] for other in rest]
        try:
            parts.append(function(matrix, *own))
        except np.linalg.LinAlgError:
            parts.append(np.full((own[0] if own else matrix).shape, np.nan, x.dtype))
    like = others[0] if others else x
    return np.stack(parts).reshape(like.shape) if parts else np.array(like)


def first_indefinite(x: Array) -> Array:
    """The order of the first leading minor that is not positive definite, 0 where all are."""
    flat = _stack(x)
    found = np.zeros(len(flat), np.int32)
    for place, matrix in enumerate(flat):
        low, high = 0, len(matrix) + 1  # minors up to `low` are definite, that of order `high` is not
        while high - low > 1:
            middle = (low + high) // 2
            if middle <= len(matrix) and _definite(matrix[:middle, :middle]):
                low = middle
            else:
                high = middle
        found[place] = high if high <= len(matrix) else 0
    return found.reshape(x.shape[:-2])


def _definite(matrix: Array) -> bool:
    try:
        return bool(np.isfinite(np.linalg.cholesky(matrix)).all())
    except np.linalg.LinAlgError:
        return False


def refuse(op: str, info: Array, text: str) -> None:
    """LinAlgError in PyTorch's words for the first matrix whose `info` is not 0; `{}` in the text is that number."""
    flat = info.reshape(-1)
    failed = np.flatnonzero(flat)
    if failed.size:
        where = f"(Batch element {failed[0]}): " if info.ndim else ""
        raise LinAlgError(f"{op}: {where}{text.format(flat[failed[0]])}")


SINGULAR = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
UNSOLVABLE = "The solver failed because the input matrix is singular."
INDEFINITE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order {} is not "
    "positive-definite)."
)


def converged(op: str, what: str, function: Callable[[Array], Any], x: Array) -> Any:
    """`function(x)`, an iteration; LinAlgError in PyTorch's words where it does not come to an end, as with NaN."""
    finite = np.isfinite(x).all(axis=(-2, -1))
    try:
        if finite.all():
            return function(x)
    except np.linalg.LinAlgError:
        pass
    reason = f"is ill-conditioned or has too many repeated {what} (error code: 1)."
    if op == "linalg.svd" and not finite.all():
        reason = "contained non-finite values."
    failed = ~finite if not finite.all() else np.ones(finite.shape, bool)
    refuse(op, failed.astype(np.int32), f"The algorithm failed to converge because the input matrix {reason}")
