"""The programs under examples/ learn the same in Rushlight as in PyTorch: losses, what they print, the files they leave."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ..samples import cifar_like

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("run_examples.py")
ENGINES = {"PyTorch": ("-m", "tests.samples.with_pytorch"), "Rushlight": ("-m", "rushlight")}

# A few steps at small sizes. Sampling, search and evaluation at the end are run too.
ARGUMENTS = {
    "mlp_regression": "--steps 5 --samples 400",
    "lenet_cifar10": "--steps 4",
    "resnet_cifar10": "--steps 3 --blocks 1 --batch-size 16",
    "vae": "--steps 4 --images 200 --batch-size 32 --hidden 64",
    "dcgan": "--steps 2 --images 32 --batch-size 16 --width 8 --latent 16",
    "unet_segmentation": "--steps 3 --images 40 --size 32 --width 8 --batch-size 4",
    "char_rnn": "--steps 3 --hidden 32 --length 20 --batch-size 8 --write 10",
    "lstm_language_model": "--steps 4 --width 32 --length 10 --write 5",
    "seq2seq_attention": "--steps 3 --sentences 200 --test 3 --width 32 --batch-size 16 --beam 3",
    "transformer_translation": "--steps 3 --sentences 200 --test 4 --width 32 --batch-size 16",
    "gpt": "--steps 3 --context 32 --width 48 --layers 2 --batch-size 4 --write 5",
    "vit_cifar10": "--steps 3 --layers 1 --width 32 --batch-size 16",
    "gcn": "--steps 6 --nodes 200",
    "word2vec": "--steps 4 --width 16 --batch-size 64",
    "ddpm": "--steps 2 --images 64 --batch-size 16 --width 8 --times 4 --samples 8",
    "siamese": "--steps 3 --images 100 --pairs 60 --batch-size 8",
    "style_transfer": "--steps 2 --evaluations 3 --size 32 --style-layers 0 1 --content-layer 1",
    "neural_ode": "--steps 3 --points 200 --length 4",
    "forecasting": "--steps 3 --hours 2600 --width 8 --layers 3",
}
NEED_GYMNASIUM = {
    "reinforce": "--steps 3",
    "ppo": "--steps 6 --players 2 --length 16 --batch-size 16 --hidden 16",
}

# Sums in another order differ by some 1e-7 of a loss, and a few steps make a few hundred times that of it.
CLOSE = 1e-4
# Adam's first step is the learning rate times the sign of each gradient (nearly): a gradient that is rounding alone goes either way.
CLOSE_BEHIND_SIGNS = 2e-3
TOLERANCES = {"dcgan": CLOSE_BEHIND_SIGNS}

NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]\d+)?")


def run(programs: dict[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """What all programs did, for each engine, both of which run at the same time; the files of each lie in a folder of its name."""
    processes = {}
    words = json.dumps([[name, arguments.split()] for name, arguments in programs.items()])
    for engine, options in ENGINES.items():
        cifar_like.write(folder / engine / "data", images_per_batch=40, test_images=40)
        processes[engine] = subprocess.Popen(
            [sys.executable, "-W", "ignore", *options, str(RUNNER), words],
            cwd=folder / engine,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    for engine, process in processes.items():
        _, complaint = process.communicate(timeout=600)
        assert process.returncode == 0, f"{engine}: {complaint}"
    return {engine: json.loads((folder / engine / "examples.json").read_text()) for engine in ENGINES}


def tensors(value: Any, path: str = "") -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by their place in it."""
    if isinstance(value, torch.Tensor):
        return {path: value}
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    return {place: tensor for key, part in entries for place, tensor in tensors(part, f"{path}.{key}").items()}


def check(programs: dict[str, str], folder: Path) -> None:
    found = run(programs, folder)
    for name in programs:
        ours, theirs = found["Rushlight"][name], found["PyTorch"][name]
        assert "failed" not in theirs, f"{name} in PyTorch: {theirs['failed']}"
        assert "failed" not in ours, f"{name} in Rushlight: {ours['failed']}"
        assert len(ours["losses"]) >= 2 and all(map(math.isfinite, theirs["losses"])), f"{name}: {theirs['losses']}"
        assert ours["losses"] == pytest.approx(theirs["losses"], rel=TOLERANCES.get(name, CLOSE)), name
        assert NUMBER.sub("#", ours["printed"]) == NUMBER.sub("#", theirs["printed"]), name
    files = [{path.name for path in (folder / engine).iterdir()} for engine in ENGINES]
    assert files[0] == files[1]
    for name in sorted(files[0]):
        if name.endswith(".pt"):  # PyTorch reads what Rushlight wrote
            theirs, ours = (tensors(torch.load(folder / engine / name)) for engine in ENGINES)
            assert {place: (t.shape, t.dtype) for place, t in ours.items()} == {
                place: (t.shape, t.dtype) for place, t in theirs.items()
            }, name


def test_each_program_has_a_run() -> None:
    programs = {path.stem for path in (ROOT / "examples").glob("*.py") if "def main(" in path.read_text()}
    assert programs == set(ARGUMENTS) | set(NEED_GYMNASIUM)


def test_examples_learn_the_same(tmp_path: Path) -> None:
    check(ARGUMENTS, tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("gymnasium") is None, reason="gymnasium is not installed")
def test_reinforcement_learning_is_the_same(tmp_path: Path) -> None:
    check(NEED_GYMNASIUM, tmp_path)


def test_made_images_stand_in_for_cifar10(tmp_path: Path) -> None:
    """`--made` needs no data; it is all that makes a program do without: where CIFAR-10 is missing, that is said."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "rushlight",
        str(ROOT / "examples" / "lenet_cifar10.py"),
        "--steps",
        "2",
    ]
    nowhere = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "all")}
    environment = {**os.environ, **nowhere, "no_proxy": "", "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [*command, "--made"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert made.returncode == 0, made.stderr
    assert "accuracy on 2000 test images" in made.stdout
    missing = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert missing.returncode != 0 and "CIFAR" in missing.stderr.upper()
