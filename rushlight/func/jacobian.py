"""Whole Jacobians and Hessians: a derivative in each direction at once, by `vmap`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

from ..tensor.batched import vmap
from ..tensor.differentiation import basis
from ..tensor.public import functions
from ..tensor.tensor import Tensor
from ..tensor.tree import flatten, unflatten
from .transforms import Argnums, chosen, jvp, vjp

Shape = tuple[int, ...]


def _chunk(name: str, chunk_size: int | None) -> None:
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"{name}: `chunk_size` should be greater than 0.")


def _apart(whole: Tensor, shapes: list[Shape], axis: int) -> list[Tensor]:
    """An axis of all directions as the axes of each shape in its own tensor."""
    parts, start = [], 0
    lead, rest = tuple(whole.shape[:axis]), tuple(whole.shape[axis + 1 :])
    for shape in shapes:
        own = whole.narrow(axis, start, prod(shape))  # type: ignore[attr-defined]
        parts.append(own.reshape((*lead, *shape, *rest)))
        start += prod(shape)
    return parts


def _of_chosen(func: Callable[..., Any], places: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The function of the chosen arguments alone."""

    def partial(*primals: Any) -> Any:
        given = list(args)
        for place, primal in zip(places, primals, strict=True):
            given[place] = primal
        return func(*given, **kwargs)

    return partial


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `func` by the arguments `argnums`, a row at a time in reverse mode, all rows at once.

    For each tensor of the output, nested as they are, and in it for each of the arguments, a tensor (*output, *argument). With `has_aux`
    the function returns (output, aux), and this one (Jacobian, aux). chunk_size: so many rows at a time.

    >>> import rushlight as torch
    >>> torch.func.jacrev(torch.square)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _chunk("jacrev", chunk_size)

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        places = chosen(argnums, args)
        primals = tuple(args[place] for place in places)
        value, back, *aux = vjp(_of_chosen(func, places, args, kwargs), *primals, has_aux=has_aux)
        outputs, structure = flatten(value)
        directions = basis([output._type() for output in outputs])
        rows = vmap(lambda *weights: back(unflatten(weights, structure)), chunk_size=chunk_size)(*directions)
        shapes = [tuple(output.shape) for output in outputs]
        leaves, nested = flatten(rows)
        columns = [_apart(leaf, shapes, 0) for leaf in leaves]
        result = []
        for number in range(len(outputs)):
            own = unflatten([column[number] for column in columns], nested)
            result.append(own if isinstance(argnums, tuple) else own[0])
        jacobian = unflatten(result, structure)
        return (jacobian, aux[0]) if has_aux else jacobian

    return transformed


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `func` by the arguments `argnums`, a column at a time in forward mode, all at once.

    The result is that of `jacrev`; it costs less where there are more outputs than inputs.

    >>> import rushlight as torch
    >>> torch.func.jacfwd(torch.square)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _chunk("jacfwd", chunk_size)

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        places = chosen(argnums, args)
        primals = tuple(args[place] for place in places)
        leaves, structure = flatten(primals)
        function = _of_chosen(func, places, args, kwargs)

        def push(*tangents: Tensor) -> Any:
            _, change, *aux = jvp(function, primals, unflatten(tangents, structure), has_aux=has_aux)
            return (change, aux[0]) if has_aux else change

        out_dims = (0, None) if has_aux else 0
        found = vmap(push, out_dims=out_dims, randomness=randomness, chunk_size=chunk_size)(
            *basis([leaf._type() for leaf in leaves])
        )
        changes, aux = found if has_aux else (found, None)
        shapes = [tuple(leaf.shape) for leaf in leaves]
        outputs, nested = flatten(changes)
        result = []
        for output in outputs:
            columns = functions["movedim"](output, 0, -1)
            own = unflatten(_apart(columns, shapes, output.dim() - 1), structure)
            result.append(own if isinstance(argnums, tuple) else own[0])
        jacobian = unflatten(result, nested)
        return (jacobian, aux) if has_aux else jacobian

    return transformed


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns the second derivatives of `func` by the arguments `argnums`: forward over reverse mode.

    >>> import rushlight as torch
    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
