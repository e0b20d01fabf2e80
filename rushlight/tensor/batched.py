"""`vmap`: a function of one example, run for a batch of them at once (passes/batching.py)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..ir import view
from ..ir.graph import Node, mode
from ..passes import batching
from ..passes.batching import Level
from .public import functions
from .tensor import Tensor, node_of, wrap
from .tree import LEAF, Structure, flatten, spread, unflatten

RANDOMNESS = ("error", "different", "same")


def _moved(node: Node, source: int, target: int) -> Node:
    order = [axis for axis in range(node.type.ndim) if axis != source]
    order.insert(target, source)
    return view.permute(node, tuple(order))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))


def _axis(call: str, in_dim: Any, argument: Any) -> int | None:
    """The axis of an argument's examples, counted from the front."""
    if in_dim is not None and not isinstance(in_dim, int):
        raise ValueError(
            f"{call}: Got in_dim={in_dim} for an input but in_dim must be either an integer dimension or None."
        )
    if in_dim is None:
        return None
    if not isinstance(argument, Tensor):
        raise ValueError(
            f"{call}: Got in_dim={in_dim} for an input but the input is of type {type(argument)}. We cannot vmap over non-Tensor "
            "arguments, please use None as the respective in_dim"
        )
    rank = argument.dim()
    if not -rank <= in_dim < rank:
        raise ValueError(
            f"{call}: Got in_dim={in_dim} for some input, but that input is a Tensor of dimensionality {rank} so expected in_dim to "
            f"satisfy -{rank} <= in_dim < {rank}."
        )
    return in_dim % rank


def _examined(function: Any, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], list[int | None], Structure, int]:
    """The flat arguments, the axis of the examples of each, how they are nested, and how many examples there are."""
    call = f"vmap({_name(function)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(function)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function "
            "with no inputs. The latter is unsupported."
        )
    flat, structure = flatten(args)
    axes = spread(in_dims, structure)
    if axes is None:
        raise ValueError(
            f"{call}: in_dims is not compatible with the structure of `inputs`: it needs an entry for each of the {len(args)} arguments, "
            "nested like them or not at all"
        )
    found = [_axis(call, in_dim, argument) for in_dim, argument in zip(axes, flat, strict=True)]
    sizes = [a.size(axis) for a, axis in zip(flat, found, strict=True) if axis is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return flat, found, structure, sizes[0]


def _unwrapped(name: str, out_dims: Any, outputs: Sequence[Any], structure: Structure, level: Level) -> list[Any]:
    """The results of all examples, their axis where `out_dims` wants it."""
    wanted = spread(out_dims, structure)
    if structure.kind is None and isinstance(out_dims, tuple) and len(out_dims) == 1:
        wanted = list(out_dims)
    if wanted is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): out_dims is not compatible with the structure of `outputs`: it needs an entry for each "
            f"of what {name} returns, nested like it or not at all"
        )
    results = []
    for output, axis in zip(outputs, wanted, strict=True):
        if axis is None:
            if isinstance(output, Tensor) and batching.is_lane_of(node_of(output), level):
                raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
            results.append(output)
            continue
        if not isinstance(output, Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(output)}. Did you mean to set out_dims= to None for "
                "output?"
            )
        rank = output.dim() + 1
        if not -rank <= axis < rank:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{rank}, {rank - 1}], but got {axis}) — vmap: out_dims"
            )
        results.append(wrap(_moved(batching.whole_of(node_of(output), level), 0, axis % rank)))
    return results


def run_batched(
    function: Callable[..., Any],
    flat: Sequence[Any],
    axes: Sequence[int | None],
    structure: Structure,
    out_dims: Any,
    level: Level,
    kwargs: dict[str, Any],
) -> Any:
    """The function of the level's examples."""
    given: list[Any] = []
    depth, mode.depth = mode.depth, 0
    try:
        with batching.opened(level):
            for argument, axis in zip(flat, axes, strict=True):
                whole = None if axis is None else _moved(node_of(argument), axis, 0)
                given.append(argument if whole is None else wrap(batching.lane(whole, level)))
            before = [x._storage.node if isinstance(x, Tensor) else None for x in given]
            result = function(*unflatten(given, structure), **kwargs)
            outputs, nested = flatten(result)
            results = _unwrapped(_name(function), out_dims, outputs, nested, level)
            written = [
                (argument, batching.whole_of(own._storage.node, level), axis)
                for argument, own, node, axis in zip(flat, given, before, axes, strict=True)
                if axis is not None and own._storage.node is not node
            ]
        for argument, whole, axis in written:  # what the function changed in place
            argument.copy_(wrap(_moved(whole, 0, axis)))
    finally:
        mode.depth = depth
    return unflatten(results, nested)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function of one example as a function of a batch of them, as `torch.vmap`: run once, whatever the number of examples.

    Args:
        in_dims: the axis of the examples in each argument, or None for one that is the same for all; an int, or nested like the arguments.
        out_dims: where that axis is to be in each result.
        randomness: what random draws do: "error", "same" for all examples, or "different" for each.
        chunk_size: run the function for so many examples at a time.

    Python control flow by a tensor's value, and `item()`, raise a RuntimeError: a tensor stands for all examples. An op that has no
    batched form is done example by example.

    >>> import rushlight as torch
    >>> torch.vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2))
    tensor([2., 2., 2.])
    """
    if randomness not in RANDOMNESS:
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        flat, axes, structure, size = _examined(func, in_dims, args)
        if chunk_size is None or chunk_size >= size:
            return run_batched(func, flat, axes, structure, out_dims, Level(size, randomness), kwargs)
        return _in_chunks(chunk_size, func, flat, axes, structure, out_dims, (size, randomness), kwargs)

    return batched


def _in_chunks(
    chunk: int,
    function: Callable[..., Any],
    flat: Sequence[Any],
    axes: Sequence[int | None],
    structure: Structure,
    out_dims: Any,
    batch: tuple[int, str],
    kwargs: dict[str, Any],
) -> Any:
    """`run_batched` for some examples at a time; the results are joined."""
    size, randomness = batch
    parts: list[list[Any]] = []
    nested = LEAF
    for start in range(0, size, chunk):
        count = min(chunk, size - start)
        own = [a if axis is None else a.narrow(axis, start, count) for a, axis in zip(flat, axes, strict=True)]
        result = run_batched(function, own, axes, structure, out_dims, Level(count, randomness), kwargs)
        leaves, nested = flatten(result)
        parts.append(leaves)
    wanted = spread(out_dims, nested) or [out_dims[0]]
    joined = [
        column[0] if axis is None else functions["cat"](list(column), axis)
        for column, axis in zip(zip(*parts, strict=True), wanted, strict=True)
    ]
    return unflatten(joined, nested)
