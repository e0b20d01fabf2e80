"""Many examples at once: a program written for one example is recorded for a batch of them (`vmap`).

Inside, a value that differs from example to example is a `Lane`: a node with the type of one example, in no trace, that knows the
node of the whole batch, whose first axis is the examples'. Recording an op of lanes records the same op of the wholes, by the rule of the
op's family, so the functions above see one example and the trace sees the batch. Lanes keep operands and are tracked as nodes are, so
gradients of a program for one example are again such programs; a whole may itself be a lane, of a level further out.

An op without a rule is expanded into its `primitives`, or, where it has none, done example by example.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import InternalError
from ..ir import component, scalar, view
from ..ir.affine import Axis
from ..ir.contraction import Contraction
from ..ir.graph import Node, Side, emit, mode, signature_of
from ..ir.op import Op
from ..ir.type import Shape, TupleType, Type

Attributes = dict[str, Any]


class Level:
    """One batch in progress: how many examples, how deep among others, and what random draws do."""

    def __init__(self, size: int, randomness: str = "error") -> None:
        self.size = size
        self.randomness = randomness
        self.number = 0  # of open levels that are further out, plus one; 0: not open


class _Open(threading.local):
    levels: tuple[Level, ...] = ()


_open = _Open()
_lock = threading.Lock()
_threads = 0  # that have levels open: ops are recorded plainly where there are none


def innermost() -> Level | None:
    """The level whose examples are being recorded."""
    return _open.levels[-1] if _open.levels else None


@contextmanager
def outside(level: Level) -> Iterator[None]:
    """What is around a level."""
    before = _open.levels
    _open.levels = before[: before.index(level)]
    try:
        yield
    finally:
        _open.levels = before


@contextmanager
def opened(level: Level) -> Iterator[Level]:
    """The level while its program is recorded."""
    before, number = _open.levels, level.number
    _open.levels = (*before, level)
    level.number = len(before) + 1
    _count(1)
    try:
        yield level
    finally:
        _open.levels, level.number = before, number
        _count(-1)


def _count(change: int) -> None:
    """Looks for lanes only while some thread has a level open: recording is the hottest of all functions."""
    global _threads
    with _lock:
        _threads += change
        Op.__call__ = _record if _threads else emit  # type: ignore[method-assign]


ASKED = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try to "
    "rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please file a bug report."
)


ENDED = "a tensor of a function that vmap ran is used after vmap has ended: return it from the function instead"


class Lane(Node):
    """A value of one example; `whole` is that of all, with the examples in front."""

    __slots__ = ("whole", "level")
    whole: Node
    level: Level

    def missing(self) -> RuntimeError:
        """A lane stands for many values: there is none to give."""
        if not self.level.number:
            return RuntimeError(f"{self.op_name}: {ENDED}")
        return RuntimeError(
            f"{ASKED} — a value of shape {self.type.shape} that {self.op_name} made is different for each example: use "
            "torch.where or arithmetic in place of Python's `if`, and return the tensor to read it outside vmap"
        )


def _nobody() -> None:
    """In place of the reference to a leaf tensor: the gradient stops here, for nobody."""


def lane(whole: Node, level: Level) -> Node:
    """The examples of a batch that comes from outside: a leaf of the program."""
    kind = whole.type
    made = _lane(whole, Type.of(kind.shape[1:], kind.dtype), level)
    made.tracked = whole.tracked
    if made.tracked:
        made.signature = signature_of(view.leaf, (made.type,), {})
        made.sided().leaf = _nobody
    return made


def _lane(whole: Node, type: Any, level: Level) -> Lane:
    made = Lane.__new__(Lane)
    made.signature = made.value = made.label = made.side = None
    made.operands = ()
    made.type, made.whole, made.level = type, whole, level
    made.slot = made.epoch = -1
    made.tracked = False
    return made


def whole_of(node: Node, level: Level) -> Node:
    """The batch of a value; a value that is the same for all is repeated."""
    return node.whole if type(node) is Lane and node.level is level else _repeated(node, level.size)


def _lane_of_all(node: Node, level: Level) -> Node:
    """A value that is the same for all as an example's."""
    return _lane(_repeated(node, level.size), node.type, level)


def level_of(node: Node) -> Level | None:
    """The level of which the value is an example's."""
    return node.level if type(node) is Lane else None


def is_lane_of(node: Node, level: Level) -> bool:
    """Whether the value differs among the level's examples."""
    return type(node) is Lane and node.level is level


def _repeated(node: Node, size: int) -> Node:
    if isinstance(node.type, TupleType):
        return component.pack(*[_repeated(part, size) for part in component.components(node)])
    shape = node.type.shape
    return view.expand(view.reshape(node, (1, *shape)), (size, *shape))


def _record(op: Op, /, *operands: Node, **attributes: Any) -> Node:
    """`emit`, which records the ops of lanes for the whole batch of the innermost level among them."""
    level: Level | None = None
    for operand in operands:
        if type(operand) is Lane and (level is None or operand.level.number > level.number):
            level = operand.level
    if level is None:
        return emit(op, *operands, **attributes)
    if level not in _open.levels:
        raise RuntimeError(f"{op.name}: {ENDED}")
    signature = signature_of(op, tuple([operand.type for operand in operands]), attributes)
    whole = _whole(level, op, operands, attributes)
    if whole.type.shape[1:] != signature.type.shape and not isinstance(signature.type, TupleType):
        raise InternalError(f"{op.name}: a batch of {signature.type!r} is {whole.type!r}")
    made = _lane(whole, signature.type, level)
    made.signature = signature
    if signature.tracks and mode.tracking and any([operand.tracked for operand in operands]):
        made.tracked, made.operands = True, operands
    return made


def _whole(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    rule = _RULES.get(op.name)
    if rule is None and op.elementwise:
        rule = _elementwise
    found = rule(level, op, operands, attributes) if rule is not None else None
    if found is not None:
        return found
    if op.primitives is not None:
        result = op.primitives(*operands, **attributes)
        if isinstance(result, tuple):
            return component.pack(*[whole_of(part, level) for part in result])
        return whole_of(result, level)
    return _one_by_one(level, op, operands, attributes)


Rule = Callable[[Level, Op, tuple[Node, ...], Attributes], "Node | None"]


def _one_by_one(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    """Each example by itself, and the results joined."""
    rows = []
    for place in range(level.size):
        own = [_example(operand, level, place) for operand in operands]
        rows.append(op(*own, **attributes))
    if not rows:
        signature = signature_of(op, tuple([operand.type for operand in operands]), attributes)
        return _nothing(signature.type)
    if isinstance(rows[0].type, TupleType):
        return component.pack(*[_joined(parts) for parts in zip(*map(component.components, rows), strict=True)])
    return _joined(rows)


def _nothing(type: Any) -> Node:
    if isinstance(type, TupleType):
        return component.pack(*map(_nothing, type.parts))
    return scalar.full(0, Type.of((0, *type.shape), type.dtype))


def _joined(rows: Any) -> Node:
    return view.concatenate(tuple([view.reshape(row, (1, *row.type.shape)) for row in rows]), 0)


def _example(node: Node, level: Level, place: int) -> Node:
    """One example's value."""
    if not is_lane_of(node, level):
        return node
    whole = node.whole  # type: ignore[attr-defined]
    if isinstance(whole.type, TupleType):
        parts = component.components(whole)
        return component.pack(*[_row(part, place) for part in parts])
    return _row(whole, place)


def _row(whole: Node, place: int) -> Node:
    rest = whole.type.shape[1:]
    return view.reshape(view.slice_(whole, (place, *[0] * len(rest)), (place + 1, *rest)), rest)


# ---- rules of the families ----


def _raised(node: Node, level: Level, rank: int) -> Node:
    """A batch whose examples have `rank` axes, the missing ones in front of their own; what is no lane broadcasts by itself."""
    if not is_lane_of(node, level):
        return node
    shape = node.type.shape
    return view.reshape(node.whole, (level.size, *[1] * (rank - len(shape)), *shape))  # type: ignore[attr-defined]


def _elementwise(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    rank = max([operand.type.ndim for operand in operands])
    if op.name.endswith("_gradient") or op.name == "require":  # whose first operand has the result's shape
        operands = tuple(
            [o if o.type.ndim < rank or is_lane_of(o, level) else _lane_of_all(o, level) for o in operands]
        )
    return op(*[_raised(operand, level, rank) for operand in operands], **attributes)


def _leading(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    """Ops that look at their last axes alone, or whose attributes name none."""
    return op(*[whole_of(operand, level) for operand in operands], **attributes)


def _at_axis(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return _leading(level, op, operands, {**attributes, "axis": attributes["axis"] + 1})


def _at_axes(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return _leading(level, op, operands, {**attributes, "axes": tuple([axis + 1 for axis in attributes["axes"]])})


def _keep(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    """A leaf: it is one of the program for one example, and not of the batch."""
    return whole_of(operands[0], level)


def _component(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return component.components(whole_of(operands[0], level))[attributes["index"]]


def _packed(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return component.packed(*[whole_of(operand, level) for operand in operands])


def _reshape(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return view.reshape(whole_of(operands[0], level), (level.size, *attributes["shape"]))


def _expand(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    shape: Shape = attributes["shape"]
    return view.expand(_raised(operands[0], level, len(shape)), (level.size, *shape))


def _permute(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return view.permute(whole_of(operands[0], level), (0, *[axis + 1 for axis in attributes["order"]]))


def _region(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    start, stop, step = attributes["start"], attributes["stop"], attributes["step"]
    region = dict(start=(0, *start), stop=(level.size, *stop), step=(1, *step))
    return op(*[whole_of(operand, level) for operand in operands], **region)


def _pad(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return op(whole_of(operands[0], level), **{name: (0, *amounts) for name, amounts in attributes.items()})


def _fold(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    return op(whole_of(operands[0], level), **{**attributes, "shape": (level.size, *attributes["shape"])})


def _contract(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    """One more loop, which indexes the output and every operand that differs among the examples."""
    spec: Contraction = attributes["spec"]
    new = len(spec.loops)
    maps, nodes = [], []
    for axes, operand in zip(spec.maps, operands, strict=True):
        own = is_lane_of(operand, level)
        maps.append((Axis({new: 1}), *axes) if own else axes)
        nodes.append(operand.whole if own else operand)  # type: ignore[attr-defined]
    wide = Contraction((*spec.loops, level.size), (new, *spec.output), maps, spec.guards)
    return op(*nodes, spec=wide)


def _merged(node: Node, level: Level) -> Node:
    """The batch with the examples' own first axis joined to theirs."""
    whole = whole_of(node, level)
    shape = whole.type.shape
    return view.reshape(whole, (shape[0] * shape[1], *shape[2:]))


def _apart(node: Node, level: Level) -> Node:
    shape = node.type.shape
    return view.reshape(node, (level.size, shape[0] // max(level.size, 1), *shape[1:]))


def _along_first(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node | None:
    """Ops that treat their operands' first axis as a batch already; numbers among the operands are the same for all."""
    if not level.size or any(operand.type.ndim == 0 and is_lane_of(operand, level) for operand in operands):
        return None
    result = op(*[_merged(o, level) if o.type.ndim else o for o in operands], **attributes)
    if isinstance(result.type, TupleType):
        return component.pack(*[_apart(part, level) for part in component.components(result)])
    return _apart(result, level)


def _attention(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node | None:
    if operands[0].type.ndim > 2:
        return _along_first(level, op, operands, attributes)
    if any(operand.type.ndim == 0 and is_lane_of(operand, level) for operand in operands):
        return None
    return op(*[whole_of(o, level) if o.type.ndim else o for o in operands], **attributes)


# ---- places ----


def _numbers(level: Level, rank: int) -> Node:
    """The examples' own numbers, as an index that broadcasts against theirs."""
    return scalar.iota(shape=(level.size, *[1] * rank), axis=0)


def _rank(indices: tuple[Node, ...]) -> int:
    return max([index.type.ndim for index in indices])


def _take(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    x, *indices = operands
    rank = _rank(tuple(indices))
    places = [_raised(index, level, rank) for index in indices]
    if not is_lane_of(x, level):
        return op(x, *places)
    return op(x.whole, _numbers(level, rank), *places)  # type: ignore[attr-defined]


def _put(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    base, value, *indices = operands
    rank = _rank(tuple(indices))
    places = [_raised(index, level, rank) for index in indices]
    return op(whole_of(base, level), whole_of(value, level), _numbers(level, rank), *places, **attributes)


def _own_rows(index: Node, rows: int, level: Level) -> Node:
    """Rows of the examples' tables when these stand one under another."""
    whole = whole_of(index, level)
    first = scalar.mul(_numbers(level, index.type.ndim), scalar.number(rows, index.type.dtype))
    return scalar.add(whole, first)


def _embedding(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node | None:
    table, index = operands
    if not is_lane_of(table, level):
        return op(table, whole_of(index, level), **attributes)
    if attributes["padding"] is not None:  # the row without gradient would be another one in each table
        return None
    rows = table.type.shape[0]
    return op(_merged(table, level), _own_rows(index, rows, level), **attributes)


def _embedding_gradient(level: Level, op: Op, operands: tuple[Node, ...], attributes: Attributes) -> Node:
    g, index = operands
    rows, padding = attributes["rows"], attributes["padding"]
    if padding is not None:
        wide = view.reshape(index, (*index.type.shape, *[1] * (g.type.ndim - index.type.ndim)))
        padded = scalar.eq(wide, scalar.number(padding, index.type.dtype))
        g = scalar.select(padded, scalar.number(0, g.type.dtype), g)
    settings = {**attributes, "rows": rows * level.size, "padding": None}
    found = op(whole_of(g, level), _own_rows(index, rows, level), **settings)
    return view.reshape(found, (level.size, rows, *found.type.shape[1:]))


_RULES: dict[str, Rule] = {
    "leaf": _keep,
    "component": _component,
    "pack": _packed,
    "reshape": _reshape,
    "expand": _expand,
    "permute": _permute,
    "slice": _region,
    "update": _region,
    "pad": _pad,
    "fold": _fold,
    "contract": _contract,
    "take": _take,
    "put": _put,
    "embedding": _embedding,
    "embedding_gradient": _embedding_gradient,
    "attention": _attention,
    "attention_gradient": _attention,
    **dict.fromkeys(("select", "require", "cast", "polygamma", "multigammaln", "make_complex"), _elementwise),
    **dict.fromkeys("stop graft identity window bitcast inverse solve cofactor determinant".split(), _leading),
    **dict.fromkeys("sign_log_determinant cholesky qr eigh eigenvalues_hermitian eig pseudo_inverse".split(), _leading),
    **dict.fromkeys("svd singular_values lu_factor permutation geqrf ldl_factor ldl_solve".split(), _leading),
    **dict.fromkeys("inverse_or_nan solve_or_nan cholesky_or_nan first_indefinite".split(), _leading),
    **dict.fromkeys("softmax log_softmax safe_softmax argmax argmin cumsum cumprod logcumsumexp".split(), _at_axis),
    **dict.fromkeys("logcumsumexp_back argcummax argcummin argsort top concatenate gather scatter".split(), _at_axis),
    **dict.fromkeys(("half", "whole", "split"), _at_axis),
    **dict.fromkeys("sum max min prod any all logsumexp flip transform".split(), _at_axes),
    **dict.fromkeys("max_pool max_pool_index max_pool_gradient pick spread_back".split(), _along_first),
}


# ---- custom rules ----


def carry_rule(node: Node) -> None:
    """Gives a custom backward rule of a lane to its batch, so that a gradient from outside finds it there."""
    while type(node) is Lane:
        whole = node.whole
        if not whole.tracked or node.side is None:
            return
        side = whole.side = whole.side or Side()
        side.backward = _BatchedRule(node)
        node = whole


class _BatchedRule:
    """A lane's own backward rule, run for all examples of its level."""

    def __init__(self, node: Lane) -> None:
        self.example, self.level = node, node.level

    def __call__(self, node: Node, g: Node) -> tuple[Node | None, ...]:
        example, level = self.example, self.level
        assert example.side is not None
        with opened(level):
            parts = example.side.backward(example, _lane(g, example.type, level))
            found = [None if part is None else whole_of(part, level) for part in parts]
        return tuple(found)
