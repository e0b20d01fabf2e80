"""From a contraction to a kernel: which way of computing it, and what that costs."""

from __future__ import annotations

import hashlib
from math import prod

from ....dtype import COMPLEX, bool_
from ....kernel.contraction import Contract
from ....kernel.functions import Unsupported
from ...machine import Machine
from ..generated import Generated
from .drive import Driver
from .epilogue import Epilogue
from .frame import Frame
from .general import emit_general
from .matrix_drive import MatrixDriver, SplitDriver
from .parts import PartsDriver
from .product import plan_product
from .summation import summations

DRIVERS: tuple[type[Driver], ...] = (
    Driver,
    MatrixDriver,
    SplitDriver,
)  # for numbers that are the sum of none, one, several of bfloat16
SMALL = 4000  # terms that one thread computes sooner than it would call the others


def generate_contraction(kernel: Contract, machine: Machine) -> Generated:
    """The kernel of a contraction; its arguments are the operands, the extras, the results."""
    dtype = kernel.dtype
    if dtype is bool_ or dtype.category == COMPLEX:
        raise Unsupported(f"contractions of {dtype.name}")
    kernel.spec.verify([buffer.shape for buffer in kernel.operands])
    name = "contract_" + hashlib.sha256(kernel.key().encode()).hexdigest()[:16]
    epilogue = Epilogue(kernel, machine)
    frame = Frame(kernel, machine, name, epilogue)
    products: list[Driver] = []
    for number, summation in enumerate(summations(kernel, epilogue.places)):
        plan = plan_product(frame, summation)
        if plan is None:
            emit_general(frame, summation)
        else:
            driver = PartsDriver if plan.parts else DRIVERS[min(plan.matrix, 2)]
            products.append(driver(frame, plan, f"{name}_{number}"))
    frame.reserve(
        sum(product.shared for product in products), max((product.private for product in products), default=0)
    )
    shared = 0
    for product in products:
        product.emit(frame.shared_scratch(shared), frame.private_scratch())
        shared += product.shared
    frame.function.end()
    parallel = prod(kernel.spec.loops) >= SMALL
    return Generated(name, frame.module.text(), frame.shared, frame.per_thread, parallel)
