"""Random programs of views and in-place operations: every alias must see every write, and gradients must be right.

PyTorch's backward refuses, or with `.data` goes wrong, where a value that an operation saved was overwritten. Programs
that write behind autograd's back therefore use operations alone that save no values. PyTorch also refuses writes to the
several views of `chunk`, `split`, `unbind` where gradients flow, so these appear in programs without gradients alone.
"""

from __future__ import annotations

import re

import torch

from .graphs import GraphBuilder, _dyadic
from .program import Program

LINEAR_IN_PLACE = ("add_", "sub_", "copy_")
SAVING_IN_PLACE = ("mul_", "div_")
UNARY_IN_PLACE = ("neg_", "zero_")
SAVING_UNARY = ("relu_", "abs_", "square_", "floor_", "sign_", "clamp_(-1, 1)", "clamp_(min=0)")


def overlaps(t: torch.Tensor) -> bool:
    """Whether two elements of a tensor stand in one place: what a write means then depends on its order."""
    places = torch.zeros(t.shape, dtype=torch.int64)
    for axis, (size, stride) in enumerate(zip(t.shape, t.stride(), strict=True)):
        places += (torch.arange(size) * stride).reshape([-1 if a == axis else 1 for a in range(t.dim())])
    return places.unique().numel() < t.numel()


class ViewBuilder(GraphBuilder):
    """Proposes views of the tensors there are, writes through them, and readings."""

    def __init__(self, kind: str, seed: int) -> None:
        super().__init__(kind, seed)
        self.laid_out: set[str] = (
            set()
        )  # results in whose memory PyTorch keeps the order of an operand that is permuted
        self.behind = self.random.random() < 0.4  # `.data`, `.detach()` and `no_grad` writes

    def view(self) -> str | None:
        """An expression that makes a view (or, now and then, a copy that looks like one)."""
        a = self.pick(lambda t: t.dim() > 0) if self.random.random() < 0.9 else self.pick()
        if not a:
            return None
        t = self.value(a)
        rank = t.dim()
        axis = self.axis(a)
        size = t.shape[axis] if rank else 0
        start = self.random.randint(0, size)
        options = [
            f"{a}[{self.basic_index(t)}]",
            f"{a}[{self.basic_index(t)}]",
            f"{a}.transpose({axis}, {self.axis(a)})",
            f"{a}.permute({tuple(self.random.sample(range(rank), rank))})",
            f"{a}.unsqueeze({self.random.randint(-rank - 1, rank)})",
            f"{a}.squeeze()",
            f"{a}.expand({tuple(self.random.choice((2, 3)) if s == 1 else s for s in t.shape)})",
            f"{a}.expand(2, {', '.join(['-1'] * rank)})",
            f"{a}.diagonal({self.random.randint(-1, 1)})",
            f"{a}.unfold({axis}, {max(1, size - 1)}, 1)",
            f"{a}.select({axis}, {self.random.randrange(-size, size) if size else 0})",
            f"{a}.narrow({axis}, {start}, {self.random.randint(0, size - start)})",
            f"{a}.movedim(0, -1)",
            f"{a}.clone()",
            f"{a}.view_as({a})",
            f"{a}.swapaxes(0, -1)",
            f"{a}.mT",
        ]
        if a not in self.laid_out:
            options += [f"{a}.view({self.shape_for(t.numel())})", f"{a}.view(-1)", f"{a}.contiguous()"]
            options += [f"{a}.reshape({self.shape_for(t.numel())})", f"{a}.flatten()"]
        if not self.tensors(lambda other: other.requires_grad):
            options += [f"{a}.chunk(2, {axis})[{self.random.randrange(2)}]", f"{a}.unbind({axis})[0]"]
            options += [f"{a}.split(2, {axis})[-1]", f"{a}.tensor_split(2, {axis})[0]"]
        if self.behind:
            options += [f"{a}.detach()", f"{a}.data", f"{a}.detach()[{self.basic_index(t)}]"]
        return self.random.choice(options)

    def basic_index(self, t: torch.Tensor) -> str:
        """Subscripts that make a view."""
        parts = []
        for size in t.shape[: self.random.randint(0, t.dim())]:
            roll = self.random.random()
            if roll < 0.7:
                parts.append(self.slice_text(size))
            else:
                parts.append(str(self.random.randrange(-size, size)) if size and roll < 0.9 else "None, :")
        return ", ".join(parts) or "..."

    def operand(self, t: torch.Tensor) -> str:
        """A scalar, or a variable that broadcasts to `t`, perhaps one of its own aliases."""

        def fits(other: torch.Tensor) -> bool:
            if other.requires_grad and not t.is_floating_point():
                return False
            if other is not t and other.untyped_storage().data_ptr() == t.untyped_storage().data_ptr():
                return False  # PyTorch reads what it has written already
            try:
                return torch.broadcast_shapes(other.shape, t.shape) == t.shape
            except RuntimeError:
                return False

        # A detached alias that takes a tracked operand would get a history of its own.
        name = self.pick(
            lambda value: fits(value) and not (self.behind and value.requires_grad and not t.requires_grad)
        )
        return name if name and self.random.random() < 0.6 else self.random.choice(("1", "-2", "0.5", "3"))

    def write(self) -> str | None:
        """A statement that changes a tensor in place."""
        a = self.pick(lambda candidate: not overlaps(candidate))
        if not a:
            return None
        t = self.value(a)
        other = self.operand(t)
        axis = self.axis(a)
        size = t.shape[axis] if t.dim() else 0
        picks = [self.random.randrange(size) for _ in range(2)] if size else []
        index = self.index_text(t)
        first = "torch.tensor([0], dtype=torch.int64)" if t.dim() and len(t) else "torch.zeros(0, dtype=torch.int64)"
        names = LINEAR_IN_PLACE if self.behind else LINEAR_IN_PLACE + SAVING_IN_PLACE
        one = f"torch.tensor({picks[:1]}, dtype=torch.int64)"
        tensor = other if other.startswith("v") else f"torch.full_like({a}, {other})"
        options = [
            f"{a}.{self.random.choice(names)}({tensor})",
            f"{a}.{self.random.choice(names)}({tensor})",
            f"{a} += {other}",
            f"{a} -= {other}",
            f"{a}.add_({other}, alpha=2)",
            f"{a}.fill_({self.random.choice(('1.5', '0', '-2'))})",
            f"{a}.mul_(2)",
            f"{a}.{self.random.choice(UNARY_IN_PLACE)}()",
            f"{a}[{index}] = {other}",
            f"{a}[{index}] = {self.random.choice(('1', '0.25'))}",
            f"{a}[{self.basic_index(t)}] += {self.random.choice(('1', '2'))}",
            f"{a}.masked_fill_({a}.detach() > {self.random.choice(('0', '1'))}, 2)",
            f"{a}[{a}.detach() < 0] = {self.random.choice(('0', '1'))}",
            f"{a}.index_fill_({axis}, torch.tensor({picks}, dtype=torch.int64), -1)",
            f"{a}.index_add_({axis}, {one}, {a}.detach().narrow({axis}, 0, 1))",
            f"{a}.scatter_({axis}, torch.zeros_like({a}, dtype=torch.int64), 3)",
            f"{a}.index_copy_({axis}, {one}, {a}.detach().narrow({axis}, 0, 1) * 2)",
        ]
        plain = f"{other}.detach()" if other.startswith("v") else other
        if t.dim():
            put = f"({first},), torch.ones((), dtype={a}.dtype)"
            options.append(f"{a}.index_put_({put}, accumulate={self.random.random() < 0.5})")
        if not self.behind:
            roll = self.random.choice(SAVING_UNARY)
            options += [
                f"{a} *= {other}",
                f"{a}.{roll if '(' in roll else roll + '()'}",
                f"{a}.addcmul_({tensor}, {tensor})",
            ]
        else:
            options += [
                f"{a}.data.mul_(2)",
                f"{a}.data[{self.basic_index(t)}] = {plain}",
                f"{a}.detach().add_({plain})",
                f"torch.no_grad()(lambda: {a}.add_({other}))()",
                f"torch.no_grad()(lambda: {a}.mul_(0.5))()",
            ]
        return self.random.choice(options)

    def reading(self) -> tuple[str, bool] | None:
        """A value computed from what a tensor holds now."""
        a, b = self.pick(), self.pick()
        if not a or not b:
            return None
        free = _dyadic(self.value(a)) and not self.rounds(a)
        options = [(f"{a} + {b}", self.rounds(a, b)), (f"{a}.sum()", not free), (f"{a} * 2", self.rounds(a))]
        options += [(f"torch.cat([{a}, {a}], {self.axis(a)})", self.rounds(a)), (f"{a}.clone()", self.rounds(a))]
        if not self.behind:
            options += [(f"{a} * {b}", self.rounds(a, b)), (f"{a}.sin()", True)]
        return self.random.choice(options)

    def look(self) -> None:
        """Forces a value, or all of them."""
        a = self.pick()
        if a:
            self.add(
                self.random.choice((f"{a}.tolist()", f"str({a})", f"{a}.sum().item()", f"{a}.detach().clone().numpy()"))
            )

    def write_spreads_rounding(self, text: str) -> bool:
        """Whether a write may carry rounded values into tensors held to be exact."""
        return any(name in text for name in self.program.inexact)

    def note_layout(self, name: str, text: str, is_view: bool) -> None:
        """Remembers a result whose order in memory may not be row-major in PyTorch, or a view of one."""
        used = [n for n in self.tensors() if re.search(rf"\b{n}\b", text) and n != name]
        if any(n in self.laid_out or not (is_view or self.value(n).is_contiguous()) for n in used):
            self.laid_out.add(name)

    def step(self) -> None:
        """Adds a view, a write, a reading or a look."""
        roll = self.random.random()
        if roll < 0.4:
            text = self.view()
            if text:
                name = self.fresh()
                rounded = self.rounds(text.split(".")[0].split("[")[0])
                if self.add(f"{name} = {text}", (name,), rounded, keep_error=0.1):
                    self.note_layout(name, text, is_view=".clone()" not in text)
        elif roll < 0.75:
            text = self.write()
            if text and self.add(text, keep_error=0.1) and self.write_spreads_rounding(text):
                self.program.inexact.update(self.program.names())
        elif roll < 0.9:
            made = self.reading()
            if made:
                name = self.fresh()
                if self.add(f"{name} = {made[0]}", (name,), made[1]):
                    self.note_layout(name, made[0], is_view=False)
        else:
            self.look()


def generate(seed: int) -> Program:
    """The program of a seed."""
    builder = ViewBuilder("views", seed)
    for _ in range(builder.random.randint(1, 3)):
        builder.source()
    if builder.random.random() < 0.7:  # something that tracks gradients and may be written to
        leaf = builder.pick(lambda t: t.requires_grad)
        if leaf:
            name = builder.fresh()
            builder.add(f"{name} = {leaf} * 2", (name,))
    for _ in range(builder.random.randint(5, 20)):
        builder.step()
    builder.gradient()
    return builder.program
