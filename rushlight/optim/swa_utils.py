"""Averages of a model's weights over training: stochastic weight averaging, and exponential moving averages."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from ..dtype import long
from ..nn import Module
from ..nn.modules.batchnorm import _BatchNorm
from ..tensor import Tensor, no_grad, tensor
from .lr_scheduler.base import LRScheduler, _per_group
from .optimizer import Optimizer, number

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """A function that moves a list of averages towards a list of tensors: decay·average + (1 - decay)·tensor."""
    _check_decay(decay)

    @no_grad()
    def update(averages: list[Tensor], current: list[Tensor], _: Any) -> None:
        for average, now in zip(averages, current, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(now, 1 - decay)
            else:
                average.copy_(average * decay + now * (1 - decay))

    return update


def get_swa_multi_avg_fn() -> Callable:
    """A function that takes a list of tensors into a list of plain averages of `num_averaged` each."""

    @no_grad()
    def update(averages: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        share = 1 / (number(num_averaged) + 1)
        for average, now in zip(averages, current, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(now, share)
            else:
                average.copy_(average + (now - average) * share)

    return update


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """A function that gives decay·average + (1 - decay)·tensor."""
    _check_decay(decay)

    @no_grad()
    def average(ema: Tensor, current: Tensor, num_averaged: Any) -> Any:
        return ema * decay + current * (1 - decay)

    return average


def get_swa_avg_fn() -> Callable:
    """A function that takes a tensor into a plain average of `num_averaged`."""

    @no_grad()
    def average(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return averaged + (current - averaged) / (number(num_averaged) + 1)

    return average


class AveragedModel(Module):
    """A copy of a model whose parameters are averages; `update_parameters(model)` takes the present ones in.

    avg_fn(average, tensor, count) gives a new average, multi_avg_fn(averages, tensors, count) updates lists in place;
    without either the averages are plain. use_buffers: average the buffers too, instead of copying them.

    >>> import rushlight as torch
    >>> model = torch.nn.Linear(2, 2)
    >>> averaged = torch.optim.swa_utils.AveragedModel(model)
    >>> averaged.update_parameters(model)
    >>> averaged.n_averaged
    tensor(1)
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's result."""
        return self.module(*args, **kwargs)

    def _averaged(self, module: Module) -> list[Tensor]:
        parts = (module.parameters(), module.buffers()) if self.use_buffers else (module.parameters(),)
        return list(itertools.chain(*parts))

    def update_parameters(self, model: Module) -> None:
        """Takes the model's present parameters into the averages."""
        averages = [average.detach() for average in self._averaged(self.module)]
        current = [now.detach() for now in self._averaged(model)]
        count = number(self.n_averaged)
        if count == 0:
            for average, now in zip(averages, current, strict=True):
                average.copy_(now)
        elif self.multi_avg_fn is not None or self.avg_fn is None:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            update(averages, current, count)
        else:
            for average, now in zip(averages, current, strict=True):
                average.copy_(self.avg_fn(average, now, count))
        if not self.use_buffers:
            for kept, now in zip(self.module.buffers(), model.buffers(), strict=True):
                kept.detach().copy_(now.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Runs the model over all of a loader's batches, so that its batch norms' running statistics fit its weights.

    A batch that is a list or tuple gives its first entry to the model.
    """
    norms = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not norms:
        return
    was_training = model.training
    model.train()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        input = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(input if device is None else input.to(device))
    for module, momentum in norms.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present rate to swa_lr in anneal_epochs epochs, then constant. anneal_strategy: "cos" or "linear"."""

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, _per_group(optimizer, "swa_lr", swa_lr), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        """How much of the way is behind at an epoch."""
        t = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=2,
            )
        epoch = self._step_count - 1
        if self.anneal_epochs == 0:
            epoch = max(1, epoch)
        before = self._share(max(0, epoch - 1))
        now = self._share(epoch)
        rates = []
        for group in self.optimizer.param_groups:
            rate, target = number(group["lr"]), group["swa_lr"]
            # The rate is before·target + (1 - before)·first; solve for the first one.
            first = target if before == 1 else (rate - before * target) / (1 - before)
            rates.append(target * now + first * (1 - now))
        return rates
