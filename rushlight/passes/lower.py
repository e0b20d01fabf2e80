"""Groups become kernels: buffers are chosen, statements put in order, reads of values of the same kernel become temporaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..dtype import float32
from ..ir.expr import Apply, Expr, Load
from ..ir.type import TupleType, Type
from ..kernel.buffer import Buffer, Shape
from ..kernel.contraction import Contract, Precision
from ..kernel.index import ZERO, Index, add, data, divide, fixed, loop, remainder
from ..kernel.nest import Fold, Let, Nest, Row, Statement, Sweep, Tally, Temp, Write
from ..kernel.templates import TEMPLATES
from .element import loads, parts
from .fuse import CHEAP, COSTS, Fusion, Group, spread

KEPT_BYTES = 256 << 10  # of one row's temporaries in scratch memory; what is more is computed again


@dataclass(frozen=True)
class Place:
    """Where a buffer is: the memory of a value, from an offset in bytes on."""

    value: int
    offset: int = 0


@dataclass(frozen=True)
class Launch:
    """One step: a kernel with the places of its operands and results; without a kernel, the op is evaluated by itself."""

    kernel: Any
    operands: tuple[Place, ...]
    results: tuple[int, ...]
    value: int  # the first that it computes, which tells the user's line


class Lowering:
    """Makes the launches of a fusion. `inputs` are the buffers of inputs and constants as they lie in memory."""

    def __init__(
        self,
        fusion: Fusion,
        inputs: dict[int, Buffer],
    ) -> None:
        self.fusion = fusion
        self.graph = fusion.graph
        self.buffers = dict(inputs)
        self.views: dict[int, tuple[int, Shape, int]] = {}
        for value in self.graph.outputs:
            alias = fusion.alias(value)
            if alias is not None:
                self.views[value] = alias
        self.stored = self._stored()
        for value in self.stored:
            self._give_buffer(value)
        self.parts: dict[int, tuple[int, ...]] = {}  # of templates with several results
        self.launches = [launch for group in self.groups for launch in self._launches(group)]

    def _give_buffer(self, value: int) -> None:
        type = self.graph.types[value]
        if isinstance(type, Type):
            self.buffers[value] = Buffer.of(type.dtype, type.shape)

    def _stored(self) -> set[int]:
        """The values that stand in memory: outputs, and what another group reads. Groups that nothing needs go.

        There are such: what is cut out of padding stands on nothing once its indices are simplified.
        """
        home = self.fusion.home
        stored = {v for v in self.graph.outputs if v in home} | {
            base for base, *_ in self.views.values() if base in home
        }
        kept: list[Group] = []
        for group in reversed(self._order()):
            if not any(statement.value in stored for statement in group.statements):
                continue
            kept.append(group)
            for statement in group.statements:
                if statement.expression is None:
                    contracted = group.kind == "contraction"
                    reads = {self._base(operand, contracted) for operand in self.graph.operands[statement.value]}
                else:
                    reads = {load.operand for load in loads([statement.expression])}
                stored.update(value for value in reads if value in home and home[value] is not group)
        self.groups = kept[::-1]
        return stored

    def _base(self, value: int, contracted: bool = False) -> int:
        alias = self.fusion.operand(value) if contracted else self.fusion.alias(value)
        return value if alias is None else alias[0]

    def _order(self) -> list[Group]:
        """By number of groups before: a group has more than any that it needs."""
        return sorted(self.fusion.groups, key=lambda group: (group.before.bit_count(), group.number))

    def view(self, value: int, contracted: bool = False) -> tuple[Place, Buffer]:
        """Where an operand lies, views folded into strides and an offset; that of a contraction may be of half precision."""
        alias = self.fusion.operand(value) if contracted else self.fusion.alias(value)
        if alias is None:
            return Place(value), self.buffers[value]
        base, strides, offset = alias
        type, dtype = self.graph.types[value], self.graph.types[base].dtype
        return Place(base, offset * dtype.itemsize), Buffer(dtype, type.shape, strides)

    def _launches(self, group: Group) -> list[Launch]:
        if group.kind == "contraction":
            return [self._contraction(group)]
        if group.kind == "nest":
            return [NestLowering(self, group).launch()]
        return self._single(group.statements[0].value)

    def _single(self, value: int) -> list[Launch]:
        """An op by itself: its template's kernel, or the op's own evaluation."""
        signature, operands = self.graph.signatures[value], self.graph.operands[value]
        assert signature is not None
        if signature.op.name == "component" and operands[0] in self.parts:
            return []  # the template has written it
        if any(isinstance(type, TupleType) for type in signature.operands):
            return [Launch(None, tuple(Place(operand) for operand in operands), (value,), value)]
        found = [self.view(operand) for operand in operands]
        template = TEMPLATES.get(signature.op.name)
        kernel = None if template is None else template(signature, tuple(buffer for _, buffer in found))
        results = (value,)
        if kernel is not None and isinstance(signature.type, TupleType):
            results = self.parts[value] = self._components(value, len(signature.type.parts))
        return [Launch(kernel, tuple(place for place, _ in found), results, value)]

    def _components(self, value: int, count: int) -> tuple[int, ...]:
        """The values that take the parts out, which have buffers of their own."""
        places = {}
        for user in range(value + 1, len(self.graph)):
            signature = self.graph.signatures[user]
            if signature is not None and signature.op.name == "component" and self.graph.operands[user] == (value,):
                places[signature.attributes["index"]] = user
        for user in places.values():
            self._give_buffer(user)
        return tuple(places[index] for index in range(count))

    def _contraction(self, group: Group) -> Launch:
        first = group.statements[0].value
        signature = self.graph.signatures[first]
        assert signature is not None
        operands = [self.view(operand, contracted=True) for operand in self.graph.operands[first]]
        results = [statement.value for statement in group.statements if statement.value in self.stored]
        bodies = {s.value: s.expression for s in group.statements if s.expression is not None}
        extras: dict[int, int] = {}

        def place(load: Load) -> Expr:
            if load.operand == first:
                return Load(0, load.index)
            if load.operand in bodies:
                return inlined(bodies[load.operand])
            return Load(1 + extras.setdefault(load.operand, len(extras)), load.index)

        inlined = Rewriter(place)
        identity = Load(0, spread(group.loops, self.graph.types[first].shape))
        epilogue = tuple(identity if value == first else inlined(bodies[value]) for value in results)
        kernel = Contract(
            signature.attributes["spec"],
            tuple(buffer for _, buffer in operands),
            tuple(self.buffers[value] for value in extras),
            () if results == [first] else epilogue,
            tuple(Buffer.of(self.graph.types[value].dtype, signature.type.shape) for value in results),
            any(buffer.dtype is not signature.operands[0].dtype for _, buffer in operands),
            Precision.of(signature.attributes["spec"]) if signature.type.dtype is float32 else 0,
        )
        places = (*[place for place, _ in operands], *[Place(value) for value in extras])
        return Launch(kernel, places, tuple(results), first)


class Rewriter:
    """Rewrites the loads of expressions; equal parts stay one."""

    def __init__(self, place: Callable[[Load], Expr]) -> None:
        self.place = place
        self._done: dict[int, tuple[Expr, Expr]] = {}

    def __call__(self, expression: Expr) -> Expr:
        found = self._done.get(id(expression))
        if found is None:
            found = self._done[id(expression)] = (
                expression,
                self._rewritten(expression),
            )  # the first keeps its identity taken
        return found[1]

    def _rewritten(self, expression: Expr) -> Expr:
        if isinstance(expression, Load):
            index = tuple(self(i) for i in expression.index)
            same = all(a is b for a, b in zip(index, expression.index, strict=True))
            return self.place(expression if same else Load(expression.operand, index))
        if isinstance(expression, Apply):
            arguments = tuple(self(a) for a in expression.arguments)
            same = all(a is b for a, b in zip(arguments, expression.arguments, strict=True))
            return expression if same else Apply(expression.function, *arguments)
        if isinstance(expression, Index) and expression.data():
            return self._index(expression)
        return expression

    def _index(self, index: Index) -> Index:
        result = fixed(index.constant)
        for atom, factor in index.terms:
            if atom.key[0] == "data":
                part = data(self(atom.key[1]), atom.high + 1)
            elif atom.key[0] == "loop":
                part = Index(((atom, 1),), 0)
            else:
                part = (divide if atom.key[0] == "div" else remainder)(self._index(atom.key[1]), atom.key[2])
            result = add(result, part, factor)
        return result


class NestLowering:
    """One nest: phases, temporaries, what is kept from sweep to sweep, what is written."""

    def __init__(self, lowering: Lowering, group: Group) -> None:
        self.lowering = lowering
        self.group = group
        self.graph = lowering.graph
        self.stage: dict[int, int] = {}
        self.temps = {statement.value: number for number, statement in enumerate(group.statements)}
        self.operands: dict[int, int] = {}
        self.kept: dict[int, None] = {}
        self.again: dict[tuple[int, int], int] = {}  # (value, stage) -> the temporary that it is computed again into
        self.bodies = {s.value: s.expression for s in group.statements}
        self.turns = {s.value: s.turns for s in group.statements if s.turns}  # of sums over rows
        self.folds = {s.value for s in group.statements if s.fold and not s.turns}
        self.results = [s.value for s in group.statements if s.value in lowering.stored]
        self._find_stages()
        self._find_kept()

    def launch(self) -> Launch:
        group = self.group
        last = max(self.stage.values())
        body: list[Row | Sweep] = []
        for stage in range(last + 2):
            row: list[Statement] = []
            sweep: list[Statement] = []
            for statement in group.statements:
                value = statement.value
                in_sweep = bool(group.reduced) and statement.full
                if value in self.folds and self.stage[value] + 1 == stage and value in self.lowering.stored:
                    row.append(self._write(value, Temp(self.temps[value])))
                if self.stage[value] != stage:
                    continue
                expression = self._localized(statement.expression, stage, sweep)
                (sweep if in_sweep else row).extend(self._statements(statement.value, statement.fold, expression))
            body += [Row(tuple(row))] if row else []
            body += [Sweep(tuple(sweep))] if sweep else []
        kernel = Nest(
            tuple(extent for _, extent in group.loops),
            tuple(sorted(group.reduced or ())),
            tuple(self.lowering.buffers[value] for value in self.operands),
            tuple(self.lowering.buffers[value] for value in self.results),
            tuple(self.temps[value] for value in self.kept),
            tuple(body),
        )
        return Launch(kernel, tuple(Place(v) for v in self.operands), tuple(self.results), group.statements[0].value)

    def _statements(self, value: int, fold: str | None, expression: Expr) -> list[Statement]:
        dtype = self.graph.types[value].dtype
        if value in self.turns:
            return [self._tally(value, expression)] if value in self.lowering.stored else []
        if fold:
            (operand,) = self.graph.operands[value]
            return [Fold(self.temps[value], dtype, self.graph.types[operand].dtype, fold, expression)]
        found: list[Statement] = [Let(self.temps[value], dtype, expression)]
        if value in self.lowering.stored:
            found.append(self._write(value, Temp(self.temps[value])))
        return found

    def _write(self, value: int, expression: Expr) -> Write:
        loops = self.group.loops if value in self.group.full else self.group.row_loops
        return Write(self.results.index(value), spread(loops, self.graph.types[value].shape), expression)

    def _tally(self, value: int, expression: Expr) -> Tally:
        """Its elements are numbered by the blocks of rows and by what is reduced within rows."""
        group, turns, reduced = self.group, self.turns[value], self.group.reduced or frozenset()
        index = [loop(axis, extent) for axis, extent in group.loops]
        last = min(reduced) - 1
        block = divide(index[last], turns)
        index[last : last + 1] = [block] if block != ZERO else []
        rest = iter(index)
        shape = self.graph.types[value].shape
        return Tally(
            self.results.index(value), turns, tuple(ZERO if extent == 1 else next(rest) for extent in shape), expression
        )

    def _find_stages(self) -> None:
        for statement in self.group.statements:
            stage = 0
            assert statement.expression is not None
            for load in loads([statement.expression]):
                if load.operand in self.stage:
                    stage = max(stage, self.stage[load.operand] + (load.operand in self.folds))
            self.stage[statement.value] = stage

    def _find_kept(self) -> None:
        """Values of a sweep that later sweeps read: kept for the row, or computed again where that is cheap or rows are long."""
        if not self.group.reduced:
            return
        length = 1
        for axis, extent in self.group.loops:
            length *= extent if axis in self.group.reduced else 1
        room = KEPT_BYTES
        for statement in self.group.statements:
            assert statement.expression is not None
            for load in loads([statement.expression]):
                value = load.operand
                if value not in self.group.full or self.stage[value] == self.stage[statement.value]:
                    continue
                if value in self.kept or self._is_cheap(value):
                    continue
                bytes = length * self.graph.types[value].dtype.itemsize
                if bytes <= room:
                    room -= bytes
                    self.kept[value] = None

    def _is_cheap(self, value: int) -> bool:
        body = self.bodies[value]
        assert body is not None
        return expense(body) <= CHEAP and len(loads([body])) <= 2

    def _localized(self, expression: Expr | None, stage: int, sweep: list[Statement]) -> Expr:
        """An expression with temporaries for what the kernel knows; what it has to compute again, at some cost, is put into the sweep once."""
        assert expression is not None

        def place(load: Load) -> Expr:
            source = load.operand
            if source not in self.temps:
                return Load(self.operands.setdefault(source, len(self.operands)), load.index)
            early = source in self.group.full and self.stage[source] < stage and self.group.reduced
            if not early or source in self.kept:
                return Temp(self.temps[source])
            body = self.bodies[source]
            assert body is not None
            if self._is_cheap(source):
                return rewriter(body)
            if (source, stage) not in self.again:
                computed = self._localized(body, stage, sweep)
                self.again[source, stage] = temp = len(self.temps) + len(self.again)
                sweep.append(Let(temp, self.graph.types[source].dtype, computed))
            return Temp(self.again[source, stage])

        rewriter = Rewriter(place)
        return rewriter(expression)


def expense(expression: Expr) -> float:
    """What computing an expression costs, shared parts counted once."""
    applied = parts((expression,), lambda part: part.arguments if isinstance(part, Apply) else ())
    return sum((COSTS.get(part.function, 1.0) for part in applied if isinstance(part, Apply)), 0.0)
