"""What holds of every sparse tensor, and `check_sparse_tensor_invariants`, which says whether it is looked at."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import structure


class check_sparse_tensor_invariants:
    """Turns the checks of indices on or off: `enable()`, `disable()`, or for a `with` block or a decorated function.

    Rushlight never reads outside of memory: an index that was not checked here raises IndexError where it is used.

    >>> import rushlight as torch
    >>> with torch.sparse.check_sparse_tensor_invariants():
    ...     torch.sparse.check_sparse_tensor_invariants.is_enabled()
    True
    """

    _enabled = False

    @staticmethod
    def is_enabled() -> bool:
        """Whether the checks are on."""
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable() -> None:
        """Turns the checks on."""
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable() -> None:
        """Turns the checks off."""
        check_sparse_tensor_invariants._enabled = False

    def __init__(self, enable: bool = True) -> None:
        self._wanted = enable
        self._before: bool | None = None

    def __enter__(self) -> None:
        if self._before is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context manager instance for context nesting."
            )
        self._before = self.is_enabled()
        check_sparse_tensor_invariants._enabled = self._wanted

    def __exit__(self, *exception: Any) -> None:
        check_sparse_tensor_invariants._enabled = bool(self._before)
        self._before = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self._wanted):
                return function(*args, **kwargs)

        return call


def wanted(check_invariants: bool | None) -> bool:
    """Whether to check: as the call says, else as is set."""
    return check_sparse_tensor_invariants.is_enabled() if check_invariants is None else check_invariants


# ---- COO ----


def check_coo_shape(indices: Tensor, values: Tensor, extents: tuple[int, ...]) -> None:
    """RuntimeError where ranks and counts do not fit together."""
    sparse, dense = indices.shape[0], values.ndim - 1
    if len(extents) != sparse + dense:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(extents)}, sparse_dim = {sparse}, "
            f"dense_dim = {dense}"
        )
    if indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {indices.shape[1]}, nnz from values: {values.shape[0]}"
        )
    if tuple(values.shape[1:]) != extents[sparse:]:
        raise RuntimeError(
            f"values has incorrect size, expected {[values.shape[0], *extents[sparse:]]}, got {list(values.shape)}"
        )


def check_places(places: np.ndarray, extents: tuple[int, ...]) -> None:
    """RuntimeError for an index outside of its axis."""
    if not places.size:
        return
    for axis, (row, extent) in enumerate(zip(places, extents, strict=True)):
        low, high = int(row.min()), int(row.max())
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {axis}")
        if high >= extent:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {axis}, size is {extent} but found index {high}"
            )


def check_is_coalesced(places: np.ndarray, extents: tuple[int, ...]) -> None:
    """RuntimeError where places are not sorted, or one stands twice."""
    if not structure.is_increasing(structure.keys_of(places, extents)):
        raise RuntimeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")


# ---- compressed rows or columns ----


def check_compressed(
    pointers: np.ndarray, inner: np.ndarray, count: int, extents: tuple[int, int], names: tuple[str, str]
) -> None:
    """RuntimeError where pointers do not run from 0 to the number of elements, or an index is outside of its axis or out of order.

    extents: of the compressed axis and of the other. names: of the pointers and of the indices.
    """
    first, second = names
    if pointers.size != extents[0] + 1:
        axis = "rows" if first == "crow_indices" else "columns"
        raise RuntimeError(
            f"{first}.shape[-1] must be equal to the number of {axis} + 1 = {extents[0] + 1}, but got {pointers.size}"
        )
    if inner.size != count:
        raise RuntimeError(f"number of elements in {second} and values must be the same: {inner.size} is not {count}")
    if pointers[0] != 0:
        raise RuntimeError(f"`{first}[..., 0] == 0` is not satisfied.")
    if pointers[-1] != count:
        raise RuntimeError(f"`{first}[..., -1] == nnz` is not satisfied.")
    lengths = np.diff(pointers)
    if lengths.size and (lengths.min() < 0 or lengths.max() > extents[1]):
        raise RuntimeError(f"`0 <= {first}[..., 1:] - {first}[..., :-1] <= {extents[1]}` is not satisfied.")
    if inner.size and (inner.min() < 0 or inner.max() >= extents[1]):
        bound = "ncols" if second == "col_indices" else "nrows"
        sign = ">= 0" if inner.min() < 0 else f"< {bound}"
        raise RuntimeError(f"`0 <= {second} < {bound}` is not satisfied: all have to be {sign}")
    keys = structure.expanded_pointers(pointers) * extents[1] + inner
    if not structure.is_increasing(keys):
        raise RuntimeError(
            f"`{second}[..., {first}[..., i - 1]:{first}[..., i]] for all i = 1, ..., {extents[0]} are sorted and distinct along the "
            "last dimension values` is not satisfied."
        )
