"""`nn.utils.prune` beside PyTorch's: masks, names, what is drawn, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch.nn.utils.prune  # noqa: F401 — the programs use it

import rushlight.nn.utils.prune  # noqa: F401

from ..both import check


def state(module: Any) -> Any:
    return [list(module._parameters), list(module._buffers), *module.state_dict().values(), module.weight, module.bias]


def step(t: Any, module: Any) -> Any:
    module(t.ones(2, 6)).square().sum().backward()
    return [parameter.grad for parameter in module.parameters()]


PRUNINGS = {
    "l1": lambda p, m: p.l1_unstructured(m, "weight", 0.3),
    "random": lambda p, m: p.random_unstructured(m, "bias", 2),
    "structured": lambda p, m: p.random_structured(m, "weight", 2, dim=1),
    "norm": lambda p, m: p.ln_structured(m, "weight", 0.5, n=2, dim=0),
    "largest": lambda p, m: p.ln_structured(m, "weight", 1, n=float("-inf"), dim=1),
    "nothing": lambda p, m: p.identity(m, "weight"),
    "often": lambda p, m: [
        p.l1_unstructured(m, "weight", 3),
        p.random_unstructured(m, "weight", 4),
        p.ln_structured(m, "weight", 1, n=1, dim=0),
        p.ln_structured(m, "weight", 1, n=1, dim=0),
    ],
    "too many": lambda p, m: p.l1_unstructured(m, "weight", 99),
    "no share": lambda p, m: p.l1_unstructured(m, "weight", 1.5),
    "no number": lambda p, m: p.l1_unstructured(m, "weight", "a"),
    "vector": lambda p, m: p.random_structured(m, "bias", 1, dim=0),
    "axis": lambda p, m: p.random_structured(m, "weight", 1, dim=2),
    "not pruned": lambda p, m: p.remove(m, "weight"),
}


@pytest.mark.parametrize("name", PRUNINGS)
def test_masks_are_pytorchs(name: str) -> None:
    def program(t: Any) -> Any:
        module = t.nn.Linear(6, 4)
        PRUNINGS[name](t.nn.utils.prune, module)
        result = [state(module), step(t, module), t.nn.utils.prune.is_pruned(module)]
        for part in ("weight", "bias"):
            if hasattr(module, f"{part}_mask"):
                t.nn.utils.prune.remove(module, part)
        return [*result, state(module), t.nn.utils.prune.is_pruned(module)]

    check(program)


def test_several_parameters_as_one_and_a_mask_of_ones_own() -> None:
    def program(t: Any) -> Any:
        prune = t.nn.utils.prune
        modules = t.nn.Linear(6, 4), t.nn.Linear(4, 3)
        prune.global_unstructured(
            [(modules[0], "weight"), (modules[1], "weight"), (modules[1], "bias")], prune.L1Unstructured, amount=0.4
        )
        prune.custom_from_mask(modules[0], "weight", t.arange(24).reshape(4, 6) % 5 > 0)
        scores = t.linspace(-1, 1, 12).reshape(3, 4)
        prune.l1_unstructured(modules[1], "weight", 3, importance_scores=scores)
        return [*state(modules[0]), *state(modules[1])]

    check(program)
