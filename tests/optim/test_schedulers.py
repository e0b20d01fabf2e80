"""Every schedule against PyTorch: the rates of each epoch, states, errors, warnings."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ..both import check, check_warnings

SCHEDULES = [
    "LambdaLR(o, lambda e: 0.9**e)",
    "LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)])",
    "MultiplicativeLR(o, lambda e: 0.95)",
    "StepLR(o, 3)",
    "StepLR(o, step_size=2, gamma=0.5)",
    "MultiStepLR(o, [2, 5, 5, 9], gamma=0.3)",
    "ConstantLR(o)",
    "ConstantLR(o, factor=0.5, total_iters=3)",
    "LinearLR(o)",
    "LinearLR(o, start_factor=0.2, end_factor=0.7, total_iters=6)",
    "ExponentialLR(o, 0.9)",
    "PolynomialLR(o)",
    "PolynomialLR(o, total_iters=8, power=2.0)",
    "CosineAnnealingLR(o, 5)",
    "CosineAnnealingLR(o, T_max=4, eta_min=0.01)",
    "CosineAnnealingWarmRestarts(o, 3)",
    "CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.01)",
    "CyclicLR(o, 0.01, 0.1, step_size_up=3)",
    "CyclicLR(o, [0.01, 0.02], [0.1, 0.3], step_size_up=2, step_size_down=4, mode='triangular2')",
    "CyclicLR(o, 0.01, 0.1, 3, mode='exp_range', gamma=0.9, cycle_momentum=False)",
    "CyclicLR(o, 0.01, 0.1, 3, scale_fn=lambda x: 0.5**x, scale_mode='iterations')",
    "OneCycleLR(o, 0.3, total_steps=20)",
    "OneCycleLR(o, [0.3, 0.5], epochs=4, steps_per_epoch=5, anneal_strategy='linear', pct_start=0.4)",
    "OneCycleLR(o, 0.3, 20, three_phase=True, div_factor=10.0, final_div_factor=100.0)",
    "OneCycleLR(o, 0.3, 20, cycle_momentum=False)",
    "SequentialLR(o, [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)], [4])",
    "SequentialLR(o, [s.LinearLR(o, total_iters=3), s.CosineAnnealingLR(o, 8), s.StepLR(o, 2)], [3, 9])",
    "SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=3), s.PolynomialLR(o, 6)], [3])",
    "ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)])",
    "ChainedScheduler([s.LinearLR(o), s.StepLR(o, 3), s.CosineAnnealingLR(o, 7)], o)",
]
STEPS = 18


def _optimizer(t: Any, kind: str = "SGD") -> Any:
    groups = [{"params": [t.nn.Parameter(t.ones(1))], "lr": 0.2}, {"params": [t.nn.Parameter(t.ones(1))]}]
    return t.optim.SGD(groups, lr=0.1, momentum=0.9) if kind == "SGD" else t.optim.Adam(groups, lr=0.1)


def _schedule(t: Any, text: str, optimizer: Any) -> Any:
    names = {"o": optimizer, "s": t.optim.lr_scheduler}
    return eval("s." + text, names)


def _options(optimizer: Any) -> list[Any]:
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def _run(t: Any, scheduler: Any, steps: int) -> list[Any]:
    seen = []
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        seen.append(scheduler.get_last_lr())
    return seen


@pytest.mark.parametrize("text", SCHEDULES)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_rates(text: str, kind: str) -> None:
    def program(t: Any) -> Any:
        optimizer = _optimizer(t, kind)
        scheduler = _schedule(t, text, optimizer)
        first = scheduler.get_last_lr(), _options(optimizer)
        return first, _run(t, scheduler, STEPS), _options(optimizer)

    check(program, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("text", SCHEDULES)
def test_states(text: str) -> None:
    def program(t: Any) -> Any:
        scheduler = _schedule(t, text, _optimizer(t))
        first = copy.deepcopy(scheduler.state_dict())
        _run(t, scheduler, 5)
        middle = copy.deepcopy(scheduler.state_dict())
        other_optimizer = _optimizer(t)
        other = _schedule(t, text, other_optimizer)
        other.load_state_dict(copy.deepcopy(middle))  # PyTorch takes entries out
        other_optimizer.load_state_dict(scheduler.optimizer.state_dict())
        return _sorted(first), _sorted(middle), _run(t, other, 6), _sorted(other.state_dict())

    check(program, rtol=1e-9, atol=1e-12)


def _sorted(state: Any) -> Any:
    """PyTorch has some entries in another order."""
    return {key: state[key] for key in sorted(state)}


RESUMED = ["StepLR(o, 3, last_epoch=4)", "ExponentialLR(o, 0.9, last_epoch=4)", "CosineAnnealingLR(o, 8, last_epoch=4)"]


@pytest.mark.parametrize("text", RESUMED + ["LinearLR(o, last_epoch=2)", "LambdaLR(o, lambda e: 0.9**e, last_epoch=4)"])
def test_resumed_by_number(text: str) -> None:
    def program(t: Any) -> Any:
        optimizer = _optimizer(t)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        scheduler = _schedule(t, text, optimizer)
        return scheduler.get_last_lr(), _run(t, scheduler, 6)

    check(program, rtol=1e-9, atol=1e-12)


CLOSED = [text for text in SCHEDULES if text.split("(")[0] not in ("SequentialLR", "ChainedScheduler")]


@pytest.mark.parametrize("text", CLOSED)
def test_jumps_to_an_epoch(text: str) -> None:
    def program(t: Any) -> Any:
        scheduler = _schedule(t, text, _optimizer(t))
        seen = []
        for epoch in (3, 0, 7, 4, 12):
            scheduler.step(epoch)
            seen.append(scheduler.get_last_lr())
        scheduler.step()
        return seen, scheduler.get_last_lr(), scheduler.last_epoch

    check(program, rtol=1e-9, atol=1e-12)


def test_fractions_of_epochs() -> None:
    def program(t: Any) -> Any:
        scheduler = t.optim.lr_scheduler.CosineAnnealingWarmRestarts(_optimizer(t), 3, 2)
        seen = []
        for i in range(20):
            scheduler.step(i / 2)
            seen.append(scheduler.get_last_lr())
        return seen, scheduler.T_cur, scheduler.T_i

    check(program, rtol=1e-9, atol=1e-12)


MEASURES = [
    3.0,
    2.0,
    2.0,
    2.0,
    2.0,
    1.9999,
    1.5,
    1.6,
    1.7,
    1.8,
    1.9,
    2.0,
    0.1,
    0.1,
    0.1,
    0.1,
    0.1,
    float("nan"),
    0.2,
    0.3,
]


@pytest.mark.parametrize(
    "options",
    [
        "patience=2",
        "mode='max', patience=1",
        "factor=0.5, patience=0, cooldown=2",
        "patience=1, threshold=0.3, threshold_mode='abs'",
        "patience=1, min_lr=0.03",
        "patience=1, min_lr=[0.03, 0.05], eps=0.02",
        "mode='max', patience=1, threshold_mode='abs'",
    ],
)
def test_plateau(options: str) -> None:
    def program(t: Any) -> Any:
        scheduler = eval(f"s.ReduceLROnPlateau(o, {options})", {"s": t.optim.lr_scheduler, "o": _optimizer(t)})
        first = dict(scheduler.state_dict())
        seen = []
        for measure in MEASURES:
            scheduler.step(t.tensor(measure))
            seen.append((scheduler.get_last_lr(), scheduler.num_bad_epochs, scheduler.cooldown_counter))
        state = scheduler.state_dict()
        other = t.optim.lr_scheduler.ReduceLROnPlateau(_optimizer(t))
        other.load_state_dict(state)
        return first, seen, state, other._is_better(0.0, 1.0)

    check(program, rtol=1e-9, atol=1e-12)


def test_rates_that_are_tensors_stay_the_same_tensors() -> None:
    def program(t: Any) -> Any:
        rate = t.tensor(0.1)
        optimizer = t.optim.Adam([t.nn.Parameter(t.ones(1))], lr=rate)
        scheduler = t.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        optimizer.step()
        scheduler.step()
        return optimizer.param_groups[0]["lr"] is rate, rate

    check(program)


ERRORS = [
    "StepLR(3, 1)",
    "StepLR(o, 1, last_epoch=2)",
    "LambdaLR(o, [lambda e: e])",
    "ConstantLR(o, factor=2)",
    "LinearLR(o, start_factor=0)",
    "LinearLR(o, end_factor=2)",
    "ReduceLROnPlateau(o, factor=1.0)",
    "ReduceLROnPlateau(3)",
    "ReduceLROnPlateau(o, min_lr=[1])",
    "ReduceLROnPlateau(o, mode='x')",
    "ReduceLROnPlateau(o, threshold_mode='x')",
    "CyclicLR(o, 0.1, 0.2, mode='x')",
    "CyclicLR(o, [0.1], 0.2)",
    "CyclicLR(3, 0.1, 0.2)",
    "CosineAnnealingWarmRestarts(o, 0)",
    "CosineAnnealingWarmRestarts(o, 1, T_mult=0.5)",
    "CosineAnnealingWarmRestarts(o, 3).step(-1)",
    "OneCycleLR(o, 0.1)",
    "OneCycleLR(o, 0.1, 0)",
    "OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=1)",
    "OneCycleLR(o, 0.1, epochs=1, steps_per_epoch=0)",
    "OneCycleLR(o, 0.1, 10, pct_start=2)",
    "OneCycleLR(o, 0.1, 10, anneal_strategy='x')",
    "OneCycleLR(o, [0.1], 10)",
    "OneCycleLR(o, 0.1, 10, base_momentum=[0.1])",
    "SequentialLR(o, [], [])",
    "SequentialLR(o, [s.StepLR(o, 1), s.StepLR(o, 1)], [])",
    "SequentialLR(o, [s.ReduceLROnPlateau(o), s.StepLR(o, 1)], [1])",
    "SequentialLR(o, [3, s.StepLR(o, 1)], [1])",
    "ChainedScheduler([])",
]


@pytest.mark.parametrize("text", ERRORS)
def test_errors(text: str) -> None:
    check(lambda t: _schedule(t, text, _optimizer(t)))


def test_schedules_of_several_optimizers() -> None:
    def sequential(t: Any) -> Any:
        s = t.optim.lr_scheduler
        return s.SequentialLR(_optimizer(t), [s.StepLR(_optimizer(t), 1)], [])

    def chained(t: Any) -> Any:
        s = t.optim.lr_scheduler
        return s.ChainedScheduler([s.StepLR(_optimizer(t), 1), s.StepLR(_optimizer(t), 1)])

    check(sequential)
    check(chained)


def test_too_many_steps_of_one_cycle() -> None:
    check(lambda t: _run(t, t.optim.lr_scheduler.OneCycleLR(_optimizer(t), 0.1, 2), 5))


WARNING = {
    "early": lambda t: t.optim.lr_scheduler.StepLR(_optimizer(t), 1).step(),
    "epoch": lambda t: _stepped(t).step(3),
    "get_lr": lambda t: _stepped(t).get_lr(),
    "none": lambda t: _stepped(t).step(),
    "before": lambda t: _step_before(t).step(),
    "plateau": lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(_optimizer(t)).step(1.0, 3),
}


def _stepped(t: Any) -> Any:
    scheduler = t.optim.lr_scheduler.StepLR(_optimizer(t), 1)
    scheduler.optimizer.step()
    return scheduler


def _step_before(t: Any) -> Any:
    optimizer = _optimizer(t)
    optimizer.step()
    return t.optim.lr_scheduler.StepLR(optimizer, 1)


@pytest.mark.parametrize("case", WARNING)
def test_warnings(case: str) -> None:
    check_warnings(WARNING[case])


def test_a_schedule_of_the_users_own() -> None:
    def program(t: Any) -> Any:
        class Halving(t.optim.lr_scheduler.LRScheduler):
            def get_lr(self) -> Any:
                return [group["lr"] * (0.5 if self.last_epoch else 1) for group in self.optimizer.param_groups]

        return _run(t, Halving(_optimizer(t)), 3)

    check(program)


def test_callable_objects_keep_their_state() -> None:
    def program(t: Any) -> Any:
        class Factor:
            def __init__(self, by: float) -> None:
                self.by = by

            def __call__(self, epoch: int) -> float:
                return self.by**epoch

        scheduler = t.optim.lr_scheduler.LambdaLR(_optimizer(t), Factor(0.5))
        state = scheduler.state_dict()
        other = t.optim.lr_scheduler.LambdaLR(_optimizer(t), Factor(0.9))
        other.load_state_dict(state)
        return state, _run(t, other, 2)

    check(program)
