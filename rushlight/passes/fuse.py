"""Which values are computed together.

A value is inlined into its users, or it is a *root*: computed once, and known by its number. Roots are collected into groups, each of which
becomes one kernel: a nest (elementwise ops and folds over one set of loops), a contraction with its epilogue, or one op by itself
(a template of its own, or the interpreter's evaluation). The graph is gone through once, in order; a root joins the group of a value it
reads where every read of that group's values is at the same place of the same loops, and where no other group would have to run between.

The cost model: an op costs what `COSTS` says, a movement nothing. A value that several others use is a root where
computing it again costs more than `CHEAP`; one that is read for more than one element of its user (broadcast, windows) where it costs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ..dtype import bfloat16, float16, float32, float64
from ..ir.expr import Apply, Expr, Load
from ..ir.type import TupleType, Type
from ..kernel.buffer import contiguous_strides
from ..kernel.functions import FAILING
from ..kernel.index import ZERO, Index, add, divide, loop, remainder, scale
from ..kernel.nest import FOLDS
from .element import Elements, functions, loads
from .graph import Graph

Shape = tuple[int, ...]
NOT_IN_EPILOGUES = {"choose", "wrap", "place"} | FAILING  # an epilogue has no way to say that it failed
VIEWS = {"slice", "reshape", "permute", "expand"}  # the movements that most often are mere strides
CHEAP = 3.0
LEAST_BLOCKS = 8  # of rows that are summed on the side: threads share blocks
MOST_READS = 2  # of other values: a value that stands on more is not computed again by each of its users, which would read them all
LONGEST = 48.0  # cost beyond which a chain is cut, so that expressions stay small
COSTS = (
    dict.fromkeys(
        "exp exp2 expm1 log log2 log10 log1p sin cos tan tanh sinh cosh asin acos atan asinh acosh atanh atan2 erf erfc pow sigmoid gelu silu "
        "softplus logaddexp digamma lgamma erfinv mish elu celu selu gelu_gradient silu_gradient mish_gradient softplus_gradient".split(),
        12.0,
    )
    | dict.fromkeys("div sqrt rsqrt reciprocal rem fmod floor_divide truncate_divide hypot".split(), 4.0)
    | dict.fromkeys("pad concatenate update".split(), 1.0)
)


@dataclass(eq=False)
class Statement:
    """One root of a group: `full` where it is computed for each element, else once for a row; a fold combines over the reduced loops.

    `turns`: it is a sum over so many rows that follow each other, and known only when the kernel has run.
    """

    value: int
    expression: Expr | None  # None: the contraction itself, or an op by itself
    full: bool
    fold: str | None = None
    turns: int = 0


@dataclass(eq=False)
class Group:
    """Values computed by one kernel. `loops` are (axis number, extent) of all loops that have more than one turn."""

    number: int
    kind: str  # nest, contraction, single
    loops: tuple[tuple[int, int], ...]
    reduced: frozenset[int] | None  # axis numbers
    statements: list[Statement] = field(default_factory=list)
    before: int = 0  # bits of the groups that must run earlier, directly or not
    full: set[int] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)  # values known once for each row
    tallies: set[int] = field(default_factory=set)  # sums over rows

    @property
    def row_loops(self) -> tuple[tuple[int, int], ...]:
        reduced = self.reduced or frozenset()
        return tuple(one for one in self.loops if one[0] not in reduced)

    def index(self, value: int) -> tuple[Index, ...]:
        """The loops at which a value of this group is known."""
        chosen = self.loops if value in self.full else self.row_loops
        return tuple(loop(axis, extent) for axis, extent in chosen)


def squeezed(shape: Shape) -> Shape:
    return tuple(extent for extent in shape if extent != 1)


class Fusion:
    """The groups of a graph. `native(graph, value)` tells whether a value's op can be part of a nest."""

    def __init__(
        self,
        graph: Graph,
        native: Callable[[Graph, int], bool],
        strides: dict[int, Shape] | None = None,
        late: Set[int] = frozenset(),
    ) -> None:
        """`strides`, in elements, of inputs and constants; everything else is contiguous. Values in `late` are computed again for what
        comes after them: each begins a group."""
        self.strides = strides or {}
        self.late = late
        self.graph = graph
        self.live = graph.live()
        self.maps = {v for v in self.live if graph.signatures[v] is not None and self._is_map(v, native)}
        self.users = self._count_users()
        self.separate: set[int] = set()
        self.reach: dict[int, frozenset[int]] = {}
        self._aliases: dict[int, tuple[int, Shape, int] | None] = {}
        self._operands: dict[int, tuple[int, Shape, int] | None] = {}
        self.elements = Elements(graph, self.separate)
        self.groups: list[Group] = []
        self.home: dict[int, Group] = {}
        self.costs: dict[int, float] = {}
        self.native = native
        self._readers: dict[int, list[Group]] = {}
        self._find_roots()
        self._collect()

    # ---- roots ----

    def _is_map(self, value: int, native: Callable[[Graph, int], bool]) -> bool:
        signature = self.graph.signatures[value]
        assert signature is not None
        if isinstance(signature.type, TupleType) or not signature.type.size:
            return False
        if any(isinstance(t, TupleType) or not t.size for t in signature.operands):
            return False
        return signature.op.at is not None and native(self.graph, value)

    def is_fold(self, value: int) -> bool:
        signature = self.graph.signatures[value]
        return (
            signature is not None
            and signature.op.name in FOLDS
            and self.native(self.graph, value)
            and all(isinstance(t, Type) and t.size for t in (*signature.operands, signature.type))
            and any(signature.operands[0].shape[a] != 1 for a in fold_axes(signature.attributes))
        )

    def _count_users(self) -> dict[int, list[int]]:
        users: dict[int, list[int]] = {value: [] for value in self.live}
        for value in self.live:
            for operand in dict.fromkeys(self.graph.operands[value]):
                users[operand].append(value)
        return users

    def _find_roots(self) -> None:
        outputs = set(self.graph.outputs)
        for value in self.live:
            signature = self.graph.signatures[value]
            if signature is None or value not in self.maps:
                self.separate.add(value)
                continue
            free = signature.op.moves or signature.op.name == "constant" or self._widens(value)
            own = 0.0 if free else 1.0
            own = COSTS.get(signature.op.name, own)
            cost = own + sum(self.costs.get(operand, 0.0) for operand in self.graph.operands[value])
            users = self.users[value]
            reach = self._reach(value)
            shared = len(users) > 1 and (cost > CHEAP or len(reach) > MOST_READS)
            again = cost > 0 and any(user in self.maps and self._rereads(value, user) for user in users)
            needed = self._is_needed(value, users, value in outputs)
            lent = (own > 0 or self._widens(value)) and self._is_lent(value)
            if needed or shared or again or lent or cost > LONGEST:
                self.separate.add(value)
                cost = 0.0
                reach = frozenset([value])
            self.reach[value] = reach
            self.costs[value] = cost

    def _is_needed(self, value: int, users: list[int], is_output: bool) -> bool:
        """Whether the value has to stand in memory: kernels that read arrays need it, and it is no view of one that does."""
        handed = is_output or any(user not in self.maps and not self.is_fold(user) for user in users)
        if handed and self.alias(value) is None:
            return (
                is_output or self.operand(value) is None or any(self.graph.name(user) != "contract" for user in users)
            )
        return any(map(self._decodes, users)) and self.alias(value) is None

    def _decodes(self, value: int) -> bool:
        """Whether a value is half precision as float32, for contractions: they read what it is made from."""
        return self._widens(value) and any(map(self._is_contracted, self.users[value]))

    def _widens(self, value: int) -> bool:
        """Whether a value is half precision as float32: decoding is part of loading, and costs nothing beside it."""
        signature = self.graph.signatures[value]
        return (
            signature is not None
            and signature.op.name == "cast"
            and signature.operands[0].dtype in (bfloat16, float16)
            and self.graph.types[value].dtype is float32
        )

    def _is_contracted(self, value: int) -> bool:
        """Whether a value is a contraction, or a view that one reads."""
        name = self.graph.name(value)
        return name == "contract" or (name in VIEWS and any(map(self._is_contracted, self.users[value])))

    def _is_lent(self, value: int) -> bool:
        """Whether a kernel of its own reads the value through views: better one array, seen from several sides, than a copy for each."""
        reads = [user for user in self.users[value] if self.graph.signatures[user].op.name in VIEWS]  # type: ignore[union-attr]
        return any(any(map(self._is_alone, self.users[user])) or self._is_lent(user) for user in reads)

    def _is_alone(self, value: int) -> bool:
        signature = self.graph.signatures[value]
        name = "" if signature is None else signature.op.name
        return value not in self.maps and not self.is_fold(value) and name != "contract"

    def _reach(self, value: int) -> frozenset[int]:
        """The values as big as this one that its element is made of."""
        found: set[int] = set()
        for operand in self.graph.operands[value]:
            found |= self.reach.get(operand, frozenset([operand]))
        return frozenset(v for v in found if 2 * self.graph.types[v].size > self.graph.types[value].size)

    def _rereads(self, value: int, user: int) -> bool:
        """Whether the user reads an element of the value more than once, or for more than one of its own."""
        name = self.graph.name(user)
        if name in ("take", "gather", "window", "pick"):
            return True
        return self.graph.types[user].size > self.graph.types[value].size and name not in (
            "pad",
            "concatenate",
            "update",
        )

    def domain(self, value: int) -> tuple[Index, ...]:
        """Loops over a value's shape, numbered by its axes of more than one element."""
        return numbered(self.graph.types[value].shape)

    def alias(self, value: int) -> tuple[int, Shape, int] | None:
        """(base, strides, offset), in elements, where a value that is not separate is a mere view of one that is."""
        if value in self.separate or value not in self.maps:
            return None
        if value not in self._aliases:
            self._aliases[value] = self._find_alias(value)
        return self._aliases[value]

    def operand(self, value: int) -> tuple[int, Shape, int] | None:
        """As `alias`, for the operand of a contraction: that may also be a view of half precision, which is decoded where it is loaded."""
        if value in self.separate or value not in self.maps:
            return None
        if value not in self._operands:
            self._operands[value] = self._find_alias(value, decoded=True)
        return self._operands[value]

    def _find_alias(self, value: int, decoded: bool = False) -> tuple[int, Shape, int] | None:
        shape = self.graph.types[value].shape
        # Its body, not its element: it may become a root yet, and is then loaded.
        expression = self.elements.body(value, tuple(loop(axis, extent) for axis, extent in enumerate(shape)))
        if decoded and isinstance(expression, Apply) and expression.function == "cast_float32":
            (inner,) = expression.arguments
            halves = isinstance(inner, Load) and self.graph.types[inner.operand].dtype in (bfloat16, float16)
            expression = inner if halves else expression
        if not isinstance(expression, Load):
            return None
        base, flat = expression.operand, ZERO
        for part, stride in zip(expression.index, self._strides_of(base), strict=True):
            assert isinstance(part, Index)
            if part.data():
                return None
            flat = add(flat, scale(part, stride))
        if not flat.affine():
            return None
        return base, tuple(flat.factor(axis) or 0 for axis in range(len(shape))), flat.constant

    def _strides_of(self, value: int) -> Shape:
        found = self.strides.get(value)
        return contiguous_strides(self.graph.types[value].shape) if found is None else found

    # ---- groups ----

    def _collect(self) -> None:
        for value in self.live:
            if self.graph.signatures[value] is None or value not in self.separate:
                continue
            if self.is_fold(value):
                self._place_fold(value)
            elif value in self.maps:
                self._place_map(value)
            else:
                contracts = self.graph.name(value) == "contract" and self.native(self.graph, value)
                self._place_alone(value, "contraction" if contracts else "single")

    def _new(self, kind: str, loops: tuple[tuple[int, int], ...], reduced: frozenset[int] | None) -> Group:
        group = Group(len(self.groups), kind, loops, reduced)
        self.groups.append(group)
        return group

    def _add(self, group: Group, statement: Statement, reads: set[int]) -> None:
        group.statements.append(statement)
        known = group.full if statement.full and not statement.fold else group.rows
        (group.tallies if statement.turns else known).add(statement.value)
        self.home[statement.value] = group
        gained = 0
        for value in reads:
            home = self.home.get(value)
            if home is not None and home is not group:
                gained |= home.before | 1 << home.number
            self._readers.setdefault(value, []).append(group)
        gained &= ~group.before
        if gained:
            group.before |= gained
            bit = 1 << group.number
            for other in self.groups:
                if other.before & bit:
                    other.before |= group.before

    def _place_alone(self, value: int, kind: str) -> None:
        shape = self.graph.types[value].shape
        loops = (
            tuple((axis, extent) for axis, extent in enumerate(shape) if extent != 1) if kind == "contraction" else ()
        )
        group = self._new(kind, loops, None)
        reads = set()
        for operand in self.graph.operands[value]:
            alias = self.operand(operand) if kind == "contraction" else self.alias(operand)
            reads.add(operand if alias is None else alias[0])
        self._add(group, Statement(value, None, True), reads)

    def _place_map(self, value: int) -> None:
        shape = squeezed(self.graph.types[value].shape)
        reads = {load.operand for load in loads([self.elements.body(value, self.domain(value))])}
        for group in () if value in self.late else self._candidates(reads):
            for full in (True, False):
                loops = group.loops if full else group.row_loops
                if tuple(extent for _, extent in loops) != shape or (not full and not group.reduced):
                    continue
                index = spread(loops, self.graph.types[value].shape)
                expression = self.elements.body(value, index)
                if self._fits(group, expression, reads):
                    self._add(group, Statement(value, expression, full), reads)
                    return
        group = self._new("nest", tuple(enumerate(shape)), None)
        self._add(group, Statement(value, self.elements.body(value, self.domain(value)), True), reads)

    def _place_fold(self, value: int) -> None:
        signature = self.graph.signatures[value]
        assert signature is not None
        (operand,) = self.graph.operands[value]
        wide = self.graph.types[operand].shape
        axes = fold_axes(signature.attributes)
        place, reduced = 0, set()
        for axis, extent in enumerate(wide):
            if extent != 1:
                if axis in axes:
                    reduced.add(place)
                place += 1
        element = self.elements.of(operand, numbered(wide))
        reads = {load.operand for load in loads([element])}
        if signature.op.name == "sum" and len(reduced) == 1 and self._place_tally(value, min(reduced), reads):
            return
        for group in self._candidates(reads):
            fits = group.kind == "nest" and tuple(extent for _, extent in group.loops) == squeezed(wide)
            if not fits or group.reduced not in (None, frozenset(reduced)):
                continue
            if group.reduced is None and not self._may_reduce(group, reduced):
                continue
            if self._fits(group, element, reads):
                group.reduced = frozenset(reduced)
                self._add(group, Statement(value, element, True, signature.op.name), reads)
                return
        group = self._new("nest", tuple(enumerate(squeezed(wide))), frozenset(reduced))
        self._add(group, Statement(value, element, True, signature.op.name), reads)

    def _place_tally(self, value: int, axis: int, reads: set[int]) -> bool:
        """Puts a sum over rows (the loop `axis` over its operand) into a group that reduces within the same rows, where there is one."""
        (operand,) = self.graph.operands[value]
        wide = self.graph.types[operand].shape
        extents = squeezed(wide)
        if self.graph.types[value].dtype not in (
            float32,
            float64,
        ):  # what is added up in memory must not be rounded to half there
            return False
        for group in self._candidates(reads):
            reduced = group.reduced
            if group.kind != "nest" or not reduced or min(reduced) + len(reduced) != len(group.loops):
                continue
            last = min(reduced) - 1  # the innermost loop over rows
            loops = [loop(place, extent) for place, extent in group.loops]
            own = [extent for _, extent in group.loops]
            if last < 0 or group.loops[last][0] != last:
                continue
            turns = extents[axis]
            split = (*own[:last], own[last] // turns, turns, *own[last + 1 :])
            if axis == last + 1 and split == extents and own[last] % turns == 0:
                loops[last : last + 1] = [divide(loops[last], turns), remainder(loops[last], turns)]
            elif axis != last or tuple(own) != extents:
                continue
            rest = iter(loops)
            element = self.elements.of(operand, tuple(ZERO if extent == 1 else next(rest) for extent in wide))
            same = all(statement.turns in (0, turns) for statement in group.statements)
            if prod(own[: last + 1]) < LEAST_BLOCKS * turns or not same or not self._fits(group, element, reads):
                continue
            self._add(group, Statement(value, element, True, "sum", turns), reads)
            return True
        return False

    def _may_reduce(self, group: Group, reduced: set[int]) -> bool:
        """Whether an elementwise group may take on rows: not where that leaves the threads too few of them."""
        rows, size = 1, 1
        for axis, extent in group.loops:
            size *= extent
            rows *= 1 if axis in reduced else extent
        return rows >= 8 or size <= 1 << 14

    def _candidates(self, reads: set[int]) -> list[Group]:
        """Groups that compute or read something among `reads`, the latest first."""
        found: dict[int, Group] = {}
        for value in reads:
            home = self.home.get(value)
            if home is not None:
                found[home.number] = home
            if self.graph.types[value].size >= 1 << 10:
                for group in self._readers.get(value, ()):
                    if group.kind == "nest":
                        found[group.number] = group
        return [found[number] for number in sorted(found, reverse=True)]

    def _fits(self, group: Group, expression: Expr, reads: set[int]) -> bool:
        """Whether an expression over a group's loops may be computed in it."""
        if group.kind == "single":
            return False
        bit = 1 << group.number
        for value in reads:
            home = self.home.get(value)
            if home is not None and home is not group and home.before & bit:
                return False
        for load in loads([expression]):
            index = tuple(i for i in load.index if i != ZERO)
            if self.home.get(load.operand) is group:
                if load.operand in group.tallies or index != group.index(load.operand):
                    return False
            elif group.kind == "contraction" and not all(isinstance(i, Index) and i.affine() for i in load.index):
                return False
        return group.kind != "contraction" or not functions(expression) & NOT_IN_EPILOGUES


def fold_axes(attributes: dict[str, Any]) -> Shape:
    """The reduced axes of a fold, whichever way its record says them."""
    axes = attributes.get("axes", attributes.get("axis"))
    return axes if isinstance(axes, tuple) else (axes,)


def numbered(shape: Shape) -> tuple[Index, ...]:
    """Loops over a shape, numbered by its axes of more than one element; 0 for the others."""
    return spread(tuple(enumerate(squeezed(shape))), shape)


def spread(loops: tuple[tuple[int, int], ...], shape: Shape) -> tuple[Index, ...]:
    """Loops put at the axes of a shape that have more than one element."""
    rest = iter(loops)
    return tuple(ZERO if extent == 1 else loop(next(rest)[0], extent) for extent in shape)
