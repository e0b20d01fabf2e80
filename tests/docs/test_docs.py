"""What the documents show runs, and what they name exists."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight
from rushlight import config

from ..architecture.source_tree import MODULES, ROOT, Module
from .run_blocks import blocks

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def examples(module: Module) -> list[doctest.DocTest]:
    loaded = module.load()
    for value in [
        *vars(loaded).values()
    ]:  # what is loaded when it is first looked at would change the module under the finder
        getattr(value, "__wrapped__", None)
    return [test for test in doctest.DocTestFinder().find(loaded, module.name) if test.examples]


WITH_EXAMPLES = [module for module in MODULES if ">>>" in module.text]


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda module: module.name)
def test_examples_in_the_source(module: Module) -> None:
    tests = examples(module)
    runner = doctest.DocTestRunner(verbose=False)
    for test in tests:
        rushlight.manual_seed(0)  # else draws depend on what ran before, and a failure might not come again
        runner.run(test)
    assert runner.failures == 0, f"see the output above; run: python -m doctest {module.where}"
    # An example that the finder does not see would never run.
    seen = {example.source.splitlines()[0].strip() for test in tests for example in test.examples}
    assert set(re.findall(r"^ *>>> (.*?) *$", module.text, re.MULTILINE)) <= seen


@every_page
def test_python_blocks_run(page: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.run_blocks", str(page)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@every_page
def test_commands_and_paths_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    spans = re.findall(r"`([^`\n]+)`", text) + [line for block in blocks(page, "sh") for line in block.splitlines()]
    unknown = [
        span for span in spans if (found := re.match(r"make ((?!\w+=)[\w-]+)", span)) and found[1] not in targets
    ]
    paths = [span for span in spans if re.fullmatch(r"(rushlight|tests|docs|bench|\.ci)/[\w./-]*", span)]
    unknown += [path for path in paths if not (ROOT / path).exists()]
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    unknown += [link for link in links if not (page.parent / link).exists()]
    unknown += [name for name in set(re.findall(r"RUSHLIGHT_[A-Z]+", text)) if name not in config.VARIABLES]
    assert not unknown


def test_readme_names_the_two_commands() -> None:
    commands = "\n".join(blocks(ROOT / "README.md", "sh"))
    assert "make demo" in commands and "make test" in commands
