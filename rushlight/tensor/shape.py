"""Views and rearrangements: what changes the shape but not the elements.

Functions that PyTorch documents as views make a handle with one more step; the others record a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..dtype import INTEGER, dtype, float32, float64, require_tensors
from ..ir import view
from ..ir.graph import Node
from ..ir.type import broadcast_shapes
from .creation import shape_of
from .geometry import view_strides
from .public import public, scalar_name
from .tensor import Tensor, make_view, node_of, wrap, wrap_axes, wrap_axis
from .views import AsComplex, AsReal, Bitcast, Diagonal, Expand, Permute, Reshape, Slice, Strided, Unfold, Units


def _or_named(op: str, given: tuple[Any, ...], name: str, named: dict[str, Any]) -> tuple[Any, ...]:
    """Positional sizes or axes, or the one keyword argument that stands for them."""
    if not named:
        return given
    if given or set(named) != {name}:
        raise TypeError(f"{op}() got unexpected arguments {given}, {named}; it takes `{name}`, by position or by name")
    return (named[name],)


# ---- reshaping ----


def resolve_shape(op: str, shape: Sequence[int], count: int) -> tuple[int, ...]:
    """A target shape with its one -1 worked out; RuntimeError in PyTorch's words."""
    target = shape_with_unknown(op, shape)
    unknown = [place for place, extent in enumerate(target) if extent == -1]
    if len(unknown) > 1:
        raise RuntimeError(f"only one dimension can be inferred — {op}: {list(target)}")
    if any(extent < -1 for extent in target):
        raise RuntimeError(f"invalid shape dimension {min(target)} — {op}: {list(target)}")
    if unknown:
        rest = prod(extent for extent in target if extent != -1)
        if rest == 0:
            raise RuntimeError(
                f"cannot reshape tensor of {count} elements into shape {list(target)} because the unspecified dimension size -1 can be "
                "any value and is ambiguous"
            )
        if count % rest:
            raise RuntimeError(f"shape '{list(target)}' is invalid for input of size {count} — {op}")
        target = tuple([count // rest if extent == -1 else extent for extent in target])
    if prod(target) != count:
        raise RuntimeError(f"shape '{list(target)}' is invalid for input of size {count} — {op}")
    return target


def shape_with_unknown(op: str, sizes: Sequence[Any]) -> tuple[int, ...]:
    """Extents as ints, -1 allowed."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    found = []
    for place, size in enumerate(sizes):
        if type(size) is not int:
            if not hasattr(size, "__index__") or isinstance(size, bool):
                raise TypeError(
                    f"{op}(): argument 'shape' must be tuple of ints, but found element of type {type(size).__name__} at pos {place}"
                )
            size = size.__index__()
        found.append(size)
    return tuple(found)


def _viewable(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    if not tensor._steps:
        return True
    return view_strides(tensor._type().shape, tensor._strides()[0], shape) is not None


@public(function=False, out=False)
def view_method(self: Tensor, *shape: Any, dtype: dtype | None = None) -> Tensor:
    """The same memory in another shape (one extent may be -1), or as another dtype."""
    if not shape and dtype is None:
        raise TypeError("view() received an invalid combination of arguments - got (), but expected a shape or a dtype")
    if dtype is not None or (
        len(shape) == 1 and not hasattr(shape[0], "__index__") and not isinstance(shape[0], (tuple, list))
    ):
        return view_as_dtype(self, dtype or shape[0])
    target = resolve_shape("view", shape, self.numel())
    if not _viewable(self, target):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
            "subspaces). Use .reshape(...) instead."
        )
    return make_view(self, Reshape(target, "View"))


Tensor.view = Tensor.view_method  # type: ignore[attr-defined]
del Tensor.view_method  # type: ignore[attr-defined]


def view_as_dtype(self: Tensor, target: Any) -> Tensor:
    """The same bytes as another dtype; the last axis grows or shrinks where the sizes differ."""
    if not isinstance(target, dtype):
        raise TypeError(f"view(): argument must be a shape or a torch.dtype, not {type(target).__name__}")
    require_tensors(target)
    have = self.dtype
    if have is target:
        return make_view(self)
    if have.itemsize != target.itemsize:
        if not self.ndim:
            raise RuntimeError(f"self.dim() cannot be 0 to view {have.name} as {target.name} (different element sizes)")
        last = self.shape[-1] * have.itemsize
        if last % target.itemsize:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {target.itemsize // have.itemsize} to view {have.name} as {target.name} "
                f"(different element sizes), but got {self.shape[-1]}"
            )
        purpose = f"to view {scalar_name(have)} as {scalar_name(target)} (different element sizes)"
        _check_units(self, target.itemsize // have.itemsize, purpose)
    return make_view(self, Bitcast(target, have))


def _check_units(tensor: Tensor, count: int, purpose: str) -> None:
    """RuntimeError where elements that are to become one (`count` of them), or several (0), do not lie side by side."""
    *strides, last = tensor.stride()
    if last != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {purpose}, but got {last}")
    if count and tensor.storage_offset() % count:
        offset = tensor.storage_offset()
        raise RuntimeError(f"self.storage_offset() must be divisible by {count} {purpose}, but got {offset}")
    for axis, stride in enumerate(strides):
        if count and stride % count:
            raise RuntimeError(f"self.stride({axis}) must be divisible by {count} {purpose}, but got {stride}")


@public(out=False)
def reshape(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """The elements in another shape: a view where possible, else a copy.

    >>> import rushlight as torch
    >>> torch.arange(4).reshape(2, -1)
    tensor([[0, 1],
            [2, 3]])
    """
    shape = _or_named("reshape", shape, "shape", named)
    target = resolve_shape("reshape", shape, input.numel())
    return _reshaped(input, target, "View" if input.is_contiguous() else "UnsafeView")


def _reshaped(input: Tensor, target: tuple[int, ...], label: str) -> Tensor:
    if _viewable(input, target):
        return make_view(input, Reshape(target, "View"))
    node = view.reshape(node_of(input), target)
    if node.label is None:
        node.label = label
    return wrap(node)


@public(function=False, out=False)
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """`view` in another tensor's shape."""
    return self.view(other.shape)  # type: ignore[no-any-return]


@public(function=False, out=False)
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` in another tensor's shape."""
    return self.reshape(other.shape)  # type: ignore[no-any-return]


@public(out=False)
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` as one."""
    ndim = input.ndim
    first, last = wrap_axis("flatten", start_dim, ndim), wrap_axis("flatten", end_dim, ndim)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    shape = tuple(input.shape)
    if first == last and ndim:
        return input
    return _reshaped(input, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]), "UnsafeView")


@public(out=False)
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several."""
    axis = wrap_axis("unflatten", dim, input.ndim)
    if len(sizes) == 0:
        raise RuntimeError("unflatten: sizes must be non-empty")
    shape = tuple(input.shape)
    try:
        inner = resolve_shape("unflatten", tuple(sizes), shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} ({shape[axis]}) in the input tensor"
        ) from None
    return _reshaped(input, (*shape[:axis], *inner, *shape[axis + 1 :]), "UnsafeView")


@public(out=False)
def ravel(input: Tensor) -> Tensor:
    """All elements on one axis."""
    return _reshaped(input, (input.numel(),), "UnsafeView")


@public(out=False)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the axes of extent 1 (among `dim`)."""
    shape = tuple(input.shape)
    axes = range(len(shape)) if dim is None else wrap_axes("squeeze", dim, len(shape))
    kept = tuple([axis for axis, extent in enumerate(shape) if not (axis in axes and extent == 1)])
    label = "Squeeze" if dim is None else "SqueezeBackward1"
    return make_view(input, Units(tuple([shape[axis] for axis in kept]), kept, label))


@public(out=False)
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new axis of extent 1 at `dim`."""
    shape = tuple(input.shape)
    axis = wrap_axis("unsqueeze", dim, len(shape) + 1)
    new = (axis, shape[axis], 1) if axis < len(shape) else None
    axes = (*range(axis), new, *range(axis, len(shape)))
    return make_view(input, Units((*shape[:axis], 1, *shape[axis:]), axes, "Unsqueeze"))


# ---- order of axes ----


@public(out=False)
def permute(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """The axes in another order."""
    dims = _or_named("permute", dims, "dims", named)
    given = shape_with_unknown("permute", dims)
    order = wrap_axes("permute", given, input.ndim)
    if len(order) != input.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(given)}"
        )
    return make_view(input, Permute(order, "Permute"))


def _swapped(input: Tensor, first: int, second: int, op: str, label: str) -> Tensor:
    ndim = input.ndim
    a, b = wrap_axis(op, first, ndim), wrap_axis(op, second, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = order[b], order[a]
    return make_view(input, Permute(tuple(order), label))


@public(out=False, alias=("swapaxes", "swapdims"))
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    return _swapped(input, dim0, dim1, "transpose", "Transpose")


@public(out=False)
def t(input: Tensor) -> Tensor:
    """A matrix transposed; vectors and scalars as they are."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return _swapped(input, 0, -1, "t", "T") if input.ndim == 2 else make_view(input)


@public(out=False, alias=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places, the rest kept in order."""
    ndim = input.ndim
    from_axes, to_axes = (wrap_axes("movedim", axes, ndim) for axes in (source, destination))
    if len(from_axes) != len(to_axes):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({source} dims) should contain the same number of dims as "
            f"destination ({destination} dims)"
        )
    rest = iter([axis for axis in range(ndim) if axis not in from_axes])
    order = [from_axes[to_axes.index(place)] if place in to_axes else next(rest) for place in range(ndim)]
    return make_view(input, Permute(tuple(order), "Permute"))


@property  # type: ignore[misc]
def _T(self: Tensor) -> Tensor:
    return make_view(self, Permute(tuple(reversed(range(self.ndim))), "Permute")) if self.ndim != 2 else t(self)


@property  # type: ignore[misc]
def _mT(self: Tensor) -> Tensor:
    if not self.ndim:
        return self
    if self.ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.")
    return transpose(self, -2, -1)


@property  # type: ignore[misc]
def _mH(self: Tensor) -> Tensor:
    if self.ndim == 1:
        raise RuntimeError("tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return self.mT.conj() if self.dtype.is_complex else self.mT  # type: ignore[no-any-return]


@public(out=False)
def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two axes."""
    return input.mH  # type: ignore[no-any-return]


Tensor.T, Tensor.mT, Tensor.mH = _T, _mT, _mH  # type: ignore[attr-defined]


@property  # type: ignore[misc]
def _H(self: Tensor) -> Tensor:
    if self.ndim not in (0, 2):
        more = " For batches of matrices, consider using tensor.mH" if self.ndim > 2 else ""
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.{more}")
    return self.mH  # type: ignore[no-any-return]


Tensor.H = _H  # type: ignore[attr-defined]

# ---- expansion ----


@public(function=False, out=False)
def expand(self: Tensor, *sizes: Any, implicit: bool = False, **named: Any) -> Tensor:
    """Axes of extent 1 repeated without copying; -1 keeps an extent."""
    given = shape_with_unknown("expand", _or_named("expand", sizes, "size", named))
    shape = tuple(self.shape)
    lead = len(given) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(shape)}}}, size={list(given)}): the number of sizes provided ({len(given)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    target = []
    for axis, extent in enumerate(given):
        own = shape[axis - lead] if axis >= lead else None
        if extent == -1:
            if own is None:
                raise RuntimeError(
                    f"expand: The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {axis}"
                )
            extent = own
        elif own is not None and own not in (1, extent):
            raise RuntimeError(
                f"The expanded size of the tensor ({extent}) must match the existing size ({own}) at non-singleton dimension {axis}.  "
                f"Target sizes: {list(given)}.  Tensor sizes: {list(shape)} — expand"
            )
        target.append(extent)
    return make_view(self, Expand(tuple(target), "Expand"))


@public(function=False, out=False)
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`expand` to another tensor's shape."""
    return self.expand(other.shape)  # type: ignore[no-any-return]


@public(out=False)
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`expand` to a shape."""
    return input.expand(size)  # type: ignore[no-any-return]


@public(out=False, method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = broadcast_shapes("broadcast_tensors", *[tuple(x.shape) for x in tensors])
    return tuple(x.expand(shape) for x in tensors)


@public(function=False, out=False)
def repeat(self: Tensor, *repeats: Any, **named: Any) -> Tensor:
    """The whole tensor repeated along each axis."""
    repeats = _or_named("repeat", repeats, "repeats", named)
    times = shape_of(repeats, "repeat")
    shape = tuple(self.shape)
    lead = len(times) - len(shape)
    if lead < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor — repeat: "
            f"{len(times)} repeats of shape {shape}"
        )
    shape = (1,) * lead + shape
    node = view.reshape(node_of(self), tuple([e for extent in shape for e in (1, extent)]))
    node = view.expand(node, tuple([e for count, extent in zip(times, shape, strict=True) for e in (count, extent)]))
    result = view.reshape(node, tuple([count * extent for count, extent in zip(times, shape, strict=True)]))
    return _copied(result, node_of(self), "Repeat")


def _copied(node: Node, source: Node, label: str) -> Tensor:
    """A new tensor of a node that may be the source itself."""
    made = wrap(node)
    if node is not source and node.label is None:
        node.label = label
    return made


@public(out=False)
def tile(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """`repeat`, with missing leading counts taken as 1."""
    dims = _or_named("tile", dims, "dims", named)
    times = shape_of(dims, "tile")
    return input.repeat((1,) * (input.ndim - len(times)) + times)  # type: ignore[no-any-return]


# ---- parts ----


def slice_axis(tensor: Tensor, axis: int, start: int, stop: int, step: int = 1, label: str = "Slice") -> Tensor:
    """tensor[start:stop:step] along one axis, 0 <= start <= stop <= extent."""
    shape = tuple(tensor.shape)
    low, high, by = [0] * len(shape), list(shape), [1] * len(shape)
    low[axis], high[axis], by[axis] = start, stop, step
    return make_view(tensor, Slice(tuple(low), tuple(high), tuple(by), label))


@public(out=False)
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements along an axis from `start`."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = wrap_axis("narrow", dim, input.ndim)
    extent = input.shape[axis]
    if isinstance(start, Tensor) and (start.ndim or start.dtype.category != INTEGER):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    first = int(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -extent <= first <= extent:
        raise IndexError(f"start out of range (expected to be in range of [{-extent}, {extent}], but got {first})")
    first += extent if first < 0 else 0
    if first + length > extent:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({extent}). — narrow")
    return slice_axis(input, axis, first, first + length)


@public(out=False)
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The part at one place of an axis, without the axis."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = wrap_axis("select", dim, input.ndim)
    extent = input.shape[axis]
    place = int(index)
    if not -extent <= place < extent:
        raise IndexError(
            f"select(): index {place} out of range for tensor of size {list(input.shape)} at dimension {axis}"
        )
    return select_axis(input, axis, place % extent)


def select_axis(tensor: Tensor, axis: int, place: int, label: str = "Select") -> Tensor:
    shape = tuple(tensor.shape)
    low, high = [0] * len(shape), list(shape)
    low[axis], high[axis] = place, place + 1
    rest = (*shape[:axis], *shape[axis + 1 :])
    axes = (*range(axis), *range(axis + 1, len(shape)))
    return make_view(tensor, Slice(tuple(low), tuple(high), (1,) * len(shape), None), Units(rest, axes, label))


def _cut(op: str, tensor: Tensor, axis: int, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    parts, start = [], 0
    for size in sizes:
        parts.append(slice_axis(tensor, axis, start, start + size, label="Split"))
        start += size
    return tuple(parts)


@public(out=False, method=False)
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of one size (the last may be smaller), or of the sizes given, along an axis."""
    if not tensor.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = wrap_axis("split", dim, tensor.ndim)
    extent = tensor.shape[axis]
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = [int(size) for size in split_size_or_sections]
        if sum(sizes) != extent or min(sizes, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {extent} (input tensor's size at dimension {axis}), but got "
                f"split_sizes={sizes}"
            )
        return _cut("split", tensor, axis, sizes)
    size = int(split_size_or_sections)
    if size < 0 or (size == 0 and extent):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if not extent:
        return (slice_axis(tensor, axis, 0, 0, label="Split"),)
    return _cut("split", tensor, axis, [min(size, extent - start) for start in range(0, extent, size)])


def _split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`torch.split`, whose second argument has another name here."""
    return split(self, split_size, dim)


Tensor.split = _split  # type: ignore[attr-defined]


@public(out=False)
def split_with_sizes(tensor: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into the sizes given."""
    return split(tensor, list(split_sizes), dim)


@public(out=False)
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size (the last may be smaller)."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not input.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    axis = wrap_axis("chunk", dim, input.ndim)
    extent = input.shape[axis]
    size = -(-extent // chunks)
    if not size:
        return tuple(slice_axis(input, axis, 0, 0, label="Split") for _ in range(chunks))
    return split(input, size, axis)


@public(out=False)
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts as even as possible, or cut at the given places."""
    if not input.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    axis = wrap_axis("tensor_split", dim, input.ndim)
    extent = input.shape[axis]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, (tuple, list)):
        cuts = [min(max(c + extent if c < 0 else c, 0), extent) for c in map(int, indices_or_sections)]
        bounds = [0, *cuts, extent]
        return tuple(slice_axis(input, axis, a, max(a, b)) for a, b in zip(bounds, bounds[1:], strict=False))
    if not hasattr(indices_or_sections, "__index__"):
        kind = type(indices_or_sections).__name__
        raise TypeError(f"tensor_split(): argument 'indices_or_sections' must be int or tuple of ints, not {kind}")
    count = int(indices_or_sections)
    if count <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {count}")
    each, more = divmod(extent, count)
    return _cut("tensor_split", input, axis, [each + (place < more) for place in range(count)])


@public(out=False)
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts at each place of an axis."""
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions — unbind")
    axis = wrap_axis("unbind", dim, input.ndim)
    return tuple(select_axis(input, axis, place, "Unbind") for place in range(input.shape[axis]))


# ---- copies ----


@public("Clone", out=False)
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with its own memory; gradient flows through."""
    return wrap(view.identity(node_of(input)) if input.requires_grad else node_of(input))


@public("Clone", out=False, function=False)
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself where its elements lie in order, else a copy in order."""
    return self if self.is_contiguous() else wrap(view.identity(node_of(self)))


# ---- diagonals and strides ----


@public(out=False)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal of two axes, as a last axis."""
    ndim = input.ndim
    a, b = wrap_axis("diagonal", dim1, ndim), wrap_axis("diagonal", dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    order = (*(axis for axis in range(ndim) if axis not in (a, b)), a, b)
    last = Diagonal(input.shape[a], input.shape[b], offset)
    if order == tuple(range(ndim)):
        return make_view(input, last)
    return make_view(input, Permute(order, "Diagonal"), last)


@public(out=False)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the input's whole memory with any shape and strides."""
    shape, steps = shape_of((size,), "as_strided"), shape_of((stride,), "as_strided")
    if len(shape) != len(steps):
        raise RuntimeError("mismatch in length of strides and shape")
    offset = input.storage_offset() if storage_offset is None else storage_offset
    room = input._storage.node.type.size
    reach = offset + sum((e - 1) * s for e, s in zip(shape, steps, strict=True)) + 1 if 0 not in shape else 0
    if reach > room:
        kind = input.dtype.itemsize
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {offset}, and itemsize {kind} requiring a storage "
            f"size of {reach * kind} are out of bounds for storage of size {room * kind}"
        )
    return make_view(_whole(input), Strided(shape, steps, offset))


def _whole(input: Tensor) -> Tensor:
    """The tensor of the whole storage, read as `input` reads it."""
    result = make_view(input)
    result._steps, result._parent = (), None
    return result


@public(function=False, out=False)
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Sliding windows along an axis, as a new last axis; a view."""
    axis = wrap_axis("unfold", dimension, self.ndim)
    shape = tuple(self.shape) or (1,)
    if size > shape[axis]:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {shape[axis]} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if not self.ndim:
        return make_view(self, Strided((size,), (1,), 0, "Unfold"))
    return make_view(self, Unfold(shape, axis, size, step))


@public(out=False, method=False)
def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers; a view."""
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return make_view(input, AsReal(input.dtype))


@public(out=False, method=False)
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of real numbers on the last axis as a complex tensor; a view."""
    if input.dtype not in (float32, float64):
        raise RuntimeError(
            f"view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {input.dtype.name.capitalize()}"
        )
    if not input.ndim or input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    *strides, last = input.stride()
    if last != 1:
        raise RuntimeError(f"Tensor must have a last dimension with stride 1 — view_as_complex: got {input.stride()}")
    if any(stride % 2 for stride in strides):
        raise RuntimeError(
            f"Tensor must have a stride divisible by 2 for all but last dimension — view_as_complex: strides {input.stride()}"
        )
    if input.storage_offset() % 2:
        raise RuntimeError(f"Tensor must have a storage_offset divisible by 2 — got {input.storage_offset()}")
    return make_view(input, AsComplex(input.dtype))


@public(out=False, method=False)
def real(input: Tensor) -> Tensor:
    """The real parts; a view."""
    return input if not input.dtype.is_complex else select(view_as_real(input), -1, 0)


@public(out=False, method=False)
def imag(input: Tensor) -> Tensor:
    """The imaginary parts; a view."""
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return select(view_as_real(input), -1, 1)


def _overwrite(part: Tensor, value: Any) -> None:
    part[...] = value  # type: ignore[index]


Tensor.real = property(lambda self: real(self), lambda self, value: _overwrite(real(self), value))  # type: ignore[attr-defined]
Tensor.imag = property(lambda self: imag(self), lambda self, value: _overwrite(imag(self), value))  # type: ignore[attr-defined]
