"""Adam."""

from __future__ import annotations

from typing import Any

from ..dtype import dtype
from ..ir.graph import Node
from ..ir.update_rules import adam_update, lasting_setting, setting
from ..runtime.watch import Watching
from ..tensor import Tensor, maximum, zeros_like
from .at_once import note_parts, update_by
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
        options = _Options(group)
        apply, amsgrad, states = options.update.apply, group["amsgrad"], self.state
        for parameter in group["params"]:
            gradient = parameter._grad
            if gradient is None:
                continue
            state = states[parameter]
            if not state:
                self._refuse_sparse(gradient)
                state["step"] = scalar(0.0)
                state["exp_avg"] = zeros_like(parameter)
                state["exp_avg_sq"] = zeros_like(parameter)
                if amsgrad:
                    state["max_exp_avg_sq"] = zeros_like(parameter)
            count = options.at(state)
            changing: tuple[Tensor, ...] = (parameter, state["exp_avg"], state["exp_avg_sq"])
            if amsgrad:
                changing = (*changing, state["max_exp_avg_sq"])
            if not apply(gradient, changing, count):
                self._refuse_sparse(gradient)
                _update_by_parts(parameter, gradient, state, options, count.step)


def _update_by_parts(parameter: Tensor, g: Tensor, state: dict[str, Any], options: _Options, step: float) -> None:
    """The update in the public functions: of views, complex numbers and half precision, and of one that is differentiated."""
    note_parts()
    if options.group["maximize"]:
        g = -g
    decay = options.decay
    if decay != 0:
        if options.decoupled:
            parameter.mul_(1 - options.lr * decay)
        else:
            g = g.add(parameter, alpha=decay)
    p, g, mean, square = (real(x) for x in (parameter, g, state["exp_avg"], state["exp_avg_sq"]))
    mean.lerp_(g, 1 - options.beta1)
    square.mul_(options.beta2).addcmul_(g, g, value=1 - options.beta2)
    rate, correction = options.rates(step)
    if options.group["amsgrad"]:
        largest = real(state["max_exp_avg_sq"])
        largest.copy_(maximum(largest, square))
        square = largest
    p.addcdiv_(mean, square.sqrt().div_(correction).add_(options.eps), value=rate)


class _Options:
    """A group's options as the attributes and numbers of `adam_update`."""

    def __init__(self, group: dict[str, Any]) -> None:
        self.group = group
        self.lr, self.eps, self.decay = number(group["lr"]), group["eps"], group["weight_decay"]
        self.beta1, self.beta2 = [number(beta) for beta in group["betas"]]
        self.decoupled = group["decoupled_weight_decay"]
        self.near = abs(1 - self.beta1) < 0.5
        self.update = update_by(
            adam_update,
            maximize=group["maximize"],
            decays="" if self.decay == 0 else "weight" if self.decoupled else "gradient",
            amsgrad=group["amsgrad"],
            near=self.near,
        )
        self.lasting: dict[dtype, list[Node]] = {}
        self._after_node: dict[Node, _Count] = {}
        self._at_step: dict[float, _Count] = {}

    def lasting_numbers(self, kind: dtype) -> list[Node]:
        """The numbers that are the same at each step: of decaying weights, the mean and the square; and eps."""
        share, decay = 1 - self.beta1, number(self.decay)
        found = self.lasting[kind] = [
            *([setting(1 - self.lr * decay if self.decoupled else decay, kind)] if decay else ()),
            lasting_setting(share if self.near else 1 - share, kind),
            lasting_setting(self.beta2, kind),
            lasting_setting(1 - self.beta2, kind),
            lasting_setting(number(self.eps), kind),
        ]
        return found

    def rates(self, step: float) -> tuple[float, float]:
        """The rate over the mean's correction, negative, and the square's correction."""
        return -self.lr / (1 - self.beta1**step), (1 - self.beta2**step) ** 0.5

    def renew(self) -> None:
        """Makes ready for another step with the same options."""
        self._after_node.clear()
        self._at_step.clear()

    def at(self, state: dict[str, Any]) -> _Count:
        """The next step of a parameter. Parameters that are at the same step come to share its node, so that it is read once."""
        tensor = state["step"]
        if not isinstance(tensor, Tensor):
            return _Count(self, advance(state))
        storage = tensor._storage  # `bare` and `rebind`, for dozens of parameters
        before = storage.node
        if before.tracked or tensor._steps or storage.buffer is not None:
            return _Count(self, advance(state))
        count = self._after_node.get(before)
        if count is None:
            value = before.value
            step = (tensor if value is None else value).item() + 1
            count = self._at_step.get(step)
            if count is None:
                count = self._at_step[step] = _Count(self, step)
                count.node = setting(step, before.type.dtype)
            self._after_node[before] = count
        storage.version += 1
        storage.node = count.node
        if Watching.watcher is not None:
            Watching.watcher.counted(tensor)
        return count


class _Count:
    """A step's number, and the numbers of `adam_update` at it."""

    def __init__(self, options: _Options, step: float) -> None:
        self.options, self.step = options, step
        self.node: Any = None  # what the parameters' counts become
        self._numbers: dict[dtype, list[Node]] = {}

    def numbers(self, kind: dtype) -> list[Node]:
        """The operands of the record after the tensors."""
        found = self._numbers.get(kind)
        if found is None:
            own = self.options
            lasting = own.lasting.get(kind) or own.lasting_numbers(kind)
            rate, correction = own.rates(self.step)
            found = self._numbers[kind] = [
                *lasting[:-1],
                setting(correction, kind),
                lasting[-1],
                setting(rate, kind),
            ]
        return found


Adam.options = _Options
