"""`python -m rushlight demo`, as a user runs it: on CIFAR-10, without it, and ended early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from . import cifar_like

ROOT = Path(__file__).resolve().parents[2]
# No test downloads anything: every request goes to a port where nobody listens.
NOWHERE = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "HTTP", "HTTPS", "all", "ALL")}


def start(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rushlight", "demo", *options],
        cwd=folder,
        env={**os.environ, **NOWHERE, "PYTHONPATH": str(ROOT), "no_proxy": "", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def accuracies(output: str) -> list[float]:
    lines = [line for line in output.splitlines() if "test accuracy" in line and line.startswith("epoch")]
    return [float(line.rpartition(" ")[2].rstrip("%")) for line in lines]


def check_files(picture: Path) -> None:
    with Image.open(picture) as image:
        assert image.format == "PNG" and image.size == (1500, 1000)
        assert len(image.convert("RGB").getcolors(1_500_000)) > 100
    weights = torch.load(picture.with_suffix(".pt"))
    assert weights["conv2.weight"].shape == (16, 6, 5, 5) and len(weights) == 10


@pytest.mark.parametrize("how", ["--data", "RUSHLIGHT_DATA", "./data"])
def test_cifar10(tmp_path: Path, how: str) -> None:
    cifar_like.write(tmp_path / "data" if how == "./data" else tmp_path / "elsewhere", images_per_batch=40)
    options = ["--epochs", "2", "--out", "made/picture.png", *(["--data", "elsewhere"] if how == "--data" else [])]
    demo = start(tmp_path, *options, **({how: "elsewhere"} if how == "RUSHLIGHT_DATA" else {}))
    output, progress = demo.communicate(timeout=200)
    assert demo.returncode == 0, progress
    assert output.startswith("CIFAR-10: 200 images to learn from, 200 to test on")
    assert len(accuracies(output)) == 2
    assert "made/picture.png" in output.splitlines()[-1]
    assert all(word in progress for word in ("epoch 2/2", "loss", "accuracy", "images/s"))
    check_files(tmp_path / "made" / "picture.png")


def test_without_cifar10_it_says_so_and_learns_digits(tmp_path: Path) -> None:
    demo = start(tmp_path, "--epochs", "4")
    output, progress = demo.communicate(timeout=200)
    assert demo.returncode == 0, progress
    (reason,) = [line for line in output.splitlines() if line.startswith("no CIFAR-10")]
    assert "handwritten digits" in reason
    assert accuracies(output)[-1] > 85
    check_files(tmp_path / "rushlight-demo.png")


def test_the_tutorials_recipe(tmp_path: Path) -> None:
    cifar_like.write(tmp_path / "data", images_per_batch=20)
    demo = start(tmp_path, "--recipe", "tutorial", "--seed", "3")
    output, progress = demo.communicate(timeout=200)
    assert demo.returncode == 0, progress
    assert len(accuracies(output)) == 10


def test_interrupt_keeps_what_was_learnt(tmp_path: Path) -> None:
    cifar_like.write(tmp_path / "data", images_per_batch=400)
    demo = start(tmp_path, "--epochs", "500")
    assert demo.stderr is not None
    while "0/2000" not in demo.stderr.readline(200):  # the bar of the first epoch stands
        assert demo.poll() is None
    time.sleep(1)
    demo.send_signal(signal.SIGINT)
    output, progress = demo.communicate(timeout=200)
    assert demo.returncode == 0, progress
    assert "Traceback" not in progress
    assert "ended by Ctrl-C after" in output
    check_files(tmp_path / "rushlight-demo.png")


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    for options in (["--recipe", "none"], ["--epochs", "0"]):
        demo = start(tmp_path, *options)
        _, progress = demo.communicate(timeout=60)
        assert demo.returncode == 2 and "usage:" in progress


def test_a_broken_cifar10_is_not_passed_over(tmp_path: Path) -> None:
    cifar_like.write(tmp_path / "data", images_per_batch=20)
    (tmp_path / "data" / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"not a batch")
    demo = start(tmp_path)
    output, progress = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert progress.startswith("demo: ") and "data_batch_3" in progress and "digits" not in output
