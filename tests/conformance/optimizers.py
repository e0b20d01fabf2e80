"""PyTorch's OptimizerInfo database: parameters and state after steps, learning-rate schedules, errors of `optim`."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, OptimizerInfo, optim_db

from .compare import Tolerances, problem
from .convert import Copier, to_oracle
from .database import Case
from .names import Missing, rebind
from .subject import lookup, subject
from .walk import Result, attempt, describe, judge_error

ASPECTS = ("float32", "float64", "schedules", "errors")
STEPS = 12
OUT_OF_SCOPE: dict[str, str] = {}
STEPS_OF_LBFGS = 1  # of twenty iterations, over which rounding grows
AFTER_STEPS = Tolerances({torch.float32: (1e-4, 1e-5)})  # rounding grows over the steps where gradients are near zero


@cache
def optimizers() -> dict[str, OptimizerInfo]:
    """The optimizers of the database by name ("optim.Adam")."""
    return {f"optim.{i.optim_cls.__name__}": i for i in optim_db if i.optim_cls.__name__ not in OUT_OF_SCOPE}


def missing(name: str) -> str | None:
    """The name if the module under test lacks it, or None."""
    return None if lookup(name) is not None else name


def cases(pattern: str = "", present_only: bool = True) -> list[Case]:
    """All cases whose id matches `pattern`."""
    return [
        Case(name, aspect)
        for name in optimizers()
        if not (present_only and missing(name))
        for aspect in ASPECTS
        if re.search(pattern, f"{name}-{aspect}")
    ]


def _start(dtype: torch.dtype, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = ((4, 3), (3, 3), (5,))[:count]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


def _train(lib: Any, build: Callable[[list], Any], params: list, schedule: Callable[[Any], list] | None) -> list:
    """Steps on a loss with curvature; the parameters, the optimizer's state and the learning rates met."""
    optimizer = build(params)
    schedulers = schedule(optimizer) if schedule else []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum(((p - 0.3) ** 2).sum() + (p * 0.7).cos().sum() for p in params)
        loss.backward()
        return loss

    rates = []
    for _ in range(STEPS_OF_LBFGS if type(optimizer).__name__ == "LBFGS" else STEPS):
        loss = optimizer.step(closure)
        for scheduler in schedulers:
            if type(scheduler).__name__ == "ReduceLROnPlateau":
                scheduler.step(loss.detach())
            else:
                scheduler.step()
        rates.append([float(group["lr"]) for group in optimizer.param_groups])
    state = optimizer.state_dict()
    for kept in state["state"].values():
        for scratch in ("al", "ro"):  # of the two loops of LBFGS
            kept.pop(scratch, None)
    return [[p.detach() for p in params], rates, state["state"], _plain(state["param_groups"])]


def _plain(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in sorted(group.items()) if k not in ("foreach", "fused", "capturable")} for group in groups]


def _compare(info: OptimizerInfo, given: Any, dtype: torch.dtype, schedule: Any, tolerances: Tolerances) -> str | None:
    count = 1 if info.optim_cls.__name__ == "LBFGS" or not info.supports_param_groups else 3
    if info.optim_cls.__name__ == "Muon":
        count = 2  # matrices alone
    params, ours = _start(dtype, count), Copier(to_subject=True)(_start(dtype, count))
    kwargs, our_kwargs = Copier(to_subject=False)(given.kwargs), Copier(to_subject=True)(given.kwargs)
    cls = lookup(f"optim.{info.optim_cls.__name__}")
    wanted = attempt(
        torch, lambda: _train(torch, lambda p: info.optim_cls(p, **kwargs), params, schedule and schedule[0])
    )
    if wanted.error is not None:
        return None
    got = attempt(subject, lambda: _train(subject, lambda p: cls(p, **our_kwargs), ours, schedule and schedule[1]))
    if got.error is not None:
        return describe(got.error)
    return problem(to_oracle(got.value), wanted.value, tolerances)


def _both(makers: tuple[Callable, ...]) -> tuple[Callable, Callable]:
    """PyTorch's list of schedulers for an optimizer, and ours."""
    ours = [rebind(make) for make in makers]
    return (lambda o: [make(o) for make in makers]), (lambda o: [make(o) for make in ours])


def _steps(info: OptimizerInfo, dtype: torch.dtype, result: Result) -> None:
    for index, given in enumerate(info.optim_inputs_func(device="cpu")):
        result.samples += 1
        found = _compare(info, given, dtype, None, AFTER_STEPS)
        if found:
            result.fail(index, f"{given.desc}: {found}")


def _schedules(info: OptimizerInfo, result: Result) -> None:
    given = info.optim_inputs_func(device="cpu")[0]
    for index, makers in enumerate(info.scheduler_inputs):
        try:
            pair = _both(makers)
        except Missing as lack:
            result.missing.append(str(lack))
            continue
        result.samples += 1
        found = _compare(info, given, torch.float64, pair, AFTER_STEPS)
        if found:
            result.fail(index, found)


def _errors(info: OptimizerInfo, result: Result) -> None:
    cls = lookup(f"optim.{info.optim_cls.__name__}")
    for index, sample in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float32)):
        given = sample.optimizer_error_input
        if sample.error_on != OptimizerErrorEnum.CONSTRUCTION_ERROR:
            result.skipped += 1
            continue
        params = given.params if given.params is not None else _start(torch.float32, 2)
        carry = Copier(to_subject=True)
        with warnings.catch_warnings():
            if issubclass(sample.error_type, Warning):
                warnings.simplefilter("error")
            got = attempt(subject, lambda p=params, g=given, c=carry: cls(c(p), **c(g.kwargs)))
        judge_error(result, index, sample, got, f"did not raise {sample.error_type.__name__}: {sample.error_regex}")


def run(case: Case, take_all: bool = False) -> Result:
    """The result of a case of the optimizer database (always all samples)."""
    result, info = Result(case.op, case.aspect), optimizers()[case.op]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.aspect == "errors":
            _errors(info, result)
        elif case.aspect == "schedules":
            _schedules(info, result)
        else:
            _steps(info, getattr(torch, case.aspect), result)
    result.seconds = round(time.perf_counter() - start, 3)
    return result
