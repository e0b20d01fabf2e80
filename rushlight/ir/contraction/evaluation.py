"""A contraction of arrays, fast: windows as strided views, then matrix products.

What depends on the contraction, the shapes and the dtype alone is worked out once and kept, as a recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ...errors import InternalError
from ..affine import Axis
from .form import Contraction, Shape
from .normal import LONG, Fold, Problem, fold_windows, folded_positions, simplify
from .product import TAPS, Extents, Layout, Run, plan_product

Load = Callable[[np.ndarray], np.ndarray]  # an operand to an array whose axes are loops
Recipe = Callable[..., np.ndarray]
Strides = tuple[int, ...]

SMALL = 1 << 20  # products of this size have kernels whose last bits depend on how operands lie in memory
PIECE = 1 << 21  # elements of a core's result that are computed before they are folded
LANES = 16  # stretches of an innermost loop that are a multiple of this go faster
RUN = 16  # elements in a row from which copying them costs no more than it must


def evaluate(contraction: Contraction, *arrays: np.ndarray) -> np.ndarray:
    """The contraction of arrays of one dtype; an array of that dtype without gaps.

    The order of summation depends on the shapes alone. Integers wrap; sums and products of booleans are or and and.
    """
    dtype = arrays[0].dtype
    operands = tuple((array.shape, None if array.flags.c_contiguous else array.strides) for array in arrays)
    return _recipe(contraction, dtype, operands, tuple(array.dtype for array in arrays[1:]))(*arrays)


@lru_cache(maxsize=4096)
def _recipe(
    contraction: Contraction,
    dtype: np.dtype[Any],
    operands: tuple[tuple[Shape, Strides | None], ...],
    other_dtypes: tuple[np.dtype[Any], ...],
) -> Recipe:
    shapes = [shape for shape, _ in operands]
    contraction.verify(shapes)
    if any(other != dtype for other in other_dtypes):
        raise InternalError(f"operands of dtypes {dtype}, {', '.join(map(str, other_dtypes))} for {contraction!r}")
    result = contraction.output_shape
    problem = Problem.of(contraction, shapes)
    if not problem.is_zero():
        problem = simplify(problem)
    if problem.is_zero():
        return lambda *arrays: np.zeros(result, dtype)

    small = prod(contraction.loops) <= SMALL
    strides = [
        _contiguous_strides(shape) if small or found is None else tuple(s // dtype.itemsize for s in found)
        for shape, found in operands
    ]
    gaps = [found is not None and (small or _misaligned(found, dtype)) for _, found in operands]
    strides = [_contiguous_strides(shape) if gap else s for gap, s, shape in zip(gaps, strides, shapes, strict=True)]
    core, fold = fold_windows(problem)
    loaded = [_loader(core, k, stride, dtype) for k, stride in enumerate(strides)]
    compute = _compute(core, [load for load, _ in loaded], [layout for _, layout in loaded], fold, dtype)
    if any(gaps):
        inner = compute

        def compute(*arrays: np.ndarray) -> np.ndarray:
            return inner(*[np.ascontiguousarray(a) if gap else a for a, gap in zip(arrays, gaps, strict=True)])

    return lambda *arrays: compute(*arrays).reshape(result)


def _contiguous_strides(shape: Shape) -> Strides:
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _misaligned(strides: Strides, dtype: np.dtype[Any]) -> bool:
    return any(stride % dtype.itemsize for stride in strides)


# Operands as arrays over loops.


def _loader(core: Problem, k: int, strides: Strides, dtype: np.dtype[Any]) -> tuple[Load, Layout]:
    """How to make an array over loops of operand k, as a view where possible, and how it lies."""
    axes, shape, extents = core.maps[k], core.shapes[k], core.extents
    plain = [axis.plain_loop for axis in axes]
    loops = [loop for loop in plain if loop is not None]
    exact = all(loop is None or extents[loop] == extent for loop, extent in zip(plain, shape, strict=True))
    if len(set(loops)) == len(axes) and exact:
        return (lambda array: array), Layout(tuple(loops), strides, _contiguous_strides(shape))

    steps: list[Load] = []
    gather = [_is_sparse(axis, extent, extents) for axis, extent in zip(axes, shape, strict=True)]
    last = None if any(gather) else _axis_to_put_last(core, k)
    if any(gather):
        load, axes, shape = _gathered(axes, shape, gather, extents)
        steps.append(load)
        strides = _contiguous_strides(shape)
    elif last is not None:
        order = (*range(last), *range(last + 1, len(axes)), last)
        axes, shape = [axes[i] for i in order], tuple(shape[i] for i in order)
        steps.append(lambda array: array.transpose(order))
    padded = _padded(axes, shape, extents)
    if padded is not None:
        load, axes, shape = padded
        steps.append(load)
        strides = _contiguous_strides(shape)
    elif last is not None:
        steps.append(np.ascontiguousarray)
        strides = _contiguous_strides(shape)
    step, layout = _window(axes, shape, strides, extents, dtype)
    return _chain([*steps, step]), layout


def _axis_to_put_last(core: Problem, k: int) -> int | None:
    """The axis of an operand that should lie innermost in memory, where windows along its last axis are short.

    The windows are then copied in runs of that axis instead.
    """
    axes, shape, extents = core.maps[k], core.shapes[k], core.extents
    size = prod(extents[loop] for loop in {loop for axis in axes for loop in axis.loops})
    run = max((extents[loop] for loop, value in axes[-1].terms if abs(value) == 1), default=1)
    if len(core.maps) == 1 or len(axes[-1].terms) == 1 or run >= RUN or size < 2 * prod(shape):
        return None
    for place, axis in enumerate(axes):
        loop = axis.plain_loop
        if loop is None or extents[loop] < LONG:
            continue
        along = sum(
            prod(other)
            for j, other in enumerate(core.shapes)
            if j != k and any(a.coefficient(loop) for a in core.maps[j])
        )
        if 2 * along <= size:  # what has to be copied with it
            return place
    return None


def _by_size(axis: Axis) -> list[int]:
    return [loop for loop, _ in sorted(axis.terms, key=lambda term: -abs(term[1]))]


def _chain(steps: list[Load]) -> Load:
    if len(steps) == 1:
        return steps[0]

    def load(array: np.ndarray) -> np.ndarray:
        for step in steps:
            array = step(array)
        return array

    return load


def _is_sparse(axis: Axis, extent: int, extents: Extents) -> bool:
    """Whether the addresses are so far apart that padding between them would waste memory."""
    low, high = axis.numerator_bounds(extents)
    inside = low >= 0 and high < extent and axis.denominator == 1
    return not inside and high - low > 16 + 4 * prod(extents[loop] for loop in axis.loops)


def _gathered(axes: list[Axis], shape: Shape, gather: list[bool], extents: Extents) -> tuple[Load, list[Axis], Shape]:
    """Reads sparse axes element by element: such an axis becomes one plain axis for each of its loops."""
    new_axes: list[Axis] = []
    new_shape: list[int] = []
    takes: list[tuple[int, np.ndarray, np.ndarray]] = []
    for axis, extent, sparse in zip(axes, shape, gather, strict=True):
        if not sparse:
            new_axes.append(axis)
            new_shape.append(extent)
            continue
        quotient, valid = addresses(axis, extent, axis.loops, extents)
        spread = valid.reshape(valid.shape + (1,) * (len(shape) - len(takes) - 1))
        takes.append((len(new_axes), np.where(valid, quotient, 0), spread))
        new_axes += [Axis({loop: 1}) for loop in axis.loops]
        new_shape += valid.shape
    takes.reverse()  # from the last axis on, so that positions before it still hold
    positions = [i for i, sparse in enumerate(gather) if sparse][::-1]

    def load(array: np.ndarray) -> np.ndarray:
        for position, (_, index, _) in zip(positions, takes, strict=True):
            array = np.take(array, index, axis=position)
        for start, index, valid in takes:
            after = array.ndim - start - index.ndim
            array = np.where(valid.reshape(index.shape + (1,) * after), array, array.dtype.type(0))
        return array

    return load, new_axes, tuple(new_shape)


def addresses(axis: Axis, extent: int, loops: tuple[int, ...], extents: Extents) -> tuple[np.ndarray, np.ndarray]:
    """For each point of `loops` the address, and whether it is integral and in [0, extent)."""
    numerator = np.full([extents[loop] for loop in loops], axis.offset)
    for place, loop in enumerate(loops):
        steps = axis.coefficient(loop) * np.arange(extents[loop])
        numerator += steps.reshape([-1] + [1] * (len(loops) - place - 1))
    quotient, remainder = np.divmod(numerator, axis.denominator)
    return quotient, (remainder == 0) & (quotient >= 0) & (quotient < extent)


def _padded(axes: list[Axis], shape: Shape, extents: Extents) -> tuple[Load, list[Axis], Shape] | None:
    """Zeros around and, for denominators, between the elements, so that every address is integral and inside."""
    target: list[slice] = []
    source: list[slice] = []
    new_axes: list[Axis] = []
    new_shape: list[int] = []
    for axis, extent in zip(axes, shape, strict=True):
        low, high = axis.numerator_bounds(extents)
        step = axis.denominator
        if step == 1 and low >= 0 and high < extent:
            target.append(slice(None))
            source.append(slice(None))
            new_axes.append(axis)
            new_shape.append(extent)
            continue
        first, last = max(0, -(-low // step)), min(extent - 1, high // step)
        source.append(slice(first, last + 1))
        target.append(slice(first * step - low, last * step - low + 1, step))
        new_axes.append(Axis(axis.terms, axis.offset - low))
        new_shape.append(high - low + 1)
    padded = tuple(new_shape)
    if padded == shape and all(s == slice(None) for s in source):
        return None
    into, outof = tuple(target), tuple(source)

    def load(array: np.ndarray) -> np.ndarray:
        wide = np.zeros(padded, array.dtype)
        wide[into] = array[outof]
        return wide

    return load, new_axes, padded


def _window(
    axes: list[Axis], shape: Shape, strides: Strides, extents: Extents, dtype: np.dtype[Any]
) -> tuple[Load, Layout]:
    """A view of an array in which every address is integral and inside."""
    loops = tuple(dict.fromkeys(loop for axis in axes for loop in _by_size(axis)))
    actual, nominal = (
        tuple(sum(axis.coefficient(loop) * stride for axis, stride in zip(axes, some, strict=True)) for loop in loops)
        for some in (strides, _contiguous_strides(shape))
    )
    origin = tuple(axis.offset for axis in axes)
    spread = tuple(extents[loop] for loop in loops)
    steps = tuple(stride * dtype.itemsize for stride in actual)
    corner = tuple(slice(place, None) for place in origin)

    def load(array: np.ndarray) -> np.ndarray:
        if array.flags.c_contiguous:
            offset = sum(place * stride for place, stride in zip(origin, array.strides, strict=True))
            return np.ndarray(spread, dtype, array, offset, steps)
        return np.lib.stride_tricks.as_strided(array[corner], spread, steps, writeable=False)

    return load, Layout(loops, actual, nominal)


# From arrays over loops to the result.


def _compute(
    core: Problem, loads: list[Load], layouts: list[Layout], fold: Fold | None, dtype: np.dtype[Any]
) -> Recipe:
    if fold is None:
        run = _Sum(core, layouts, dtype).plan()
        return lambda *arrays: run(*[load(array) for load, array in zip(loads, arrays, strict=True)])
    add_up = _folded(core, layouts, fold, dtype)
    return lambda *arrays: add_up(*[load(array) for load, array in zip(loads, arrays, strict=True)])


def _folded(core: Problem, layouts: list[Layout], fold: Fold, dtype: np.dtype[Any]) -> Recipe:
    """Computes the core a stretch of one loop at a time, and adds it up."""
    shape = fold.shape(fold.output, core)
    back = tuple(fold.result.index(loop) for loop in fold.output)
    cut = _loop_to_cut(core, fold)
    count = 1 if cut is None else core.extents[cut]
    length = min(count, max(1, PIECE * count // prod(core.extents[x] for x in core.output)))
    if LANES < length < count:
        length -= length % LANES
    stretches = []
    plans: dict[int, tuple[Recipe, Callable[[np.ndarray], np.ndarray]]] = {}
    for start in range(0, count, length):
        here = min(length, count - start)
        if here not in plans:
            part = core.copy()
            if cut is not None:
                part.extents[cut] = here
            plans[here] = (_Sum(part, layouts, dtype).plan(), _adder(part, fold, dtype))
        slices = [_cut_at(layout.loops, cut, start, here) for layout in layouts]
        stretches.append((slices, _cut_at(tuple(fold.output), cut, start, here), *plans[here]))

    def run(*arrays: np.ndarray) -> np.ndarray:
        result = np.empty(shape, dtype)
        for slices, out, compute, add_up in stretches:
            values = compute(*[array[one] for array, one in zip(arrays, slices, strict=True)])
            result[out] = add_up(values).transpose(back)
        return result

    return run


def _loop_to_cut(core: Problem, fold: Fold) -> int | None:
    """A loop of the result that is not folded, as long as possible, from the innermost on."""
    whole = [loop for loop in reversed(fold.result) if loop not in fold.folded]
    return max(whole, key=lambda loop: core.extents[loop], default=None)


def _cut_at(loops: tuple[int, ...], cut: int | None, start: int, length: int) -> tuple[slice, ...]:
    return tuple(slice(start, start + length) if loop == cut else slice(None) for loop in loops)


def _adder(core: Problem, fold: Fold, dtype: np.dtype[Any]) -> Load:
    shape = fold.shape(fold.result, core)
    everything = (slice(None), slice(None))
    pieces = []
    for point, slices in folded_positions(fold, core):
        source = tuple(point[loop] if loop in point else slices.get(loop, everything)[0] for loop in core.output)
        target = tuple(slices.get(loop, everything)[1] for loop in fold.result)
        pieces.append((target, source))

    def add_up(values: np.ndarray) -> np.ndarray:
        result = np.zeros(shape, dtype)
        for target, source in pieces:
            result[target] += values[source]
        return result

    return add_up


class _Sum:
    """The plan for a sum of products of arrays over loops: masks, lone loops, pairs, the output."""

    def __init__(self, core: Problem, layouts: list[Layout], dtype: np.dtype[Any]) -> None:
        self.core = core
        self.extents = core.extents
        self.output = tuple(core.output)
        self.dtype = dtype
        self.layouts = list(layouts)
        # Each step replaces the list of arrays.
        self.steps: list[Callable[[list[np.ndarray]], list[np.ndarray]]] = []

    def plan(self) -> Recipe:
        self._mask()
        used = {loop for layout in self.layouts for loop in layout.loops}
        free = [loop for loop in self.extents if loop not in used and loop not in self.output]
        for i in range(len(self.layouts)):
            self._sum_lone_loops(i)
        if free:
            self._count(free)
        while len(self.layouts) > 1:
            self._multiply_pair(*self._best_pair())
            self._sum_lone_loops(len(self.layouts) - 1)
        self._arrange()
        steps = self.steps
        if len(steps) == 1:
            (only,) = steps
            return lambda *arrays: only(list(arrays))[0]

        def run(*arrays: np.ndarray) -> np.ndarray:
            values = list(arrays)
            for step in steps:
                values = step(values)
            return values[0]

        return run

    def _replace(self, i: int, load: Load, layout: Layout) -> None:
        self.layouts[i] = layout

        def step(values: list[np.ndarray]) -> list[np.ndarray]:
            values[i] = load(values[i])
            return values

        self.steps.append(step)

    def _shape(self, loops: tuple[int, ...]) -> Shape:
        return tuple(self.extents[loop] for loop in loops)

    def _mask(self) -> None:
        """Guards: zeros in an operand that has all of a guard's loops; else an operand of zeros and ones."""
        for axis, extent in self.core.guards:
            holders = [i for i, layout in enumerate(self.layouts) if set(axis.loops) <= set(layout.loops)]
            loops = self.layouts[holders[0]].loops if holders else axis.loops
            order = tuple(loop for loop in loops if loop in axis.loops)
            _, holds = addresses(axis, extent, order, self.extents)
            if holders:
                mask = holds.reshape([self.extents[loop] if loop in order else 1 for loop in loops])
                self._replace(holders[0], _masker(mask), Layout.contiguous(loops, self.extents))
            else:
                ones = holds.astype(self.dtype)
                self.layouts.append(Layout.contiguous(order, self.extents))
                self.steps.append(lambda values, ones=ones: [*values, ones])

    def _sum_lone_loops(self, i: int) -> None:
        """Sums over loops that only this operand has and the output has not."""
        layout = self.layouts[i]
        elsewhere = {loop for j, other in enumerate(self.layouts) if j != i for loop in other.loops}
        lone = tuple(loop for loop in layout.loops if loop not in elsewhere and loop not in self.output)
        if lone:
            rest = tuple(loop for loop in layout.loops if loop not in lone)
            self._replace(i, _summer(layout, lone, self.extents), Layout.contiguous(rest, self.extents))

    def _count(self, free: list[int]) -> None:
        """A summed loop that no operand has counts every term again."""
        if self.dtype != np.bool_:
            times = np.array(prod(self.extents[loop] for loop in free)).astype(self.dtype)
            layout = self.layouts[0]
            self._replace(0, lambda array: array * times, Layout.contiguous(layout.loops, self.extents))

    def _best_pair(self) -> tuple[int, int]:
        """The pair with the smallest product, then the fewest multiplications."""
        count = len(self.layouts)
        if count == 2:
            return 0, 1

        def cost(pair: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
            every = {loop for i in pair for loop in self.layouts[i].loops}
            return prod(self._shape(self._kept(*pair))), prod(self.extents[loop] for loop in every), pair

        return min(((i, j) for i in range(count) for j in range(i + 1, count)), key=cost)

    def _kept(self, i: int, j: int) -> tuple[int, ...]:
        """The loops of a pair's product: those that the output or another operand needs, in an order near the output's."""
        others = {loop for k, layout in enumerate(self.layouts) if k not in (i, j) for loop in layout.loops}
        here = dict.fromkeys((*self.layouts[i].loops, *self.layouts[j].loops))
        kept = [loop for loop in self.output if loop in here]
        return tuple(kept + [loop for loop in here if loop in others and loop not in self.output])

    def _multiply_pair(self, i: int, j: int) -> None:
        kept = self._kept(i, j)
        product: Run = plan_product(self.layouts[i], self.layouts[j], kept, self.extents, self.dtype.char)
        shape, dtype = self._shape(kept), self.dtype
        self.layouts = [layout for k, layout in enumerate(self.layouts) if k not in (i, j)]
        self.layouts.append(Layout.contiguous(kept, self.extents))

        def step(values: list[np.ndarray]) -> list[np.ndarray]:
            out = np.empty(shape, dtype)
            product(values[i], values[j], out)
            return [*[value for k, value in enumerate(values) if k not in (i, j)], out]

        self.steps.append(step)

    def _arrange(self) -> None:
        """The one array left as the output: its loops in order, repeated along those it has not."""
        (layout,) = self.layouts
        if layout == Layout.contiguous(self.output, self.extents) and self.steps:
            return
        order = tuple(layout.loops.index(loop) for loop in self.output if loop in layout.loops)
        index = tuple(slice(None) if loop in layout.loops else None for loop in self.output)
        shape, dtype = self._shape(self.output), self.dtype

        def arrange(array: np.ndarray) -> np.ndarray:
            result = np.empty(shape, dtype)
            result[...] = array.transpose(order)[index]
            return result

        self._replace(0, arrange, Layout.contiguous(self.output, self.extents))


def _masker(mask: np.ndarray) -> Load:
    return lambda array: np.where(mask, array, array.dtype.type(0))


def _summer(layout: Layout, lone: tuple[int, ...], extents: Extents) -> Load:
    """Sums an array over some of its loops; windows that overlap by whole sweeps over what is left."""
    places = tuple(layout.loops.index(loop) for loop in lone)
    rest = prod(extents[loop] for loop in layout.loops if loop not in lone)
    if rest < TAPS * 4 or prod(extents[loop] for loop in lone) > TAPS:
        return lambda array: np.add.reduce(array, axis=places, dtype=array.dtype)
    indices = []
    for point in np.ndindex(*[extents[loop] for loop in lone]):
        fixed = dict(zip(lone, point, strict=True))
        indices.append(tuple(fixed.get(loop, slice(None)) for loop in layout.loops))
    first, *others = indices

    def load(array: np.ndarray) -> np.ndarray:
        total = array[first].copy(order="C")
        for index in others:
            total += array[index]
        return total

    return load
