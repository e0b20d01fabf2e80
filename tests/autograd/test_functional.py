"""`torch.autograd.functional`: Jacobians, Hessians and products."""

from __future__ import annotations

from typing import Any

from .programs import alike, attempt


def values(t: Any) -> tuple[Any, Any]:
    return t.tensor([1.0, 2.0]), t.tensor([[3.0, 4.0], [0.5, -1.0]])


@alike
def test_jacobian(t: Any) -> Any:
    x, w = values(t)
    jacobian = t.autograd.functional.jacobian
    return [
        jacobian(lambda x: x**2, x),
        jacobian(lambda x: (x * 2, (x**2).sum()), x),
        jacobian(lambda x, w: w @ x, (x, w)),
        jacobian(lambda x, w: (w * x, x.sum()), (x, w)),
        jacobian(lambda x: w, x),
        jacobian(lambda x, w: x, (x, w)),
        jacobian(lambda x: x.sum(), (x,)),
        jacobian(lambda x: x > 1, x),
        jacobian(lambda x: x.exp(), x, vectorize=True),
        jacobian(lambda x: x.exp(), x, vectorize=True, strategy="forward-mode"),
    ]


@alike
def test_jacobian_keeps_the_graph_when_asked(t: Any) -> Any:
    x = values(t)[0].requires_grad_()
    kept = t.autograd.functional.jacobian(lambda x: x**3, x, create_graph=True)
    kept.sum().backward()
    with t.no_grad():
        inside = t.autograd.functional.jacobian(lambda x: x**3, x)
    return kept, x.grad, inside, t.autograd.functional.jacobian(lambda x: x**3, x)


@alike
def test_hessian(t: Any) -> Any:
    x, w = values(t)
    hessian = t.autograd.functional.hessian
    model = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Tanh(), t.nn.Linear(3, 1))
    return [
        hessian(lambda x: (x**3).sum(), x),
        hessian(lambda x, w: (w @ x).pow(2).sum(), (x, w)),
        hessian(lambda x: x.sum(), x),
        hessian(lambda x: (x**2).sum().view(1), x),
        hessian(lambda x: t.tensor(1.0), x),
        hessian(model, x),
        hessian(lambda x: (x**4).sum(), x, vectorize=True),
        hessian(lambda x: (x**3).sum(), x.clone().requires_grad_(), create_graph=True),
    ]


@alike
def test_products(t: Any) -> Any:
    x, w = values(t)
    functional = t.autograd.functional
    v = t.tensor([0.5, -2.0])
    both = (x, w)
    directions = (v, w * 2)
    return [
        functional.vjp(lambda x: x**2, x, v),
        functional.vjp(lambda x: x.sum(), x),
        functional.vjp(lambda x, w: (w @ x, x.sum()), both, (v, t.tensor(3.0))),
        functional.jvp(lambda x: x**2, x, v),
        functional.jvp(lambda x: x**2, t.tensor(2.0)),
        functional.jvp(lambda x, w: (w @ x, x.sum()), both, directions),
        functional.jvp(lambda x: w, x, v),
        functional.vhp(lambda x: (x**3).sum(), x, v),
        functional.hvp(lambda x: (x**3).sum(), x, v),
        functional.vhp(lambda x, w: (w @ x).pow(2).sum(), both, directions),
        functional.hvp(lambda x, w: (w @ x).pow(2).sum(), both, directions),
        functional.hvp(lambda x: x.sum(), x, v),
        functional.vjp(lambda x: x**2, x.clone().requires_grad_(), v, create_graph=True),
        functional.jvp(lambda x: x**2, x.clone().requires_grad_(), v, create_graph=True),
        functional.hvp(lambda x: (x**3).sum(), x.clone().requires_grad_(), v, create_graph=True),
    ]


@alike
def test_errors(t: Any) -> Any:
    x, w = values(t)
    f = t.autograd.functional

    def square(x: Any) -> Any:
        return x**2

    return [
        attempt(f.jacobian, square, 3.0),
        attempt(f.jacobian, square, (x, 3)),
        attempt(f.jacobian, square, [x, x]),
        attempt(f.jacobian, lambda x: 3.0, x),
        attempt(f.jacobian, lambda x: (x, 3), x),
        attempt(f.jacobian, square, t.tensor([1, 2])),
        attempt(f.jacobian, lambda x: w, x, strict=True),
        attempt(f.jacobian, lambda x, w: x, (x, w), strict=True),
        attempt(f.jacobian, lambda x: x, x, strict=True, create_graph=True),
        attempt(f.jacobian, square, x, strategy="forward-mode"),
        attempt(f.jacobian, square, x, strategy="other"),
        attempt(f.jacobian, square, x, vectorize=True, strict=True),
        attempt(f.vjp, square, x),
        attempt(f.vjp, square, x, t.ones(3)),
        attempt(f.vjp, square, x, (x, x)),
        attempt(f.vjp, square, x, 3.0),
        attempt(f.vjp, lambda x: (x, x), x, (x, t.ones(3))),
        attempt(f.vjp, lambda x: (x, x), x, (x,)),
        attempt(f.vjp, lambda x: w, x, w, strict=True),
        attempt(f.jvp, square, x),
        attempt(f.jvp, square, x, t.ones(3)),
        attempt(f.jvp, lambda x: w, x, x, strict=True),
        attempt(f.hessian, square, x),
        attempt(f.hessian, lambda x: (x.sum(), 1), x),
        attempt(f.hessian, lambda x: (x.sum(), x.sum()), x),
        attempt(f.hessian, lambda x: x.sum(), x, strict=True),
        attempt(f.vhp, square, x, x),
        attempt(f.hvp, square, x, x),
        attempt(f.hvp, lambda x: (x**2).sum(), x),
        attempt(f.hvp, lambda x: x.sum(), x, x, strict=True),
        attempt(f.vhp, lambda x: x.sum(), x, x, strict=True),
    ]
