"""An update as one node against the same update in the public functions: the same bits, whatever the parameters are."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

import rushlight as torch
from rushlight import config
from rushlight.optim.at_once import Update

_SGD = [
    f"SGD(p, lr=0.1, momentum={momentum}, dampening={dampening}, weight_decay={decay}, nesterov={nesterov}, maximize={up})"
    for momentum, dampening, decay, nesterov, up in itertools.product(
        (0, 0.9), (0, 0.3), (0, 0.01), (False, True), (False, True)
    )
    if not nesterov or (momentum and not dampening)
]
_ADAM = [
    f"Adam(p, lr=0.05, betas={betas}, weight_decay={decay}, amsgrad={amsgrad}, decoupled_weight_decay={decoupled})"
    for betas, decay, amsgrad, decoupled in itertools.product(
        ((0.9, 0.999), (0.3, 0.5)), (0, 0.1), (False, True), (False, True)
    )
]


def _parameters(kind: Any) -> list[Any]:
    whole = torch.randn(4, 3, dtype=kind)
    shared = torch.randn(3, dtype=kind)
    return [
        torch.nn.Parameter(torch.randn(3, 4, dtype=kind)),
        torch.nn.Parameter(torch.randn((), dtype=kind)),
        torch.nn.Parameter(torch.zeros(0, 2, dtype=kind)),
        torch.nn.Parameter(whole[1:].t()),
        torch.nn.Parameter(shared),
        torch.nn.Parameter(shared),
    ]


def _bits(made: str, kind: Any) -> list[bytes]:
    torch.manual_seed(1)
    p = _parameters(kind)
    optimizer = eval("t.optim." + made, {"t": torch, "p": p})
    for step in range(6):
        optimizer.zero_grad()
        optimizer.param_groups[0]["lr"] = 0.5 if step == 3 else 0.1
        if step == 4:
            optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        loss = sum((q * q.sin() * (1 + k)).sum() for k, q in enumerate(p) if (step, k) != (2, 1))
        (loss.real if loss.is_complex() else loss).backward()
        if step == 1:
            p[0].grad = torch.ones(4, 3, dtype=kind).t()
        seen = p[0].detach().numpy() if step == 5 and kind is not torch.bfloat16 else None
        optimizer.step()
        if seen is not None:
            assert seen.tobytes() == p[0].detach()._array().tobytes()
    state = [each for one in optimizer.state.values() for each in one.values() if isinstance(each, torch.Tensor)]
    return [each.detach()._array().tobytes() for each in (*p, *state)]


@pytest.mark.parametrize("made", _SGD + _ADAM)
def test_one_node_gives_the_bits_of_many(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "interp")  # native code may round a sum of products once
    kinds = (torch.float32, torch.float64, torch.bfloat16, torch.complex64)
    applied: list[bool] = []
    apply = Update.apply

    def counting(self: Update, *args: Any) -> bool:
        applied.append(apply(self, *args))
        return applied[-1]

    monkeypatch.setattr(Update, "apply", counting)
    at_once = [_bits(made, kind) for kind in kinds]
    assert any(applied) and not all(applied)
    monkeypatch.setattr(Update, "apply", lambda self, *args: False)
    assert [_bits(made, kind) for kind in kinds] == at_once


def test_a_count_of_steps_is_each_parameters_own() -> None:
    p = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimizer = torch.optim.Adam(p)
    for step in range(4):
        optimizer.zero_grad()
        (p[0].sum() + (p[1].sum() if step % 2 else 0)).backward()
        optimizer.step()
    assert [optimizer.state[each]["step"].item() for each in p] == [4, 2]
    assert optimizer.state[p[0]]["step"].dtype is torch.float32
