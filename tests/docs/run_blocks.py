"""Runs the Python blocks of a Markdown page, in order, in one namespace:  python -m tests.docs.run_blocks PAGE

In a process of its own, since a page may add ops and names to the library.
"""

from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run(page: Path) -> int:
    """Runs the blocks; returns how many examples of interactive ones failed."""
    namespace = {"__name__": "page"}
    runner = doctest.DocTestRunner()
    for number, block in enumerate(blocks(page, "python"), 1):
        name = f"{page.name}, block {number}"
        if block.lstrip().startswith(">>>"):
            runner.run(doctest.DocTestParser().get_doctest(block, namespace, name, str(page), 0), clear_globs=False)
        else:
            exec(compile(block, name, "exec"), namespace)
    return runner.failures


if __name__ == "__main__":
    sys.exit(min(run(Path(sys.argv[1])), 1))
