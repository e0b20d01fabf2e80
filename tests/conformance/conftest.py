"""Collects the result of each case, across worker processes, into `build/`."""

from __future__ import annotations

import json

import pytest

from . import report
from .walk import Result

_RESULTS: list[Result] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Runs in the main process for each test, with what the test recorded."""
    if report.when == "call":
        _RESULTS.extend(Result(**json.loads(v)) for k, v in report.user_properties if k == "conformance")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the file, once, where a whole walk was asked for."""
    whole = not session.config.option.keyword and not any("::" in a for a in session.config.args)
    if _RESULTS and whole and not hasattr(session.config, "workerinput"):
        report.write_results(_RESULTS)
