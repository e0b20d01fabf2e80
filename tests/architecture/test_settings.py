"""Every environment variable of ours that is read somewhere stands in the one table, and none that is not."""

from __future__ import annotations

import re

from rushlight.config import VARIABLES

from .source_tree import ROOT


def test_environment_variables_are_those_of_the_table() -> None:
    sources = [path for folder in ("rushlight", "bench", "tests") for path in (ROOT / folder).rglob("*.py")]
    named = {
        name
        for path in sources
        if path.name not in ("config.py", "test_settings.py")
        for name in re.findall(r"RUSHLIGHT_[A-Z]+", path.read_text(encoding="utf-8"))
    }
    assert named <= set(VARIABLES)
    config = (ROOT / "rushlight" / "config.py").read_text(encoding="utf-8")
    unread = [name for name in VARIABLES if name not in named and config.count(f'"{name}"') < 2]
    assert not unread
