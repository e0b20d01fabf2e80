"""Reading and writing with `tensor[...]`, and functions that take places: gather, scatter, index_select, masked_fill, ….

Ints, slices, None and `...` make views. Index tensors, lists and masks gather; a mask becomes the places where it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dtype import bool_, cpp_name, int64
from ..ir import index as index_ops
from ..ir import scalar, view
from ..ir.graph import Node, input_node, mode
from ..ir.type import Type, broadcast_shapes
from ..runtime.executor import Haste, settled
from .geometry import strided
from .parsing import Parsed, check_index, parse
from .promotion import check_number
from .public import assign, method, public, scalar_name
from .tensor import Tensor, make_view, node_of, wrap, wrap_axis
from .views import Permute, Slice
from .writing import is_settled, known_everywhere, write_at_once

# ---- gathering ----


def _leading(parsed: Parsed) -> tuple[Tensor, int]:
    """The view with its indexed axes in front, and where the gathered axes belong in the result."""
    axes = parsed.axes
    adjacent = axes == list(range(axes[0], axes[0] + len(axes)))
    rest = [axis for axis in range(parsed.view.ndim) if axis not in axes]
    order = (*axes, *rest)
    moved = parsed.view if order == tuple(range(len(order))) else make_view(parsed.view, Permute(order, "Permute"))
    return moved, axes[0] if adjacent else 0


def _index_nodes(parsed: Parsed) -> tuple[list[Node], tuple[int, ...]]:
    nodes = [node_of(each) for each in parsed.indices]
    try:
        shape = broadcast_shapes("index", *[node.type.shape for node in nodes])
    except RuntimeError:
        listed = ", ".join(str(list(node.type.shape)) for node in nodes)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"
        ) from None
    return nodes, shape


def get(tensor: Tensor, key: Any) -> Tensor:
    """tensor[key]."""
    parsed = parse(tensor, key)
    if not parsed.axes:
        return parsed.view
    moved, front = _leading(parsed)
    nodes, shape = _index_nodes(parsed)
    result = index_ops.take(node_of(moved), *nodes)
    if front:
        ndim, count = result.type.ndim, len(shape)
        order = (*range(count, count + front), *range(count), *range(count + front, ndim))
        result = view.permute(result, order)
    made = wrap(result)
    if result.tracked and result.label is None:
        result.label = "Index"
    return made


def put(tensor: Tensor, key: Any, value: Any, accumulate: bool = False) -> None:
    """tensor[key] = value."""
    parsed = parse(tensor, key)
    if not parsed.axes:
        _assign_view(parsed.view, value)
        return
    if isinstance(value, Tensor) and value.dtype is not tensor.dtype and not (value.numel() == 1 and _has_mask(key)):
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {scalar_name(tensor.dtype)} for the "
            f"destination and {scalar_name(value.dtype)} for the source."
        )
    moved, front = _leading(parsed)
    nodes, shape = _index_nodes(parsed)
    base = node_of(moved)
    rest = base.type.shape[len(nodes) :]
    region = (*rest[:front], *shape, *rest[front:])
    source = value_node(value, tensor, region)
    if front:
        count = len(shape)
        order = (*range(front, front + count), *range(front), *range(front + count, len(region)))
        source = view.permute(source, order)
    assign("index_put_", moved, index_ops.put(base, source, *nodes, accumulate=accumulate))


def _has_mask(key: Any) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, Tensor) and part.dtype is bool_ for part in parts)


def value_node(value: Any, target: Tensor, region: tuple[int, ...]) -> Node:
    """The value to be written, in the target's dtype and expanded to the region's shape."""
    if not isinstance(value, Tensor):
        if not isinstance(value, (int, float, complex)):
            home = type(value).__module__
            what = type(value).__name__ if home == "builtins" else f"{home}.{type(value).__name__}"
            raise TypeError(f"can't assign a {what} to a {target.type()} — torch.as_tensor makes a tensor of it")
        return scalar.full(check_number(value, target.dtype), Type.of(region, target.dtype))
    node = scalar.cast(node_of(value), dtype=target.dtype)
    shape = node.type.shape
    while len(shape) > len(region) and shape[0] == 1:
        shape = shape[1:]
    node = view.reshape(node, shape)
    lead = len(region) - len(shape)
    if lead < 0 or any(e not in (1, r) for e, r in zip(shape, region[lead:], strict=True)):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing result of shape {list(region)}"
        )
    return view.expand(node, region)


def _assign_view(target: Tensor, value: Any) -> None:
    region = tuple(target.shape)
    if isinstance(value, Tensor) and value.ndim <= len(region):
        value = value.expand(region)  # type: ignore[attr-defined]
    hurried = Haste.wanted
    if isinstance(value, (int, float, complex)) and is_settled(target):
        source = known_everywhere(check_number(value, target.dtype), Type.of(region, target.dtype))
    else:
        source = value_node(value, target, region)
    mutable = target._source is None or target._source.leaf is None or not mode.tracking
    if mutable and write_at_once(target, source):
        if not hurried:  # memory shared with NumPy was read, but nothing pending is left that reads it
            settled()
        return
    assign("setitem", target, source)


def _getitem(self: Tensor, key: Any) -> Tensor:
    return get(self, key)


def _setitem(self: Tensor, key: Any, value: Any) -> None:
    put(self, key, value)


def _delitem(self: Tensor, key: Any) -> None:
    raise TypeError("Tensor does not support deleting items")


Tensor.__getitem__, Tensor.__setitem__, Tensor.__delitem__ = _getitem, _setitem, _delitem  # type: ignore[attr-defined]


@method
def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Overwrites this tensor with another's values, broadcast and converted."""
    if isinstance(src, (int, float, complex)):
        return self.fill_(src)  # type: ignore[no-any-return]
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    if src.layout is not strided:
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{self.type()} and src type = {src.type()} — call .to_dense() on the source"  # type: ignore[attr-defined]
        )
    shape = tuple(self.shape)
    lead = len(shape) - src.ndim
    if lead < 0 or any(e not in (1, s) for e, s in zip(src.shape, shape[lead:], strict=True)):
        raise RuntimeError(
            f"The size of tensor a ({shape[-1] if shape else 0}) must match the size of tensor b ({src.shape[-1] if src.ndim else 0}) at "
            f"non-singleton dimension {len(shape) - 1} — copy_: {tuple(src.shape)} into {shape}"
        )
    node = view.expand(scalar.cast(node_of(src), dtype=self.dtype), shape)
    assign("copy_", self, view.identity(node) if node.tracked and node.label is not None else node)
    return self


@method
def fill_(self: Tensor, value: Any) -> Tensor:
    """Overwrites every element with one value."""
    target = _once(self)
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
            )
        assign("fill_", target, view.expand(scalar.cast(node_of(value), dtype=self.dtype), tuple(target.shape)))
    else:
        assign("fill_", target, scalar.full(check_number(value, self.dtype), target._type()))
    return self


@method
def zero_(self: Tensor) -> Tensor:
    """Overwrites every element with 0."""
    target = _once(self)
    assign("zero_", target, scalar.full(0, target._type()))
    return self


def _once(tensor: Tensor) -> Tensor:
    """The tensor without what an expanded axis repeats: one value everywhere may be written to that."""
    if not tensor._steps:
        return tensor
    shape, strides = tuple(tensor.shape), tensor.stride()
    if all(stride or extent <= 1 for extent, stride in zip(shape, strides, strict=True)):
        return tensor
    stop = tuple(extent if stride else min(extent, 1) for extent, stride in zip(shape, strides, strict=True))
    return make_view(tensor, Slice((0,) * len(shape), stop, (1,) * len(shape)))


@public(out=False, method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """One value in the input's shape."""
    return input.clone().fill_(value)  # type: ignore[attr-defined,no-any-return]


# ---- along one axis ----


def _index_of(op: str, index: Any, name: str = "index") -> Node:
    if not isinstance(index, Tensor):
        raise TypeError(f"{op}(): argument '{name}' must be Tensor, not {type(index).__name__}")
    if index.dtype not in (int64, dtypes.int32) and index.numel():
        raise RuntimeError(f"{op}(): Expected dtype int32/int64 for index — got {scalar_name(index.dtype)}")
    return scalar.cast(node_of(index), dtype=int64)


def _check_gather(op: str, input: Tensor, axis: int, index: Node, other: tuple[int, ...] | None = None) -> None:
    shape, own = index.type.shape or (1,), tuple(input.shape) or (1,)
    if index.type.size == 0:
        return
    if other is not None and len(other or (1,)) != len(shape):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as src tensor — {op}: index {shape}, src {other}"
        )
    if len(shape) != len(own):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as {'input' if op == 'gather' else 'self'} tensor — "
            f"{op}: index {shape}, input {own}"
        )
    for place, (i, e) in enumerate(zip(shape, own, strict=True)):
        if place != axis and i > e:
            raise RuntimeError(
                f"Size does not match at dimension {place} expected index {list(shape)} to be no larger than self {list(own)} apart from "
                f"dimension {axis} — {op}"
            )
    if other is not None and any(i > s for i, s in zip(shape, other or (1,), strict=True)):
        raise RuntimeError(f"Expected index {list(shape)} to be no larger than src {list(other)} — {op}")
    if index.value is not None:
        bad = index.value
        extent = own[axis]
        if bad.size and (int(bad.min()) < 0 or int(bad.max()) >= extent):
            worst = int(bad.min()) if int(bad.min()) < 0 else int(bad.max())
            raise RuntimeError(f"index {worst} is out of bounds for dimension {axis} with size {extent} — {op}")


def _as_vector(node: Node) -> Node:
    return view.reshape(node, (1,)) if not node.type.ndim else node


@public("Gather")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Elements along an axis at the places given by an index of the input's rank."""
    axis = wrap_axis("gather", dim, input.ndim)
    place = _index_of("gather", index)
    _check_gather("gather", input, axis, place)
    if not index.numel():
        return wrap(view.empty_of(node_of(input), tuple(index.shape)))
    shape = place.type.shape
    place = _as_vector(place)
    trimmed = _trim(_as_vector(node_of(input)), place, axis)
    return wrap(view.reshape(index_ops.gather(trimmed, place, axis=axis), shape))


def _trim(node: Node, index: Node, axis: int) -> Node:
    """The input cut to the index's extents on the other axes."""
    stop = tuple(e if a == axis else i for a, (e, i) in enumerate(zip(node.type.shape, index.type.shape, strict=True)))
    return view.slice_(node, (0,) * len(stop), stop)


def scatter_node(op: str, input: Tensor, dim: int, index: Tensor, source: Any, how: str) -> Node:
    axis = wrap_axis(op, dim, input.ndim)
    place = _index_of(op, index)
    if isinstance(source, Tensor):
        if source.dtype is not input.dtype:
            raise RuntimeError(f"{op}(): Expected self.dtype to be equal to src.dtype")
        _check_gather(op, input, axis, place, tuple(source.shape))
        values = _as_vector(node_of(source))
        place = _as_vector(place)
        if index.numel():
            values = view.slice_(values, (0,) * values.type.ndim, place.type.shape)
    else:
        _check_gather(op, input, axis, place)
        place = _as_vector(place)
        values = scalar.full(check_number(source, input.dtype), Type.of(place.type.shape, input.dtype))
    base = _as_vector(node_of(input))
    if not index.numel():
        return view.identity(node_of(input))
    region = tuple(
        e if a == axis else i for a, (e, i) in enumerate(zip(base.type.shape, place.type.shape, strict=True))
    )
    if region == base.type.shape:
        return view.reshape(index_ops.scatter(base, values, place, axis=axis, reduce=how), tuple(input.shape))
    zeros, ones = (0,) * len(region), (1,) * len(region)
    inner = index_ops.scatter(view.slice_(base, zeros, region), values, place, axis=axis, reduce=how)
    return view.update(base, inner, zeros, region, ones)


_SCATTER_MODES = {None: "set", "add": "add", "multiply": "mul"}


@public("Scatter", inplace=True)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """The input with elements along an axis replaced (or added to, multiplied) at the places of an index."""
    if reduce not in _SCATTER_MODES:
        raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}")
    return wrap(scatter_node("scatter", input, dim, index, src if src is not None else value, _SCATTER_MODES[reduce]))


@public("ScatterAdd", inplace=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """The input with `src` added along an axis at the places of an index."""
    if not isinstance(src, Tensor):
        raise TypeError(f"scatter_add(): argument 'src' (position 3) must be Tensor, not {type(src).__name__}")
    return wrap(scatter_node("scatter_add", input, dim, index, src, "add"))


def rows_first(input: Tensor, axis: int) -> tuple[Node, tuple[int, ...]]:
    """The input's node with one axis in front, and the order that brings it back."""
    node = _as_vector(node_of(input))
    order = (axis, *[a for a in range(node.type.ndim) if a != axis])
    back = tuple(order.index(a) for a in range(len(order)))
    return view.permute(node, order), back


@public("IndexSelect")
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The parts of an axis at the places of a one-dimensional index."""
    axis = wrap_axis("index_select", dim, input.ndim)
    place = _index_of("index_select", index)
    if place.type.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    check_index(index, input.shape[axis] if input.ndim else 1, axis, "index out of range in self")
    if index._storage.node.value is not None and index.numel() and int(index._array().min()) < 0:
        raise IndexError("index out of range in self — index_select")
    moved, back = rows_first(input, axis)
    result = view.permute(index_ops.take(moved, _as_vector(place)), back)
    return wrap(view.reshape(result, ()) if not input.ndim else result)


def _index_write(op: str, input: Tensor, dim: int, index: Tensor, source: Any, accumulate: bool) -> Node:
    axis = wrap_axis(op, dim, input.ndim)
    place = _as_vector(_index_of(op, index))
    if place.type.ndim > 1:
        raise IndexError(f"{op}(): Index is supposed to be a vector")
    words = {"index_add": "index out of range in self"}.get(op)
    check_index(index, input.shape[axis] if input.ndim else 1, axis, words)
    moved, back = rows_first(input, axis)
    region = (place.type.shape[0], *moved.type.shape[1:])
    if isinstance(source, Tensor) and source.ndim:
        if source.dtype is not input.dtype:
            raise RuntimeError(
                f"{op}(): self ({scalar_name(input.dtype)}) and source ({scalar_name(source.dtype)}) must have the same scalar type"
            )
        others = [e for a, e in enumerate(source.shape) if a != axis]
        if source.ndim != max(input.ndim, 1) or others != [e for a, e in enumerate(input.shape) if a != axis]:
            raise RuntimeError(
                f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
                f"{list(input.shape)} source.shape = {list(source.shape)} — {op}"
            )
        if source.shape[axis] != region[0]:
            kind = RuntimeError if op == "index_add" else IndexError
            raise kind(
                f"{op}_(): Number of indices ({region[0]}) should be equal to source.size(dim): ({source.shape[axis]}), for dim: {axis}"
            )
        values, _ = rows_first(source, axis)
    else:
        one = source if isinstance(source, Tensor) else None
        values = scalar.cast(node_of(one), dtype=input.dtype) if one is not None else scalar.number(source, input.dtype)
        values = view.expand(values, region)
    if values.type.shape != region:
        raise RuntimeError(
            f"{op}(): source {tuple(source.shape)} does not fit region {region} of input {tuple(input.shape)}"
        )
    result = view.permute(index_ops.put(moved, values, place, accumulate=accumulate), back)
    return view.reshape(result, tuple(input.shape))


@public("IndexAdd", inplace=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """The input with `alpha * source` added to the parts of an axis at the places of an index."""
    return wrap(_index_write("index_add", input, dim, index, source if alpha == 1 else source * alpha, True))  # type: ignore[operator]


@public("IndexCopy", inplace=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """The input with the parts of an axis at the places of an index replaced."""
    return wrap(_index_write("index_copy", input, dim, index, source, False))


@public("IndexFill", inplace=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """The input with the parts of an axis at the places of an index set to one value."""
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    axis = wrap_axis("index_fill", dim, input.ndim)
    place = _as_vector(_index_of("index_fill", index))
    extent = input.shape[axis] if input.ndim else 1
    check_index(index, extent, axis)
    here = scalar.full(True, Type.of(place.type.shape, bool_))
    mask = index_ops.put(scalar.full(False, Type.of((extent,), bool_)), here, place, accumulate=False)
    mask = view.reshape(mask, tuple([extent if a == axis else 1 for a in range(input.ndim)]))
    if isinstance(value, Tensor):
        filler = scalar.cast(node_of(value), dtype=input.dtype)
    else:
        filler = scalar.number(check_number(value, input.dtype), input.dtype)
    return wrap(scalar.select(mask, filler, node_of(input)))


@method
def index_put_(self: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """self[indices] = values, or += with `accumulate`."""
    key = tuple(slice(None) if item is None else item for item in indices)
    put(self, key, values, accumulate)
    return self


@public("IndexPut", out=False)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """The input with input[indices] replaced by (or increased by) values."""
    return input.clone().index_put_(indices, values, accumulate)  # type: ignore[attr-defined,no-any-return]


@public("Take")
def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened input."""
    place = _index_of("take", index)
    check_index(index, input.numel(), 0, "out of range")
    return wrap(index_ops.take(view.reshape(node_of(input), (input.numel(),)), place))


@public("Put", inplace=True, function=False)
def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """The input with elements of `source` at (or added at) places of the flattened input."""
    place = _index_of("put_", index)
    if source.dtype is not input.dtype:
        names = f"self.dtype = {scalar_name(input.dtype)} and source.dtype = {scalar_name(source.dtype)}"
        raise RuntimeError(f"put_(): self and source expected to have the same dtype, but got {names}")
    if index.numel() != source.numel():
        counts = f"source.numel() = {source.numel()}, index.numel() = {index.numel()}"
        raise IndexError(f"put_(): Expected source and index to have the same number of elements, but got {counts}")
    check_index(index, input.numel(), 0, "out of range")
    count = (source.numel(),)
    flat = view.reshape(node_of(input), (input.numel(),))
    values, places = view.reshape(node_of(source), count), view.reshape(place, count)
    return wrap(view.reshape(index_ops.put(flat, values, places, accumulate=accumulate), tuple(input.shape)))


@public("TakeAlongDim")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` with broadcasting."""
    if dim is None:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), 0)  # type: ignore[attr-defined,no-any-return]
    axis = wrap_axis("take_along_dim", dim, input.ndim)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    shape = [1 if a == axis else e for a, e in enumerate(input.shape)]
    other = [1 if a == axis else e for a, e in enumerate(indices.shape)]
    common = broadcast_shapes("take_along_dim", tuple(shape), tuple(other))
    wide = [input.shape[axis] if a == axis else e for a, e in enumerate(common)]
    chosen = [indices.shape[axis] if a == axis else e for a, e in enumerate(common)]
    place = node_of(indices)
    extent = scalar.number(input.shape[axis] if input.ndim else 1, int64)
    wrapped = wrap(scalar.select(scalar.lt(place, scalar.number(0, int64)), scalar.add(place, extent), place))
    return gather(input.expand(wide), axis, wrapped.expand(chosen))  # type: ignore[attr-defined]


# ---- masks ----


def _mask_node(op: str, mask: Tensor) -> Node:
    if mask.dtype is not bool_:
        raise RuntimeError(f"{op} only supports boolean masks, but got mask with dtype {cpp_name(mask.dtype)}")
    return node_of(mask)


@public("MaskedFill", inplace=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """The input with one value where the mask holds."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        if value.dtype.is_complex and not input.dtype.is_complex:
            check_number(value.item(), input.dtype)
        filler = scalar.cast(node_of(value), dtype=input.dtype)
    else:
        filler = scalar.number(check_number(value, input.dtype), input.dtype)
    chosen = _mask_node("masked_fill_", mask)
    broadcast_shapes("masked_fill", tuple(mask.shape), tuple(input.shape))
    return wrap(scalar.select(chosen, filler, node_of(input)))


@public("MaskedSelect")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, on one axis."""
    _mask_node("masked_select", mask)
    shape = broadcast_shapes("masked_select", tuple(input.shape), tuple(mask.shape))
    return get(input.expand(shape), mask.expand(shape))  # type: ignore[attr-defined]


@public("MaskedScatter", inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The input with elements of `source`, in order, where the mask holds."""
    _mask_node("masked_scatter_", mask)
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            + f"{scalar_name(input.dtype)} and {scalar_name(source.dtype)}"
        )
    shape = broadcast_shapes("masked_scatter", tuple(input.shape), tuple(mask.shape))
    where = np.flatnonzero(np.broadcast_to(mask._array(), shape))
    if where.size > source.numel():
        raise RuntimeError("Number of elements of source < number of ones in mask")
    places = input_node(where, Type.of(where.shape, int64))
    flat = view.reshape(view.expand(node_of(input), shape), (int(np.prod(shape)),))
    values = view.slice_(view.reshape(node_of(source), (source.numel(),)), (0,), (where.size,))
    return wrap(view.reshape(index_ops.put(flat, values, places, accumulate=False), shape))


@public(None)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not zero, one row each (or one tensor for each axis)."""
    array = np.atleast_1d(input._decoded()) if as_tuple else input._decoded()
    found = np.nonzero(array) if array.ndim else ()
    if as_tuple:
        return tuple(wrap(input_node(part, Type.of(part.shape, int64))) for part in found)
    rows = np.stack(found, 1) if array.ndim else np.zeros((int(bool(array)), 0), np.int64)
    return wrap(input_node(rows, Type.of(rows.shape, int64)))


@public(None, out=False)
def argwhere(input: Tensor) -> Tensor:
    """The places of the elements that are not zero, one row each."""
    return nonzero(input)  # type: ignore[no-any-return]
