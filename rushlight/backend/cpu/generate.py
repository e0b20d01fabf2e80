"""From kernels to text: which generator makes which kernel, and its key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...kernel.attention import Attention
from ...kernel.contraction import Contract
from ...kernel.nest import Nest
from ...kernel.recurrence import Recurrence, RecurrenceBack
from ...kernel.scan import Scan
from ...kernel.scatter import Scatter
from ...kernel.sort import Sort
from ...kernel.window import MaxPool
from ..machine import Machine
from .attention import generate_attention
from .contraction import generate_contraction
from .generated import Generated
from .nest import generate_nest
from .recurrence import generate_recurrence, generate_recurrence_back
from .scan import generate_scan
from .scatter import generate_scatter
from .sort import generate_sort
from .window import generate_max_pool

GENERATORS: dict[type, Callable[[Any, Machine], Generated]] = {
    Nest: generate_nest,
    Contract: generate_contraction,
    Attention: generate_attention,
    Recurrence: generate_recurrence,
    RecurrenceBack: generate_recurrence_back,
    MaxPool: generate_max_pool,
    Scatter: generate_scatter,
    Scan: generate_scan,
    Sort: generate_sort,
}


def request(kernel: Any, machine: Machine) -> tuple[str, Callable[[], Generated]]:
    """What the builder wants: the kernel's text and how to generate it."""
    return kernel.key(), lambda: GENERATORS[type(kernel)](kernel, machine)
