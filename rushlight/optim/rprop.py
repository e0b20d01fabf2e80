"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

from ..tensor import full_like, ones_like, zeros_like
from .optimizer import Optimizer, ParamsT, advance, check_lr, number, real, scalar


class Rprop(Optimizer):
    """Moves each element by its own step, against the gradient's sign; Riedmiller and Braun, 1993.

    etas: the step shrinks by the first where the sign changed, and grows by the second where it stayed. step_sizes:
    its bounds.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any]) -> None:
        shrink, grow = group["etas"]
        smallest, largest = group["step_sizes"]
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            if not state:
                lr = number(group["lr"])
                state["step"] = scalar(0.0)
                state["prev"] = zeros_like(parameter)
                state["step_size"] = full_like(g, complex(lr, lr) if g.is_complex() else lr)
            advance(state)
            p, g, before, size = (real(x) for x in (parameter, g, state["prev"], state["step_size"]))
            agreement = g.mul(before)
            turned = agreement.lt(0)
            factor = ones_like(size).masked_fill(agreement.gt(0), grow).masked_fill(turned, shrink)
            size.mul_(factor).clamp_(smallest, largest)
            g = g.masked_fill(turned, 0)
            p.addcmul_(g.sign(), size, value=-1)
            before.copy_(g)
