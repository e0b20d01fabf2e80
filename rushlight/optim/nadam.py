"""NAdam."""

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


class NAdam(Optimizer):
    """`Adam` with Nesterov's momentum; Dozat, 2016.

    momentum_decay: how fast the momentum rises to betas[0]: betas[0]·(1 - ½·0.96^(t·momentum_decay)).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_at_least_zero(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any]) -> None:
        lr, decay, fading = number(group["lr"]), group["weight_decay"], group["momentum_decay"]
        beta1, beta2 = group["betas"]
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                state["step"] = scalar(0.0)
                state["mu_product"] = scalar(1.0)
                state["exp_avg"] = zeros_like(parameter)
                state["exp_avg_sq"] = zeros_like(parameter)
            step = advance(state)
            if decay != 0:
                if group["decoupled_weight_decay"]:
                    parameter.mul_(1 - lr * decay)
                else:
                    g = g.add(parameter, alpha=decay)
            mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * fading))
            mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * fading))
            state["mu_product"] = scalar(number(state["mu_product"]) * mu)
            product = number(state["mu_product"])
            p, g, mean, square = (real(x) for x in (parameter, g, state["exp_avg"], state["exp_avg_sq"]))
            mean.lerp_(g, 1 - beta1)
            square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            root = square.div(1 - beta2**step).sqrt_().add_(group["eps"])
            p.addcdiv_(g, root, value=-lr * (1.0 - mu) / (1.0 - product))
            p.addcdiv_(mean, root, value=-lr * mu_next / (1.0 - product * mu_next))
