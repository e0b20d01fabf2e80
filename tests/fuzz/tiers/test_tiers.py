"""2,000 random graphs a run, compiled and compared; and that the comparison itself sees what is wrong."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from rushlight.dtype import float32, float64
from rushlight.ir import op
from rushlight.ir.graph import Signature, _interned, intern
from rushlight.ir.text import read
from rushlight.ir.type import Type

from ..guarded import canaries_live, guarded
from . import judge
from .__main__ import isolated
from .case import Case, shrink
from .derive import derive
from .facts import difference, known
from .generate import generate
from .search import INSTRUCTION_SETS, Chunk, Record, cause, run_chunk

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
PER_TEST = 100
CHUNKS = [
    Chunk(first, PER_TEST, INSTRUCTION_SETS[1] if first % 500 == 400 and len(INSTRUCTION_SETS) > 1 else "")
    for first in range(0, 2000, PER_TEST)
]


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: f"{chunk.first}-{chunk.cpu or 'host'}")
def test_compiled(chunk: Chunk) -> None:
    """Every fifth chunk for a lesser instruction set."""
    failures = run_chunk(chunk).failures
    assert not failures, "\n\n".join(failures.values())


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_interpreted(first: int) -> None:
    """What is asked of a compiled plan, the interpreter keeps: so the bounds on rounding are no tighter than right arithmetic."""
    for case in map(generate, range(first, first + 100)):
        why = judge.differs(case, judge.interpreted)
        assert why is None, judge.report(case, why, lambda candidate: judge.differs(candidate, judge.interpreted))


@pytest.mark.parametrize("first", range(10_000, 10_200, 100))
def test_by_element(first: int) -> None:
    """Every op's `at` in compositions."""
    for case in map(generate, range(first, first + 100)):
        if case.raises is None:  # `at` says nothing of what is out of range
            why = judge.differs(case, judge.by_element)
            assert why is None, judge.report(case, why, lambda candidate: judge.differs(candidate, judge.by_element))


def test_graphs_are_rich() -> None:
    """Most ops there are occur, in graphs of several nodes: else the rest tests little."""
    cases = [generate(seed) for seed in range(300)]
    names = [name for case in cases for name in case.names()]
    assert len(set(names)) > 120
    assert len(names) > 2500
    assert sum(len(case.live) for case in cases) > 1200
    assert any(case.raises for case in cases)
    layouts = [array for case in cases for array in case.inputs]
    assert sum(not array.flags.c_contiguous for array in layouts) > 100
    assert sum(0 in array.strides and array.size > 1 for array in layouts) > 10
    kinds = {type.dtype for case in cases for _, type, _ in case.entries if isinstance(type, Type)}
    assert len(kinds) >= 12


def test_a_seed_is_a_graph() -> None:
    for seed in range(40):
        one, other = generate(seed), generate(seed)
        assert one.text().splitlines()[0] == other.text().splitlines()[0]
        assert one.key == other.key and one.live == other.live
        assert [array.tobytes() for array in one.inputs] == [array.tobytes() for array in other.inputs]


def _signature(name: str, *types: Type, **attributes: object) -> Signature:
    key = (op.registry[name], types, *attributes.items())
    return _interned.get(key) or intern(op.registry[name], attributes, types, key)


def _fact(name: str, *arrays: np.ndarray, **attributes: object) -> object:
    types = tuple(Type.of(a.shape, float32 if a.dtype == np.float32 else float64) for a in arrays)
    return derive(_signature(name, *types, **attributes), tuple(map(known, types, arrays)))


def test_one_unit_in_the_last_place_is_seen() -> None:
    x = np.array([0.1, 1.0, -3.3], np.float32)
    y = np.array([0.7, -0.3, 5.1], np.float32)
    right = x + y
    assert difference(right, _fact("add", x, y)) is None
    assert difference(np.nextafter(right, np.float32(9)), _fact("add", x, y)) is not None


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0, -0.0, 1.0])
def test_special_values_are_seen(wrong: float) -> None:
    x = np.array([-0.0, np.nan, np.inf, 2.0], np.float32)
    fact = _fact("neg", x)
    assert difference(-x, fact) is None
    for place, right in enumerate((0.0, np.nan, -np.inf, -2.0)):
        broken = -x
        broken[place] = np.float32(wrong)
        assert (difference(broken, fact) is None) == (repr(right) == repr(wrong))


def test_a_term_too_many_is_seen() -> None:
    """Whatever the number of terms: multiples of a quarter have one sum."""
    x = np.random.default_rng(0).integers(-12, 13, 100_001).astype(np.float32) / 4
    fact = _fact("sum", x, axes=(0,))
    assert difference(np.float32(x.sum(dtype=np.float64)), fact) is None
    assert difference(np.float32(x.sum(dtype=np.float64) + 0.25), fact) is not None


def _case(text: str, *inputs: np.ndarray) -> Case:
    entries, live = read(text)
    return Case(0, tuple(entries), live, inputs)


GRAPH = """
%0 = input float32[4]
%1 = neg(%0) : float32[4]
%2 = exp(%1) : float32[4]
%3 = mul(%2, %0) : float32[4]
%4 = sum(%3) {axes=(0,)} : float32[]
return %1, %3, %4
"""


def test_cases_shrink_to_the_culprit() -> None:
    def broken(case: Case) -> judge.Prepared:
        """An interpreter that doubles every `mul`."""

        def run() -> list[np.ndarray]:
            values: list[np.ndarray] = []
            inputs = iter(case.inputs)
            for signature, _, operands in case.entries:
                if signature is None:
                    values.append(next(inputs))
                else:
                    value = np.asarray(
                        signature.op.eval(signature.type, *[values[o] for o in operands], **signature.attributes)
                    )
                    values.append(value * np.float32(2) if signature.op.name == "mul" else value)
            return [values[slot] for slot in case.live]

        return run

    small = shrink(_case(GRAPH, np.arange(1, 5, dtype=np.float32)), lambda case: judge.differs(case, broken))
    assert small.names() == ["mul"]


def test_a_crash_is_a_difference() -> None:
    case = _case(GRAPH, np.ones(4, np.float32))
    assert "signal 9" in str(isolated(case, lambda _: os.kill(os.getpid(), signal.SIGKILL)))  # type: ignore[func-returns-value]
    assert isolated(case, lambda _: "why") == "why"
    assert isolated(case, lambda _: None) is None


@pytest.mark.parametrize("end", [True, False])
def test_guard_pages_fault(end: bool) -> None:
    """Reading one byte too far ends the process; the array itself is sound."""
    case = _case(GRAPH, np.ones(4, np.float32))
    array = guarded((5,), "f4", end=end)
    array[:] = 1

    def read_beyond(_: Case) -> str | None:
        step = array.nbytes if end else -1
        around = np.lib.stride_tricks.as_strided(array.view(np.uint8), (2,), (step,))
        return str(around[1])

    assert "signal" in str(isolated(case, read_beyond))
    assert array.sum() == 5


def test_canaries_show_writes_beside() -> None:
    array = guarded((5,), "f4", align=64)
    array[:] = 1
    assert canaries_live(array)
    np.lib.stride_tricks.as_strided(array, (6,), (4,))[5] = 7
    assert not canaries_live(array)


def test_a_record_is_taken_up_again(tmp_path: os.PathLike[str]) -> None:
    chunk = Chunk(0, 3, tier="interpreted")
    record = Record(tmp_path / "record.jsonl")  # type: ignore[operator]
    outcome = run_chunk(chunk)
    record.add(outcome)
    again = Record(record.path)
    assert again.has(chunk) and not again.has(Chunk(3, 3, tier="interpreted"))
    assert again.outcomes[0].ops == outcome.ops
    assert "0 of 3 graphs differ" in again.summary()


def test_reports_of_one_cause_are_grouped() -> None:
    report = "seed {}: %{}: 3 of {} elements differ, the first at [{}]\n%1 = mul(%0, %0) : float32[3]\nreturn %1"
    assert cause(report.format(1, 2, 3, 4)) == cause(report.format(5, 6, 7, 8))
