"""Functions of the user's own: `autograd.Function` in both forms, what it may return, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from rushlight import config

from ..both import check
from .programs import alike, attempt, leaf, saving_exponential


def cube(t: Any) -> Any:
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    return Cube


def returning(t: Any, gradients: Any, results: Any = lambda x, y: x * y) -> Any:
    """A function of two arguments whose backward returns what it is told to."""

    class Returning(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return results(x, y)

        @staticmethod
        def backward(ctx: Any, *g: Any) -> Any:
            return gradients(*g)

    return Returning


@alike
def test_saved_tensors_and_double_backward(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = cube(t).apply(x)
    flags = y.requires_grad, y.is_leaf, y.grad_fn.name(), type(y.grad_fn).__name__, len(y.grad_fn.saved_tensors)
    (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = t.autograd.grad(second.sum(), x)
    return y, flags, first, second, third


@alike
def test_second_backward(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = cube(t).apply(x).sum()
    y.backward()
    saves_nothing = returning(t, lambda g: (g, g * 2)).apply(x, x)
    saves_nothing.sum().backward()
    saves_nothing.sum().backward()
    return attempt(y.backward), x.grad


@alike
def test_setup_context(t: Any) -> Any:
    class Scaled(t.autograd.Function):
        @staticmethod
        def forward(x: Any, factor: float, power: int = 1) -> Any:
            return x**power * factor

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, ctx.factor, ctx.power = inputs
            ctx.save_for_backward(x, output)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, output = ctx.saved_tensors
            return g * ctx.power * output / x, None, None

    x = leaf(t, 1.0, 2.0)
    y = Scaled.apply(x, 3.0, 2)
    y.sum().backward()
    return y, x.grad


@alike
def test_what_backward_needs(t: Any) -> Any:
    log = []

    class Watch(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            log.append(
                (ctx.needs_input_grad, t.is_grad_enabled(), [a.requires_grad for a in args if hasattr(a, "grad")])
            )
            return args[0] + args[2]

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            log.append((ctx.needs_input_grad, t.is_grad_enabled()))
            return tuple(g if needed else None for needed in ctx.needs_input_grad)

    x, y = leaf(t, 1.0), t.ones(1)
    Watch.apply(x, "text", y, None, 3).backward()
    Watch.apply(y, 1, x).backward()
    plain = Watch.apply(y, 1, y)
    with t.no_grad():
        untracked = Watch.apply(x, 1, y)
    return log, x.grad, plain.requires_grad, untracked.requires_grad, untracked.grad_fn


@alike
def test_several_results(t: Any) -> Any:
    seen = []

    class Both(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y)
            return x + y, x * y, "text", (x > 1)

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any, _: Any, mask: Any) -> Any:
            x, y = ctx.saved_tensors
            seen.append((a, b, _, mask))
            return a + b * y, a + b * x

    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    total, product, text, mask = Both.apply(x, y)
    names = total.grad_fn.name(), product.output_nr, (total * product).grad_fn.next_functions[1][1]
    same = total.grad_fn == product.grad_fn
    (product * 2).sum().backward(retain_graph=True)
    first = x.grad.clone(), y.grad.clone()
    (total.sum() + product.sum()).backward()
    return first, x.grad, y.grad, text, mask, names, same, seen


@alike
def test_results_without_gradient(t: Any) -> Any:
    seen = []

    class Sorted(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            values, places = x.sort()
            rounded = values.round()
            ctx.mark_non_differentiable(places, rounded)
            ctx.save_for_backward(places)
            return values, places, rounded

        @staticmethod
        def backward(ctx: Any, g: Any, g_places: Any, g_rounded: Any) -> Any:
            (places,) = ctx.saved_tensors
            seen.append((g_places, g_rounded))
            return t.zeros_like(g).scatter(0, places, g)

    x = leaf(t, 3.0, 1.0, 2.0)
    values, places, rounded = Sorted.apply(x)
    (values * t.tensor([1.0, 10.0, 100.0])).sum().backward()
    return values, places, rounded, rounded.requires_grad, places.grad_fn, x.grad, seen


@pytest.mark.parametrize("zeros", [True, False])
def test_materialized_gradients(zeros: bool) -> None:
    def program(t: Any) -> Any:
        seen = []

        class Two(t.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.set_materialize_grads(zeros)
                return x * 2, x * 3

            @staticmethod
            def backward(ctx: Any, a: Any, b: Any) -> Any:
                seen.append((a, b))
                return a if b is None else b if a is None else a * 2 + b * 3

        x = leaf(t, 1.0, 2.0)
        Two.apply(x)[1].sum().backward()
        a, b = Two.apply(x)
        (a + b).sum().backward()
        return seen, x.grad

    check(program)


@alike
def test_none_gradients(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    returning(t, lambda g: (g, None)).apply(x, y).sum().backward()
    first = x.grad, y.grad
    returning(t, lambda g: (None, None)).apply(x, y * 2).sum().backward()
    (returning(t, lambda g: (None, g)).apply(x, y) + y).sum().backward()
    return first, x.grad, y.grad


@alike
def test_errors(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)

    def run(gradients: Any, *args: Any) -> Any:
        returning(t, gradients).apply(*args).sum().backward()
        return x.grad

    class NoBackward(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

    class BadSave(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(3)
            return x * 2

    return [
        attempt(run, lambda g: (g,), x, y),
        attempt(run, lambda g: g, x, y),
        attempt(run, lambda g: (g, g, None), x, y),
        attempt(run, lambda g: (g, g, g), x, y),
        attempt(run, lambda g: (g, 3.0), x, y),
        attempt(run, lambda g: (g[:1], g), x, y),
        attempt(run, lambda g: (t.ones(3), g), x, y),
        attempt(run, lambda g: (g, t.ones(3, 2)), x, y),
        attempt(run, lambda g: (g, g), x, t.ones(2)),
        attempt(run, lambda g: (g, g), x, 2.0),
        attempt(run, lambda g: (g.double(), g), x, y),
        attempt(lambda: NoBackward.apply(x).sum().backward()),
        attempt(BadSave.apply, x),
    ]


@alike
def test_saved_results_are_differentiated_again(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = saving_exponential(t).apply(x)
    (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = t.autograd.grad(second.sum(), x)
    return first, second, third


def test_saved_results_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is saved of a function's results outlives the run that computes them, as one value of several parts."""

    def program(t: Any) -> Any:
        x = leaf(t, 0.5, 1.0)
        loss = (saving_exponential(t).apply(x) - 1).abs().mean()
        loss.backward()
        return loss.item(), x.grad

    monkeypatch.setattr(config, "TIER", "compile")
    check(program)


@alike
def test_gradient_that_broadcasts(t: Any) -> Any:
    """A backward may return a gradient that sums to the argument's shape."""
    x, y = leaf(t, 1.0), leaf(t, 3.0, 4.0)
    returning(t, lambda g: (g * 2, g)).apply(x, y).sum().backward()
    return x.grad, y.grad


@alike
def test_marked_dirty(t: Any) -> Any:
    class AddOne(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 5

    x = leaf(t, 1.0, 2.0)
    y = x * 2
    z = AddOne.apply(y)
    names = z is y, y.grad_fn.name(), y._version
    (y * y).sum().backward()
    return names, y, x.grad, attempt(AddOne.apply, x)


@alike
def test_identity_and_returned_arguments(t: Any) -> Any:
    class Reverse(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: float) -> Any:
            ctx.weight = weight
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return -ctx.weight * g, None

    class Same(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 7

    x = leaf(t, 1.0, 2.0)
    Reverse.apply(x, 0.5).sum().backward()
    first = x.grad.clone()
    y = Same.apply(x)
    y.sum().backward()
    return first, x.grad, y is x, y.is_leaf


@alike
def test_once_differentiable(t: Any) -> Any:
    once = t.autograd.function.once_differentiable

    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = leaf(t, 1.0, 2.0)
    Square.apply(x).sum().backward()
    first = x.grad.clone()
    (g,) = t.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    return first, g, attempt(lambda: t.autograd.grad(g.sum(), x))


@alike
def test_straight_through_estimator_in_a_network(t: Any) -> Any:
    class Binarize(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.sign()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * (x.abs() <= 1)

    model = t.nn.Linear(4, 3)
    head = t.nn.Linear(3, 1)
    (head(Binarize.apply(model(t.randn(5, 4)))) ** 2).mean().backward()
    return [p.grad for p in (*model.parameters(), *head.parameters())]


@alike
def test_nested_functions_and_autograd_within_backward(t: Any) -> Any:
    Cube = cube(t)

    class Outer(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            with t.enable_grad():
                inner = x.detach().requires_grad_()
                ctx.inner, ctx.result = inner, Cube.apply(inner) * 2
            return ctx.result.detach()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return t.autograd.grad(ctx.result, ctx.inner, g)[0]

    x = leaf(t, 1.0, 2.0)
    y = Outer.apply(x)
    y.sum().backward()
    return y, x.grad


@alike
def test_saved_tensors_and_in_place_changes_of_attributes(t: Any) -> Any:
    class Keep(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, extra: Any) -> Any:
            ctx.save_for_backward(x, None, extra)
            ctx.shape = x.shape
            return x * extra

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, nothing, extra = ctx.saved_tensors
            assert nothing is None
            return (g * extra).view(ctx.shape), (g * x).sum()

    x, extra = leaf(t, 1.0, 2.0), t.tensor(3.0, requires_grad=True)
    Keep.apply(x, extra).sum().backward()
    return x.grad, extra.grad
