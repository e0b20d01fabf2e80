"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..dtype import dtype
from ..ir.graph import Node
from ..ir.update_rules import lasting_setting, setting, sgd_update
from ..tensor import Tensor
from .at_once import note_parts, update_by
from .optimizer import Optimizer, ParamsT, check_at_least_zero, check_fused, check_lr, number


class SGD(Optimizer):
    """p ← p - lr·v, with v ← momentum·v + (1 - dampening)·g; g the gradient plus weight_decay·p.

    nesterov: step by g + momentum·v. maximize: climb. foreach, fused: accepted; all run alike.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_at_least_zero(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name in ("nesterov", "maximize", "differentiable"):
                group.setdefault(name, False)
            group.setdefault("foreach", None)
            group.setdefault("fused", None)

    takes_sparse = True

    def _update(self, group: dict[str, Any]) -> None:
        options = _Options(group)
        apply, momentum, states = options.update.apply, options.momentum, self.state
        for parameter in group["params"]:
            gradient = parameter._grad
            if gradient is None:
                continue
            changing: tuple[Tensor, ...] = (parameter,)
            if momentum:
                velocity = states[parameter].get("momentum_buffer")
                if velocity is None:
                    self._update_by_parts(parameter, gradient, options, group)
                    continue
                changing = (parameter, velocity)
            if not apply(gradient, changing, options):
                self._update_by_parts(parameter, gradient, options, group)

    def _update_by_parts(self, parameter: Tensor, g: Tensor, options: _Options, group: dict[str, Any]) -> None:
        """The update in the public functions, rounded as `sgd_update` rounds: of a first step, of views, complex numbers and half precision."""
        note_parts()
        momentum, decay = options.momentum, options.decay
        if group["maximize"]:
            g = -g
        if decay != 0:
            g = g.add(parameter, alpha=decay)
        if momentum != 0:
            state = self.state[parameter]
            velocity = state.get("momentum_buffer")
            if velocity is None:
                velocity = state["momentum_buffer"] = g.detach().clone()
            else:
                velocity.mul_(momentum).add_(g, alpha=1 - group["dampening"])
            g = g.add(velocity, alpha=momentum) if group["nesterov"] else velocity
        parameter.sub_(g, alpha=options.lr)


class _Options:
    """A group's options as the attributes and numbers of `sgd_update`."""

    def __init__(self, group: dict[str, Any]) -> None:
        self.lr, self.momentum, self.decay = number(group["lr"]), group["momentum"], number(group["weight_decay"])
        self.dampening = group["dampening"]
        self.update = update_by(
            sgd_update,
            maximize=group["maximize"],
            decays=self.decay != 0,
            momentum=self.momentum != 0,
            dampened=self.dampening != 0,
            nesterov=group["nesterov"],
        )
        self._numbers: dict[dtype, list[Node]] = {}

    def renew(self) -> None:
        """Makes ready for another step with the same options."""

    def at(self, state: dict[str, Any]) -> _Options:
        """What gives the numbers of a parameter's next step, whose state it advances: nothing, here."""
        return self

    def numbers(self, kind: dtype) -> list[Node]:
        """The operands of the record after the tensors."""
        found = self._numbers.get(kind)
        if found is None:
            lasting = [self.decay] if self.decay else []
            if self.momentum:
                lasting += [self.momentum, 1 - self.dampening] if self.dampening else [self.momentum]
            found = self._numbers[kind] = [*(lasting_setting(each, kind) for each in lasting), setting(-self.lr, kind)]
        return found


SGD.options = _Options
