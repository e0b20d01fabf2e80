"""A plan's native part: a table of kernels and buffers that one native function walks on every thread.

The table is data: a plan compiles no code of its own. Its blocks are made once; a run fills in the addresses of the arrays it is given, forks
the team once, and each thread goes through the steps: a parallel step is called by all, another by the first thread alone, and where a step needs
what the steps before have made, all wait for each other.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InternalError
from . import team
from .assembly import Function, Module
from .build import Compiled, compiled, host_machine
from .generated import BARRIER, FAILURE, OPERANDS, SCRATCH, Generated
from .pool import ALIGN, ARENA, DATA, Array

# Where Python keeps an object's type (PyObject.ob_type), and a list the address of its items' addresses (PyListObject.ob_item).
OBJECT_TYPE = object.__basicsize__ - 8
ITEMS = object.__basicsize__ + 8

# The program's block: slots of 8 bytes. What threads write stands in a line of its own.
STEPS, COUNT, PLACES, PLACE_COUNT, STAMPS, TEAM, THREADS, TYPE = range(8)
FAILED = 8
HEAD = 16

# A step's record, and where an external buffer's address goes: the buffer's number, the place's address.
FUNCTION, ARGUMENTS, FLAGS, RECORD = range(4)
PARALLEL, WAITS, STOPS = 1, 2, 4
PLACE = 2

SCRATCH_OF_PHASE = (
    4 << 20
)  # bytes that the steps between two barriers may use together; beyond, another barrier is put in


Gap = tuple[int, int, int]  # a free place of the arena and its size, and from where on all is free


@dataclass(frozen=True)
class Step:
    """One kernel and its buffers, as numbers in the program's table: operands, then results.

    `barrier`: all threads must have finished the steps before. `stops`: neither this step nor a later one is run where a kernel before
    has met what only the interpreter can tell; it has a barrier, and no step from here on may meet such a thing.
    """

    compiled: Compiled
    buffers: tuple[int, ...]
    barrier: bool
    stops: bool = False


# ---- the driver ----


def _write_fill(module: Module) -> None:
    """`fill(program, arrays) -> i64`: writes the addresses of the arrays in a Python list to where the kernels read them.

    Returns how many times it met something that is no plain array.
    """
    f = Function(module, "fill", [("ptr", "program"), ("ptr", "arrays")], result="i64")
    items = f.load("ptr", f.pointer("%arrays", ITEMS, "i8"), 8)
    places = f.load("ptr", f.pointer("%program", PLACES, "i64"), 8)
    count = f.load("i64", f.pointer("%program", PLACE_COUNT, "i64"), 8)
    plain = f.load("i64", f.pointer("%program", TYPE, "i64"), 8)
    with f.loop(0, count, carried=[("i64", "0")]) as turn:
        place = f.pointer(places, f.mul(turn.index, PLACE), "i64")
        number = f.load("i64", place, 8)
        array = f.load("ptr", f.pointer(items, number, "i64"), 8)
        other = f.compare("ne", f.load("i64", f.pointer(array, OBJECT_TYPE, "i8"), 8), plain)
        turn.next = [str(f.add(turn.carried[0], f.convert("zext", "i1", other, "i64")))]
        data = f.load("ptr", f.pointer(array, DATA, "i8"), 8)
        f.store("ptr", data, f.load("ptr", f.pointer(place, 1, "i64"), 8), 8)
    f.end(f"ret i64 {turn.results[0]}")


def _stamp(f: Function, stamps: str, step: str) -> None:
    """Notes the time at which a step begins."""
    place = f.pointer(stamps, f.mul(step, 2), "i64")
    f.call("clock_gettime", "i32", [("i32", str(time.CLOCK_MONOTONIC)), ("ptr", place)])


def _write_walk(module: Module) -> None:
    """`walk(program, thread, threads)`: one thread's way through the steps.

    When times are asked for, every step waits for the one before, and thread 0 notes when.
    """
    f = Function(module, "walk", [("ptr", "program"), ("i64", "thread"), ("i64", "threads")])
    steps = f.load("ptr", f.pointer("%program", STEPS, "i64"), 8)
    count = f.load("i64", f.pointer("%program", COUNT, "i64"), 8)
    stamps = f.load("ptr", f.pointer("%program", STAMPS, "i64"), 8)
    meeting = f.load("ptr", f.pointer("%program", TEAM, "i64"), 8)
    meeting = f.pointer(meeting, team.BARRIER, "i64")
    timed = f.emit(f"icmp ne ptr {stamps}, null")
    stamping = f.emit(f"and i1 {timed}, {f.compare('eq', '%thread', 0)}")
    with f.loop(0, count, carried=[("i1", "false")]) as turn:
        step = f.pointer(steps, f.mul(turn.index, RECORD), "i64")
        flags = f.load("i64", f.pointer(step, FLAGS, "i64"), 8)
        waits = f.compare("ne", f.emit(f"and i64 {flags}, {WAITS}"), 0)
        with f.when(f.emit(f"or i1 {waits}, {timed}")):
            f.call("rushlight_barrier", "void", [("ptr", meeting), ("i64", "%threads")])
        with f.when(stamping):
            _stamp(f, stamps, turn.index)
        parallel = f.compare("ne", f.emit(f"and i64 {flags}, {PARALLEL}"), 0)
        stops = f.compare("ne", f.emit(f"and i64 {flags}, {STOPS}"), 0)
        failed = f.compare("ne", f.load("i64", f.pointer("%program", FAILED, "i64"), 8), 0)
        stopped = f.emit(f"or i1 {turn.carried[0]}, {f.emit(f'and i1 {stops}, {failed}')}")
        turn.next = [stopped]
        called = f.emit(f"or i1 {parallel}, {f.compare('eq', '%thread', 0)}")
        with f.when(f.emit(f"and i1 {called}, {f.emit(f'xor i1 {stopped}, true')}")):
            kernel = f.load("ptr", f.pointer(step, FUNCTION, "i64"), 8)
            arguments = f.load("ptr", f.pointer(step, ARGUMENTS, "i64"), 8)
            thread, threads = f.choose(parallel, "i64", "%thread", 0), f.choose(parallel, "i64", "%threads", 1)
            f.do(f"call void {kernel}(ptr {arguments}, i64 {thread}, i64 {threads})")
    with f.when(timed):
        f.call("rushlight_barrier", "void", [("ptr", meeting), ("i64", "%threads")])
        with f.when(stamping):
            _stamp(f, stamps, count)
    f.end()


def _generate_driver() -> Generated:
    """`run(program, arrays) -> i64`: the failure flag; -1, and nothing is run, where one is no plain array."""
    module = Module(host_machine().triple)
    team.barrier(module)
    team.fork(module)
    _write_fill(module)
    _write_walk(module)
    f = Function(module, "run", [("ptr", "program"), ("ptr", "arrays")], result="i64", internal=False)
    others = f.call("fill", "i64", [("ptr", "%program"), ("ptr", "%arrays")])
    refuse, begin = f.new_label(), f.new_label()
    f.branch_if(f.compare("ne", others, 0), refuse, begin)
    f.label(refuse)
    f.do("ret i64 -1")
    f.label(begin)
    failed = f.pointer("%program", FAILED, "i64")
    f.store("i64", "0", failed, 8)
    threads = f.load("i64", f.pointer("%program", THREADS, "i64"), 8)
    alone, together, after = f.new_label(), f.new_label(), f.new_label()
    f.branch_if(f.compare("eq", threads, 1), alone, together)
    f.label(alone)
    f.call("walk", "void", [("ptr", "%program"), ("i64", "0"), ("i64", "1")])
    f.branch(after)
    f.label(together)
    crew = f.load("ptr", f.pointer("%program", TEAM, "i64"), 8)
    f.call("rushlight_fork", "void", [("ptr", crew), ("ptr", "@walk"), ("ptr", "%program"), ("i64", threads)])
    f.branch(after)
    f.label(after)
    f.end(f"ret i64 {f.load('i64', failed, 8)}")
    return Generated("run", module.text())


@functools.cache
def _driver(release: bool) -> Callable[[int, int], int]:
    """The driver as Python calls it, releasing the interpreter's lock or keeping it."""
    kernel = compiled([("program driver", _generate_driver)], host_machine())[0]
    return team.function_of(kernel, ctypes.c_void_p, ctypes.c_void_p, result=ctypes.c_int64, release=release)


# ---- the table ----


def _plain(arrays: list[Array]) -> list[Array]:
    """Subclasses of arrays as arrays; native code reads nothing else."""
    for number, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise InternalError(f"external buffer {number} of a program is a {type(array).__name__}, not an array")
    return [np.asarray(array) for array in arrays]


def _rounded(count: int) -> int:
    return -(-count // ALIGN) * ALIGN


def scratch_places(
    kernels: Sequence[Compiled | Generated], barriers: Sequence[bool], gaps: Sequence[Gap], threads: int
) -> list[tuple[int, int, bool]]:
    """For each step where its scratch memory begins and ends in the arena, and whether it must wait for the steps before it."""
    found, used = [], 0
    for kernel, barrier, (start, room, top) in zip(kernels, barriers, gaps, strict=True):
        size = _rounded(kernel.shared) + _rounded(kernel.per_thread) * (threads if kernel.parallel else 1)
        # Steps that may run at the same time must not share scratch memory; those after a barrier take it over.
        waits = barrier or (used > 0 and used + size > SCRATCH_OF_PHASE)
        if waits or threads == 1:
            used = 0
        place = (start if used + size <= room else top) + used
        used += size
        found.append((place, place + size, waits))
    return found


class Program:
    """Steps over a table of buffers. Those in `arena` lie there, at an offset in bytes; the others are given to each run."""

    def __init__(
        self,
        steps: Sequence[Step],
        buffers: int,
        arena: Mapping[int, int],
        arena_bytes: int,
        gaps: Sequence[Gap] = (),
        threads: int = 0,
    ) -> None:
        """`gaps` has for each step where the arena is free, from its barrier to the next: scratch memory lies there.

        `threads`: run on no more than so many; 0 leaves it to the team.

        1 says that there is little work: the interpreter's lock is then kept during a run, since one who lets it go waits up to
        milliseconds to get it back where another Python thread is busy.
        """
        self.steps = tuple(steps)
        self.arena_bytes = _rounded(arena_bytes)
        self.external = tuple(number for number in range(buffers) if number not in arena)
        together = threads != 1 and any(step.compiled.parallel for step in self.steps)
        self._most = threads if together else 1
        self._call = _driver(threads != 1)
        self._crew: team.Team | None = None
        self._need = -1  # bytes of the arena, with scratch; not known before the number of threads is
        self._base = -1
        self._stamps: Array | None = None
        self._gaps = gaps or [(0, 0, self.arena_bytes)] * len(self.steps)
        self._lay_out(arena)

    def _lay_out(self, arena: Mapping[int, int]) -> None:
        """Makes the block: head, the steps' records, their arguments, the places of the external buffers."""
        position = {number: i for i, number in enumerate(self.external)}
        records = HEAD
        arguments = records + RECORD * len(self.steps)
        total = arguments + sum(OPERANDS + len(step.buffers) for step in self.steps)
        places = [number for step in self.steps for number in step.buffers if number in position]
        self._memory = np.zeros(total + PLACE * len(places) + ALIGN // 8, np.int64)
        skipped = -self._memory.ctypes.data % ALIGN // 8
        self._block = self._memory[skipped:]
        self._address = self._block.ctypes.data
        self._arguments: list[int] = []
        self._inside: list[tuple[int, int]] = []
        table, place = self._block, total
        for i, step in enumerate(self.steps):
            flags = PARALLEL * step.compiled.parallel + STOPS * step.stops
            record = records + RECORD * i
            table[record : record + RECORD] = (step.compiled.address, self._address + 8 * arguments, flags)
            self._arguments.append(arguments)
            for slot, number in enumerate(step.buffers, arguments + OPERANDS):
                if number in position:
                    table[place : place + PLACE] = (position[number], self._address + 8 * slot)
                    place += PLACE
                else:
                    self._inside.append((slot, arena[number]))
            table[arguments + FAILURE] = self._address + 8 * FAILED
            arguments += OPERANDS + len(step.buffers)
        table[TYPE] = id(np.ndarray)
        table[STEPS], table[COUNT] = self._address + 8 * records, len(self.steps)
        table[PLACES], table[PLACE_COUNT] = self._address + 8 * total, len(places)

    def run(self, arrays: list[Array]) -> int:
        """Runs all steps on the external buffers, in the order of `external`. Not 0: a kernel met what only the interpreter can tell.

        The arrays' memory must be as the kernels expect it: nothing is checked. Another Python thread that runs something waits.
        """
        if len(arrays) != len(self.external):
            raise InternalError(f"a program of {len(self.external)} external buffers was given {len(arrays)}")
        with team.LOCK:
            crew = team.of_process() if self._most != 1 else None
            if crew is not self._crew or self._need < 0:
                self._prepare(crew)
            while (
                base := ARENA.reserve(self._need)
            ) != self._base:  # again, should a signal's handler have run a program too
                self._settle(base)
            failed = self._call(self._address, id(arrays))
        return failed if failed >= 0 else self.run(_plain(arrays))

    def forget(self) -> None:
        """From here on until a run has ended, `succeeded` is false."""
        self._block[FAILED] = -1

    def succeeded(self) -> bool:
        """Whether the last run has ended, and met nothing that only the interpreter can tell."""
        return bool(self._block[FAILED] == 0)

    def _prepare(self, crew: team.Team | None) -> None:
        """Fits the table to a team: its threads, its barrier, the scratch memory that so many need."""
        threads = 1 if crew is None else min(crew.size, self._most or crew.size)
        table = self._block
        kernels, barriers = [step.compiled for step in self.steps], [step.barrier for step in self.steps]
        places = scratch_places(kernels, barriers, self._gaps, threads)
        self._scratch = [place for place, _, _ in places]
        self._need = max([self.arena_bytes, *(end for _, end, _ in places)])
        for i, (step, (_, _, waits)) in enumerate(zip(self.steps, places, strict=True)):
            kernel = step.compiled
            table[HEAD + RECORD * i + FLAGS] = (
                PARALLEL * kernel.parallel + WAITS * (waits and i > 0) + STOPS * step.stops
            )
            table[self._arguments[i] + BARRIER] = 0 if crew is None else crew.barrier
        table[TEAM], table[THREADS] = 0 if crew is None else crew.address, threads
        self._base = -1
        self._crew = crew

    def _settle(self, base: int) -> None:
        """Writes where the arena lies."""
        table = self._block
        for slot, offset in self._inside:
            table[slot] = base + offset
        for arguments, offset in zip(self._arguments, self._scratch, strict=True):
            table[arguments + SCRATCH] = base + offset
        self._base = base

    def measure(self, on: bool = True) -> None:
        """Whether the runs from now on note each step's time. Steps that run side by side are then run one after another."""
        with team.LOCK:
            self._stamps = np.zeros(2 * len(self.steps) + 2, np.int64) if on else None
            self._block[STAMPS] = 0 if self._stamps is None else self._stamps.ctypes.data

    def moments(self) -> list[float]:
        """When each step of the last measured run began, and the last one ended: seconds of the system's monotonic clock."""
        if self._stamps is None:
            raise InternalError("this program's runs are not measured; measure() begins that")
        seconds, nanoseconds = self._stamps.reshape(-1, 2).T
        found: list[float] = (seconds + nanoseconds * 1e-9).tolist()
        return found

    def timings(self) -> list[float]:
        """Seconds of each step in the last run that was measured."""
        return [stop - start for start, stop in itertools.pairwise(self.moments())]
