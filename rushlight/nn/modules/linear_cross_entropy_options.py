"""`LinearCrossEntropyOptions`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...dtype import bfloat16, dtype, float16, float32, float64

_METHOD = re.compile(r"auto|aspect_ratio(:[1-9]\d*)?")


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch computes a linear cross entropy piece by piece, in less memory; here it is computed whole, whatever they are.

    What they do here: half precision is computed in float32. ValueError for values that PyTorch does not take.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: dtype | None = None

    def __post_init__(self) -> None:
        size, method = self.batch_chunk_size, self.chunking_method
        if self.acc_policy not in ("accurate", "balanced", "compact", "auto"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if size is not None and (not isinstance(size, int) or size <= 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size}")
        if method is not None and not (isinstance(method, str) and _METHOD.fullmatch(method)):
            raise ValueError(f"invalid chunking_method: {method!r}")
        if self.acc_dtype not in (None, float16, bfloat16, float32, float64):
            raise ValueError(
                f"acc_dtype must be one of {{None, torch.float16, torch.bfloat16, torch.float32, torch.float64}}, got {self.acc_dtype!r}. "
                "Pass acc_dtype=None to let the op pick automatically."
            )
