"""Writes LLVM IR as text: modules, functions, loops with carried values.

Integers known now are Python ints and fold; everything else is the name of an LLVM value (a string). LLVM runs no passes over
the text (they double the time of compiling and gain nothing here), so what is written is what runs: loops carry their
accumulators as phi values, and addresses are simple.

>>> module = Module()
>>> f = Function(module, "double_it", [("ptr", "x"), ("i64", "n")])
>>> with f.loop(0, "%n") as i:
...     place = f.pointer("%x", i.index, "float")
...     f.store("float", f.binary("fadd", "float", f.load("float", place, 4), f.load("float", place, 4)), place, 4)
>>> f.end()
>>> "define internal void @double_it(ptr %x, i64 %n)" in module.text()
True
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

Int = int | str  # an i64: known now, or an LLVM value


def vector(element: str, width: int) -> str:
    """The LLVM type of `width` elements; of one, the element itself."""
    return element if width == 1 else f"<{width} x {element}>"


def suffix(type: str) -> str:
    """What an overloaded intrinsic's name says of a type: `<16 x float>` is v16f32."""
    names = {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16", "ptr": "p0"}
    if not type.startswith("<"):
        return names.get(type, type)
    count, element = type[1:-1].split(" x ")
    return f"v{count}{names.get(element, element)}"


def float_text(value: float, element: str) -> str:
    """A floating constant: LLVM wants the bits of a double, exactly representable in the element type."""
    if element == "float":
        value = struct.unpack("<f", struct.pack("<f", value))[0] if abs(value) <= 3.4028235677973366e38 else value
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def constant(type: str, value: float | int | bool) -> str:
    """A constant of a type, the same in each lane of a vector."""
    element = type[1:-1].split(" x ")[1] if type.startswith("<") else type
    if element in ("float", "double"):
        text = float_text(float(value), element)
    elif element == "i1":
        text = "true" if value else "false"
    else:
        text = str(int(value))
    return f"splat ({element} {text})" if type.startswith("<") else text


def lanes(type: str, values: Sequence[float | int | bool]) -> str:
    """A vector constant with the given elements."""
    element = type[1:-1].split(" x ")[1]
    return "<" + ", ".join(f"{element} {constant(element, value)}" for value in values) + ">"


def first_lanes(count: int, width: int) -> str:
    """The mask of the first `count` of `width` lanes."""
    return lanes(vector("i1", width), [lane < count for lane in range(width)])


class Module:
    """A compilation unit: functions, global constants, and declarations of what they call.

    `halves` says whether the machine converts float16 by itself.
    """

    def __init__(self, triple: str = "", halves: bool = False) -> None:
        self.triple = triple
        self.halves = halves
        self.parts: list[str] = []
        self.globals: list[str] = []
        self.declarations: dict[str, str] = {}
        self.names: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a function of that name has been begun: shared functions are written once."""
        return name in self.names

    def table(self, name: str, element: str, values: Sequence[int | float]) -> str:
        """A constant array in memory; returns its address."""
        if name not in self.names:
            self.names.add(name)
            items = ", ".join(f"{element} {constant(element, value)}" for value in values)
            self.globals.append(f"@{name} = internal constant [{len(values)} x {element}] [{items}], align 64")
        return f"@{name}"

    def text(self) -> str:
        head = [f'target triple = "{self.triple}"'] if self.triple else []
        declared = [text for name, text in sorted(self.declarations.items()) if name not in self.names]
        return "\n".join([*head, *self.globals, *declared, *self.parts]) + "\n"


class Loop:
    """A loop in the making: its index, its carried values inside (`carried`), next (`next`) and after it (`results`)."""

    def __init__(self, index: str, carried: list[str]) -> None:
        self.index = index
        self.carried = carried
        self.next: list[str] = list(carried)
        self.results: list[str] = []


class Function:
    """Writes one function, instruction by instruction. Methods that compute return the name of the value."""

    def __init__(
        self,
        module: Module,
        name: str,
        parameters: Sequence[tuple[str, str]],
        result: str = "void",
        internal: bool = True,
        attributes: str = "nounwind",
    ) -> None:
        self.module = module
        self.name = name
        self.head = (
            f"{'internal ' if internal else ''}{result} @{name}({', '.join(f'{t} %{n}' for t, n in parameters)})"
        )
        self.attributes = attributes
        self.lines = ["entry:"]
        self.block = "entry"
        self.count = 0
        module.names.add(name)

    # ---- text ----

    def name_value(self) -> str:
        self.count += 1
        return f"%t{self.count}"

    def emit(self, instruction: str) -> str:
        """Adds an instruction that has a result."""
        self.count += 1
        self.lines.append(f"  %t{self.count} = {instruction}")
        return f"%t{self.count}"

    def do(self, instruction: str) -> None:
        """Adds an instruction without a result."""
        self.lines.append(f"  {instruction}")

    def new_label(self) -> str:
        self.count += 1
        return f"b{self.count}"

    def label(self, name: str) -> None:
        """Begins a block; the one before must have ended in a branch."""
        self.lines.append(f"{name}:")
        self.block = name

    def branch(self, target: str) -> None:
        self.do(f"br label %{target}")

    def branch_if(self, condition: str, yes: str, no: str) -> None:
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def end(self, instruction: str = "ret void") -> None:
        """Closes the function and adds it to its module."""
        self.do(instruction)
        body = "\n".join(self.lines)
        self.module.parts.append(f"define {self.head} {self.attributes} {{\n{body}\n}}")

    # ---- i64 arithmetic that folds ----

    def add(self, a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0:
            return b
        return a if b == 0 else self.emit(f"add nsw i64 {a}, {b}")

    def sub(self, a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.emit(f"sub nsw i64 {a}, {b}")

    def mul(self, a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        if a == 1:
            return b
        return a if b == 1 else self.emit(f"mul nsw i64 {a}, {b}")

    def div(self, a: Int, b: int) -> Int:
        """Quotient of a number that is not negative by a positive constant."""
        if isinstance(a, int):
            return a // b
        return a if b == 1 else self.emit(f"udiv i64 {a}, {b}")

    def rem(self, a: Int, b: int) -> Int:
        if isinstance(a, int):
            return a % b
        return 0 if b == 1 else self.emit(f"urem i64 {a}, {b}")

    def least(self, a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return self.intrinsic("llvm.smin", "i64", [("i64", str(a)), ("i64", str(b))])

    def greatest(self, a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return self.intrinsic("llvm.smax", "i64", [("i64", str(a)), ("i64", str(b))])

    def compare(self, predicate: str, a: Int, b: Int) -> str:
        """An i1 of two i64: eq ne slt sle sgt sge ult …"""
        return self.emit(f"icmp {predicate} i64 {a}, {b}")

    def choose(self, condition: str, type: str, yes: Int, no: Int) -> str:
        return self.emit(f"select i1 {condition}, {type} {yes}, {type} {no}")

    # ---- memory ----

    def pointer(self, base: str, index: Int, element: str) -> str:
        """The address of element `index` from `base`."""
        return base if index == 0 else self.emit(f"getelementptr inbounds {element}, ptr {base}, i64 {index}")

    def load(self, type: str, address: str, align: int, tags: str = "") -> str:
        return self.emit(f"load {type}, ptr {address}, align {align}{tags}")

    def store(self, type: str, value: str, address: str, align: int, tags: str = "") -> None:
        self.do(f"store {type} {value}, ptr {address}, align {align}{tags}")

    def masked_load(self, type: str, address: str, mask: str, align: int, otherwise: str = "zeroinitializer") -> str:
        width = type[1:-1].split(" x ")[0]
        name = f"llvm.masked.load.{suffix(type)}.p0"
        self.module.declarations[name] = f"declare {type} @{name}(ptr, <{width} x i1>, {type})"
        return self.emit(f"call {type} @{name}(ptr align {align} {address}, <{width} x i1> {mask}, {type} {otherwise})")

    def masked_store(self, type: str, value: str, address: str, mask: str, align: int) -> None:
        width, element = type[1:-1].split(" x ")
        if mask.startswith("<") and mask.count("true") == 1:
            # One known lane is stored by itself. LLVM 22 does the same, but where the vector was truncated to 16 bits it stores 32.
            place = mask.split(", ").index(next(part for part in mask.split(", ") if "true" in part))
            one = self.emit(f"extractelement {type} {value}, i64 {place}")
            self.store(element, one, self.pointer(address, place, element), align)
            return
        name = f"llvm.masked.store.{suffix(type)}.p0"
        self.module.declarations[name] = f"declare void @{name}({type}, ptr, <{width} x i1>)"
        self.do(f"call void @{name}({type} {value}, ptr align {align} {address}, <{width} x i1> {mask})")

    def stack(self, type: str, count: int = 1, align: int = 64) -> str:
        """Room on the stack, asked for at the function's entry."""
        name = self.name_value()
        self.lines.insert(1, f"  {name} = alloca {type}, i64 {count}, align {align}")
        return name

    # ---- any type ----

    def binary(self, operation: str, type: str, a: str, b: str) -> str:
        return self.emit(f"{operation} {type} {a}, {b}")

    def convert(self, operation: str, source: str, value: str, target: str) -> str:
        """bitcast, zext, sext, trunc, fptosi, sitofp, fpext, fptrunc …"""
        return self.emit(f"{operation} {source} {value} to {target}")

    def select(self, type: str, condition: str, yes: str, no: str) -> str:
        """Chooses lane by lane."""
        width = f"<{type[1:-1].split(' x ')[0]} x i1>" if type.startswith("<") else "i1"
        return self.emit(f"select {width} {condition}, {type} {yes}, {type} {no}")

    def splat(self, type: str, value: str) -> str:
        """A scalar in each lane of a vector type."""
        if not type.startswith("<"):
            return value
        count, element = type[1:-1].split(" x ")
        one = self.emit(f"insertelement {type} poison, {element} {value}, i32 0")
        return self.emit(f"shufflevector {type} {one}, {type} poison, <{count} x i32> zeroinitializer")

    def shuffle(self, type: str, a: str, b: str, places: Sequence[int]) -> str:
        index = ", ".join(f"i32 {place}" for place in places)
        return self.emit(f"shufflevector {type} {a}, {type} {b}, <{len(places)} x i32> <{index}>")

    def fma(self, type: str, a: str, b: str, c: str) -> str:
        return self.intrinsic("llvm.fma", type, [(type, a), (type, b), (type, c)])

    def intrinsic(self, name: str, result: str, arguments: Sequence[tuple[str, str]], flags: str = "") -> str:
        """Calls an intrinsic overloaded on its result's type: `llvm.fma` at float is llvm.fma.f32."""
        return self.call(f"{name}.{suffix(result)}", result, arguments, flags)

    def call(self, name: str, result: str, arguments: Sequence[tuple[str, str]], flags: str = "") -> str:
        """Calls a function; declares it where the module does not define it. Of a void function the result is ''."""
        listed = ", ".join(f"{type} {value}" for type, value in arguments)
        types = ", ".join(type for type, _ in arguments)
        self.module.declarations.setdefault(name, f"declare {result} @{name}({types})")
        text = f"call {flags + ' ' if flags else ''}{result} @{name}({listed})"
        if result == "void":
            self.do(text)
            return ""
        return self.emit(text)

    # ---- control ----

    @contextmanager
    def loop(self, low: Int, high: Int, step: int = 1, carried: Sequence[tuple[str, str]] = ()) -> Iterator[Loop]:
        """`for index in range(low, high, step)`; `carried` are (type, initial value).

        Inside, set `loop.next` to the values after this turn; `loop.results` has the last ones when the loop is over. A loop known not to
        run still needs its body written: do not call this with known low >= high.
        """
        known = isinstance(low, int) and isinstance(high, int)
        assert not known or int(low) < int(high), f"a loop from {low} to {high}"
        before, body, after = self.block, self.new_label(), self.new_label()
        index = self.name_value()
        loop = Loop(index, [self.name_value() for _ in carried])
        if known:
            self.branch(body)
        else:
            self.branch_if(self.compare("slt", low, high), body, after)
        self.label(body)
        place = len(self.lines)
        self.lines.append("")
        yield loop
        following = self.emit(f"add nsw i64 {index}, {step}")
        again = self.compare("slt", following, high)
        latch = self.block
        self.branch_if(again, body, after)
        phis = [f"  {index} = phi i64 [ {low}, %{before} ], [ {following}, %{latch} ]"]
        for (type, start), name, value in zip(carried, loop.carried, loop.next, strict=True):
            phis.append(f"  {name} = phi {type} [ {start}, %{before} ], [ {value}, %{latch} ]")
        self.lines[place] = "\n".join(phis)
        self.label(after)
        for (type, start), value in zip(carried, loop.next, strict=True):
            skipped = "" if known else f"[ {start}, %{before} ], "
            loop.results.append(self.emit(f"phi {type} {skipped}[ {value}, %{latch} ]"))

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """What is written inside runs where the condition holds."""
        inside, after = self.new_label(), self.new_label()
        self.branch_if(condition, inside, after)
        self.label(inside)
        yield
        self.branch(after)
        self.label(after)
