"""`state_dict` and `load_state_dict`: names, metadata, errors, hooks, extra state; programs run with both libraries."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch

import rushlight

from ..both import array, assert_alike, check


def net(t: Any) -> Any:
    made = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3))
    made.register_buffer("kept", t.ones(1))
    made.register_buffer("passing", t.zeros(2), persistent=False)
    return made


def test_state_dict() -> None:
    def program(t: Any) -> Any:
        module = net(t)
        state = module.state_dict()
        given = OrderedDict()
        same = module.state_dict(destination=given, prefix="p.") is given
        kept = module.state_dict(keep_vars=True)
        return [
            type(state).__name__,
            dict(state),
            dict(state._metadata),
            list(given),
            same,
            kept["0.weight"] is module[0].weight,
            state["0.weight"].requires_grad,
        ]

    check(program)


def test_state_shares_memory() -> None:
    module = rushlight.nn.Linear(2, 2)
    state = module.state_dict()
    with rushlight.no_grad():
        module.weight.fill_(7)
    assert array(state["weight"]).tolist() == [[7, 7], [7, 7]]


CHANGES: dict[str, Any] = {
    "nothing": lambda s, t: None,
    "one missing": lambda s, t: s.pop("0.bias"),
    "one unexpected": lambda s, t: s.update({"more": t.ones(1)}),
    "one below": lambda s, t: s.update({"0.bias.more": t.ones(1)}),
    "one of a layer": lambda s, t: s.update({"0.more": t.ones(1), "1.more.yet": t.ones(1)}),
    "wrong size": lambda s, t: s.update({"0.weight": t.ones(3, 3)}),
    "wrong axes": lambda s, t: s.update({"0.weight": t.ones(6)}),
    "no tensor": lambda s, t: s.update({"0.bias": 3}),
    "scalar as vector": lambda s, t: s.update({"1.num_batches_tracked": t.tensor([5])}),
    "other dtype": lambda s, t: s.update({"0.weight": t.ones(3, 2, dtype=t.float64)}),
    "many": lambda s, t: (s.pop("kept"), s.pop("1.weight"), s.update({"b": 1, "a": 2, "0.bias": t.ones(4)})),
    "all": lambda s, t: s.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("assign", [True, False])
def test_load(change: str, strict: bool, assign: bool) -> None:
    def program(t: Any) -> Any:
        source, target = net(t), net(t)
        state = source.state_dict()
        CHANGES[change](state, t)
        weight = target[0].weight
        found = target.load_state_dict(state, strict=strict, assign=assign)
        return repr(found), dict(target.state_dict()), weight is target[0].weight, target[0].weight.requires_grad

    check(program)


def test_load_what_is_no_mapping() -> None:
    check(lambda t: net(t).load_state_dict(3))


def test_result_of_load() -> None:
    def program(t: Any) -> Any:
        found = net(t).load_state_dict({"zz": t.ones(1)}, strict=False)
        missing, unexpected = found
        return found.missing_keys == missing, unexpected, str(found)

    check(program)


def test_frozen_parameters_stay_frozen() -> None:
    def program(t: Any) -> Any:
        source, target = t.nn.Linear(2, 2), t.nn.Linear(2, 2).requires_grad_(False)
        target.load_state_dict(source.state_dict(), assign=True)
        return target.weight, isinstance(target.weight, t.nn.Parameter)

    check(program)


def test_hooks() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        module = net(t)
        module.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))
        module[0].register_state_dict_post_hook(lambda m, s, prefix, meta: s.pop(prefix + "bias") and None)
        removed = module.register_state_dict_pre_hook(lambda *a: log.append("never"))
        removed.remove()
        module._register_state_dict_hook(lambda m, s, prefix, meta: OrderedDict(s, added=t.ones(1)))
        state = module.state_dict(prefix="x.")
        log.append(list(state))
        target = net(t)
        target.register_load_state_dict_pre_hook(
            lambda m, s, prefix, meta, strict, missing, unexpected, errors: log.append(
                (type(m).__name__, prefix, strict, list(s))
            )
        )
        target[0]._register_load_state_dict_pre_hook(lambda s, prefix, *rest: s.update({prefix + "bias": t.zeros(3)}))
        target.register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.clear())
        log.append(repr(target.load_state_dict({**net(t).state_dict(), "more": t.ones(1)})))
        return log, target[0].bias

    check(program)


def test_hooks_that_return_what_they_may_not() -> None:
    def post(t: Any) -> Any:
        module = net(t)
        module.register_state_dict_post_hook(lambda *a: 3)
        return module.state_dict()

    check(post)

    def twice(t: Any) -> Any:
        module, hook = net(t), lambda *a: None
        module.register_state_dict_post_hook(hook)
        module._register_state_dict_hook(hook)

    check(twice)


def test_extra_state() -> None:
    def program(t: Any) -> Any:
        class Counting(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.count = 1

            def get_extra_state(self) -> Any:
                return {"count": self.count}

            def set_extra_state(self, state: Any) -> None:
                self.count = state["count"]

        source, target = t.nn.Sequential(Counting()), t.nn.Sequential(Counting())
        source[0].count = 5
        state = source.state_dict()
        found = target.load_state_dict(state)
        lacking = target.load_state_dict({}, strict=False)
        plain = t.nn.Sequential(t.nn.ReLU()).load_state_dict(state, strict=False)
        return dict(state), repr(found), target[0].count, repr(lacking), repr(plain)

    check(program)


def test_old_batch_norm_states_without_count() -> None:
    def program(t: Any) -> Any:
        norm = t.nn.BatchNorm1d(2)
        state = dict(norm.state_dict())
        del state["num_batches_tracked"]
        return repr(norm.load_state_dict(state)), norm.num_batches_tracked

    check(program)


def test_old_instance_norm_states_with_statistics() -> None:
    check(lambda t: t.nn.InstanceNorm2d(2).load_state_dict({"running_mean": t.ones(2), "running_var": t.ones(2)}))


def test_states_go_both_ways_between_the_libraries() -> None:
    ours, theirs = net(rushlight), net(torch)
    theirs(torch.randn(5, 2))
    ours.load_state_dict({k: rushlight.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    assert_alike(dict(ours.state_dict()), dict(theirs.state_dict()), rtol=0, atol=0)
    back = {k: torch.tensor(array(v)) for k, v in ours.state_dict().items()}
    assert repr(theirs.load_state_dict(back)) == "<All keys matched successfully>"
