"""Gradients asked for again and again, by walks that are appended anew: run with both libraries."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight
from rushlight.passes import recall

from ..both import check

# Bodies of a loop over i = 0 … 5, with a network, x (4, 2), and `found` for what is compared.
LOOPS = {
    "stages": "y = x.detach().requires_grad_(); found += t.autograd.grad(net(y**3), (y, *net.parameters()), -x); x = x + 0.1 * found[-5]",
    "unused": "y = t.full((2,), float(i), requires_grad=True); found += t.autograd.grad((x * i).sum() + w.sum(), (w, y), allow_unused=True)",
    "middle": "h = net[0](x); found += t.autograd.grad(net[2](h).exp().mean(), (h, net[2].weight)); x = x * 0.5",
    "looked at": "h = net[0](x); found.append(h.sum().item()); found += t.autograd.grad(net[2](net[1](h)).square().sum(), tuple(net.parameters()))",
    "all of it looked at": "l = net(x).square().sum(); found.append(l.item()); found += t.autograd.grad(l, tuple(net.parameters())); x = x + 1",
    "again": "l = (w * w * i).sum(); found += t.autograd.grad(l, w, retain_graph=True); found += t.autograd.grad(l, w)",
    "the root": "l = w * 3.0; found += t.autograd.grad(l, l, t.ones(3) * i)",
    "twice the root": "l = w * 3.0; found += t.autograd.grad((l * l).sum(), (w, w, l))",
    "hooked": "v = w * 2; v.register_hook(lambda g: g * i); found += t.autograd.grad((v * v).sum(), w)",
    "hooked leaf": "v = w.detach().requires_grad_(); (v.register_hook(lambda g: g + 1) if i == 3 else 0); found += t.autograd.grad((v * v).sum(), v)",
    "written": "v = w.detach().requires_grad_(); a = (v * 2).sum()\nwith t.no_grad(): v.mul_(2)\nfound += t.autograd.grad(a + (v * 3).sum(), v)",
    "numbers": "v = w * 2.0; found += t.autograd.grad((v**0.5 + v / 3 + (v - 2).clamp(min=i) + v.std()).sum(), w)",
    "many ops": "v = (w * (i + 1)).view(3, 1); found += t.autograd.grad((t.cat([v, v.tanh()], 1).softmax(1)[:, 0] * t.where(v > 1, v, v * 0.1).squeeze()).logsumexp(0), w)",
    "freed": "l = (w * w).sum(); t.autograd.grad(l, w)\ntry: t.autograd.grad(l, w)\nexcept RuntimeError as error: found.append(str(error)[:40])",
    "higher": "l = (w**3).sum(); (g,) = t.autograd.grad(l, w, create_graph=True); found += t.autograd.grad(g.sum() * i, w)",
    "backward halfway": "net.zero_grad(); h = net[1](net[0](x)); found.append(h.sum().item()); net[2](h).square().sum().backward(); found += [p.grad.clone() for p in net.parameters()]; x = x * 0.9",
    "backward into less": "w.grad = None; v = (w * 2).exp(); found.append(v.sum().item()); (v.detach() * 3 + (v if i < 4 else 0)).sum().backward() if i < 4 else v.sum().backward(); found.append(w.grad.clone())",
    "backward adds up": "v = (w * 2).exp(); found.append(v.sum().item()); v.sum().backward(); found.append(w.grad.clone())",
    "integers between": "v = w.sort().values * i; found += t.autograd.grad(v.max() + v[1:].prod(), w)",
}


@pytest.mark.parametrize("name", LOOPS)
def test_gradients_are_those_of_a_walk(name: str) -> None:
    def program(t: Any) -> Any:
        net = t.nn.Sequential(t.nn.Linear(2, 5), t.nn.Tanh(), t.nn.Linear(5, 2))
        names = {
            "t": t,
            "net": net,
            "x": t.randn(4, 2),
            "w": t.tensor([0.5, 1.5, 2.0], requires_grad=True),
            "found": [],
        }
        for i in range(6):
            exec(LOOPS[name], {**names, "i": i}, names)
        return names["found"]

    check(program)


def _appended(monkeypatch: pytest.MonkeyPatch, run: Any, times: int) -> int:
    """How many of the gradients were appended without asking a rule."""
    appended: list[None] = []
    plain = recall.Recalled.append

    def append(self: recall.Recalled, nodes: Any) -> Any:
        appended.append(None)
        return plain(self, nodes)

    monkeypatch.setattr(recall.Recalled, "append", append)
    for _ in range(times):
        run()
    return len(appended)


def test_walks_are_known_from_the_third_time_on(monkeypatch: pytest.MonkeyPatch) -> None:
    w = rushlight.randn(3, requires_grad=True)

    def stages() -> None:
        for _ in range(2):
            middle = (w * 2.5).cosh()
            float(middle.sum())  # half of the graph is computed before its gradient is asked for
            rushlight.autograd.grad(middle.tan().sum(), w)

    def learning() -> None:
        w.grad = None
        middle = (w * 1.5).cosh()
        float(middle.sum())
        middle.tan().sum().backward()

    assert _appended(monkeypatch, stages, 5) == 8
    assert _appended(monkeypatch, learning, 8) >= 4
