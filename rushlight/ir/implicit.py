"""Records that give draws of gamma and Dirichlet numbers a gradient in their parameters.

A draw x with the distribution function F(x; a) moves with its parameter so that F keeps its value:
dx/da = -(dF/da) / (dF/dx) (Figurnov, Mohamed, Mnih, "Implicit Reparameterization Gradients", 2018, section 2). The
quotient is an integral from x to either end. With θ the logarithm of t (gamma) or of t / (1 - t) (beta), what is
integrated is d·(log t - κ)·exp(h(θ) - h(θ_x)), where κ is the mean of log t, h is concave, and d = ±1 points away from
the mode: a decay that a few panels of Gauss-Legendre nodes take in. Where the decay is so slow that the rest is a plain
exponential, the rest is added in closed form.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import special_gamma
from .graph import Node
from .op import NONDIFFERENTIABLE, Op
from .scalar import mul, scalar

_PANELS = 4
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_DECAY = 40.0  # exp(-40) is nothing in float64
_CHUNK = 4096  # draws worked on at once, a hundred nodes each

Array = np.ndarray


def _reach(drop: Callable[[Array], tuple[Array, Array]], start: Array, limit: Array) -> Array:
    """How far the integral goes: where the convex `drop` (value and slope) has come to `_DECAY`, by Newton's steps."""
    reach = start
    for _ in range(24):
        value, slope = drop(reach)
        moved = np.clip(reach - (value - _DECAY) / slope, start, limit)
        settled = np.abs(moved - reach) <= 0.05 * moved
        reach = moved
        if settled.all():
            break
    return reach


def _integral(integrand: Callable[[Array], Array], reach: Array) -> Array:
    """The integral from 0 to each `reach`."""
    total = np.zeros_like(reach)
    half = reach / (2 * _PANELS)
    for panel in range(_PANELS):
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            total += weight * integrand(half * (2 * panel + 1 + node))
    return total * half


def _gamma_chunk(alpha: Array, x: Array) -> Array:
    kappa, log_x = special_gamma.digamma(alpha), np.log(x)
    side = np.where(x > alpha, 1.0, -1.0)
    below = side < 0

    def drop(w: Array) -> tuple[Array, Array]:
        grown = np.expm1(side * w)
        return x * grown - alpha * side * w, side * (x * (grown + 1) - alpha)

    def integrand(w: Array) -> Array:
        return np.asarray(side * (log_x + side * w - kappa) * np.exp(-drop(w)[0]))

    limit = np.where(below, np.maximum(log_x + 36.0, 0.0), np.log1p(2 * (_DECAY + alpha) / x) + 1.0)
    reach = _reach(drop, np.minimum(_DECAY / np.maximum(alpha, x), limit), limit)
    rest = np.where(below & (reach == limit), _left_rest(alpha, kappa, log_x - reach, drop(reach)[0]), 0.0)
    return np.asarray(x * (_integral(integrand, reach) + rest))


def _left_rest(rate: Array, kappa: Array, log_t: Array, drop: Array) -> Array:
    """What remains on the left, where t is so small that the density is a power of it."""
    return np.asarray(np.exp(-drop) * ((kappa - log_t) / rate + 1 / rate**2))


def _dirichlet_chunk(x: Array, alpha: Array, total: Array) -> Array:
    beta = total - alpha
    kappa = special_gamma.digamma(alpha) - special_gamma.digamma(total)
    log_x, log_odds = np.log(x), np.log(x) - np.log1p(-x)
    side = np.where(x * total > alpha, 1.0, -1.0)
    below = side < 0

    def drop(w: Array) -> tuple[Array, Array]:
        moved = x * np.expm1(side * w)
        value = total * np.log1p(moved) - alpha * side * w
        return value, side * (total * (x + moved) / (1 + moved) - alpha)

    def integrand(w: Array) -> Array:
        log_t = log_x + side * w - np.log1p(x * np.expm1(side * w))
        return np.asarray(side * (log_t - kappa) * np.exp(-drop(w)[0]))

    far = 36.0 + np.log(np.maximum(total, 1.0))
    limit = np.maximum(far - side * log_odds, 0.0)
    reach = _reach(drop, np.minimum(_DECAY / np.maximum(alpha, beta), limit), limit)
    fallen = drop(reach)[0]
    log_t = log_x - reach - np.log1p(x * np.expm1(-reach))
    rest = np.where(below, _left_rest(alpha, kappa, log_t, fallen), np.exp(-fallen) * -kappa / beta)
    return np.asarray(x * (_integral(integrand, reach) + np.where(reach == limit, rest, 0.0)))


def _in_chunks(function: Callable[..., Array], *operands: Array) -> Array:
    """The function in float64 on the broadcast operands; 0 where it has no value."""
    kind = np.result_type(*operands)
    wide = [part.astype(np.float64).ravel() for part in np.broadcast_arrays(*operands)]
    result = np.empty(wide[0].size)
    for begin in range(0, result.size, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        result[part] = function(*[operand[part] for operand in wide])
    result[np.isnan(result)] = 0.0
    return result.astype(kind).reshape(np.broadcast_shapes(*[operand.shape for operand in operands]))


def _gamma_slope(alpha: Array, x: Array) -> Array:
    return _in_chunks(_gamma_chunk, alpha, x)


def _dirichlet_slope(x: Array, alpha: Array, total: Array) -> Array:
    return _in_chunks(_dirichlet_chunk, x, alpha, total)


def _missing_derivative(g: Node, y: Node, *operands: Node) -> tuple[Node | None, ...]:
    raise NotImplementedError("the derivative for '_standard_gamma_grad' is not implemented.")


# dx/dα of a gamma draw x of shape α.
standard_gamma_grad = scalar("standard_gamma_grad", _gamma_slope, _missing_derivative)
# dx/dα / (1 - x) of a share x of a Dirichlet draw: x is beta distributed with α and total - α.
dirichlet_grad = scalar("dirichlet_grad", _dirichlet_slope, NONDIFFERENTIABLE)
# A gamma draw, and its history.
gamma_draw: Op = scalar(
    "gamma_draw",
    lambda alpha, draw: np.array(np.broadcast_arrays(draw, alpha)[0]),
    lambda g, y, alpha, draw: (mul(g, standard_gamma_grad(alpha, draw)), None),
)
