"""PyTorch's ModuleInfo database: construction, initial values, printing, forward, gradients, errors of `nn` modules."""

from __future__ import annotations

import re
import time
import warnings
from functools import cache
from typing import Any

import torch
from torch.nn.modules.lazy import LazyModuleMixin
from torch.testing._internal.common_modules import ModuleErrorEnum, ModuleInfo, module_db

from .compare import Tolerances, problem
from .convert import Copier, Unconvertible, flat_tensors, is_subject_tensor, to_oracle
from .database import Case, _seed, spread
from .names import Missing
from .subject import lookup, subject
from .walk import Result, attempt, describe, judge_error

ASPECTS = ("float32", "float64", "grad-float64", "errors")
CAP = 12


@cache
def modules() -> dict[str, ModuleInfo]:
    """The `nn` modules of the database by name ("nn.Linear")."""
    return {info.name: info for info in module_db if info.name.startswith("nn.")}


def missing(name: str) -> str | None:
    """The name if the module under test lacks it, or None."""
    return None if lookup(name) is not None else name


def cases(pattern: str = "", present_only: bool = True) -> list[Case]:
    """All cases whose id matches `pattern`."""
    return [
        Case(name, aspect)
        for name, info in modules().items()
        if not (present_only and missing(name))
        for aspect in ASPECTS
        if (aspect != "errors" or info.module_error_inputs_func is not None) and re.search(pattern, f"{name}-{aspect}")
    ]


def _build(lib: Any, cls: Any, copier: Copier, constructor: Any, dtype: torch.dtype, training: bool) -> Any:
    args, kwargs = copier((constructor.args, constructor.kwargs))
    lib.manual_seed(0)
    return cls(*args, **kwargs).to(getattr(lib, str(dtype).removeprefix("torch."))).train(training)


def _state_problem(wanted: Any, got: Any, tolerances: Tolerances) -> str | None:
    return problem({k: to_oracle(v) for k, v in got.state_dict().items()}, dict(wanted.state_dict()), tolerances)


class Pair:
    """A module and its input on both sides."""

    def __init__(self, info: ModuleInfo, sample: Any, dtype: torch.dtype, training: bool) -> None:
        self.oracle, self.subject = Copier(to_subject=False), Copier(to_subject=True)
        self.module = _build(torch, info.module_cls, self.oracle, sample.constructor_input, dtype, training)
        self.forward_oracle = Copier(to_subject=False)
        self.forward_subject = Copier(to_subject=True)
        self.inputs = self.forward_oracle((sample.forward_input.args, sample.forward_input.kwargs))
        self.ours = _build(subject, lookup(info.name), self.subject, sample.constructor_input, dtype, training)
        self.our_inputs = self.forward_subject((sample.forward_input.args, sample.forward_input.kwargs))

    def forward(self) -> tuple[Any, Any]:
        """Outcomes of `forward` on both sides."""
        args, kwargs = self.inputs
        wanted = attempt(torch, lambda: self.module(*args, **kwargs))
        args_, kwargs_ = self.our_inputs
        return wanted, attempt(subject, lambda: self.ours(*args_, **kwargs_))


def _values_problem(pair: Pair, tolerances: Tolerances) -> str | None:
    """Initial values (bit for bit), printing, outputs, and buffers afterwards."""
    if not isinstance(pair.module, LazyModuleMixin):  # a lazy module has no values yet
        found = _state_problem(pair.module, pair.ours, Tolerances(exact=True))
        if found:
            return f"initial state_dict: {found}"
    if repr(pair.ours) != repr(pair.module):
        return f"repr: got {repr(pair.ours)[:200]!r}, expected {repr(pair.module)[:200]!r}"
    wanted, got = pair.forward()
    if wanted.error is not None:
        return "" if got.error is not None else f"did not raise; PyTorch: {describe(wanted.error)}"
    if got.error is not None:
        return describe(got.error)
    found = problem(to_oracle(got.value), _detached(wanted.value), tolerances)
    return found or _state_problem(pair.module, pair.ours, tolerances)


def _detached(value: Any) -> Any:
    if torch.is_tensor(value):
        return value.detach()
    if isinstance(value, (list, tuple)):
        return tuple(_detached(v) for v in value)
    return value


def _gradient_problem(pair: Pair) -> str | None:
    """Gradients of weighted outputs to parameters and inputs."""
    wanted, got = pair.forward()
    if wanted.error is not None:
        return None
    if got.error is not None:
        return describe(got.error)
    outputs = [t for t in flat_tensors(wanted.value, torch.is_tensor) if t.requires_grad]
    ours = [t for t in flat_tensors(got.value, is_subject_tensor) if t.requires_grad]
    if len(outputs) != len(ours):
        return f"{len(ours)} outputs require grad, expected {len(outputs)}"
    if not outputs:
        return None
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(o.shape, dtype=o.dtype, generator=generator) for o in outputs]
    torch.autograd.backward(outputs, weights)
    subject.autograd.backward(ours, Copier(to_subject=True)(weights))
    expected = {k: p.grad for k, p in pair.module.named_parameters()}
    actual = {k: p.grad for k, p in pair.ours.named_parameters()}
    expected |= {f"input {i}": t.grad for i, t in enumerate(pair.forward_oracle.leaves())}
    actual |= {f"input {i}": t.grad for i, t in enumerate(pair.forward_subject.leaves())}
    return problem({k: to_oracle(v) for k, v in actual.items()}, expected, Tolerances())


def _samples(info: ModuleInfo, dtype: torch.dtype, take_all: bool) -> list[tuple[int, bool, Any]]:
    drawn = []
    for training in (True, False) if info.train_and_eval_differ else (True,):
        _seed()
        made = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
        drawn += [(training, sample) for sample in made]
    return [(i, *drawn[i]) for i in spread(len(drawn), None if take_all else CAP)]


def _errors(info: ModuleInfo, result: Result) -> None:
    _seed()
    made = info.module_error_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=True)
    for index, sample in enumerate(made):
        given = sample.module_error_input
        on_construction = sample.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR
        wanted = attempt(torch, lambda g=given, o=on_construction: _provoke(torch, info.module_cls, g, o))
        if wanted.error is None:
            result.skipped += 1
            continue
        got = attempt(subject, lambda g=given, o=on_construction: _provoke(subject, lookup(info.name), g, o))
        judge_error(result, index, sample, got, f"did not raise {sample.error_type.__name__}: {sample.error_regex}")


def _provoke(lib: Any, cls: Any, given: Any, on_construction: bool) -> None:
    carry = Copier(to_subject=lib is subject)
    module = _build(lib, cls, carry, given.constructor_input, torch.float32, True)
    if not on_construction:
        args, kwargs = carry((given.forward_input.args, given.forward_input.kwargs))
        module(*args, **kwargs)


def run(case: Case, take_all: bool = False) -> Result:
    """The result of a case of the module database."""
    result, info = Result(case.op, case.aspect), modules()[case.op]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.aspect == "errors":
            _errors(info, result)
        else:
            dtype = getattr(torch, case.aspect.removeprefix("grad-"))
            for index, training, sample in _samples(info, dtype, take_all):
                try:
                    pair = Pair(info, sample, dtype, training)
                    grad = case.aspect.startswith("grad")
                    found = _gradient_problem(pair) if grad else _values_problem(pair, Tolerances())
                except (Unconvertible, Missing):
                    result.skipped += 1
                    continue
                except Exception as error:
                    found = describe(error)
                result.samples += 1
                if found:
                    result.fail(index, found + f" (training={training})")
    result.seconds = round(time.perf_counter() - start, 3)
    return result
