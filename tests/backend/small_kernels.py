"""Kernels of a few lines, and a process to run programs in: what the tests of the machinery share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from rushlight.backend.cpu import team
from rushlight.backend.cpu.assembly import Function, Module
from rushlight.backend.cpu.build import Compiled, Request, compiled, host_machine
from rushlight.backend.cpu.generated import BARRIER, FAILURE, OPERANDS, SCRATCH, Generated
from rushlight.backend.cpu.pool import address_of
from rushlight.backend.machine import Machine

ROOT = Path(__file__).resolve().parents[2]
ABI = [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")]


def argument(f: Function, slot: int) -> str:
    return f.load("ptr", f.pointer("%arguments", slot, "i64"), 8)


def share(f: Function, count: int) -> tuple[str, str]:
    """The part of `count` elements that falls to this thread."""
    low = f.emit(f"udiv i64 {f.mul('%thread', count)}, %threads")
    return low, f.emit(f"udiv i64 {f.mul(f.add('%thread', 1), count)}, %threads")


def begin(machine: Machine, name: str) -> Function:
    module = Module(machine.triple)
    team.barrier(module)
    return Function(module, name, ABI, internal=False)


def finish(f: Function, shared: int = 0, per_thread: int = 0, parallel: bool = True) -> Generated:
    f.end()
    return Generated(f.name, f.module.text(), shared, per_thread, parallel)


def add(count: int, parallel: bool, machine: Machine) -> Generated:
    """c = a + b, vectors of float."""
    f = begin(machine, "add")
    a, b, c = (argument(f, OPERANDS + i) for i in range(3))
    with f.loop(*share(f, count)) as turn:
        x, y = (f.load("float", f.pointer(p, turn.index, "float"), 4) for p in (a, b))
        f.store("float", f.binary("fadd", "float", x, y), f.pointer(c, turn.index, "float"), 4)
    return finish(f, parallel=parallel)


def reverse(count: int, turns: int, machine: Machine) -> Generated:
    """b = a reversed, an odd number of times: each turn copies to scratch, waits, and brings back reversed, and waits again."""
    f = begin(machine, "reverse")
    a, b, scratch, barrier = (argument(f, slot) for slot in (OPERANDS, OPERANDS + 1, SCRATCH, BARRIER))
    low, high = share(f, count)
    with f.loop(low, high) as i:
        f.store("float", f.load("float", f.pointer(a, i.index, "float"), 4), f.pointer(b, i.index, "float"), 4)
    with f.loop(0, turns):
        f.call("rushlight_barrier", "void", [("ptr", barrier), ("i64", "%threads")])
        with f.loop(low, high) as i:
            f.store(
                "float", f.load("float", f.pointer(b, i.index, "float"), 4), f.pointer(scratch, i.index, "float"), 4
            )
        f.call("rushlight_barrier", "void", [("ptr", barrier), ("i64", "%threads")])
        with f.loop(low, high) as i:
            other = f.pointer(scratch, f.sub(count - 1, i.index), "float")
            f.store("float", f.load("float", other, 4), f.pointer(b, i.index, "float"), 4)
    return finish(f, shared=(4 * count + 63) // 64 * 64)


def through_scratch(count: int, factor: int, machine: Machine) -> Generated:
    """b = a * factor, by way of a private piece of scratch memory, slowly, by one thread: shows whether another uses the same piece."""
    f = begin(machine, "through_scratch")
    a, b, scratch = argument(f, OPERANDS), argument(f, OPERANDS + 1), argument(f, SCRATCH)
    with f.loop(0, count) as i:
        value = f.load("float", f.pointer(a, i.index, "float"), 4)
        scaled = f.binary("fmul", "float", value, f"{float(factor):e}")
        f.store("float", scaled, f.pointer(scratch, i.index, "float"), 4)
    with f.loop(0, count) as i:
        f.store("float", f.load("float", f.pointer(scratch, i.index, "float"), 4), f.pointer(b, i.index, "float"), 4)
    return finish(f, per_thread=(4 * count + 63) // 64 * 64, parallel=False)


def fail(value: int, machine: Machine) -> Generated:
    """Raises the failure flag where the first element of its operand is negative."""
    f = begin(machine, "fail")
    first = f.load("float", argument(f, OPERANDS), 4)
    with f.when(f.emit(f"fcmp olt float {first}, 0.0")):
        f.store("i64", str(value), argument(f, FAILURE), 8)
    return finish(f, parallel=False)


def who(machine: Machine) -> Generated:
    """Writes `threads` into its result's element `thread`, integers."""
    f = begin(machine, "who")
    place = f.pointer(argument(f, OPERANDS), "%thread", "i64")
    f.store("i64", "%threads", place, 8)
    return finish(f)


def get(request: Request, machine: Machine | None = None) -> Compiled:
    return compiled([request], machine or host_machine())[0]


def get_add(count: int, parallel: bool = True, machine: Machine | None = None) -> Compiled:
    chosen = machine or host_machine()
    return get((f"test add {count} {parallel}", lambda: add(count, parallel, chosen)), chosen)


def run_python(text: str, folder: Path, **variables: str) -> str:
    """Runs a program in a process of its own, with a cache of its own; returns what it printed. Its end must be prompt and without error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RUSHLIGHT_CACHE": str(folder), **variables}
    done = subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{done.returncode} {done.stdout} {done.stderr}"
    assert done.stderr == ""
    return done.stdout


def call_add(kernel: Compiled, count: int) -> None:
    a, b, c = np.arange(count, dtype=np.float32), np.full(count, 3, np.float32), np.zeros(count, np.float32)
    slots = np.array([0, 0, 0, *map(address_of, (a, b, c))], np.int64)
    team.run(kernel.address, address_of(slots))
    assert (c == a + 3).all()
