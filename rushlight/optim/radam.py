"""RAdam."""

from __future__ import annotations

from typing import Any

from ..tensor import zeros_like
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


class RAdam(Optimizer):
    """`Adam` that divides by √v only once v's variance can be known, and rectifies it; Liu and others, 2019."""

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any]) -> None:
        lr, decay = number(group["lr"]), group["weight_decay"]
        beta1, beta2 = group["betas"]
        longest = 2 / (1 - beta2) - 1
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                state["step"] = scalar(0.0)
                state["exp_avg"] = zeros_like(parameter)
                state["exp_avg_sq"] = zeros_like(parameter)
            step = advance(state)
            if decay != 0:
                if group["decoupled_weight_decay"]:
                    parameter.mul_(1 - lr * decay)
                else:
                    g = g.add(parameter, alpha=decay)
            p, g, mean, square = (real(x) for x in (parameter, g, state["exp_avg"], state["exp_avg_sq"]))
            mean.lerp_(g, 1 - beta1)
            square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            correction1 = 1 - beta1**step
            correction2 = 1 - beta2**step
            length = longest - 2 * step * beta2**step / correction2
            if length > 5.0:
                top = (length - 4) * (length - 2) * longest
                rectified = (top / ((longest - 4) * (longest - 2) * length)) ** 0.5
                scale = lr * rectified * correction2**0.5 / correction1
                p.addcdiv_(mean, square.sqrt().add_(group["eps"]), value=-scale)
            else:
                p.add_(mean, alpha=-lr / correction1)
