"""One test per op, module or optimizer that exists, and aspect (a dtype, gradients, variants, `out=`, errors).

The tier is the one that users have, or the one that `RUSHLIGHT_TIER` pins. A part of the cases is run with the compiler
pinned as well; `make conformance` runs all of them in both.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import pytest

from . import known, suite
from .database import Case
from .subject import NAME, TIER, pinned
from .walk import Result

BOOK = known.load()
EVERY = 8  # of so many cases one is run with the compiler pinned, chosen by its name: as many as a whole test run has time for


@pytest.mark.parametrize("case", suite.cases(), ids=str)
def test_conformance(case: Case, record_property: Callable[[str, str], None]) -> None:
    result = suite.run(case)
    record_property("conformance", json.dumps(result.as_dict()))
    _judge(case, result, TIER)


@pytest.mark.skipif(TIER != "auto" or NAME != "rushlight", reason="a tier is pinned already")
@pytest.mark.parametrize("case", [c for c in suite.cases() if zlib.crc32(str(c).encode()) % EVERY == 0], ids=str)
def test_conformance_of_the_compiler(case: Case) -> None:
    with pinned("compile"):
        result = suite.run(case)
    _judge(case, result, "compile")


def _judge(case: Case, result: Result, tier: str) -> None:
    """Fails the test where a result is not as the book says."""
    entry = known.find(BOOK, case, tier)
    said = known.verdict(result, entry)
    if said:
        pytest.fail(f"{case} (tier {tier}): {said}", pytrace=False)
    if entry is not None and result.failures:
        pytest.xfail(entry.reason)


def test_known_failures_name_present_cases() -> None:
    present = set(suite.cases())
    assert [str(case) for case, _ in BOOK if case not in present] == []
