"""`torch._dynamo._trace_wrapped_higher_order_op`: one name of it that packages which build masks under `vmap` import."""

from __future__ import annotations

from contextlib import nullcontext

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(nullcontext):
    """Within it a tensor may be indexed with a tensor of no axes under `vmap`, as it may here anywhere."""

    def __init__(self) -> None:
        super().__init__()
