"""`rushlight.array_api` by itself; `make array-api` runs the standard's own tests."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as torch
from rushlight import array_api as xp

KINDS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split()


def test_every_name_is_there_and_says_what_it_does() -> None:
    for module in (xp, xp.linalg, xp.fft):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                assert value.__doc__ and inspect.signature(value).return_annotation is not inspect.Signature.empty, name


def test_tensors_name_their_namespace() -> None:
    x = torch.ones(2)
    assert x.__array_namespace__() is xp and x.__array_namespace__(api_version="2022.12") is xp
    with pytest.raises(ValueError, match=r"1999\.12"):
        x.__array_namespace__(api_version="1999.12")
    assert x.to_device("cpu").device == torch.device("cpu") and x.__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("one", KINDS)
def test_promotion_is_numpys(one: str) -> None:
    """NumPy follows the standard's table, and goes on where the standard says nothing: an integer with a float."""
    for other in KINDS:
        pair = getattr(xp, one), getattr(xp, other)
        expected = np.result_type(one, other).name
        mixed = ("int" in one) != ("int" in other) and "bool" not in (one, other)
        if mixed:  # PyTorch's: the float's
            expected = other if "int" in one else one
        if "uint64" in (one, other) and (one.startswith("int") or other.startswith("int")):  # nothing holds both
            with pytest.raises(RuntimeError, match="Promotion"):
                xp.result_type(*pair)
            assert not xp.can_cast(*pair)
            continue
        assert str(xp.result_type(*pair)) == f"torch.{expected}", (one, other)
        assert xp.can_cast(*pair) == (expected == other)
        zero_dimensional = (
            xp.add(xp.ones((), dtype=pair[0]), xp.ones(2, dtype=pair[1])) if "bool" not in (one, other) else None
        )
        if zero_dimensional is not None:
            assert zero_dimensional.dtype is xp.result_type(*pair)


shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3)


@settings(max_examples=30, deadline=None)
@given(shapes, st.data())
def test_folds_are_numpys(shape: list[int], data: st.DataObject) -> None:
    values = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 5, shape).astype(np.uint8)
    axis = data.draw(st.sampled_from([None, 0, -1, tuple(range(len(shape)))]))
    keepdims = data.draw(st.booleans())
    x = xp.asarray(values)
    for name in ("sum", "prod", "max", "min", "all", "any"):
        ours, theirs = (
            getattr(xp, name)(x, axis=axis, keepdims=keepdims),
            getattr(np, name)(values, axis=axis, keepdims=keepdims),
        )
        assert str(ours.dtype) == f"torch.{theirs.dtype}" and np.array_equal(ours.numpy(), theirs), (name, axis)
    for name in ("mean", "std", "var"):
        ours = getattr(xp, name)(x.to(xp.float64), axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(ours.numpy(), getattr(np, name)(values, axis=axis, keepdims=keepdims), rtol=1e-12)
    found = xp.unique_all(x)
    for ours, theirs in zip(found, np.unique_all(values), strict=True):
        assert np.array_equal(ours.numpy(), theirs)


SPECIAL = [0.0, -0.0, 1.5, -1.5, np.inf, -np.inf, np.nan]


def test_division_at_its_ends() -> None:
    """What differs from PyTorch: quotients of infinities, and the sign of a remainder that is zero."""
    left, right = (xp.asarray(SPECIAL, dtype=xp.float64)[:, None], xp.asarray(SPECIAL, dtype=xp.float64)[None])
    a, b = np.meshgrid(SPECIAL, SPECIAL, indexing="ij")
    with np.errstate(all="ignore"):
        quotient, rest = np.floor_divide(a, b), np.remainder(a, b)
        endless = np.isinf(a) | np.isinf(b)
        quotient = np.where(endless, a / b, quotient)
    np.testing.assert_array_equal(xp.floor_divide(left, right).numpy(), quotient)
    np.testing.assert_array_equal(xp.remainder(left, right).numpy()[~endless], rest[~endless])
    zeros = xp.remainder(xp.asarray([-0.0, 0.0, 3.0]), xp.asarray([2.0, -2.0, -3.0]))
    assert xp.signbit(zeros).tolist() == [False, True, True]
    assert xp.expm1(xp.asarray([complex(-np.inf, np.nan)])).tolist() == [-1 + 0j]
    assert xp.isnan(xp.sign(xp.asarray([np.nan, -2.0]))).tolist() == [True, False]


def test_linear_algebra_and_gradients() -> None:
    a = xp.asarray([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]]], dtype=xp.float64)
    b = xp.asarray([[1.0, 2.0], [3.0, 4.0]], dtype=xp.float64)
    assert xp.linalg.solve(a, b).shape == (2, 2, 2)  # a matrix for each, not a vector for each
    assert xp.linalg.solve(a, b[0]).shape == (2, 2)
    assert float(xp.linalg.vector_norm(b)) == pytest.approx(30**0.5) and xp.linalg.vector_norm(b, axis=0).shape == (2,)
    assert float(xp.linalg.trace(a[0])) == 5 and xp.vecdot(b, b).tolist() == [5.0, 25.0]
    assert xp.fft.irfft(xp.fft.rfft(b, axis=0), n=2, axis=0).tolist() == b.tolist()
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    xp.sum(xp.multiply(xp.take(x, xp.asarray([1, 1, 0])), 2.0)).backward()
    assert x.grad is not None and x.grad.tolist() == [2.0, 4.0]


def test_inspection_and_exchange() -> None:
    info = xp.__array_namespace_info__()
    assert list(info.dtypes()) == KINDS and list(info.dtypes(kind="bool")) == ["bool"]
    assert info.dtypes(kind=("unsigned integer", "complex floating")).keys() == {
        *("uint8", "uint16", "uint32", "uint64", "complex64", "complex128")
    }
    assert info.default_dtypes()["real floating"] is torch.float32 and info.devices() == [info.default_device()]
    values = np.arange(4.0)
    shared, copied = xp.from_dlpack(values), xp.from_dlpack(values, copy=True)
    values[0] = 9
    assert (float(shared[0]), float(copied[0])) == (9.0, 0.0)
    assert np.from_dlpack(xp.asarray([1, 2], dtype=xp.uint16)).dtype == np.uint16
    with pytest.raises(ValueError, match="copy"):
        xp.asarray([1, 2], copy=False)
