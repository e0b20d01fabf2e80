"""`grad`, `vjp`, `jvp` and `linearize`: derivatives of functions of tensors (or of nested tuples, lists and dicts of them).

Each makes the inputs anew, runs the function, and takes the derivative by what it made; so they nest, with each other and with `vmap`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..dtype import FLOATING
from ..ir import scalar, view
from ..ir.graph import Node
from ..tensor.differentiation import Duals, depends_on_others, fresh, pulled_back, released
from ..tensor.grad_mode import enable_grad, is_grad_enabled
from ..tensor.tensor import Tensor, node_of, wrap
from ..tensor.tree import Structure, flatten, map_leaves, same, unflatten

Argnums = int | tuple[int, ...]


def chosen(argnums: Any, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The places of the arguments to differentiate by, counted from the front."""
    if not isinstance(argnums, (int, tuple)) or not all(
        isinstance(place, int) for place in (argnums if isinstance(argnums, tuple) else ())
    ):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    if not places:
        raise RuntimeError("argnums must be non-empty")
    for place in places:
        if not -len(args) <= place < len(args):
            raise RuntimeError(f"Got argnum={place}, but only {len(args)} positional inputs")
    found = tuple(place % len(args) for place in places)
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return found


def differentiable(tensor: Any) -> Tensor:
    """A tensor that a derivative can be taken by; raises PyTorch's errors otherwise."""
    if not isinstance(tensor, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(tensor)}")
    if tensor.dtype.category < FLOATING:
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    return tensor


def _renewed(tree: Any, made: list[Node]) -> Any:
    """The tree of the same values to differentiate by; their nodes join `made`."""

    def renew(leaf: Any) -> Tensor:
        node = fresh(node_of(differentiable(leaf)))
        made.append(node)
        return wrap(node)

    return map_leaves(renew, tree)


def _cut(tree: Any, own: list[Node]) -> Any:
    return map_leaves(lambda leaf: released(leaf, own) if isinstance(leaf, Tensor) else leaf, tree)


def _split_aux(result: Any, has_aux: bool, call: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{call}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


def _only_tensors(tree: Any, call: str) -> tuple[list[Tensor], Structure]:
    leaves, structure = flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{call}: expected f(*primals) to return only tensors, got unsupported type {type(leaf)}"
            )
    return leaves, structure


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of `func` by the arguments `argnums`, and the value, which is one number.

    With `has_aux` the function returns (value, aux), and this one (gradient, (value, aux)).

    >>> import rushlight as torch
    >>> torch.func.grad_and_value(lambda x: (x * x).sum())(torch.tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """
    call = "grad_and_value(f)(*args)"

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        places = chosen(argnums, args)
        outside = is_grad_enabled()
        made: list[Node] = []
        given = list(args)
        with enable_grad():
            for place in places:
                given[place] = _renewed(args[place], made)
            output, aux = _split_aux(func(*given, **kwargs), has_aux, call)
            if not isinstance(output, Tensor):
                raise RuntimeError(f"{call}: Expected f(*args) to return a Tensor, got {type(output)}")
            if output.dim():
                raise RuntimeError(
                    f"{call}: Expected f(*args) to return a scalar Tensor, got tensor with {output.dim()} dims. Maybe you wanted to use "
                    "the vjp or jacrev APIs instead?"
                )
            if output.dtype.is_complex:
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {output.dtype}"
                )
            node = node_of(output)
            further = outside and depends_on_others([node], made)
            value = output if further else wrap(view.stop(node))
            slopes = pulled_back([node], [scalar.full(1, node.type)], made, further, further or has_aux)
        found = iter(slopes)
        trees = [map_leaves(lambda _: released(wrap(next(found)), made), args[place]) for place in places]
        gradient = tuple(trees) if isinstance(argnums, tuple) else trees[0]
        return (gradient, (value, _cut(aux, made))) if has_aux else (gradient, value)

    return transformed


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of `func`, whose value is one number, by the arguments `argnums`.

    With `has_aux` the function returns (value, aux), and this one (gradient, aux). Nests: `grad(grad(f))`, `vmap(grad(f))`.

    >>> import rushlight as torch
    >>> torch.func.grad(torch.func.grad(torch.sin))(torch.tensor(1.0))
    tensor(-0.8415)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `func(*primals)`, and a function that carries cotangents of it back to one tuple of the primals' cotangents.

    With `has_aux` the function returns (value, aux), and this one (value, function, aux).

    >>> import rushlight as torch
    >>> y, back = torch.func.vjp(torch.sin, torch.zeros(2))
    >>> back(torch.ones(2))
    (tensor([1., 1.]),)
    """
    made: list[Node] = []
    with enable_grad():
        given = _renewed(primals, made)
        output, aux = _split_aux(func(*given), has_aux, "vjp(f, *primals)")
    outputs, structure = _only_tensors(output, "vjp(f, *primals)")
    nodes = [node_of(each) for each in outputs]

    def back(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        leaves, nested = flatten(given)
        if not same(nested, structure):
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                f"{len(leaves)} tensors, primal output: {len(nodes)} tensors"
            )
        weights = [_cotangent(place, node, leaf) for place, (node, leaf) in enumerate(zip(nodes, leaves, strict=True))]
        wanted = is_grad_enabled() if create_graph is None else create_graph
        further = wanted and depends_on_others([*nodes, *weights], made)
        with enable_grad():
            found = iter(pulled_back(nodes, weights, made, further, retain_graph))
        return map_leaves(lambda _: released(wrap(next(found)), made), primals)

    value = unflatten([released(each, made) for each in outputs], structure)
    return (value, back, _cut(aux, made)) if has_aux else (value, back)


def _cotangent(place: int, output: Node, given: Tensor) -> Node:
    if given.shape != output.type.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{place}] has a shape of {given.shape} and output[{place}] has a shape of "
            f"{wrap(output).shape}."
        )
    return scalar.cast(node_of(given), dtype=output.type.dtype)


def _paired(primals: Any, tangents: Any, call: str) -> list[tuple[Tensor, Tensor]]:
    """Each primal with its tangent."""
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{call}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    own, structure = flatten(primals)
    other, nested = flatten(tangents)
    if not same(structure, nested):
        raise RuntimeError(
            f"{call}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, "
            f"tangents also must be. Got {len(own)} primals and {len(other)} tangents"
        )
    if not own:
        raise RuntimeError(f"{call}: Expected primals to contain at least one Tensor.")
    for primal, tangent in zip(own, other, strict=True):
        if not (isinstance(primal, Tensor) and isinstance(tangent, Tensor)):
            raise RuntimeError(f"{call}: Expected primals and tangents to contain only Tensors")
        check_tangent(primal, tangent)
    return list(zip(own, other, strict=True))


def check_tangent(primal: Tensor, tangent: Tensor) -> None:
    """RuntimeError unless the tangent has the primal's shape."""
    if primal.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor "
            f"is of size {list(primal.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )


def _tangent_node(primal: Tensor, tangent: Tensor) -> Node:
    return scalar.cast(node_of(tangent), dtype=primal.dtype)


def tangent_of(duals: Duals, output: Tensor, strict: bool = False) -> Tensor:
    """The tangent of a result, zeros where it has none."""
    found = duals.tangent(node_of(output))
    if found is None and strict:
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True."
        )
    return wrap(scalar.full(0, output._type()) if found is None else found)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The value of `func(*primals)`, and how it changes in the direction of the tangents: forward-mode differentiation.

    With `has_aux` the function returns (value, aux), and this one (value, change, aux). `no_grad` inside the function cuts the change
    off, unlike in PyTorch.

    >>> import rushlight as torch
    >>> torch.func.jvp(torch.sin, (torch.zeros(2),), (torch.ones(2),))
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    call = "jvp(f, primals, tangents)"
    pairs = _paired(primals, tangents, call)
    duals = Duals()
    _, structure = flatten(primals)
    with enable_grad():
        given = [wrap(duals.make(node_of(differentiable(p)), _tangent_node(p, t))) for p, t in pairs]
        output, aux = _split_aux(func(*unflatten(given, structure)), has_aux, call)
        outputs, nested = _only_tensors(output, call)
        changes = [tangent_of(duals, each, strict) for each in outputs]
    own = list(duals.given)
    value = unflatten([released(each, own) for each in outputs], nested)
    change = unflatten([released(each, own) for each in changes], nested)
    return (value, change, _cut(aux, own)) if has_aux else (value, change)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of `func(*primals)`, and a function of tangents that gives its change: the function is run once, for all of them.

    >>> import rushlight as torch
    >>> y, change = torch.func.linearize(torch.sin, torch.zeros(2))
    >>> change(torch.ones(2)), change(2 * torch.ones(2))
    (tensor([1., 1.]), tensor([2., 2.]))
    """
    made: list[Node] = []
    with enable_grad():
        output = func(*_renewed(primals, made))
    outputs, structure = _only_tensors(output, "linearize(f, *primals)")

    def change(*tangents: Any) -> Any:
        pairs = _paired(primals, tangents, "linearize's jvp_fn(*tangents)")
        duals = Duals()
        for node, (primal, tangent) in zip(made, pairs, strict=True):
            duals.tangents[node] = duals.given[node] = _tangent_node(primal, tangent)
        with enable_grad():
            found = [tangent_of(duals, each) for each in outputs]
        return unflatten([released(each, made) for each in found], structure)

    return unflatten([released(each, made) for each in outputs], structure), change


__all__ = ["grad", "grad_and_value", "jvp", "linearize", "vjp"]
