"""The graph that the passes work on: values in order, each an input, a constant or an op of earlier values.

Equal ops of equal operands are one value (common subexpressions, forward and backward together). Ops that only steer gradient flow, and
movements that move nothing, are their operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..ir.graph import Signature, signature_of
from ..ir.op import Op
from ..ir.type import TupleType, Type

TRANSPARENT = {"leaf", "stop", "graft", "identity"}
AnyType = Type | TupleType


def _unchanged(*_: object) -> None:
    return None


class Graph:
    """`signatures[v]` is None for an input or a constant; `operands[v]` are earlier values."""

    def __init__(self, simplify: Callable[..., int | None] = _unchanged) -> None:
        """`simplify(graph, signature, operands)` may give a value in the place of an op that is to be added."""
        self.simplify = simplify
        self.signatures: list[Signature | None] = []
        self.operands: list[tuple[int, ...]] = []
        self.types: list[AnyType] = []
        self.source = -1  # the slot of the trace whose values are being added
        self.sources: list[int] = []  # for each value the slot that first needed it
        self.inputs: list[int] = []
        self.constants: dict[int, np.ndarray] = {}
        self.outputs: list[int] = []
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}
        self._constants: dict[tuple[int, bytes], int] = {}

    def __len__(self) -> int:
        return len(self.signatures)

    def _append(self, signature: Signature | None, operands: tuple[int, ...], type: AnyType) -> int:
        self.signatures.append(signature)
        self.operands.append(operands)
        self.types.append(type)
        self.sources.append(self.source)
        return len(self.signatures) - 1

    def input(self, type: AnyType) -> int:
        value = self._append(None, (), type)
        self.inputs.append(value)
        return value

    def constant(self, array: np.ndarray, type: AnyType) -> int:
        """A value that is the same in every run; equal small ones are one."""
        key = (type.number, array.tobytes()) if array.size <= 16 else None
        if key is not None and key in self._constants:
            return self._constants[key]
        value = self._append(None, (), type)
        self.constants[value] = np.asarray(array)  # kernels take no NumPy scalars
        if key is not None:
            self._constants[key] = value
        return value

    def add(self, signature: Signature, operands: tuple[int, ...]) -> int:
        """The value of an op; an earlier equal one where there is one."""
        if signature.op.name in TRANSPARENT:
            return operands[0]
        key = (signature.number, operands)
        found = self._known.get(key)
        if found is None:
            found = self.simplify(self, signature, operands)
            if found is None:
                found = self._append(signature, operands, signature.type)
            self._known[key] = found
        return found

    def op(self, op: Op, operands: Sequence[int], **attributes: object) -> int:
        """The value of a record applied to values."""
        types = tuple(self.types[v] for v in operands)
        return self.add(signature_of(op, types, attributes), tuple(operands))  # type: ignore[arg-type]

    def name(self, value: int) -> str:
        """The name of a value's op; '' of an input or a constant."""
        signature = self.signatures[value]
        return "" if signature is None else signature.op.name

    def live(self) -> list[int]:
        """What the outputs stand on, in order."""
        wanted = set(self.outputs)
        for value in range(len(self) - 1, -1, -1):
            if value in wanted:
                wanted.update(self.operands[value])
        return sorted(wanted)

    def text(self) -> str:
        """One line a value, for `RUSHLIGHT_DEBUG`."""
        lines = []
        for value in self.live():
            signature = self.signatures[value]
            if signature is None:
                kind = "constant" if value in self.constants else "input"
                lines.append(f"%{value} = {kind} {self.types[value]!r}")
                continue
            attributes = "".join(f" {name}={item!r}" for name, item in signature.attributes.items())
            listed = ", ".join(f"%{operand}" for operand in self.operands[value])
            lines.append(f"%{value} = {signature.op.name}({listed}){attributes} : {self.types[value]!r}")
        return "\n".join([*lines, "-> " + ", ".join(f"%{value}" for value in self.outputs)])
