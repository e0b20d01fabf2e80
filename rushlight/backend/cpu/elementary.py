"""Elementary functions of lanes, by name, at any width, subnormal numbers, infinities and NaN included: within two units in the last
place; in double tan, erfc and the normal distribution's tail within three, the tail in float, where speed counts, within five.

Functions of floats that few programs wait for compute in double.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .exponential import acosh, asinh, atanh, cosh, exp, exp2, expm1, log, log1p, log2, log10, sinh, tanh
from .gamma import digamma, erfcx, erfinv, lgamma, log_ndtr, ndtri
from .lanes import Lanes, shared
from .normal import erf, erfc, normal_slope, normal_tail
from .power import power
from .trigonometry import acos, asin, atan, atan2, cos, sin, tan


def hypot(v: Lanes, x: str, y: str) -> str:
    """sqrt(x² + y²), scaled by a power of two where a square would overflow or vanish; infinite where one of them is."""
    x, y = v.abs(x), v.abs(y)
    size = v.select(v.test("olt", x, y), y, x)
    large, small = v.test("ogt", size, 2.0**500), v.test("olt", size, 2.0**-500)
    down, up = 2.0**-600, 2.0**600
    scale, back = (v.select(large, a, v.select(small, b, 1.0)) for a, b in ((down, up), (up, down)))
    x_scaled, y_scaled = v.mul(x, scale), v.mul(y, scale)
    value = v.mul(v.sqrt(v.fma(x_scaled, x_scaled, v.mul(y_scaled, y_scaled))), back)
    infinite = v.either(v.test("oeq", x, math.inf), v.test("oeq", y, math.inf))
    return v.select(infinite, math.inf, value)


# ---- which function is computed how ----

Body = Callable[..., str]

# In lanes of the operand's type.
DIRECT: dict[str, Body] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "log": log, "log2": log2, "log10": log10, "log1p": log1p, "sinh": sinh, "cosh": cosh,
    "tanh": tanh, "erf": erf, "normal_tail": normal_tail, "normal_slope": normal_slope, "sin": sin, "cos": cos, "acos": acos,
    "atan": atan, "atan2": atan2,
}  # fmt: skip
# In lanes of double.
BY_DOUBLE: dict[str, Body] = {
    "asin": asin, "asinh": asinh, "acosh": acosh, "atanh": atanh, "tan": tan, "erfc": erfc, "hypot": hypot, "pow": power,
    "lgamma": lgamma, "digamma": digamma, "erfcx": erfcx, "erfinv": erfinv, "log_ndtr": log_ndtr, "ndtri": ndtri,
}  # fmt: skip
SHORT = frozenset({"exp", "exp2"})  # written where they are applied, where the machine scales in hardware

NAMES = frozenset(DIRECT) | frozenset(BY_DOUBLE)


def elementary(v: Lanes, name: str, arguments: Sequence[str]) -> str:
    """Applies an elementary function."""
    if name in DIRECT:
        if name in SHORT and v.has_exponents:
            return DIRECT[name](v, *arguments)
        return shared(v, name, len(arguments), DIRECT[name], arguments)
    return shared(v, name, len(arguments), _by_double(name), arguments)


def _by_double(name: str) -> Body:
    function = BY_DOUBLE[name]

    def body(v: Lanes, *arguments: str) -> str:
        if v.element == "double":
            return function(v, *arguments)
        wide, converted = v.widened(arguments)
        settings = {"precise": False} if name == "pow" else {}
        return wide.narrowed(function(wide, *converted, **settings), v)

    return body
