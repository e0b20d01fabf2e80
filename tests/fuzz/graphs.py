"""Random expression graphs: elementwise, reductions, products, movement, indexing, casts, with gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .program import Builder, Program, literal

Proposal = tuple[str, bool]  # expression, whether its rounding may differ between libraries

FLOATS = ("float64", "float64", "float64", "float32", "float32", "float16", "bfloat16")
INTEGERS = ("int64", "int64", "int32", "uint8", "int8", "int16")
SHAPES = (
    (),
    (1,),
    (2,),
    (3,),
    (4,),
    (2, 3),
    (3, 2),
    (1, 3),
    (3, 1),
    (2, 2),
    (2, 1, 3),
    (1, 2, 2),
    (2, 3, 2),
    (2, 2, 1, 2),
)
EMPTY = ((0,), (0, 3), (2, 0), (1, 0, 2))

# Smooth functions take rounded operands; the others have jumps or poles, so they take exact ones alone.
SMOOTH = (
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "exp",
    "arctan",
    "erf",
    "nn.functional.silu",
    "nn.functional.softplus",
    "expm1",
)
ROUNDED = ("log", "log1p", "sqrt", "rsqrt", "tan", "asin", "log2", "lgamma", "exp2", "sinh")
CORRECT = (
    "neg",
    "abs",
    "floor",
    "ceil",
    "trunc",
    "round",
    "relu",
    "sign",
    "square",
    "reciprocal",
    "positive",
    "frac",
)
TESTS = ("isnan", "isinf", "isfinite", "logical_not", "signbit")
ARITHMETIC = ("+", "-", "*")
POLED = ("/", "//", "%")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
BINARY = (
    "maximum",
    "minimum",
    "fmod",
    "fmax",
    "fmin",
    "remainder",
    "copysign",
    "hypot",
    "atan2",
    "logaddexp",
    "floor_divide",
)
LOGICAL = ("logical_and", "logical_or", "logical_xor")
BITWISE = ("&", "|", "^")


def _floating(t: torch.Tensor) -> bool:
    return t.is_floating_point()


def _dyadic(t: torch.Tensor) -> bool:
    """Whether sums of the elements are free of rounding."""
    if not t.is_floating_point():
        return not t.is_complex()
    if t.dtype.itemsize < 4:
        return False
    wide = t.detach().double()
    return bool((torch.isfinite(wide) & (wide * 64 == (wide * 64).round()) & (wide.abs() < 4096)).all())


class GraphBuilder(Builder):
    """Proposes expressions over the tensors there are."""

    def source(self) -> None:
        """A tensor of literal values, now and then NaN or infinite, that may require grad."""
        shape = self.random.choice(EMPTY if self.random.random() < 0.1 else SHAPES)
        numel = torch.Size(shape).numel()
        roll = self.random.random()
        if roll < 0.65 or self.count == 0:
            dtype = self.random.choice(FLOATS)
            odd = ["nan", "inf", "-inf", "-0.0"] if self.random.random() < 0.1 else []
            pool = [k / 4 for k in range(-12, 13)] + [float(o) for o in odd for _ in range(3)]
        elif roll < 0.9:
            dtype = self.random.choice(INTEGERS)
            pool = list(range(0 if dtype == "uint8" else -4, 6))
        else:
            dtype, pool = "bool", [True, False]
        values = [self.random.choice(pool) for _ in range(numel)]
        nest = torch.empty(shape).tolist()
        text = literal(_fill(nest, iter(values)))
        grad = ", requires_grad=True" if dtype.startswith(("float", "bfloat")) and self.random.random() < 0.7 else ""
        size = f".reshape({tuple(shape)})" if numel == 0 else ""
        name = self.fresh()
        if size:
            self.add(f"{name} = torch.zeros({tuple(shape)}, dtype=torch.{dtype}{grad})", (name,))
        else:
            self.add(f"{name} = torch.tensor({text}, dtype=torch.{dtype}{grad})", (name,))

    def rounds(self, *names: str) -> bool:
        """Whether an exact operation on these gives a rounded result, since they are rounded themselves."""
        return any(n in self.program.inexact for n in names)

    def unary(self) -> Proposal | None:
        roll = self.random.random()
        if roll < 0.35:
            a = self.pick()
            return (f"torch.{self.random.choice(SMOOTH)}({a})", True) if a else None
        a = self.pick(exact=True)
        if not a:
            return None
        if roll < 0.5:
            return f"torch.{self.random.choice(ROUNDED)}({a})", True
        return f"torch.{self.random.choice(TESTS if roll > 0.9 else CORRECT)}({a})", False

    def scalar(self) -> str:
        return self.random.choice(("2", "3", "-1", "0.5", "1.5", "0", "True", "-2.25"))

    def binary(self) -> Proposal | None:
        roll = self.random.random()
        if roll < 0.45:
            a, b = self.pick(), self.pick()
            if a and b and self.random.random() < 0.25:
                return self._mixed(a, self.random.choice(ARITHMETIC))
            return (f"{a} {self.random.choice(ARITHMETIC)} {b}", self.rounds(a, b)) if a and b else None
        a, b = self.pick(exact=True), self.pick(exact=True)
        if not (a and b):
            return None
        if roll < 0.65:
            op = self.random.choice(POLED + COMPARISONS)
            return self._mixed(a, op) if self.random.random() < 0.4 else (f"{a} {op} {b}", False)
        if roll < 0.75:
            return f"{a} {self.random.choice(BITWISE)} {b}", False
        if roll < 0.85:
            return f"torch.{self.random.choice(LOGICAL)}({a}, {b})", False
        if roll < 0.9:
            return f"{a} ** {self.random.choice(('2', '3', '0.5', '1', '0', '-1', b))}", True
        name = self.random.choice(BINARY)
        return f"torch.{name}({a}, {b})", name in ("hypot", "atan2", "logaddexp")

    def _mixed(self, a: str, op: str) -> Proposal:
        other = self.scalar()
        text = f"{a} {op} {other}" if self.random.random() < 0.6 else f"{other} {op} {a}"
        return text, self.rounds(a)

    def choice(self) -> Proposal | None:
        c, a, b = self.pick(lambda t: t.dtype is torch.bool), self.pick(), self.pick()
        if not (a and b):
            return None
        if c and self.random.random() < 0.7:
            other = self.scalar() if self.random.random() < 0.2 else b
            return f"torch.where({c}, {a}, {other})", self.rounds(a, b)
        d = self.pick(exact=True)
        low, high = self.random.choice((("-1", "1"), ("0", "None"), ("None", "0.5"), ("min=-2", "max=2")))
        return (f"torch.clamp({d}, {low}, {high})", False) if d else None

    def axis(self, name: str) -> int:
        rank = self.value(name).dim()
        return self.random.randrange(-rank, rank) if rank else self.random.choice((0, -1))

    def axes(self, name: str) -> str:
        rank = self.value(name).dim()
        some = tuple(sorted(self.random.sample(range(rank), self.random.randint(0, rank)))) if rank else ()
        return self.random.choice((str(self.axis(name)), str(some), str(some)))

    def reduction(self) -> Proposal | None:
        a = self.pick()
        if not a:
            return None
        keep = self.random.choice(("", "", ", keepdim=True"))
        free = _dyadic(self.value(a)) and a not in self.program.inexact
        roll = self.random.random()
        if roll < 0.25:
            return f"{a}.sum({self.axes(a)}{keep})", not free
        if roll < 0.3:
            return f"{a}.sum()", not free
        if roll < 0.4:
            return f"{a}.mean({self.axes(a)}{keep})", True
        if roll < 0.5:
            names = ["cumsum", "logsumexp"] + ["softmax", "log_softmax"] * _floating(self.value(a))
            if bool(torch.isfinite(self.value(a)).all()):  # how far a NaN spreads in its gradient may differ
                names += ["prod", "cumprod"]
            name = self.random.choice(names)
            return f"{a}.{name}({self.axis(a)})", name != "cumsum" or not free
        if roll < 0.55:
            name, axes = self.random.choice(("var", "std")), self.axes(a)
            axes = axes if axes != "()" else str(self.axis(a))  # PyTorch errs in the gradient with no axes
            return f"{a}.{name}({axes}, correction={self.random.choice((0, 1))}{keep})", True
        b = self.pick(exact=True)
        if not b:
            return None
        if roll < 0.7:
            return f"{b}.{self.random.choice(('amax', 'amin'))}({self.axes(b)}{keep})", False
        if roll < 0.8:
            name = self.random.choice(("max", "min"))
            return f"{b}.{name}({self.axis(b)}{keep})[{self.random.randrange(2)}]", False
        if roll < 0.9:
            name = self.random.choice(("argmax", "argmin", "any", "all", "count_nonzero"))
            return f"{b}.{name}({self.random.choice((str(self.axis(b)), ''))})", False
        name = self.random.choice(("sort", "cummax", "cummin"))
        stable = ", stable=True" if name == "sort" else ""
        axis = f"dim={self.axis(b)}" if name == "sort" else str(self.axis(b))
        return f"{b}.{name}({axis}{stable})[{self.random.randrange(2)}]", False

    def product(self) -> Proposal | None:
        a = self.pick(lambda t: t.dim() >= 1 and t.dtype is not torch.bool)
        if not a:
            return None
        one = self.value(a)
        b = self.pick(lambda t: t.dim() >= 1 and t.dtype == one.dtype and t.shape[max(-2, -t.dim())] == one.shape[-1])
        if b is None or self.random.random() < 0.2:
            return f"{a} @ {a}.transpose(-1, -2 if {a}.dim() > 1 else -1)", True
        return f"torch.matmul({a}, {b})", True

    def shape_for(self, numel: int) -> tuple[int, ...]:
        """A shape with so many elements."""
        shape: list[int] = []
        while numel > 1 and self.random.random() < 0.7:
            divisor = self.random.choice([d for d in range(1, numel + 1) if numel % d == 0])
            shape.append(divisor)
            numel //= divisor
        return (*shape, numel) if numel != 1 or self.random.random() < 0.5 else tuple(shape)

    def movement(self) -> Proposal | None:
        a = self.pick()
        if not a:
            return None
        t = self.value(a)
        rank, rounded = t.dim(), self.rounds(a)
        roll = self.random.random()
        if roll < 0.2:
            return f"{a}.reshape({self.shape_for(t.numel())})", rounded
        if roll < 0.3:
            return f"{a}.permute({tuple(self.random.sample(range(rank), rank))})", rounded
        if roll < 0.4:
            return f"{a}.transpose({self.axis(a)}, {self.axis(a)})", rounded
        if roll < 0.5:
            more = (self.random.randint(1, 2),) * self.random.randint(0, 1)
            size = (*more, *(self.random.randint(0, 3) if s == 1 else self.random.choice((s, -1)) for s in t.shape))
            return f"{a}.expand({size})", rounded
        if roll < 0.6:
            return f"{a}.flip({self.axis(a)})", rounded
        if roll < 0.7:
            return f"{a}.unsqueeze({self.random.randint(-rank - 1, rank)})", rounded
        if roll < 0.8:
            return f"{a}.squeeze({self.random.choice(('', str(self.axis(a))))})", rounded
        if roll < 0.9:
            return f"torch.roll({a}, {self.random.randint(-3, 3)}, {self.axis(a)})", rounded
        repeats = tuple(self.random.randint(0, 2) for _ in range(rank + self.random.randint(0, 1)))
        return self.random.choice(
            ((f"{a}.repeat({repeats})", rounded), (f"{a}.flatten()", rounded), (f"{a}.movedim(0, -1)", rounded))
        )

    def joining(self) -> Proposal | None:
        a = self.pick()
        if not a:
            return None
        shape = self.value(a).shape
        b = self.pick(lambda t: t.shape == shape) or a
        c = self.pick(lambda t: t.dim() == len(shape)) or a
        return self.random.choice(
            (
                (f"torch.stack([{a}, {b}], {self.axis(a)})", self.rounds(a, b)),
                (f"torch.cat([{a}, {c}, {b}], {self.axis(a)})", self.rounds(a, b, c)),
                (f"torch.cat([{a}, {b}], {self.axis(a)})", self.rounds(a, b)),
                (f"{a}.chunk(2, {self.axis(a)})[-1]", self.rounds(a)),
                (f"{a}.split(1, {self.axis(a)})[0]", self.rounds(a)),
            )
        )

    def slice_text(self, size: int) -> str:
        start = self.random.choice(("", "0", "1", "-1", "-2", str(size)))
        stop = self.random.choice(("", "", "1", "2", "-1", str(size)))
        return f"{start}:{stop}{self.random.choice(('', '', ':2', ':3'))}"

    def index_text(self, t: torch.Tensor) -> str:
        """Subscripts: integers, slices, None, ..., lists, masks."""
        parts: list[str] = []
        for size in t.shape[: self.random.randint(0, t.dim())]:
            roll = self.random.random()
            if roll < 0.45:
                parts.append(self.slice_text(size))
            elif roll < 0.65:
                parts.append(str(self.random.randrange(-size, size)) if size else ":")
            elif roll < 0.8 and size:
                picks = [self.random.randrange(-size, size) for _ in range(self.random.choice((1, 2, 2)))]
                parts.append(f"torch.tensor({picks})")
            elif roll < 0.9:
                parts.append(f"torch.tensor({[self.random.random() < 0.5 for _ in range(size)]}, dtype=torch.bool)")
            else:
                parts += ["None", ":"]
        if self.random.random() < 0.2:
            parts.insert(self.random.randint(0, len(parts)), "...")
        return ", ".join(parts) or "..."

    def indexing(self) -> Proposal | None:
        a = self.pick()
        if not a:
            return None
        t, rounded = self.value(a), self.rounds(a)
        if self.random.random() < 0.6 or t.dim() == 0:
            return f"{a}[{self.index_text(t)}]", rounded
        axis = self.axis(a)
        size = t.shape[axis]
        picks = [self.random.randrange(size) for _ in range(3)] if size else []
        name = self.random.choice(
            ("index_select", "narrow", "masked_fill", "gather", "tril", "index_add", "masked_select")
        )
        if name == "index_select":
            return f"{a}.index_select({axis}, torch.tensor({picks}, dtype=torch.int64))", rounded
        if name == "narrow":
            start = self.random.randint(0, size)
            return f"{a}.narrow({axis}, {start}, {self.random.randint(0, size - start)})", rounded
        if name == "gather":
            return f"{a}.gather({axis}, (torch.zeros_like({a}, dtype=torch.int64) + {max(size - 1, 0)}))", rounded
        if name == "index_add":
            return f"{a}.index_add({axis}, torch.arange({size}), {a})", rounded
        if name == "tril":
            return f"{a}.{self.random.choice(('tril', 'triu'))}({self.random.randint(-1, 1)})", rounded
        mask = self.pick(lambda m: m.dtype is torch.bool and m.dim() <= t.dim())
        if not mask:
            return None
        return (f"{a}.masked_fill({mask}, 2)" if name == "masked_fill" else f"{a}.masked_select({mask})"), rounded

    def cast(self) -> Proposal | None:
        a = self.pick(exact=True)
        if not a:
            return None
        t = self.value(a)
        tame = not _floating(t) or bool((torch.isfinite(t) & (t.abs() < 100)).all())
        target = self.random.choice(FLOATS + ((*INTEGERS, "bool") if tame and not bool((t < 0).any()) else ()))
        return self.random.choice((f"{a}.to(torch.{target})", f"{a}.type(torch.{target})")), False

    def detaching(self) -> Proposal | None:
        a = self.pick(lambda t: t.requires_grad)
        return (f"{a}.{self.random.choice(('detach()', 'clone()', 'contiguous()'))}", self.rounds(a)) if a else None

    KINDS = (
        ("unary", 5),
        ("binary", 7),
        ("choice", 2),
        ("reduction", 5),
        ("product", 2),
        ("movement", 5),
        ("joining", 2),
        ("indexing", 4),
        ("cast", 1),
        ("detaching", 1),
    )

    def step(self) -> None:
        """Adds one expression, or fails to."""
        kinds, weights = zip(*self.KINDS, strict=True)
        proposal: Callable[[], Proposal | None] = getattr(self, self.random.choices(kinds, weights)[0])
        made = proposal()
        if made is not None:
            text, inexact = made
            name = self.fresh()
            self.add(f"{name} = {text}", (name,), inexact, keep_error=0.1)

    def gradient(self) -> None:
        """Gradients of several outputs, now and then of the second order or by `backward`."""
        leaves = self.tensors(lambda t: t.requires_grad and t.is_leaf)
        outputs = self.tensors(lambda t: t.requires_grad and not t.is_leaf)
        if not leaves or not outputs:
            return
        chosen = sorted(self.random.sample(outputs, min(len(outputs), self.random.randint(1, 3))), key=outputs.index)
        weights = ", ".join(f"torch.full_like({o}, {self.random.choice((1.0, 0.5, -1.5))})" for o in chosen)
        roll = self.random.random()
        if roll < 0.3:
            self.add(f"torch.autograd.backward([{', '.join(chosen)}], [{weights}], retain_graph=True)")
            for leaf in leaves:
                if self.scope[leaf].grad is not None:
                    name = self.fresh()
                    self.add(f"{name} = {leaf}.grad", (name,), inexact=True)
            return
        more = ", create_graph=True" if roll > 0.7 else ""
        name = self.fresh()
        inputs = ", ".join(leaves)
        ok = self.add(
            f"{name} = torch.autograd.grad([{', '.join(chosen)}], [{inputs}], [{weights}], allow_unused=True{more})",
            (name,),
            inexact=True,
        )
        if ok and more:
            live = [i for i, g in enumerate(self.scope[name]) if g is not None and g.requires_grad and g.numel()]
            if live:
                again = self.fresh()
                terms = [f"{name}[{i}].double().cos().sum()" for i in live] + [f"{leaf}.sum()" for leaf in leaves]
                total = " + ".join(terms)  # with the leaves, since a gradient that is constant may be untracked
                self.add(
                    f"{again} = torch.autograd.grad({total}, [{inputs}], allow_unused=True)", (again,), inexact=True
                )


def _fill(nest: object, values: object) -> object:
    if isinstance(nest, list):
        return [_fill(n, values) for n in nest]
    return next(values)  # type: ignore[call-overload]


def generate(seed: int) -> Program:
    """The program of a seed."""
    builder = GraphBuilder("graphs", seed)
    for _ in range(builder.random.randint(1, 4)):
        builder.source()
    for _ in range(builder.random.randint(4, 16)):
        builder.step()
    builder.gradient()
    return builder.program
