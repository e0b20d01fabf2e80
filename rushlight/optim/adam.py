"""Adam."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor, maximum, zeros_like
from .optimizer import (
    Optimizer,
    ParamsT,
    advance,
    check_at_least_zero,
    check_betas,
    check_fused,
    check_lr,
    number,
    real,
    scalar,
)


class Adam(Optimizer):
    """p ← p - lr·m̂ / (√v̂ + eps), m and v running means of the gradient and its square; Kingma and Ba, 2014.

    betas: how much of m and v each step keeps. weight_decay: added to the gradient, or, where decoupled_weight_decay
    holds, taken from the parameter itself. amsgrad: divide by the largest v so far. maximize: climb. foreach, fused,
    capturable: accepted; all run alike.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr, foreach, capturable)
        check_at_least_zero(eps=eps)
        check_betas(betas)
        check_at_least_zero(weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        for place, beta in enumerate(betas):
            if isinstance(beta, Tensor):
                if foreach and not capturable:
                    raise ValueError(
                        f"betas[{place}] as a Tensor is not supported for capturable=False and foreach=True"
                    )
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{place}] must be 1-element")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name in ("amsgrad", "maximize", "capturable", "differentiable", "decoupled_weight_decay"):
                group.setdefault(name, False)
            group.setdefault("foreach", None)
            group.setdefault("fused", None)
            for parameter in group["params"]:
                step = self.state.get(parameter, {}).get("step")
                if step is not None and not isinstance(step, Tensor):
                    self.state[parameter]["step"] = scalar(step)

    def _update(self, group: dict[str, Any]) -> None:
        lr, eps, decay = number(group["lr"]), group["eps"], group["weight_decay"]
        beta1, beta2 = (number(beta) for beta in group["betas"])
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                state["step"] = scalar(0.0)
                state["exp_avg"] = zeros_like(parameter)
                state["exp_avg_sq"] = zeros_like(parameter)
                if group["amsgrad"]:
                    state["max_exp_avg_sq"] = zeros_like(parameter)
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
            correction2 = (1 - beta2**step) ** 0.5
            if group["amsgrad"]:
                largest = real(state["max_exp_avg_sq"])
                largest.copy_(maximum(largest, square))
                square = largest
            p.addcdiv_(mean, square.sqrt().div_(correction2).add_(eps), value=-lr / correction1)
