"""The two parts of a floating number: x = mantissa · 2^exponent with |mantissa| in [1/2, 1)."""

from __future__ import annotations

import numpy as np

from ..dtype import int32
from . import scalar
from .op import NONDIFFERENTIABLE
from .scalar import cast, exp2, mul, neg

exponent = scalar.scalar("exponent", lambda x: np.frexp(x)[1].astype(np.int32), NONDIFFERENTIABLE, int32)
mantissa = scalar.scalar(
    "mantissa",
    lambda x: np.frexp(x)[0],
    lambda g, y, x: (mul(g, exp2(neg(cast(exponent(x), dtype=g.type.dtype)))),),
)
