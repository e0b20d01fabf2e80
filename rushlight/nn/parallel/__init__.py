"""Modules on several devices (of which there is one here) and in several processes (`DistributedDataParallel`)."""

from __future__ import annotations

from ... import late
from .data_parallel import DataParallel, data_parallel

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]

# DistributedDataParallel brings the connections between processes, which few programs need.
_PLACES = {
    "DistributedDataParallel": "distributed",
    "gather": "scatter_gather",
    "parallel_apply": "parallel_apply",
    "replicate": "replicate",
    "scatter": "scatter_gather",
}

__getattr__ = late.names(
    __name__,
    "torch.nn.parallel",
    {
        **{name: (f"{__name__}.{place}", name) for name, place in _PLACES.items()},
        **{place: (f"{__name__}.{place}", None) for place in ("distributed", "scatter_gather")},
    },
)
