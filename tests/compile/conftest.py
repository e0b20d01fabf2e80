"""One way to run plans: bitwise comparison is of runs by the same tier, not of one that is interpreted with one that is compiled."""

from __future__ import annotations

import pytest

from rushlight import config


@pytest.fixture(autouse=True, params=["interp", "compile"])
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test under either tier."""
    monkeypatch.setattr(config, "TIER", request.param)
    return str(request.param)
