"""Programs that use function transforms, run with Rushlight and with PyTorch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

Program = Callable[[Any], Any]


def network(t: Any) -> Any:
    return t.nn.Sequential(t.nn.Conv2d(1, 4, 3), t.nn.ReLU(), t.nn.MaxPool2d(2), t.nn.Flatten(), t.nn.Linear(36, 5))


def parameters(module: Any) -> dict[str, Any]:
    return {name: each.detach() for name, each in module.named_parameters()}


def written(t: Any, x: Any, y: Any, places: Any) -> Any:
    x = x.clone()
    x[places] = y
    return x


WRITES: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "scatter": lambda t, x, y, i: x.scatter(0, i, y),
    "index_put": lambda t, x, y, i: x.index_put((i,), y),
    "setting items": written,
    "index_copy": lambda t, x, y, i: x.index_copy(0, i, y),
    "max_unpool1d": lambda t, x, y, i: t.nn.functional.max_unpool1d(y[None], i[None], 2),
}


def gradients_by_sample(t: Any) -> Any:
    model = network(t)

    def loss(own: Any, x: Any, y: Any) -> Any:
        output = t.func.functional_call(model, own, (x.unsqueeze(0),))
        return t.nn.functional.cross_entropy(output, y.unsqueeze(0))

    rows = t.vmap(t.func.grad(loss), in_dims=(None, 0, 0))
    return rows(parameters(model), t.rand(6, 1, 8, 8), t.arange(6) % 5)


def ensemble(t: Any) -> Any:
    models = [t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.LayerNorm(4), t.nn.Linear(4, 2)) for _ in range(3)]
    state = t.func.stack_module_state(models)

    def run(weights: Any, buffers: Any, x: Any) -> Any:
        return t.func.functional_call(models[0], (weights, buffers), (x,))

    return [t.vmap(run, in_dims=(0, 0, axis))(*state, x) for axis, x in ((None, t.rand(5, 3)), (0, t.rand(3, 5, 3)))]


def tangent_kernel(t: Any) -> Any:
    model = t.nn.Sequential(t.nn.Linear(3, 5), t.nn.Tanh(), t.nn.Linear(5, 2))

    def one(own: Any, x: Any) -> Any:
        return t.func.functional_call(model, own, (x.unsqueeze(0),)).squeeze(0)

    return t.vmap(t.func.jacrev(one), (None, 0))(parameters(model), t.rand(4, 3))


def meta_learning(t: Any) -> Any:
    model = t.nn.Linear(3, 1)

    def adapted(own: Any, x: Any, y: Any) -> Any:
        def loss(weights: Any) -> Any:
            return ((t.func.functional_call(model, weights, (x,)) - y) ** 2).mean()

        slopes = t.func.grad(loss)(own)
        return loss({name: own[name] - 0.1 * slopes[name] for name in own})

    def whole(own: Any) -> Any:
        return t.vmap(adapted, (None, 0, 0))(own, t.rand(4, 5, 3), t.rand(4, 5, 1)).mean()

    return t.func.grad(whole)(parameters(model))


def dual_numbers(t: Any) -> Any:
    forward = importlib.import_module(t.__name__ + ".autograd.forward_ad")
    with forward.dual_level():
        x = forward.make_dual(t.arange(3.0), t.ones(3))
        y = x * 2
        y.mul_(x)
        sums = t.stack([y, x.sin()]).sum(0)
        return forward.unpack_dual(sums).tangent, forward.unpack_dual(t.ones(2)).tangent


def in_place_outside(t: Any) -> Any:
    x = t.arange(6.0).reshape(3, 2)
    t.vmap(lambda row: row.mul_(2))(x)
    return x


def cube(t: Any, own_rule: bool) -> Any:
    class Cube(t.autograd.Function):
        generate_vmap_rule = not own_rule

        @staticmethod
        def forward(x: Any) -> Any:
            return x**3, x * 2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(inputs[0])
            ctx.save_for_forward(inputs[0])

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3 * x**2 + 2 * h

        @staticmethod
        def jvp(ctx: Any, change: Any) -> Any:
            (x,) = ctx.saved_tensors
            return change * 3 * x**2, change * 2

    if own_rule:
        Cube.vmap = staticmethod(lambda info, in_dims, x: (Cube.apply(x), (in_dims[0], in_dims[0])))
    return Cube.apply


def custom_function(own_rule: bool) -> dict[str, Program]:
    def x(t: Any) -> Any:
        return t.arange(3.0)

    name = "own rule" if own_rule else "generated rule"
    return {
        f"{name}: vmap": lambda t: t.vmap(cube(t, own_rule))(x(t)),
        f"{name}: jvp": lambda t: t.func.jvp(cube(t, own_rule), (x(t),), (t.ones(3),)),
        f"{name}: grad of vmap": lambda t: t.func.grad(lambda v: (t.vmap(cube(t, own_rule))(v)[0] * v).sum())(x(t)),
        f"{name}: vmap of grad": lambda t: t.vmap(t.func.grad(lambda v: cube(t, own_rule)(v)[0]))(x(t)),
        f"{name}: vmap of grad of grad": lambda t: t.vmap(t.func.grad(t.func.grad(lambda v: cube(t, own_rule)(v)[0])))(
            x(t)
        ),
        f"{name}: hessian": lambda t: t.func.hessian(lambda v: cube(t, own_rule)(v)[0].sum())(x(t)),
    }


def first_and_second(t: Any, x: Any) -> Any:
    return t.stack([x.sin().sum(), (x**2).prod()])


def checks(t: Any) -> Any:
    x = t.rand(2, 3, dtype=t.float64, requires_grad=True)
    options = dict(check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True)
    return (
        t.autograd.gradcheck(lambda v: (v.sin() * v).sum(0), (x,), **options),
        t.autograd.gradgradcheck(lambda v: (v.sin() * v).sum(0), (x,), check_fwd_over_rev=True),
    )


DERIVATIVES: dict[str, Program] = {
    "grad of grad": lambda t: t.func.grad(t.func.grad(t.sin))(t.tensor(1.0)),
    "perturbations apart": lambda t: t.func.grad(lambda x: x * t.func.grad(lambda y: x * y)(t.tensor(1.0)))(
        t.tensor(3.0)
    ),
    "several arguments": lambda t: t.func.grad(lambda x, y, a=None: (x * y).sum(), argnums=(0, 1))(
        t.arange(3.0), t.ones(3)
    ),
    "value": lambda t: t.func.grad_and_value(lambda x: (x * x).sum())(t.arange(3.0)),
    "auxiliary": lambda t: t.func.grad_and_value(lambda x: (x.sum(), x * 2), has_aux=True)(t.arange(3.0)),
    "closure that requires grad": lambda t: (
        lambda p: t.func.grad(lambda x: (x * p).sum())(t.arange(3.0)).requires_grad
    )(t.nn.Parameter(t.ones(3))),
    "vjp": lambda t: (lambda y, back: (y, back(t.ones(3))))(
        *t.func.vjp(lambda x, y: x * y.sum(), t.arange(3.0), t.arange(2.0))
    ),
    "jvp": lambda t: t.func.jvp(
        lambda x, y: (x * y).sin().sum(0), (t.arange(6.0).reshape(2, 3), t.ones(3)), (t.ones(2, 3), t.arange(3.0))
    ),
    "jvp of jvp": lambda t: t.func.jvp(
        lambda x: t.func.jvp(t.sin, (x,), (t.ones(()),))[1], (t.tensor(1.0),), (t.tensor(1.0),)
    ),
    "jvp of grad": lambda t: t.func.jvp(t.func.grad(lambda x: (x**3).sum()), (t.arange(3.0),), (t.ones(3),)),
    "jvp of layers": lambda t: t.func.jvp(
        lambda a, b: t.nn.functional.layer_norm(a @ b, (4,)).softmax(-1),
        (t.rand(3, 5), t.rand(5, 4)),
        (t.rand(3, 5), t.rand(5, 4)),
    ),
    "jvp of convolution": lambda t: t.func.jvp(
        lambda a, b: t.nn.functional.max_pool2d(t.nn.functional.conv2d(a, b), 2),
        (t.rand(1, 2, 6, 6), t.rand(3, 2, 3, 3)),
        (t.rand(1, 2, 6, 6), t.rand(3, 2, 3, 3)),
    ),
    "jvp of a loss": lambda t: t.func.jvp(
        lambda a: t.nn.functional.cross_entropy(a, t.tensor([1, 2])), (t.rand(2, 4),), (t.rand(2, 4),)
    ),
    **{
        f"jvp of {name} where places repeat": lambda t, write=write: t.func.jvp(  # type: ignore[misc]
            lambda x, y: write(t, x, y, t.tensor([2, 0, 2, 2])) ** 2, (t.rand(3), t.rand(4)), (t.rand(3), t.rand(4))
        )
        for name, write in WRITES.items()
    },
    "jacfwd of jacfwd where places repeat": lambda t: t.func.jacfwd(
        t.func.jacfwd(lambda x: t.ones(3).scatter(0, t.tensor([2, 0, 2]), x).prod() * x.sum())
    )(t.arange(1.0, 4.0)),
    "vmap of jvp where places repeat": lambda t: t.vmap(
        lambda x, y: t.func.jvp(lambda x: x.index_put((t.tensor([1, 1]),), x[:2]) * x, (x,), (y,))
    )(t.rand(4, 3), t.rand(4, 3)),
    "linearize": lambda t: (lambda y, change: (y, change(t.ones(3)), change(t.arange(3.0))))(
        *t.func.linearize(t.sin, t.arange(3.0))
    ),
    "jacrev": lambda t: t.func.jacrev(lambda x: first_and_second(t, x))(t.arange(1.0, 4.0)),
    "jacrev in chunks": lambda t: t.func.jacrev(t.sin, chunk_size=2)(t.arange(5.0)),
    "jacfwd": lambda t: t.func.jacfwd(lambda x: {"a": first_and_second(t, x), "b": x})(t.arange(1.0, 4.0)),
    "jacfwd of jacfwd": lambda t: t.func.jacfwd(t.func.jacfwd(lambda x: (x.sin() * x.exp()).sum()))(t.arange(3.0)),
    "jacrev of jacrev": lambda t: t.func.jacrev(t.func.jacrev(lambda x: (x.sin() * x.exp()).sum()))(t.arange(3.0)),
    "hessian": lambda t: t.func.hessian(lambda x: (x.sin() * x.exp()).sum())(t.arange(3.0)),
    "dual numbers": dual_numbers,
    "checks": checks,
    **{
        f"jacobian {options}": lambda t, options=options: t.autograd.functional.jacobian(  # type: ignore[misc]
            lambda x, y: (x * y, x.sum()), (t.arange(3.0), t.ones(3)), **options
        )
        for options in ({"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"})
    },
    "hessian at once": lambda t: t.autograd.functional.hessian(
        lambda x, y: (x * y * x).sum(), (t.arange(3.0), t.ones(3)), vectorize=True
    ),
    "a value for the loss": lambda t: t.func.grad(lambda x: x * 2)(t.ones(3)),
    "a tangent of another shape": lambda t: t.func.jvp(lambda x: x, (t.ones(3),), (t.ones(2),)),
    "no such argument": lambda t: t.func.grad(lambda x: x.sum(), argnums=2)(t.ones(3)),
    "integers": lambda t: t.func.grad(lambda x: x.sum())(t.arange(3)),
}

BATCHES: dict[str, Program] = {
    "gradients by sample": gradients_by_sample,
    "ensemble": ensemble,
    "tangent kernel": tangent_kernel,
    "meta-learning": meta_learning,
    "in place": lambda t: t.vmap(lambda x: (x.add_(1), x[0].mul_(2), x)[2])(t.arange(6.0).reshape(3, 2)),
    "in place outside": in_place_outside,
    "index of each": lambda t: t.vmap(lambda x, i: x[:, i])(t.arange(24.0).reshape(3, 2, 4), t.tensor([0, 3, 1])),
    "rows of one table": lambda t: t.vmap(lambda x, i: x[i], in_dims=(None, 0))(
        t.arange(12.0).reshape(3, 4), t.tensor([[0, 2], [1, 1]])
    ),
    "writing at places": lambda t: t.vmap(lambda x, i: t.zeros(4).index_put((i,), x, accumulate=True))(
        t.rand(2, 3), t.tensor([[0, 1, 1], [1, 1, 3]])
    ),
    "scatter_add": lambda t: t.vmap(lambda x, i, s: x.scatter_add(0, i, s))(
        t.rand(2, 3), t.tensor([[0, 1], [1, 1]]), t.rand(2, 2)
    ),
    "same draws": lambda t: t.vmap(lambda x: x + t.rand(2), randomness="same")(t.zeros(3, 2)),
    "different draws": lambda t: t.vmap(lambda x: x + t.randn(20), randomness="different")(t.zeros(3, 20)),
    "permutations": lambda t: t.vmap(lambda x: x + t.randperm(5), randomness="different")(t.zeros(3, 5)),
    "dropout": lambda t: t.vmap(t.nn.functional.dropout, randomness="different")(t.ones(3, 20)),
    "nested": lambda t: t.vmap(t.vmap(lambda x, y: (x * y).sum(), in_dims=(0, None)), in_dims=(None, 0))(
        t.arange(6.0).reshape(3, 2), t.arange(4.0).reshape(2, 2)
    ),
    "axes and chunks": lambda t: t.vmap(lambda x: (x, x.sum()), in_dims=1, out_dims=(1, 0), chunk_size=2)(
        t.arange(12.0).reshape(3, 4)
    ),
    "solve": lambda t: t.vmap(t.linalg.solve)(t.eye(3).expand(2, 3, 3) * 2, t.ones(2, 3)),
    "gradient of a batch": lambda t: t.func.grad(
        lambda w: t.vmap(lambda x: (x @ w).relu().sum())(t.arange(12.0).reshape(3, 4).cos()).sum()
    )(t.ones(4, 2)),
    "attention": lambda t: t.vmap(
        t.func.grad(lambda q, k, v: t.nn.functional.scaled_dot_product_attention(q, k, v).sin().sum())
    )(*[t.rand(3, 2, 4, 5) for _ in range(3)]),
    "kernels of each": lambda t: t.vmap(t.nn.functional.conv2d)(t.rand(2, 4, 1, 5, 5), t.rand(2, 3, 1, 2, 2)),
    "embedding": lambda t: t.vmap(
        t.func.grad(lambda w, i: t.nn.functional.embedding(i, w).sin().sum()), in_dims=(None, 0)
    )(t.rand(3, 4), t.tensor([[0, 1], [1, 1]])),
    "jacobians of each": lambda t: t.vmap(t.func.jacfwd(lambda x: first_and_second(t, x)))(t.rand(4, 2)),
    "hessians of each": lambda t: t.vmap(t.func.hessian(lambda x: (x.sin() * x.sum()).sum()))(t.rand(4, 2)),
    "several results": lambda t: t.vmap(lambda x: (t.sort(x), t.topk(x, 2), x.median(), x.std()))(t.rand(2, 5)),
    "no axis": lambda t: t.vmap(lambda x: x, in_dims=(None,))(t.ones(3)),
    "item": lambda t: t.vmap(lambda x: x.item())(t.ones(3)),
    "a number": lambda t: t.vmap(lambda x: 3)(t.ones(3)),
    "sizes that differ": lambda t: t.vmap(lambda x, y: x)(t.ones(3), t.ones(4)),
    "an unexpected draw": lambda t: t.vmap(lambda x: t.rand(2))(t.ones(3)),
    **custom_function(True),
    **custom_function(False),
}
