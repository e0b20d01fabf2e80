"""Runs scalar functions as vector code: many in one module, each over its own arrays, between pages that may not be touched."""

from __future__ import annotations

import ctypes
import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rushlight.backend.cpu.arithmetic import apply
from rushlight.backend.cpu.assembly import Function, Module
from rushlight.backend.cpu.build import available, compiled, machine_of
from rushlight.backend.cpu.generated import FAILURE, OPERANDS, Generated
from rushlight.backend.cpu.pool import address_of
from rushlight.backend.cpu.values import load, memory_element, round_to, store
from rushlight.backend.machine import Machine
from rushlight.dtype import BOOL, INTEGER, decode, dtype, encode
from rushlight.ir import expr
from rushlight.kernel.functions import BASE, DEFINITIONS

from ..fuzz.guarded import guarded

KINDS = [kind for kind in ("avx512", "avx2", "sse", "neon") if available() and machine_of(kind).native]

_PAIRS = (
    "add sub mul div maximum minimum fmax fmin eq ne lt le gt ge logical_and logical_or logical_xor floor_divide truncate_divide "
    "rem fmod pow bitwise_and bitwise_or bitwise_xor shift_left shift_right copysign nextafter hypot atan2 require"
).split()
CHOICES = ("select", "choose", "require")


@dataclass(frozen=True)
class Case:
    """A function of operands of these dtypes, at a width."""

    name: str
    dtypes: tuple[dtype, ...]
    width: int


def operands_of(name: str) -> int:
    """How many operands a function has."""
    if name in DEFINITIONS:
        parameters = inspect.signature(DEFINITIONS[name][1]).parameters
        variable = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
        return (3 if name == "choose" else 2) if variable else len(parameters)
    assert name in BASE
    return 3 if name in ("select", "add_product") else 2 if name in _PAIRS else 1


def _emit(module: Module, name: str, case: Case, count: int, machine: Machine) -> dtype:
    """A function `void @name(ptr arguments, ptr failed)` that runs the case over `count` elements; returns the result's dtype."""
    f = Function(module, name, [("ptr", "arguments"), ("ptr", "failed")])
    places = [f.load("ptr", f.pointer("%arguments", i, "ptr"), 8) for i in range(len(case.dtypes) + 1)]
    with f.loop(0, count, case.width) as turn:
        values = [
            load(f, d, f.pointer(place, turn.index, memory_element(d)), case.width)
            for d, place in zip(case.dtypes, places, strict=False)
        ]
        result = apply(f, case.name, values, machine, "%failed")
        result = round_to(f, result, result.dtype)
        store(f, result, f.pointer(places[-1], turn.index, memory_element(result.dtype)))
    f.end()
    return result.dtype


def run_cases(
    cases: Sequence[Case], operands: Sequence[Sequence[np.ndarray]], machine: Machine
) -> tuple[list[np.ndarray], list[dtype], bool]:
    """The results of all cases, their dtypes, and whether one reported a failure. Lengths are multiples of the widths."""
    module, kinds, slot = Module(machine.triple, machine.halves), [], OPERANDS
    calls: list[tuple[str, int]] = []
    for number, (case, arrays) in enumerate(zip(cases, operands, strict=True)):
        kinds.append(_emit(module, f"case{number}", case, arrays[0].size, machine))
        calls.append((f"case{number}", slot))
        slot += len(arrays) + 1
    f = Function(module, "cases", [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")], internal=False)
    failed = f.load("ptr", f.pointer("%arguments", FAILURE, "ptr"), 8)
    for name, first in calls:
        f.call(name, "void", [("ptr", f.pointer("%arguments", first, "ptr")), ("ptr", failed)])
    f.end()
    text = module.text()
    key = f"scalar functions {hashlib.sha256(text.encode()).hexdigest()}"
    (kernel,) = compiled([(key, lambda: Generated("cases", text, parallel=False))], machine)
    return _called(kernel.address, operands, kinds)


def _called(
    address: int, operands: Sequence[Sequence[np.ndarray]], kinds: list[dtype]
) -> tuple[list[np.ndarray], list[dtype], bool]:
    flag, kept, pointers = np.zeros(1, np.int64), [], [0, 0, 0]
    pointers[FAILURE] = address_of(flag)
    results = []
    for arrays, kind in zip(operands, kinds, strict=True):
        for array in arrays:
            copy = guarded(array.shape, array.dtype)
            copy[...] = array
            kept.append(copy)
            pointers.append(copy.ctypes.data)
        results.append(guarded(arrays[0].shape, kind.storage))
        pointers.append(results[-1].ctypes.data)
    block = np.array(pointers, np.uint64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(address_of(block), 0, 1)
    return [np.array(result) for result in results], kinds, bool(flag[0])


# ---- numbers to try ----

_FLOATS = (
    0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 0.25, 0.75, 1.5, 2.5, -2.5, 1e-3, -1e-3, 10, -10, 19.5, -19.5, 88, 89, -88, -104, 100,
    1e4, -1e4, 1e5, 1e10, -1e10, 3e38, -3e38, 1e-38, 1e-40, -1e-40, 1e-45, 2147483647, 2147483648.0, -2147483648.0, -2147483649.0,
    9.2e18, -9.3e18, 255.5, -1.5, np.inf, -np.inf, np.nan,
)  # fmt: skip
_DOUBLES = (709.0, 710, -745, -746, 1e300, -1e300, 1e-300, 5e-324, -5e-324, 2e-308)


def special(d: dtype) -> np.ndarray:
    """Edges of a dtype's range and of functions, in memory form."""
    if d.category == BOOL:
        return np.array([False, True])
    if d.category == INTEGER:
        info = np.iinfo(d.storage)
        wanted = [info.min, info.min + 1, info.max - 1, info.max, 0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100]
        wanted += [-1, -2, -3, -8, -33] if d.is_signed else []
        return np.array(wanted, dtype=d.storage)
    numbers = np.array(_FLOATS + (_DOUBLES if d.itemsize == 8 else ()))
    with np.errstate(all="ignore"):
        return encode(numbers.astype(d.compute), d)


def random(d: dtype, count: int, generator: np.random.Generator) -> np.ndarray:
    """Random bits, and numbers of everyday size."""
    if d.category == BOOL:
        return generator.integers(0, 2, count).astype(bool)
    bits = generator.integers(0, 256, (count, d.itemsize), dtype=np.uint8).view(d.storage)[:, 0]
    if d.category == INTEGER:
        small = generator.integers(-10 if d.is_signed else 0, 10, count).astype(d.storage)
    else:
        scale = generator.choice([0.01, 1.0, 10.0, 100.0], count)
        small = encode((generator.standard_normal(count) * scale).astype(d.compute), d)
    return np.where(generator.random(count) < 0.4, bits, small)


def operands_for(dtypes: Sequence[dtype], generator: np.random.Generator) -> list[np.ndarray]:
    """Operands of special numbers in all pairs, or many triples, and of random ones; a multiple of 64."""
    edges = [special(d) for d in dtypes]
    if len(dtypes) == 2:
        columns = [c.reshape(-1) for c in np.meshgrid(*edges)]
    elif len(dtypes) == 1:
        columns = edges
    else:
        columns = [generator.choice(e, 1500) for e in edges]
    count = columns[0].size
    total = -(-(count + 700) // 64) * 64
    return [np.concatenate([c, random(d, total - count, generator)]) for c, d in zip(columns, dtypes, strict=True)]


# ---- what they should give ----


def meaning(name: str, dtypes: Sequence[dtype], arrays: Sequence[np.ndarray], result: dtype) -> np.ndarray:
    """The function's NumPy meaning, in memory form."""
    with np.errstate(all="ignore"):
        value = expr.FUNCTIONS[name](*[decode(a, d) for a, d in zip(arrays, dtypes, strict=True)])
        return encode(np.asarray(value).astype(result.compute, copy=False), result)


def wide_meaning(name: str, dtypes: Sequence[dtype], arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The function's NumPy meaning in float64, of floating operands."""
    with np.errstate(all="ignore"):
        wide = [decode(a, d).astype(np.float64) for a, d in zip(arrays, dtypes, strict=True)]
        return np.asarray(expr.FUNCTIONS[name](*wide))


def ulps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many numbers lie between; NaN is as far as possible from all but NaN. Both in memory form."""
    size = a.dtype.itemsize
    keys = []
    for array in (a, b):
        bits = array.view(f"i{size}").astype(object if size == 8 else np.int64)
        keys.append(np.where(bits < 0, -(bits & ((1 << (8 * size - 1)) - 1)), bits))
    return np.abs(keys[0] - keys[1])
