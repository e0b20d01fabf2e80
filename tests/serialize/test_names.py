"""The names that files know our classes by are PyTorch's, and lead back."""

from __future__ import annotations

import importlib

import pytest
import torch

import rushlight
from rushlight.dtype import ALL
from rushlight.serialize.names import DTYPE_GLOBALS, STORAGE_GLOBALS, find_ours, name_in_file, pytorch_module

from .standin import DTYPES


def public_classes(ours, theirs) -> list[str]:
    return sorted(
        name
        for name in dir(ours)
        if isinstance(getattr(ours, name), type) and isinstance(getattr(theirs, name, None), type) and name[0].isupper()
    )


@pytest.mark.parametrize("package", ["nn", "optim", "optim.lr_scheduler"])
def test_classes_stand_in_files_under_pytorchs_names(package):
    ours, theirs = importlib.import_module(f"rushlight.{package}"), importlib.import_module(f"torch.{package}")
    names = public_classes(ours, theirs)
    assert len(names) > 10
    for name in names:
        found, expected = getattr(ours, name), getattr(theirs, name)
        known = name_in_file(found, name)
        assert known is not None, name
        assert getattr(importlib.import_module(known.module), known.name) is expected, repr(known)
        assert find_ours(expected.__module__, expected.__qualname__) is found


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_values_stand_in_files_under_pytorchs_names():
    for ours, theirs in zip(ALL, DTYPES, strict=True):
        known = DTYPE_GLOBALS[ours]
        assert getattr(importlib.import_module(known.module), known.name) is theirs
    for ours, known in STORAGE_GLOBALS.items():
        assert getattr(torch, known.name).dtype is getattr(torch, ours.name)
    assert repr(name_in_file(rushlight.Size, "Size")) == "torch.Size"
    assert repr(name_in_file(rushlight.Tensor, "Tensor")) == "torch.Tensor"


def test_names_that_lead_nowhere():
    assert find_ours("torch.nn.modules.linear", "Nothing") is None
    assert find_ours("torch.no.such.module", "Linear") is None
    assert pytorch_module("numpy") is None and pytorch_module("rushlighter") is None
    assert name_in_file(importlib.import_module, "import_module") is None
    assert name_in_file(find_ours, "another_name") is None
