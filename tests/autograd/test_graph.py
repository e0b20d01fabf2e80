"""The graph as users see it: names of gradient functions, what stands below them, and what they hold."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight

from ..both import check
from .programs import alike, attempt, leaf


def shown(function: Any, depth: int = 4) -> Any:
    """A gradient function's name and those below it."""
    if function is None:
        return None
    if not depth:
        return function.name()
    below = [(shown(each, depth - 1), number) for each, number in function.next_functions]
    return (function.name(), type(function).__name__, below)


PROGRAMS = {
    "arithmetic": lambda t, x, y: (x * y + 2) / y - x,
    "scalars": lambda t, x, y: 2 - (3 * x) ** 2,
    "untracked operand": lambda t, x, y: t.ones(2, 2) * x + t.ones(2, 2),
    "matmul": lambda t, x, y: (x @ y).relu(),
    "addmm": lambda t, x, y: t.addmm(x, x, y),
    "sum": lambda t, x, y: x.sum() + x.sum(0).mean(),
    "mean over axes": lambda t, x, y: x.mean(1).sum(),
    "loss": lambda t, x, y: t.nn.functional.mse_loss(x, y),
    "nll loss": lambda t, x, y: t.nn.functional.nll_loss(x, t.tensor([0, 1])),
    "softmax": lambda t, x, y: x.softmax(1).log(),
    "views": lambda t, x, y: x.view(4).reshape(2, 2).t().unsqueeze(0).squeeze(0),
    "transposed": lambda t, x, y: x.transpose(0, 1).permute(1, 0).expand(3, 2, 2),
    "indexing": lambda t, x, y: x[0, 1] + x[:, 1].sum(),
    "index by tensor": lambda t, x, y: x[t.tensor([0, 1])],
    "mask": lambda t, x, y: x[t.tensor([[True, False], [True, True]])],
    "cat and stack": lambda t, x, y: t.cat([x, y]).sum() + t.stack([x, y]).sum(),
    "where": lambda t, x, y: t.where(x > 0, x, y),
    "clamp": lambda t, x, y: x.clamp(min=0.0),
    "functions": lambda t, x, y: x.exp().sin().tanh().sigmoid().sqrt(),
    "pow": lambda t, x, y: x**y,
    "maximum": lambda t, x, y: t.maximum(x, y).abs(),
    "max": lambda t, x, y: x.max(1).values,
    "clone": lambda t, x, y: x.clone().contiguous(),
    "cast": lambda t, x, y: x.double().float(),
    "in place": lambda t, x, y: (x * 2).add_(y).mul_(3),
    "negative": lambda t, x, y: -x,
    "unbind": lambda t, x, y: x.unbind(0)[1],
    "split": lambda t, x, y: x.split(1)[1],
    "chunk": lambda t, x, y: x.chunk(2)[0],
    "leaf alone": lambda t, x, y: x + x,
    "norm": lambda t, x, y: x.norm(),
    "gather": lambda t, x, y: x.gather(1, t.tensor([[0], [1]])),
    "convolution": lambda t, x, y: t.nn.functional.conv2d(x.view(1, 1, 2, 2), y.view(1, 1, 2, 2), y.view(4)[:1]),
    "embedding": lambda t, x, y: t.nn.functional.embedding(t.tensor([0, 1]), x),
    "max pool": lambda t, x, y: t.nn.functional.max_pool2d(x.view(1, 1, 2, 2), 2),
    "dropout": lambda t, x, y: t.nn.functional.dropout(x, 0.5),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradient_functions(name: str) -> None:
    def program(t: Any) -> Any:
        x = t.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        y = t.tensor([[0.5, 1.5], [2.5, 3.5]], requires_grad=True)
        return shown(PROGRAMS[name](t, x, y).grad_fn)

    check(program)


@alike
def test_of_leaves_and_untracked(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    accumulate = (x * 2).grad_fn.next_functions[0][0]
    with t.no_grad():
        untracked = x * 2
    return [
        x.grad_fn,
        t.ones(2).grad_fn,
        untracked.grad_fn,
        (x * 2).detach().grad_fn,
        accumulate.name(),
        accumulate.variable is x,
        accumulate.next_functions,
        attempt(lambda: (x * 2).grad_fn.variable),
    ]


def test_what_is_one_function_here() -> None:
    """A linear layer has no transposition below it, and a cross entropy no log-softmax: each is recorded as one."""
    t = rushlight
    layer = t.nn.Linear(2, 3)
    loss = t.nn.functional.cross_entropy(layer(t.ones(2, 2)), t.tensor([0, 1]))
    leaf_name = "torch::autograd::AccumulateGrad"
    linear = ("AddmmBackward0", "AddmmBackward0", [(leaf_name, 0), (None, 0), (leaf_name, 0)])
    assert shown(loss.grad_fn, 2) == ("NllLossBackward0", "NllLossBackward0", [(linear, 0)])


@alike
def test_after_in_place_ops_on_views(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    y = x * 2
    y[:2].mul_(3)
    z = x.clone()
    z[0] = 5.0
    w = x.clone()
    w[1:] = x[:2]
    filled = x.clone().zero_()
    return [shown(each.grad_fn) for each in (y, z, w)] + [filled.requires_grad]


@alike
def test_walking_all_of_a_network(t: Any) -> Any:
    w, v, b = leaf(t, [1.0, 2.0], [3.0, 4.0]), leaf(t, [1.0], [2.0]), leaf(t, 0.5)
    y = ((t.ones(4, 2) @ w).relu() @ v + b).sigmoid()
    names, seen, stack = [], set(), [(y * y).mean().grad_fn]
    while stack:
        function = stack.pop()
        if function in seen:
            continue
        seen.add(function)
        names.append(function.name())
        stack.extend(each for each, _ in function.next_functions if each is not None)
    return names


@alike
def test_hooks_of_functions(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    log = []
    z = x * y
    first = z.grad_fn.register_hook(lambda ins, outs: log.append(("hook", ins, outs)))
    z.grad_fn.register_prehook(lambda outs: log.append(("pre", outs)))
    z.grad_fn.register_prehook(lambda outs: (outs[0] * 2,))
    z.grad_fn.register_hook(lambda ins, outs: (ins[0] * 10, ins[1]))
    z.sum().backward(retain_graph=True)
    once = x.grad.clone(), y.grad.clone()
    first.remove()
    z.sum().backward()
    return once, x.grad, y.grad, log


@alike
def test_hooks_of_accumulation(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    log = []
    y = x * 2
    accumulate = y.grad_fn.next_functions[0][0]
    accumulate.register_hook(lambda ins, outs: log.append((len(ins), outs, x.grad.clone())))
    accumulate.register_prehook(lambda outs: log.append(("pre", outs, x.grad)))
    y.sum().backward()
    return log


@alike
def test_metadata_and_equality(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    y.grad_fn.metadata["mine"] = 3
    z = y + 1
    return y.grad_fn == z.grad_fn.next_functions[0][0], y.grad_fn.metadata, len({y.grad_fn, y.grad_fn})
