"""The Mersenne Twister's stream in vectors (Matsumoto & Nishimura 1998), and the draws that are most of what training asks for.

The recurrence x[n + 624] = x[n + 397] ^ f(x[n], x[n + 1]) reaches 227 places back, so that many lanes can be computed at once: a whole
vector of the stream follows from three loads.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import numpy as np

from ..machine import Machine
from . import team
from .assembly import Function, Module, constant, vector
from .build import compiled, host_machine
from .generated import OPERANDS, Generated

BLOCK, MIDDLE = 624, 397
UPPER, LOWER, MAGIC = 0x80000000, 0x7FFFFFFF, 0x9908B0DF
SIGNATURE = [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")]


def slot(function: Function, number: int, type: str) -> str:
    return function.load(type, function.pointer("%arguments", OPERANDS + number, "i64"), 8)


class _Words:
    """Vectors of 32-bit words."""

    def __init__(self, function: Function, width: int) -> None:
        self.function = function
        self.type = vector("i32", width)

    def __call__(self, operation: str, a: str, b: str | int) -> str:
        return self.function.binary(operation, self.type, a, constant(self.type, b) if isinstance(b, int) else b)


def _following(make: _Words, here: str, next: str, middle: str) -> str:
    """The word 624 places on, from those at 0, 1 and 397."""
    mixed = make("or", make("and", here, UPPER), make("and", next, LOWER))
    odd = make("sub", constant(make.type, 0), make("and", mixed, 1))
    return make("xor", make("xor", middle, make("lshr", mixed, 1)), make("and", odd, MAGIC))


def _tempered(make: _Words, word: str) -> str:
    word = make("xor", word, make("lshr", word, 11))
    word = make("xor", word, make("and", make("shl", word, 7), 0x9D2C5680))
    word = make("xor", word, make("and", make("shl", word, 15), 0xEFC60000))
    return make("xor", word, make("lshr", word, 18))


def generate_fill(machine: Machine) -> Generated:
    """Arguments: the key, where the words go, the number of blocks."""
    module, width = Module(machine.triple), machine.width(4)
    function = Function(module, "twister_fill", SIGNATURE, internal=False)
    stream = function.stack("i32", 2 * BLOCK)
    make = _Words(function, width)
    key, words, blocks = slot(function, 0, "ptr"), slot(function, 1, "ptr"), slot(function, 2, "i64")

    def copy(source: str, target: str) -> None:
        with function.loop(0, BLOCK, width) as turn:
            word = function.load(make.type, function.pointer(source, turn.index, "i32"), 4)
            function.store(make.type, word, function.pointer(target, turn.index, "i32"), 4)

    copy(key, stream)
    with function.loop(0, blocks) as block:
        target = function.pointer(words, function.mul(block.index, BLOCK), "i32")
        with function.loop(0, BLOCK, width) as turn:
            place = function.pointer(stream, turn.index, "i32")
            read = [function.load(make.type, function.pointer(place, at, "i32"), 4) for at in (0, 1, MIDDLE)]
            word = _following(make, *read)
            function.store(make.type, word, function.pointer(place, BLOCK, "i32"), 4)
            function.store(make.type, _tempered(make, word), function.pointer(target, turn.index, "i32"), 4)
        copy(function.pointer(stream, BLOCK, "i32"), stream)
    copy(stream, key)
    function.end()
    return Generated("twister_fill", module.text(), parallel=False)


def generate_hits(machine: Machine) -> Generated:
    """Arguments: the words, where the results go, their number, the threshold's high and low half, a hit's bits."""
    module, width = Module(machine.triple), machine.width(4)
    function = Function(module, "twister_hits", SIGNATURE, internal=False)
    words, results, count = slot(function, 0, "ptr"), slot(function, 1, "ptr"), slot(function, 2, "i64")
    high, low, bits = (function.convert("trunc", "i64", slot(function, number, "i64"), "i32") for number in (3, 4, 5))
    one = function.convert("bitcast", "i32", bits, "float")
    whole = function.sub(count, function.rem(count, width))

    def decide(index: str, lanes: int) -> None:
        make, double = _Words(function, lanes), vector("i32", 2 * lanes)
        pairs = function.load(double, function.pointer(words, function.mul(index, 2), "i32"), 4)
        if lanes > 1:
            upper = function.shuffle(double, pairs, "poison", list(range(0, 2 * lanes, 2)))
            lower = function.shuffle(double, pairs, "poison", list(range(1, 2 * lanes, 2)))
        else:
            upper, lower = (function.emit(f"extractelement {double} {pairs}, i64 {place}") for place in (0, 1))
        upper = make("and", upper, (1 << 21) - 1)
        bound, rest = function.splat(make.type, high), function.splat(make.type, low)
        flag, type = vector("i1", lanes), vector("float", lanes)
        less = function.emit(f"icmp ult {make.type} {upper}, {bound}")
        equal = function.emit(f"icmp eq {make.type} {upper}, {bound}")
        decided = function.binary("and", flag, equal, function.emit(f"icmp ult {make.type} {lower}, {rest}"))
        hit = function.binary("or", flag, less, decided)
        value = function.select(type, hit, function.splat(type, one), constant(type, 0.0))
        function.store(type, value, function.pointer(results, index, "float"), 4)

    with function.loop(0, whole, width) as turn:
        decide(turn.index, width)
    with function.loop(whole, count) as turn:
        decide(turn.index, 1)
    function.end()
    return Generated("twister_hits", module.text(), parallel=False)


@functools.cache
def kernel(name: str, generate: Callable[[Machine], Generated]) -> int:
    machine = host_machine()
    return compiled([(name, lambda: generate(machine))], machine)[0].address


def call(address: int, *values: int, threads: int = 1) -> None:
    """On this thread, since the stream is one after another; on all with `threads` 0."""
    arguments = (ctypes.c_int64 * (OPERANDS + len(values)))(0, 0, 0, *values)
    team.run(address, ctypes.addressof(arguments), threads)


def address_of(array: np.ndarray, dtype: type, count: int) -> int:
    assert array.dtype == dtype and array.flags.c_contiguous and array.size == count, (array.dtype, array.shape)
    return int(array.ctypes.data)


def fill(key: np.ndarray, words: np.ndarray) -> None:
    """Fills whole blocks with the stream after the block `key` (uint32, 624), which becomes the last block."""
    blocks, rest = divmod(words.size, BLOCK)
    assert not rest
    key_address, address = address_of(key, np.uint32, BLOCK), address_of(words, np.uint32, words.size)
    call(kernel("twister fill", generate_fill), key_address, address, blocks)


def hits(words: np.ndarray, result: np.ndarray, threshold: int, one: float = 1.0) -> None:
    """`one` (float32) where the low 53 bits of a pair of words, high half first, are below the threshold, else 0."""
    count = result.size
    places = address_of(words, np.uint32, 2 * count), address_of(result, np.float32, count)
    bits = int(np.float32(one).view(np.uint32))
    call(kernel("twister hits", generate_hits), *places, count, threshold >> 32, threshold & 0xFFFFFFFF, bits)
