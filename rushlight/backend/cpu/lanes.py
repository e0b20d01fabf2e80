"""Arithmetic on floating lanes, written so that algorithms read like formulas.

>>> from rushlight.backend.machine import of_kind
>>> module = Module()
>>> f = Function(module, "hypotenuse", [("<4 x float>", "x"), ("<4 x float>", "y")], "<4 x float>")
>>> v = Lanes(f, "float", 4, of_kind("avx2", {}, "", ""))
>>> f.end(f"ret {v.type} {v.sqrt(v.fma('%x', '%x', v.mul('%y', '%y')))}")
>>> "@llvm.sqrt.v4f32" in module.text()
True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..machine import Machine
from .assembly import Function, Module, constant, vector

Number = str | float  # an LLVM value, or a number in each lane

BITS = {"float": 32, "double": 64}
MANTISSA = {"float": 23, "double": 52}
BIAS = {"float": 127, "double": 1023}
LEAST_NORMAL = {"float": 2.0**-126, "double": 2.0**-1022}


class Lanes:
    """Operations on `width` lanes of float or double in a function."""

    def __init__(self, function: Function, element: str, width: int, machine: Machine) -> None:
        self.function = function
        self.element = element
        self.width = width
        self.machine = machine
        self.type = vector(element, width)
        self.bits = BITS[element]
        self.mantissa = MANTISSA[element]
        self.bias = BIAS[element]
        self.words = vector(f"i{self.bits}", width)  # integers of the same size
        self.masks = vector("i1", width)

    def text(self, x: Number) -> str:
        return x if isinstance(x, str) else constant(self.type, x)

    # ---- floating ----

    def _binary(self, operation: str, a: Number, b: Number) -> str:
        return self.function.binary(operation, self.type, self.text(a), self.text(b))

    def add(self, a: Number, b: Number) -> str:
        return self._binary("fadd", a, b)

    def sub(self, a: Number, b: Number) -> str:
        return self._binary("fsub", a, b)

    def mul(self, a: Number, b: Number) -> str:
        return self._binary("fmul", a, b)

    def div(self, a: Number, b: Number) -> str:
        return self._binary("fdiv", a, b)

    def fma(self, a: Number, b: Number, c: Number) -> str:
        """a·b + c, rounded once where the machine can; algorithms must not need that."""
        if self.machine.fma:
            return self.function.fma(self.type, self.text(a), self.text(b), self.text(c))
        return self.add(self.mul(a, b), c)

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """A polynomial, lowest power first; a long one as two in x², which wait less for each other but may cancel."""
        if len(coefficients) <= 10:
            return self.horner(x, coefficients)
        squared = self.mul(x, x)
        return self.fma(self.horner(squared, coefficients[1::2]), x, self.horner(squared, coefficients[::2]))

    def horner(self, x: str, coefficients: Sequence[float]) -> str:
        """A polynomial by Horner's rule."""
        result: Number = coefficients[-1]
        for coefficient in coefficients[-2::-1]:
            result = self.fma(result, x, coefficient)
        return self.text(result)

    def _call(self, name: str, *arguments: Number) -> str:
        return self.function.intrinsic(f"llvm.{name}", self.type, [(self.type, self.text(a)) for a in arguments])

    def abs(self, x: str) -> str:
        return self._call("fabs", x)

    def sqrt(self, x: str) -> str:
        return self._call("sqrt", x)

    def floor(self, x: str) -> str:
        return self._call("floor", x)

    def ceil(self, x: str) -> str:
        return self._call("ceil", x)

    def trunc(self, x: str) -> str:
        return self._call("trunc", x)

    def rint(self, x: str) -> str:
        return self._call("roundeven", x)

    def copysign(self, size: Number, sign: str) -> str:
        return self._call("copysign", size, sign)

    def neg(self, x: str) -> str:
        return self.function.emit(f"fneg {self.type} {x}")

    # ---- choice ----

    def test(self, predicate: str, a: Number, b: Number) -> str:
        """A mask: olt ole oeq ogt oge uno une …"""
        return self.function.binary(f"fcmp {predicate}", self.type, self.text(a), self.text(b))

    def select(self, mask: str, yes: Number, no: Number) -> str:
        return self.function.select(self.type, mask, self.text(yes), self.text(no))

    def at_most(self, x: str, bound: Number) -> str:
        """The smaller one; NaN in x stays."""
        return self.select(self.test("olt", bound, x), bound, x)

    def at_least(self, x: str, bound: Number) -> str:
        return self.select(self.test("ogt", bound, x), bound, x)

    def both(self, a: str, b: str) -> str:
        return self.function.binary("and", self.masks, a, b)

    def either(self, a: str, b: str) -> str:
        return self.function.binary("or", self.masks, a, b)

    def any(self, mask: str) -> str:
        """Whether a mask has a true lane."""
        if self.width == 1:
            return mask
        return self.function.call(f"llvm.vector.reduce.or.v{self.width}i1", "i1", [(self.masks, mask)])

    # ---- bits ----

    def word(self, operation: str, a: str, b: str | int) -> str:
        """An integer operation on the bits of lanes."""
        right = constant(self.words, b) if isinstance(b, int) else b
        return self.function.binary(operation, self.words, a, right)

    def to_bits(self, x: Number) -> str:
        return self.function.convert("bitcast", self.type, self.text(x), self.words)

    def from_bits(self, bits: str) -> str:
        return self.function.convert("bitcast", self.words, bits, self.type)

    def from_integer(self, words: str) -> str:
        """The number that an integer of moderate size is: through the lowest bits of a mantissa, since few machines convert i64."""
        if self.element == "float":
            return self.function.convert("sitofp", self.words, words, self.type)
        anchor = self.to_bits(constant(self.type, 1.5 * 2.0**52))
        return self.sub(self.from_bits(self.word("add", words, anchor)), 1.5 * 2.0**52)

    def to_integer(self, x: str) -> str:
        """The integer of a whole number of moderate size."""
        if self.element == "float":
            return self.function.convert("fptosi", self.type, x, self.words)
        anchor = self.to_bits(constant(self.type, 1.5 * 2.0**52))
        return self.word("sub", self.to_bits(self.add(x, 1.5 * 2.0**52)), anchor)

    def power_of_two(self, n: str) -> str:
        """2^n for whole n of normal range: n is added to a mantissa's end, and the sum's bits are shifted to the exponent."""
        anchored = self.add(n, 1.5 * 2.0**self.mantissa + self.bias)
        return self.from_bits(self.word("shl", self.to_bits(anchored), self.mantissa))

    def rounded_product(self, x: str, factor: float) -> str:
        """x·factor rounded to a whole number of moderate size, by adding a number whose last place is 1."""
        anchor = 1.5 * 2.0**self.mantissa
        return self.sub(self.fma(x, factor, anchor), anchor)

    def scale(self, x: str, n: str) -> str:
        """x·2^n for whole n, rounded once: in hardware or in two steps."""
        if self.has_exponents:
            return self._avx512("scalef", [x, n])
        half = self.floor(self.mul(n, 0.5))
        return self.mul(self.mul(x, self.power_of_two(half)), self.power_of_two(self.sub(n, half)))

    @property
    def has_exponents(self) -> bool:
        """Whether the machine has instructions that take numbers apart and scale them."""
        whole = self.width * self.bits % 512 == 0
        return whole and self.machine.vector_bytes == 64 and self.machine.triple.startswith("x86_64")

    def exponent(self, x: str) -> str:
        """The greatest k with 2^k <= |x|, subnormal x too; -infinity of 0, infinity of infinity. Where `has_exponents`."""
        return self._avx512("getexp", [x])

    def significand(self, x: str) -> str:
        """|x|·2^k between 3/4 and 3/2; NaN of negative x. Where `has_exponents`."""
        return self._avx512("getmant", [x], ("i32", "11"))

    def _avx512(self, name: str, values: Sequence[str], *settings: tuple[str, str]) -> str:
        """An instruction of 512 bits; wider vectors go by halves, which are apart in registers already."""
        function, count = self.function, 512 // self.bits
        if self.width > count:
            low, high = range(self.width // 2), range(self.width // 2, self.width)
            half = Lanes(function, self.element, self.width // 2, self.machine)
            parts = [
                half._avx512(name, [function.shuffle(self.type, v, "poison", places) for v in values], *settings)
                for places in (low, high)
            ]
            return function.shuffle(half.type, parts[0], parts[1], range(self.width))
        letter, mask = ("s", "i16") if self.element == "float" else ("d", "i8")
        arguments = [(self.type, v) for v in values]
        arguments += [*settings, (self.type, "zeroinitializer"), (mask, "-1"), ("i32", "4")]
        return function.call(f"llvm.x86.avx512.mask.{name}.p{letter}.512", self.type, arguments)

    # ---- exact sums and products ----

    def two_sum(self, a: Number, b: Number) -> tuple[str, str]:
        """a + b and its rounding error, for |a| >= |b| (Dekker, Numer. Math. 18, 1971)."""
        total = self.add(a, b)
        return total, self.sub(b, self.sub(total, a))

    def two_sum_any(self, a: Number, b: Number) -> tuple[str, str]:
        """a + b and its rounding error, whichever is larger (Knuth, The Art of Computer Programming 2, 4.2.2)."""
        total = self.add(a, b)
        part = self.sub(total, a)
        return total, self.add(self.sub(a, self.sub(total, part)), self.sub(b, part))

    def two_product(self, a: str, b: str) -> tuple[str, str]:
        """a·b and its rounding error: by one fma, or with factors split in halves (Dekker)."""
        product = self.mul(a, b)
        if self.machine.fma:
            return product, self.fma(a, b, self.neg(product))
        (a_high, a_low), (b_high, b_low) = self._split(a), self._split(b)
        error = self.sub(self.mul(a_high, b_high), product)
        error = self.add(error, self.mul(a_high, b_low))
        error = self.add(error, self.mul(a_low, b_high))
        return product, self.add(error, self.mul(a_low, b_low))

    def _split(self, x: str) -> tuple[str, str]:
        scaled = self.mul(x, 2.0 ** ((self.mantissa + 2) // 2) + 1)
        high = self.sub(scaled, self.sub(scaled, x))
        return high, self.sub(x, high)

    # ---- between sizes ----

    def widened(self, values: Sequence[str]) -> tuple[Lanes, list[str]]:
        """Float lanes as double lanes."""
        wide = Lanes(self.function, "double", self.width, self.machine)
        return wide, [self.function.convert("fpext", self.type, value, wide.type) for value in values]

    def narrowed(self, value: str, to: Lanes) -> str:
        return self.function.convert("fptrunc", self.type, value, to.type)


def shared(lanes: Lanes, name: str, count: int, body: Callable[..., str], arguments: Sequence[str]) -> str:
    """Calls a function of lanes that the module has once for each type: `body(lanes, *parameters)` writes it."""
    full = f"rushlight_{name}_{lanes.element}_{lanes.width}"
    module: Module = lanes.function.module
    if not module.has(full):
        parameters = [(lanes.type, f"p{place}") for place in range(count)]
        function = Function(module, full, parameters, f"fastcc {lanes.type}", attributes="nounwind")
        inside = Lanes(function, lanes.element, lanes.width, lanes.machine)
        result = body(inside, *[f"%{parameter}" for _, parameter in parameters])
        function.end(f"ret {lanes.type} {result}")
    listed = ", ".join(f"{lanes.type} {argument}" for argument in arguments)
    return lanes.function.emit(f"call fastcc {lanes.type} @{full}({listed})")
