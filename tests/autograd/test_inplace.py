"""In-place ops and gradients: where PyTorch allows them compared with it; where it raises, with the program without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import rushlight

from .programs import alike, attempt, leaf


@alike
def test_errors_on_leaves_and_their_views(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)

    def set_item() -> None:
        x[0] = 3.0

    def add_to(target: Any) -> None:
        target += 1

    found = [
        attempt(x.add_, 1),
        attempt(x.mul_, x),
        attempt(x.zero_),
        attempt(x.fill_, 2.0),
        attempt(x.copy_, t.ones(2)),
        attempt(x[0].add_, 1),
        attempt(x.view(2, 1).mul_, 2),
        attempt(set_item),
        attempt(add_to, x),
        attempt(x.normal_),
        attempt(x.clamp_, min=0),
        attempt(x.expand(3, 2).add_, 1),
        attempt((x * 1).expand(3, 2).add_, 1),
    ]
    return [each.text.split(" — ")[0] if hasattr(each, "text") else each for each in found], x


@alike
def test_chains(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    y.add_(1).mul_(3)
    y -= x
    y /= 2
    y.sub_(x, alpha=0.5)
    y.sum().backward()
    return y, x.grad, y._version


@alike
def test_writes_into_a_plain_tensor(t: Any) -> Any:
    """A tensor without history gets one from what is written to it."""
    x = leaf(t, 1.0, 2.0)
    buffer = t.zeros(2, 3)
    before = buffer.requires_grad
    buffer[:, 1] = x
    buffer[0, 2] = x[1] * 3
    buffer[1].add_(x.sum())
    (buffer * t.arange(6.0).view(2, 3)).sum().backward()
    return before, buffer.requires_grad, buffer.is_leaf, buffer, x.grad


@alike
def test_copy_into_slices(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0, 3.0), leaf(t, 4.0, 5.0)
    z = x * 2
    z[1:].copy_(y)
    z[:1].copy_(t.tensor([7.0]))
    w = t.zeros(4)
    w[1:3] = y * y
    w[::3].copy_(x[:2])
    w[0].copy_(y[0])
    (z.sum() * w * t.arange(4.0)).sum().backward()
    return z, w, x.grad, y.grad


@alike
def test_broadcast_and_cast_in_copy(t: Any) -> Any:
    x, y = leaf(t, 1.0, dtype=t.float64), leaf(t, 2.0, 3.0)
    z = t.zeros(3, 2)
    z.copy_(y)
    z[1] = x
    (z * t.arange(6.0).view(3, 2)).sum().backward()
    return z, x.grad, y.grad


@alike
def test_views_see_writes_to_their_base(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0, 4.0)
    base = x * 2
    view = base.view(2, 2)
    row = view[1]
    base.mul_(3)
    row.add_(1)
    view[:, 0] *= 5
    seen = base.clone(), view.clone(), row.clone()
    (row * row).sum().backward(retain_graph=True)
    by_row = x.grad.clone()
    x.grad = None
    (base * base).sum().backward()
    return seen, by_row, x.grad, view._base is base, row._version


@alike
def test_views_of_views_and_transposes(t: Any) -> Any:
    x = t.arange(6.0).requires_grad_()
    base = x * 1
    turned = base.view(2, 3).t()
    turned[0].mul_(x[:2])
    turned[1:, 1].add_(turned[:2, 0])
    base.view(3, 2).diagonal().mul_(2)
    base.view(2, 3).unsqueeze(0).squeeze(0)[:, ::2].neg_()
    (base * t.arange(6.0)).sum().backward()
    return base, turned, x.grad


@alike
def test_parts_of_unbind_and_chunk_are_read(t: Any) -> Any:
    x = t.arange(6.0).view(3, 2).requires_grad_()
    y = x * 2
    a, b, c = y.unbind(0)
    first, second = y.chunk(2)
    y.mul_(2)
    (y[0] * y[1] + y[2]).sum().backward()
    return x.grad, a.shape, second.shape


@alike
def test_masks_and_indices(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0, 4.0)
    value = leaf(t, 10.0)
    y = x * 2
    y[y > 5] = value
    y[t.tensor([0])] = x[3] * value
    y.masked_fill_(t.tensor([False, True, False, False]), 0.5)
    z = x.clone()
    z.index_add_(0, t.tensor([0, 0, 2]), y[:3])
    z.scatter_(0, t.tensor([3]), value)
    (y * z).sum().backward()
    return y, z, x.grad, value.grad


@alike
def test_overwritten_results(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    y.zero_()
    z = x * 3
    z.fill_(4.0)
    z[0] = 1.0
    w = x * 5
    w.copy_(t.ones(2))
    (y.sum() + z.sum() + w.sum()).backward()
    return y.requires_grad, z.requires_grad, w.requires_grad, x.grad


@alike
def test_in_place_functions_of_nn(t: Any) -> Any:
    x = t.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    y = x + 0.1
    t.nn.functional.relu_(y)
    z = t.nn.ReLU(inplace=True)(x * 2)
    w = t.nn.functional.leaky_relu(x * 3, 0.2, inplace=True)
    (y + z + w).sum().backward()
    return y, z, w, x.grad


@alike
def test_swapped_and_self_referring(t: Any) -> Any:
    x = t.arange(4.0).requires_grad_()
    y = x * 2
    y[:2] = y[2:].clone()
    y[1:].add_(y[:3].clone())
    y.mul_(y.detach().clone())
    y.sum().backward()
    return y, x.grad


@alike
def test_under_no_grad_after_use(t: Any) -> Any:
    """What PyTorch allows: a parameter written to once backward is over."""
    w = leaf(t, 1.0, 2.0)
    views = w[:1], w.view(2, 1)
    losses = []
    for _ in range(3):
        loss = (w * w).sum() + views[0].sum()
        loss.backward()
        losses.append(loss.item())
        with t.no_grad():
            w.sub_(w.grad * 0.1)
            w.clamp_(min=0.1)
        w.grad = None
        views = w[:1], w.view(2, 1)
    return losses, w, [v.requires_grad for v in views]


# Programs with an in-place op on a value that backward needs: PyTorch raises, here the gradient is that of the other program.
NEEDED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "square": (
        lambda t, x: (lambda y: (y * y, y.mul_(3))[0].sum() + y.sum())(x * 2),
        lambda t, x: (lambda y: (y * y).sum() + (y * 3).sum())(x * 2),
    ),
    "sine": (
        lambda t, x: (lambda y: (y.sin(), y.zero_())[0].sum())(x * 2),
        lambda t, x: (x * 2).sin().sum(),
    ),
    "result of exp": (
        lambda t, x: (lambda y: y.add_(1).sum() * y.mul_(2).sum())(x.exp()),
        lambda t, x: (x.exp() + 1).sum() * ((x.exp() + 1) * 2).sum(),
    ),
    "slice": (
        lambda t, x: (lambda y: (y.sin(), y[0].fill_(9.0))[0].sum() + y.sum())(x * 2),
        lambda t, x: (x * 2).sin().sum() + (x[1:] * 2).sum() + 9.0,
    ),
    "matrix product": (
        lambda t, x: (lambda y: (y @ y.t(), y.add_(1))[0].sum())(x.view(1, 3) * 2),
        lambda t, x: ((x.view(1, 3) * 2) @ (x.view(1, 3) * 2).t()).sum(),
    ),
    "sigmoid": (
        lambda t, x: (lambda y: (y * 2, y.neg_())[0].sum())(x.sigmoid()),
        lambda t, x: (x.sigmoid() * 2).sum(),
    ),
}


@pytest.mark.parametrize("name", NEEDED)
def test_values_that_backward_needs(name: str) -> None:
    def gradient(t: Any, program: Any) -> Any:
        x = t.tensor([0.5, 1.0, -2.0], requires_grad=True)
        program(t, x).backward()
        return x.grad.numpy()

    written, plain = NEEDED[name]
    if name != "result of exp":
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            gradient(torch, written)
    np.testing.assert_allclose(gradient(rushlight, written), gradient(torch, plain), rtol=1e-5)


def test_parameter_updated_between_forward_and_backward() -> None:
    """PyTorch raises; here the gradient is that of the weights which the forward used."""
    w = leaf(rushlight, 1.0, 2.0)
    loss = (w * w).sum()
    with rushlight.no_grad():
        w.mul_(10)
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]
    assert w.tolist() == [10.0, 20.0]


@alike
def test_data_of_a_view(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    y.data[0] = 100.0
    y.detach()[1] = 50.0
    (y * t.tensor([1.0, 3.0])).sum().backward()
    return y, x.grad


@alike
def test_set_item_with_gradients_in_a_loop(t: Any) -> Any:
    x = leaf(t, 0.5)
    states = t.zeros(5)
    states[0] = x[0]
    for i in range(1, 5):
        states[i] = states[i - 1].clone() * x[0] + 1
    states.sum().backward()
    return states, x.grad
