"""`autocast`: a region in which functions cast their arguments by PyTorch's rules (`tensor/casting.py` has the table)."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..dtype import bfloat16, dtype, float16, float64
from ..tensor import Tensor
from ..tensor.casting import autocast_dtype, set_state, state
from ..tensor.geometry import device

__all__ = [
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
]

_AVAILABLE = ("cpu", "cuda", "xpu", "mps", "hpu", "ipu", "xla", "mtia", "maia")


def is_autocast_available(device_type: str) -> bool:
    """Whether PyTorch has autocast for the kind of device; whether there is such a device is another question."""
    return device(device_type).type in _AVAILABLE


class autocast:
    """Within it, matrix products and convolutions run in half precision and losses in single precision; also a decorator.

    device_type "cpu"; for others it warns and does nothing, as PyTorch without such a device. dtype: bfloat16 (the default) or float16.
    Float32 weights are cast once in a region (`cache_enabled`); gradients come back in float32.

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> with torch.autocast("cpu"):
    ...     y = layer(torch.ones(3, 2))
    >>> y.dtype, torch.nn.functional.mse_loss(y, torch.ones(3, 1).bfloat16()).dtype
    (torch.bfloat16, torch.bfloat16)
    """

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = device(device_type).type
        if not is_autocast_available(self.device):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{self.device}'")
        self.fast_dtype = autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = state.cache_enabled if cache_enabled is None else cache_enabled
        self._enabled = enabled and self._possible()
        self._before: list[tuple[bool, Any, bool]] = []

    def _possible(self) -> bool:
        """Whether there is such a device and it has the dtype; warns where not."""
        if self.device == "cuda":
            text = "CUDA is not available or torch_xla is imported. Disabling autocast."
        elif self.device != "cpu":
            text = f"{self.device} is not available. Disabling autocast."
        elif self.fast_dtype in (bfloat16, float16):
            return True
        else:
            text = (
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently."
            )
        warnings.warn(text, stacklevel=3)
        return False

    def __enter__(self) -> autocast:
        enabled = state.enabled.get(self.device, False)
        self._before.append((enabled, autocast_dtype(self.device), state.cache_enabled))
        set_state(self.device, self._enabled, self.fast_dtype)
        state.cache_enabled = self._cache_enabled
        autocast_increment_nesting()
        return self

    def __exit__(self, *exception: Any) -> None:
        enabled, kind, cache_enabled = self._before.pop()
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        set_state(self.device, enabled, kind)
        state.cache_enabled = cache_enabled

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return call


# ---- the state by PyTorch's names ----


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a kind of device."""
    return state.enabled.get(device(device_type).type, False)


def set_autocast_enabled(*args: Any) -> None:
    """`set_autocast_enabled(device_type, enabled)`; without a kind of device, the older form, that of "cuda"."""
    kind, enabled = args if len(args) == 2 else ("cuda", *args)
    set_state(device(kind).type, bool(enabled), autocast_dtype(device(kind).type))


def get_autocast_dtype(device_type: str) -> dtype:
    """The dtype that autocast has for a kind of device."""
    kind = device(device_type).type
    if kind not in _AVAILABLE:
        raise RuntimeError(f"unsupported scalarType — autocast has none for device type {kind!r}")
    return autocast_dtype(kind)


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Sets the dtype that autocast has for a kind of device."""
    kind = device(device_type).type
    set_state(kind, state.enabled.get(kind, False), dtype)


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is on for the CPU."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Sets whether it is."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtype:
    """The CPU's dtype."""
    return autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: dtype) -> None:
    """Sets it."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> dtype:
    """The dtype for "cuda"."""
    return autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: dtype) -> None:
    """Sets it."""
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether casts of weights are kept within a region."""
    return state.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Sets whether they are."""
    state.cache_enabled = enabled


def clear_autocast_cache() -> None:
    """Forgets the casts of weights."""
    state.cache.clear()


def autocast_increment_nesting() -> int:
    """One region more; how many there are then."""
    state.nesting += 1
    return state.nesting


def autocast_decrement_nesting() -> int:
    """One region less; how many there are then."""
    state.nesting -= 1
    return state.nesting


# ---- custom autograd functions ----


def _cast(value: Any, device_type: str, kind: dtype) -> Any:
    """The same structure with the floating tensors in the dtype; float64 stays."""
    if isinstance(value, Tensor):
        castable = value.is_floating_point() and value.device.type == device_type and value.dtype is not float64
        return value.to(kind) if castable else value
    if isinstance(value, (str, bytes)):
        return value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, kind): _cast(v, device_type, kind) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(each, device_type, kind) for each in value)
    return value


def _device_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: dtype | None = None) -> Any:
    """Decorates `forward` of an `autograd.Function`: it runs in the region's state, or, with `cast_inputs`, outside of autocast on
    arguments cast to that dtype."""
    _device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(*args: Any, **kwargs: Any) -> Any:
        context, on = args[0], is_autocast_enabled(device_type)
        context._dtype = get_autocast_dtype(device_type)
        context._fwd_used_autocast = on and cast_inputs is None
        if not on or cast_inputs is None:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return forward


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorates `backward` of an `autograd.Function`: it runs in the state of autocast that `forward` ran in."""
    _device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        with autocast(device_type, dtype=context._dtype, enabled=context._fwd_used_autocast):
            return bwd(*args, **kwargs)

    return backward
