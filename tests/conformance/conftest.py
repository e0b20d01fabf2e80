"""Collects the result of each case, across worker processes, into `build/`."""

from __future__ import annotations

import json

import pytest
from torch.testing._internal import common_utils

from . import report
from .walk import Result

_RESULTS: list[Result] = []

# Around each list of samples PyTorch reads the whole stack, with its source, for the unittest to name where one fails. There is none here.
common_utils.extract_test_fn = lambda: None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Runs in the main process for each test, with what the test recorded."""
    if report.when == "call":
        _RESULTS.extend(Result(**json.loads(v)) for k, v in report.user_properties if k == "conformance")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the file, once, where a whole walk was asked for."""
    whole = not session.config.option.keyword and not any("::" in a for a in session.config.args)
    if _RESULTS and whole and not hasattr(session.config, "workerinput"):
        report.write_results(_RESULTS)
