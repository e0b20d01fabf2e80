"""Compares nested values of Rushlight with PyTorch's: same structure, same types, same dtypes, same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import rushlight


def array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().numpy())


def assert_same(ours: Any, theirs: Any, path: str = "value") -> None:
    """Raises where the two differ in anything a user could see."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, rushlight.Tensor), f"{path}: {type(ours)} is not a tensor"
        assert str(ours.dtype) == str(theirs.dtype), f"{path}: {ours.dtype} is not {theirs.dtype}"
        assert tuple(ours.shape) == tuple(theirs.shape), f"{path}: shape {ours.shape} is not {theirs.shape}"
        np.testing.assert_array_equal(array(ours), array(theirs), err_msg=path)
    elif isinstance(theirs, Mapping):
        assert type(ours) is type(theirs) and list(ours) == list(theirs), f"{path}: {ours!r} is not {theirs!r}"
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{path}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) or hasattr(theirs, "_fields"), f"{path}: {type(ours)} is not {type(theirs)}"
        assert len(ours) == len(theirs), f"{path}: {len(ours)} elements are not {len(theirs)}"
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{path}[{i}]")
    elif isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray) and ours.dtype == theirs.dtype, path
        np.testing.assert_array_equal(ours, theirs, err_msg=path)
    else:
        assert type(ours) is type(theirs) and ours == theirs, f"{path}: {ours!r} is not {theirs!r}"


def seeded(library: Any, seed: int, function: Callable[[], Any]) -> tuple[Any, Any]:
    """What `function` gives after seeding, and the draws that follow: equal only if it drew the same number of
    times."""
    library.manual_seed(seed)
    result = function()
    return result, library.randint(0, 1 << 30, (4,))
