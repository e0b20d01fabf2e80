"""Numerical checks of gradients: analytic Jacobians against central differences in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import config
from ..tensor.autograd import grad
from ..tensor.batched import vmap
from ..tensor.creation import ones_like, tensor, zeros_like
from ..tensor.differentiation import Duals
from ..tensor.grad_mode import enable_grad, no_grad
from ..tensor.tensor import Tensor, node_of, wrap


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

    check_forward_ad: also the forward-mode derivatives; check_batched_grad, check_batched_forward_grad: also those of several
    directions at once, by `vmap`; nondet_tol: how much a second backward may differ. All elements are compared, also in `fast_mode`.

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
        places = [place for place, value in enumerate(given) if isinstance(value, Tensor) and value.requires_grad]
        for number, output in enumerate(outputs):
            for place in places:
                if check_backward_ad:
                    _check_pair(func, given, place, number, output, eps, atol, rtol)
                if check_batched_grad:
                    _check_batched(given[place], output)
        for place in places if check_backward_ad else ():
            _check_repeats(func, given, place, nondet_tol)
        for place in places if check_forward_ad else ():
            _check_forward(func, given, place, eps, atol, rtol)
            if check_batched_forward_grad:
                _check_batched_forward(func, given, place)
        for place in places if check_grad_dtypes else ():
            _check_dtypes(func, given, place)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _change(function: Any, inputs: list[Any], place: int, tangent: Tensor) -> list[Tensor]:
    """How each output changes along a tangent of one input: the forward-mode derivative."""
    duals = Duals()
    with enable_grad():
        given = list(inputs)
        given[place] = wrap(duals.make(node_of(inputs[place].detach()), node_of(tangent)))
        outputs = _outputs(function, given)
        found = [duals.tangent(node_of(output)) for output in outputs]
    return [zeros_like(o) if t is None else wrap(t).detach() for o, t in zip(outputs, found, strict=True)]


def _direction(given: Tensor, element: int, change: complex) -> Tensor:
    values = np.zeros(tuple(given.shape), given.dtype.storage)
    values.reshape(-1)[element] = change
    return tensor(values)


def _check_forward(function: Any, inputs: list[Any], place: int, eps: float, atol: float, rtol: float) -> None:
    given = inputs[place]
    for change in (1, 1j) if given.dtype.is_complex else (1,):
        numeric = _numerical(function, inputs, place, eps, change)
        for element in range(given.numel()):
            found = _change(function, inputs, place, _direction(given, element, change))
            for number, (tangent, columns) in enumerate(zip(found, numeric, strict=True)):
                text = f"output {number} with respect to input {place} in forward mode"
                _compare(text, tangent._array().reshape(-1), columns[:, element], atol, rtol)


def _check_batched(given: Tensor, output: Tensor) -> None:
    """The gradients of several cotangents at once against those of each."""
    weights = ones_like(output).expand((2, *output.shape)) * tensor([1.0, 2.0], dtype=output.dtype).reshape(
        (2, *[1] * output.ndim)
    )

    def back(weight: Tensor) -> Any:
        return grad(output, given, weight, retain_graph=True, allow_unused=True, materialize_grads=True)[0]

    together, apart = vmap(back)(weights), [back(weight) for weight in weights.unbind(0)]
    for row, own in zip(together.unbind(0), apart, strict=True):
        _compare("a batch of gradients", row.detach()._array(), own.detach()._array(), 1e-12, 1e-9)


def _check_batched_forward(function: Any, inputs: list[Any], place: int) -> None:
    given = inputs[place]
    tangents = [ones_like(given.detach()) * factor for factor in (1.0, 2.0)]
    apart = [_change(function, inputs, place, tangent) for tangent in tangents]
    both = ones_like(given.detach()).expand((2, *given.shape)) * tensor([1.0, 2.0], dtype=given.dtype).reshape(
        (2, *[1] * given.ndim)
    )
    together = vmap(lambda tangent: tuple(_change(function, inputs, place, tangent)))(both)
    for number, whole in enumerate(together):
        for row, own in zip(whole.unbind(0), apart, strict=True):
            _compare("a batch of forward derivatives", row._array(), own[number]._array(), 1e-12, 1e-9)


@contextmanager
def _in_one_tier() -> Iterator[None]:
    """Everything interpreted, unless everything is compiled: the two round sums differently, which is no fault of the function's."""
    before = config.TIER
    config.TIER = "interp" if before == "auto" else before
    try:
        yield
    finally:
        config.TIER = before


def _check_repeats(function: Any, inputs: list[Any], place: int, tolerance: float) -> None:
    """GradcheckError where backward gives another gradient when it is run again."""
    given = inputs[place]
    rows = []
    for _ in range(2):
        with _in_one_tier():
            outputs = [output for output in _outputs(function, inputs) if output.requires_grad]
            parts = [
                grad(o, given, ones_like(o), retain_graph=True, allow_unused=True, materialize_grads=True)[0]
                for o in outputs
            ]
            rows.append([part.detach()._array() for part in parts])
    for first, second in zip(*rows, strict=True):
        if first.size and not float(np.max(np.abs(first - second))) <= tolerance:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values, "
                "although analytical gradient matches numerical gradient. The tolerance for nondeterminism was "
                f"{tolerance}. — input {place}"
            )


def _check_dtypes(function: Any, inputs: list[Any], place: int) -> None:
    given = inputs[place]
    for output in _outputs(function, inputs):
        if not output.requires_grad:
            continue
        (found,) = grad(output, given, ones_like(output), allow_unused=True)
        if found is not None and found.dtype is not given.dtype:
            raise GradcheckError(f"Gradient dtype {found.dtype} is not the input's, {given.dtype} — input {place}")


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second gradients of `func` agree with central differences of the first.

    check_fwd_over_rev: also the forward-mode derivative of the gradients; the other options are those of `gradcheck`.
    """
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
        nondet_tol=nondet_tol,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )


def _with_grad(function: Callable[..., Any]) -> Callable[..., Any]:
    """First gradients need tracking even where the values are computed untracked for the differences."""

    def call(*args: Any) -> Any:
        with enable_grad():
            return function(*args)

    return call
