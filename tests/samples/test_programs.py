"""PyTorch programs, unmodified, print in Rushlight what they print in PyTorch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from . import cifar_like

ROOT = Path(__file__).resolve().parents[2]
COPIES = Path(__file__).with_name("programs")
ORIGINALS = Path(os.environ.get("RUSHLIGHT_SHARED", ROOT.parent / "shared")) / "seed" / "samples"

# Which engine runs a program: the words that stand before it on the command line.
ENGINES = {"PyTorch": ("-m", "tests.samples.with_pytorch"), "Rushlight": ("-m", "rushlight")}
CIFAR10 = "04_cifar10.py"


def program(name: str) -> Path:
    """The original of a sample program where it is at hand, else the copy in this folder."""
    return ORIGINALS / name if (ORIGINALS / name).exists() else COPIES / name


def run(engine: str, path: Path, folder: Path, **environment: str) -> str:
    """What the program prints, run in `folder`."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *ENGINES[engine], str(path)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{engine}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("path", sorted(COPIES.glob("*.py")), ids=lambda path: path.name)
def test_copies_are_the_originals(path: Path) -> None:
    assert path.read_text() == program(path.name).read_text()


# PyTorch's own ways to compute on one machine: its kernels for this processor, and its oldest.
PYTORCHS = ({}, {"MKL_CBWR": "COMPATIBLE"}, {"MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "default"})
NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]\d+)?")


def unit_of_last_digit(word: str) -> float:
    """A little over 1 in the last place of a number as printed."""
    mantissa, _, exponent = word.partition("e")
    return 1.01 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


@pytest.mark.parametrize("name", sorted(path.name for path in COPIES.glob("*.py") if path.name != CIFAR10))
def test_program_prints_the_same(name: str, tmp_path: Path) -> None:
    """The same text, digit for digit; where PyTorch's own ways differ in a number's last digits, no more than they do."""
    ours = run("Rushlight", program(name), tmp_path)
    theirs = [run("PyTorch", program(name), tmp_path, **way) for way in PYTORCHS]
    assert ours.strip()
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs[0])
    for word, *words in zip(*(NUMBER.findall(text) for text in (ours, *theirs)), strict=True):
        values = [float(each) for each in words]
        slack = unit_of_last_digit(words[0]) if len(set(words)) > 1 else 0.0
        assert min(values) - slack <= float(word) <= max(values) + slack, f"{word} is not among {words}"


def epoch_losses(output: str) -> list[float]:
    """The numbers of lines such as "Epoch 1 loss: 2.303"."""
    lines = [line.split() for line in output.splitlines() if line.startswith("Epoch")]
    assert [int(words[1]) for words in lines] == list(range(1, len(lines) + 1))
    return [float(words[3]) for words in lines]


def test_cifar10_program_learns_the_same(tmp_path: Path) -> None:
    cifar_like.write(tmp_path / "data", images_per_batch=200)
    outputs = {engine: run(engine, program(CIFAR10), tmp_path, EPOCHS="3", SEED="1") for engine in ENGINES}
    ours, theirs = (epoch_losses(outputs[engine]) for engine in ("Rushlight", "PyTorch"))
    assert len(ours) == 3
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert outputs["Rushlight"].splitlines()[-1] == outputs["PyTorch"].splitlines()[-1] == "Finished Training"


@pytest.mark.parametrize("lr", ["0.001", "0.005"])
def test_cifar10_step_losses(tmp_path: Path, lr: str) -> None:
    """Each of the first 100 losses: weights, order, flips, crops and arithmetic all agree.

    At the program's own learning rate little is learnt in 100 steps; the other rate shows the gradients at work.
    """
    cifar_like.write(tmp_path / "data", images_per_batch=2000)
    source = program(CIFAR10).read_text()
    counted = "running_loss += loss.item()"
    assert source.count(counted) == source.count("lr=0.001") == 1
    source = source.replace(counted, f"{counted}; print('step', repr(loss.item()))")
    path = tmp_path / "each_step.py"
    path.write_text(source.replace("lr=0.001", f"lr={lr}"))
    losses = {}
    for engine in ENGINES:
        lines = run(engine, path, tmp_path, EPOCHS="1", SEED="0").splitlines()
        losses[engine] = [float(line.split()[1]) for line in lines if line.startswith("step")]
    assert len(losses["Rushlight"]) == 100
    assert losses["Rushlight"] == pytest.approx(losses["PyTorch"], rel=1e-4)
