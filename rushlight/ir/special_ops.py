"""Records of the special functions: one line each, with the derivatives that PyTorch has.

Bessel functions of the first and second kind, Airy's and the orthogonal polynomials have none there, and none here.
erf, erfc, erfinv, lgamma, digamma and polygamma stand in `scalar`, whose derivatives need them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import expr, special
from .graph import Node
from .op import NONDIFFERENTIABLE, Op
from .scalar import (
    add,
    cj,
    cos,
    digamma,
    div,
    eq,
    exp,
    le,
    lgamma,
    log,
    logical_and,
    mul,
    neg,
    number,
    scalar,
    select,
    sign,
    sin,
    square,
    sub,
)
from .type import Type

Cotangents = Sequence["Node | None"]


def _constant(x: Node, value: float) -> Node:
    return number(value, x.type.dtype)


def _scaled(value: float, x: Node) -> Node:
    return mul(x, _constant(x, value))


def _is_zero(x: Node) -> Node:
    return eq(x, _constant(x, 0))


def _nonzero(x: Node) -> Node:
    """x, and 1 where it is 0: for quotients whose value there is chosen otherwise."""
    return select(_is_zero(x), _constant(x, 1), x)


def _missing_derivative(of: str) -> Node:
    raise NotImplementedError(f"the derivative for '{of}' is not implemented.")


# ---- the error function and the normal distribution ----

_ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)

erfcx = scalar(
    "erfcx", special.erfcx, lambda g, y, x: (mul(g, add(_scaled(2, mul(x, y)), _constant(x, -2 / math.sqrt(math.pi)))),)
)
ndtr = scalar(
    "ndtr", special.ndtr, lambda g, y, x: (mul(g, _scaled(_ROOT_TWO_OVER_PI / 2, exp(_scaled(-0.5, square(x))))),)
)
ndtri = scalar(
    "ndtri", special.ndtri, lambda g, y, x: (mul(g, _scaled(2 / _ROOT_TWO_OVER_PI, exp(_scaled(0.5, square(y))))),)
)
log_ndtr = scalar(
    "log_ndtr",
    special.log_ndtr,
    lambda g, y, x: (mul(g, div(_constant(x, _ROOT_TWO_OVER_PI), erfcx(_scaled(-math.sqrt(0.5), x)))),),
)

# ---- logarithms ----


def _masked(part: Node, x: Node, y: Node, bound: float) -> Node:
    """0 where x is 0 and y at most the bound: there the logarithm has no value and x no slope."""
    outside = logical_and(_is_zero(x), le(y, _constant(y, bound)))
    return select(outside, _constant(part, 0), part)


def _xlogy_rule(g: Node, y: Node, a: Node, b: Node) -> Cotangents:
    first = _masked(xlogy(g, b), a, b, 0) if a.tracked else None
    return first, mul(g, div(a, b)) if b.tracked else None


def _xlog1py_rule(g: Node, y: Node, a: Node, b: Node) -> Cotangents:
    first = _masked(xlog1py(g, b), a, b, -1) if a.tracked else None
    return first, mul(g, div(a, add(b, _constant(b, 1)))) if b.tracked else None


entr = scalar("entr", special.entr, lambda g, y, x: (neg(mul(g, add(log(x), _constant(x, 1)))),))
xlogy = scalar("xlogy", special.xlogy, _xlogy_rule)
xlog1py = scalar("xlog1py", special.xlog1py, _xlog1py_rule)

# ---- sine ----


def _sinc_rule(g: Node, y: Node, x: Node) -> Cotangents:
    turn, safe = _scaled(math.pi, x), _nonzero(x)
    away = div(sub(mul(turn, cos(turn)), sin(turn)), _scaled(math.pi, square(safe)))
    # At 0 the first terms of the series: the value, and with it the next derivatives, are right.
    return (mul(g, cj(select(_is_zero(x), _scaled(-(math.pi**2) / 3, x), away))),)


sinc = scalar("sinc", special.sinc, _sinc_rule)

# ---- modified Bessel functions ----


def _i1_rule(g: Node, y: Node, x: Node) -> Cotangents:
    away = sub(i0(x), div(y, _nonzero(x)))
    return (mul(g, select(_is_zero(x), _constant(x, 0.5), away)),)


def _i1e_rule(g: Node, y: Node, x: Node) -> Cotangents:
    safe = _nonzero(x)
    away = sub(i0e(x), mul(y, add(sign(x), div(_constant(x, 1), safe))))
    return (mul(g, select(_is_zero(x), _constant(x, 0.5), away)),)


i0 = scalar("i0", special.i0, lambda g, y, x: (mul(g, i1(x)),))
i0e = scalar("i0e", special.i0e, lambda g, y, x: (mul(g, sub(i1e(x), mul(sign(x), y))),))
i1 = scalar("i1", special.i1, _i1_rule)
i1e = scalar("i1e", special.i1e, _i1e_rule)

# ---- the gamma function and the zeta function ----


def _density(a: Node, x: Node) -> Node:
    """The density of the gamma distribution: the slope of the incomplete gamma function in x."""
    return exp(sub(sub(mul(sub(a, _constant(a, 1)), log(x)), x), lgamma(a)))


def _gammainc_rule(g: Node, y: Node, a: Node, x: Node) -> Cotangents:
    first = _missing_derivative("igamma: input") if a.tracked else None
    return first, mul(g, _density(a, x)) if x.tracked else None


def _gammaincc_rule(g: Node, y: Node, a: Node, x: Node) -> Cotangents:
    first = _missing_derivative("igammac: input") if a.tracked else None
    return first, neg(mul(g, _density(a, x))) if x.tracked else None


def _zeta_rule(g: Node, y: Node, s: Node, q: Node) -> Cotangents:
    first = _missing_derivative("zeta") if s.tracked else None
    return first, neg(mul(g, mul(s, zeta(add(s, _constant(s, 1)), q)))) if q.tracked else None


gammainc = scalar("gammainc", special.gammainc, _gammainc_rule)
gammaincc = scalar("gammaincc", special.gammaincc, _gammaincc_rule)
zeta = scalar("zeta", special.zeta, _zeta_rule)


def _multigammaln_vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
    (a,) = node.operands
    total = digamma(a)
    for place in range(1, node.attributes["p"]):
        total = add(total, digamma(sub(a, _constant(a, place / 2))))
    return (mul(g, total),)


def _multigammaln_infer(a: Type, *, p: int) -> Type:
    return a


multigammaln = Op(
    "multigammaln",
    infer=_multigammaln_infer,
    eval=lambda type, a, *, p: special.multigammaln(a, p),
    vjp=_multigammaln_vjp,
    at=lambda index, a, *, type, p: expr.Apply("multigammaln", a[index], expr.Literal(p)),
)
expr.FUNCTIONS["multigammaln"] = special.multigammaln

# ---- without derivatives ----


def _plain(name: str) -> Op:
    return scalar(name, getattr(special, name), NONDIFFERENTIABLE)


airy_ai = _plain("airy_ai")
bessel_j0 = _plain("bessel_j0")
bessel_j1 = _plain("bessel_j1")
bessel_y0 = _plain("bessel_y0")
bessel_y1 = _plain("bessel_y1")
modified_bessel_i0 = _plain("modified_bessel_i0")
modified_bessel_i1 = _plain("modified_bessel_i1")
modified_bessel_k0 = _plain("modified_bessel_k0")
modified_bessel_k1 = _plain("modified_bessel_k1")
scaled_modified_bessel_k0 = _plain("scaled_modified_bessel_k0")
scaled_modified_bessel_k1 = _plain("scaled_modified_bessel_k1")
spherical_bessel_j0 = _plain("spherical_bessel_j0")
chebyshev_polynomial_t = _plain("chebyshev_polynomial_t")
chebyshev_polynomial_u = _plain("chebyshev_polynomial_u")
chebyshev_polynomial_v = _plain("chebyshev_polynomial_v")
chebyshev_polynomial_w = _plain("chebyshev_polynomial_w")
hermite_polynomial_h = _plain("hermite_polynomial_h")
hermite_polynomial_he = _plain("hermite_polynomial_he")
laguerre_polynomial_l = _plain("laguerre_polynomial_l")
legendre_polynomial_p = _plain("legendre_polynomial_p")
shifted_chebyshev_polynomial_t = _plain("shifted_chebyshev_polynomial_t")
shifted_chebyshev_polynomial_u = _plain("shifted_chebyshev_polynomial_u")
shifted_chebyshev_polynomial_v = _plain("shifted_chebyshev_polynomial_v")
shifted_chebyshev_polynomial_w = _plain("shifted_chebyshev_polynomial_w")
