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


def lives(steps: list[tuple[list[int], list[int]]]) -> tuple[dict[int, int], dict[int, int]]:
    """The steps that make a value, and that use it last."""
    last = {value: number for number, step in enumerate(steps) for part in step for value in part}
    return {value: number for number, (_, writes) in enumerate(steps) for value in writes}, last


@given(programs())
def test_values_that_live_together_lie_apart(program: Program) -> None:
    steps, sizes, shared = program
    layout = lay_out(steps, sizes, shared)
    born, last = lives(steps)
    for a in sizes:
        assert layout.offsets[a] % ALIGN == 0 and layout.offsets[a] + sizes[a] <= layout.bytes
        for b in sizes:
            if a < b and born[a] <= last[b] and born[b] <= last[a]:
                assert (
                    layout.offsets[a] + sizes[a] <= layout.offsets[b]
                    or layout.offsets[b] + sizes[b] <= layout.offsets[a]
                )


@given(programs(), st.data())
def test_a_result_takes_the_place_of_what_dies_alone(program: Program, data: st.DataObject) -> None:
    steps, sizes, shared = program
    born, last = lives(steps)
    over: dict[int, int] = {}
    for number, (reads, writes) in enumerate(steps):
        dying = [value for value in reads if last[value] == number and value not in over.values()]
        if dying and data.draw(st.booleans()):
            over[writes[0]] = dying[0]
            sizes[writes[0]] = sizes[dying[0]] if data.draw(st.booleans()) else sizes[writes[0]]
    layout = lay_out(steps, sizes, shared, over)
    for a in sizes:
        assert layout.offsets[a] + sizes[a] <= layout.bytes
        for b in sizes:
            if a < b and born[a] <= last[b] and born[b] <= last[a] and over.get(b) != a:
                ends = layout.offsets[a] + sizes[a] <= layout.offsets[b]
                assert ends or layout.offsets[b] + sizes[b] <= layout.offsets[a]
    for result, value in over.items():
        if sizes[result] == sizes[value]:
            assert layout.offsets[result] == layout.offsets[value]
        assert layout.barriers[born[result]] or not any(
            value in reads
            and shared[number] | shared[born[result]]
            and not any(layout.barriers[number + 1 : born[result] + 1])
            for number, (reads, _) in enumerate(steps[: born[result]])
        )


@given(programs())
def test_gaps_are_free_from_barrier_to_barrier(program: Program) -> None:
    steps, sizes, shared = program
    layout = lay_out(steps, sizes, shared)
    born, last = lives(steps)
    phase = [sum(layout.barriers[: number + 1]) for number in range(len(steps))]
    for number, gap in enumerate(layout.gaps):
        for value in sizes:
            if any(phase[at] == phase[number] for at in range(born[value], last[value] + 1)):
                low, high = layout.offsets[value], layout.offsets[value] + sizes[value]
                assert high <= gap.top and (not gap.size or high <= gap.start or gap.start + gap.size <= low)


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
