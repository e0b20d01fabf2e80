"""Adafactor."""

from __future__ import annotations

from typing import Any

from ..limits import finfo
from ..tensor.public import functions
from .optimizer import Optimizer, ParamsT, advance, check_at_least_zero, check_lr, number, scalar


class Adafactor(Optimizer):
    """Adam's second moments of a matrix kept as one vector of its rows and one of its columns; Shazeer and Stern, 2018.

    beta2_decay: the weight of what is new at step t is t^beta2_decay. eps: the least that is divided by (None: the dtype's epsilon), and
    the least size of a parameter by which its rate is scaled. d: the root mean square of an update is at most that.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if beta2_decay > 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and eps[0] < 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if eps[1] < 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if d < 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        check_at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _start(self, state: dict[str, Any], g: Any) -> None:
        state["step"] = scalar(0.0)
        if g.dim() > 1:
            rows, columns = list(g.shape), list(g.shape)
            rows[-1], columns[-2] = 1, 1
            state["row_var"], state["col_var"] = g.new_zeros(rows), g.new_zeros(columns)
        else:
            state["variance"] = functions["zeros_like"](g)

    def _update(self, group: dict[str, Any]) -> None:
        rate, least = number(group["lr"]), group["eps"][1]
        for parameter, g in self._with_grad(group):
            if parameter.is_complex():
                raise RuntimeError("Adafactor does not support complex parameters")
            state = self.state[parameter]
            if not state:
                self._start(state, g)
            step = advance(state)
            fresh = step ** group["beta2_decay"]
            size = parameter.norm(2) / parameter.numel() ** 0.5
            scale = size.clamp(min=least) * min(rate, 1 / step**0.5)
            if group["weight_decay"] != 0:
                parameter.mul_(1 - rate * group["weight_decay"])
            smallest = finfo(parameter.dtype).eps if group["eps"][0] is None else group["eps"][0]
            estimate = self._estimate(state, g, fresh, smallest)
            update = estimate.clamp(min=smallest * smallest).rsqrt() * g
            excess = (update.norm(2) / (update.numel() ** 0.5 * group["d"])).clamp(min=1.0)
            parameter.sub_(update * (scale / excess))

    def _estimate(self, state: dict[str, Any], g: Any, fresh: float, smallest: float) -> Any:
        """The second moments."""
        if g.dim() < 2:
            state["variance"].lerp_(g * g, fresh)
            return state["variance"].clone()
        rows, columns = state["row_var"], state["col_var"]
        rows.lerp_(g.norm(2, dim=-1, keepdim=True).square() / g.size(-1), fresh)
        columns.lerp_(g.norm(2, dim=-2, keepdim=True).square() / g.size(-2), fresh)
        return (rows @ columns) / rows.mean(dim=-2, keepdim=True).clamp(min=smallest)
