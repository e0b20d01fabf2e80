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
class Module:
    """One source file; `name` is its dotted name, "rushlight.ir.graph", or "rushlight.ir" for an `__init__`."""

    path: Path
    name: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

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
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                    base = ".".join([*anchor, *base.split(".")] if base else anchor)
                for alias in node.names:
                    full = f"{base}.{alias.name}"
                    yield node.lineno, full if full in MODULE_NAMES else base


def _modules() -> list[Module]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append(Module(path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)))
    return found


MODULES = _modules()
MODULE_NAMES = {module.name for module in MODULES}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
