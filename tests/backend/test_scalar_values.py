"""Lanes are read from arrays and written to them as they should be, masked and gathered, and nothing else is touched."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from rushlight.backend.cpu.assembly import Function, Module, first_lanes
from rushlight.backend.cpu.build import compile_only, compiled, machine_of
from rushlight.backend.cpu.generated import Generated
from rushlight.backend.cpu.values import Value, broadcast, gather, literal, load, memory_element, round_to, store
from rushlight.dtype import (
    ALL,
    COMPLEX,
    bfloat16,
    bool_,
    complex64,
    decode,
    dtype,
    encode,
    float16,
    float32,
    int32,
    int64,
)
from rushlight.kernel.functions import Unsupported

from ..fuzz.guarded import guarded
from .scalar_runner import KINDS, random, special

REAL = [d for d in ALL if d.category != COMPLEX]
machines = pytest.mark.parametrize("kind", KINDS)


def run(kind: str, write: Callable[[Function, list[str]], None], *arrays: np.ndarray) -> None:
    """Runs what `write` writes, given the addresses of arrays."""
    machine = machine_of(kind)
    f = Function(
        Module(machine.triple, machine.halves),
        "kernel",
        [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")],
        internal=False,
    )
    write(f, [f.load("ptr", f.pointer("%arguments", i, "ptr"), 8) for i in range(len(arrays))])
    f.end()
    text = f.module.text()
    key = f"scalar values {hashlib.sha256(text.encode()).hexdigest()}"
    (kernel,) = compiled([(key, lambda: Generated("kernel", text, parallel=False))], machine)
    block = np.array([a.ctypes.data for a in arrays], np.uint64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel.address)(block.ctypes.data, 0, 1)


def guarded_copy(array: np.ndarray) -> np.ndarray:
    copy = guarded(array.shape, array.dtype)
    copy[...] = array
    return copy


def same_bits(a: np.ndarray, b: np.ndarray, d: dtype) -> bool:
    """NaN has many forms, of which a rounding keeps one."""
    x, y = decode(a, d), decode(b, d)
    return bool(((a == b) | ((x != x) & (y != y))).all())


@machines
def test_loads_and_stores_keep_all_numbers(kind: str) -> None:
    generator = np.random.default_rng(3)
    for d in REAL:
        for width in (1, machine_of(kind).width(d.itemsize), 16):
            numbers = np.concatenate([special(d), random(d, 200, generator)])
            numbers = guarded_copy(numbers[: numbers.size // width * width])
            result = guarded(numbers.shape, d.storage)

            def copy(f: Function, at: list[str], d: dtype = d, width: int = width, count: int = numbers.size) -> None:
                with f.loop(0, count, width) as turn:
                    x, y = (f.pointer(place, turn.index, memory_element(d)) for place in at)
                    store(f, load(f, d, x, width), y)

            run(kind, copy, numbers, result)
            assert same_bits(result, numbers, d), (d, width)


@machines
def test_masked_lanes_are_neither_read_nor_written(kind: str) -> None:
    for d in REAL:
        width = machine_of(kind).width(d.itemsize)
        for count in sorted({1, width // 2, width - 1} - {0, width}):
            numbers = guarded_copy(np.resize(special(d), count))
            result, whole = guarded((count,), d.storage), guarded((width,), d.storage)

            def copy(f: Function, at: list[str], d: dtype = d, width: int = width, count: int = count) -> None:
                mask = first_lanes(count, width)
                value = load(f, d, at[0], width, mask)
                store(f, value, at[1], mask)
                store(f, value, at[2])

            run(kind, copy, numbers, result, whole)
            assert same_bits(result, numbers, d) and same_bits(whole[:count], numbers, d)
            assert not whole[count:].any()


@machines
def test_a_masked_single_lane(kind: str) -> None:
    numbers, result = guarded_copy(np.array([3.0], np.float32)), guarded_copy(np.array([7.0, 7.0], np.float32))

    def copy(f: Function, at: list[str]) -> None:
        nowhere = f.emit("inttoptr i64 8 to ptr")
        store(f, load(f, float32, nowhere, 1, "false"), at[1], "true")
        store(f, load(f, float32, at[0], 1, "true"), f.pointer(at[1], 1, "float"), "true")
        store(f, load(f, float32, at[0], 1), nowhere, "false")

    run(kind, copy, numbers, result)
    assert result.tolist() == [0.0, 3.0]


@machines
@pytest.mark.parametrize("index", [int32, int64], ids=str)
def test_gathers(kind: str, index: dtype) -> None:
    generator = np.random.default_rng(5)
    for d in REAL:
        width = machine_of(kind).width(max(d.itemsize, 4))
        numbers = guarded_copy(np.resize(special(d), 50))
        places = guarded_copy(generator.integers(0, 50, width).astype(index.storage))
        result, masked, single = (guarded((n,), d.storage) for n in (width, width, 1))

        def collect(f: Function, at: list[str], d: dtype = d, width: int = width) -> None:
            where = load(f, index, at[1], width)
            store(f, gather(f, d, at[0], where, width), at[2])
            store(f, gather(f, d, at[0], where, width, first_lanes(width - 1, width)), at[3])
            store(f, gather(f, d, at[0], load(f, index, at[1], 1), 1), at[4])

        run(kind, collect, numbers, places, result, masked, single)
        wanted = numbers[places]
        assert same_bits(result, wanted, d) and same_bits(masked[:-1], wanted[:-1], d) and not masked[-1]
        assert same_bits(single, wanted[:1], d)


@machines
@pytest.mark.parametrize("d", [bfloat16, float16], ids=str)
def test_rounding_to_narrow_floats(kind: str, d: dtype) -> None:
    """To nearest, ties to even, of numbers beside all numbers of the narrow dtype, and halfway between them."""
    narrow = np.arange(1 << 16, dtype=np.uint16).view(d.storage)
    exact = decode(narrow, d).view(np.uint32)
    half = np.uint32(0x8000 if d is bfloat16 else 0x1000)
    near = np.concatenate([exact, exact + half, exact + half - 1, exact + half + 1, exact - 1, exact + 1]).view(
        np.float32
    )
    small = np.random.default_rng(9).integers(0x32000000, 0x39000000, 1 << 14, dtype=np.uint32).view(np.float32)
    numbers = guarded_copy(np.concatenate([near, small, -small]))
    rounded, stored = guarded(numbers.shape, np.dtype(np.float32)), guarded(numbers.shape, d.storage)
    width = machine_of(kind).width(4)

    def convert(f: Function, at: list[str]) -> None:
        with f.loop(0, numbers.size, width) as turn:
            value = load(f, float32, f.pointer(at[0], turn.index, "float"), width)
            value = Value(value.text, d, width)
            store(f, value, f.pointer(at[2], turn.index, "i16"))
            value = round_to(f, value, d)
            store(f, Value(value.text, float32, width), f.pointer(at[1], turn.index, "float"))

    run(kind, convert, numbers, rounded, stored)
    wanted = encode(numbers, d)
    assert same_bits(stored, wanted, d)
    assert same_bits(encode(rounded, float32), decode(wanted, d), float32)


def test_broadcast_and_literals() -> None:
    f = Function(Module(), "f", [("float", "x")])
    assert broadcast(f, literal(2, float32, 1), 4).text == literal(2, float32, 4).text
    assert broadcast(f, literal(True, bool_, 1), 4).text == "splat (i1 true)"
    assert literal(-1, dict((d.name, d) for d in ALL)["uint8"], 1).text == "255"
    assert broadcast(f, Value("%x", float32, 1), 1).text == "%x"
    assert broadcast(f, Value("%x", float32, 1), 8).type == "<8 x float>"
    with pytest.raises(ValueError, match="4 lanes"):
        broadcast(f, Value("%y", float32, 4), 8)


def test_complex_numbers_have_no_native_form() -> None:
    with pytest.raises(Unsupported, match="complex64"):
        load(Function(Module(), "f", [("ptr", "x")]), complex64, "%x", 4)


@pytest.mark.parametrize("kind", ["avx512", "avx2", "sse", "neon"])
@pytest.mark.parametrize("width", [1, 4])
def test_half_is_converted_without_library_calls(kind: str, width: int) -> None:
    machine = machine_of(kind)
    f = Function(Module(machine.triple, machine.halves), "f", [("ptr", "x"), ("ptr", "y")], internal=False)
    store(f, load(f, float16, "%x", width), "%y")
    store(f, round_to(f, load(f, float16, "%x", width), float16), "%y")
    f.end()
    content = compile_only(f.module.text(), machine)
    assert b"extendhf" not in content and b"truncsfhf" not in content
