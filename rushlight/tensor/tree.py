"""Nested tuples, lists and dicts of tensors: their leaves in order, and the same structure of other leaves."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Structure(NamedTuple):
    """How leaves are nested: `kind` is a container's class, None for a leaf; `rebuild` makes one of its parts."""

    kind: Any
    rebuild: Callable[[list[Any]], Any] | None
    keys: Any
    parts: tuple[Structure, ...]
    leaves: int


LEAF = Structure(None, None, None, (), 1)


def _opened(tree: Any) -> tuple[Callable[[list[Any]], Any], Any, list[Any]] | None:
    """What makes such a container of its parts, its keys, and its parts; None for a leaf."""
    kind = type(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return (lambda parts: kind(*parts)), tree._fields, list(tree)
    if kind is tuple or kind is list:
        return kind, len(tree), list(tree)
    if kind is dict or kind is OrderedDict:
        keys = list(tree)
        return (lambda parts: kind(zip(keys, parts, strict=True))), keys, list(tree.values())
    if kind is defaultdict:
        keys, factory = list(tree), tree.default_factory
        return (lambda parts: defaultdict(factory, zip(keys, parts, strict=True))), keys, list(tree.values())
    return None


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and how they were nested. What is no tuple, list or dict is a leaf."""
    found = _opened(tree)
    if found is None:
        return [tree], LEAF
    rebuild, keys, children = found
    leaves: list[Any] = []
    parts = []
    for child in children:
        own, part = flatten(child)
        leaves += own
        parts.append(part)
    return leaves, Structure(type(tree), rebuild, keys, tuple(parts), len(leaves))


def unflatten(leaves: Sequence[Any], structure: Structure) -> Any:
    """Leaves nested as they were."""
    if structure.rebuild is None:
        return leaves[0]
    children, place = [], 0
    for part in structure.parts:
        children.append(unflatten(leaves[place : place + part.leaves], part))
        place += part.leaves
    return structure.rebuild(children)


def same(a: Structure, b: Structure) -> bool:
    """Whether two structures are nested alike."""
    return (
        a.kind is b.kind
        and a.keys == b.keys
        and len(a.parts) == len(b.parts)
        and all(same(x, y) for x, y in zip(a.parts, b.parts, strict=True))
    )


def map_leaves(function: Callable[..., Any], tree: Any) -> Any:
    """The tree with the function of each leaf in its place."""
    leaves, structure = flatten(tree)
    return unflatten([function(leaf) for leaf in leaves], structure)


def spread(values: Any, structure: Structure) -> list[Any] | None:
    """A value for each leaf, where `values` is nested like the structure or stops short of it; None where it is nested otherwise."""
    found = _opened(values)
    if found is None:
        return [values] * structure.leaves
    _, keys, children = found
    if structure.kind is not type(values) or keys != structure.keys:
        return None
    spread_out: list[Any] = []
    for child, part in zip(children, structure.parts, strict=True):
        own = spread(child, part)
        if own is None:
            return None
        spread_out += own
    return spread_out
