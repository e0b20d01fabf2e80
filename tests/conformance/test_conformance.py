"""One test per op, module or optimizer that exists, and aspect (a dtype, gradients, variants, `out=`, errors)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from . import known, suite
from .database import Case

BOOK = known.load()


@pytest.mark.parametrize("case", suite.cases(), ids=str)
def test_conformance(case: Case, record_property: Callable[[str, str], None]) -> None:
    result = suite.run(case)
    record_property("conformance", json.dumps(result.as_dict()))
    entry = BOOK.get(case)
    said = known.verdict(result, entry)
    if said:
        pytest.fail(f"{case}: {said}", pytrace=False)
    if entry is not None and result.failures:
        pytest.xfail(entry.reason)


def test_known_failures_name_present_cases() -> None:
    present = set(suite.cases())
    assert [str(case) for case in BOOK if case not in present] == []
