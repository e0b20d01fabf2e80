"""Graphs as text that reads back: a line a node.

%0 = input float32[2, 3]
%1 = constant() {value=2, shape=(), dtype=float32} : float32[]
%2 = mul(%0, %1) : float32[2, 3]
return %2
"""

from __future__ import annotations

import ast
import re
from typing import Any

from ..dtype import BY_NAME, dtype
from ..errors import InternalError
from .contraction import Contraction
from .contraction import parse as parse_contraction
from .graph import Signature, signature_of
from .op import registry
from .type import TupleType, Type

Entry = tuple[Signature | None, Type, tuple[int, ...]]


def _attribute(value: Any) -> str:
    if isinstance(value, dtype):
        return value.name
    if isinstance(value, Contraction):
        return f"<{value}>"
    return repr(value)


def show(entries: list[Entry], returned: tuple[int, ...]) -> str:
    """The text of a graph given as (signature, type, operand slots) for each slot."""
    lines = []
    for slot, (signature, type, operands) in enumerate(entries):
        if signature is None:
            lines.append(f"%{slot} = input {type!r}")
            continue
        given = ", ".join(f"%{operand}" for operand in operands)
        attributes = ", ".join(f"{name}={_attribute(value)}" for name, value in signature.attributes.items())
        braces = f" {{{attributes}}}" if attributes else ""
        lines.append(f"%{slot} = {signature.op.name}({given}){braces} : {type!r}")
    lines.append("return " + ", ".join(f"%{slot}" for slot in returned))
    return "\n".join(lines)


_TYPE = re.compile(r"(\w+)\[([\d, ]*)\]")
_LINE = re.compile(r"%(\d+) = (\w+)\(([^)]*)\)(?: \{(.*)\})? : (.*)")


def read_type(text: str) -> Type | TupleType:
    """`float32[2, 3]`, or several in parentheses."""
    parts = [
        Type.of(tuple(int(e) for e in extents.split(",") if e.strip()), BY_NAME[name])
        for name, extents in _TYPE.findall(text)
    ]
    if not parts:
        raise InternalError(f"not a type: {text!r}")
    return TupleType.of(*parts) if text.startswith("(") else parts[0]


def _read_value(text: str) -> Any:
    if text in BY_NAME:
        return BY_NAME[text]
    if text.startswith("<"):
        return parse_contraction(text[1:-1])
    return ast.literal_eval(text)


def _read_attributes(text: str | None) -> dict[str, Any]:
    """name=value pairs; a value may hold commas inside brackets."""
    found: dict[str, Any] = {}
    depth, start = 0, 0
    for place, letter in enumerate((text or "") + ","):
        depth += (letter in "([{<") - (letter in ")]}>")
        if letter == "," and not depth:
            name, _, value = (text or "")[start:place].strip().partition("=")
            if name:
                found[name] = _read_value(value)
            start = place + 1
    return found


def read(text: str) -> tuple[list[Entry], tuple[int, ...]]:
    """The graph that `show` printed; InternalError where the text is not one."""
    entries: list[Entry] = []
    for line in text.strip().splitlines():
        if line.startswith("return"):
            return entries, tuple(int(slot) for slot in re.findall(r"%(\d+)", line))
        if match := re.fullmatch(r"%\d+ = input (.*)", line):
            entries.append((None, read_type(match[1]), ()))  # type: ignore[arg-type]
            continue
        match = _LINE.fullmatch(line)
        if match is None or match[2] not in registry:
            raise InternalError(f"not a line of a graph: {line!r}")
        op, attributes = registry[match[2]], _read_attributes(match[4])
        operands = tuple(int(slot) for slot in re.findall(r"%(\d+)", match[3]))
        types = tuple(entries[slot][1] for slot in operands)
        signature = signature_of(op, types, attributes)
        entries.append((signature, signature.type, operands))
    raise InternalError("a graph's text ends with a line `return …`")
