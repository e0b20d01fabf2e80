"""One side of a product: how it is brought to the microkernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ....dtype import dtype as ElementType
from ....ir.affine import Axis
from .box import Box, Groups
from .lanes import Lanes
from .skipping import Skips, Unrolled
from .staging import Stage
from .summation import Read


@dataclass(frozen=True)
class Chunk:
    """A vector of a register tile: where it begins, how its lanes lie, and how many of them count."""

    first: dict[int, int]
    lanes: Lanes
    count: int


@dataclass(frozen=True)
class Panel:
    """A copy of one box in the order in which a microkernel reads it: a line for each term, an element for each row or lane.

    Args:
        chunks: the vectors of a line; the last may reach beyond it.
        pitch: elements from line to line.
        lines: the terms.
        width: of a vector.
        cost: cycles of packing an element, where that is not to be told from how vectors are read.
        parts: of how many numbers each of the operand's is the sum; a line has one after the other.
        behind: elements that are written after the last line.
    """

    chunks: tuple[Chunk, ...]
    pitch: int
    lines: int
    width: int
    cost: float | None = None
    parts: int = 1
    behind: int = 0

    @property
    def size(self) -> int:
        """Elements of a panel and of what is written after it."""
        return -(-(self.pitch * self.lines + max(self.width, self.behind)) // 16) * 16


@dataclass(frozen=True)
class Factor:
    """One side of a product. Without a panel or a stage it is read as it lies.

    Args:
        number: which operand it is.
        read: where it is read, with the conditions that concern it.
        box: the part of its own loops that a tile takes.
        chunks: the box's points as vectors.
        groups: the boxes that are made ready together.
        panel: how each box is packed.
        stage: how the region of a group is copied.
        shared: whether all is packed or copied before anything is computed, by all threads; the copy is then of the whole operand.
        lane: the loop that lies in lanes, if any.
        skips: terms whose range a tile may choose, and why.
        unrolled: terms that are written out, since it is known which of its rows count.
    """

    number: int
    read: Read
    box: Box
    chunks: tuple[Chunk, ...]
    groups: Groups
    panel: Panel | None = None
    stage: Stage | None = None
    shared: bool = False
    lane: int | None = None
    skips: Skips = field(default_factory=dict)
    unrolled: Unrolled | None = None

    @property
    def room(self) -> int:
        """Elements that a thread needs for a group."""
        if self.shared:
            return 0
        if self.panel is not None:
            return self.groups.most * self.panel.size
        return self.stage.size + 16 if self.stage is not None else 0

    @property
    def prepared(self) -> bool:
        """Whether each group has to be made ready by the thread that uses it."""
        return self.room > 0

    @property
    def address(self) -> Axis:
        """Where elements are that are not in panels."""
        return self.stage.address if self.stage is not None else self.read.address


def chunks_of(box: Box, width: int) -> tuple[Chunk, ...]:
    """The points of a box of rows as vectors."""
    return tuple(
        Chunk(start, lanes, min(width, box.size - index * width))
        for index, (start, lanes) in enumerate(box.vectors(width))
    )


def lane_chunks(box: Box, lane: int, width: int) -> tuple[Chunk, ...]:
    """The vectors of a box of lanes: along one of its loops, and again for each point of the others."""
    place = box.loops.index(lane)
    size = box.sizes[place]
    starts = [min(start, size - width) for start in range(0, size, width)] if size >= width else [0]
    ones = Box(
        box.loops, box.extents, tuple(1 if loop == lane else s for loop, s in zip(box.loops, box.sizes, strict=True))
    )
    lanes = Lanes.along(lane, width)
    return tuple(Chunk({**point, lane: start}, lanes, min(size, width)) for point in ones.points() for start in starts)


def pitch_of(axis: Axis, chunk: Chunk) -> int | None:
    """How far lanes are apart, if they all are as far."""
    offsets = chunk.lanes.offsets(axis)
    step = offsets[1] - offsets[0] if len(offsets) > 1 else 1
    return step if all(offsets[i] == i * step for i in range(chunk.count)) else None


def turns(read: Read, chunks: Sequence[Chunk], terms: Sequence[int], dtype: ElementType) -> bool:
    """Whether neighbours in memory are the terms, so that blocks are read along them and turned."""
    if read.conditions or not terms or read.address.coefficient(terms[-1]) != 1 or dtype.itemsize < 2:
        return False
    return all(pitch_of(read.address, chunk) not in (None, 0, 1) for chunk in chunks)


def run_of(
    axis: Axis, extents: Mapping[int, int], terms: Sequence[int], least: int = 0
) -> tuple[Sequence[int], Sequence[int]]:
    """The last terms that go through memory as one (never the first `least` terms), along which blocks are turned; given after those before them.

    A weight's channels and taps are such; turned tap by tap, most of a block would be empty.
    """
    extent, first = 1, len(terms)
    while first > least and axis.coefficient(terms[first - 1]) == extent:
        first -= 1
        extent *= extents[terms[first]]
    return terms[:first], terms[first:]
