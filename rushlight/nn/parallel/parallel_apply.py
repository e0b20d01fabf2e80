"""`parallel_apply`: several modules, each on its own arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor
from ...tensor.geometry import require_cpu
from ..modules.module import Module

__all__ = ["parallel_apply"]


def parallel_apply(
    modules: Sequence[Module],
    inputs: Sequence[Any],
    kwargs_tup: Sequence[dict[str, Any]] | None = None,
    devices: Sequence[Any] | None = None,
) -> list[Any]:
    """What each module gives for its arguments, a tensor or a tuple of them; one after the other, each on all threads."""
    if len(modules) != len(inputs):
        raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)}")
    for each in devices or ():
        require_cpu(f"cuda:{each}" if isinstance(each, int) else each, "nn.parallel.parallel_apply")
    named = kwargs_tup or [{}] * len(modules)
    results = []
    for module, given, kwargs in zip(modules, inputs, named, strict=True):
        args = (given,) if isinstance(given, Tensor) or not isinstance(given, (tuple, list)) else tuple(given)
        results.append(module(*args, **kwargs))
    return results
