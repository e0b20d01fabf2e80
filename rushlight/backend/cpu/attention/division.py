"""How attention is divided: rows of queries into tiles, keys into panels, both into blocks that stay in the caches."""

from __future__ import annotations

from dataclasses import dataclass

from ....kernel.attention import Attention
from ...machine import Machine

GROUP_ROWS = 112  # about so many queries go together through each block of keys
LINE = 64


@dataclass(frozen=True)
class Tiles:
    """`count` rows in tiles whose heights differ by one at most: `high` of them have a row more than the others."""

    count: int
    number: int

    @staticmethod
    def of(count: int, most: int) -> Tiles:
        return Tiles(count, -(-count // most))

    @property
    def low_height(self) -> int:
        return self.count // self.number

    @property
    def high(self) -> int:
        return self.count % self.number

    @property
    def most(self) -> int:
        return self.low_height + (self.high > 0)

    @property
    def heights(self) -> tuple[int, ...]:
        """Those that there are, the tallest first."""
        return (self.low_height + 1, self.low_height) if self.high else (self.low_height,)

    def start(self, number: int) -> int:
        return number * self.low_height + min(number, self.high)

    def height(self, number: int) -> int:
        return self.low_height + (number < self.high)


@dataclass(frozen=True)
class Columns:
    """The columns of a matrix whose rows lie in lanes: padded to whole vectors, in groups that a register tile takes."""

    extent: int
    width: int

    @property
    def pitch(self) -> int:
        """Elements from row to row."""
        return -(-self.extent // self.width) * self.width

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """(first column, vectors) of each."""
        vectors = self.pitch // self.width
        return tuple((first * self.width, min(2, vectors - first)) for first in range(0, vectors, 2))


@dataclass(frozen=True)
class Division:
    """All sizes.

    Args:
        width: of a vector.
        vectors: of a panel of keys.
        tiles: of the queries.
        group: tiles that go together through the keys.
        panels, block: panels of all keys, and of a block of keys.
        q, v: the columns of queries and keys, and of values.
    """

    width: int
    vectors: int
    tiles: Tiles
    group: int
    panels: int
    block: int
    q: Columns
    v: Columns

    @property
    def lanes(self) -> int:
        """Keys of a panel."""
        return self.vectors * self.width

    @property
    def groups(self) -> int:
        """Groups of tiles in a head."""
        return -(-self.tiles.number // self.group)

    @property
    def group_rows(self) -> int:
        """The most rows of a group."""
        return self.group * self.tiles.most

    @property
    def padded(self) -> int:
        """Keys and those that fill the last panel."""
        return self.panels * self.lanes


def tallest(machine: Machine, vectors: int) -> int:
    """The rows of a register tile with so many vectors in each: the sums, a line of vectors and a spread element are in registers."""
    return min(machine.tile[0], (machine.registers - 1 - vectors) // vectors)


def _panel_vectors(source: int, width: int) -> int:
    """Vectors of a panel: as little as possible is filled up, then two, which suit most tiles."""
    vectors = -(-source // width)
    return min((2, 3, 1, 4), key=lambda count: -(-vectors // count) * count)


def divide(kernel: Attention, machine: Machine) -> Division:
    """The sizes for a kernel on a machine: they depend on shapes and the machine only, not on threads."""
    width = machine.width(kernel.dtype.itemsize)
    vectors = _panel_vectors(kernel.source, width)
    tiles = Tiles.of(kernel.length, tallest(machine, vectors))
    panels = -(-kernel.source // (vectors * width))
    row = vectors * width * kernel.dtype.itemsize
    block = max(1, machine.l1 // 3 // (tiles.most * row)) if kernel.back is None else max(1, 1024 // row)
    return Division(
        width,
        vectors,
        tiles,
        min(tiles.number, max(1, GROUP_ROWS // tiles.most)),
        panels,
        min(panels, block),
        Columns(kernel.q.shape[-1], width),
        Columns(kernel.v.shape[-1], width),
    )
