"""`backward` and `autograd.grad`: values, accumulation, retained graphs, higher orders, and PyTorch's errors."""

from __future__ import annotations

from typing import Any

from .programs import alike, attempt, leaf


@alike
def test_backward_of_a_scalar_and_with_a_gradient(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    (x * x).sum().backward()
    scalar = x.grad.clone()
    x.grad = None
    (x**3).backward(t.tensor([1.0, 0.5, 2.0]))
    vector = x.grad.clone()
    (x[:1] * 2).backward()
    y = leaf(t, 1.0, 2.0)
    (y.double() * 3).backward(gradient=t.ones(2, dtype=t.float64))
    return scalar, vector, x.grad, y.grad


@alike
def test_errors_of_backward(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    integer = t.tensor(3)
    return [
        attempt((x * 2).backward),
        attempt((x * 2).backward, t.ones(3)),
        attempt((x * 2).backward, t.ones(1, 2)),
        attempt((x * 2).sum().backward, t.ones(1)),
        attempt((x * 2).backward, 1.0),
        attempt((x * 2).backward, t.ones(2, dtype=t.complex64)),
        attempt(t.ones(1).backward),
        attempt(integer.backward),
        attempt(t.autograd.backward, [x.sum(), t.ones(())]),
        attempt(t.autograd.backward, [x.sum()], [None, None]),
        attempt(x.sum().backward, inputs=[]),
        attempt(x.sum().backward, inputs=[t.ones(2)]),
        attempt(t.autograd.backward, []),
        attempt((x * 1j).sum().backward),
    ]


@alike
def test_gradients_accumulate(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    grads = []
    for factor in (1.0, 2.0, 3.0):
        (x * y * factor).sum().backward()
        grads.append((x.grad.clone(), y.grad.clone()))
    first = x.grad
    (x * 5).sum().backward()
    return grads, first is x.grad, first, (x + x + x * x).sum().backward(), x.grad


@alike
def test_roots_together_and_twice_the_same(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y, z = x * 2, x**2
    t.autograd.backward([y, z, y], [t.ones(2), t.full((2,), 2.0), t.ones(2)])
    first = x.grad.clone()
    x.grad = None
    w = y.detach().requires_grad_() * x
    t.autograd.backward((w.sum(), w[0]))
    return first, x.grad


@alike
def test_second_backward_needs_retain_graph(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    after_two = x.grad.clone()
    second = attempt(y.backward)
    shared = x.exp()
    one, two = (shared * 2).sum(), (shared * 3).sum()
    one.backward()
    z = (x * x).sum()
    t.autograd.grad(z, x)
    return after_two, second, attempt(two.backward), attempt(t.autograd.grad, z, x), attempt(t.autograd.grad, z, x)


@alike
def test_second_backward_through_what_saves_nothing(t: Any) -> Any:
    """Sums and additions keep no values, so that PyTorch lets them be gone through again."""
    x = leaf(t, 1.0, 2.0)
    y = (x + 1).sum()
    y.backward()
    return attempt(y.backward), x.grad


@alike
def test_backward_with_chosen_inputs(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    middle = x * y
    loss = (middle**2).sum()
    loss.backward(inputs=[x], retain_graph=True)
    only_x = x.grad.clone(), y.grad
    loss.backward(inputs=y, retain_graph=True)
    loss.backward(inputs=[y, x])
    other = leaf(t, 1.0)
    (x * 2).sum().backward(inputs=[other])
    return only_x, x.grad, y.grad, other.grad


@alike
def test_backward_into_a_non_leaf_input(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    middle = x * 2
    middle.retain_grad()
    (middle**2).sum().backward(inputs=[middle])
    return middle.grad, x.grad


@alike
def test_higher_orders(t: Any) -> Any:
    x = leaf(t, 0.5, 2.0)
    y = (x**4 + x.sin()).sum()
    (first,) = t.autograd.grad(y, x, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = t.autograd.grad(second.sum(), x)
    return first, second, third


@alike
def test_backward_with_create_graph(t: Any) -> Any:
    x = leaf(t, 0.5, 2.0)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    x.grad = None
    (first**2).sum().backward(create_graph=True)
    second = x.grad
    x.grad = None
    second.sum().backward()
    return first, second, x.grad


@alike
def test_gradient_penalty(t: Any) -> Any:
    model = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 1))
    x = t.randn(5, 3, requires_grad=True)
    (slope,) = t.autograd.grad(model(x).sum(), x, create_graph=True)
    ((slope.norm(2, dim=1) - 1) ** 2).mean().backward()
    return [p.grad for p in model.parameters()], x.grad


@alike
def test_grad_of_several_outputs_and_inputs(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    a, b = x * y, x + y**2
    weights = [t.tensor([1.0, 2.0]), t.tensor([0.5, 0.1])]
    return (
        t.autograd.grad([a, b], [x, y], weights, retain_graph=True),
        t.autograd.grad((a, b), (y,), tuple(weights), retain_graph=True),
        t.autograd.grad([a.sum(), b.sum()], x, retain_graph=True),
        t.autograd.grad(a, [x, x], weights[0], retain_graph=True),
        t.autograd.grad([a.sum(), b], [x], [None, weights[1]]),
        x.grad,
    )


@alike
def test_grad_of_what_is_not_used(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    out = (x * 2).sum()
    return (
        attempt(t.autograd.grad, out, [x, y], retain_graph=True),
        t.autograd.grad(out, [x, y], allow_unused=True, retain_graph=True),
        t.autograd.grad(out, [x, y], materialize_grads=True, retain_graph=True),
        attempt(t.autograd.grad, out, [x, y], allow_unused=False, materialize_grads=True, retain_graph=True),
        attempt(t.autograd.grad, out, t.ones(2), retain_graph=True),
        attempt(t.autograd.grad, out, t.ones(2), allow_unused=True, retain_graph=True),
        attempt(t.autograd.grad, t.ones(2).sum(), x),
        attempt(t.autograd.grad, x * 2, x),
        attempt(t.autograd.grad, x * 2, x, t.ones(3)),
        attempt(t.autograd.grad, out, []),
        attempt(t.autograd.grad, out, [x, 3.0]),
    )


@alike
def test_grad_by_non_leafs_and_views(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    middle = x * 2
    part = middle[:2]
    out = (part**2).sum() + middle.sum()
    unused_view = x.view(3, 1)
    return (
        t.autograd.grad(out, [middle, part, x], retain_graph=True),
        t.autograd.grad(out, out, retain_graph=True),
        t.autograd.grad(middle, middle, t.ones(3), retain_graph=True),
        t.autograd.grad(out, unused_view, allow_unused=True, retain_graph=True),
        attempt(t.autograd.grad, out, unused_view),
        t.autograd.grad(x.sum(), x),
    )


@alike
def test_grad_twice_through_a_shared_middle(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    middle = x.exp()
    out = middle.sum()
    (g,) = t.autograd.grad(out, middle, create_graph=True)
    (gx,) = t.autograd.grad(out, x, create_graph=True)
    return g, gx, t.autograd.grad(gx.sum(), x)


@alike
def test_batched_gradients(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    return t.autograd.grad(x**2, x, t.eye(2), is_grads_batched=True)


@alike
def test_complex_gradients(t: Any) -> Any:
    z = t.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (z * z.conj()).real.sum().backward()
    first = z.grad.clone()
    z.grad = None
    (z**2).backward(t.tensor([1j, 2 + 0j]))
    x = leaf(t, 1.0, 2.0)
    (x * (1 + 2j)).abs().sum().backward()
    return first, z.grad, x.grad


@alike
def test_gradients_of_other_dtypes(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    h = t.tensor([1.0, 2.0], dtype=t.float16, requires_grad=True)
    b = t.tensor([1.0, 2.0], dtype=t.bfloat16, requires_grad=True)
    d = t.tensor([1.0, 2.0], dtype=t.float64, requires_grad=True)
    (x * h.float() + d * x + b).sum().backward()
    return x.grad, h.grad, b.grad, d.grad
