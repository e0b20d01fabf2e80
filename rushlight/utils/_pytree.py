"""`torch.utils._pytree`: nested containers as a flat list of leaves and a description of the structure.

Lists, tuples, named tuples, dicts, ordered and default dicts, deques and `torch.Size` are containers, and what `register_pytree_node`
adds; all else, None too, is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..tensor import Size

__all__ = [
    "Context",
    "FlattenFn",
    "GetAttrKey",
    "LeafSpec",
    "MappingKey",
    "NodeDef",
    "PyTree",
    "SUPPORTED_NODES",
    "SequenceKey",
    "TreeSpec",
    "UnflattenFn",
    "key_get",
    "keystr",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
    "treespec_pprint",
]

PyTree = Any
Context = Any
FlattenFn = Callable[[PyTree], tuple[list[Any], Context]]
UnflattenFn = Callable[[Iterable[Any], Context], PyTree]
IsLeaf = Callable[[Any], bool] | None

# ---- places in a tree ----


@dataclass(frozen=True)
class SequenceKey:
    """A place in a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, parent: Any) -> Any:
        """What stands there."""
        return parent[self.idx]


@dataclass(frozen=True)
class MappingKey:
    """A place in a dict."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, parent: Any) -> Any:
        """What stands there."""
        return parent[self.key]


@dataclass(frozen=True)
class GetAttrKey:
    """An attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, parent: Any) -> Any:
        """What stands there."""
        return getattr(parent, self.name)


def keystr(kp: Iterable[Any]) -> str:
    """A path as text."""
    return "".join(map(str, kp))


def key_get(obj: Any, kp: Iterable[Any]) -> Any:
    """What stands at a path."""
    for key in kp:
        obj = key.get(obj)
    return obj


# ---- containers ----


class NodeDef(NamedTuple):
    """How a kind of container is taken apart and put together; where it can tell the places of its parts, also with these."""

    type: Any
    flatten_fn: FlattenFn
    unflatten_fn: UnflattenFn
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Context]] | None


def _indices(value: Any) -> list[Any]:
    return [SequenceKey(place) for place in range(len(value))]


def _names(value: Any) -> list[Any]:
    return [MappingKey(key) for key in value]


def _attributes(value: Any) -> list[Any]:
    return [GetAttrKey(name) for name in value._fields]


def _own(type: Any, flatten: FlattenFn, unflatten: UnflattenFn, keys: Callable[[Any], list[Any]]) -> NodeDef:
    def flatten_with_keys(value: Any) -> tuple[list[tuple[Any, Any]], Context]:
        parts, context = flatten(value)
        return list(zip(keys(value), parts, strict=True)), context

    return NodeDef(type, flatten, unflatten, flatten_with_keys)


def _dict_parts(value: Any) -> tuple[list[Any], Any]:
    return list(value.values()), list(value)


def _default_dict_parts(value: Any) -> tuple[list[Any], Any]:
    return list(value.values()), [value.default_factory, list(value)]


# The kinds of containers. `collections.namedtuple` stands for every class that it made.
SUPPORTED_NODES: dict[Any, NodeDef] = {
    node.type: node
    for node in (
        _own(tuple, lambda v: (list(v), None), lambda parts, _: tuple(parts), _indices),
        _own(list, lambda v: (list(v), None), lambda parts, _: list(parts), _indices),
        _own(dict, _dict_parts, lambda parts, keys: dict(zip(keys, parts, strict=True)), _names),
        _own(namedtuple, lambda v: (list(v), type(v)), lambda parts, cls: cls(*parts), _attributes),
        _own(OrderedDict, _dict_parts, lambda parts, keys: OrderedDict(zip(keys, parts, strict=True)), _names),
        _own(
            defaultdict,
            _default_dict_parts,
            lambda parts, own: defaultdict(own[0], zip(own[1], parts, strict=True)),
            _names,
        ),
        _own(deque, lambda v: (list(v), v.maxlen), lambda parts, most: deque(parts, maxlen=most), _indices),
        _own(Size, lambda v: (list(v), None), lambda parts, _: tuple(parts), _indices),  # as PyTorch has it
    )
}

# Packages that register dicts of their own take this one.
_dict_flatten_with_keys = SUPPORTED_NODES[dict].flatten_with_keys_fn


def _get_node_type(tree: Any) -> Any:
    """The kind of container that it would be: its class, or `collections.namedtuple`."""
    cls = type(tree)
    if cls not in SUPPORTED_NODES and isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return namedtuple
    return cls


def _kind(value: Any) -> Any:
    """The kind of container, None for a leaf."""
    found = _get_node_type(value)
    return found if found in SUPPORTED_NODES else None


def register_pytree_node(
    cls: type,
    flatten_fn: FlattenFn,
    unflatten_fn: UnflattenFn,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Callable[[Any], Any] | None = None,
) -> None:
    """Makes a class a container: `flatten_fn` gives its parts and a context, from which `unflatten_fn` makes an instance."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether it is a leaf."""
    return (is_leaf is not None and is_leaf(tree)) or _kind(tree) is None


# ---- descriptions ----


class TreeSpec:
    """The structure of a tree without its leaves."""

    __slots__ = ("_children", "context", "num_children", "num_leaves", "num_nodes", "type")

    def __init__(self, type: Any, context: Context, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self._children = type, context, list(children_specs)
        self.num_children = len(self._children)
        self.num_leaves = 1 if type is None else sum(child.num_leaves for child in self._children)
        self.num_nodes = 1 + sum(child.num_nodes for child in self._children)

    @property
    def children_specs(self) -> list[TreeSpec]:
        return self._children

    def children(self) -> list[TreeSpec]:
        """The descriptions of its parts."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """That of one part."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether it stands for a leaf."""
        return self.type is None

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """The parts of a tree where this structure has leaves; ValueError where the tree is otherwise."""
        if self.type is None:
            return [tree]
        kind = _kind(tree)
        if kind is not self.type:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {_get_node_type(tree)!r}.")
        parts, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if len(parts) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(parts)}.")
        if isinstance(tree, dict):
            keys, own = list(tree), self.context[1] if self.type is defaultdict else self.context
            if set(keys) != set(own):
                raise ValueError(f"Node keys mismatch; missing {set(own) - set(keys)}, extra {set(keys) - set(own)}.")
            parts = [tree[key] for key in own]
        elif context != self.context and kind is not deque:
            raise ValueError(f"Node context mismatch for custom node type {self.type!r}.")
        return [leaf for spec, part in zip(self._children, parts, strict=True) for leaf in spec.flatten_up_to(part)]

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree with these leaves; ValueError where they are too many or too few."""
        given = list(leaves)
        if len(given) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(given)} but the spec refers to a pytree that holds "
                f"{self.num_leaves} items ({self})."
            )
        return self._made(iter(given))

    def _made(self, leaves: Iterator[Any]) -> PyTree:
        if self.type is None:
            return next(leaves)
        return SUPPORTED_NODES[self.type].unflatten_fn([child._made(leaves) for child in self._children], self.context)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TreeSpec)
            and self.type is other.type
            and self.context == other.context
            and self._children == other._children
        )

    def __hash__(self) -> int:
        return hash((self.type, str(self.context), tuple(self._children)))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        head = f"TreeSpec({self.type.__name__}, {self.context}, ["
        inside = ""
        if self._children:
            first, *others = (child.__repr__(indent + 2) for child in self._children)
            inside = first + "".join(f",\n{' ' * (indent + 2)}{other}" for other in others)
        return f"{head}{inside}])"


def LeafSpec() -> TreeSpec:
    """The description of a leaf."""
    return TreeSpec(None, None, [])


_LEAF = TreeSpec(None, None, [])

# ---- taking apart and putting together ----


def _flatten(tree: PyTree, leaves: list[Any], is_leaf: IsLeaf) -> TreeSpec:
    if tree_is_leaf(tree, is_leaf):
        leaves.append(tree)
        return _LEAF
    kind = _kind(tree)
    parts, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten(part, leaves, is_leaf) for part in parts])


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves and the structure.

    >>> from rushlight.utils import _pytree
    >>> leaves, spec = _pytree.tree_flatten({"a": [1, (2, None)], "b": 3})
    >>> leaves, _pytree.tree_unflatten("wxyz", spec)
    ([1, 2, None, 3], {'a': ['w', ('x', 'y')], 'b': 'z'})
    """
    leaves: list[Any] = []
    spec = _flatten(tree, leaves, is_leaf)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of a structure with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """The leaves, one by one."""
    yield from tree_flatten(tree, is_leaf)[0]


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """The structure."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """The tree with `func` of each leaf, and of what stands there in further trees of the structure."""
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(spec.flatten_up_to(rest) for rest in rests)]
    return spec.unflatten(map(func, *columns))


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Calls `func` for each leaf as `tree_map` does, and returns the tree."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for row in zip(leaves, *(spec.flatten_up_to(rest) for rest in rests), strict=True):
        func(*row)
    return tree


def _chosen(types: Any) -> Callable[[Any], bool]:
    if isinstance(types, (type, tuple)) or hasattr(types, "__args__"):
        return lambda leaf: isinstance(leaf, types)
    if callable(types):
        return types  # type: ignore[no-any-return]
    raise TypeError("Argument must be a type, a tuple of types, or a callable.")


def tree_map_only(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """`tree_map` for the leaves of some types, or for which a function says so; the others stay."""
    chosen = _chosen(type_or_types_or_pred)
    return tree_map(lambda leaf: func(leaf) if chosen(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """`tree_map_` for the leaves of some types."""
    chosen = _chosen(type_or_types_or_pred)
    return tree_map_(lambda leaf: func(leaf) if chosen(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether it is so for all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether it is so for some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether it is so for all leaves of some types."""
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


def tree_any_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether it is so for some leaf of some types."""
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


# ---- with the leaves' places ----


def _with_path(path: tuple[Any, ...], tree: PyTree, is_leaf: IsLeaf) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    kind = _kind(tree)
    node = SUPPORTED_NODES[kind]
    if node.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, part in node.flatten_with_keys_fn(tree)[0]:
        yield from _with_path((*path, key), part, is_leaf)


def tree_flatten_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[tuple[tuple[Any, ...], Any]], TreeSpec]:
    """The leaves with their places, and the structure."""
    return list(_with_path((), tree, is_leaf)), tree_structure(tree, is_leaf)


def tree_leaves_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves with their places."""
    return list(_with_path((), tree, is_leaf))


def tree_map_with_path(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """`tree_map` whose function is given the place too, first."""
    found, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [[path for path, _ in found], [leaf for _, leaf in found], *(spec.flatten_up_to(r) for r in rests)]
    return spec.unflatten(map(func, *columns))


def treespec_pprint(treespec: TreeSpec) -> str:
    """A structure as text."""
    return repr(treespec)
