"""What must hold of a graph, checked: InternalError names the first line that breaks a rule."""

from __future__ import annotations

from ..errors import InternalError
from .text import Entry


def verify(entries: list[Entry], returned: tuple[int, ...]) -> None:
    """Operands stand before their users, have the types of the signature, and `infer` gives the type that is noted."""
    for slot, (signature, type, operands) in enumerate(entries):
        if signature is None:
            if operands:
                raise InternalError(f"%{slot}: an input with operands")
            continue
        if any(not 0 <= operand < slot for operand in operands):
            raise InternalError(f"%{slot}: {signature.op.name} uses {operands}, which do not all stand before it")
        types = tuple(entries[operand][1] for operand in operands)
        if types != signature.operands:
            raise InternalError(f"%{slot}: {signature.op.name} was recorded for {signature.operands} but has {types}")
        inferred = signature.op.infer(*types, **signature.attributes)
        if inferred is not type:
            raise InternalError(f"%{slot}: {signature.op.name} is noted as {type!r} but is {inferred!r}")
    if any(not 0 <= slot < len(entries) for slot in returned):
        raise InternalError(f"returns {returned} of {len(entries)} nodes")
