"""What `import torch` gives under the alias: Rushlight's own modules, and clear words for what is missing."""

from __future__ import annotations

import importlib.machinery
import operator
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.torch_version import TorchVersion as PytorchVersion

from rushlight.alias.missing import pytorch_names
from rushlight.alias.table import PLACES
from rushlight.torch_version import TorchVersion

ROOT = Path(__file__).resolve().parents[2]


# What the programs of this world import; the whole list of what is served is longer.
MODULES = """
torch torch.autograd torch.backends.cudnn torch.cuda torch.nn torch.nn.functional torch.nn.init torch.nn.modules.conv
torch.nn.parameter torch.nn.utils torch.nn.utils.rnn torch.optim torch.optim.lr_scheduler torch.optim.optimizer
torch.fft torch.linalg torch.random torch.serialization torch.special torch.testing torch.utils torch.utils.data
torch.utils.data.dataloader torch.utils.data.sampler torch.version torchvision torchvision.datasets
torchvision.datasets.folder torchvision.models torchvision.models.resnet torchvision.transforms
torchvision.transforms.functional torchvision.models.segmentation torchvision.ops torchvision.ops.misc
""".split()


def run(program: str, folder: Path = ROOT, *flags: str) -> subprocess.CompletedProcess[str]:
    """`program` under the alias; PyTorch itself is installed in the same environment."""
    (folder / "program.py").write_text(program)
    return subprocess.run(
        [sys.executable, *flags, "-m", "rushlight", "program.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def output(program: str, folder: Path, *flags: str) -> str:
    done = run(program, folder, *flags)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_modules_are_rushlights_own(tmp_path: Path) -> None:
    checks = "\n".join(f"import {name}\nassert sys.modules[{name!r}] is {name}, {name!r}" for name in MODULES)
    program = f"""
import sys
{checks}
import rushlight
assert torch is rushlight and torch.nn is rushlight.nn and torchvision is rushlight.vision
assert torch.utils.data is rushlight.data
assert torch.__spec__.name == "rushlight" and torch.nn.__spec__.name == "rushlight.nn"
theirs = [name for name, module in list(sys.modules.items()) if name.startswith(("torch", "torchvision"))
          and "site-packages/torch" in (getattr(module, "__file__", None) or "")]
assert not theirs, theirs
"""
    assert output(program, tmp_path, "-W", "error") == ""


def test_functions_named_as_their_module_stay_functions(tmp_path: Path) -> None:
    program = """
import torchvision
from torchvision.ops.roi_align import RoIAlign
import torchvision.ops.stochastic_depth, torchvision.models.alexnet
print(*(type(it).__name__ for it in (torchvision.ops.roi_align, torchvision.ops.stochastic_depth, torchvision.models.alexnet)))
"""
    assert output(program, tmp_path) == "function function function\n"


def test_modules_of_the_script_share_the_alias(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("from torch import nn, Tensor\nfrom torch.nn import functional as F\n")
    program = "import model, torch, rushlight\nprint(model.nn is torch.nn, model.Tensor is rushlight.Tensor)"
    assert output(program, tmp_path) == "True True\n"


MISSING = [
    ("torch.not_a_name", "AttributeError", "module 'torch' has no attribute 'not_a_name'"),
    ("torch.package", "NotThereYet", "torch.package is not in Rushlight yet"),
    ("torch.nn.CrossMapLRN2d", "NotThereYet", "torch.nn.CrossMapLRN2d is not in Rushlight yet"),
    ("torch.Tensor.lobpcg", "AttributeError", "type object 'Tensor' has no attribute 'lobpcg'"),
    ("torch.Tensor.to_mkldnn", "NotThereYet", "torch.Tensor.to_mkldnn is not in Rushlight yet"),
    ("torch.ones(2).to_mkldnn()", "NotThereYet", "torch.Tensor.to_mkldnn is not in Rushlight yet"),
    ("from torch import segment_reduce", "ImportError", "torch.segment_reduce is not in Rushlight yet"),
    ("from torch.nn import ReLU, CrossMapLRN2d", "ImportError", "torch.nn.CrossMapLRN2d is not in Rushlight yet"),
    ("import torch.package", "ModuleNotFoundError", "torch.package is not in Rushlight yet"),
    ("import torch.distributed.elastic", "ModuleNotFoundError", "torch.distributed.elastic is not in Rushlight yet"),
    ("import torch.runtime", "ModuleNotFoundError", "No module named 'torch.runtime'"),
    (
        "import torchvision.models.quantization",
        "ModuleNotFoundError",
        "torchvision.models.quantization is not in Rushlight yet",
    ),
]


def test_missing_names_say_so(tmp_path: Path) -> None:
    program = f"""
import sys, torch, torch.nn
for code in {[code for code, _, _ in MISSING]}:
    try:
        exec(code)
    except Exception as error:
        print(type(error).__name__, error, sep="|")
    else:
        print("no error:", code)
print(hasattr(torch, "package"), getattr(torch, 'package', 1), hasattr(torch, "not_a_name"), hasattr(torch.Tensor, "to_mkldnn"))
"""
    expected = [f"{kind}|{text}" for _, kind, text in MISSING]
    assert output(program, tmp_path).splitlines() == [*expected, "False 1 False False"]


def test_missing_name_ends_a_program_with_its_line(tmp_path: Path) -> None:
    done = run("import torch\n\ntorch.segment_reduce(abs)\n", tmp_path)
    assert done.returncode == 1
    report = done.stderr.splitlines()
    assert report[0] == "Traceback (most recent call last):"
    assert "program.py" in report[1] and report[1].endswith("line 3, in <module>")
    assert report[-1] == "rushlight.errors.NotThereYet: torch.segment_reduce is not in Rushlight yet"


CHILDREN = """
import multiprocessing, os, sys
import torch
from torch import nn

class Work:
    def __init__(self):
        self.parent = os.getpid()

    def __call__(self):
        import torch.nn.functional
        ours = torch.__file__.replace(os.sep, "/").endswith("rushlight/__init__.py")
        return ours and os.getpid() != self.parent, sys.modules["torch"] is sys.modules["rushlight"], __name__

def work(task):
    return task()

if __name__ == "__main__":
    os.chdir("/")
    with multiprocessing.get_context(METHOD).Pool(1) as pool:
        print(*pool.apply(work, (Work(),)))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_processes_share_the_alias(tmp_path: Path, method: str) -> None:
    main = "__main__" if method == "fork" else "__mp_main__"
    assert output(f"METHOD = {method!r}\n{CHILDREN}", tmp_path) == f"True True {main}\n"


def test_install_refuses_beside_pytorch() -> None:
    code = "import torch, rushlight.alias\nrushlight.alias.install()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("RuntimeError: torch is imported already")


def test_the_list_of_names_is_pytorchs(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.alias.list_pytorch_names", str(tmp_path / "names.txt")]
    subprocess.run(command, cwd=ROOT, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    ours = ROOT / "rushlight" / "alias" / "pytorch_names.txt"
    assert ours.read_text(encoding="utf-8").splitlines() == (tmp_path / "names.txt").read_text("utf-8").splitlines()
    assert {"softmax", "Tensor", "nn"} <= pytorch_names()["torch"]


def is_module(name: str) -> bool:
    """Whether there is such a module; nothing is imported, since `torch.utils.tensorboard` needs a package that may be missing."""
    path = None
    for end in [place for place, letter in enumerate(name) if letter == "."] + [len(name)]:
        spec = importlib.machinery.PathFinder.find_spec(name[:end], path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def test_places_name_pytorchs_modules() -> None:
    assert not is_module("torch.utils.nothing")
    for name in set(PLACES) - set(pytorch_names()):  # private modules that programs use all the same
        assert is_module(name), name


def test_the_version_is_that_of_the_interface(tmp_path: Path) -> None:
    program = """
import importlib.metadata
import torch
from torch.torch_version import TorchVersion
print(importlib.metadata.version("torch") == torch.__version__, isinstance(torch.__version__, TorchVersion))
print(torch.__version__ >= "2.13", torch.__version__ > (2, 14), torch.__version__ == "2.13.0+rushlight" + torch.version.release)
print(importlib.metadata.distribution("torchvision").metadata["Name"], "USE_CUDA=0" in torch.__config__.show())
"""
    assert output(program, tmp_path) == "True True\nTrue False True\ntorchvision True\n"


@pytest.mark.parametrize("one", ["2.13.0", "2.13", "2.13.0+cpu", "2.14.0a0", "2.14.0.dev1", "2.2", "3.0rc1", "3.0"])
def test_versions_compare_as_pytorchs(one: str) -> None:
    others = ["2.13.0", "2.13", "2.13.0+cpu", "2.14.0a0", "2.9", "3.0", (2, 13), (2, 14, 0), "not a version"]
    ours, theirs = TorchVersion(one), PytorchVersion(one)
    for other in others:
        for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq):
            assert compare(ours, other) == compare(theirs, other), (compare, one, other)
