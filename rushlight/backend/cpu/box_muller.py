"""Long draws of uniforms and normals in float32, rounded as PyTorch's kernels round them (generator/box_muller.py has the algorithm).

What NumPy does in a hundred passes, each of which rounds to float32 in the end, is one pass here: a multiply-add is one instruction. 25 million
normals are drawn in about a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..machine import Machine
from .assembly import Function, Int, Module, constant, vector
from .build import host_machine
from .generated import Generated
from .twister import SIGNATURE, address_of, call, kernel, slot

HALF = 8  # radii in a block of uniforms, and angles; PyTorch's kernels have vectors of eight
SHARED = 1 << 18  # elements from which the threads share them
WORDS, FLOATS = vector("i32", HALF), vector("float", HALF)


class _Floats:
    """Arithmetic on vectors of float32, and on the same bits as words."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, operation: str, a: str, b: str) -> str:
        return self.function.binary(operation, FLOATS, a, b)

    def fma(self, a: str, b: str, c: str) -> str:
        return self.function.fma(FLOATS, a, b, c)

    def words(self, operation: str, a: str, b: str | int) -> str:
        return self.function.binary(operation, WORDS, a, constant(WORDS, b) if isinstance(b, int) else b)

    def bits(self, value: str) -> str:
        return self.function.convert("bitcast", FLOATS, value, WORDS)

    def of_bits(self, value: str) -> str:
        return self.function.convert("bitcast", WORDS, value, FLOATS)

    def polynomial(self, x: str, coefficients: Sequence[str]) -> str:
        y, *rest = coefficients
        for coefficient in rest:
            y = self.fma(y, x, coefficient)
        return y


class _Constants:
    """The coefficients that the caller gives, in every lane, in their order in generator/box_muller.py."""

    def __init__(self, function: Function, table: str) -> None:
        self._function, self._table, self._place = function, table, 0
        self.log = self.several(9)
        self.log2_low, self.log2_high, self.sqrt_half = self.several(3)
        self.sine, self.cosine, self.quarter_pi = self.several(3), self.several(3), self.several(3)
        self.octants, self.two_pi = self.several(2)

    def several(self, count: int) -> list[str]:
        function = self._function
        found = []
        for place in range(self._place, self._place + count):
            value = function.load("float", function.pointer(self._table, place, "float"), 4)
            found.append(function.splat(FLOATS, value))
        self._place += count
        return found


def _logarithm(make: _Floats, known: _Constants, u: str) -> str:
    """log of values in (0, 1], none of them subnormal."""
    function, bits = make.function, make.bits(u)
    exponent = function.convert("sitofp", WORDS, make.words("sub", make.words("lshr", bits, 23), 126), FLOATS)
    x = make.of_bits(make.words("or", make.words("and", bits, 0x007FFFFF), 0x3F000000))
    small = function.emit(f"fcmp olt {FLOATS} {x}, {known.sqrt_half}")
    zero, one = constant(FLOATS, 0.0), constant(FLOATS, 1.0)
    x = make("fsub", make("fadd", x, function.select(FLOATS, small, x, zero)), one)
    exponent = make("fsub", exponent, function.select(FLOATS, small, one, zero))
    square = make("fmul", x, x)
    y = make("fmul", make.polynomial(x, known.log), x)
    y = make.fma(y, square, make("fmul", exponent, known.log2_low))
    y = make.fma(square, constant(FLOATS, -0.5), y)
    return make.fma(exponent, known.log2_high, make("fadd", x, y))


def _cosine_sine(make: _Floats, known: _Constants, theta: str) -> tuple[str, str]:
    """Cosine and sine of angles from 0 to 2π."""
    function = make.function
    octant = function.convert("fptosi", FLOATS, make("fmul", theta, known.octants), WORDS)
    octant = make.words("and", make.words("add", octant, 1), -2)
    whole = function.convert("sitofp", WORDS, octant, FLOATS)
    x, back = theta, make("fsub", constant(FLOATS, -0.0), whole)
    for part in known.quarter_pi:
        x = make.fma(back, part, x)
    square = make("fmul", x, x)
    cosine = make("fmul", make.polynomial(square, known.cosine), square)
    cosine = make.fma(cosine, square, make("fmul", square, constant(FLOATS, -0.5)))
    cosine = make("fadd", cosine, constant(FLOATS, 1.0))
    sine = make("fmul", make.polynomial(square, known.sine), square)
    sine = make.fma(sine, x, x)
    # For every second octant they change places; which half of the circle it is decides their signs.
    a, b = make.bits(cosine), make.bits(sine)
    turned = make.words("sub", constant(WORDS, 0), make.words("and", make.words("lshr", octant, 1), 1))
    difference = make.words("and", make.words("xor", a, b), turned)
    negative = make.words("shl", make.words("and", make.words("add", octant, 2), 4), 29)
    a = make.words("xor", make.words("xor", a, difference), negative)
    negative = make.words("shl", make.words("and", octant, 4), 29)
    b = make.words("xor", make.words("xor", b, difference), negative)
    return make.of_bits(a), make.of_bits(b)


def generate_normals(machine: Machine) -> Generated:
    """Arguments: the uniforms, which become normals; the coefficients, then deviation and mean; the number of blocks."""
    module = Module(machine.triple)
    function = Function(module, "normals", SIGNATURE, internal=False)
    values, table, blocks = slot(function, 0, "ptr"), slot(function, 1, "ptr"), slot(function, 2, "i64")
    make, known = _Floats(function), _Constants(function, table)
    deviation, mean = known.several(2)
    low, high = _share(function, blocks)
    with function.loop(low, high) as turn:
        first = function.pointer(values, function.mul(turn.index, 2 * HALF), "float")
        second = function.pointer(first, HALF, "float")
        radial = make("fsub", constant(FLOATS, 1.0), function.load(FLOATS, first, 4))
        theta = make("fmul", function.load(FLOATS, second, 4), known.two_pi)
        square = make("fmul", _logarithm(make, known, radial), constant(FLOATS, -2.0))
        radius = function.intrinsic("llvm.sqrt", FLOATS, [(FLOATS, square)])
        cosine, sine = _cosine_sine(make, known, theta)
        for value, place in ((cosine, first), (sine, second)):
            function.store(FLOATS, make.fma(make("fmul", radius, value), deviation, mean), place, 4)
    function.end()
    return Generated("normals", module.text(), parallel=True)


def generate_uniforms(machine: Machine) -> Generated:
    """Arguments: the words, which become uniforms; their number; the range's size, its begin and its end."""
    module = Module(machine.triple)
    function = Function(module, "uniforms", SIGNATURE, internal=False)
    words, count, table = slot(function, 0, "ptr"), slot(function, 1, "i64"), slot(function, 2, "ptr")

    def convert(index: Int, lanes: int) -> None:
        integers, floats = vector("i32", lanes), vector("float", lanes)
        place = function.pointer(words, index, "float")
        word = function.binary("and", integers, function.load(integers, place, 4), constant(integers, 0xFFFFFF))
        unit = function.convert("uitofp", integers, word, floats)
        unit = function.binary("fmul", floats, unit, constant(floats, 2.0**-24))
        extent, begin, end = (
            function.splat(floats, function.load("float", function.pointer(table, number, "float"), 4))
            for number in range(3)
        )
        value = function.fma(floats, unit, extent, begin)
        rounded_up = function.emit(f"fcmp oeq {floats} {value}, {end}")
        function.store(floats, function.select(floats, rounded_up, begin, value), place, 4)

    whole = function.div(count, HALF)
    low, high = _share(function, whole)
    with function.loop(low, high) as turn:
        convert(function.mul(turn.index, HALF), HALF)
    with function.when(function.compare("eq", "%thread", 0)), function.loop(function.mul(whole, HALF), count) as turn:
        convert(turn.index, 1)
    function.end()
    return Generated("uniforms", module.text(), parallel=True)


def _share(function: Function, count: Int) -> tuple[str, str]:
    """This thread's turns of so many."""
    low = function.emit(f"udiv i64 {function.mul(count, '%thread')}, %threads")
    following = function.add("%thread", 1)
    return low, function.emit(f"udiv i64 {function.mul(count, following)}, %threads")


def able() -> bool:
    """Whether the processor that is compiled for has a multiply-add, without which PyTorch's bits cannot be had."""
    return host_machine().fma


def normals(uniforms: np.ndarray, coefficients: Sequence[float], std: float, mean: float) -> None:
    """float32 uniforms, a multiple of 16, become normals in place."""
    table = np.array([*coefficients, std, mean], np.float32)
    blocks, rest = divmod(uniforms.size, 2 * HALF)
    assert not rest
    places = address_of(uniforms, np.float32, uniforms.size), address_of(table, np.float32, table.size)
    call(kernel("normals", generate_normals), *places, blocks, threads=_threads(uniforms.size))


def uniforms(words: np.ndarray, low: float, high: float) -> np.ndarray:
    """Words of the stream as float32 uniforms over [low, high), in the words' memory."""
    begin, end = np.float32(low), np.float32(high)
    table = np.array([end - begin, begin, end], np.float32)
    places = address_of(words, np.uint32, words.size), address_of(table, np.float32, table.size)
    call(kernel("uniforms", generate_uniforms), places[0], words.size, places[1], threads=_threads(words.size))
    return words.view(np.float32)


def _threads(count: int) -> int:
    """All, or the caller alone where waking the others takes longer than what there is to do."""
    return 0 if count >= SHARED else 1
