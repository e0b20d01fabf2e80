"""One program run with Rushlight and with PyTorch, and what comes of it compared.

A program is a function of the library, `def program(t): return t.nn.Linear(2, 3)(t.ones(2))`; what it returns, or the
exception that it raises, must be alike: same structure, printed forms, shapes, dtypes, and values to a tolerance.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import rushlight
import rushlight.nn
import rushlight.nn.utils
import rushlight.optim

Program = Callable[[Any], Any]


class Raised:
    """An exception, by its class's name and its text, and the warnings that came before."""

    def __init__(self, error: Exception) -> None:
        self.kind = type(error).__name__
        self.text = str(error)

    def __repr__(self) -> str:
        return f"{self.kind}: {self.text}"


def run(program: Program, library: Any) -> Any:
    """The program's result, or what it raised; with seed 0 and without warnings."""
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return program(library)
        except Exception as error:
            return Raised(error)


def array(tensor: Any) -> np.ndarray:
    """A tensor's values, bfloat16 as float32."""
    plain = tensor.detach()
    return np.asarray((plain.float() if "bfloat16" in str(plain.dtype) else plain.clone()).numpy())


def assert_alike(ours: Any, theirs: Any, rtol: float = 1e-5, atol: float = 1e-6, path: str = "result") -> None:
    """Raises where the two differ in what a user sees."""
    if isinstance(theirs, Raised):
        assert isinstance(ours, Raised), f"{path}: PyTorch raises {theirs}, we give {ours!r}"
        assert ours.kind == theirs.kind, f"{path}: {ours} is not {theirs}"
        plain = ours.text.replace("rushlight.", "torch.")
        detailed = plain.startswith(theirs.text + " — ")  # ours may add shapes, the mend, the module
        assert detailed or plain == theirs.text, f"{path}: {ours} is not {theirs}"
        return
    assert not isinstance(ours, Raised), f"{path}: we raise {ours}, PyTorch gives {theirs!r}"
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, rushlight.Tensor), f"{path}: {ours!r} is not a tensor"
        assert str(ours.dtype) == str(theirs.dtype), f"{path}: {ours.dtype} is not {theirs.dtype}"
        assert tuple(ours.shape) == tuple(theirs.shape), f"{path}: {ours.shape} is not {theirs.shape}"
        assert ours.requires_grad == theirs.requires_grad, f"{path}: requires_grad is {ours.requires_grad}"
        compare_values(array(ours), array(theirs), rtol, atol, path)
    elif isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray), f"{path}: {ours!r} is not an array"
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), f"{path}: {ours!r} is not {theirs!r}"
        compare_values(ours, theirs, rtol, atol, path)
    elif isinstance(theirs, Mapping):
        assert list(ours) == list(theirs), f"{path}: {list(ours)} is not {list(theirs)}"
        for key in theirs:
            assert_alike(ours[key], theirs[key], rtol, atol, f"{path}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), f"{path}: {ours!r} is not {theirs!r}"
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_alike(one, other, rtol, atol, f"{path}[{place}]")
    elif isinstance(theirs, float):
        assert isinstance(ours, float), f"{path}: {ours!r} is not a float"
        np.testing.assert_allclose(ours, theirs, rtol, atol, err_msg=path)
    elif isinstance(theirs, (torch.dtype, torch.device)):
        assert str(ours) == str(theirs), f"{path}: {ours} is not {theirs}"
    elif isinstance(theirs, torch.nn.Module):
        assert repr(ours) == repr(theirs), f"{path}: {ours!r} is not {theirs!r}"
    else:
        assert isinstance(ours, bool) == isinstance(theirs, bool), f"{path}: {ours!r} is not {theirs!r}"
        assert ours == theirs, f"{path}: {ours!r} is not {theirs!r}"


def compare_values(ours: np.ndarray, theirs: np.ndarray, rtol: float, atol: float, path: str) -> None:
    """Integers and bools are equal; others are near each other."""
    if theirs.dtype.kind in "fc":
        np.testing.assert_allclose(ours, theirs, rtol, atol, err_msg=path)
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=path)


def check(program: Program, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Runs a program with both and compares."""
    assert_alike(run(program, rushlight), run(program, torch), rtol, atol)


def warned(program: Program, library: Any) -> list[tuple[str, str]]:
    """The classes and texts of the warnings that a program gives."""
    library.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program(library)
    return [(w.category.__name__, str(w.message)) for w in caught]


def check_warnings(program: Program) -> None:
    """Runs a program with both and compares the warnings."""
    assert warned(program, rushlight) == warned(program, torch)
