"""Files read in one sitting, functions that fit a screen, a wheel that stays small, an import that stays light."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .source_tree import MODULES, ROOT, Module

LINES_PER_FILE = 800
LINES_PER_FUNCTION = 80
WHEEL_BYTES = 2_000_000
IMPORTED_MODULES = 220  # beyond what `import numpy` brings; `import torch` brings over 1,500

# Functions that are tables in disguise, longer than a screen: "module.function".
TABLES: set[str] = set()

# Modules that act when imported.
PROGRAMS = {"rushlight.__main__", "rushlight.alias.child"}

# What `import rushlight` must not pull in: it is needed only where a user asks for it.
HEAVY = (
    "PIL",
    "tqdm",
    "matplotlib",
    "safetensors",
    "torch",
    "torchvision",
    "llvmlite",
    "multiprocessing.pool",
    "pytest",
)


def test_files_are_short() -> None:
    lines = {module.where: len(module.text.splitlines()) for module in MODULES}
    assert len(lines) > 600 and not {where: count for where, count in lines.items() if count > LINES_PER_FILE}


def test_functions_fit_a_screen() -> None:
    long = [
        f"{module.where}:{function.first} {function.name} has {function.length} lines"
        for module in MODULES
        for function in module.facts.functions
        if function.length > LINES_PER_FUNCTION and f"{module.name}.{function.name}" not in TABLES
    ]
    assert not long, "\n".join(long)


def test_the_named_tables_exist() -> None:
    known = {f"{module.name}.{function.name}" for module in MODULES for function in module.facts.functions}
    assert known >= TABLES


def export_faults(module: Module) -> list[str]:
    loaded = module.load()
    names = getattr(loaded, "__all__", [])
    twice = sorted({name for name in names if names.count(name) > 1})
    missing = [name for name in names if not hasattr(loaded, name)]
    return [f"{module.name}.__all__ has {name} twice" for name in twice] + [
        f"{module.name} has no {name}" for name in missing
    ]


def needs_tensorboard(module: Module) -> bool:
    return module.name.startswith("rushlight.utils.tensorboard")


@pytest.mark.parametrize("unit", sorted({module.unit for module in MODULES} - {"__main__"}))
def test_exported_names_exist(unit: str) -> None:
    modules = [module for module in MODULES if module.unit == unit and module.name not in PROGRAMS]
    assert not [fault for module in modules if not needs_tensorboard(module) for fault in export_faults(module)]


@pytest.mark.parametrize("module", [*filter(needs_tensorboard, MODULES)], ids=lambda module: module.name)
def test_exported_names_for_tensorboard_exist(module: Module) -> None:
    assert not export_faults(module)


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints for `code`."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_import_is_light() -> None:
    loaded = python(
        "import sys, numpy; before = set(sys.modules); import rushlight; print(*set(sys.modules) - before)"
    ).split()
    assert not [name for name in loaded if name in HEAVY or name.partition(".")[0] in HEAVY]
    assert len(loaded) <= IMPORTED_MODULES, sorted(loaded)


@pytest.mark.parametrize(
    "use",
    [
        "torch.eye(2).inverse().tolist()",
        "torch.inverse(torch.eye(2)).tolist()",
        "torch.Tensor.inverse(torch.eye(2)).tolist()",
        "torch.linalg.inv(torch.eye(2)).tolist()",
        "Own(torch.eye(2)).inverse().tolist()",
    ],
)
def test_rare_families_load_when_a_name_is_missed(use: str) -> None:
    code = (
        "import sys; import rushlight as torch\n"
        "assert 'rushlight.tensor.linalg' not in sys.modules\n"
        "hasattr(torch, '__wrapped__')\n"
        "assert 'rushlight.tensor.linalg' not in sys.modules\n"
        "Own = type('Own', (torch.Tensor,), {}) if 'Own' in USE else None\n"
        "if Own: Own.inverse = lambda self: super(Own, self).inverse()\n"
        f"print({use})"
    ).replace("USE", repr(use))
    assert python(code).strip() == "[[1.0, 0.0], [0.0, 1.0]]"


def test_names_of_rare_families_are_listed() -> None:
    code = "import rushlight as torch; print({'fft', 'linalg', 'svd', 'stft'} <= {*dir(torch)}, 'inverse' in dir(torch.Tensor))"
    assert python(code).split() == ["True", "True"]


def test_runs_without_llvmlite() -> None:
    code = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "import rushlight as torch\n"
        "x = torch.ones(2, 2, requires_grad=True); (x @ x).sum().backward(); print(x.grad.tolist())"
    )
    assert python(code).strip() == "[[4.0, 4.0], [4.0, 4.0]]"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy of the source so that nothing is left in the tree."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "rushlight", source / "rushlight", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run(
        [*command, "--wheel-dir", str(target), str(source)], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert Path(str(wheel.filename)).stat().st_size < WHEEL_BYTES


def test_wheel_holds_what_runs(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if name.startswith("rushlight/")}
    tracked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "rushlight").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == tracked
    assert not [name for name in wheel.namelist() if name.startswith(("tests/", "bench/", "docs/"))]
