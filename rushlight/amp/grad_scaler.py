"""`GradScaler`: the loss times a factor, so that small gradients of float16 do not become 0, and steps that are left out when one overflows."""

from __future__ import annotations

import enum
import inspect
import warnings
from collections import defaultdict
from typing import Any

from ..dtype import float16, float32
from ..tensor import Tensor, functions, no_grad
from ..tensor.geometry import device as _device

__all__ = ["GradScaler", "OptState"]


class OptState(enum.Enum):
    """What was done for an optimizer since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Scales losses, takes the factor out of gradients, and leaves out steps whose gradients are infinite or NaN.

    After such a step the factor is multiplied by `backoff_factor`; after `growth_interval` good ones by `growth_factor`. For "cuda", the
    default, it warns and does nothing, as PyTorch without a GPU; on the CPU it works with `GradScaler("cpu")`.

    >>> import rushlight as torch
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    >>> scaler.scale((weight * weight).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> weight.detach(), scaler.get_scale()
    (tensor([0., 0.]), 1024.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = _device(device).type
        self._enabled = enabled
        if enabled and self._device != "cpu":
            name = "torch.cuda.amp.GradScaler" if self._device == "cuda" else f"torch.amp.GradScaler({self._device!r})"
            what = "CUDA" if self._device == "cuda" else self._device
            warnings.warn(f"{name} is enabled, but {what} is not available.  Disabling.", stacklevel=2)
            self._enabled = False
        if not self._enabled:
            return
        if not growth_factor > 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if not backoff_factor < 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale, self._growth_factor, self._backoff_factor = init_scale, growth_factor, backoff_factor
        self._growth_interval, self._init_growth_tracker = growth_interval, 0
        self._scale: Tensor | None = None  # made when first needed
        self._growth_tracker = 0
        self._states: dict[int, dict[str, Any]] = defaultdict(_fresh)

    # ---- scaling ----

    def _made(self) -> Tensor:
        if self._scale is None:
            self._scale = functions["full"]((), float(self._init_scale), dtype=float32)
            self._growth_tracker = self._init_growth_tracker
        return self._scale

    def scale(self, outputs: Any) -> Any:
        """The outputs, a tensor or an iterable of them, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._made()
        if not hasattr(outputs, "__iter__"):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled

    def _need_scale(self, name: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use scaler.scale(loss or outputs) earlier "
                "in the iteration."
            )
        return self._scale

    # ---- unscaling and stepping ----

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of the optimizer's parameters by the factor, and notes whether one is infinite or NaN.

        Call it before gradients are clipped; `step` does it otherwise.
        """
        if not self._enabled:
            return
        scale = self._need_scale("unscale_")
        seen = self._states[id(optimizer)]
        if seen["stage"] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if seen["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        seen["found_inf_per_device"] = self._unscale(optimizer, scale.double().reciprocal().float(), False)
        seen["stage"] = OptState.UNSCALED

    def _unscale(self, optimizer: Any, inverse: Tensor, allow_float16: bool) -> dict[_device, Tensor]:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not gradients:
            return {}
        with no_grad():
            found = [_unscaled(gradient, inverse, allow_float16) for gradient in gradients]
            return {_device("cpu"): functions["stack"](found).any().float()}

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(*args, **kwargs)` unless a gradient is infinite or NaN; unscales before, where that was not done."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        scale = self._need_scale("step")
        seen = self._states[id(optimizer)]
        if seen["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            return self._step_with_scale(optimizer, scale, seen, args, kwargs)
        if seen["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not seen["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        good = not sum(found.item() for found in seen["found_inf_per_device"].values())
        result = optimizer.step(*args, **kwargs) if good else None
        seen["stage"] = OptState.STEPPED
        return result

    def _step_with_scale(
        self, optimizer: Any, scale: Tensor, seen: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """For an optimizer that takes the factor and the check itself, as an argument or as attributes."""
        if seen["stage"] is OptState.READY:
            seen["found_inf_per_device"] = self._check_inf_per_device(optimizer)
        if "grad_scaler" in inspect.signature(optimizer.step).parameters:
            warnings.warn(
                "GradScaler is going to stop passing itself as a keyword argument to the passed optimizer. In the near future GradScaler "
                "registers `grad_scale: Tensor` and `found_inf: Tensor` to the passed optimizer and let the optimizer use them directly.",
                FutureWarning,
                stacklevel=3,
            )
            kwargs = {**kwargs, "grad_scaler": self}
            result = optimizer.step(*args, **kwargs)
        else:
            done = seen["stage"] is OptState.UNSCALED
            optimizer.grad_scale = None if done else scale.clone()
            found = list(seen["found_inf_per_device"].values())
            optimizer.found_inf = functions["stack"](found).sum() if found else functions["full"]((), 0.0)
            result = optimizer.step(*args, **kwargs)
            del optimizer.grad_scale, optimizer.found_inf
        seen["stage"] = OptState.STEPPED
        return result

    def _check_inf_per_device(self, optimizer: Any) -> dict[_device, Tensor]:
        """Whether a gradient of the optimizer is infinite or NaN, without unscaling it."""
        self._need_scale("_check_inf_per_device")
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not gradients:
            return {}
        with no_grad():
            return {_device("cpu"): functions["stack"]([_infinite(each) for each in gradients]).any().float()}

    # ---- the factor ----

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Brings the factor up to date by what the steps since the last call saw, or sets it."""
        if not self._enabled:
            return
        scale = self._need_scale("update")
        with no_grad():
            if new_scale is not None:
                if isinstance(new_scale, Tensor):
                    if new_scale.numel() != 1 or new_scale.requires_grad:
                        raise AssertionError(
                            "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                            "requires_grad=False."
                        )
                    scale.copy_(new_scale)
                else:
                    scale.fill_(new_scale)
            else:
                self._adapt(scale)
        self._states = defaultdict(_fresh)

    def _adapt(self, scale: Tensor) -> None:
        checks = [found for seen in self._states.values() for found in seen["found_inf_per_device"].values()]
        if not checks:
            raise AssertionError("No inf checks were recorded prior to update.")
        if sum(found.item() for found in checks):
            scale.mul_(self._backoff_factor)
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            grown = scale * self._growth_factor
            if grown.isfinite().item():
                scale.copy_(grown)
            self._growth_tracker = 0

    def get_scale(self) -> float:
        """The factor; 1 where it is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()  # type: ignore[no-any-return]

    def get_growth_factor(self) -> float:
        """What a good run of steps multiplies the factor by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What an overflow multiplies the factor by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps make the factor grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets it."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        return (self._growth_tracker if self._scale is not None else self._init_growth_tracker) if self._enabled else 0

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    # ---- saving ----

    def state_dict(self) -> dict[str, Any]:
        """The factor and its settings; empty where it is disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what `state_dict` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            with no_grad():
                self._scale.fill_(state_dict["scale"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = self._init_growth_tracker = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        values = self.__dict__.copy()
        if self._enabled:
            if self._states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after scaler.update()."
                )
            values["_init_scale"], values["_init_growth_tracker"] = self.get_scale(), self._get_growth_tracker()
            values["_scale"] = None
            values["_states"] = dict(self._states)
        return values

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._enabled:
            self._states = defaultdict(_fresh)


def _fresh() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


def _infinite(gradient: Tensor) -> Tensor:
    return gradient.isfinite().all().logical_not()


def _unscaled(gradient: Tensor, inverse: Tensor, allow_float16: bool) -> Tensor:
    """Unscales a gradient; whether it is infinite or NaN."""
    if not allow_float16 and gradient.dtype is float16:
        raise ValueError("Attempting to unscale FP16 gradients.")
    found = _infinite(gradient)
    gradient.mul_(inverse.to(gradient.dtype))
    return found
