"""The package's source files, parsed: what the architecture tests look at."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rushlight"


@dataclass(frozen=True)
class Function:
    """A function or method, nested ones too; the lines that it spans, and how many they are without the docstring's."""

    name: str
    first: int
    last: int
    length: int


@dataclass(frozen=True)
class Facts:
    """What a file's syntax tree says; the trees themselves, all together, would hold much memory in every test process."""

    functions: tuple[Function, ...]
    imports: tuple[
        tuple[int, int, str, tuple[str, ...]], ...
    ]  # line, dots, from where, which; `import a` is from nowhere


@dataclass(frozen=True)
class Module:
    """One source file; `name` is its dotted name, "rushlight.ir.graph", or "rushlight.ir" for an `__init__`."""

    path: Path
    name: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def facts(self) -> Facts:
        found: list[Function] = []
        imports: list[tuple[int, int, str, tuple[str, ...]]] = []
        for node in ast.walk(ast.parse(self.text, str(self.path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                found.append(Function(node.name, node.lineno, node.end_lineno, _body_lines(node)))
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = tuple(alias.name for alias in node.names)
                dots, base = (node.level, node.module or "") if isinstance(node, ast.ImportFrom) else (0, "")
                imports.append((node.lineno, dots, base, names))
        return Facts(tuple(found), tuple(imports))

    @property
    def where(self) -> str:
        return str(self.path.relative_to(ROOT)) if self.path.is_relative_to(ROOT) else str(self.path)

    @property
    def unit(self) -> str:
        """The row of the layer table it belongs to: its subpackage, or its own name where it stands at the top."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "rushlight"

    def load(self) -> ModuleType:
        """The module imported; skips the test where it needs an extra that is not installed."""
        try:
            return importlib.import_module(self.name)
        except ImportError as error:
            if error.name != "tensorboard":
                raise
            pytest.skip(str(error))

    def imported_modules(self) -> Iterator[tuple[int, str]]:
        """(line, dotted name) of every import of this package's modules, relative ones resolved."""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        for line, dots, base, names in self.facts.imports:
            if not dots and not base:
                yield from ((line, name) for name in names)
                continue
            if dots:
                anchor = package.split(".")[: len(package.split(".")) - dots + 1]
                base = ".".join([*anchor, *base.split(".")] if base else anchor)
            for name in names:
                full = f"{base}.{name}"
                yield line, full if full in MODULE_NAMES else base


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, less the docstring's."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        text = function.body[0]
        assert text.end_lineno is not None
        lines -= text.end_lineno - text.lineno + 1
    return lines


def _modules() -> list[Module]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append(Module(path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)))
    return found


MODULES = _modules()
MODULE_NAMES = {module.name for module in MODULES}
