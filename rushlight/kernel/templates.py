"""Ops that have a kernel of their own.

`TEMPLATES[op name](signature, operand buffers)` gives the kernel, or None where the op must be evaluated by itself in this form. The
kernel's results are those of the op: one, or the parts of a tuple. How a machine runs a kernel is said where the backend's generators stand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.graph import Signature
from .attention import attention, attention_gradient
from .buffer import Buffer
from .recurrence import recurrence, recurrence_back
from .scan import scan
from .scatter import embedding_gradient, fold, put, scatter, spread_back
from .sort import sort
from .window import max_pool, max_pool_gradient

Template = Callable[[Signature, tuple[Buffer, ...]], Any]

TEMPLATES: dict[str, Template] = {
    "attention": attention,
    "attention_gradient": attention_gradient,
    "recurrence": recurrence,
    "recurrence_back": recurrence_back,
    "max_pool": max_pool,
    "max_pool_index": max_pool,
    "max_pool_gradient": max_pool_gradient,
    "embedding_gradient": embedding_gradient,
    "put": put,
    "scatter": scatter,
    "spread_back": spread_back,
    "fold": fold,
    **dict.fromkeys(("cumsum", "cumprod", "logcumsumexp", "logcumsumexp_back", "argcummax", "argcummin"), scan),
    "argsort": sort,
    "top": sort,
}
