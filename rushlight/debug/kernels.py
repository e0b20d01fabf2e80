"""A kernel to look at: its text, LLVM IR, assembly, and a file that runs it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..backend.cpu import build
from ..backend.cpu.generate import GENERATORS
from ..backend.cpu.generated import Generated
from ..dtype import INTEGER
from ..ir.expr import Load
from ..kernel.buffer import Buffer
from ..kernel.index import Index
from ..kernel.nest import Nest, walk
from ..kernel.scatter import Scatter
from ..passes.lower import Launch
from ..runtime.compiled import CompiledPlan
from . import names, work
from .saved import Argument, source
from .sites import Site


class Kernel:
    """What there is to know of a kernel without running it.

    >>> import rushlight as torch
    >>> x = torch.ones(64, 64)
    >>> kernel = torch.explain(lambda: (x * 2 + 1).sum(1), repeat=1).kernels[0]
    >>> kernel.name, kernel.flops
    ('mul+add+sum 64 rows of 64', 12288)
    >>> "define" in kernel.ir()
    True
    """

    def __init__(self, variant: CompiledPlan, launch: Launch, sites: dict[int, Site]) -> None:
        self.name = names.kernel_name(variant.fusion, launch, sites)
        self.kernel = launch.kernel
        self.operands, self.results = work.buffers(variant.lowering, launch)
        inside = names.members(variant.fusion, launch)
        self.ops = names.op_names(variant.graph, inside)
        self.lines = names.lines(variant.graph, inside, sites)
        self.flops = work.flops(self.kernel)
        # Each operand read once, each result written once.
        self.bytes = sum(map(work.touched, (*self.operands, *self.results)))

    def text(self) -> str:
        """What it computes, in Rushlight's own words: the key under which it is kept."""
        return str(self.kernel.key())

    def generated(self) -> Generated:
        """What its generator makes of it for this machine."""
        return GENERATORS[type(self.kernel)](self.kernel, build.host_machine())

    def ir(self) -> str:
        """LLVM IR."""
        return self.generated().text

    def assembly(self) -> str:
        """The machine's assembly."""
        return build.assembly(self.ir(), build.host_machine())

    def arguments(self) -> list[Argument]:
        """Its operands, then its results, as what a saved kernel says of them."""
        bounds = _index_bounds(self.kernel)
        return [
            *(_argument(buffer, bounds.get(number, 2), False) for number, buffer in enumerate(self.operands)),
            *(_argument(buffer, 0, True) for buffer in self.results),
        ]

    def save(self, path: str | Path) -> None:
        """Writes one Python file that compiles and times the kernel alone, on random operands: `python file.py`."""
        made = self.generated()
        Path(path).write_text(source(self, made, self.arguments(), build.host_machine()), encoding="utf-8")

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"


def _argument(buffer: Buffer, bound: int, result: bool) -> Argument:
    is_index = buffer.dtype.category == INTEGER and not result
    return Argument(
        buffer.dtype.storage.name, buffer.dtype.name, buffer.shape, buffer.strides, bound if is_index else 0, result
    )


def _index_bounds(kernel: Any) -> dict[int, int]:
    """For operands whose elements are places in others: how many places there are."""
    if isinstance(kernel, Scatter):
        first = 1 if kernel.base is None else 2
        return {first + place: extent for place, extent in enumerate(kernel.rows)}
    bounds: dict[int, int] = {}
    if isinstance(kernel, Nest):
        seen: set[int] = set()
        for statement in kernel.statements():
            for part in walk(statement.value, seen):
                if isinstance(part, Index):
                    _note_bounds(part, bounds)
    return bounds


def _note_bounds(index: Index, bounds: dict[int, int]) -> None:
    for atom, _ in index.terms:
        if atom.key[0] == "data":
            for inner in walk(atom.key[1]):
                if isinstance(inner, Load):
                    bounds[inner.operand] = min(bounds.get(inner.operand, atom.high + 1), atom.high + 1)
        elif atom.key[0] in ("div", "rem"):
            _note_bounds(atom.key[1], bounds)
