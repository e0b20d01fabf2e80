"""Muon."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ..tensor.public import functions
from .optimizer import Optimizer, ParamsT, check_lr, number

_ADJUSTMENTS = ("original", "match_rms_adamw")


class Muon(Optimizer):
    """Momentum whose direction is made orthogonal, for the matrices of hidden layers; K. Jordan et al., 2024.

    The orthogonal matrix nearest to the momentum is approached by Newton-Schulz steps in bfloat16. ValueError for parameters that are not
    matrices. adjust_lr_fn: "original" scales by √max(1, rows/columns), "match_rms_adamw" by 0.2·√max(rows, columns) (Liu et al., 2025).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn is not None and adjust_lr_fn not in _ADJUSTMENTS:
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {parameter.size()}"
                    )

    def _update(self, group: dict[str, Any]) -> None:
        rate, momentum = group["lr"], group["momentum"]  # a rate in a tensor is multiplied in its own precision
        for parameter, g in self._with_grad(group):
            if parameter.is_complex():
                raise RuntimeError("Muon does not support complex parameters")
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = functions["zeros_like"](g)
            buffer = state["momentum_buffer"]
            buffer.lerp_(g, 1 - momentum)
            way = g.lerp(buffer, momentum) if group["nesterov"] else buffer
            update = _orthogonal(way, group["ns_coefficients"], group["ns_steps"], group["eps"])
            parameter.mul_(1 - rate * group["weight_decay"])
            step = number(rate * _adjustment(group["adjust_lr_fn"], parameter.shape))
            parameter.add_(update.to(parameter.dtype), alpha=-step)


def _orthogonal(matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """Newton-Schulz steps towards the nearest orthogonal matrix, of a polynomial of degree 5."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = matrix.bfloat16()
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    addmm = functions["addmm"]
    for _ in range(steps):
        gram = (x @ x.T).float()
        # Each product is rounded to bfloat16 once, with what is added to it.
        turn = addmm(gram, gram, gram, beta=b, alpha=c).bfloat16().float()
        x = addmm(x.float(), turn, x.float(), beta=a).bfloat16()
    return x.T if tall else x


def _adjustment(name: str | None, shape: Any) -> float:
    rows, columns = shape
    if name == "match_rms_adamw":
        return 0.2 * sqrt(max(rows, columns))
    return sqrt(max(1, rows / columns))
