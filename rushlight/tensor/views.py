"""View steps: how a view reads its base, and how a write through the view changes the base.

Each step has `read(node)` (the part), `write(base, value)` (the base with the part replaced), `expose(array)` (the part as a NumPy
view) and `strides(shape, strides, offset)` (PyTorch's numbers). A write through a chain of steps goes back step by step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import dtype, int64
from ..ir import index, scalar, view
from ..ir.graph import Node, input_node
from ..ir.op import Op
from ..ir.type import Type
from .geometry import contiguous_strides, view_strides

Shape = tuple[int, ...]
Strides = tuple[Shape, int]


class Step:
    """One step from a base to a part of it; immutable. `label` names the gradient function, None leaves that to the next step."""

    __slots__ = ("label",)
    label: str | None

    def shape(self, shape: Shape) -> Shape:
        raise NotImplementedError

    def dtype(self, dtype: dtype) -> dtype:
        return dtype

    def read(self, base: Node) -> Node:
        raise NotImplementedError

    def write(self, base: Node, value: Node) -> Node:
        raise NotImplementedError

    def expose(self, array: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        raise NotImplementedError

    def same(self, other: Step) -> bool:
        """Whether it is known to choose what another step chooses."""
        return self is other


class Reshape(Step):
    __slots__ = ("target",)

    def __init__(self, target: Shape, label: str = "View") -> None:
        self.target = target
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        return self.target

    def same(self, other: Step) -> bool:
        return type(self) is type(other) and self.target == other.target  # type: ignore[attr-defined]

    def read(self, base: Node) -> Node:
        return view.reshape(base, self.target)

    def write(self, base: Node, value: Node) -> Node:
        return view.reshape(value, base.type.shape)

    def expose(self, array: np.ndarray) -> np.ndarray:
        result = array.view()
        result.shape = self.target
        return result

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        found = view_strides(shape, strides, self.target)
        return found if found is not None else contiguous_strides(self.target), offset


class Units(Reshape):
    """Axes of extent 1 taken out or put in. Every other axis keeps its stride, which a mere shape would not tell for some.

    `axes` says of each axis of the target which it was, or for a new one `(axis, extent, step)`: the one that followed it,
    of what extent, and with what step it is read by now; None for a new one at the end.
    """

    __slots__ = ("axes",)

    def __init__(self, target: Shape, axes: tuple[Any, ...], label: str = "Unsqueeze") -> None:
        self.target, self.axes = target, axes
        self.label = label

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        found = []
        for origin in self.axes:
            if origin is None:
                found.append(1)
            elif isinstance(origin, int):
                found.append(strides[origin])
            else:
                axis, extent, step = origin
                found.append(strides[axis] // step * extent)
        return tuple(found), offset


class Permute(Step):
    __slots__ = ("order",)

    def __init__(self, order: Shape, label: str = "Permute") -> None:
        self.order = order
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        return tuple([shape[axis] for axis in self.order])

    def read(self, base: Node) -> Node:
        return view.permute(base, self.order)

    def write(self, base: Node, value: Node) -> Node:
        inverse = [0] * len(self.order)
        for place, axis in enumerate(self.order):
            inverse[axis] = place
        return view.permute(value, tuple(inverse))

    def expose(self, array: np.ndarray) -> np.ndarray:
        return array.transpose(self.order)

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        return tuple([strides[axis] for axis in self.order]), offset


class Slice(Step):
    __slots__ = ("start", "stop", "step")

    def __init__(self, start: Shape, stop: Shape, step: Shape, label: str | None = "Slice") -> None:
        self.start, self.stop, self.step = start, stop, step
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        return tuple([-(-(hi - lo) // by) for lo, hi, by in zip(self.start, self.stop, self.step, strict=True)])

    def same(self, other: Step) -> bool:
        if self is other:
            return True
        return isinstance(other, Slice) and (self.start, self.stop, self.step) == (other.start, other.stop, other.step)

    def read(self, base: Node) -> Node:
        return view.slice_(base, self.start, self.stop, self.step)

    def write(self, base: Node, value: Node) -> Node:
        return view.update(base, value, self.start, self.stop, self.step)

    def expose(self, array: np.ndarray) -> np.ndarray:
        return array[tuple(map(slice, self.start, self.stop, self.step))]

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        return (
            tuple([s * by for s, by in zip(strides, self.step, strict=True)]),
            offset + sum(s * lo for s, lo in zip(strides, self.start, strict=True)),
        )


class Expand(Step):
    __slots__ = ("target",)

    def __init__(self, target: Shape, label: str = "Expand") -> None:
        self.target = target
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        return self.target

    def read(self, base: Node) -> Node:
        return view.expand(base, self.target)

    def write(self, base: Node, value: Node) -> Node:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )

    def expose(self, array: np.ndarray) -> np.ndarray:
        return np.broadcast_to(array, self.target)

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        lead = len(self.target) - len(shape)
        own = [s if extent == want else 0 for s, extent, want in zip(strides, shape, self.target[lead:], strict=True)]
        return (*[0] * lead, *own), offset


class Strided(Step):
    """Any strides over the flattened base (`as_strided`, `unfold`): reads and writes through an index of places."""

    __slots__ = ("size", "stride", "offset", "place")

    def __init__(self, size: Shape, stride: Shape, offset: int, label: str = "AsStrided") -> None:
        self.size, self.stride, self.offset = size, stride, offset
        self.label = label
        grid = np.full(size, offset, np.int64)
        for axis, (extent, step) in enumerate(zip(size, stride, strict=True)):
            grid += (np.arange(extent) * step).reshape([-1 if a == axis else 1 for a in range(len(size))])
        self.place = grid

    def shape(self, shape: Shape) -> Shape:
        return self.size

    def _index(self) -> Node:
        return input_node(self.place, Type.of(self.size, int64))

    def read(self, base: Node) -> Node:
        return index.take(view.reshape(base, (base.type.size,)), self._index())

    def write(self, base: Node, value: Node) -> Node:
        flat = index.put(view.reshape(base, (base.type.size,)), value, self._index(), accumulate=False)
        return view.reshape(flat, base.type.shape)

    def expose(self, array: np.ndarray) -> np.ndarray:
        flat = array.view()
        flat.shape = (array.size,)
        step = flat.itemsize
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.size, [s * step for s in self.stride])

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        return self.stride, offset + self.offset


class Diagonal(Step):
    """The diagonal of the last two axes, as the last axis; `offset` as in NumPy."""

    __slots__ = ("row", "column", "count", "columns")

    def __init__(self, rows: int, columns: int, offset: int, label: str = "Diagonal") -> None:
        self.row, self.column = max(-offset, 0), max(offset, 0)
        self.count = max(min(rows - self.row, columns - self.column), 0)
        self.columns = columns
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        return (*shape[:-2], self.count)

    def _region(self, shape: Shape) -> tuple[Shape, Shape, Shape, Shape]:
        """The shape with the two axes made one, and where the diagonal lies in it: start, stop, step."""
        lead = shape[:-2]
        start = self.row * self.columns + self.column if self.count else 0
        stop = start + (self.count - 1) * (self.columns + 1) + 1 if self.count else 0
        zeros, ones = (0,) * len(lead), (1,) * len(lead)
        return (*lead, shape[-2] * shape[-1]), (*zeros, start), (*lead, stop), (*ones, self.columns + 1)

    def read(self, base: Node) -> Node:
        flat, start, stop, step = self._region(base.type.shape)
        return view.slice_(view.reshape(base, flat), start, stop, step)

    def write(self, base: Node, value: Node) -> Node:
        flat, start, stop, step = self._region(base.type.shape)
        return view.reshape(view.update(view.reshape(base, flat), value, start, stop, step), base.type.shape)

    def expose(self, array: np.ndarray) -> np.ndarray:
        start = array[..., self.row :, self.column :] if self.count else array[..., :0, :0]
        strides = (*array.strides[:-2], array.strides[-2] + array.strides[-1])
        return np.lib.stride_tricks.as_strided(start, (*array.shape[:-2], self.count), strides)

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        *lead, down, along = strides
        start = self.row * down + self.column * along if self.count else 0
        return (*lead, down + along), offset + start


class Unfold(Strided):
    """Windows along an axis, as a new last axis. What is read is indexed as in a contiguous base."""

    __slots__ = ("axis", "by")

    def __init__(self, shape: Shape, axis: int, extent: int, by: int) -> None:
        steps = contiguous_strides(shape)
        size, stride = self._windows(shape, steps, axis, extent, by)
        super().__init__(size, stride, 0, "Unfold")
        self.axis, self.by = axis, by

    @staticmethod
    def _windows(shape: Shape, steps: Shape, axis: int, extent: int, by: int) -> tuple[Shape, Shape]:
        count = (shape[axis] - extent) // by + 1
        return (
            (*shape[:axis], count, *shape[axis + 1 :], extent),
            (*steps[:axis], steps[axis] * by, *steps[axis + 1 :], steps[axis]),
        )

    def expose(self, array: np.ndarray) -> np.ndarray:
        _, stride = self._windows(array.shape, array.strides, self.axis, self.size[-1], self.by)
        return np.lib.stride_tricks.as_strided(array, self.size, stride)

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        return self._windows(shape, strides, self.axis, self.size[-1], self.by)[1], offset


def _bitcast_infer(x: Type, *, dtype: dtype) -> Type:
    shape = x.shape
    if dtype.itemsize != x.dtype.itemsize:
        shape = (*shape[:-1], shape[-1] * x.dtype.itemsize // dtype.itemsize)
    return Type.of(shape, dtype)


bitcast = Op(
    "bitcast",
    infer=_bitcast_infer,
    eval=lambda type, x, *, dtype: (
        np.ascontiguousarray(x).reshape(x.shape).view(dtype.storage) if x.ndim else x.view(dtype.storage)
    ),
    vjp="nondifferentiable",
    anchor="bitcast",
    moves=True,
)


class Bitcast(Step):
    """The same bytes as another dtype."""

    __slots__ = ("target", "source")

    def __init__(self, target: dtype, source: dtype, label: str = "View") -> None:
        self.target, self.source = target, source
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        if self.target.itemsize == self.source.itemsize:
            return shape
        return (*shape[:-1], shape[-1] * self.source.itemsize // self.target.itemsize)

    def dtype(self, dtype: dtype) -> dtype:
        return self.target

    def read(self, base: Node) -> Node:
        return bitcast(base, dtype=self.target)

    def write(self, base: Node, value: Node) -> Node:
        return bitcast(value, dtype=self.source)

    def expose(self, array: np.ndarray) -> np.ndarray:
        return array.view(self.target.storage)

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        a, b = self.source.itemsize, self.target.itemsize
        if a == b:
            return strides, offset
        return (*[s * a // b for s in strides[:-1]], *([1] if strides else [])), offset * a // b


class AsReal(Step):
    """A complex tensor as real pairs on a new last axis."""

    __slots__ = ("complex",)

    def __init__(self, complex: dtype, label: str = "ViewAsReal") -> None:
        self.complex = complex
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        return (*shape, 2)

    def dtype(self, dtype: dtype) -> dtype:
        return self.complex.to_real()

    def read(self, base: Node) -> Node:
        shape = (*base.type.shape, 1)
        parts = tuple(view.reshape(part(base), shape) for part in (scalar.real, scalar.imag))
        return view.concatenate(parts, len(shape) - 1)

    def write(self, base: Node, value: Node) -> Node:
        return AsComplex(self.complex.to_real()).read(value)

    def expose(self, array: np.ndarray) -> np.ndarray:
        return array.view(self.complex.to_real().storage).reshape(*array.shape, 2)

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        return (*[s * 2 for s in strides], 1), offset * 2


class AsComplex(Step):
    """Real pairs on the last axis as a complex tensor."""

    __slots__ = ("real",)

    def __init__(self, real: dtype, label: str = "ViewAsComplex") -> None:
        self.real = real
        self.label = label

    def shape(self, shape: Shape) -> Shape:
        return shape[:-1]

    def dtype(self, dtype: dtype) -> dtype:
        return self.real.to_complex()

    def read(self, base: Node) -> Node:
        shape = base.type.shape
        lead = shape[:-1]
        start = (0,) * len(lead)
        one = (1,) * len(shape)
        real = view.reshape(view.slice_(base, (*start, 0), (*lead, 1), one), lead)
        imag = view.reshape(view.slice_(base, (*start, 1), (*lead, 2), one), lead)
        return scalar.make_complex(real, imag)

    def write(self, base: Node, value: Node) -> Node:
        return AsReal(self.real.to_complex()).read(value)

    def expose(self, array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array).view(self.real.to_complex().storage)[..., 0]

    def strides(self, shape: Shape, strides: Shape, offset: int) -> Strides:
        return tuple([s // 2 for s in strides[:-1]]), offset // 2


def through(steps: tuple[Any, ...], shape: Shape) -> list[Shape]:
    """The shapes along a chain of steps, from the base's on."""
    shapes = [shape]
    for step in steps:
        shapes.append(step.shape(shapes[-1]))
    return shapes
