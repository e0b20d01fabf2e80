"""One call in both libraries: values, gradients and gradients of gradients compared, in double precision and rounded ones.

A case is a function of `(F, torch, *tensors)`: `F` is `nn.functional` and `torch` the namespace of the library it runs in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

import rushlight
import rushlight.nn.functional

Call = Callable[..., Any]
ROUNDED = {"float32": 2e-5, "bfloat16": 2e-2, "float16": 3e-3}


def inputs(*shapes: Sequence[int], seed: int = 0, low: float | None = None, high: float | None = None) -> list[Any]:
    """Random double-precision arrays: standard normal, or uniform in [low, high)."""
    draw = np.random.default_rng(seed)
    if low is None:
        return [draw.standard_normal(tuple(shape)) for shape in shapes]
    return [draw.uniform(low, high, tuple(shape)) for shape in shapes]


def theirs(array: np.ndarray, dtype: str = "float64", grad: bool = False) -> torch.Tensor:
    made = torch.from_numpy(np.array(array))
    if made.is_floating_point():
        made = made.to(getattr(torch, dtype)).requires_grad_(grad)
    return made


def ours(array: np.ndarray, dtype: str = "float64", grad: bool = False) -> Any:
    made = rushlight.tensor(np.array(array))
    if made.is_floating_point():
        made = made.to(getattr(rushlight, dtype)).detach().requires_grad_(grad)
    return made


def to_array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach()
        return (value.float() if value.dtype is torch.bfloat16 else value).numpy(force=True)
    value = value.detach()
    return np.array((value.float() if value.dtype is rushlight.bfloat16 else value).numpy())


def flat(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [part for each in value for part in flat(each)]
    return [] if value is None else [value]


def assert_close(got: Any, wanted: Any, tolerance: float, what: str) -> None:
    assert tuple(got.shape) == tuple(wanted.shape), f"{what}: shape {got.shape}, PyTorch's {wanted.shape}"
    assert str(got.dtype) == str(wanted.dtype), f"{what}: {got.dtype}, PyTorch's {wanted.dtype}"
    np.testing.assert_allclose(to_array(got), to_array(wanted), rtol=tolerance, atol=tolerance, err_msg=what)


def _differentiable(values: list[Any]) -> list[Any]:
    return [value for value in values if value.requires_grad]


def _cotangents(values: list[Any], make: Callable[[np.ndarray], Any], seed: int) -> list[Any]:
    draw = np.random.default_rng(seed)
    return [make(draw.standard_normal(tuple(value.shape))) for value in values]


def _derivatives(
    library: Any, results: list[Any], leaves: list[Any], make: Callable[..., Any], twice: bool
) -> list[Any]:
    """First gradients; where asked also those of a random combination of them, for the leaves and the cotangents."""
    results = _differentiable(results)
    cotangents = [each.requires_grad_(twice) for each in _cotangents(results, make, 1)]
    first = library.autograd.grad(results, leaves, cotangents, create_graph=twice, allow_unused=True)
    if not twice:
        return list(first)
    known = _differentiable([part for part in first if part is not None])
    second = library.autograd.grad(known, [*leaves, *cotangents], _cotangents(known, make, 2), allow_unused=True)
    return [*first, *second]


def compare(
    call: Call,
    *arrays: np.ndarray,
    gradgrad: bool = True,
    rounded: bool = True,
    seed: int = 0,
    tolerance: float = 1e-9,
    label: bool = True,
) -> None:
    """Runs the call on float64 leaves of these arrays in both libraries; integer arrays are passed as they are.

    Compares results, gradients, gradients of gradients, the gradient function's name; then results in rounded dtypes.
    """
    theirs_in = [theirs(array, grad=True) for array in arrays]
    ours_in = [ours(array, grad=True) for array in arrays]
    torch.manual_seed(seed)
    wanted = call(torch.nn.functional, torch, *theirs_in)
    rushlight.manual_seed(seed)
    got = call(rushlight.nn.functional, rushlight, *ours_in)
    wanted_flat, got_flat = flat(wanted), flat(got)
    assert len(wanted_flat) == len(got_flat)
    for number, (a, b) in enumerate(zip(got_flat, wanted_flat, strict=True)):
        assert_close(a, b, tolerance, f"result {number}")
        assert a.requires_grad == b.requires_grad, f"result {number} requires_grad"
        if label and b.grad_fn is not None:
            assert a.grad_fn.name() == b.grad_fn.name()
    if any(value.requires_grad for value in wanted_flat):
        leaves = [(a, b) for a, b in zip(ours_in, theirs_in, strict=True) if b.requires_grad]
        found = _derivatives(rushlight, got_flat, [a for a, _ in leaves], rushlight.tensor, gradgrad)
        expected = _derivatives(torch, wanted_flat, [b for _, b in leaves], torch.from_numpy, gradgrad)
        assert len(found) == len(expected)
        for number, (a, b) in enumerate(zip(found, expected, strict=True)):
            a = rushlight.zeros(tuple(b.shape), dtype=rushlight.float64) if a is None and b is not None else a
            b = torch.zeros(tuple(a.shape), dtype=torch.float64) if b is None and a is not None else b
            if a is not None:
                assert_close(a, b, max(tolerance, 1e-8), f"gradient {number} of {len(leaves)} leaves")
    if rounded:
        for dtype, width in ROUNDED.items():
            compare_rounded(call, arrays, dtype, width, seed)


def compare_rounded(call: Call, arrays: Sequence[np.ndarray], dtype: str, width: float, seed: int) -> None:
    """Results in a rounded dtype, where PyTorch has them."""
    torch.manual_seed(seed)
    try:
        wanted = flat(call(torch.nn.functional, torch, *[theirs(array, dtype) for array in arrays]))
    except NotImplementedError:
        return
    rushlight.manual_seed(seed)
    got = flat(call(rushlight.nn.functional, rushlight, *[ours(array, dtype) for array in arrays]))
    for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
        assert_close(a, b, width, f"result {number} in {dtype}")


def same_error(call: Call, *arrays: np.ndarray, text: str | None = None) -> None:
    """Both libraries refuse the call with one class of exception; ours has `text`, by default PyTorch's first line."""
    wanted = got = None
    try:
        call(torch.nn.functional, torch, *[theirs(array, "float32") for array in arrays])
    except Exception as error:
        wanted = error
    try:
        for result in flat(call(rushlight.nn.functional, rushlight, *[ours(array, "float32") for array in arrays])):
            result.numpy()
    except Exception as error:
        got = error
    assert wanted is not None, "PyTorch takes this call"
    assert got is not None, f"no error; PyTorch raises {wanted!r}"
    assert isinstance(got, type(wanted)), f"{got!r}, PyTorch raises {wanted!r}"
    expected = str(wanted).split("\n")[0] if text is None else text
    assert expected in str(got), f"{got}\nlacks: {expected}"
