"""Who may import whom: the table of docs/design.md, held against the source."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .source_tree import MODULES, ROOT, Module

BOTTOM = {"absent", "dtype", "errors", "config", "fused", "late", "limits", "version"}
CORE = BOTTOM | {"generator", "ir", "kernel", "passes", "backend", "runtime", "tensor"}
NAMED = {
    "_ops",
    "autograd",
    "compiled_names",
    "__config__",
    "accelerator",
    "array_api",
    "backends",
    "amp",
    "compiler",
    "cpu",
    "cuda",
    "distributed",
    "futures",
    "hub",
    "jit",
    "library",
    "multiprocessing",
    "overrides",
    "types",
    "_dynamo",
    "fx",
    "onnx",
    "symbolic",
    "_subclasses",
    "_tensor_str",
    "func",
    "masked",
    "settings",
    "sparse",
    "storage",
    "testing",
    "torch_version",
    "utils",
}  # packages that PyTorch's users know, and little more
PUBLIC = CORE | NAMED | {"nn", "optim", "data", "distributions", "vision", "serialize", "rushlight"}

# unit -> the units it may import besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "absent": {"errors"},
    "version": set(),
    "late": set(),
    "config": {"errors"},
    "dtype": {"errors"},
    "fused": set(),
    "limits": {"dtype", "errors"},
    "generator": BOTTOM,
    "ir": BOTTOM,
    "kernel": BOTTOM | {"ir"},
    "passes": BOTTOM | {"ir", "kernel"},
    "backend": BOTTOM | {"ir", "kernel"},
    "runtime": BOTTOM | {"ir", "kernel", "passes", "backend"},
    "tensor": BOTTOM | {"generator", "ir", "passes", "runtime"},
    "futures": set(),
    "distributed": CORE | {"autograd", "futures"},
    "nn": CORE | {"autograd", "backends", "distributed"},
    "optim": CORE | {"nn", "sparse"},
    "distributions": CORE | {"autograd", "nn"},
    "serialize": CORE | {"storage"},
    "sparse": CORE,
    "autograd": CORE,
    "data": CORE,
    "vision": CORE | {"data", "hub", "nn", "serialize"},
    "func": CORE | {"nn"},
    "masked": CORE,
    "signal": CORE,
    "utils": CORE | {"data", "nn"},
    "multiprocessing": CORE | {"nn"},
    "compiler": CORE | {"nn", "optim"},
    "overrides": CORE | {"nn"},
    "backends": BOTTOM,
    "__config__": CORE | {"settings"},
    "accelerator": CORE,
    "amp": CORE,
    "cpu": CORE | {"amp"},
    "cuda": CORE | {"amp"},
    "hub": CORE | {"serialize"},
    "jit": CORE | {"futures", "nn"},
    "_ops": CORE | {"autograd"},
    "compiled_names": CORE | {"nn", "settings"},
    "library": BOTTOM | {"_ops"},
    "types": CORE,
    "onnx": BOTTOM,
    "symbolic": CORE,
    "_subclasses": CORE,
    "_tensor_str": CORE,
    "_dynamo": CORE | {"compiler"},
    "array_api": PUBLIC,
    "settings": CORE,
    "storage": CORE,
    "torch_version": BOTTOM,
    "fx": CORE | {"alias"},
    "testing": CORE,
    "debug": PUBLIC,
    "profiler": CORE | {"debug"},
    "memory": CORE | {"debug"},
    "alias": PUBLIC,
    "demo": PUBLIC,
    "__main__": PUBLIC | {"alias"},
    "rushlight": PUBLIC | {"alias"},
}

# Third parties: where each may be imported. NumPy may be everywhere.
THIRD_PARTY = {
    "llvmlite": {"backend"},
    "PIL": {"vision", "utils"},
    "tqdm": {"vision", "demo"},
    "matplotlib": {"demo"},
    "safetensors": {"serialize"},
    "tensorboard": {"utils"},
    "google": {"utils"},  # protocol buffers, which come with tensorboard
}


def top_level(name: str) -> str:
    return name.partition(".")[0]


def test_every_package_is_in_the_table_and_in_the_design() -> None:
    units = {module.unit for module in MODULES}
    assert units <= set(MAY_IMPORT)
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in design.splitlines() if line.startswith("|"))
    named = set(re.findall(r"[a-z_]+", table))
    missing = {unit for unit in units if unit not in named} - {"rushlight", "__main__"}
    assert not missing, f"docs/design.md's table does not say what these are: {sorted(missing)}"


def upward_imports(module: Module) -> list[str]:
    allowed = MAY_IMPORT[module.unit] | {module.unit}
    wrong = []
    for line, name in module.imported_modules():
        if top_level(name) != "rushlight":
            continue
        unit = name.split(".")[1] if "." in name else "rushlight"
        if unit not in allowed:
            wrong.append(f"{module.where}:{line} imports {name}; {module.unit} may not import {unit}")
    return wrong


def inner_imports(module: Module) -> list[str]:
    return [
        f"{module.where}:{line} in {function.name}"
        for function in module.facts.functions
        for line, *_ in module.facts.imports
        if function.first <= line <= function.last
    ]


def strangers(module: Module) -> list[str]:
    wrong = []
    for line, name in module.imported_modules():
        top = top_level(name)
        if top in sys.stdlib_module_names or top in ("numpy", "rushlight"):
            continue
        if module.unit not in THIRD_PARTY.get(top, set()):
            wrong.append(f"{module.where}:{line} imports {name}")
    return wrong


def test_imports_point_downwards() -> None:
    assert not [wrong for module in MODULES for wrong in upward_imports(module)]


def test_imports_stand_at_the_top_of_the_file() -> None:
    assert not [wrong for module in MODULES for wrong in inner_imports(module)]


def test_third_parties_stay_where_they_are_needed() -> None:
    assert not [wrong for module in MODULES for wrong in strangers(module)]


def test_the_checks_see_wrong_imports(tmp_path: Path) -> None:
    path = tmp_path / "graph.py"
    path.write_text("from ..tensor import printing\ndef f():\n    import torch\n")
    module = Module(path, "rushlight.ir.graph")
    assert len(upward_imports(module)) == len(inner_imports(module)) == len(strangers(module)) == 1
    assert "ir may not import tensor" in upward_imports(module)[0]
