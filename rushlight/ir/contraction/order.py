"""The order in which a small matrix product is summed: PyTorch's, as measured on its CPU build on an AVX-512 machine.

PyTorch 2.13 sums a product of real matrices, over a depth up to 384, by fused multiply-adds from the first element to
the last. `np.matmul` does so too, but for layouts in which OpenBLAS has special kernels for small matrices: there one
matrix is transposed in memory first. Where PyTorch's own order is another, it is made step by step if that is cheap:

- float32, both matrices with the depth innermost (a linear layer), not in a batch, few rows and columns: 16 partial sums,
  the upper half of which is added to the lower until one is left; a vector with such a matrix: much the same;
- matrices of a batch, of fewer than 400 multiplications each: each product rounded, then added.

Not matched are depths above 384; products of more than a million multiplications where PyTorch uses threads; vectors with a
matrix whose depth is outermost; what `_COPY`, `_STEPS`, `_DEEPEST` and their like leave out for the sake of speed; and
with both depths innermost, up to 15 rows if there are no more than depth / 24, and few float64 rows and columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import blas

Product = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]  # (left, right, out), as np.matmul

_KERNEL = 10**6  # multiplications up to which OpenBLAS has kernels for small matrices
_BLOCK = 384  # the depth that PyTorch sums in one go
_COPY = 1 << 14  # elements that may be copied for the sake of order,
_SHARE = 64  # or one for so many multiplications
_STEPS = 2048  # multiplications of a product made step by step
_DEEPEST = 32  # and its depth
_BATCHED = 400  # multiplications below which PyTorch does not call BLAS for a matrix in a batch
_BATCHED_STEPS = 1 << 16  # multiplications of a whole batch made step by step
_BATCHED_DEEPEST = 16


@dataclass(frozen=True)
class MatrixProduct:
    """left (batch, rows, depth) @ right (batch, depth, columns); whether the depth is innermost in memory."""

    character: str  # the dtype's
    batch: int
    shared: bool  # both matrices have all of the batch
    rows: int
    depth: int
    columns: int
    left_innermost: bool
    right_innermost: bool

    def plan(self) -> Product:
        """How to compute it."""
        size = self.rows * self.depth * self.columns
        if self.character not in "fd":
            return _product(size)
        stepwise = self._stepwise(size)
        if stepwise is not None:
            return stepwise
        if size > _KERNEL or self.depth > _BLOCK or self.rows == 1 or self.columns == 1:
            return _product(size)
        return self._transposing(size)

    def _stepwise(self, size: int) -> Product | None:
        if self.batch > 1:
            small = size < _BATCHED and self.batch * size <= _BATCHED_STEPS and self.depth <= _BATCHED_DEEPEST
            return _rounded_each if self.shared and small else None
        if self.character != "f" or size > _STEPS or self.depth > _DEEPEST or self.rows * self.columns == 1:
            return None
        if self.rows == 1:
            return _vector_matrix if self.right_innermost else None
        if self.columns == 1:
            return _matrix_vector if self.left_innermost else None
        return _lanes if self.left_innermost and self.right_innermost and self._in_lanes() else None

    def _in_lanes(self) -> bool:
        if self.columns > 11 or self.rows > (15 if self.columns == 2 else 10):
            return False
        return self.columns <= 3 or self.columns >= max(self.depth, self.rows + 1)

    def _transposing(self, size: int) -> Product:
        """A product by BLAS, with a layout for which OpenBLAS sums from first to last."""
        lanes = 16 if self.character == "f" else 8
        # The kernel for two matrices that are not transposed, and a rest of columns that half a vector holds.
        split = self.depth >= 2 * lanes and 1 <= self.columns % lanes <= lanes // 2
        if not self.left_innermost or not (self.depth >= 32 if self.right_innermost else split):
            return _product(size)
        copies = [(self.batch * self.rows * self.depth, _left_transposed)]
        if self.right_innermost and not split:
            copies.append((self.batch * self.depth * self.columns, _right_transposed))
        elements, product = min(copies, key=lambda copy: copy[0])
        return product if elements <= _COPY or elements * _SHARE <= self.batch * size else _product(size)


def _product(size: int) -> Product:
    """`np.matmul`; in one thread, where BLAS might share it."""
    return np.matmul if size < blas.SHARED else blas.matmul


def _left_transposed(left: np.ndarray, right: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    return blas.matmul(left.swapaxes(-1, -2).copy().swapaxes(-1, -2), right, out)


def _right_transposed(left: np.ndarray, right: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    return blas.matmul(left, right.copy(order="C"), out)


# Step by step. A fused multiply-add of float32 is one of float64, rounded: its product is exact there.


def _rounded_each(left: np.ndarray, right: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    with np.errstate(all="ignore"):
        total = left[..., :1] * right[..., :1, :]
        for k in range(1, left.shape[-1]):
            total += left[..., k : k + 1] * right[..., k : k + 1, :]
        return np.add(total, _ZERO, out)


def _lanes(left: np.ndarray, right: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """Element k is added to partial sum k mod 16."""
    left, right = left[:, None, :], right.T
    with np.errstate(all="ignore"):
        sums = left[..., :16] * right[..., :16]
        depth = left.shape[-1]
        if depth > 16:
            products = np.multiply(left[..., 16:], right[..., 16:], dtype=np.float64)
            sums[..., : depth - 16] = products + sums[..., : depth - 16]
        return np.add(_halved(sums), _ZERO, out)


def _vector_matrix(left: np.ndarray, right: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    return _matrix_vector(right.T, left.T, None if out is None else out.T).T


def _matrix_vector(left: np.ndarray, right: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """The first element by itself, then stretches of 16.

    For four rows together, each stretch is summed, what was found before added to its first element; the last rows, of
    which there are fewer than four, are summed up after the last stretch, and the first element is added then.
    """
    rows, depth = left.shape
    if out is None:
        out = np.empty((rows, 1), left.dtype)
    with np.errstate(all="ignore"):
        products = np.multiply(left, right.T, dtype=np.float64)
        fours = rows - rows % 4
        if fours:
            some = products[:fours]
            total = some[:, 0].astype(left.dtype)
            for k in range(1, depth, 16):
                some[:, k] += total
                total = _halved(some[:, k : k + 16].astype(left.dtype))
            np.add(total, _ZERO, out[:fours, 0])
        if fours < rows:
            some = products[fours:]
            sums = some[:, 1:17].astype(left.dtype)
            if depth > 17:
                sums[:, : depth - 17] = some[:, 17:] + sums[:, : depth - 17]
            np.add(_halved(sums), some[:, 0].astype(left.dtype), out[fours:, 0])
    return out


_ZERO = np.float32(0)  # makes of -0 what a sum that starts at 0 is


def _halved(sums: np.ndarray) -> np.ndarray:
    """The sum over the last axis, at most 16 long: the upper half is added to the lower until one is left. In place."""
    count = sums.shape[-1]
    for half in (8, 4, 2, 1):
        if count > half:
            sums[..., : count - half] += sums[..., half:count]
            count = half
    return sums[..., 0]
