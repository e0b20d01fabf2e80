"""A plan for a batch of images: where pixels come from, what is done to their values, and what each sample draws.

**Draws.** Most transforms take a fixed number of 32-bit words from the generator: one for a flip, two for a crop. So the
words of a batch are drawn at once, in rows, a row for each sample: the same words in the same places as sample by
sample. Where one draws until it is content, all draw sample by sample.

**Geometry.** Flips, crops and constant padding all move pixels along the two axes, so their product is, for each
sample and axis, a line `source = offset ± target` over a range of targets, and the fill value outside of it (`Axis`).
In the graph it is one node, `crop`, with the lines as an operand.

**Values.** The other transforms are changes (`changes`): nodes that read the crop. Those that work element by element may be done after
moves that come behind them; the others, and borders that must stay as they are, end a stage, and the next one moves its result.
What differs from sample to sample (a flag, a factor, a rectangle) is an operand. So a batch is a plan of its own
(`runtime.routine`), and where all is element by element it compiles to one kernel: each pixel is read once, and
only the result is written.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...data.arrays import random_words
from ...dtype import dtype as DType
from ...dtype import from_numpy_dtype
from ...ir.crop import crop
from ...ir.graph import Node
from ...ir.index import take
from ...ir.type import Type
from ...runtime.routine import Routine
from .changes import Change


class Unknown(Exception):
    """This transform must be done sample by sample."""


class Axis:
    """Where each sample's pixels come from along one axis: target `t` in [low, high) from source `offset + sign *
    t`."""

    def __init__(self, samples: int, size: int) -> None:
        self.size = size
        self.offset = np.zeros(samples, np.int64)
        self.sign = np.ones(samples, np.int64)
        self.low = np.zeros(samples, np.int64)
        self.high = np.full(samples, size, np.int64)

    def flip(self, which: np.ndarray) -> None:
        last = self.size - 1
        self.offset += np.where(which, self.sign * last, 0)
        self.sign = np.where(which, -self.sign, self.sign)
        self.low, self.high = (
            np.where(which, self.size - self.high, self.low),
            np.where(which, self.size - self.low, self.high),
        )

    def pad(self, before: int, after: int) -> None:
        self.offset -= self.sign * before
        self.low += before
        self.high += before
        self.size += before + after

    def crop(self, start: np.ndarray | int, size: int) -> None:
        self.offset += self.sign * start
        self.low = np.clip(self.low - start, 0, size)
        self.high = np.clip(self.high - start, 0, size)
        self.size = size


@dataclass
class Batch:
    """A batch while its steps are gone through: its axes in this stage, what was drawn, and the operands of the routine so far."""

    rows: Axis
    columns: Axis
    drawn: Iterator[np.ndarray]  # an array over the samples for each number
    operands: list[np.ndarray]
    places: int = 0  # where the operand that moves this stage's pixels goes

    def set(self, *settings: np.ndarray) -> None:
        """Notes numbers of the samples for a change."""
        self.operands += [setting.reshape(-1, 1, 1, 1) for setting in settings]


Step = Callable[[Batch], None]
Draw = int | Callable[[], tuple[float, ...]]  # so many words, or a function that draws for one sample


def _drawn(draws: Sequence[Draw], samples: int) -> Iterator[np.ndarray]:
    """What all samples draw, number by number."""
    fixed = [draw for draw in draws if isinstance(draw, int)]
    if len(fixed) == len(draws):
        return iter(random_words(samples * sum(fixed)).reshape(samples, -1).T if fixed and samples else ())
    rows = [
        [number for draw in draws for number in (random_words(draw).tolist() if isinstance(draw, int) else draw())]
        for _ in range(samples)
    ]
    return map(np.array, zip(*rows, strict=True))


@dataclass(frozen=True)
class Way:
    """An axis of the images for all samples: how long it becomes; how far before the image a line may begin; whether some are mirrored."""

    size: int
    reach: int = 0
    mirrored: bool = False

    def padded(self, more: int) -> Way:
        return replace(self, size=self.size + more, reach=self.reach + more)


@dataclass(frozen=True)
class _Moves:
    """The moves of a stage."""

    down: Way
    across: Way
    bounded: bool
    fill: int

    def nodes(self, planes: Node, places: Node) -> Node:
        return crop(
            planes,
            places,
            size=(self.down.size, self.across.size),
            reach=(self.down.reach, self.across.reach),
            mirrors=(self.down.mirrored, self.across.mirrored),
            bounded=self.bounded,
            fill=self.fill,
        )

    def places(self, axes: tuple[Axis, Axis], images: np.ndarray) -> np.ndarray:
        """For each sample, which image it is of and where each axis begins: the operand of `crop`."""
        ways = self.down, self.across
        lines = [images, *(axis.offset + way.reach for axis, way in zip(axes, ways, strict=True))]
        lines += [axis.sign < 0 for axis, way in zip(axes, ways, strict=True) if way.mirrored]
        if self.bounded:
            lines += [bound for axis in axes for bound in (axis.low, axis.high)]
        return np.array(lines, np.int64)


@dataclass(frozen=True)
class _Recipe:
    """What is done to a batch, draws aside: a list of stages, each moves (or none) and then changes."""

    stages: tuple[tuple[_Moves | None, tuple[Change, ...]], ...]

    def nodes(self, planes: Node, *operands: Node) -> Node:
        remaining = iter(operands)
        batch = planes
        for number, (moves, changes) in enumerate(self.stages):
            if moves is not None:
                batch = moves.nodes(batch, next(remaining))
            elif number == 0:
                batch = take(batch, next(remaining))
            for change in changes:
                batch = change.of(batch, *itertools.islice(remaining, change.settings))
        return batch


@functools.lru_cache(maxsize=64)
def _routine(recipe: _Recipe, types: tuple[Type, ...]) -> Routine:
    return Routine(recipe.nodes, types)


def _type(array: np.ndarray) -> Type:
    kind = from_numpy_dtype(array.dtype)
    assert kind is not None
    return Type.of(array.shape, kind)


class Plan:
    """What to do with a batch of images of bytes."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.channels = channels
        self.is_tensor = False
        self.dtype: DType | None = None  # of the values, once they are floating-point
        self.draws: list[Draw] = []
        self.steps: list[Step] = []
        self._start = height, width
        self._stages: list[tuple[_Moves | None, tuple[Change, ...]]] = []
        self._begin(height, width)

    def _begin(self, height: int, width: int) -> None:
        """A new stage, for images of this size."""
        self.rows, self.columns = Way(height), Way(width)  # after the steps so far
        self.changes: list[Change] = []
        self._is_moved = False
        self._fill: int | None = None
        self._is_cut = False  # whether there are pixels that are not seen
        self._is_bounded = False  # whether they would be, were it not for the bounds of what is seen

    def change(self, change: Change) -> None:
        self.changes.append(change)
        size = change.size(self.rows.size, self.columns.size)
        if size != (self.rows.size, self.columns.size):
            self._end(size)

    def flip_rows(self, step: Step) -> None:
        self._move(step)
        self.rows = replace(self.rows, mirrored=True)

    def flip_columns(self, step: Step) -> None:
        self._move(step)
        self.columns = replace(self.columns, mirrored=True)

    def pad(self, left: int, top: int, right: int, bottom: int, fill: int) -> None:
        """Constant borders."""
        if self.changes or self._fill not in (None, fill):  # a stage has one value outside, and changes would change it
            self._end()

        def step(batch: Batch) -> None:
            batch.rows.pad(top, bottom)
            batch.columns.pad(left, right)

        self._move(step)
        self._fill = fill
        self._is_bounded |= self._is_cut
        self.rows, self.columns = self.rows.padded(top + bottom), self.columns.padded(left + right)

    def cut(self, height: int, width: int, step: Step) -> None:
        self._move(step)
        self._is_cut = True
        self.rows, self.columns = replace(self.rows, size=height), replace(self.columns, size=width)

    def changes_alone(self, read: Callable[[], None]) -> tuple[list[Draw], list[Step], list[Change]]:
        """What reading adds, which is taken back out; Unknown where it is more than changes of images that stay as large as they are."""
        before = self._state(), len(self._stages)
        draws, steps, changes = self.draws, self.steps, self.changes
        self.draws, self.steps, self.changes = [], [], []
        is_moved, self._is_moved = self._is_moved, False
        read()
        if self._is_moved or (self._state(), len(self._stages)) != before:
            raise Unknown
        found = self.draws, self.steps, self.changes
        self.draws, self.steps, self.changes, self._is_moved = draws, steps, changes, is_moved
        return found

    def _state(self) -> tuple[object, ...]:
        return self.channels, self.is_tensor, self.dtype, self.rows, self.columns

    def _move(self, step: Step) -> None:
        if not all(change.by_element for change in self.changes):
            self._end()
        self._is_moved = True
        self.steps.append(step)

    def _end(self, size: tuple[int, int] | None = None) -> None:
        """Ends the stage: what comes now moves its result, images of this size."""
        height, width = size or (self.rows.size, self.columns.size)
        self._stages.append((self._moves(), tuple(self.changes)))
        self.steps.append(functools.partial(_end_stage, self._stages[-1][0], (height, width)))
        self._begin(height, width)

    def _moves(self) -> _Moves | None:
        return _Moves(self.rows, self.columns, self._is_bounded, self._fill or 0) if self._is_moved else None

    def apply(self, pixels: np.ndarray, indices: Sequence[int]) -> np.ndarray:
        """The batch (N, C, H, W) of these images out of (…, H, W) or (…, H, W, C)."""
        planes = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        samples = len(indices)
        rows, columns = (Axis(samples, extent) for extent in self._start)
        batch = Batch(rows, columns, _drawn(self.draws, samples), [planes, np.array(indices, np.int64)], 1)
        last = self._moves()
        for step in (*self.steps, functools.partial(_end_stage, last, self._start)):
            step(batch)
        recipe = _Recipe((*self._stages, (last, tuple(self.changes))))
        (result,) = _routine(recipe, tuple(map(_type, batch.operands))).run(*batch.operands)
        return result


def _end_stage(moves: _Moves | None, size: tuple[int, int], batch: Batch) -> None:
    """Puts the operand of the stage's moves where it goes, and makes way for the next stage's."""
    samples = len(batch.rows.offset)
    first = batch.places == 1
    if moves is not None:
        images = batch.operands.pop(1) if first else np.arange(samples)
        batch.operands.insert(batch.places, moves.places((batch.rows, batch.columns), images))
    batch.rows, batch.columns = Axis(samples, size[0]), Axis(samples, size[1])
    batch.places = len(batch.operands)
