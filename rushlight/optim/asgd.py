"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..tensor import zeros_like
from .optimizer import Optimizer, ParamsT, advance, check_at_least_zero, check_lr, number, real, scalar


class ASGD(Optimizer):
    """`SGD` with a falling rate; state "ax" has the parameters' mean from step t0 on; Polyak and Juditsky, 1992.

    lambd: decay term; the rate of step t is lr / (1 + lambd·lr·t)^alpha.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any]) -> None:
        lr, lambd = number(group["lr"]), group["lambd"]
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                state["step"] = scalar(0.0)
                state["eta"] = scalar(lr)
                state["mu"] = scalar(1.0)
                state["ax"] = zeros_like(parameter)
            step = advance(state)
            if group["weight_decay"] != 0:
                g = g.add(parameter, alpha=group["weight_decay"])
            eta, mu = number(state["eta"]), number(state["mu"])
            p, g, mean = (real(x) for x in (parameter, g, state["ax"]))
            p.mul_(1 - lambd * eta)
            p.add_(g, alpha=-eta)
            if mu == 1:
                mean.copy_(p)
            else:
                mean.add_(p.sub(mean), alpha=mu)
            state["eta"] = scalar(lr / ((1 + lambd * lr * step) ** group["alpha"]))
            state["mu"] = scalar(1 / max(1, step - group["t0"]))
