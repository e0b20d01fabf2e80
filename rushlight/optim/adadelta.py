"""Adadelta."""

from __future__ import annotations

from typing import Any

from ..tensor import zeros_like
from .optimizer import Optimizer, ParamsT, advance, check_at_least_zero, check_lr, number, real, scalar


class Adadelta(Optimizer):
    """p ← p - lr·d with d = g·√(u + eps) / √(v + eps), v and u running means of g² and d²; Zeiler, 2012.

    rho: how much of v and u each step keeps. foreach, capturable: accepted; all run alike.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_at_least_zero(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any]) -> None:
        lr, rho, eps = number(group["lr"]), group["rho"], group["eps"]
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                state["step"] = scalar(0.0)
                state["square_avg"] = zeros_like(parameter)
                state["acc_delta"] = zeros_like(parameter)
            advance(state)
            if group["weight_decay"] != 0:
                g = g.add(parameter, alpha=group["weight_decay"])
            p, g, square, moved = (real(x) for x in (parameter, g, state["square_avg"], state["acc_delta"]))
            square.mul_(rho).addcmul_(g, g, value=1 - rho)
            delta = moved.add(eps).sqrt_().div_(square.add(eps).sqrt_()).mul_(g)
            p.add_(delta, alpha=-lr)
            moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
