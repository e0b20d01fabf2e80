"""From a contraction to a kernel: which way of computing it, and what that costs."""

from __future__ import annotations

import hashlib
from math import prod

from ....dtype import COMPLEX, bool_
from ....kernel.contraction import Contract
from ....kernel.functions import Unsupported
from ...machine import Machine
from ..generated import Generated
from .epilogue import Epilogue
from .frame import Frame
from .general import emit_general
from .summation import summations

SMALL = 4000  # terms that one thread computes sooner than it would call the others


def generate_contraction(kernel: Contract, machine: Machine) -> Generated:
    """The kernel of a contraction; its arguments are the operands, the extras, the results."""
    dtype = kernel.operands[0].dtype
    if dtype is bool_ or dtype.category == COMPLEX:
        raise Unsupported(f"contractions of {dtype.name}")
    kernel.spec.verify([buffer.shape for buffer in kernel.operands])
    name = "contract_" + hashlib.sha256(kernel.key().encode()).hexdigest()[:16]
    epilogue = Epilogue(kernel, machine)
    frame = Frame(kernel, machine, name, epilogue)
    for summation in summations(kernel, epilogue.places):
        emit_general(frame, summation)
    frame.function.end()
    parallel = prod(kernel.spec.loops) >= SMALL
    return Generated(name, frame.module.text(), frame.shared, frame.per_thread, parallel)


def cost(kernel: Contract) -> float:
    """Seconds, roughly."""
    terms = prod(kernel.spec.loops) * max(1, len(kernel.operands) - 1)
    moved = sum(buffer.size * buffer.dtype.itemsize for buffer in (*kernel.operands, *kernel.extras, *kernel.results))
    return 1e-6 + terms / 50e9 + moved / 10e9
