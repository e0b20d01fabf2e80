"""The team: threads that live as long as the process and run kernels together, the caller being thread 0.

Forking and joining happen in native code. A worker waits by spinning for a while, since the next kernel mostly comes within microseconds, then
parks in the kernel of the system (a futex on Linux, short sleeps elsewhere), so that an idle team takes no processor time. The workers are
Python's daemon threads, each inside one foreign call that has released the interpreter's lock.

The state is one block of 64-byte lines; what different threads write stands in different lines:

    epoch       a count of forks << 16 | how many threads take part (0: quit)
    job         the function and its argument
    done        how many workers have finished
    placement   the caller's processor at the last fork; then masks of processors
    barrier     of the job's threads
    workers     a line each: whether it is parked; its system's thread number
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from ... import config
from ..machine import architecture, cores_allowed
from .assembly import Function, Int, Module
from .build import Compiled, compiled, host_machine
from .generated import Generated

LINE = 8  # slots of 8 bytes
EPOCH, JOB, DONE, PLACEMENT = 0, LINE, 2 * LINE, 3 * LINE
ALLOWED, MASK = 4 * LINE, 6 * LINE  # sets of processors, of MASK_WORDS each
MASK_WORDS = 16
BARRIER = 8 * LINE
WORKERS = 10 * LINE
BARRIER_BYTES = 2 * LINE * 8  # the generation in one line, the count of those who arrived in another
NOWHERE = -1  # no processor: the next fork places the workers
UNPLACED = -2  # workers are left where they are

SPINS = 20_000  # pauses before a worker parks: about a millisecond
YIELD_AFTER = 1_000  # pauses before one who waits for others gives way: they may be waiting for this very processor
MOST = 1 << 15  # threads, so that their number fits the epoch

# Linux's number of the system call futex; elsewhere a worker sleeps for this many microseconds between looks.
FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE = 128, 129
NAP = 500
FORK = [("ptr", "team"), ("ptr", "function"), ("ptr", "argument"), ("i64", "threads")]


def _architecture(module: Module) -> str:
    return module.triple.split("-")[0] or architecture()


def _futex(module: Module) -> int | None:
    return FUTEX.get(_architecture(module)) if sys.platform == "linux" else None


# ---- native code ----


def _pause(f: Function) -> None:
    """Tells the processor that this is a loop that waits."""
    name, arguments = {
        "x86_64": ("llvm.x86.sse2.pause", []),
        "aarch64": ("llvm.aarch64.isb", [("i32", "15")]),  # its `yield` does nothing on most processors
    }.get(_architecture(f.module), ("", []))
    if name:
        f.call(name, "void", arguments)


def _wait(f: Function, address: str, predicate: str, value: Int) -> None:
    """Spins until what is at the address compares so with the value; gives way now and then."""
    before, turn, again, after = f.block, f.new_label(), f.new_label(), f.new_label()
    count, following = f.name_value(), f.name_value()
    f.branch(turn)
    f.label(turn)
    f.do(f"{count} = phi i64 [ 0, %{before} ], [ {following}, %{again} ]")
    seen = f.emit(f"load atomic i64, ptr {address} acquire, align 8")
    waiting = f.new_label()
    f.branch_if(f.compare(predicate, seen, value), after, waiting)
    f.label(waiting)
    _pause(f)
    f.do(f"{following} = add i64 {count}, 1")
    with f.when(f.compare("sgt", following, YIELD_AFTER)):
        f.call("sched_yield", "i32", [])
    f.branch(again)
    f.label(again)
    f.branch(turn)
    f.label(after)


def barrier(module: Module) -> None:
    """Writes `rushlight_barrier(ptr barrier, i64 threads)` into a module, once: returns when all threads have called it.

    A barrier is `BARRIER_BYTES` of zeros in the beginning.
    """
    if module.has("rushlight_barrier"):
        return
    f = Function(module, "rushlight_barrier", [("ptr", "barrier"), ("i64", "threads")])
    with f.when(f.compare("sgt", "%threads", 1)):
        generation = f.emit("load atomic i64, ptr %barrier acquire, align 8")
        count = f.pointer("%barrier", LINE, "i64")
        arrived = f.add(f.emit(f"atomicrmw add ptr {count}, i64 1 acq_rel"), 1)
        last, others, after = f.new_label(), f.new_label(), f.new_label()
        f.branch_if(f.compare("eq", arrived, "%threads"), last, others)
        f.label(last)
        f.do(f"store atomic i64 0, ptr {count} monotonic, align 8")
        f.do(f"store atomic i64 {f.add(generation, 1)}, ptr %barrier release, align 8")
        f.branch(after)
        f.label(others)
        _wait(f, "%barrier", "ne", generation)
        f.branch(after)
        f.label(after)
    f.end()


def _system_call(f: Function, number: int, arguments: str) -> None:
    f.module.declarations["syscall"] = "declare i64 @syscall(i64, ...)"
    f.emit(f"call i64 (i64, ...) @syscall(i64 {number}, {arguments})")


def _place(f: Function) -> None:
    """Keeps the workers off the caller's processor.

    A woken thread tends to land on the processor of the one who woke it, and the two then take turns instead of running side by side. So
    when the caller has moved, workers may run where it may, but not where it is; where it may run on one processor only, they keep to those
    that it had when the team was made.
    """
    last = f.pointer("%team", PLACEMENT, "i64")
    known = f.load("i64", last, 8)
    with f.when(f.compare("ne", known, UNPLACED)):
        here = f.convert("zext", "i32", f.call("sched_getcpu", "i32", []), "i64")
        moved = f.emit(f"and i1 {f.compare('ne', known, here)}, {f.compare('ult', here, MASK_WORDS * 64)}")
        with f.when(moved):
            f.store("i64", here, last, 8)
            mask, size = f.pointer("%team", MASK, "i64"), ("i64", str(MASK_WORDS * 8))
            f.call("sched_getaffinity", "i32", [("i32", "0"), size, ("ptr", mask)])
            with f.loop(0, MASK_WORDS, carried=[("i64", "0")]) as word:
                bits = f.load("i64", f.pointer(mask, word.index, "i64"), 8)
                word.next = [str(f.add(word.carried[0], f.intrinsic("llvm.ctpop", "i64", [("i64", bits)])))]
            with f.when(f.compare("slt", word.results[0], 2)), f.loop(0, MASK_WORDS) as word:
                allowed = f.load("i64", f.pointer(f.pointer("%team", ALLOWED, "i64"), word.index, "i64"), 8)
                f.store("i64", allowed, f.pointer(mask, word.index, "i64"), 8)
            own = f.pointer(mask, f.div(here, 64), "i64")
            others = f.emit(f"xor i64 {f.emit(f'shl i64 1, {f.rem(here, 64)}')}, -1")
            f.store("i64", f.emit(f"and i64 {f.load('i64', own, 8)}, {others}"), own, 8)
            with f.loop(1, f.load("i64", f.pointer("%team", PLACEMENT + 1, "i64"), 8)) as worker:
                number = f.load("i32", f.pointer(_worker_line(f, worker.index), 1, "i64"), 8)
                f.call("sched_setaffinity", "i32", [("i32", number), size, ("ptr", mask)])


def _worker_line(f: Function, thread: Int) -> str:
    return f.pointer(f.pointer("%team", WORKERS, "i64"), f.mul(thread, LINE), "i64")


def _publish(f: Function, threads: Int, workers: Int) -> None:
    """Begins an epoch in which so many threads take part, and wakes those parked of the first so many workers."""
    epoch = f.emit("load atomic i64, ptr %team monotonic, align 8")
    count = f.emit(f"add i64 {f.emit(f'and i64 {epoch}, -65536')}, 65536")
    f.emit(f"atomicrmw xchg ptr %team, i64 {f.emit(f'or i64 {count}, {threads}')} seq_cst")
    futex = _futex(f.module)
    if futex is None:
        return
    _place(f)
    with f.loop(1, workers) as worker:
        parked = _worker_line(f, worker.index)
        word = f.emit(f"load atomic i32, ptr {parked} seq_cst, align 8")
        with f.when(f.emit(f"icmp ne i32 {word}, 0")):
            f.do(f"store atomic i32 0, ptr {parked} seq_cst, align 8")
            _system_call(f, futex, f"ptr {parked}, i32 {FUTEX_WAKE_PRIVATE}, i32 1, ptr null, ptr null, i32 0")


def fork(module: Module) -> None:
    """Writes `rushlight_fork(ptr team, ptr function, ptr argument, i64 threads)` into a module, once.

    Calls `function(argument, thread, threads)` on so many threads of the team and returns when all have. One caller at a time.
    """
    if module.has("rushlight_fork"):
        return
    f = Function(module, "rushlight_fork", FORK)
    job, done = f.pointer("%team", JOB, "i64"), f.pointer("%team", DONE, "i64")
    f.store("ptr", "%function", job, 8)
    f.store("ptr", "%argument", f.pointer(job, 1, "i64"), 8)
    f.do(f"store atomic i64 0, ptr {done} monotonic, align 8")
    _publish(f, "%threads", "%threads")
    f.do("call void %function(ptr %argument, i64 0, i64 %threads)")
    _wait(f, done, "eq", f.sub("%threads", 1))
    f.end()


def _park(f: Function, seen: str) -> None:
    """Sleeps until woken, unless the epoch has changed meanwhile."""
    futex = _futex(f.module)
    if futex is None:
        f.call("usleep", "i32", [("i32", str(NAP))])
        return
    # The order of store and load, against the reverse order in fork, sees to it that one of the two notices the other.
    f.do("store atomic i32 1, ptr %parked seq_cst, align 8")
    now = f.emit("load atomic i64, ptr %team seq_cst, align 8")
    with f.when(f.compare("eq", now, seen)):
        _system_call(f, futex, f"ptr %parked, i32 {FUTEX_WAIT_PRIVATE}, i32 1, ptr null, ptr null, i32 0")
    f.do("store atomic i32 0, ptr %parked seq_cst, align 8")


def _generate_worker() -> Generated:
    """`worker(team, parked, thread)`: waits for an epoch in which it takes part, runs the job, again and again until told to quit."""
    module = Module(host_machine().triple)
    f = Function(module, "worker", [("ptr", "team"), ("ptr", "parked"), ("i64", "thread")], internal=False)
    top, changed, same, nap, takes_part, run, leave = (f.new_label() for _ in range(7))
    last, spins, more = (f.name_value() for _ in range(3))
    f.branch(top)
    f.label(top)
    place = len(f.lines)
    epoch = f.emit("load atomic i64, ptr %team acquire, align 8")
    f.branch_if(f.compare("ne", epoch, last), changed, same)

    f.label(same)
    _pause(f)
    f.do(f"{more} = add i64 {spins}, 1")
    f.branch_if(f.compare("slt", more, SPINS), top, nap)
    f.label(nap)
    _park(f, last)
    napped = f.block
    f.branch(top)

    f.label(changed)
    threads = f.emit(f"and i64 {epoch}, 65535")
    f.branch_if(f.compare("eq", threads, 0), leave, takes_part)
    f.label(takes_part)
    f.branch_if(f.compare("slt", "%thread", threads), run, top)
    f.label(run)
    job = f.pointer("%team", JOB, "i64")
    function, argument = f.load("ptr", job, 8), f.load("ptr", f.pointer(job, 1, "i64"), 8)
    f.do(f"call void {function}(ptr {argument}, i64 %thread, i64 {threads})")
    f.emit(f"atomicrmw add ptr {f.pointer('%team', DONE, 'i64')}, i64 1 release")
    f.branch(top)

    # One who sleeps between looks spins no more after a look; one woken through the futex does.
    rested = 0 if _futex(module) is not None else SPINS
    sources = [
        ("entry", "0", "0"),
        (same, last, more),
        (napped, last, str(rested)),
        (takes_part, epoch, spins),
        (run, epoch, "0"),
    ]
    f.lines.insert(place, f"  {last} = phi i64 " + ", ".join(f"[ {value}, %{block} ]" for block, value, _ in sources))
    f.lines.insert(place, f"  {spins} = phi i64 " + ", ".join(f"[ {value}, %{block} ]" for block, _, value in sources))
    f.label(leave)
    f.end()
    return Generated("worker", module.text())


def _generate_run() -> Generated:
    """`run(team, function, argument, threads)`."""
    module = Module(host_machine().triple)
    fork(module)
    f = Function(module, "run", FORK, internal=False)
    f.call("rushlight_fork", "void", [(type, f"%{name}") for type, name in FORK])
    f.end()
    return Generated("run", module.text())


def _generate_quit() -> Generated:
    """`quit(team, size)`: begins an epoch of no threads, the sign to leave."""
    module = Module(host_machine().triple)
    f = Function(module, "quit", [("ptr", "team"), ("i64", "size")], internal=False)
    _publish(f, 0, "%size")
    f.end()
    return Generated("quit", module.text())


PARTS = [("team worker", _generate_worker), ("team run", _generate_run), ("team quit", _generate_quit)]


# ---- the team of this process ----


class Team:
    """The workers and the block they share with their caller."""

    def __init__(self, size: int) -> None:
        slots = WORKERS + size * LINE
        self._memory = (ctypes.c_int64 * (slots + LINE))()
        start = ctypes.addressof(self._memory)
        self.address = (start + 63) // 64 * 64
        self._block = (ctypes.c_int64 * slots).from_address(self.address)
        worker, run, quit = compiled(PARTS, host_machine())
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self.run = function_of(run, pointer, pointer, pointer, number)
        self._quit = function_of(quit, pointer, number)
        work = function_of(worker, pointer, pointer, number)
        self._threads: list[threading.Thread] = []
        numbered = True  # else a worker cannot be named to the system, and 0 would name the caller
        for thread in range(1, size):
            line = self.address + 8 * (WORKERS + thread * LINE)
            arguments = (self.address, line, thread)
            native = threading.Thread(target=work, args=arguments, name=f"rushlight {thread}", daemon=True)
            try:
                native.start()
            except RuntimeError:  # the system gives no more threads
                break
            self._threads.append(native)
            numbered = numbered and native.native_id is not None
            self._block[WORKERS + thread * LINE + 1] = native.native_id or 0
        self.size = len(self._threads) + 1
        self._block[PLACEMENT] = self._allow() if numbered and self.size > 1 else UNPLACED
        self._block[PLACEMENT + 1] = self.size

    def _allow(self) -> int:
        """Notes on which processors workers may run: those of the thread that makes the team. Its own set is left alone."""
        if not hasattr(os, "sched_getaffinity"):
            return UNPLACED
        processors = os.sched_getaffinity(0)
        if len(processors) < 2 or max(processors) >= MASK_WORDS * 64:
            return UNPLACED
        for word in range(MASK_WORDS):
            bits = sum(1 << (p - 64 * word) for p in processors if 64 * word <= p < 64 * (word + 1))
            self._block[ALLOWED + word] = ctypes.c_int64(bits).value
        return NOWHERE

    @property
    def barrier(self) -> int:
        return self.address + 8 * BARRIER

    def close(self) -> None:
        """Sends the workers home."""
        self._quit(self.address, self.size)
        for thread in self._threads:
            thread.join()


def function_of(kernel: Compiled, *arguments: Any, result: Any = None, release: bool = True) -> Callable[..., Any]:
    """A compiled function as Python calls it. `release`: lets go of the interpreter's lock meanwhile."""
    kind = ctypes.CFUNCTYPE if release else ctypes.PYFUNCTYPE
    return kind(result, *arguments)(kernel.address)


LOCK = threading.RLock()  # held by who runs the team; ask for it as `team.LOCK`, since a forked child has another
_team: Team | None = None
_size = 0  # 0: not asked for
_closed = False


def threads() -> int:
    """How many threads the team has, its caller among them."""
    if _closed:
        return 1
    return _team.size if _team is not None else _size or default_threads()


def default_threads() -> int:
    """What OMP_NUM_THREADS says; else one for each core that the process may use. PyTorch does the same."""
    asked = config.THREADS.split(",")[0].strip()
    count = int(asked) if asked.isdecimal() and int(asked) > 0 else cores_allowed()
    return min(count, MOST)


def set_threads(count: int) -> None:
    """Changes the number of threads, from the next run on."""
    global _size
    if not 0 < count <= MOST:
        raise ValueError(f"a team has 1 to {MOST} threads, not {count}")
    with LOCK:
        _size = count
        if _team is not None and _team.size != count:
            _dismiss()


def of_process() -> Team:
    """This process's team, made when first needed. Hold `LOCK`."""
    global _team
    if _team is None:
        _team = Team(threads())
    return _team


def run(function: int, argument: int, count: int = 0) -> None:
    """Calls a native `function(argument, thread, threads)` on `count` threads of the team, or all, at most those there are.

    Another Python thread that runs something at the same time waits.
    """
    with LOCK:
        team = of_process()
        team.run(team.address, function, argument, min(count or team.size, team.size))


def _dismiss() -> None:
    global _team
    team, _team = _team, None
    if team is not None:
        team.close()


def _close() -> None:
    """At the interpreter's end: what runs after this runs on its caller's thread alone."""
    global _closed
    with LOCK:
        _closed = True
        _dismiss()


def _forget() -> None:
    """In a forked child the workers do not exist, and nobody would release the lock."""
    global _team, LOCK
    _team, LOCK = None, threading.RLock()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
