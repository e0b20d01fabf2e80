"""Function transforms against PyTorch's: values, structures, errors."""

from __future__ import annotations

import pytest
import torch

import rushlight
from rushlight.func import functionalize, replace_all_batch_norm_modules_
from tests.both import assert_alike, run

from .programs import BATCHES, DERIVATIVES

PROGRAMS = {**DERIVATIVES, **BATCHES}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_pytorch(name: str) -> None:
    assert_alike(run(PROGRAMS[name], rushlight), run(PROGRAMS[name], torch))


def test_a_lane_is_dead_after_its_batch() -> None:
    kept = []
    rushlight.vmap(lambda x: kept.append(x) or x)(rushlight.ones(3))
    with pytest.raises(RuntimeError, match="after vmap has ended"):
        kept[0] + 1


def test_ops_are_recorded_plainly_again_after_an_error() -> None:
    def failing(x: rushlight.Tensor) -> rushlight.Tensor:
        raise KeyError("mine")

    before = type(rushlight.ir.scalar.add).__call__
    with pytest.raises(KeyError):
        rushlight.vmap(failing)(rushlight.ones(3))
    assert type(rushlight.ir.scalar.add).__call__ is before


def test_the_function_runs_once_for_all_examples() -> None:
    runs = []
    rushlight.vmap(lambda x: runs.append(1) or x * 2)(rushlight.ones(1000, 2))
    assert len(runs) == 1


def test_statistics_of_batch_normalization_are_left_alone() -> None:
    model = rushlight.nn.Sequential(rushlight.nn.BatchNorm1d(3))
    replace_all_batch_norm_modules_(model)
    assert model[0].running_mean is None
    found = rushlight.vmap(functionalize(model))(rushlight.rand(4, 5, 3))
    assert found.shape == (4, 5, 3)
