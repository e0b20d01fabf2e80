"""Leaves and their gradients: `requires_grad`, `detach`, `is_leaf`, `grad`, `retain_grad`, `zero_grad`."""

from __future__ import annotations

import copy
from typing import Any

import rushlight

from .programs import alike, attempt, leaf


@alike
def test_requires_grad(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    z = t.ones(2)
    z.requires_grad = True
    w = leaf(t, 1.0).requires_grad_(False)
    c = t.zeros(2, dtype=t.complex64).requires_grad_()

    def switch(tensor: Any, wanted: bool) -> None:
        tensor.requires_grad = wanted

    return [
        x.requires_grad,
        y.requires_grad,
        z.requires_grad,
        w.requires_grad,
        c.requires_grad,
        attempt(y.requires_grad_, False),
        attempt(switch, y, False),
        attempt(y.requires_grad_),
        attempt(switch, y, True),
        attempt(t.tensor([1, 2]).requires_grad_),
        attempt(switch, t.tensor([True]), True),
        attempt(t.tensor([1, 2]).requires_grad_, False),
        attempt(lambda: t.tensor([1, 2], requires_grad=True)),
        attempt(lambda: t.ones(2, dtype=t.int32, requires_grad=True)),
        (x > 1).requires_grad,
        x.argmax().requires_grad,
        x.long().requires_grad,
    ]


@alike
def test_is_leaf(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    with t.no_grad():
        untracked = x * 2
        view = x[:1]
    p = t.nn.Parameter(t.ones(2))
    return [
        each.is_leaf
        for each in (x, x * 2, x[0], t.ones(2), t.ones(2) * 2, x.detach(), x.data, untracked, view, p, p.T, x.double())
    ]


@alike
def test_detach(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 3
    d = y.detach()
    flags = d.requires_grad, d.is_leaf, d.grad_fn
    (y * d).sum().backward()
    z = x * 2
    z.detach_()
    after = z.requires_grad, z.is_leaf, z.grad_fn
    view = (x * 2)[0]
    d[0] = 100.0
    return flags, x.grad, after, attempt(view.detach_), y, attempt(x.detach_), x.requires_grad


def test_detach_in_place_leaves_other_users_alone() -> None:
    """PyTorch raises where what the graph saved was detached; here the saved value has its history still."""
    x = leaf(rushlight, 1.0, 2.0)
    y = x * 3
    z = y * y
    y.detach_()
    (z + y).sum().backward()
    assert x.grad.tolist() == [18.0, 36.0]


@alike
def test_assigning_grad(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)

    def put(value: Any) -> Any:
        x.grad = value
        return x.grad

    def remove() -> None:
        del x.grad

    return [
        put(t.ones(2)),
        attempt(put, t.ones(3)),
        attempt(put, t.ones(2, 1)),
        attempt(put, t.ones(2, dtype=t.float64)),
        attempt(put, [1.0, 2.0]),
        attempt(put, 1.0),
        x.grad,
        attempt(put, x),
        attempt(remove),
        x.grad,
        put(None),
    ]


@alike
def test_assigned_grad_is_accumulated_into(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    mine = t.tensor([10.0, 20.0])
    x.grad = mine
    (x * x).sum().backward()
    return x.grad, x.grad is mine, mine


@alike
def test_zero_grad_both_ways(t: Any) -> Any:
    found = []
    for to_none in (True, False):
        model = t.nn.Linear(2, 1)
        optimizer = t.optim.SGD(model.parameters(), lr=0.1)
        model(t.ones(1, 2)).sum().backward()
        kept = model.weight.grad
        optimizer.zero_grad(set_to_none=to_none)
        found.append((model.weight.grad, kept.clone(), kept is model.weight.grad))
        model(t.ones(1, 2)).sum().backward()
        model.zero_grad(set_to_none=to_none)
        found.append((model.weight.grad, kept))
        model.weight.grad = None
        model(t.ones(1, 2)).sum().backward()
        model.weight.grad.zero_()
        model(t.ones(1, 2)).sum().backward()
        found.append(model.weight.grad)
    return found


@alike
def test_retain_grad(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    z = y * y
    y.retain_grad()
    y.retain_grad()
    x.retain_grad()
    before = y.retains_grad, z.retains_grad, x.retains_grad
    z.sum().backward(retain_graph=True)
    first = y.grad.clone()
    z.sum().backward()
    return before, first, y.grad, x.grad, attempt(t.ones(2).retain_grad)


@alike
def test_retained_grad_of_a_view_and_after_an_in_place_op(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    y = x * 2
    part = y[1:]
    part.retain_grad()
    (part**2).sum().backward()
    z = x * 2
    z.retain_grad()
    z.mul_(3)
    (z**2).sum().backward()
    return part.grad, z.grad, z.retains_grad


@alike
def test_gradient_of_unused_parts(t: Any) -> Any:
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    unused = leaf(t, 1.0)
    x[0, 1].backward()
    (x[:, 2] * 2).sum().backward()
    t.cat([x, t.ones(1, 3)])[2].sum().backward()
    return x.grad, unused.grad


@alike
def test_data_and_its_effect(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = leaf(t, 1.0, 2.0).exp() * 1
    y.data.mul_(10)
    ((y * y).sum() * x.sum()).backward()
    first = x.grad.clone()
    x.grad = None
    (x * 3).sum().backward()
    x.data.add_(1)
    x.data[0] = 7
    x.grad.data.mul_(2)
    grad = x.grad.clone()
    w = leaf(t, 1.0, 2.0)
    w.data = t.tensor([5.0, 6.0, 7.0])
    (w * w).sum().backward()
    return y, first, grad, w.is_leaf, w.requires_grad, x, w, w.grad


@alike
def test_updates_under_no_grad(t: Any) -> Any:
    w, b = t.randn(3, 2, requires_grad=True), t.zeros(2, requires_grad=True)
    x, y = t.randn(8, 3), t.randn(8, 2)
    losses = []
    for _ in range(5):
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        losses.append(loss.item())
        with t.no_grad():
            w -= 0.1 * w.grad
            b.sub_(b.grad, alpha=0.1)
            w[0] *= 0.99
        w.grad.zero_()
        b.grad = None
    return losses, w, b, w.is_leaf, b.is_leaf


@alike
def test_warning_free_reads_of_grad(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    y.sum().backward()
    return y.grad, x.grad


@alike
def test_deepcopy(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    x.sum().backward()
    y = copy.deepcopy(x)
    return y, y.grad, y.is_leaf, attempt(copy.deepcopy, x * 2)
