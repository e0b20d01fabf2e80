"""Each mistake of the table raises PyTorch's class in both libraries; ours names what went wrong."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
import torch

from tests.conformance.subject import subject
from tests.samples.torchvision_oracle import torchvision

from .table import MISTAKES, Mistake


def _raised(lib: ModuleType, mistake: Mistake) -> BaseException:
    vision = torchvision if lib is torch else lib.vision
    scope = {"torch": lib, "nn": lib.nn, "F": lib.nn.functional, "T": vision.transforms}
    scope |= {name: getattr(vision, name) for name in ("models", "ops", "datasets", "utils")}
    with pytest.raises(Exception) as caught:  # noqa: B017 -- which class it is, is the question
        exec(compile(mistake.program, "<mistake>", "exec"), scope)
    return caught.value


def _is(error: BaseException, name: str) -> bool:
    return name in {c.__name__ for c in type(error).__mro__} and type(error).__name__ != "NotThereYet"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.program.strip().splitlines()[-1][:80])
def test_mistake(mistake: Mistake) -> None:
    assert _is(_raised(torch, mistake), mistake.error), "the table is wrong: PyTorch raises another class"
    error = _raised(subject, mistake)
    assert _is(error, mistake.error), f"raised {type(error).__name__}: {error}"
    for pattern in mistake.patterns:
        assert re.search(pattern, str(error), re.IGNORECASE), f"{str(error)!r} does not mention {pattern!r}"
