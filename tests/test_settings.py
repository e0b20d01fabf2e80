"""Settings of the process against PyTorch's, each put back afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import rushlight
from rushlight import settings
from rushlight.ir.contraction import blas

from .both import Program, check, warned


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = rushlight.get_num_threads()
    yield
    for library in (rushlight, torch):
        library.use_deterministic_algorithms(False)
        library.set_float32_matmul_precision("highest")
        library.set_default_dtype(library.float32)
        library.set_default_device(None)
    rushlight.set_num_threads(before)
    torch.set_num_threads(1)


def determinism(t: Any) -> Any:
    return (
        t.are_deterministic_algorithms_enabled(),
        t.is_deterministic_algorithms_warn_only_enabled(),
        t.get_deterministic_debug_mode(),
    )


def after(step: Any) -> Program:
    def program(t: Any) -> Any:
        return step(t), determinism(t)

    return program


PROGRAMS: dict[str, Program] = {
    "at first": determinism,
    "deterministic": after(lambda t: t.use_deterministic_algorithms(True)),
    "warn only": after(lambda t: t.use_deterministic_algorithms(True, warn_only=True)),
    "off": after(lambda t: t.use_deterministic_algorithms(False, warn_only=True)),
    "mode by name": after(lambda t: t.set_deterministic_debug_mode("error")),
    "mode by number": after(lambda t: t.set_deterministic_debug_mode(1)),
    "mode unknown": lambda t: t.set_deterministic_debug_mode("loud"),
    "mode too great": lambda t: t.set_deterministic_debug_mode(7),
    "mode of another type": lambda t: t.set_deterministic_debug_mode(None),
    "no bool": lambda t: t.use_deterministic_algorithms(1),
    "no threads": lambda t: t.set_num_threads(0),
    "a fraction of threads": lambda t: t.set_num_threads(1.5),
    "threads": lambda t: (t.set_num_threads(1), t.get_num_threads(), t.set_num_threads(2), t.get_num_threads()),
    "no interop threads": lambda t: t.set_num_interop_threads(0),
    "precision": lambda t: (
        t.get_float32_matmul_precision(),
        t.set_float32_matmul_precision("high"),
        t.get_float32_matmul_precision(),
    ),
    "precision of another type": lambda t: t.set_float32_matmul_precision(1),
    "device": lambda t: (t.get_default_device(), t.set_default_device("cpu"), t.get_default_device(), t.ones(1).device),
    "no device": lambda t: (t.set_default_device(None), t.set_default_device(t.device("cpu")), t.get_default_device()),
    "tensor type": lambda t: (t.set_default_tensor_type("torch.DoubleTensor"), t.tensor(0.5), t.get_default_dtype()),
    "tensor type, class": lambda t: (t.set_default_tensor_type(t.HalfTensor), t.get_default_dtype()),
    "tensor type of integers": lambda t: t.set_default_tensor_type("torch.LongTensor"),
    "tensor type elsewhere": lambda t: t.set_default_tensor_type("torch.cuda.FloatTensor"),
    "no tensor type": lambda t: t.set_default_tensor_type(t.float32),
    "no storage": lambda t: (t.is_storage(t.ones(1)), t.is_storage(3)),
    "typename": lambda t: (t.typename(t.ones(1)), t.typename(3), t.typename(t.nn.Linear(1, 1))),
    "version": lambda t: (t.version.cuda, t.version.hip, t.version.debug),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_settings(name: str) -> None:
    check(PROGRAMS[name])


def test_unknown_precision_warns() -> None:
    (ours,), (theirs,) = (
        warned(lambda t: t.set_float32_matmul_precision("rough"), library) for library in (rushlight, torch)
    )
    assert ours[0] == theirs[0]
    assert theirs[1].startswith(ours[1])  # PyTorch adds where in its source
    assert rushlight.get_float32_matmul_precision() == "highest"


def test_other_devices_are_refused_at_once() -> None:
    with pytest.raises(RuntimeError, match="device 'cuda' is not available"):
        rushlight.set_default_device("cuda")
    with pytest.raises(TypeError, match="'FloatTensor32' is no tensor type"):
        rushlight.set_default_tensor_type("FloatTensor32")


def test_threads_are_those_of_blas() -> None:
    """OpenBLAS starts its threads when it is told how many."""
    code = (
        "import os, rushlight as torch\n"
        "torch.set_num_threads(1); torch.ones(600, 600) @ torch.ones(600, 600)\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "torch.set_num_threads(3); (torch.ones(600, 600) @ torch.ones(600, 600)).sum().item()\n"
        "print(len(os.listdir('/proc/self/task')) - before, torch.get_num_threads())"
    )
    environment = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(rushlight.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    started, told = done.stdout.split()
    assert told == "3"
    assert int(started) == 2 or sys.platform != "linux"


def test_a_numpy_without_known_blas_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_THREAD_FUNCTIONS", (("no_such_function", "no_such_function"),))
    blas.threads.cache_clear()
    with pytest.raises(NotImplementedError, match="neither OpenBLAS nor MKL"):
        rushlight.set_num_threads(2)
    monkeypatch.undo()
    blas.threads.cache_clear()


def test_interop_threads_are_set_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings._Interop, "threads", 1)
    monkeypatch.setattr(settings._Interop, "chosen", False)
    assert rushlight.get_num_interop_threads() == 1
    rushlight.set_num_interop_threads(2)
    assert rushlight.get_num_interop_threads() == 2
    with pytest.raises(RuntimeError, match="cannot set number of interop threads"):
        rushlight.set_num_interop_threads(3)


def test_a_storage_is_what_map_location_gets(tmp_path: Path) -> None:
    rushlight.save(rushlight.ones(2), tmp_path / "one.pt")
    seen = []
    rushlight.load(tmp_path / "one.pt", map_location=lambda storage, location: seen.append(storage) or storage)
    assert [rushlight.is_storage(storage) for storage in seen] == [True]


# ---- torch.random ----


def forked(t: Any) -> Any:
    with t.random.fork_rng():
        t.random.manual_seed(3)
        inside = t.rand(2)
    return inside, t.rand(2), t.random.initial_seed()


def forked_function(t: Any) -> Any:
    @t.random.fork_rng(enabled=True)
    def drawn() -> Any:
        return t.rand(2)

    return drawn(), t.rand(2)


RANDOM: dict[str, Program] = {
    "forked": forked,
    "function": forked_function,
    "states": lambda t: (state := t.random.get_rng_state(), t.rand(1), t.random.set_rng_state(state), t.rand(1))[1:],
}


@pytest.mark.parametrize("name", RANDOM)
def test_random(name: str) -> None:
    check(RANDOM[name])


def test_a_fork_that_is_not_enabled_keeps_the_draws() -> None:
    def program(t: Any) -> Any:
        with t.random.fork_rng(enabled=False):
            first = t.rand(2)
        return first, t.rand(2)

    check(program)


def test_a_fork_ends_after_an_error_too() -> None:
    rushlight.manual_seed(0)
    expected = rushlight.rand(1).item()
    rushlight.manual_seed(0)
    with pytest.raises(KeyError), rushlight.random.fork_rng():
        rushlight.rand(5)
        raise KeyError
    assert rushlight.rand(1).item() == expected
