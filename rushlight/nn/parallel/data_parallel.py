"""`DataParallel`: where there is no more than one device, the module itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor, device
from ..modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Holds a module as `module` and passes calls on to it, as PyTorch does where there are no GPUs."""

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[int | device] | None = None,
        output_device: int | device | None = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int | device] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[int | device] | None = None,
    output_device: int | device | None = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Calls the module with the inputs, a tensor or a tuple of arguments."""
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs) if inputs is not None else ()
    return module(*args, **(module_kwargs or {}))
