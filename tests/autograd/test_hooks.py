"""Hooks on tensors, on accumulation, and around modules' backward."""

from __future__ import annotations

from typing import Any

from .programs import alike, attempt, leaf


@alike
def test_hook_replaces_a_gradient(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 3
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (y * y).sum().backward()
    return x.grad


@alike
def test_order_and_removal(t: Any) -> Any:
    log = []
    found = []
    x = leaf(t, 1.0, 2.0)
    for tensor, name in ((x, "leaf"), (x * 2, "middle")):
        first = tensor.register_hook(lambda g, name=name: log.append((name, "first", g.clone())))
        tensor.register_hook(lambda g: g * 2)
        again = tensor.register_hook(lambda g, name=name: log.append((name, "third", g.clone())))
        (tensor * 5).sum().backward(retain_graph=True)
        first.remove()
        first.remove()
        (tensor * 5).sum().backward(retain_graph=True)
        with again:
            pass
        (tensor * 5).sum().backward(retain_graph=True)
        found.append(x.grad.clone())
    return log, found


@alike
def test_one_hook_registered_twice(t: Any) -> Any:
    x = leaf(t, 1.0)
    log = []

    def double(g: Any) -> Any:
        log.append(g.clone())
        return g * 2

    x.register_hook(double)
    x.register_hook(lambda g: g + 1)
    last = x.register_hook(double)
    last.remove()
    (x * 1).backward()
    return log, x.grad


@alike
def test_hook_sees_the_complete_gradient(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    seen = []
    y = x * 2
    y.register_hook(seen.append)
    (y.sum() + (y * y).sum() + y[0]).backward()
    return seen, x.grad


@alike
def test_errors_of_hooks(t: Any) -> Any:
    def with_hook(hook: Any) -> None:
        y = leaf(t, 1.0, 2.0) * 2
        y.register_hook(hook)
        y.sum().backward()

    def named(g: Any) -> Any:
        return g[:1]

    def fail(g: Any) -> Any:
        raise ValueError("in a hook")

    y = leaf(t, 1.0) * 2
    return [
        attempt(with_hook, lambda g: 3),
        attempt(with_hook, named),
        attempt(with_hook, lambda g: g.double()),
        attempt(with_hook, fail),
        attempt(t.ones(1).register_hook, print),
        attempt(t.ones(1).register_post_accumulate_grad_hook, print),
        attempt(y.register_post_accumulate_grad_hook, print),
    ]


@alike
def test_hook_before_an_in_place_op(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(("before", g.clone())))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("after", g.clone())))
    y.sum().backward()
    return seen, x.grad


@alike
def test_hook_of_a_leaf_that_is_written_to(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.clone()))
    with t.no_grad():
        x.mul_(3)
    (x * x).sum().backward()
    return seen, x.grad


@alike
def test_hooks_under_autograd_grad(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g * 100)
    x.register_post_accumulate_grad_hook(lambda p: p.grad.zero_())
    by_y = t.autograd.grad((y**2).sum(), y, retain_graph=True)
    by_x = t.autograd.grad((y**2).sum(), x, retain_graph=True)
    return by_y, by_x, y.grad, x.grad


@alike
def test_after_accumulation(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    log = []

    def step(p: Any) -> None:
        log.append((p is x, p.grad.clone()))
        with t.no_grad():
            p -= 0.1 * p.grad
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    handle = y.register_post_accumulate_grad_hook(step)
    (x * y + x).sum().backward()
    handle.remove()
    (x * y).sum().backward()
    return x, y, x.grad, y.grad, sorted(log, key=lambda each: not each[0])[:2]


@alike
def test_hook_with_create_graph(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x**2
    y.register_hook(lambda g: g * x)
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    return g, t.autograd.grad(g.sum(), x)


@alike
def test_hook_that_clips(t: Any) -> Any:
    model = t.nn.Linear(3, 2)
    for parameter in model.parameters():
        parameter.register_hook(lambda g: g.clamp(-0.1, 0.1))
    (model(t.ones(4, 3)) ** 2).sum().backward()
    return [parameter.grad for parameter in model.parameters()]


@alike
def test_full_backward_hooks_of_modules(t: Any) -> Any:
    model = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Tanh(), t.nn.Linear(3, 1))
    log = []
    for place, module in enumerate(model):
        module.register_full_backward_hook(lambda m, ins, outs, place=place: log.append((place, ins, outs)))
        module.register_full_backward_pre_hook(lambda m, outs, place=place: log.append((place, "pre", outs)))
    model[1].register_full_backward_hook(lambda m, ins, outs: (ins[0] * 10,))
    x = t.ones(4, 2, requires_grad=True)
    model(x).sum().backward()
    return log, x.grad, [p.grad for p in model.parameters()]
