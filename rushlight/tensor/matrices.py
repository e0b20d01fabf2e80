"""Triangles, diagonals, grids and small functions over matrices and vectors."""

from __future__ import annotations

from itertools import combinations as _combinations
from typing import Any

import numpy as np

from ..dtype import FLOATING, bool_, dtype, int64
from ..ir import scalar, view
from ..ir.graph import Node, input_node
from ..ir.type import Type, broadcast_shapes
from .geometry import Size, require_cpu
from .joining import cat, stack
from .promotion import Defaults, Number, promoted
from .public import method, public, scalar_name
from .reductions import norm_node
from .shape import diagonal
from .shape import diagonal as diagonal_of
from .tensor import Tensor, from_array, make_view, node_of, wrap, wrap_axis
from .views import Expand, Reshape

# ---- triangles and diagonals ----


def _mask(rows: int, columns: int, diagonal: int, lower: bool) -> Node:
    grid = np.arange(columns) - np.arange(rows)[:, None]
    keep = grid <= diagonal if lower else grid >= diagonal
    return input_node(keep, Type.of((rows, columns), bool_))


def _triangle(op: str, input: Tensor, diagonal: int, lower: bool) -> Tensor:
    if input.ndim < 2:
        raise RuntimeError(f"{op}: input tensor must have at least 2 dimensions")
    keep = _mask(input.shape[-2], input.shape[-1], int(diagonal), lower)
    return wrap(scalar.select(keep, node_of(input), scalar.number(0, input.dtype)))


@public("Tril", inplace=True)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrix (or batch) with zeros above a diagonal."""
    return _triangle("tril", input, diagonal, True)


@public("Triu", inplace=True)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrix (or batch) with zeros below a diagonal."""
    return _triangle("triu", input, diagonal, False)


def _triangle_indices(row: int, col: int, offset: int, lower: bool, kind: dtype | None, device: Any, op: str) -> Tensor:
    require_cpu(device, op)
    for name, extent in (("row", row), ("col", col)):
        if extent < 0:
            raise RuntimeError(f"{name} must be non-negative, got{extent} — {op}")
    found = (np.tril_indices if lower else np.triu_indices)(row, offset, col)
    array = np.stack(found).astype((kind or int64).storage)
    return from_array(array, kind or int64)


@public(method=False, out=False)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Rows and columns of the lower triangle."""
    return _triangle_indices(row, col, offset, True, dtype, device, "tril_indices")


@public(method=False, out=False)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Rows and columns of the upper triangle."""
    return _triangle_indices(row, col, offset, False, dtype, device, "triu_indices")


@public("DiagEmbed", out=False)
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices of zeros with the last axis on a diagonal."""
    ndim = input.ndim + 1
    a, b = wrap_axis("diag_embed", dim1, ndim), wrap_axis("diag_embed", dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    node = node_of(input)
    lead, count = node.type.shape[:-1], node.type.shape[-1]
    size = count + abs(offset)
    # On a flattened matrix a diagonal is every (size + 1)-th element.
    start = offset if offset >= 0 else -offset * size
    gap = view.pad(node, (0,) * len(lead) + (start,), (0,) * (len(lead) + 1), (0,) * len(lead) + (size,))
    short = size * size - gap.type.shape[-1]
    if short < 0:
        gap = view.slice_(gap, (0,) * (len(lead) + 1), (*lead, size * size))
    else:
        gap = view.pad(gap, (0,) * (len(lead) + 1), (0,) * len(lead) + (short,))
    matrix = view.reshape(gap, (*lead, size, size))
    rest = iter(range(len(lead)))
    order = tuple(len(lead) if axis == a else len(lead) + 1 if axis == b else next(rest) for axis in range(ndim))
    return wrap(view.permute(matrix, order))


@public(out=True)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector as the diagonal of a matrix, or a matrix's diagonal as a vector."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return diagonal_of(input, diagonal)  # the parameter hides the function's name


@public("DiagEmbed", out=False)
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements on a diagonal."""
    return diag_embed(input.reshape(-1), offset)  # type: ignore[attr-defined]


@public("Trace", out=False)
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return diagonal(input).sum()  # type: ignore[attr-defined,no-any-return]


@public("DiagonalScatter", out=False)
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy with the diagonal replaced."""
    result = input.clone()  # type: ignore[attr-defined]
    part = diagonal(result, offset, dim1, dim2)
    _same_shape("diagonal_scatter", src, part)
    part.copy_(src)  # type: ignore[attr-defined]
    return result  # type: ignore[no-any-return]


def _same_shape(op: str, src: Tensor, part: Tensor) -> None:
    if src.shape != part.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(part.shape)} — {op}"
        )


@public("SelectScatter", out=False)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with the part at one place of an axis replaced."""
    result = input.clone()  # type: ignore[attr-defined]
    part = result.select(dim, index)
    _same_shape("select_scatter", src, part)
    part.copy_(src)
    return result  # type: ignore[no-any-return]


@public("SliceScatter")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy with a slice along an axis replaced."""
    result = input.clone()  # type: ignore[attr-defined]
    axis = wrap_axis("slice_scatter", dim, input.ndim)
    part = result[(slice(None),) * axis + (slice(start, end, step),)]
    _same_shape("slice_scatter", src, part)
    part.copy_(src)
    return result  # type: ignore[no-any-return]


@method
def fill_diagonal_(self: Tensor, fill_value: Number, wrap: bool = False) -> Tensor:
    """Overwrites the main diagonal; with `wrap` it starts anew below a tall matrix's square."""
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    columns = self.shape[-1]
    count = min(self.shape)
    step = sum(self.stride())
    self.as_strided((count,), (step,), self.storage_offset()).fill_(fill_value)  # type: ignore[attr-defined]
    if wrap and self.ndim == 2 and self.shape[0] > columns + 1:
        fill_diagonal_(self[columns + 1 :], fill_value, True)  # type: ignore[index]
    return self


# ---- grids ----


@public(method=False, out=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinates of a grid, one tensor for each axis."""
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else list(tensors)
    if not parts:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for part in parts:
        if part.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {part.ndim}D of shape {list(part.shape)}"
            )
        if part.dtype is not parts[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(parts) >= 2
    if swap:
        parts[0], parts[1] = parts[1], parts[0]
    shape = tuple(part.numel() for part in parts)
    grids = []
    for axis, part in enumerate(parts):
        line = tuple(shape[axis] if a == axis else 1 for a in range(len(parts)))
        grids.append(make_view(part, Reshape(line), Expand(shape)))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@public(method=False, out=False)
def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element from each vector, a row each."""
    parts = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    for part in parts:
        if part.ndim > 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(part.shape)}")
    if len(parts) == 1:
        return parts[0]  # type: ignore[no-any-return]
    return stack([grid.reshape(-1) for grid in meshgrid(*parts, indexing="ij")], 1)  # type: ignore[attr-defined]


@public(method=False, out=False)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector, a row each."""
    if input.ndim != 1:
        raise RuntimeError("Expect a 1D vector, but got shape " + str(list(input.shape)))
    count = input.numel()
    if with_replacement:
        from_counts = [c for c in np.ndindex(*[count] * r) if list(c) == sorted(c)]
    else:
        from_counts = list(_combinations(range(count), r))
    places = np.array(from_counts, np.int64).reshape(-1, r)
    return input[from_array(places, int64)]  # type: ignore[index,no-any-return]


@public("Cat", method=False, out=False)
def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of one of zeros."""
    parts = [
        t.reshape(1, -1) if t.ndim < 2 else t
        for t in (tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors)
    ]
    columns = sum(part.shape[1] for part in parts)
    nodes, before = [], 0
    kinds = promoted(*parts, op="block_diag")
    for node in kinds:
        width = node.type.shape[1]
        nodes.append(view.pad(node, (0, before), (0, columns - before - width)))
        before += width
    return wrap(view.concatenate(tuple(nodes), 0))


@public(method=False)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Vandermonde's matrix: powers of a vector's elements."""
    if x.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor. — vander: got {list(x.shape)}")
    count = x.shape[-1] if N is None else N
    powers = [x**k for k in range(count)]  # type: ignore[operator]
    return stack(powers if increasing else powers[::-1], -1) if powers else x.new_empty((*x.shape, 0))  # type: ignore[attr-defined,no-any-return]


# ---- differences and statistics ----


@public("Diff")
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along an axis, n times."""
    axis = wrap_axis("diff", dim, input.ndim)
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:  # nothing is put before or behind then
        return input.clone()  # type: ignore[attr-defined,no-any-return]
    parts = [part for part in (prepend, input, append) if part is not None]
    result = cat(parts, axis) if len(parts) > 1 else input
    for _ in range(min(n, result.shape[axis])):
        extent = result.shape[axis]
        high, low = result.narrow(axis, 1, extent - 1), result.narrow(axis, 0, extent - 1)  # type: ignore[attr-defined]
        result = high ^ low if result.dtype is bool_ else high - low
    return result.clone() if result is input else result  # type: ignore[attr-defined,no-any-return]


@public("Cov", out=False)
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Covariances of the rows."""
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    x = input.reshape(1, -1) if input.ndim < 2 else input  # type: ignore[attr-defined]
    if x.dtype.category < FLOATING:
        x = x.to(Defaults.dtype)
    count: Any = x.shape[1]
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            _check_weights(name, given, count)
    weights = fweights
    if aweights is not None:
        weights = aweights if weights is None else weights * aweights  # type: ignore[operator]
    if weights is None:
        average = x.mean(1, keepdim=True)
        norm: Any = count - correction
    else:
        total = weights.sum()  # type: ignore[attr-defined]
        average = (x * weights).sum(1, keepdim=True) / total
        if correction and aweights is not None:
            norm = total - correction * (weights * aweights).sum() / total  # type: ignore[operator]
        else:
            norm = total - correction
    away = x - average
    scaled = away if weights is None else away * weights
    result = scaled @ away.mH / (norm if isinstance(norm, Tensor) else max(norm, 0))
    return result.squeeze()  # type: ignore[no-any-return]


def _check_weights(name: str, given: Tensor, count: int) -> None:
    if given.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {given.ndim} dimensions"
        )
    wanted, floating = ("integral", False) if name == "fweights" else ("floating point", True)
    if (given.dtype.category >= FLOATING) is not floating:
        raise RuntimeError(
            f"cov(): expected {name} to have {wanted} dtype but got {name} with {scalar_name(given.dtype)} dtype"
        )
    if given.numel() != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{given.numel()} != {count}"
        )
    if given.numel() and given.min().item() < 0:  # type: ignore[attr-defined]
        raise RuntimeError(f"cov(): {name} cannot be negative")


@public("Corrcoef", out=False)
def corrcoef(input: Tensor) -> Tensor:
    """Correlations of the rows."""
    c = cov(input)
    if not c.ndim:
        return c / c  # type: ignore[operator,no-any-return]
    spread = diagonal(c).real.sqrt() if c.dtype.is_complex else diagonal(c).sqrt()  # type: ignore[attr-defined]
    return c / spread.unsqueeze(1) / spread  # type: ignore[no-any-return]


_DISTANCE_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


@public("Cdist", method=False, out=False)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = _DISTANCE_MODES[0]) -> Tensor:
    """The p-norm distance of every row of one matrix to every row of another (or batches).

    compute_mode: PyTorch's choice of when it goes by way of a matrix product, with fewer digits; here never.
    """
    if compute_mode not in _DISTANCE_MODES:
        raise ValueError(
            f"{compute_mode} is not a valid value for compute_mode — cdist: one of {', '.join(_DISTANCE_MODES)}"
        )
    if x1.ndim < 2 or x2.ndim < 2:
        raise RuntimeError(
            f"cdist only supports at least 2D tensors, X{1 if x1.ndim < 2 else 2} got: {min(x1.ndim, x2.ndim)}D"
        )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    gap = scalar.sub(*promoted(x1.unsqueeze(-2), x2.unsqueeze(-3), op="cdist"))  # type: ignore[attr-defined]
    return wrap(norm_node(gap, float(p), (gap.type.ndim - 1,), False))


@public("Renorm", inplace=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Parts along an axis scaled down to a p-norm of at most `maxnorm`."""
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    axis = wrap_axis("renorm", dim, input.ndim)
    node = node_of(input)
    others = tuple(a for a in range(input.ndim) if a != axis)
    size = norm_node(node, float(p), others, True)
    kind = size.type.dtype
    bound = scalar.number(maxnorm, kind)
    factor = scalar.select(
        scalar.gt(size, bound), scalar.div(bound, scalar.add(size, scalar.number(1e-7, kind))), scalar.number(1, kind)
    )
    return wrap(scalar.mul(node, scalar.cast(factor, dtype=input.dtype)))


def _trapezoid_parts(y: Tensor, x: Any, dx: Any, dim: int) -> Tensor:
    axis = wrap_axis("trapezoid", dim, y.ndim)
    extent = y.shape[axis]
    if extent == 0:
        return y
    pair = y.narrow(axis, 1, extent - 1) + y.narrow(axis, 0, extent - 1)  # type: ignore[attr-defined]
    if x is None:
        return pair * (dx / 2)  # type: ignore[no-any-return]
    width = diff(x, dim=-1 if x.ndim == 1 else axis)
    if x.ndim == 1:
        width = width.reshape([-1 if a == axis else 1 for a in range(y.ndim)])  # type: ignore[attr-defined]
    return pair * width / 2  # type: ignore[no-any-return]


@public("Trapezoid", method=False, out=False, alias=("trapz",))
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral along an axis by the trapezoidal rule."""
    return _trapezoid_parts(y, x, dx, dim).sum(dim)  # type: ignore[attr-defined,no-any-return]


@public("Cumsum", method=False, out=False)
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral along an axis by the trapezoidal rule."""
    return _trapezoid_parts(y, x, dx, dim).cumsum(dim)  # type: ignore[attr-defined,no-any-return]


@public(method=False, out=False)
def broadcast_shapes_(*shapes: Any) -> Any:
    """The shape that shapes broadcast to."""
    return Size(broadcast_shapes("broadcast_shapes", *[(s,) if isinstance(s, int) else tuple(s) for s in shapes]))
