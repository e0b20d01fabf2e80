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
from ..affine import Axis, constant_axis
from .form import Contraction, Shape
from .normal import LONG, Fold, Problem, fold_windows, folded_positions, simplify
from .product import Extents, Layout, Run, plan_product

Load = Callable[[np.ndarray], np.ndarray]  # an operand to an array whose axes are loops
Recipe = Callable[..., np.ndarray]
Strides = tuple[int, ...]

SMALL = 1 << 20  # products of this size have kernels whose last bits depend on how operands lie in memory
FOLD_BYTES = 1 << 25  # what a core's result may take before it is folded
ORIGIN = constant_axis()
SPARSE = 4  # padding may hold so many elements for each that is read
TAPS = 64  # sums over windows of at most so many elements are made by whole sweeps
RUN = 16  # elements in a row from which copying them costs no more than it must


def evaluate(contraction: Contraction, *arrays: np.ndarray) -> np.ndarray:
    """The contraction of arrays of one dtype; an array of that dtype without gaps.

    Integers wrap; sums and products of booleans are or and and. The order of summation depends on the shapes alone, but
    for what BLAS makes of a large matrix that lies transposed.
    """
    signature: list[Any] = []
    for array in arrays:
        signature += (array.dtype, array.shape, array.strides)
    return _recipe(contraction, *signature)(*arrays)


@lru_cache(maxsize=4096)
def _recipe(contraction: Contraction, *signature: Any) -> Recipe:
    """How to compute a contraction of arrays with these dtypes, shapes and strides (one after the other)."""
    dtypes, shapes, strides_in_bytes = signature[0::3], signature[1::3], signature[2::3]
    contraction.verify(shapes)
    dtype = dtypes[0]
    if any(other != dtype for other in dtypes):
        raise InternalError(f"operands of dtypes {', '.join(map(str, dtypes))} for {contraction!r}")
    result = contraction.output_shape
    problem = Problem.of(contraction, shapes)
    if not problem.is_zero():
        problem = simplify(problem)
    if problem.is_zero():
        return lambda *arrays: np.zeros(result, dtype)

    core, fold = fold_windows(problem)
    small = prod(contraction.loops) <= SMALL
    loads, layouts = [], []
    for k, (shape, found) in enumerate(zip(shapes, strides_in_bytes, strict=True)):
        strides = tuple(step // dtype.itemsize for step in found)
        contiguous = _is_contiguous(shape, strides)
        odd = any(step % dtype.itemsize for step in found)
        close_up = not contiguous and (small or odd or _overlaps(core, k))
        load, layout = _loader(core, k, _contiguous_strides(shape) if close_up or contiguous else strides, dtype)
        loads.append(_chain([np.ascontiguousarray, load]) if close_up else load)
        layouts.append(layout)
    if fold is not None:
        return _prepared(loads, _folded(core, layouts, fold, dtype), result)
    return _prepared(loads, _Sum(core, layouts, dtype).plan(), result)


def _prepared(loads: list[Load | None], compute: Recipe, result: Shape) -> Recipe:
    if not any(loads):
        return lambda *arrays: compute(*arrays).reshape(result)

    def recipe(*arrays: np.ndarray) -> np.ndarray:
        loaded = [load(array) if load else array for load, array in zip(loads, arrays, strict=True)]
        return compute(*loaded).reshape(result)

    return recipe


def _is_contiguous(shape: Shape, strides: Strides) -> bool:
    steps = _contiguous_strides(shape)
    return all(extent == 1 or a == b for extent, a, b in zip(shape, strides, steps, strict=True))


def _contiguous_strides(shape: Shape) -> Strides:
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


# Operands as arrays over loops.


def _loader(core: Problem, k: int, strides: Strides, dtype: np.dtype[Any]) -> tuple[Load | None, Layout]:
    """How to make an array over loops of operand k, as a view where possible, and how it lies. None: as it is."""
    axes, shape, extents = core.maps[k], core.shapes[k], core.extents
    plain = _plain(axes, shape, extents)
    if plain is not None:
        kept = [axis for axis, loop in enumerate(plain) if loop is not None]
        loops = tuple(loop for loop in plain if loop is not None)
        nominal = _contiguous_strides(shape)
        layout = Layout(loops, tuple(strides[axis] for axis in kept), tuple(nominal[axis] for axis in kept))
        if len(kept) == len(axes):
            return None, layout
        spread = tuple(shape[axis] for axis in kept)
        return (lambda array: array.reshape(spread)), layout

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


def _overlaps(core: Problem, k: int) -> bool:
    """Whether an operand's elements are read twice and more on average, so that a copy of it costs less than it saves."""
    loops = {loop for axis in core.maps[k] for loop in axis.loops}
    return prod(core.extents[loop] for loop in loops) >= 2 * prod(core.shapes[k])


def _axis_to_put_last(core: Problem, k: int) -> int | None:
    """The axis of an operand that should lie innermost in memory, where windows along its last axis are short.

    The windows are then copied in runs of that axis instead.
    """
    axes, extents = core.maps[k], core.extents
    size = prod(extents[loop] for loop in {loop for axis in axes for loop in axis.loops})
    run = max((extents[loop] for loop, value in axes[-1].terms if abs(value) == 1), default=1)
    if len(core.maps) == 1 or len(axes[-1].terms) == 1 or run >= RUN or not _overlaps(core, k):
        return None
    along: dict[int, int] = {}  # loop -> the sizes of the other operands that have it, to be copied with it
    for j, other in enumerate(core.shapes):
        if j != k:
            for loop in {loop for axis in core.maps[j] for loop in axis.loops}:
                along[loop] = along.get(loop, 0) + prod(other)
    if any(loop in core.output and loop in along for axis in axes for loop in axis.loops):
        return None  # a batch of products, which wants its loop outermost
    for place, axis in enumerate(axes):
        plain = axis.plain_loop
        if plain is not None and extents[plain] >= LONG and 2 * along.get(plain, 0) <= size:
            return place
    return None


def _plain(axes: list[Axis], shape: Shape, extents: Extents) -> list[int | None] | None:
    """The loop of each axis, None for an axis of extent 1, if the whole operand is read as it is."""
    loops = [axis.plain_loop for axis in axes]
    for axis, loop, extent in zip(axes, loops, shape, strict=True):
        whole = extents[loop] == extent if loop is not None else extent == 1 and axis is ORIGIN
        if not whole or (loop is not None and loops.count(loop) > 1):
            return None
    return loops


def _by_size(axis: Axis) -> list[int]:
    return [loop for loop, _ in sorted(axis.terms, key=lambda term: -abs(term[1]))]


def _chain(some: list[Load | None]) -> Load:
    steps = [step for step in some if step]
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
    return not inside and high - low > SPARSE * (4 + prod(extents[loop] for loop in axis.loops))


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
        takes.append((len(new_axes), np.where(valid, quotient, 0), valid))
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


def _folded(core: Problem, layouts: list[Layout], fold: Fold, dtype: np.dtype[Any]) -> Recipe:
    """Computes the core a stretch of one loop at a time, and adds it up."""
    shape = fold.shape(fold.output, core)
    back = tuple(fold.result.index(loop) for loop in fold.output)
    cut = _loop_to_cut(core, fold)
    count = 1 if cut is None else core.extents[cut]
    total = dtype.itemsize * prod(core.extents[x] for x in core.output)
    length = -(-count // min(count, -(-total // FOLD_BYTES)))
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
        self.alone: Recipe | None = None  # the last product, for two arrays and nothing else

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
        return self.alone if self.alone and len(self.steps) == 1 else self._run

    def _run(self, *arrays: np.ndarray) -> np.ndarray:
        values = list(arrays)
        for step in self.steps:
            values = step(values)
        return values[0]

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
                self.steps.append(_appender(ones))

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
        """The loops of a pair's product: what the output or another operand needs, in an order near the output's."""
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

        def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
            out = np.empty(shape, dtype)
            product(left, right, out)
            return out

        def step(values: list[np.ndarray]) -> list[np.ndarray]:
            out = multiply(values[i], values[j])
            return [*[value for k, value in enumerate(values) if k not in (i, j)], out]

        self.alone = multiply
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


def _appender(array: np.ndarray) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    return lambda values: [*values, array]


def _masker(mask: np.ndarray) -> Load:
    return lambda array: np.where(mask, array, array.dtype.type(0))


def _summer(layout: Layout, lone: tuple[int, ...], extents: Extents) -> Load:
    """Sums an array over some of its loops; windows that overlap by whole sweeps over what is left."""
    places = tuple(layout.loops.index(loop) for loop in lone)
    count, rest = prod(extents[x] for x in lone), prod(extents[x] for x in layout.loops if x not in lone)
    run = 1
    for loop, stride in sorted(zip(layout.loops, layout.nominal, strict=True), key=lambda pair: abs(pair[1])):
        if loop in lone and stride == run:
            run *= extents[loop]
    if rest < 4 * TAPS or count > TAPS or run >= RUN:
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
