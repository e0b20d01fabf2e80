"""Adamax."""

from __future__ import annotations

from typing import Any

from ..tensor import maximum, zeros_like
from .optimizer import (
    Optimizer,
    ParamsT,
    advance,
    check_at_least_zero,
    check_betas,
    check_lr,
    number,
    real,
    scalar,
)


class Adamax(Optimizer):
    """`Adam` with the largest |g|, fading by betas[1], in place of √v; Kingma and Ba, 2014."""

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_at_least_zero(eps=eps)
        check_betas(betas)
        check_at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                state["step"] = scalar(0.0)
                state["exp_avg"] = zeros_like(parameter)
                state["exp_inf"] = zeros_like(parameter)
            step = advance(state)
            if group["weight_decay"] != 0:
                g = g.add(parameter, alpha=group["weight_decay"])
            p, g, mean, largest = (real(x) for x in (parameter, g, state["exp_avg"], state["exp_inf"]))
            mean.lerp_(g, 1 - beta1)
            largest.copy_(maximum(largest.mul(beta2), g.abs().add_(group["eps"])))
            p.addcdiv_(mean, largest, value=-number(group["lr"]) / (1 - beta1**step))
