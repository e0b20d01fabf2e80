"""`torch.special`: functions of mathematical physics and statistics; and those of them that `torch` and `Tensor` have.

Integers and bools are computed in the default dtype. What has no derivative in PyTorch has none here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dtype import bool_
from ..ir import scalar, special_ops
from ..ir.graph import Node
from ..ir.op import Op
from .promotion import floating
from .public import functions, public, register, scalar_name, with_out
from .public import name as set_label
from .tensor import Tensor, wrap

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]

# ---- operands ----


def _require(op: str, argument: str, place: int, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}(): argument '{argument}' (position {place}) must be Tensor, not {type(value).__name__}")


def _real(op: str, kernel: str, *operands: Any) -> list[Node]:
    """The operands in their common floating dtype, which may not be complex."""
    nodes = floating(*operands, op=op)
    if nodes[0].type.dtype.is_complex:
        raise NotImplementedError(
            f"\"{kernel}_cpu\" not implemented for '{scalar_name(nodes[0].type.dtype)}' — {op} takes real numbers"
        )
    return nodes


def _labelled(node: Node, label: str | None) -> Tensor:
    result = wrap(node)
    if label is not None:
        set_label(result, label)
    return result


# ---- families ----


def _unary(own: str, op: Op, label: str | None, argument: str = "input") -> Callable[..., Tensor]:
    """A function of one tensor that only `torch.special` has."""
    full = f"special_{own}"

    def function(input: Tensor) -> Tensor:
        _require(full, argument, 1, input)
        return _labelled(op(*_real(full, own, input)), label)

    def function_of_x(x: Tensor) -> Tensor:
        return function(x)

    made = function_of_x if argument == "x" else function
    made.__name__ = made.__qualname__ = own
    made.__doc__ = f"Elementwise `{own}` of a real tensor, as `torch.special.{own}`."
    return with_out(made, False)


def _check_pair(full: str, names: tuple[str, str], first: Any, second: Any) -> None:
    if not isinstance(first, Tensor) and not isinstance(second, Tensor):
        given = ", ".join(type(value).__name__ for value in (first, second))
        raise TypeError(
            f"{full}() received an invalid combination of arguments - got ({given}), but expected a Tensor as "
            f"'{names[0]}', as '{names[1]}', or as both"
        )


def _numbered(label: str, first: Any, second: Any) -> str:
    """The gradient function's name, which in PyTorch counts the kinds of operands: tensors, a number first, second."""
    return f"{label}Backward{0 if isinstance(first, Tensor) and isinstance(second, Tensor) else 1 + isinstance(first, Tensor)}"


def _pair(own: str, op: Op, label: str) -> Callable[..., Tensor]:
    """A function of two tensors, or of a tensor and a number, that only `torch.special` has."""
    full = f"special_{own}"

    def function(input: Any, other: Any) -> Tensor:
        _check_pair(full, ("input", "other"), input, other)
        return _labelled(op(*_real(full, own, input, other)), _numbered(label, input, other))

    function.__name__ = function.__qualname__ = own
    function.__doc__ = f"Elementwise `{own}` with broadcasting, as `torch.special.{own}`."
    return with_out(function, False)


def _polynomial(own: str, op: Op) -> Callable[..., Tensor]:
    full = f"special_{own}"

    def function(x: Any, n: Any) -> Tensor:
        _check_pair(full, ("x", "n"), x, n)
        return wrap(op(*_real(full, own, x, n)))

    function.__name__ = function.__qualname__ = own
    function.__doc__ = f"The polynomial of degree n at x, with broadcasting; 0 for n below 0. As `torch.special.{own}`."
    return with_out(function, False)


# ---- what `torch` and `Tensor` have too ----


@public("I0", inplace=True)
def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind, order 0.

    >>> import rushlight as torch
    >>> torch.i0(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    _require("i0", "input", 1, input)
    return wrap(special_ops.i0(*_real("i0", "i0", input)))


@public("Sinc", inplace=True)
def sinc(input: Tensor) -> Tensor:
    """sin(πx) / (πx), 1 at 0; complex numbers too.

    >>> import rushlight as torch
    >>> torch.sinc(torch.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    _require("sinc", "input", 1, input)
    return wrap(special_ops.sinc(*floating(input, op="sinc")))


@public("Xlogy", inplace=True)
def xlogy(input: Any, other: Any) -> Tensor:
    """input · log(other), 0 where input is 0 unless other is NaN; one of the two may be a number.

    >>> import rushlight as torch
    >>> torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 3.0]))
    tensor([0.0000, 2.1972])
    """
    _check_pair("xlogy", ("input", "other"), input, other)
    return _labelled(special_ops.xlogy(*_real("xlogy", "xlogy", input, other)), _numbered("Xlogy", input, other))


def _incomplete(op: str, record: Op, input: Any, other: Any) -> Tensor:
    _require(op, "input", 1, input)
    _require(op, "other", 2, other)
    for tensor in (input, other):
        if not tensor.dtype.is_floating_point:
            raise NotImplementedError(f"\"{op}_cpu\" not implemented for '{scalar_name(tensor.dtype)}'")
    return wrap(record(*floating(input, other, op=op)))


@public("Igamma", inplace=True)
def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The regularized lower incomplete gamma function P(input, other), for values not below 0; derivative in other alone.

    >>> import rushlight as torch
    >>> torch.igamma(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([0.6321, 0.2642])
    """
    return _incomplete("igamma", special_ops.gammainc, input, other)


@public("Igammac", inplace=True)
def igammac(input: Tensor, other: Tensor) -> Tensor:
    """The regularized upper incomplete gamma function, 1 - igamma(input, other)."""
    return _incomplete("igammac", special_ops.gammaincc, input, other)


@public("Mvlgamma", inplace=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p; input above (p - 1) / 2."""
    _require("mvlgamma", "input", 1, input)
    if input.dtype is bool_:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return wrap(special_ops.multigammaln(*_real("mvlgamma", "mvlgamma", input), p=int(p)))


@public("Polygamma", method=False)
def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma, n not below 0.

    >>> import rushlight as torch
    >>> torch.polygamma(1, torch.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    if isinstance(n, Tensor) and n.numel() == 1 and not n.requires_grad:
        n = n.item()
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    _require("polygamma", "input", 2, input)
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    (node,) = _real("polygamma", "polygamma", input)
    return wrap(scalar.digamma(node) if n == 0 else scalar.polygamma(node, order=n))


def _polygamma(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of digamma, as `torch.polygamma(n, self)`."""
    return functions["polygamma"](n, self)  # type: ignore[no-any-return]


def _polygamma_(self: Tensor, n: int) -> Tensor:
    """In-place form of `polygamma`."""
    return self.copy_(_polygamma(self, n))  # type: ignore[attr-defined, no-any-return]


register("polygamma", _polygamma, function=False, method=True)
register("polygamma_", _polygamma_, function=False, method=True)

# ---- under their names here ----

globals().update({each: functions[each] for each in ("i0", "sinc", "xlogy", "polygamma")})  # those with `out=`
gammainc, gammaincc, multigammaln = (functions[name] for name in ("igamma", "igammac", "mvlgamma"))
digamma = psi = functions["digamma"]
gammaln = functions["lgamma"]
expit = functions["sigmoid"]
erf, erfc, erfinv = (functions[name] for name in ("erf", "erfc", "erfinv"))
exp2, expm1, log1p, logit = (functions[name] for name in ("exp2", "expm1", "log1p", "logit"))
log_softmax, logsumexp, softmax = (functions[name] for name in ("log_softmax", "logsumexp", "softmax"))
round = functions["round"]

entr = _unary("entr", special_ops.entr, "SpecialEntr")
erfcx = _unary("erfcx", special_ops.erfcx, "SpecialErfcx")
i0e = _unary("i0e", special_ops.i0e, "SpecialI0E")
i1 = _unary("i1", special_ops.i1, "SpecialI1")
i1e = _unary("i1e", special_ops.i1e, "SpecialI1E")
log_ndtr = _unary("log_ndtr", special_ops.log_ndtr, "SpecialLogNdtr")
ndtr = _unary("ndtr", special_ops.ndtr, "MulBackward1")  # PyTorch makes it of other functions
ndtri = _unary("ndtri", special_ops.ndtri, "SpecialNdtri")
xlog1py = _pair("xlog1py", special_ops.xlog1py, "SpecialXlog1Py")
zeta = _pair("zeta", special_ops.zeta, "SpecialZeta")

airy_ai = _unary("airy_ai", special_ops.airy_ai, None, "x")
bessel_j0 = _unary("bessel_j0", special_ops.bessel_j0, None)
bessel_j1 = _unary("bessel_j1", special_ops.bessel_j1, None)
bessel_y0 = _unary("bessel_y0", special_ops.bessel_y0, None)
bessel_y1 = _unary("bessel_y1", special_ops.bessel_y1, None)
modified_bessel_i0 = _unary("modified_bessel_i0", special_ops.modified_bessel_i0, None)
modified_bessel_i1 = _unary("modified_bessel_i1", special_ops.modified_bessel_i1, None)
modified_bessel_k0 = _unary("modified_bessel_k0", special_ops.modified_bessel_k0, None)
modified_bessel_k1 = _unary("modified_bessel_k1", special_ops.modified_bessel_k1, None)
scaled_modified_bessel_k0 = _unary("scaled_modified_bessel_k0", special_ops.scaled_modified_bessel_k0, None, "x")
scaled_modified_bessel_k1 = _unary("scaled_modified_bessel_k1", special_ops.scaled_modified_bessel_k1, None, "x")
spherical_bessel_j0 = _unary("spherical_bessel_j0", special_ops.spherical_bessel_j0, None, "x")

chebyshev_polynomial_t = _polynomial("chebyshev_polynomial_t", special_ops.chebyshev_polynomial_t)
chebyshev_polynomial_u = _polynomial("chebyshev_polynomial_u", special_ops.chebyshev_polynomial_u)
chebyshev_polynomial_v = _polynomial("chebyshev_polynomial_v", special_ops.chebyshev_polynomial_v)
chebyshev_polynomial_w = _polynomial("chebyshev_polynomial_w", special_ops.chebyshev_polynomial_w)
hermite_polynomial_h = _polynomial("hermite_polynomial_h", special_ops.hermite_polynomial_h)
hermite_polynomial_he = _polynomial("hermite_polynomial_he", special_ops.hermite_polynomial_he)
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", special_ops.laguerre_polynomial_l)
legendre_polynomial_p = _polynomial("legendre_polynomial_p", special_ops.legendre_polynomial_p)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t", special_ops.shifted_chebyshev_polynomial_t
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u", special_ops.shifted_chebyshev_polynomial_u
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v", special_ops.shifted_chebyshev_polynomial_v
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w", special_ops.shifted_chebyshev_polynomial_w
)
