"""Sorted rows as pointers and back: what `torch._convert_indices_from_coo_to_csr` and its inverse do, which packages of graphs call."""

from __future__ import annotations

from ..dtype import int32, int64
from ..tensor import Tensor, functions


def _convert_indices_from_coo_to_csr(input: Tensor, size: int, *, out_int32: bool = False) -> Tensor:
    """For sorted rows (n) where each of `size` rows starts (size + 1).

    >>> import rushlight as torch
    >>> torch._convert_indices_from_coo_to_csr(torch.tensor([0, 0, 2]), 4)
    tensor([0, 2, 2, 3, 3])
    """
    rows = functions["arange"](size + 1, dtype=input.dtype)
    return functions["searchsorted"](input, rows).to(int32 if out_int32 else int64)


def _convert_indices_from_csr_to_coo(
    crow_indices: Tensor, col_indices: Tensor, *, out_int32: bool = False, transpose: bool = False
) -> Tensor:
    """For where each row starts (rows + 1) and the columns (n), both as pairs (2, n), rows first unless transposed."""
    rows = functions["arange"](crow_indices.shape[0] - 1)
    repeated = functions["repeat_interleave"](rows, crow_indices.diff(), output_size=col_indices.shape[0])
    pair = (col_indices.to(int64), repeated) if transpose else (repeated, col_indices.to(int64))
    return functions["stack"](pair).to(int32 if out_int32 else int64)
