"""Names of the ways to compute attention. All give the same here: a choice is checked and changes nothing."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """The ways that PyTorch knows."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[None]:
    """Within it, `scaled_dot_product_attention` may use these ways; ours is another and stands for all of them."""
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    for each in chosen:
        if not isinstance(each, SDPBackend):
            raise AssertionError(f"sdpa_kernel: backends must be SDPBackend or a list of them, got {each!r}")
    yield
