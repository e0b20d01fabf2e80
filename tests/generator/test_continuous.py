"""Uniform, normal, exponential, Cauchy and log-normal draws, bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rushlight.dtype import BY_NAME, decode, dtype
from rushlight.generator import Engine, continuous

from .crafted import SINGLE_RADIUS, normals_of_uniforms
from .twin import COMPLEX, INTEGER, REAL, Twin, both, same_bits, stored

SIZES = [*range(101), 127, 128, 129, 623, 624, 625, 1000, 1023, 1024, 1025, 16 * 1024, 16 * 1024 + 7]
SHAPES = [(), (0,), (3, 5), (4, 4), (2, 3, 4), (0, 3), (17, 1)]

# name -> our function, the method of PyTorch's tensors, and parameters to try
IN_PLACE: dict[str, tuple[Callable[..., np.ndarray], str, list[tuple[float, ...]]]] = {
    "uniform": (continuous.uniform, "uniform_", [(-0.3, 1.1), (-1 / 3, 1 / 3), (0.0, 1e-40), (2.0, 2.0), (-1e4, 5e4)]),
    "normal": (continuous.normal, "normal_", [(0.3, 0.7), (0.0, 0.02), (-5.0, 0.0), (1e-3, 1e4)]),
    "log_normal": (continuous.log_normal, "log_normal_", [(1.0, 2.0), (0.3, 0.7), (0.0, 300.0)]),
    "exponential": (continuous.exponential, "exponential_", [(1.0,), (1.3,), (1e39,), (float("inf"),)]),
    "cauchy": (continuous.cauchy, "cauchy_", [(0.0, 1.0), (0.3, 0.7), (-1e3, 1e-2)]),
}
CASES = [(name, parameters) for name, (_, _, tried) in IN_PLACE.items() for parameters in tried]


@pytest.mark.parametrize("name", [*REAL, *COMPLEX])
@pytest.mark.parametrize("seed", [0, 1, 2**40 + 3])
def test_rand_and_randn(name: str, seed: int) -> None:
    kind, torch_kind = both(name)
    twin = Twin(seed)
    for size in SIZES:
        twin.check(
            lambda e, n=size: continuous.uniform(e, (n,), kind),
            lambda g, n=size: torch.rand(n, dtype=torch_kind, generator=g),
        )
        twin.check(
            lambda e, n=size: continuous.normal(e, (n,), kind),
            lambda g, n=size: torch.randn(n, dtype=torch_kind, generator=g),
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: tuple[int, ...]) -> None:
    kind, torch_kind = both("float32")
    for function, method, tried in IN_PLACE.values():
        Twin(5).check(
            lambda e, f=function, p=tried[0]: f(e, shape, kind, *p),
            lambda g, m=method, p=tried[0]: getattr(torch.empty(shape, dtype=torch_kind), m)(*p, generator=g),
        )


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(("draw", "parameters"), CASES, ids=str)
def test_parameters(draw: str, parameters: tuple[float, ...], name: str) -> None:
    kind, torch_kind = both(name)
    function, method, _ = IN_PLACE[draw]
    twin = Twin(8)
    for size in (*range(40), 100, 3001):
        twin.check(
            lambda e, n=size: function(e, (n,), kind, *parameters),
            lambda g, n=size: getattr(torch.empty(n, dtype=torch_kind), method)(*parameters, generator=g),
        )


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_complex_parameters(draw: str, name: str) -> None:
    kind, torch_kind = both(name)
    function, method, _ = IN_PLACE[draw]
    twin = Twin(8)
    for size in (1, 7, 8, 9, 100):
        twin.check(
            lambda e, n=size: function(e, (n,), kind, -0.3, 1.1),
            lambda g, n=size: getattr(torch.empty(n, dtype=torch_kind), method)(-0.3, 1.1, generator=g),
        )


@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("draw", IN_PLACE)
def test_many(draw: str, name: str) -> None:
    kind, torch_kind = both(name)
    function, method, tried = IN_PLACE[draw]
    Twin(99).check(
        lambda e: function(e, (400_003,), kind, *tried[1]),
        lambda g: getattr(torch.empty(400_003, dtype=torch_kind), method)(*tried[1], generator=g),
    )


def test_millions_of_normals() -> None:
    kind, torch_kind = both("float32")
    for seed in (0, 12345):
        Twin(seed).check(
            lambda e: continuous.normal(e, (3_000_000,), kind), lambda g: torch.randn(3_000_000, generator=g)
        )


# A uniform has 24 bits. Taking each 61st of them, and all at either end, shows the polynomials of the logarithm and
# of sine and cosine to be the ones PyTorch has; all 2**24 have been compared once in the same way.
GRID = np.unique(np.concatenate([np.arange(0, 1 << 24, 61), np.arange(5000), np.arange((1 << 24) - 5000, 1 << 24)]))


@pytest.mark.parametrize("which", ["radius", "angle"])
def test_normals_of_chosen_uniforms(which: str) -> None:
    words = GRID[: len(GRID) // 8 * 8].reshape(-1, 8).astype(np.uint32)
    constant = np.full_like(words, 0 if which == "radius" else SINGLE_RADIUS)
    blocks = np.stack([words, constant] if which == "radius" else [constant, words], axis=1)
    ours, theirs = normals_of_uniforms(blocks)
    assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))
    if which == "angle":  # the radius is 1 then
        assert np.abs(theirs).max() == 1
        assert len(np.unique(theirs)) > len(GRID) // 4


@pytest.mark.parametrize("name", REAL)
def test_normals_of_a_tensor_that_is_not_contiguous(name: str) -> None:
    kind, torch_kind = both(name)
    twin = Twin(3)
    for size in (1, 2, 15, 16, 17, 301):
        twin.check(
            lambda e, n=size: continuous.normal(e, (n,), kind, 0.3, 0.7, contiguous=n == 1),
            lambda g, n=size: torch.empty(2 * n, dtype=torch_kind)[::2].normal_(0.3, 0.7, generator=g),
        )


def around(name: str, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return (torch.rand(5, 8, generator=generator) - 0.5).to(getattr(torch, name)), torch.rand(
        8, generator=generator
    ).to(getattr(torch, name))


@pytest.mark.parametrize("name", REAL)
def test_normal_around(name: str) -> None:
    kind, _ = both(name)
    mean, std = around(name, torch.Generator().manual_seed(0))
    arrays = [decode(stored(part), kind) for part in (mean, std)]
    twin = Twin(21)
    twin.check(
        lambda e: continuous.normal_around(e, (5, 8), kind, *arrays), lambda g: torch.normal(mean, std, generator=g)
    )
    twin.check(
        lambda e: continuous.normal_around(e, (5, 8), kind, arrays[0], 0.3),
        lambda g: torch.normal(mean, 0.3, generator=g),
    )
    twin.check(
        lambda e: continuous.normal_around(e, (8,), kind, 0.3, arrays[1]),
        lambda g: torch.normal(0.3, std, generator=g),
    )


def test_normal_around_a_complex_mean() -> None:
    mean = torch.complex(torch.arange(20.0), torch.ones(20))
    Twin(2).check(
        lambda e: continuous.normal_around(e, (20,), BY_NAME["complex64"], mean.numpy(), 0.5),
        lambda g: torch.normal(mean, 0.5, generator=g),
    )


def test_normal_around_with_deviations_below_zero() -> None:
    std = np.array([1.0, -1.0, 2.0], np.float32)
    Twin().check_error(
        lambda e: continuous.normal_around(e, (3,), BY_NAME["float32"], 0.0, std),
        lambda g: torch.normal(0.0, torch.from_numpy(std), generator=g),
    )


BAD_PARAMETERS = [
    ("uniform", "float32", (1.0, 0.0)),
    ("uniform", "float32", (-3e38, 3e38)),
    ("uniform", "float32", (0.0, 1e39)),
    ("uniform", "float16", (-1e6, 0.0)),
    ("uniform", "bfloat16", (0.0, float("inf"))),
    ("uniform", "float64", (float("nan"), 1.0)),
    ("uniform", "int64", (0.0, 1.0)),
    ("normal", "float32", (0.0, -1.5)),
    ("normal", "complex64", (0.0, -1.5)),
    ("normal", "float32", (0.0, float("nan"))),
    ("log_normal", "float32", (0.0, 0.0)),
    ("log_normal", "int32", (0.0, 1.0)),
    ("log_normal", "complex64", (0.0, 1.0)),
    ("exponential", "float32", (0.0,)),
    ("exponential", "float32", (float("nan"),)),
    ("cauchy", "float32", (0.0, 0.0)),
    *(("exponential", name, (1.0,)) for name in ("int16", "bool", "complex64")),
    *(("cauchy", name, (0.0, 1.0)) for name in (*INTEGER, "uint16", "uint32", "uint64", "bool", *COMPLEX)),
    *(("normal", name, (0.0, 1.0)) for name in (*INTEGER, "uint16", "bool")),
]


@pytest.mark.parametrize(("draw", "name", "parameters"), BAD_PARAMETERS)
def test_errors(draw: str, name: str, parameters: tuple[float, ...]) -> None:
    kind, torch_kind = both(name)
    function, method, _ = IN_PLACE[draw]
    Twin().check_error(
        lambda e: function(e, (20,), kind, *parameters),
        lambda g: getattr(torch.empty(20, dtype=torch_kind), method)(*parameters, generator=g),
    )


ELSEWHERE = """
import sys, torch
assert torch.backends.cpu.get_cpu_capability() == "DEFAULT"
drawn = {}
for name in ("float32", "float64", "float16", "bfloat16"):
    generator = torch.Generator().manual_seed(17)
    for method, parameters in (("uniform_", (-0.3, 1.1)), ("normal_", (0.3, 0.7)), ("normal_", (0.0, 1.0)),
                               ("log_normal_", (0.3, 0.7)), ("cauchy_", (0.3, 0.7)), ("exponential_", (1.3,))):
        for size in (5, 16, 20001):
            tensor = torch.empty(size, dtype=getattr(torch, name))
            drawn[f"{name} {method} {parameters} {size}"] = getattr(tensor, method)(*parameters, generator=generator)
torch.save(drawn, sys.argv[1])
"""


@pytest.fixture(scope="module")
def drawn_without_avx(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """What PyTorch draws with ATEN_CPU_CAPABILITY=default, which must be set before it is imported."""
    path: Path = tmp_path_factory.mktemp("default") / "drawn.pt"
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(path)], env=environment, check=True)
    return torch.load(path)


@pytest.mark.parametrize("name", REAL)
def test_unfused(drawn_without_avx: dict[str, torch.Tensor], name: str) -> None:
    functions = {method: function for function, method, _ in IN_PLACE.values()}
    kind: dtype = BY_NAME[name]
    engine = Engine(17, fused=False)
    compared = 0
    for case, theirs in drawn_without_avx.items():
        of, method, rest = case.split(" ", 2)
        if of == name:
            parameters, size = eval(rest.rpartition(" ")[0]), int(rest.rpartition(" ")[2])
            assert same_bits(functions[method](engine, (size,), kind, *parameters), theirs), case
            compared += 1
    assert compared == 18
