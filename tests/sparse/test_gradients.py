"""Gradients through sparse tensors, with respect to their values, to themselves as leaves, and to dense factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rushlight

from ..both import check
from .programs import Names, evaluated

# Functions of a sparse tensor `w` and dense `d` (2, 3), `e` (3, 2) whose sum of squares is differentiated.
FUNCTIONS = (
    "t.sparse.mm(w, e)",
    "e.t() @ w.t()",
    "t.mm(w, e)",
    "w @ e[:, 0]",
    "t.sparse.addmm(d @ e, w, e, beta=2, alpha=3)",
    "t.sparse.mm(w, w.t()).to_dense()",
    "w.to_dense() * d",
    "d + w * 2",
    "(w + w).to_dense()",
    "(w * w).to_dense()",
    "(w * d).coalesce().values()",
    "w.coalesce().values()",
    "w.t().to_dense()",
    "t.sparse.sum(w, 0).to_dense()",
    "t.sparse.sum(w)",
    "t.sparse.softmax(w, 1).to_dense() * d",
    "t.sparse.log_softmax(w, 0).to_dense() * d",
    "w.coalesce().pow(2).to_dense()",
    "(w / 3).to_dense()",
)


def _sparse(t: Any, values: Any) -> Any:
    return t.sparse_coo_tensor(t.tensor([[0, 1, 1, 0], [2, 0, 2, 0]]), values, (2, 3))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradient_of_values_and_dense_operands(function: str) -> None:
    def program(t: Any) -> Any:
        names = Names(t)
        values = t.tensor([3.0, 4.0, 5.0, 1.0], requires_grad=True)
        names.update(w=_sparse(t, values), d=names["d"].requires_grad_(), e=names["e"].requires_grad_())
        eval(function, names).pow(2).sum().backward()
        found = [values.grad, *[names[name].grad for name in "de"]]
        # By a dense factor PyTorch's gradient is sparse in places.
        return [g.to_dense() if g is not None and g.is_sparse else g for g in found]

    check(program)


# Of these PyTorch's gradient is a dense one, with elements that the leaf has not; here it is always like the leaf.
DENSE_IN_PYTORCH = ("d + w * 2", "e.t() @ w.t()", "t.mm(w, e)", "w @ e[:, 0]")


@pytest.mark.parametrize("function", [each for each in FUNCTIONS if each not in DENSE_IN_PYTORCH])
def test_gradient_of_a_sparse_leaf(function: str) -> None:
    def program(t: Any) -> Any:
        names = Names(t)
        leaf = _sparse(t, t.tensor([3.0, 4.0, 5.0, 1.0])).requires_grad_()
        names["w"] = leaf
        eval(function, names).pow(2).sum().backward()
        return leaf.grad.layout == t.sparse_coo, leaf.is_leaf, leaf.grad.to_dense()

    check(program)


@pytest.mark.parametrize("function", DENSE_IN_PYTORCH)
def test_gradient_of_a_leaf_is_sparse_where_pytorchs_is_dense(function: str) -> None:
    def program(t: Any) -> Any:
        names = Names(t)
        names["w"] = leaf = _sparse(t, t.tensor([3.0, 4.0, 5.0, 1.0])).coalesce().requires_grad_()
        eval(function, names).pow(2).sum().backward()
        return leaf.grad.to_dense() * (leaf.detach().to_dense() != 0)

    check(program)


def test_gradient_of_a_leaf_in_which_places_stand_twice() -> None:
    def program(t: Any) -> Any:
        leaf = t.sparse_coo_tensor([[1, 0, 0], [2, 2, 2]], [3.0, 4.0, 5.0], (2, 3), requires_grad=True)
        t.sparse.mm(leaf, t.arange(6.0).reshape(3, 2)).sum().backward()
        return repr(leaf.grad)

    check(program)


def test_autograd_grad_and_backward_of_sparse_tensors() -> None:
    def program(t: Any) -> Any:
        leaf = _sparse(t, t.ones(4)).coalesce().requires_grad_()
        (g,) = t.autograd.grad(t.sparse.mm(leaf, t.ones(3, 2)).sum(), leaf)
        (leaf * 2).backward(_sparse(t, t.arange(4.0)).coalesce())
        unused = t.autograd.grad(t.ones(1, requires_grad=True).sum(), leaf, allow_unused=True)
        return repr(g), repr(leaf.grad), unused

    check(program)


def test_names_of_gradient_functions() -> None:
    def program(t: Any) -> Any:
        w, e = _sparse(t, t.ones(4)).requires_grad_(), t.ones(3, 2)
        found = [
            t.sparse.mm(w, e),
            w @ e,
            w.to_dense(),
            w.coalesce(),
            w.coalesce().values(),
            w * 2,
            w + w,
            t.sparse.softmax(w, 1),
        ]
        return [each.grad_fn.name() for each in found]

    check(program)


def test_second_derivatives() -> None:
    places = rushlight.tensor([[0, 1, 1, 0], [2, 0, 2, 0]])

    def product(values: Any, dense: Any) -> Any:
        return rushlight.sparse.mm(rushlight.sparse_coo_tensor(places, values, (2, 3)), dense)

    rushlight.manual_seed(0)
    inputs = [rushlight.randn(*shape, dtype=rushlight.float64, requires_grad=True) for shape in ((4,), (3, 2))]
    assert rushlight.autograd.gradcheck(product, inputs)
    assert rushlight.autograd.gradgradcheck(product, inputs)


@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_a_product_of_a_users_size(layout: str) -> None:
    rng = np.random.default_rng(0)
    nodes, edges, width = 3000, 20000, 33
    places, values = rng.integers(0, nodes, (2, edges)), rng.standard_normal(edges).astype("f4")
    features, weight = (
        rng.standard_normal((nodes, width)).astype("f4"),
        rng.standard_normal((nodes, width)).astype("f4"),
    )

    def program(t: Any) -> Any:
        adjacency = t.sparse_coo_tensor(t.from_numpy(places), t.from_numpy(values), (nodes, nodes))
        adjacency = adjacency.to_sparse_csr() if layout == "csr" else adjacency
        x = t.from_numpy(features.copy()).requires_grad_()
        for _ in range(3):  # the first run is interpreted, later ones are compiled
            x.grad = None
            y = t.sparse.mm(adjacency, x)
            (y * t.from_numpy(weight)).sum().backward()
        return y.detach(), x.grad

    check(program, rtol=1e-4, atol=1e-4)


def test_a_gcn_learns_the_same() -> None:
    rng = np.random.default_rng(0)
    nodes, words, classes = 200, 50, 4
    matrix = (rng.random((nodes, nodes)) < 0.03) | np.eye(nodes, dtype=bool)
    matrix = (matrix / matrix.sum(1, keepdims=True)).astype("f4")
    features, labels = (rng.random((nodes, words)) < 0.1).astype("f4"), rng.integers(0, classes, nodes)

    def program(t: Any) -> Any:
        class Convolution(t.nn.Module):
            def __init__(self, inputs: int, outputs: int) -> None:
                super().__init__()
                self.weight = t.nn.Parameter(t.empty(inputs, outputs).uniform_(-0.3, 0.3))

            def forward(self, x: Any, graph: Any) -> Any:
                return t.spmm(graph, t.mm(x, self.weight))

        places = t.from_numpy(np.stack(np.nonzero(matrix)))
        graph = t.sparse.FloatTensor(places, t.from_numpy(matrix[matrix != 0]), t.Size((nodes, nodes)))
        first, second = Convolution(words, 16), Convolution(16, classes)
        optimizer = t.optim.Adam([first.weight, second.weight], lr=0.01, weight_decay=5e-4)
        losses = []
        for _ in range(8):
            optimizer.zero_grad()
            hidden = t.nn.functional.dropout(first(t.from_numpy(features), graph).relu(), 0.5)
            loss = t.nn.functional.cross_entropy(second(hidden, graph), t.from_numpy(labels))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    check(program, rtol=1e-4)
    assert torch.initial_seed() == rushlight.initial_seed()


def test_custom_functions_and_checkpoints_take_sparse_tensors() -> None:
    def program(t: Any) -> Any:
        class Product(t.autograd.Function):
            """The pattern of attention over a graph's edges: a sparse matrix made of values that require grad."""

            @staticmethod
            def forward(ctx: Any, places: Any, values: Any, dense: Any) -> Any:
                matrix = t.sparse_coo_tensor(places, values, (2, 3))
                ctx.save_for_backward(matrix, dense)
                return t.matmul(matrix, dense)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                matrix, dense = ctx.saved_tensors
                return None, g.matmul(dense.t())[tuple(matrix._indices())], matrix.t().matmul(g)

        class Given(t.autograd.Function):
            @staticmethod
            def forward(ctx: Any, matrix: Any, dense: Any) -> Any:
                ctx.save_for_backward(matrix)
                return matrix @ dense

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return None, ctx.saved_tensors[0].t() @ g

        values, dense = t.ones(4, requires_grad=True), t.arange(6.0).reshape(3, 2).requires_grad_()
        matrix = _sparse(t, values)
        Product.apply(matrix._indices(), values, dense).pow(2).sum().backward()
        Given.apply(matrix.detach(), dense).sum().backward()
        run = t.utils.checkpoint.checkpoint
        run(lambda a, b: t.sparse.mm(a, b).relu(), matrix.detach(), dense, use_reentrant=False).sum().backward()
        return values.grad, dense.grad

    check(program)


def test_transforms_of_functions_of_sparse_tensors() -> None:
    matrix = _sparse(rushlight, rushlight.tensor([3.0, 4.0, 5.0, 1.0]))
    dense = rushlight.arange(6.0).reshape(3, 2)

    def function(x: Any) -> Any:
        return rushlight.sparse.mm(matrix, x).pow(2).sum()

    def plain(x: Any) -> Any:
        return (matrix.to_dense() @ x).pow(2).sum()

    for transform in (rushlight.func.grad, rushlight.func.hessian, rushlight.func.jacfwd):
        rushlight.testing.assert_close(transform(function)(dense), transform(plain)(dense))


COMPARED = (
    ("s", "s * 2"),
    ("s", "s.clone()"),
    ("s", "u"),
    ("s", "t.ones(2, 3).to_sparse()"),
    ("s", "s.to_dense()"),
    ("s", "csr"),
    ("csr", "csr * 2"),
    ("csc", "csc + csc"),
    ("h", "h * 3"),
)


@pytest.mark.parametrize(("first", "second"), COMPARED)
def test_assert_close_looks_at_indices_and_values(first: str, second: str) -> None:
    check(lambda t: t.testing.assert_close(evaluated(first, t), evaluated(second, t)))
