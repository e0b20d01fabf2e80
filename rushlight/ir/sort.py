"""Order: `argsort` gives places; the sorted values are a `gather` with them.

NaN is the greatest, as in PyTorch. Equal elements keep their order, ascending and descending.
"""

from __future__ import annotations

import numpy as np

from ..dtype import int64
from .op import NONDIFFERENTIABLE, Op
from .type import Type


def _argsort_eval(type: Type, x: np.ndarray, *, axis: int, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # Reversed twice around an ascending stable sort: descending, and equal elements still in their order.
    back = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(back, axis)


argsort = Op(
    "argsort",
    infer=lambda x, *, axis, descending: Type.of(x.shape, int64),
    eval=_argsort_eval,
    vjp=NONDIFFERENTIABLE,
    anchor="sort",
)


def _top_eval(type: Type, x: np.ndarray, *, axis: int, count: int, largest: bool) -> np.ndarray:
    order = _argsort_eval(type, x, axis=axis, descending=largest)
    return np.take(order, np.arange(count), axis=axis)


def _top_infer(x: Type, *, axis: int, count: int, largest: bool) -> Type:
    return Type.of((*x.shape[:axis], count, *x.shape[axis + 1 :]), int64)


top = Op("top", infer=_top_infer, eval=_top_eval, vjp=NONDIFFERENTIABLE, anchor="sort")
