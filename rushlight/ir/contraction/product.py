"""The product of two arrays whose axes are loops, summed over some of them, planned once and run many times.

Loops fall into classes by where they stand: batch (both arrays and the output), rows and columns (one array and the
output), depth (both arrays, summed). The plan brings the arrays to matrices, copying only what does not lie so already,
and calls `np.matmul`; a large copy (the windows of a convolution) is made piece by piece, so that a piece stays in the
cache.

Everything that touches the order of summation is decided from shapes; how arrays lie in memory decides only what is
copied. Small products are summed as PyTorch sums them: see `order`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from .order import MatrixProduct

Extents = dict[int, int]
Run = Callable[[np.ndarray, np.ndarray, np.ndarray], None]  # (left, right, out): writes all of out

PIECE = 1 << 18  # elements of a copy that are made at once: 1 MB of float32
FILLED = 32  # rows or columns from which a batch of matrix products keeps the machine busy

_BLAS = frozenset("fdFD")


@dataclass(frozen=True)
class Layout:
    """An array whose axes are `loops`. Strides are in elements; `nominal` ones are those of operands without gaps."""

    loops: tuple[int, ...]
    strides: tuple[int, ...]
    nominal: tuple[int, ...]

    @classmethod
    def contiguous(cls, loops: Sequence[int], extents: Extents) -> Layout:
        strides, step = [], 1
        for loop in reversed(loops):
            strides.append(step)
            step *= extents[loop]
        strides.reverse()
        return cls(tuple(loops), tuple(strides), tuple(strides))

    def without(self, loop: int) -> Layout:
        keep = [i for i, other in enumerate(self.loops) if other != loop]
        return Layout(*(tuple(part[i] for i in keep) for part in (self.loops, self.strides, self.nominal)))

    def size(self, extents: Extents) -> int:
        return prod(extents[loop] for loop in self.loops)


@dataclass(frozen=True)
class _Problem:
    """out = sum of left * right over the depth, the loops of both that are not in the output; it has all others."""

    left: Layout
    right: Layout
    out: Layout
    extents: Extents
    character: str  # the dtype's

    def of(self, *, left: bool) -> Layout:
        return self.left if left else self.right

    @property
    def depth(self) -> tuple[int, ...]:
        """The summed loops, as the larger array has them: an order that depends on shapes only."""
        left, right = self.left.size(self.extents), self.right.size(self.extents)
        first = self.left if left >= right else self.right
        other = set(self.right.loops if left >= right else self.left.loops)
        return tuple(loop for loop in first.loops if loop in other and loop not in self.out.loops)


def plan_product(left: Layout, right: Layout, out: Sequence[int], extents: Extents, character: str) -> Run:
    """How to fill an array without gaps, indexed by the loops `out`. Extents are at least 2."""
    problem = _Problem(left, right, Layout.contiguous(out, extents), extents, character)
    if not problem.depth:
        return _multiply(problem)
    if character not in _BLAS:
        return _einsum(problem)
    return _plan(problem)


def _plan(problem: _Problem) -> Run:
    shape = _MatrixShape.choose(problem)
    copies = {side: shape.copied(problem, side) for side in (True, False)}
    if sum(copies.values()) > PIECE:
        piecewise = _in_pieces(problem, shape, copies)
        if piecewise is not None:
            return piecewise
    return _matrix_product(problem, shape)


# Without a depth: plain multiplication.


def _aligned(layout: Layout, target: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    """Transposes an array and gives it axes of extent 1, so that its axes stand as in `target`."""
    order = tuple(sorted(range(len(layout.loops)), key=lambda i: target.index(layout.loops[i])))
    index = tuple(slice(None) if loop in layout.loops else None for loop in target)
    if order == tuple(range(len(order))):
        return lambda array: array[index]
    return lambda array: array.transpose(order)[index]


def _multiply(problem: _Problem) -> Run:
    left = _aligned(problem.left, problem.out.loops)
    right = _aligned(problem.right, problem.out.loops)

    def run(p: np.ndarray, q: np.ndarray, out: np.ndarray) -> None:
        np.multiply(left(p), right(q), out=out)

    return run


def _einsum(problem: _Problem) -> Run:
    number: dict[int, int] = {}
    for layout in (problem.left, problem.right):
        for loop in layout.loops:
            number.setdefault(loop, len(number))
    every = (problem.left, problem.right, problem.out)
    left, right, target = ([number[loop] for loop in layout.loops] for layout in every)

    def run(p: np.ndarray, q: np.ndarray, out: np.ndarray) -> None:
        np.einsum(p, left, q, right, target, out=out)

    return run


# Which loops are rows, columns, depth and batch.


def _merges(loops: Sequence[int], stride: dict[int, int], extents: Extents) -> bool:
    return all(stride[a] == stride[b] * extents[b] for a, b in zip(loops, loops[1:], strict=False))


@dataclass(frozen=True)
class _MatrixShape:
    """The product as a batch of matrix products [rows, depth] @ [depth, columns].

    `rows_left` tells whose loops the rows are. `natural` tells that the output lies as (batch, rows, columns).
    """

    rows_left: bool
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    depth: tuple[int, ...]
    natural: bool

    @classmethod
    def choose(cls, problem: _Problem) -> _MatrixShape:
        extents, out = problem.extents, problem.out.loops
        left, right = set(problem.left.loops), set(problem.right.loops)
        batch = [loop for loop in out if loop in left and loop in right]
        own = [loop for loop in out if loop not in batch]
        columns = _last_run(own, left)
        rows = _last_run(own[: len(own) - len(columns)], left)
        rest = own[: len(own) - len(columns) - len(rows)]
        columns_left = bool(columns) and columns[0] in left
        # What is left of the output's loops joins the batch; or, where that makes small products or takes the innermost
        # loop of an array, the rows and columns, in the order their array has them. The result is then transposed.
        size = {True: prod(extents[x] for x in columns), False: prod(extents[x] for x in rows)}
        innermost = {
            part.loops[i] for part in (problem.left, problem.right) for i, s in enumerate(part.nominal) if s == 1
        }
        if all(size[(loop in left) == columns_left] >= FILLED and loop not in innermost for loop in rest):
            everything = [loop for loop in out if loop in batch or loop in rest]
        else:
            everything = batch
            columns = [loop for loop in problem.of(left=columns_left).loops if loop in own]
            rows = [loop for loop in problem.of(left=not columns_left).loops if loop in own]
        natural = (*everything, *rows, *columns) == out
        return cls(not columns_left, tuple(everything), tuple(rows), tuple(columns), problem.depth, natural)

    def own(self, *, rows: bool) -> tuple[int, ...]:
        return self.rows if rows else self.columns

    def copied(self, problem: _Problem, left: bool, actual: bool = False) -> int:
        """How many elements of one array must be copied to bring it to matrices: all, or 0."""
        layout = problem.of(left=left)
        own = self.own(rows=left == self.rows_left)
        stride = dict(zip(layout.loops, layout.strides if actual else layout.nominal, strict=True))
        extents = problem.extents
        lies = False
        if _merges(own, stride, extents) and _merges(self.depth, stride, extents):
            depth, width = prod(extents[x] for x in self.depth), prod(extents[x] for x in own)
            inner, outer = stride[self.depth[-1]], stride[own[-1]] if own else 1
            lies = (inner == 1 and (not own or outer >= depth)) or (outer == 1 and inner >= width)
        return 0 if lies else layout.size(extents)


def _last_run(loops: list[int], left: set[int]) -> list[int]:
    """The longest tail of `loops` that one side owns."""
    start = len(loops)
    while start and (loops[start - 1] in left) == (loops[-1] in left):
        start -= 1
    return loops[start:]


# The matrix product itself.


def _matrix_product(problem: _Problem, shape: _MatrixShape) -> Run:
    extents = problem.extents
    left, right = _to_matrix(problem, shape, left=True), _to_matrix(problem, shape, left=False)
    rows_left = shape.rows_left
    batch = tuple(extents[loop] for loop in shape.batch)
    matrices = (*batch, prod(extents[x] for x in shape.rows), prod(extents[x] for x in shape.columns))
    multiply = _order_of_summation(problem, shape).plan()

    order = (*shape.batch, *shape.rows, *shape.columns)
    spread = tuple(extents[loop] for loop in order)
    stride = dict(zip(problem.out.loops, problem.out.strides, strict=True))
    rows_lie = _merges(shape.rows, stride, extents)
    columns_lie = not shape.columns or (stride[shape.columns[-1]] == 1 and _merges(shape.columns, stride, extents))
    if shape.natural and rows_lie and columns_lie:
        if left is None and right is None and spread == matrices:
            return _swapped(multiply, rows_left)

        def run(p: np.ndarray, q: np.ndarray, out: np.ndarray) -> None:
            p = left(p) if left else p
            q = right(q) if right else q
            multiply(p, q, out.reshape(matrices)) if rows_left else multiply(q, p, out.reshape(matrices))

        return run

    back = tuple(order.index(loop) for loop in problem.out.loops)

    def run_transposed(p: np.ndarray, q: np.ndarray, out: np.ndarray) -> None:
        p = left(p) if left else p
        q = right(q) if right else q
        product = multiply(p, q, None) if rows_left else multiply(q, p, None)
        out[...] = product.reshape(spread).transpose(back)

    return run_transposed


def _order_of_summation(problem: _Problem, shape: _MatrixShape) -> MatrixProduct:
    extents = problem.extents
    innermost = []
    for left in (shape.rows_left, not shape.rows_left):
        layout, rows = problem.of(left=left), left == shape.rows_left
        if shape.copied(problem, left, actual=True):
            innermost.append(_copy_order(layout, shape, rows, extents)[-1] in shape.depth)
        else:
            stride = dict(zip(layout.loops, layout.strides, strict=True))
            innermost.append(stride[shape.depth[-1]] == 1)
    common = set(problem.left.loops) & set(problem.right.loops)
    batch, n, k, m = (prod(extents[x] for x in each) for each in (shape.batch, shape.rows, shape.depth, shape.columns))
    broadcast = common.issuperset(shape.batch)
    return MatrixProduct(problem.character, batch, broadcast, n, k, m, *innermost)


def _swapped(multiply: Callable[..., object], rows_left: bool) -> Run:
    """The product with its operands in the order that has the rows first."""

    def run(p: np.ndarray, q: np.ndarray, out: np.ndarray) -> None:
        multiply(p, q, out) if rows_left else multiply(q, p, out)

    return run


def _to_matrix(problem: _Problem, shape: _MatrixShape, *, left: bool) -> Callable[[np.ndarray], np.ndarray] | None:
    """Brings an array to (batch, rows, depth) or (batch, depth, columns), in the order of memory that copies fastest.

    None if it is so already.
    """
    rows = left == shape.rows_left
    layout, extents = problem.of(left=left), problem.extents
    own, depth = shape.own(rows=rows), shape.depth
    batch = tuple(loop for loop in shape.batch if loop in layout.loops)
    width, length = prod(extents[x] for x in own), prod(extents[x] for x in depth)
    lead = tuple(extents[loop] if loop in batch else 1 for loop in shape.batch)
    if not shape.copied(problem, left, actual=True):
        order = _order(layout, (*batch, *own, *depth) if rows else (*batch, *depth, *own))
        matrices = (*lead, width, length) if rows else (*lead, length, width)
        if order != tuple(range(len(order))):
            return lambda array: array.transpose(order).reshape(matrices)
        if matrices == tuple(extents[loop] for loop in layout.loops):
            return None
        return lambda array: array.reshape(matrices)

    target = _copy_order(layout, shape, rows, extents)
    depth_last = target == (*batch, *own, *depth)
    order = _order(layout, target)
    spread = tuple(extents[loop] for loop in target)
    matrices = (*lead, width, length) if depth_last else (*lead, length, width)
    turned = depth_last != rows

    def copy(array: np.ndarray) -> np.ndarray:
        copied = np.empty(spread, array.dtype)
        np.copyto(copied, array.transpose(order))
        matrix = copied.reshape(matrices)
        return matrix.swapaxes(-1, -2) if turned else matrix

    return copy


def _copy_order(layout: Layout, shape: _MatrixShape, rows: bool, extents: Extents) -> tuple[int, ...]:
    """The loops of a copy: batch, then own loops and depth or the other way about, whichever reads in longer runs."""
    batch = tuple(loop for loop in shape.batch if loop in layout.loops)
    own, depth = shape.own(rows=rows), shape.depth
    if _run_length(layout, (*own, *depth), extents) >= _run_length(layout, (*depth, *own), extents):
        return (*batch, *own, *depth)
    return (*batch, *depth, *own)


def _order(layout: Layout, target: Sequence[int]) -> tuple[int, ...]:
    return tuple(layout.loops.index(loop) for loop in target)


def _run_length(layout: Layout, target: Sequence[int], extents: Extents) -> float:
    """How many elements lie in a row where the array is read in the order `target`; below 1 if they are apart."""
    stride = dict(zip(layout.loops, layout.nominal, strict=True))
    run = 1
    for loop in reversed(target):
        if stride[loop] != run:
            return run if run > 1 else min(1.0, 1 / max(1, abs(stride[loop])))
        run *= extents[loop]
    return run


# Large copies, piece by piece.


def _in_pieces(problem: _Problem, shape: _MatrixShape, copies: dict[bool, int]) -> Run | None:
    """The product one stretch of a loop at a time. A stretch of a depth loop is added to what came before."""
    loop = _loop_to_cut(problem, shape, copies)
    extent = problem.extents[loop]
    touched = sum(size for left, size in copies.items() if loop in problem.of(left=left).loops)
    length = -(-extent // min(extent, -(-touched // PIECE)))
    if loop in shape.depth and 8 * touched >= PIECE * extent:
        length = 1  # the loop falls away, and with it often the need to copy the other array
    if length == extent:
        return None
    settle_left = settle_right = None
    if copies[True] and loop not in problem.left.loops:
        settle_left, layout = _settle(problem, shape, left=True)
        problem = replace(problem, left=layout)
    if copies[False] and loop not in problem.right.loops:
        settle_right, layout = _settle(problem, shape, left=False)
        problem = replace(problem, right=layout)
    stretches = [(start, min(length, extent - start)) for start in range(0, extent, length)]
    plans = {here: _stretch(problem, loop, here) for here in {here for _, here in stretches}}
    cuts = [(start if here == 1 else slice(start, start + here), plans[here]) for start, here in stretches]
    cut_left, cut_right, cut_out = (_cutter(part, loop) for part in (problem.left, problem.right, problem.out))
    accumulates = loop not in problem.out.loops

    def run(p: np.ndarray, q: np.ndarray, out: np.ndarray) -> None:
        p = settle_left(p) if settle_left else p
        q = settle_right(q) if settle_right else q
        more = np.empty(out.shape, out.dtype) if accumulates else out
        for number, (cut, part) in enumerate(cuts):
            if not accumulates:
                part(cut_left(p, cut), cut_right(q, cut), cut_out(out, cut))
            elif number:
                part(cut_left(p, cut), cut_right(q, cut), more)
                out += more
            else:
                part(cut_left(p, cut), cut_right(q, cut), out)

    return run


def _settle(problem: _Problem, shape: _MatrixShape, *, left: bool) -> tuple[Callable[[np.ndarray], np.ndarray], Layout]:
    """How to copy an array into matrices once, where all pieces use it, and how it lies then."""
    layout = problem.of(left=left)
    target = _copy_order(layout, shape, left == shape.rows_left, problem.extents)
    order = _order(layout, target)
    return lambda array: np.ascontiguousarray(array.transpose(order)), Layout.contiguous(target, problem.extents)


def _loop_to_cut(problem: _Problem, shape: _MatrixShape, copies: dict[bool, int]) -> int:
    """The loop whose stretches cost least beyond the copies: of a batch, else the outermost row, column or depth."""
    big = copies[True] >= copies[False]
    layout, extents = problem.of(left=big), problem.extents
    pieces = max(2, copies[big] // PIECE)
    batch = [loop for loop in shape.batch if loop in layout.loops]
    if batch:
        return batch[0]
    outermost = shape.depth[0]
    choices = [(2.0 * min(pieces, extents[outermost]) * problem.out.size(extents), outermost)]
    own = shape.own(rows=big == shape.rows_left)
    if own:
        choices.append((0.5 * min(pieces, extents[own[0]]) * problem.of(left=not big).size(extents), own[0]))
    return min(choices)[1]


def _stretch(problem: _Problem, loop: int, length: int) -> Run:
    """The plan for a stretch; a loop cut down to 1 is gone."""
    if length > 1:
        return _plan(replace(problem, extents=problem.extents | {loop: length}))
    left, right, out = (part.without(loop) for part in (problem.left, problem.right, problem.out))
    rest = replace(problem, left=left, right=right, out=out)
    return _plan(rest) if rest.depth else _multiply(rest)


def _cutter(layout: Layout, loop: int) -> Callable[[np.ndarray, slice | int], np.ndarray]:
    if loop not in layout.loops:
        return lambda array, cut: array
    before = (slice(None),) * layout.loops.index(loop)
    return lambda array, cut: array[(*before, cut, ...)]  # with the ellipsis always a view
