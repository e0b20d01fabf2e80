"""How a recurrent layer's work is divided: units into blocks of whole vectors, rows into register tiles, steps among threads."""

from __future__ import annotations

from dataclasses import dataclass

from ...machine import Machine

FEW_ROWS = 8  # fewer are not worth sharing
MOST_VECTORS = 4  # of a register tile
SINGLE = 1.15  # what a tile of one vector costs, relative to one of several: it loads more than it computes
SMALL = 1 << 17  # products and sums of a layer that one thread computes sooner than it would call the others


@dataclass(frozen=True)
class Division:
    """The product that every step needs, and its parts.

    A block is `vectors` vectors of units, and for each of them `sections` sums (one for each gate). The last block begins so early that
    it is whole, so that no lanes need masks; units that stand in two blocks are computed twice, to the same result.

    Args:
        width: lanes of a vector.
        rows, units: of the state.
        depth: terms of each sum.
        tiles: register tiles along the rows, of like heights, the higher ones first.
        chunk: terms whose weights stay in the first cache while all rows go over them.
        ahead: bytes of later weights that each turn of a tile asks for, where the second cache has not room for all; else 0.
        by_units: whether threads share the units, and wait for each other at every step; else they share the rows, and never wait.
    """

    width: int
    rows: int
    units: int
    sections: int
    depth: int
    vectors: int
    tiles: int
    chunk: int
    ahead: int
    by_units: bool

    @property
    def lanes(self) -> int:
        """Units of a block."""
        return self.vectors * self.width

    @property
    def blocks(self) -> int:
        return -(-self.units // self.lanes)

    @property
    def sums(self) -> int:
        """Elements of a tile's row; also of a panel's line."""
        return self.sections * self.lanes

    @property
    def panel(self) -> int:
        """Elements of a block's weights."""
        return self.depth * self.sums

    @property
    def low_height(self) -> int:
        return self.rows // self.tiles

    @property
    def high_tiles(self) -> int:
        """How many tiles have one row more than the low ones."""
        return self.rows % self.tiles


def divide(machine: Machine, itemsize: int, rows: int, units: int, sections: int, depth: int) -> Division:
    """The division of a layer's steps."""
    width = min(machine.width(itemsize), 1 << units.bit_length() - 1)
    vectors = _vectors(width, units, sections)
    in_registers = sections * vectors
    tiles = _tiles(rows, max(1, (machine.registers - 1 - in_registers) // in_registers))
    line = in_registers * width * itemsize
    chunks = -(-depth * line // (machine.l1 // 2))
    weights = -(-units // (vectors * width)) * depth * line
    large = weights > machine.l2 // 2
    ahead = line // tiles if large else 0
    by_units = large or (rows < FEW_ROWS and weights > machine.l1)
    return Division(width, rows, units, sections, depth, vectors, tiles, -(-depth // chunks), ahead, by_units)


def _tiles(rows: int, height: int) -> int:
    """How many tiles of at most so many rows: an even number of equal ones where that takes few more."""
    least = -(-rows // height)
    even = (tiles for tiles in range(least, 2 * least + 1) if tiles % 2 == 0 and rows % tiles == 0)
    return next(even, least)


def _vectors(width: int, units: int, sections: int) -> int:
    """Vectors of units in a block: those that compute the fewest units twice, at the best pace."""

    def cost(vectors: int) -> float:
        computed = -(-units // (vectors * width)) * vectors
        return computed * (SINGLE if sections * vectors == 1 else 1.0)

    fitting = [n for n in range(MOST_VECTORS // sections, 0, -1) if n * width <= units]
    return min(fitting, key=cost)
