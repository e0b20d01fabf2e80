"""Every optimizer and option against PyTorch after 50 steps; groups, states, errors, hooks, printing."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

import rushlight
from rushlight.runtime import events

from ..both import array, assert_alike, check, check_warnings, run

OPTIMIZERS = [
    "SGD(p)",
    "SGD(p, lr=0.1)",
    "SGD(p, lr=0.1, momentum=0.9)",
    "SGD(p, lr=0.1, momentum=0.9, dampening=0.2)",
    "SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)",
    "SGD(p, lr=0.01, weight_decay=0.1, maximize=True)",
    "SGD(p, lr=t.tensor(0.1), foreach=True)",
    "SGD(p, lr=0.1, momentum=0.5, fused=True)",
    "Adam(p)",
    "Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)",
    "Adam(p, lr=0.05, amsgrad=True)",
    "Adam(p, lr=0.05, maximize=True, foreach=False)",
    "Adam(p, lr=t.tensor(0.05), decoupled_weight_decay=True, weight_decay=0.1)",
    "AdamW(p, lr=0.05)",
    "AdamW(p, lr=0.05, weight_decay=0.3, amsgrad=True)",
    "RMSprop(p)",
    "RMSprop(p, lr=0.05, alpha=0.9, eps=1e-6, weight_decay=0.1)",
    "RMSprop(p, lr=0.01, momentum=0.9)",
    "RMSprop(p, lr=0.01, centered=True)",
    "RMSprop(p, lr=0.01, centered=True, momentum=0.5, maximize=True)",
    "Adagrad(p)",
    "Adagrad(p, lr=0.1, lr_decay=0.1, weight_decay=0.1)",
    "Adagrad(p, lr=0.1, initial_accumulator_value=0.5, eps=1e-3, maximize=True)",
    "Adadelta(p)",
    "Adadelta(p, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1)",
    "Adadelta(p, maximize=True)",
    "Adamax(p)",
    "Adamax(p, lr=0.05, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1)",
    "Adamax(p, lr=0.05, maximize=True)",
    "NAdam(p)",
    "NAdam(p, lr=0.05, weight_decay=0.1, momentum_decay=0.01)",
    "NAdam(p, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)",
    "RAdam(p)",
    "RAdam(p, lr=0.05, betas=(0.8, 0.9), weight_decay=0.1)",
    "RAdam(p, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, maximize=True)",
    "ASGD(p)",
    "ASGD(p, lr=0.05, lambd=1e-2, alpha=0.5, t0=10, weight_decay=0.1)",
    "Rprop(p)",
    "Rprop(p, lr=0.05, etas=(0.4, 1.3), step_sizes=(1e-4, 0.1), maximize=True)",
    "LBFGS(p, max_iter=2)",
    "LBFGS(p, lr=0.3, max_iter=3, history_size=2)",
    "LBFGS(p, line_search_fn='strong_wolfe', max_iter=4)",
    "SGD([{'params': p[:1], 'lr': 0.2}, {'params': p[1:], 'momentum': 0.5}], lr=0.01)",
    "Adam([('a', p[0]), ('b', p[1]), ('c', p[2])], lr=0.01)",
]


def _problem(t: Any, dtype: str = "float32") -> tuple[list[Any], Any]:
    """Parameters and a loss whose gradients change sign now and then."""
    kind = getattr(t, dtype)
    p = [t.nn.Parameter(t.randn(*shape, dtype=kind)) for shape in ((3, 4), (4,), (1,))]
    x, y = t.randn(8, 3, dtype=kind), t.randn(8, 4, dtype=kind)

    def loss() -> Any:
        return ((x @ p[0] + p[1]).sin() - y).square().mean() + p[2].cos().sum()

    return p, loss


def _train(made: str, steps: int, dtype: str) -> Any:
    def program(t: Any) -> Any:
        p, loss = _problem(t, dtype)
        optimizer = eval("t.optim." + made, {"t": t, "p": p})
        losses = []

        def closure() -> Any:
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value

        for _ in range(steps):
            losses.append(float(optimizer.step(closure)))
        return {"parameters": [each.detach() for each in p], "state": _plain(optimizer.state_dict()), "losses": losses}

    return program


def _plain(state: Any) -> Any:
    """Without what L-BFGS keeps between its own iterations."""
    inner = ("al", "d", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad")
    return {**state, "state": {n: {k: v for k, v in s.items() if k not in inner} for n, s in state["state"].items()}}


@pytest.mark.parametrize("made", OPTIMIZERS)
def test_fifty_steps(made: str) -> None:
    """In double precision, where rounding is no excuse; a rate that is a float32 tensor is rounded to it."""
    ours, theirs = (run(_train(made, 10 if "LBFGS" in made else 50, "float64"), lib) for lib in (rushlight, torch))
    tolerance = 1e-6 if "t.tensor" in made else 1e-9
    assert_alike(ours, theirs, rtol=tolerance, atol=tolerance)


USUAL = ["SGD(p, lr=0.1, momentum=0.9, nesterov=True)", "Adam(p, lr=0.01)", "AdamW(p)", "RMSprop(p)", "Adagrad(p)"]


@pytest.mark.parametrize("made", USUAL)
def test_fifty_steps_in_single_precision(made: str) -> None:
    ours, theirs = (run(_train(made, 50, "float32"), library) for library in (rushlight, torch))
    for one, other in zip(ours["parameters"], theirs["parameters"], strict=True):
        assert abs(array(one) - array(other)).max() < 1e-5


@pytest.mark.parametrize("made", OPTIMIZERS)
def test_printing_and_copies(made: str) -> None:
    check(lambda t: repr(eval("t.optim." + made, {"t": t, "p": _problem(t)[0]})))

    def copies(t: Any) -> Any:
        p, loss = _problem(t)
        optimizer = eval("t.optim." + made, {"t": t, "p": p})
        optimizer.step(lambda: _backward(loss))
        twins = copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))
        return [_plain(twin.state_dict()) for twin in twins]

    if "LBFGS" not in made:
        check(copies, rtol=1e-4, atol=1e-5)


def _backward(loss: Any) -> Any:
    value = loss()
    value.backward()
    return value


@pytest.mark.parametrize("made", [m for m in OPTIMIZERS if "LBFGS" not in m])
def test_states_go_on_where_they_were(made: str) -> None:
    def program(t: Any) -> Any:
        p, loss = _problem(t)
        optimizer = eval("t.optim." + made, {"t": t, "p": p})
        for _ in range(4):
            optimizer.zero_grad()
            optimizer.step(lambda: _backward(loss))
        state = copy.deepcopy(optimizer.state_dict())
        other = eval("t.optim." + made, {"t": t, "p": p})
        other.load_state_dict(state)
        for _ in range(4):
            other.zero_grad()
            other.step(lambda: _backward(loss))
        return [each.detach() for each in p], _plain(other.state_dict())

    check(program, rtol=1e-4, atol=1e-5)


def test_a_loaded_state_is_not_changed_by_later_steps() -> None:
    p, loss = _problem(rushlight)
    optimizer = rushlight.optim.Adam(p)
    optimizer.step(lambda: _backward(loss))
    state = optimizer.state_dict()
    before = array(state["state"][0]["exp_avg"]).copy()
    other = rushlight.optim.Adam(p)
    other.load_state_dict(state)
    other.step()
    assert (array(state["state"][0]["exp_avg"]) == before).all()
    assert float(state["state"][0]["step"]) == 1


@pytest.mark.parametrize("made", ["SGD(p, lr=0.1, momentum=0.9)", "Adam(p)", "RMSprop(p)", "Adagrad(p)"])
def test_states_go_both_ways_between_the_libraries(made: str) -> None:
    ours, theirs = (_stepped(made, library) for library in (rushlight, torch))
    given = {
        "state": {
            n: {k: rushlight.tensor(array(v)) for k, v in s.items()} for n, s in theirs.state_dict()["state"].items()
        },
        "param_groups": theirs.state_dict()["param_groups"],
    }
    fresh = eval("t.optim." + made, {"t": rushlight, "p": ours.param_groups[0]["params"]})
    fresh.load_state_dict(given)
    assert_alike(fresh.state_dict(), theirs.state_dict())
    back = {
        "state": {n: {k: torch.tensor(array(v)) for k, v in s.items()} for n, s in ours.state_dict()["state"].items()},
        "param_groups": ours.state_dict()["param_groups"],
    }
    theirs.load_state_dict(back)
    theirs.step()


def _stepped(made: str, t: Any) -> Any:
    t.manual_seed(0)
    p, loss = _problem(t)
    optimizer = eval("t.optim." + made, {"t": t, "p": p})
    optimizer.step(lambda: _backward(loss))
    return optimizer


@pytest.mark.parametrize(
    "made", ["SGD(p, lr=0.1, momentum=0.9)", "Adam(p)", "AdamW(p)", "RMSprop(p, centered=True)", "Rprop(p)"]
)
def test_complex_parameters(made: str) -> None:
    def program(t: Any) -> Any:
        p = [t.nn.Parameter(t.tensor([1 + 2j, -0.5 - 1j, 0.3j]))]
        optimizer = eval("t.optim." + made, {"t": t, "p": p})
        for _ in range(5):
            optimizer.zero_grad()
            (p[0] * p[0].conj()).real.sum().backward()
            optimizer.step()
        return p[0].detach()

    check(program)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("made", ["SGD(p, lr=0.1, momentum=0.9)", "Adam(p, lr=0.1)"])
def test_dtypes(made: str, dtype: str) -> None:
    def program(t: Any) -> Any:
        p = [t.nn.Parameter(t.tensor([1.0, -2.0, 0.5], dtype=getattr(t, dtype)))]
        optimizer = eval("t.optim." + made, {"t": t, "p": p})
        for _ in range(5):
            optimizer.zero_grad()
            p[0].square().sum().backward()
            optimizer.step()
        return p[0].detach(), optimizer.state_dict()["state"]

    step = {"float64": 1e-12, "float16": 5e-4, "bfloat16": 8e-3}[dtype]  # at most one rounding at the values' size
    check(program, rtol=step, atol=step)


CONSTRUCTIONS = [
    "SGD(p[0])",
    "SGD([])",
    "SGD([3])",
    "SGD(3)",
    "SGD([p[0] * 2])",
    "SGD([{'params': p[0]}, {'params': [p[0]]}])",
    "SGD([{'params': {p[0]}}])",
    "SGD([{'foo': p[0]}])",
    "SGD([('a', p[0]), p[1]])",
    "SGD([{'params': [('a', p[0])]}, {'params': [p[1]]}])",
    "SGD([p[0]]).add_param_group(3)",
    "SGD(dict(a=p[0]))",
    "SGD([p[0]]).add_param_group({'params': p[1:], 'lr': 3.0})",
    "SGD([p[0]]).add_param_group({'params': p})",
    "Optimizer(p, {'lr': 1}).step()",
    "SGD(p).load_state_dict({'state': {}, 'param_groups': []})",
    "SGD(p).load_state_dict({'state': {}, 'param_groups': [{'params': [0]}]})",
    "SGD(p).load_state_dict({})",
    "SGD(p).load_state_dict(3)",
    "LBFGS([{'params': p[:1]}, {'params': p[1:]}])",
    "LBFGS(p).step()",
    "LBFGS(p, line_search_fn='x').step(lambda: _backward(loss))",
]


@pytest.mark.parametrize("text", CONSTRUCTIONS)
def test_errors_of_groups(text: str) -> None:
    def program(t: Any) -> Any:
        p, loss = _problem(t)
        return eval("t.optim." + text, {"t": t, "p": p, "loss": loss, "_backward": _backward})

    if text.endswith(".step()") and "Optimizer" in text:
        with pytest.raises(NotImplementedError):
            program(rushlight)
    else:
        check(program)


NAMES = "SGD Adam AdamW RMSprop Adagrad Adadelta Adamax NAdam RAdam ASGD Rprop LBFGS".split()
BAD = [
    "lr=-1",
    "eps=-1",
    "weight_decay=-1",
    "momentum=-1",
    "betas=(1, 0.9)",
    "betas=(0.9, 1.0)",
    "alpha=-1",
    "rho=2",
    "lr_decay=-1",
    "initial_accumulator_value=-1",
    "momentum_decay=-1",
    "etas=(2, 1)",
    "nesterov=True",
    "dampening=1, nesterov=True, momentum=0.9",
    "fused=True, foreach=True",
    "fused=True, differentiable=True",
    "lr=t.tensor([1.0, 2.0])",
    "lr=t.tensor(0.1), foreach=True",
    "betas=(t.tensor(0.9), 0.9)",
]


@pytest.mark.parametrize("name", NAMES)
def test_errors_of_options(name: str) -> None:
    for options in BAD:
        theirs = run(lambda t, o=options: repr(eval(f"t.optim.{name}(_problem(t)[0], {o})", _names(t))), torch)
        ours = run(lambda t, o=options: repr(eval(f"t.optim.{name}(_problem(t)[0], {o})", _names(t))), rushlight)
        assert_alike(ours, theirs, path=f"{name}({options})")


def _names(t: Any) -> dict[str, Any]:
    return {"t": t, "_problem": _problem}


def test_defaults_are_pytorchs() -> None:
    for name in NAMES:
        ours, theirs = (getattr(t.optim, name)(_problem(t)[0]).defaults for t in (rushlight, torch))
        assert ours == theirs, name


def test_parameters_without_gradient_stay() -> None:
    def program(t: Any) -> Any:
        p, _ = _problem(t)
        p[0].grad = t.ones(3, 4)
        optimizer = t.optim.Adam(p)
        optimizer.step()
        return [each.detach() for each in p], list(optimizer.state_dict()["state"])

    check(program)


def test_zero_grad() -> None:
    def program(t: Any) -> Any:
        p, loss = _problem(t)
        optimizer = t.optim.SGD(p)
        loss().backward()
        optimizer.zero_grad(set_to_none=False)
        zeros = [each.grad for each in p]
        optimizer.zero_grad()
        return zeros, [each.grad for each in p]

    check(program)


def test_hooks() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        p, loss = _problem(t)
        optimizer = t.optim.SGD(p, lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append(("pre", len(args))))
        optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post"))
        optimizer.register_state_dict_pre_hook(lambda o: log.append("state"))
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, state: log.append(list(state)))
        optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
        removed = optimizer.register_step_pre_hook(lambda *a: log.append("never"))
        removed.remove()
        optimizer.step(lambda: _backward(loss))
        optimizer.load_state_dict(optimizer.state_dict())
        return log

    check(program)


def test_global_hooks() -> None:
    def program(t: Any) -> Any:
        hooks = __import__(f"{t.__name__}.optim.optimizer", fromlist=["optimizer"])
        log: list[str] = []
        handles = [
            hooks.register_optimizer_step_pre_hook(lambda o, args, kwargs: log.append("pre")),
            hooks.register_optimizer_step_post_hook(lambda o, args, kwargs: log.append("post")),
        ]
        try:
            t.optim.SGD(_problem(t)[0]).step()
        finally:
            for handle in handles:
                handle.remove()
        t.optim.SGD(_problem(t)[0]).step()
        return log

    check(program)


def test_an_optimizer_of_the_users_own() -> None:
    def program(t: Any) -> Any:
        class Plain(t.optim.Optimizer):
            def __init__(self, params: Any, lr: float = 0.1) -> None:
                super().__init__(params, {"lr": lr})

            @t.no_grad()
            def step(self, closure: Any = None) -> Any:
                for group in self.param_groups:
                    for each in group["params"]:
                        if each.grad is not None:
                            each.add_(each.grad, alpha=-group["lr"])
                            self.state[each]["count"] = self.state[each].get("count", 0) + 1

        p, loss = _problem(t)
        optimizer = Plain(p)
        seen: list[int] = []
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(1))
        for _ in range(3):
            optimizer.zero_grad()
            _backward(loss)
            optimizer.step()
        return [each.detach() for each in p], optimizer.state_dict(), seen

    check(program)


def test_differentiable_step() -> None:
    def program(t: Any) -> Any:
        start = t.tensor([1.0, -2.0], requires_grad=True)
        p = start.clone()
        p.retain_grad()
        optimizer = t.optim.SGD([p], lr=0.1, differentiable=True)
        p.grad = start * 3
        optimizer.step()
        p.sum().backward()
        return p.detach(), start.grad

    check(program)


def test_step_leaves_nothing_pending() -> None:
    p, loss = _problem(rushlight)
    optimizer = rushlight.optim.Adam(p)
    optimizer.step(lambda: _backward(loss))
    assert all(each._storage.node.value is not None for each in p)


def test_duplicate_parameters_warn() -> None:
    check_warnings(lambda t: t.optim.SGD([_same(t)] * 2))


def _same(t: Any) -> Any:
    return t.nn.Parameter(t.ones(1))


@pytest.mark.parametrize("made", ["SGD(p, lr=0.3, momentum=0.9)", "Adam(p)", "AdamW(p)"])
def test_a_schedule_makes_no_new_plan(made: str) -> None:
    """Whatever the rate passes through, and whatever the step."""
    p, loss = _problem(rushlight)
    optimizer = eval("t.optim." + made, {"t": rushlight, "p": p})
    misses: list[str] = []
    for place, rate in enumerate((0.3, 0.3, 0.3, 0.1, 1.0, 0.5, 0.0, 2)):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        stop = events.subscribe(lambda event, facts: misses.append(event) if event == "plan miss" else None)
        optimizer.step(lambda: _backward(loss))
        stop()
        if place == 2:
            misses.clear()
    assert not misses


@pytest.mark.parametrize(
    "source", [each for each in OPTIMIZERS if each.startswith(("SGD(p, lr=0.1", "Adamax", "ASGD"))]
)
def test_the_same_bits(source: str) -> None:
    """What takes no square root, in which PyTorch's vectors differ now and then: products and sums are fused where PyTorch fuses them."""

    def steps(t: Any) -> Any:
        numbers = torch.Generator().manual_seed(0)
        p = [t.nn.Parameter(t.tensor(torch.randn(64, 8, generator=numbers).tolist()))]
        optimizer = eval("t.optim." + source, {"t": t, "p": p})
        for _ in range(6):
            p[0].grad = t.tensor(torch.randn(64, 8, generator=numbers).tolist())
            optimizer.step()
        return p[0].tolist()

    assert steps(rushlight) == steps(torch)
