"""The memory plan: no two values that live at the same time overlap, and every hazard has its barrier."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from rushlight.passes.memory import ALIGN, lay_out

Program = tuple[list[tuple[list[int], list[int]]], dict[int, int], list[bool]]


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Steps that each read some values made before and write one or two new ones."""
    steps: list[tuple[list[int], list[int]]] = []
    sizes: dict[int, int] = {}
    for _ in range(draw(st.integers(1, 12))):
        reads = draw(st.lists(st.sampled_from(sorted(sizes)), max_size=3, unique=True)) if sizes else []
        writes = list(range(len(sizes), len(sizes) + draw(st.integers(1, 2))))
        sizes |= {value: draw(st.integers(1, 300)) for value in writes}
        steps.append((reads, writes))
    return steps, sizes, [draw(st.booleans()) for _ in steps]


@given(programs())
def test_values_that_live_together_lie_apart(program: Program) -> None:
    steps, sizes, shared = program
    layout = lay_out(steps, sizes, shared)
    last = {value: number for number, step in enumerate(steps) for part in step for value in part}
    born = {value: number for number, (_, writes) in enumerate(steps) for value in writes}
    for a in sizes:
        assert layout.offsets[a] % ALIGN == 0 and layout.offsets[a] + sizes[a] <= layout.bytes
        for b in sizes:
            if a < b and born[a] <= last[b] and born[b] <= last[a]:
                assert (
                    layout.offsets[a] + sizes[a] <= layout.offsets[b]
                    or layout.offsets[b] + sizes[b] <= layout.offsets[a]
                )


@given(programs())
def test_hazards_have_barriers(program: Program) -> None:
    steps, sizes, shared = program
    layout = lay_out(steps, sizes, shared)

    def place(value: int) -> range:
        return range(layout.offsets[value], layout.offsets[value] + sizes[value])

    def overlap(a: list[int], b: list[int]) -> bool:
        return any(max(place(x).start, place(y).start) < min(place(x).stop, place(y).stop) for x in a for y in b)

    for later in range(len(steps)):
        for earlier in range(later):
            if any(layout.barriers[earlier + 1 : later + 1]) or not (shared[earlier] or shared[later]):
                continue
            (reads, writes), (reads_before, writes_before) = steps[later], steps[earlier]
            assert not set(reads) & set(writes_before)
            assert not overlap(writes, reads_before + writes_before)
