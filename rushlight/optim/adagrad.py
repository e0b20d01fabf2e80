"""Adagrad."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor, full_like
from ..tensor.geometry import strided
from .optimizer import Optimizer, ParamsT, advance, check_at_least_zero, check_fused, check_lr, number, real, scalar


class Adagrad(Optimizer):
    """p ← p - lr·g / (√s + eps), s the sum of all g² so far; Duchi, Hazan and Singer, 2011.

    lr_decay: the rate of step t is lr / (1 + (t - 1)·lr_decay). foreach, fused: accepted; all run alike.
    """

    takes_sparse = True

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_at_least_zero(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for parameter in group["params"]:
                start = initial_accumulator_value
                filled = complex(start, start) if parameter.is_complex() else start
                self.state[parameter] = {"step": scalar(0.0), "sum": full_like(parameter, filled)}

    def share_memory(self) -> None:
        """Moves the sums to memory that processes share."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["sum"].share_memory_()

    def _update(self, group: dict[str, Any]) -> None:
        for parameter, g in self._with_grad(group):
            state = self.state[parameter]
            step = advance(state)
            if g.layout is not strided:
                self._update_rows(
                    parameter, g, state["sum"], number(group["lr"]) / (1 + (step - 1) * group["lr_decay"]), group
                )
                continue
            if group["weight_decay"] != 0:
                g = g.add(parameter, alpha=group["weight_decay"])
            rate = number(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
            p, g, total = (real(x) for x in (parameter, g, state["sum"]))
            total.addcmul_(g, g, value=1)
            p.addcdiv_(g, total.sqrt().add_(group["eps"]), value=-rate)

    def _update_rows(self, parameter: Tensor, g: Any, total: Tensor, rate: float, group: dict[str, Any]) -> None:
        """The update of the rows that a sparse gradient has."""
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        g = g.coalesce()
        places, values = tuple(g.indices()), g.values()
        total.index_put_(places, values.pow(2), accumulate=True)  # type: ignore[attr-defined]
        share = values / total[places].sqrt().add_(group["eps"])  # type: ignore[index]
        parameter.index_put_(places, share * -rate, accumulate=True)  # type: ignore[attr-defined]
