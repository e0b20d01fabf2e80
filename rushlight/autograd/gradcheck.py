"""Numerical checks of gradients: analytic Jacobians against central differences in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor.autograd import grad
from ..tensor.creation import tensor, zeros_like
from ..tensor.grad_mode import enable_grad, no_grad
from ..tensor.tensor import Tensor


class GradcheckError(RuntimeError):
    """Analytic and numerical gradients differ; the text shows both."""


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _differentiable(values: Any) -> list[Tensor]:
    return [v for v in _listed(values) if isinstance(v, Tensor) and v.requires_grad]


def _outputs(function: Callable[..., Any], inputs: list[Any]) -> list[Tensor]:
    return [
        v
        for v in _listed(function(*inputs))
        if isinstance(v, Tensor) and (v.dtype.is_floating_point or v.dtype.is_complex)
    ]


def _perturbed(
    function: Callable[..., Any], inputs: list[Any], place: int, element: int, change: complex
) -> list[np.ndarray]:
    moved = list(inputs)
    array = np.array(inputs[place].detach()._array())
    array.reshape(-1)[element] += change
    moved[place] = tensor(array)
    with no_grad():
        return [np.array(v._array()) for v in _outputs(function, moved)]


def _numerical(
    function: Callable[..., Any], inputs: list[Any], place: int, eps: float, change: complex
) -> list[np.ndarray]:
    """For each output the derivative by each element of one input, in the direction of `change`: (outputs, elements)."""
    columns: list[list[np.ndarray]] = []
    for element in range(inputs[place].numel()):
        up = _perturbed(function, inputs, place, element, change * eps)
        down = _perturbed(function, inputs, place, element, -change * eps)
        columns.append([(u - d).reshape(-1) / (2 * eps) for u, d in zip(up, down, strict=True)])
    if not columns:
        return []
    return [np.stack([column[k] for column in columns], 1) for k in range(len(columns[0]))]


def _analytical(output: Tensor, given: Tensor, weight: complex) -> np.ndarray:
    """The rows conj(weight)·dL for each output element: (elements of output, elements of input)."""
    rows = []
    for element in range(output.numel()):
        cotangent = np.zeros(tuple(output.shape), output.dtype.storage)
        cotangent.reshape(-1)[element] = weight
        (found,) = grad(output, given, tensor(cotangent), retain_graph=True, allow_unused=True)
        rows.append((zeros_like(given) if found is None else found).detach()._array().reshape(-1))
    return np.stack(rows) if rows else np.zeros((0, given.numel()))


def _compare(text: str, analytic: np.ndarray, numeric: np.ndarray, atol: float, rtol: float) -> None:
    if not np.allclose(analytic, numeric, rtol=rtol, atol=atol, equal_nan=False):
        raise GradcheckError(f"Jacobian mismatch for {text},\nnumerical:\n{numeric}\nanalytical:\n{analytic}\n")


def _check_pair(
    function: Any, inputs: list[Any], place: int, number: int, output: Tensor, eps: float, atol: float, rtol: float
) -> None:
    given = inputs[place]
    text = f"output {number} with respect to input {place}"
    weights = (1, 1j) if output.dtype.is_complex else (1,)
    changes = (1, 1j) if given.dtype.is_complex else (1,)
    for weight in weights:
        analytic = _analytical(output, given, weight)
        for change in changes:
            numeric = _numerical(function, inputs, place, eps, change)
            if not numeric:
                continue
            # PyTorch's gradient g of a real L satisfies dL = Re(conj(g)·dx), and L here is Re(conj(weight)·output).
            expected = np.real(np.conj(weight) * numeric[number])
            found = np.real(np.conj(analytic) * change)
            _compare(text, found, expected, atol, rtol)


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` agree with central differences; use float64 inputs.

    >>> import rushlight as torch
    >>> x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x * x, x)
    True
    """
    given = _listed(inputs)
    if not _differentiable(given):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    try:
        outputs = [output for output in _outputs(func, given) if output.requires_grad]
        for number, output in enumerate(outputs):
            for place, value in enumerate(given):
                if isinstance(value, Tensor) and value.requires_grad:
                    _check_pair(func, given, place, number, output, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """Whether the second gradients of `func` agree with central differences of the first."""
    given = _listed(inputs)
    outputs = [output for output in _outputs(func, given) if output.requires_grad]
    if grad_outputs is None:
        draw = np.random.default_rng(0)
        cotangents = []
        for output in outputs:
            values = draw.standard_normal(tuple(output.shape)).astype(output.dtype.storage)
            if output.dtype.is_complex:
                values = values + 1j * draw.standard_normal(tuple(output.shape))
            cotangents.append(tensor(values.astype(output.dtype.storage), requires_grad=True))
    else:
        cotangents = _listed(grad_outputs)
    count = len(given)

    def first_gradients(*everything: Any) -> tuple[Tensor, ...]:
        values, gradients = everything[:count], everything[count:]
        values = tuple(
            v if not isinstance(v, Tensor) or v.requires_grad or not g.requires_grad else v.requires_grad_()
            for v, g in zip(values, given, strict=True)
        )
        wanted = [v for v in values if isinstance(v, Tensor) and v.requires_grad]
        found = [o for o in _listed(func(*values)) if isinstance(o, Tensor) and o.requires_grad]
        parts = grad(found, wanted, list(gradients), create_graph=True, allow_unused=True)
        return tuple(part for part in parts if part is not None)

    return gradcheck(
        _with_grad(first_gradients),
        [*given, *cotangents],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )


def _with_grad(function: Callable[..., Any]) -> Callable[..., Any]:
    """First gradients need tracking even where the values are computed untracked for the differences."""

    def call(*args: Any) -> Any:
        with enable_grad():
            return function(*args)

    return call
