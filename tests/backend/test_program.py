"""A program runs its steps as if one after another, for any number of threads, and shares memory with nobody who runs at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rushlight.backend.cpu import pool, program, team
from rushlight.backend.cpu.build import Compiled, host_machine
from rushlight.backend.cpu.program import Program, Step
from rushlight.errors import InternalError

from .small_kernels import fail, get, get_add, reverse, run_python, through_scratch

COUNT = 100
BYTES = 448  # of a vector of so many floats, rounded up


@pytest.fixture(autouse=True, params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = team.threads()
    team.set_threads(request.param)
    yield request.param
    team.set_threads(before)


def vectors(count: int, size: int = COUNT) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    arrays = [pool.take((size,), np.dtype(np.float32)) for _ in range(count)]
    for array in arrays:
        array[:] = generator.integers(-50, 50, size)
    return arrays


def chain(kernel: Compiled) -> Program:
    """5 = 0 + 1 + 2 + 3 + 4 by way of the arena, and 8 = 6 + 7."""
    steps = [
        Step(kernel, (0, 1, 9), False),
        Step(kernel, (9, 2, 10), True),
        Step(kernel, (10, 3, 11), True),
        Step(kernel, (11, 4, 5), True),
        Step(kernel, (6, 7, 8), False),
    ]
    return Program(steps, 12, {9: 0, 10: BYTES, 11: 2 * BYTES}, 3 * BYTES)


def check_chain(made: Program) -> None:
    arrays = vectors(9)
    assert made.run(arrays) == 0
    assert (arrays[5] == sum(arrays[:5])).all()
    assert (arrays[8] == arrays[6] + arrays[7]).all()


@pytest.mark.parametrize("parallel", [True, False])
def test_steps_run_in_order(parallel: bool) -> None:
    made = chain(get_add(COUNT, parallel))
    assert made.external == tuple(range(9))
    for _ in range(50):
        check_chain(made)


def test_parallel_steps_and_others_alternate(threads: int) -> None:
    together, alone = get_add(COUNT, True), get_add(COUNT, False)
    # 20 sums of pairs by one thread each, side by side; then their sums, in parallel; then one more alone.
    steps = [Step(alone, (0, i, 30 + i), False) for i in range(20)]
    steps += [Step(together, (30 + i, 31 + i, 60 + i), i == 0) for i in range(0, 20, 2)]
    steps += [Step(alone, (60, 62, 20), True)]
    inside = {number: BYTES * i for i, number in enumerate([*range(30, 50), *range(60, 80)])}
    external = [number for number in range(80) if number not in inside]
    made = Program(steps, 80, inside, BYTES * len(inside))
    arrays = vectors(len(external))
    for _ in range(50):
        arrays[20][:] = 0
        assert made.run(arrays) == 0
        assert (arrays[20] == 4 * arrays[0] + arrays[0] + arrays[1] + arrays[2] + arrays[3]).all()


SMALLER = """
from rushlight.backend.cpu.build import host_machine
from rushlight.backend.cpu.program import Program, Step
from tests.backend.small_kernels import get_add
import numpy
a = numpy.ones(50, numpy.float32)
print(host_machine().vector_bytes, Program([Step(get_add(50), (0, 0, 0), False)], 1, {}, 0).run([a]), a.sum())
"""


@pytest.mark.skipif(not host_machine().triple.startswith("x86_64"), reason="of x86-64 processors")
def test_programs_run_with_the_least_vectors(tmp_path: Path, threads: int) -> None:
    assert run_python(SMALLER, tmp_path, RUSHLIGHT_CPU="sse", OMP_NUM_THREADS=str(threads)) == "16 0 100.0\n"


def test_one_thread_is_enough_where_asked(threads: int) -> None:
    made = Program([Step(get_add(COUNT, True), (0, 1, 2), False)], 3, {}, 0, threads=1)
    arrays = vectors(3)
    assert made.run(arrays) == 0
    assert (arrays[2] == arrays[0] + arrays[1]).all()


@pytest.mark.parametrize("bound", [program.SCRATCH_OF_PHASE, 1000])
def test_scratch_memory_of_steps_side_by_side(bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "SCRATCH_OF_PHASE", bound)
    size, machine = 4000, host_machine()

    def scaled(factor: int) -> Compiled:
        return get((f"test scratch {size} {factor}", lambda: through_scratch(size, factor, machine)))

    turned = get((f"test reverse {size} 3", lambda: reverse(size, 3, machine)))
    steps = [Step(scaled(i), (0, i), False) for i in range(1, 7)]
    steps += [Step(turned, (0, i), False) for i in range(7, 10)]
    made = Program(steps, 10, {}, 0)
    arrays = vectors(10, size)
    for _ in range(30):
        for array in arrays[1:]:
            array[:] = 0
        assert made.run(arrays) == 0
        for i in range(1, 7):
            assert (arrays[i] == arrays[0] * i).all()
        for i in range(7, 10):
            assert (arrays[i] == arrays[0][::-1]).all()


def test_the_failure_flag_is_of_one_run() -> None:
    made = Program([Step(get(("test fail", lambda: fail(1, host_machine()))), (0,), False)], 1, {}, 0)
    good, bad = np.ones(1, np.float32), -np.ones(1, np.float32)
    assert [made.run([x]) for x in (good, bad, good)] == [0, 1, 0]


def test_views_are_read_where_they_begin() -> None:
    made = Program([Step(get_add(COUNT), (0, 1, 2), False)], 3, {}, 0)
    base, result = np.arange(300, dtype=np.float32), vectors(1)[0]
    assert made.run([base[7:], base[150:], result]) == 0
    assert (result == base[7 : 7 + COUNT] + base[150 : 150 + COUNT]).all()


def test_a_wrong_number_of_arrays_is_told() -> None:
    made = Program([Step(get_add(COUNT), (0, 1, 2), False)], 3, {}, 0)
    with pytest.raises(InternalError, match="3 external buffers was given 2"):
        made.run(vectors(2))


class Subclass(np.ndarray):
    """As `np.memmap` is one."""


def test_what_is_no_array_is_told_and_subclasses_are_taken() -> None:
    made = Program([Step(get_add(1), (0, 1, 2), False)], 3, {}, 0)
    one, result = np.ones(1, np.float32), np.zeros(1, np.float32)
    with pytest.raises(InternalError, match="buffer 1 of a program is a float32"):
        made.run([one, np.float32(2), result])  # type: ignore[list-item]
    with pytest.raises(InternalError, match="NoneType"):
        made.run([one, None, result])  # type: ignore[list-item]
    assert made.run([one, np.full(1, 5, np.float32).view(Subclass), result]) == 0
    assert result == 6


def test_an_empty_program_and_empty_arrays() -> None:
    assert Program([], 0, {}, 0).run([]) == 0
    assert Program([Step(get_add(0), (0, 1, 2), False)], 3, {}, 0).run(vectors(3, 0)) == 0


def at_once(calls: Sequence[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            for _ in range(50):
                call()
        except BaseException as error:
            errors.append(error)

    callers = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not errors


def test_threads_of_python_may_run_the_same_program_and_others() -> None:
    first, second, third = chain(get_add(COUNT)), chain(get_add(COUNT)), chain(get_add(COUNT, False))
    at_once([lambda made=made: check_chain(made) for made in (first, first, second, third)])


def test_the_number_of_threads_may_change_between_runs() -> None:
    made = chain(get_add(COUNT))
    for count in (2, 1, 4, 3):
        team.set_threads(count)
        check_chain(made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="where processes can fork")
def test_a_program_goes_on_in_a_forked_child() -> None:
    made = chain(get_add(COUNT))
    check_chain(made)
    child = os.fork()
    if child == 0:
        try:
            check_chain(made)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    check_chain(made)


def test_times_of_the_steps() -> None:
    made = chain(get_add(COUNT))
    with pytest.raises(InternalError, match="not measured"):
        made.timings()
    made.measure()
    check_chain(made)
    durations = made.timings()
    assert len(durations) == 5 and all(0 <= duration < 10 for duration in durations) and sum(durations) > 0
    made.measure(False)
    check_chain(made)


def test_the_arena_grows_and_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.Arena, "LOOK_AFTER", 20)
    arena = pool.Arena()
    monkeypatch.setattr(program, "ARENA", arena)
    small = chain(get_add(COUNT))
    check_chain(small)
    big = Program(
        [Step(get_add(COUNT), (0, 1, 3), False), Step(get_add(COUNT), (3, 1, 2), True)], 4, {3: 1 << 22}, 1 << 23
    )
    arrays = vectors(3)
    assert big.run(arrays) == 0
    assert (arrays[2] == arrays[0] + 2 * arrays[1]).all()
    assert arena.size >= 1 << 23 and arena.address % 64 == 0
    arrays = vectors(9)
    for _ in range(2 * pool.Arena.LOOK_AFTER):
        assert small.run(arrays) == 0
    assert arena.size < 1 << 16
    check_chain(small)
    assert big.run(vectors(3)) == 0
