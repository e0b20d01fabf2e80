"""How a program uses its arena: which value lies where, from which step to which, as numbers and as a picture in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..runtime.compiled import CompiledPlan, Native


@dataclass(frozen=True)
class Stay:
    """A value in the arena."""

    value: int
    offset: int
    bytes: int
    first: int  # the step that writes it
    last: int  # the last that reads it


def stays(segment: Native) -> list[Stay]:
    """All values of a program that lie in its arena, by offset."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for number, launch in enumerate(segment.launches):
        for value in (*launch.results, *[place.value for place in launch.operands]):
            if value in segment.memory.offsets:
                first.setdefault(value, number)
                last[value] = number
    found = [Stay(v, segment.memory.offsets[v], segment.sizes[v], first[v], last[v]) for v in first]
    return sorted(found, key=lambda stay: (stay.offset, stay.first))


def biggest_segment(plan: CompiledPlan) -> Native | None:
    """The program of a plan that has the largest arena."""
    natives = [segment for segment in plan.segments if isinstance(segment, Native)]
    return max(natives, key=lambda segment: segment.memory.bytes, default=None)


def held(found: Sequence[Stay], steps: int) -> list[int]:
    """Bytes of the values that are needed during each step."""
    return [sum(stay.bytes for stay in found if stay.first <= number <= stay.last) for number in range(steps)]


def plot(segment: Native, width: int = 64, height: int = 12) -> str:
    """Offsets upwards, steps to the right; a filled place holds a value that a step still needs."""
    found, steps, size = stays(segment), len(segment.launches), segment.memory.bytes
    if not size:
        return "(nothing lies in the arena)"
    width = min(width, steps)
    lines = []
    for row in range(height - 1, -1, -1):
        low, high = row * size // height, (row + 1) * size // height
        line = ""
        for column in range(width):
            start = column * steps // width
            stop = max((column + 1) * steps // width, start + 1)
            line += _shade(found, low, high, start, stop)
        lines.append(f"{size_text(high):>9} │{line}│")
    lines.append(f"{'':>9} └{'─' * width}┘ {steps} steps")
    return "\n".join(lines)


def _shade(found: Sequence[Stay], low: int, high: int, start: int, stop: int) -> str:
    """How full a rectangle of offsets and steps is."""
    area = (high - low) * (stop - start)
    filled = 0
    for stay in found:
        tall = min(stay.offset + stay.bytes, high) - max(stay.offset, low)
        wide = min(stay.last + 1, stop) - max(stay.first, start)
        filled += max(tall, 0) * max(wide, 0)
    return " ░▒▓█"[min(4, -(-4 * filled // area))] if area else " "


def size_text(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
