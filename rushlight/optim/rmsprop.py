"""RMSprop."""

from __future__ import annotations

from typing import Any

from ..tensor import zeros_like
from .optimizer import Optimizer, ParamsT, advance, check_at_least_zero, check_lr, number, real, scalar


class RMSprop(Optimizer):
    """p ← p - lr·g / (√v + eps), v a running mean of g²; Hinton's lecture 6.

    alpha: how much of v each step keeps. centered: take the square of a running mean of g from v. momentum: gather
    the quotients as `SGD` does the gradients. foreach, capturable: accepted; all run alike.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_at_least_zero(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any]) -> None:
        lr, alpha, momentum = number(group["lr"]), group["alpha"], group["momentum"]
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                state["step"] = scalar(0.0)
                state["square_avg"] = zeros_like(parameter)
                if momentum > 0:
                    state["momentum_buffer"] = zeros_like(parameter)
                if group["centered"]:
                    state["grad_avg"] = zeros_like(parameter)
            advance(state)
            if group["weight_decay"] != 0:
                g = g.add(parameter, alpha=group["weight_decay"])
            p, g, square = (real(x) for x in (parameter, g, state["square_avg"]))
            square.mul_(alpha).addcmul_(g, g, value=1 - alpha)
            if group["centered"]:
                mean = real(state["grad_avg"])
                mean.lerp_(g, 1 - alpha)
                square = square.addcmul(mean, mean, value=-1)
            root = square.sqrt().add_(group["eps"])
            if momentum > 0:
                velocity = real(state["momentum_buffer"])
                velocity.mul_(momentum).addcdiv_(g, root)
                p.add_(velocity, alpha=-lr)
            else:
                p.addcdiv_(g, root, value=-lr)
