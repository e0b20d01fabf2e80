"""The team runs what it is given on each thread once, whoever calls, parks when idle, and survives forks, interrupts and exits."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rushlight import config
from rushlight.backend import machine
from rushlight.backend.cpu import team
from rushlight.backend.cpu.generated import OPERANDS
from rushlight.backend.cpu.pool import address_of

from .small_kernels import get, reverse, run_python, who

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="where processes can fork")


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = team.threads()
    team.set_threads(3)
    yield
    team.set_threads(before)


def who_runs(threads: int = 0) -> list[int]:
    """What each thread was told of their number; 0 for a thread that was not called."""
    kernel = get(("test who", lambda: who(machine_here())))
    seen = np.zeros(16, np.int64)
    slots = np.zeros(OPERANDS + 1, np.int64)
    slots[OPERANDS] = address_of(seen)
    team.run(kernel.address, address_of(slots), threads)
    return seen.tolist()


def machine_here() -> machine.Machine:
    return team.host_machine()


def reversed_by_team(count: int = 1000, turns: int = 101) -> bool:
    """Whether a kernel with many barriers inside gives the right result."""
    kernel = get((f"test reverse {count} {turns}", lambda: reverse(count, turns, machine_here())))
    a, b, scratch = np.arange(count, dtype=np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32)
    barrier, failed = np.zeros(team.BARRIER_BYTES // 8, np.int64), np.zeros(1, np.int64)
    slots = np.array([address_of(x) for x in (barrier, scratch, failed, a, b)], np.int64)
    team.run(kernel.address, address_of(slots))
    return bool((b == a[::-1]).all())


def test_every_thread_is_called_once_with_its_number() -> None:
    assert team.threads() == 3
    for _ in range(200):
        assert who_runs() == [3] * 3 + [0] * 13
        assert who_runs(2) == [2] * 2 + [0] * 14
        assert who_runs(1) == [1] + [0] * 15
        assert who_runs(9) == [3] * 3 + [0] * 13  # no more than there are


def test_barriers_inside_a_kernel() -> None:
    assert all(reversed_by_team() for _ in range(20))


def test_the_number_of_threads_can_change() -> None:
    for count in (1, 5, 2, 3):
        team.set_threads(count)
        assert team.threads() == count
        assert who_runs() == [count] * count + [0] * (16 - count)
    with pytest.raises(ValueError, match="not 0"):
        team.set_threads(0)


@pytest.mark.parametrize(
    ("asked", "given"), [("3", 3), ("4,2", 4), ("", None), ("0", None), ("-2", None), ("many", None)]
)
def test_the_default_number_is_what_openmp_was_told(
    asked: str, given: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "THREADS", asked)
    assert team.default_threads() == (given or machine.cores_allowed())


def test_threads_of_python_may_call_at_once() -> None:
    results: list[bool] = []

    def call() -> None:
        for _ in range(30):
            results.append(reversed_by_team(100, 11))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [True] * 120


def test_an_idle_team_takes_no_processor_time() -> None:
    who_runs()
    time.sleep(0.05)  # until the workers have parked
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.02
    assert who_runs() == [3] * 3 + [0] * 13


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="of Linux")
def test_the_callers_set_of_processors_is_left_alone() -> None:
    before = os.sched_getaffinity(0)
    for _ in range(3):
        time.sleep(0.01)
        who_runs()
    assert os.sched_getaffinity(0) == before
    one = {min(before)}
    os.sched_setaffinity(0, one)
    try:
        assert reversed_by_team()
        assert os.sched_getaffinity(0) == one
        team.set_threads(2)  # a team made by one who may use one processor only
        assert reversed_by_team()
    finally:
        os.sched_setaffinity(0, before)
    assert reversed_by_team()


@needs_fork
def test_a_forked_child_has_a_team_of_its_own() -> None:
    assert reversed_by_team()
    child = os.fork()
    if child == 0:
        good = who_runs() == [3] * 3 + [0] * 13 and reversed_by_team()
        os._exit(0 if good else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert reversed_by_team()


@needs_fork
def test_a_fork_while_another_thread_runs() -> None:
    stop = threading.Event()
    results: list[bool] = []

    def call() -> None:
        while not stop.is_set():
            results.append(reversed_by_team(100, 1001))

    caller = threading.Thread(target=call)
    caller.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if reversed_by_team() else 1)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        stop.set()
        caller.join()
    assert results and all(results)


@needs_fork
def test_multiprocessing_by_fork() -> None:
    assert reversed_by_team()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.starmap(reversed_by_team, [(100, 3), (200, 5), (300, 7)]) == [True] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_comes_between_runs() -> None:
    def interrupt(number: int, frame: object) -> None:
        assert reversed_by_team(100, 3)  # a handler may run something itself
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for delay in (0.001, 0.003, 0.01):
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, delay)
                while True:
                    assert reversed_by_team(100, 101)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert reversed_by_team()


EXIT = """
import atexit, threading, time
def later():
    team.run(kernel.address, 0)
    print("later", team.threads())
atexit.register(later)  # runs after the team has been dismissed
import numpy
from rushlight.backend.cpu import pool, team
from tests.backend import small_kernels
pool._kept = pool.take((1000, 1000), numpy.dtype(numpy.float32))  # dies with the module that the pool is in
machine = team.host_machine()
kernel = small_kernels.get(("nothing", lambda: small_kernels.finish(small_kernels.begin(machine, "nothing"))))
def late():
    team.run(kernel.address, 0)
    print("late", team.threads())
atexit.register(late)
team.set_threads(3)
team.run(kernel.address, 0)
def go_on():
    while True:
        team.run(kernel.address, 0)
threading.Thread(target=go_on, daemon=True).start()
time.sleep(0.05)
class Dying:
    def __del__(self):
        team.run(kernel.address, 0)
dying = Dying()
print("end", team.threads())
"""


def test_a_process_ends_promptly(tmp_path: Path) -> None:
    assert run_python(EXIT, tmp_path) == "end 3\nlate 3\nlater 1\n"


def test_openmps_variable_is_read(tmp_path: Path) -> None:
    text = "from rushlight.backend.cpu import team; print(team.threads())"
    assert run_python(text, tmp_path, OMP_NUM_THREADS="7") == "7\n"
