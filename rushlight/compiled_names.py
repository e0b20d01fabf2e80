"""`torch._C`: the few names of PyTorch's compiled part that packages use directly."""

from __future__ import annotations

from typing import Any

from .absent import absent_class
from .nn.modules.conversion import _parse_to
from .passes.batching import innermost
from .settings import get_default_device
from .tensor import Size, Tensor
from .tensor.geometry import CPU, device
from .tensor.random import Generator

__all__ = ["Generator", "Graph", "PyTorchFileReader", "ScriptModule", "Size", "TensorBase", "Value"]

TensorBase = Tensor
_TensorMeta = type(Tensor)

_TRACED = "functions run as they are written"
Graph = absent_class("torch._C.Graph", _TRACED)
Value = absent_class("torch._C.Value", _TRACED)
ScriptModule = absent_class("torch.ScriptModule", _TRACED)
PyTorchFileReader = absent_class("torch.PyTorchFileReader", "`torch.load(…, mmap=True)` reads a part of a file")


def _get_tracing_state() -> None:
    """None: nothing is traced to TorchScript."""


def _are_functorch_transforms_active() -> bool:
    """Whether a function is run on a batch of examples by `vmap`. Derivatives leave functions as they are."""
    return innermost() is not None


def _log_api_usage_once(event: str) -> None:
    """Nothing: no use is logged."""


def _get_accelerator(check: bool | None = None) -> device:
    """The CPU, since there is no accelerator."""
    return CPU


def _get_default_device() -> str:
    """The kind of device on which tensors are made."""
    return get_default_device().type


def _get_privateuse1_backend_name() -> str:
    """The name of a device that nobody has renamed."""
    return "privateuseone"


def _disabled_torch_function_impl(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The function's result: what a class of tensors has as `__torch_function__` to leave functions as they are, as all classes do here."""
    return func(*args, **(kwargs or {}))


class _nn:
    """What PyTorch's modules call."""

    @staticmethod
    def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
        """The arguments of `Tensor.to` in order: device, dtype, non_blocking, memory_format; None for what was not given."""
        where, kind, non_blocking, layout = _parse_to(args, kwargs)
        return None if where is None else device(where), kind, non_blocking, layout
