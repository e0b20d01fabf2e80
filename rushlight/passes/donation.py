"""Which results may lie where an input lay: a parameter's new value where its old one was, an optimizer's state over the last.

An input that nobody holds any more when a plan runs lends its memory to a result of its type, where one kernel reads the input and writes
the result element by element at the same place, and no other kernel reads the input afterwards. Whether nobody holds it is known only at
the run; what is decided here is who may, and in which order the steps then have to stand: the one that writes after all others that
read. Steps that may find that the interpreter has to run the plan again (an index out of range) stand before all that write over inputs: the
interpreter needs them as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..ir.expr import Apply, Expr, Load
from ..kernel.buffer import Buffer, Shape
from ..kernel.contraction import Contract
from ..kernel.index import ZERO, Index, add, loop, scale
from ..kernel.nest import Let, Nest, Row, Temp, Write, walk
from ..kernel.scatter import Scatter
from .fuse import numbered
from .lower import Launch, Place

LEAST_BYTES = 128 << 10  # of a value from which its memory is worth asking for

Region = tuple[
    int, int, tuple[tuple[int, int], ...]
]  # elements of a value: where they begin, (stride, extent) of each loop
Check = tuple[Region, int]  # indices, and the largest that is not out of range


@dataclass
class Donations:
    """Steps in the order in which they have to run, with the input that each result may be written over."""

    launches: list[Launch]
    over: dict[int, int] = field(default_factory=dict)
    first: int = -1  # the first step that writes over an input


def find(
    launches: Sequence[Launch],
    buffers: Mapping[int, Buffer],
    lent: set[int],
    kept: set[int],
    inside: set[int],
    risks: Sequence[str],
) -> Donations:
    """The donations of a program.

    Args:
        lent: the inputs that nothing needs after the program.
        kept: results that live on after it.
        inside: values that live in the program alone; they too are written over where they are read for the last time.
        risks: for each step what it may find: "" nothing, "indices" an index out of range, "values" anything.
    """
    risky = _risky(launches, risks)
    wanted = [{} if number in risky else _pairs(launch, buffers, lent, kept) for number, launch in enumerate(launches)]
    order: list[int] = []
    over: dict[int, int] = {}
    readers: dict[int, set[int]] = {}
    for number, launch in enumerate(launches):
        for place in launch.operands:
            readers.setdefault(place.value, set()).add(number)
    makers = {value: number for number, launch in enumerate(launches) for value in launch.results}
    needs = [{makers[p.value] for p in launch.operands if p.value in makers} for launch in launches]
    waiting, done = list(range(len(launches))), set[int]()
    while waiting:
        ready = (number for number in waiting if needs[number] <= done)
        first = chosen = next(ready)
        while wanted[chosen] and not _may_write(wanted[chosen], chosen, readers, risky, done):
            following = next(ready, None)
            if following is None:  # what it waits for waits for it
                chosen = first
                wanted[chosen] = {}
            else:
                chosen = following
        order.append(chosen)
        done.add(chosen)
        waiting.remove(chosen)
        over |= wanted[chosen]
    first_over = next((number for number, old in enumerate(order) if wanted[old]), -1)
    last = {place.value: number for number, old in enumerate(order) for place in launches[old].operands}
    found = []
    for number, old in enumerate(order):
        launch = launches[old]
        dying = {place.value for place in launch.operands if last[place.value] == number} & inside
        pairs = _pairs(launch, buffers, dying, inside) if dying else {}
        over |= pairs
        found.append(_writing_last(launch) if pairs or wanted[old] else launch)
    return Donations(found, over, first_over)


def _may_write(
    pairs: dict[int, int], number: int, readers: Mapping[int, set[int]], risky: set[int], done: set[int]
) -> bool:
    return risky <= done and all(readers[value] - {number} <= done for value in pairs.values())


# ---- who may write over what ----


def _pairs(launch: Launch, buffers: Mapping[int, Buffer], lent: set[int], kept: set[int]) -> dict[int, int]:
    """For results the inputs that they may be written over."""
    found: dict[int, int] = {}
    kernel = launch.kernel
    elementwise = isinstance(kernel, Nest) and all(isinstance(s, (Let, Write)) for s in kernel.statements())
    if not elementwise and not isinstance(kernel, Contract):
        return found
    # Of a long chain there are thousands of results: only what is worth the question is looked at.
    reads = {
        number: _read_by(launch, number) & lent
        for number, (result, buffer) in enumerate(zip(launch.results, kernel.results, strict=True))
        if result in kept and buffer.size * buffer.dtype.itemsize >= LEAST_BYTES
    }
    # A state that is made of its old self alone first, then a parameter; a gradient, which reads none of them, takes what is left.
    for number in sorted(reads, key=lambda number: (not reads[number], len(reads[number]))):
        result, buffer = launch.results[number], kernel.results[number]
        for place in sorted(launch.operands, key=lambda place: place.value not in reads[number]):
            if place.value not in lent or place.value in found.values():
                continue
            own = buffers[place.value]
            alike = own.shape == buffer.shape and own.dtype is buffer.dtype and own.contiguous and buffer.contiguous
            if alike and _reads_in_place(launch, place.value, buffer.shape):
                found[result] = place.value
                break
    return found


def _read_by(launch: Launch, number: int) -> set[int]:
    """The values that one result of a kernel is made of."""
    kernel = launch.kernel
    if isinstance(kernel, Contract):
        first, stack = len(kernel.operands) - 1, list(kernel.epilogue[number : number + 1])
    else:
        lets = {s.temp: s.value for s in kernel.statements() if not isinstance(s, Write)}
        first, stack = 0, [s.value for s in kernel.statements() if isinstance(s, Write) and s.result == number]
    found: set[int] = set()
    seen: set[int] = set()
    while stack:
        for part in walk(stack.pop(), seen):
            if isinstance(part, Load) and (isinstance(kernel, Nest) or part.operand):
                found.add(launch.operands[first + part.operand].value)
            elif isinstance(part, Temp) and isinstance(kernel, Nest):
                stack.append(lets[part.number])
    return found


def _reads_in_place(launch: Launch, value: int, shape: Shape) -> bool:
    """Whether a kernel reads a value only where it writes the results of this shape, before it writes there."""
    kernel, index = launch.kernel, numbered_by_axis(shape)
    numbers = {number for number, place in enumerate(launch.operands) if place.value == value}
    if any(launch.operands[number] != Place(value) for number in numbers):
        return False
    if isinstance(kernel, Contract):
        first = len(kernel.operands)
        if any(number < first for number in numbers):
            return False
        numbers = {number - first + 1 for number in numbers}
        expressions: list[Expr] = list(kernel.epilogue)
    else:
        if kernel.inner or not all(isinstance(part, Row) for part in kernel.body):
            return False
        index = numbered(shape)
        writes = [s for s in kernel.statements() if isinstance(s, Write) and kernel.results[s.result].shape == shape]
        if any(write.index != index for write in writes):
            return False
        expressions = [statement.value for statement in kernel.statements()]
    return all(load.index == index for load in _loads(expressions) if load.operand in numbers)


def numbered_by_axis(shape: Shape) -> tuple[Index, ...]:
    """Loops over a shape, numbered by all of its axes, as a contraction's epilogue has them."""
    return tuple(ZERO if extent == 1 else loop(axis, extent) for axis, extent in enumerate(shape))


def _loads(expressions: Sequence[Expr]) -> Iterator[Load]:
    seen: set[int] = set()
    for expression in expressions:
        for part in walk(expression, seen):
            if isinstance(part, Load):
                yield part


def _writing_last(launch: Launch) -> Launch:
    """An elementwise kernel that reads all it needs of an element before it writes any."""
    kernel = launch.kernel
    if not isinstance(kernel, Nest):
        return launch
    statements = sorted(kernel.statements(), key=lambda statement: isinstance(statement, Write))
    return replace(launch, kernel=replace(kernel, body=(Row(tuple(statements)),)))


# ---- what may still go wrong ----


def _risky(launches: Sequence[Launch], risks: Sequence[str]) -> set[int]:
    """The steps that may be the first to find something: not those whose indices an earlier one, in any order, has looked at."""
    found: set[int] = set()
    known: dict[Region, int] = {}
    for number, (launch, risk) in enumerate(zip(launches, risks, strict=True)):
        if not risk:
            continue
        needed = _checks(launch, True) if risk == "indices" else None
        if needed is None or any(known.get(region, high + 1) > high for region, high in needed):
            found.add(number)
            for region, high in _checks(launch, False) or ():
                known[region] = min(high, known.get(region, high))
    return found


def _checks(launch: Launch, everywhere: bool) -> list[Check] | None:
    """The indices that a kernel looks at, with those that it looks at for some elements only; None where some are not simply read."""
    kernel = launch.kernel
    if isinstance(kernel, Scatter):
        if not everywhere:
            return []  # it may leave some out
        count = len(kernel.indices)
        return [
            (_region(place, buffer.dtype.itemsize, 0, zip(buffer.strides, buffer.shape, strict=True)), extent - 1)
            for place, buffer, extent in zip(launch.operands[-count:], kernel.indices, kernel.rows, strict=True)
        ]
    if not isinstance(kernel, Nest):
        return None
    found: list[Check] = []
    for part in _parts(kernel, everywhere):
        if not isinstance(part, Index):
            continue
        for read, high in _data(part):
            region = _region_read(launch, read) if isinstance(read, Load) else None
            if region is not None:
                found.append((region, high))
            elif everywhere:
                return None
    return found


def _region_read(launch: Launch, read: Load) -> Region | None:
    """The elements that a nest reads as its loops go on; None where that is more than strides."""
    kernel, buffer = launch.kernel, launch.kernel.operands[read.operand]
    flat = flat_index(read.index, buffer.strides)
    if not flat.affine():
        return None
    steps = [(factor, kernel.extents[atom.key[1]]) for atom, factor in flat.terms]
    return _region(launch.operands[read.operand], buffer.dtype.itemsize, flat.constant, steps)


def flat_index(index: Iterable[Expr], strides: Shape) -> Index:
    """An address, from its array's first element on."""
    total = ZERO
    for part, stride in zip(index, strides, strict=True):
        assert isinstance(part, Index)
        total = add(total, scale(part, stride))
    return total


def _region(place: Place, size: int, start: int, steps: Iterable[tuple[int, int]]) -> Region:
    """Elements by strides and extents, in a form that is the same for the same elements: the longest stride first, loops joined."""
    joined: list[tuple[int, int]] = []
    for stride, extent in sorted((one for one in steps if one[0] and one[1] != 1), reverse=True):
        if joined and joined[-1][0] == stride * extent:
            extent *= joined.pop()[1]
        joined.append((stride, extent))
    return place.value, place.offset + start * size, tuple(joined)


def _data(index: Index) -> Iterator[tuple[Expr, int]]:
    """What an index reads from memory, with the largest that it may be."""
    for atom, _ in index.terms:
        if atom.key[0] == "data":
            yield atom.key[1], atom.high
        elif atom.key[0] in ("div", "rem"):
            yield from _data(atom.key[1])


def _parts(kernel: Nest, everywhere: bool) -> Iterator[Expr]:
    """The parts of a nest's expressions; what a choice guards may not be computed for each element."""
    stack = [statement.value for statement in kernel.statements()]
    seen: set[int] = set()
    while stack:
        part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, Apply):
            guarded = part.function == "choose" and not everywhere
            stack.extend(part.arguments[:1] if guarded else part.arguments)
        elif isinstance(part, Load):
            stack.extend(part.index)
        elif isinstance(part, Index):
            stack.extend(part.data())
