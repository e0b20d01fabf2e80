"""`torch.special` and its names on `torch` and `Tensor`, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import rushlight

from ..both import Program, check

UNARY = (
    "digamma entr erf erfc erfcx erfinv exp2 expit expm1 gammaln i0 i0e i1 i1e log1p log_ndtr logit ndtr ndtri psi sinc"
).split()
PLAIN = (
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 "
    "modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0"
).split()
POLYNOMIALS = [
    *(f"{shift}chebyshev_polynomial_{kind}" for shift in ("", "shifted_") for kind in "tuvw"),
    *("hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p".split()),
]
PAIRS = ["gammainc", "gammaincc", "xlogy", "xlog1py", "zeta"]


def test_every_name_of_the_module_is_there() -> None:
    theirs = [name for name in torch.special.__all__]
    assert [name for name in theirs if not hasattr(rushlight.special, name)] == []
    assert sorted(rushlight.special.__all__) == rushlight.special.__all__


@pytest.mark.parametrize("name", UNARY)
def test_values_names_and_two_gradients(name: str) -> None:
    def program(t: Any) -> Any:
        x = t.tensor([0.05, 0.3, 0.7, 0.92], dtype=t.float64, requires_grad=True)
        y = getattr(t.special, name)(x)
        (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
        (second,) = t.autograd.grad(first.sum(), x)
        return y, y.grad_fn.name(), first, second

    check(program, rtol=1e-9, atol=1e-12)  # the accuracy of PyTorch's trigamma


@pytest.mark.parametrize("name", [*UNARY, *PLAIN])
def test_dtypes_and_out(name: str) -> None:
    def program(t: Any) -> Any:
        function = getattr(t.special, name)
        target = t.empty(0, dtype=t.float64)
        written = function(t.tensor([0.5, 0.25]), out=target)
        plain = function(t.tensor([0.5, 0.25], requires_grad=True))
        return function(t.tensor([0, 1])), function(t.tensor(0.5)), plain, written is target, target

    check(program, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name: str) -> None:
    def program(t: Any) -> Any:
        function = getattr(t.special, name)
        x = t.linspace(-1.5, 1.5, 7, dtype=t.float64, requires_grad=True)
        table = function(x, t.arange(-1, 6)[:, None])
        return (
            table,
            function(x, 3),
            function(0.3, t.tensor([1.0, 4.0], dtype=t.float64)),
            function(x=t.tensor([1, 2]), n=t.tensor([3, 1])),
        )

    check(program, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name: str) -> None:
    def program(t: Any) -> Any:
        function = getattr(t.special, name)
        a = t.tensor([[1.5], [2.25]], dtype=t.float64)
        x = t.tensor([0.3, 1.7, 4.0], dtype=t.float64, requires_grad=True)
        y = function(a, x)
        (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
        (second,) = t.autograd.grad(first.sum(), x)
        return y, y.grad_fn.name(), first, second

    check(program, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "zeta"])
def test_a_number_for_a_tensor(name: str) -> None:
    def program(t: Any) -> Any:
        function = getattr(t.special, name)
        x = t.tensor([2.5, 1.5], requires_grad=True)
        first, second = function(x, 2), function(2, x)
        return first, first.grad_fn.name(), second, second.grad_fn.name(), function(t.tensor([2, 3]), 1.5)

    check(program)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
@pytest.mark.parametrize("point", [(0.0, 2.0), (0.0, 0.0), (0.0, -1.0), (0.0, -2.0), (1.0, 0.0), (float("nan"), 1.0)])
def test_gradients_where_a_product_is_zero(name: str, point: tuple[float, float]) -> None:
    def program(t: Any) -> Any:
        x, y = (t.tensor(value, requires_grad=True) for value in point)
        result = getattr(t.special, name)(x, y)
        return result, t.autograd.grad(result, [x, y])

    check(program)


@pytest.mark.parametrize("name", ["i0", "i0e", "i1", "i1e", "entr", "log_ndtr", "ndtr"])
def test_two_gradients_at_zero(name: str) -> None:
    def program(t: Any) -> Any:
        x = t.tensor([0.0, -0.0], dtype=t.float64, requires_grad=True)
        (first,) = t.autograd.grad(getattr(t.special, name)(x).sum(), x, create_graph=True)
        return first, t.autograd.grad(first.sum(), x)[0]

    check(program, rtol=1e-12, atol=1e-12)


def test_sinc_is_smooth_at_zero() -> None:
    """PyTorch's second derivative at 0 is NaN; it is -π²/3."""
    x = rushlight.tensor(0.0, dtype=rushlight.float64, requires_grad=True)
    (first,) = rushlight.autograd.grad(rushlight.sinc(x), x, create_graph=True)
    (second,) = rushlight.autograd.grad(first, x)
    assert first.item() == 0.0
    assert second.item() == pytest.approx(-(rushlight.pi**2) / 3)


METHODS: dict[str, Program] = {
    "i0_": lambda t: t.tensor([0.5, 2.0]).i0_(),
    "sinc_": lambda t: t.sinc_(t.tensor([0.5, 2.25])),
    "complex sinc": lambda t: t.sinc(t.tensor([0.5 + 1j, 0.0, 0.25 - 0.5j])),
    "xlogy": lambda t: (t.tensor([1, 2]).xlogy(2), t.tensor([1.0, 2.0]).xlogy_(t.tensor([3.0, 0.5]))),
    "igamma": lambda t: (t.tensor([1.0, 2.0]).igamma(t.tensor(1.5)), t.tensor([1.0]).igamma_(t.tensor([2.0]))),
    "igammac": lambda t: (t.tensor([1.0, 2.0]).igammac(t.tensor(1.5)), t.tensor([1.0]).igammac_(t.tensor([2.0]))),
    "mvlgamma": lambda t: (t.tensor([3, 4]).mvlgamma(2), t.tensor([3.5]).mvlgamma_(3), t.mvlgamma(t.tensor(2.5), p=1)),
    "polygamma": lambda t: (
        t.tensor([3, 4]).polygamma(2),
        t.tensor([3.5]).polygamma_(0),
        t.polygamma(1, t.tensor(2.5)),
    ),
    "gradient of mvlgamma": lambda t: t.autograd.grad(
        (x := t.tensor([2.5, 3.0], requires_grad=True)).mvlgamma(3).sum(), x
    ),
    "round": lambda t: t.special.round(t.tensor([1.25, -2.5]), decimals=1),
    "logit": lambda t: t.special.logit(t.tensor([0.0, 0.5, 1.0]), eps=0.1),
    "softmax": lambda t: (
        t.special.softmax(t.tensor([1, 2]), 0, dtype=t.float32),
        t.special.log_softmax(t.tensor([1.0, 2.0]), 0),
        t.special.logsumexp(t.tensor([[1.0, 2.0]]), 1, keepdim=True),
    ),
    # errors
    "no tensor": lambda t: t.special.i1(1.0),
    "no tensor, x": lambda t: t.special.airy_ai(1.0),
    "no tensor in igamma": lambda t: t.igamma(t.tensor([1.0]), 2),
    "integers in igamma": lambda t: t.igamma(t.tensor([1, 2]), t.tensor([1, 2])),
    "bools in mvlgamma": lambda t: t.mvlgamma(t.tensor([True]), 2),
    "dimension 0": lambda t: t.mvlgamma(t.tensor([3.0]), 0),
    "negative order": lambda t: t.polygamma(-1, t.tensor([3.0])),
    "order a tensor": lambda t: t.polygamma(t.tensor([1.0, 2.0]), 1),
    "in-place of integers": lambda t: t.tensor([1, 2]).xlogy_(2),
    "order of zeta": lambda t: t.special.zeta(t.tensor([2.0], requires_grad=True), 2.0).backward(),
    "order of igamma": lambda t: t.igamma(t.tensor([2.0], requires_grad=True), t.tensor([2.0])).backward(),
    "order of igammac": lambda t: t.igammac(t.tensor([2.0], requires_grad=True), t.tensor([2.0])).backward(),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_and_errors(name: str) -> None:
    check(METHODS[name])


COMPLEX: dict[str, Callable[[Any], Any]] = {
    "entr": lambda t: t.special.entr(t.tensor([1j])),
    "xlog1py": lambda t: t.special.xlog1py(t.tensor([1j]), 2.0),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_numbers_are_refused(name: str) -> None:
    check(COMPLEX[name])


def test_two_numbers_are_refused() -> None:
    for call in (
        lambda t: t.xlogy(2, 3),
        lambda t: t.special.zeta(2, 3),
        lambda t: t.special.hermite_polynomial_h(2, 3),
    ):
        with pytest.raises(TypeError, match=r"invalid combination of arguments - got \(int, int\)"):
            call(rushlight)
        with pytest.raises(TypeError, match=r"invalid combination of arguments - got \(int, int\)"):
            call(torch)
