"""`torch.compiler`: stances, limits, backends, and the declarations that PyTorch's compiler takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch as oracle

import rushlight as torch

from .programs import repeats

X = torch.ones(2)


def test_stances() -> None:
    f = torch.compile(lambda x: x + 1)
    refused = pytest.raises(RuntimeError, match="Detected recompile when torch.compile stance is 'fail_on_recompile'")
    with torch.compiler.set_stance("fail_on_recompile"), refused:
        f(X)
    for _ in range(3):
        f(X)
    assert repeats(f) == 1
    with torch.compiler.set_stance("fail_on_recompile"):
        assert f(X).tolist() == [2, 2]
        with pytest.raises(RuntimeError, match="Detected recompile"):
            f(X.double())
    with torch.compiler.set_stance("eager_on_recompile"):
        assert [f(X.double()).tolist() for _ in range(4)] == [[2, 2]] * 4
    assert repeats(f) == 1
    with torch.compiler.set_stance("force_eager"):
        assert [f(X.int()).tolist() for _ in range(4)] == [[2, 2]] * 4
    assert repeats(f) == 1


def test_a_stance_as_statement_and_decorator() -> None:
    f = torch.compile(lambda x: x + 1)

    @torch.compiler.set_stance("force_eager")
    def plainly(x: Any) -> Any:
        return f(x)

    for _ in range(4):
        plainly(X)
    assert repeats(f) == 0
    torch.compiler.set_stance("force_eager")
    for _ in range(4):
        f(X)
    torch.compiler.set_stance("default")
    assert repeats(f) == 0
    with pytest.raises(RuntimeError, match="invalid torch.compile stance 'eager'; it is one of default"):
        torch.compiler.set_stance("eager")
    with pytest.raises(RuntimeError, match="non-default stance cannot have force_backend set"):
        torch.compiler.set_stance("force_eager", force_backend="eager")


def test_a_limit_of_recordings() -> None:
    f = torch.compile(lambda x: x + 1, recompile_limit=1, name="add", isolate_recompiles=True, shapes_spec=None)
    with pytest.warns(UserWarning, match="has 1 recordings"):
        for size in (1, 2):
            for _ in range(4):
                f(torch.ones(size))
    assert repeats(f) == 1


def test_backends() -> None:
    assert torch.compiler.get_default_backend() == oracle.compiler.get_default_backend()
    torch.compiler.set_default_backend("nonsense")
    try:
        with pytest.raises(RuntimeError, match="Invalid backend: 'nonsense'"):
            torch.compile(lambda x: x)
    finally:
        torch.compiler.set_default_backend(None)
    assert set(torch.compiler.list_backends()) <= set(oracle.compiler.list_backends())
    assert set(torch.compiler.list_backends(None)) <= set(oracle.compiler.list_backends(None))
    with pytest.raises(TypeError, match="backend must be a string or callable"):
        torch.compiler.set_default_backend(3)


def test_declarations_leave_functions_as_they_are() -> None:
    compiler = torch.compiler
    assert compiler.allow_in_graph(abs) is abs and compiler.allow_in_graph([abs, len]) == [abs, len]
    assert compiler.assume_constant_result(abs) is abs
    assert compiler.nested_compile_region(abs) is abs and compiler.nested_compile_region()(abs) is abs
    assert not compiler.is_exporting() and not compiler.is_compiling() and compiler.save_cache_artifacts() is None
    with pytest.raises(AssertionError, match="allow_in_graph expects a callable"):
        compiler.allow_in_graph(3)
    with pytest.raises(TypeError, match="Signature mismatch"):
        compiler.substitute_in_graph(lambda a: a)(lambda b: b)
    with pytest.raises(torch.NotThereYet, match="torch.compiler.skip_guard_on_globals_unsafe is not in Rushlight yet"):
        compiler.skip_guard_on_globals_unsafe  # noqa: B018


def test_wrap_numpy() -> None:
    def halves(x: np.ndarray, y: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        return x / 2, y["a"] / 2

    for lib in (torch, oracle):
        first, second = lib.compiler.wrap_numpy(halves)(lib.ones(2), y={"a": lib.arange(2)})
        assert isinstance(first, lib.Tensor) and first.tolist() == [0.5, 0.5] and second.tolist() == [0, 0.5]
