"""What an optimizer does to one parameter in a step, as one record: `sgd_update`, `adam_update`; and the norm of all gradients.

A rule is written once, over an arithmetic: with NumPy's functions it is the record's `eval`, with the scalar records its
`primitives`. Rates and coefficients are zero-dimensional operands, so that a schedule needs no new plan; attributes say
which terms there are at all. Each operation rounds, in the order in which PyTorch's optimizers do them, and where these fuse a product and a sum, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..dtype import dtype
from ..errors import InternalError
from ..fused import multiply_add
from . import rounding, scalar
from .graph import Node, input_node
from .lasting import lasting
from .op import NONDIFFERENTIABLE, Op, same_dtype
from .reduce import sum_
from .type import TupleType, Type
from .view import concatenate, reshape

_ARRAYS = SimpleNamespace(
    add=np.add,
    add_product=lambda a, b, c: multiply_add(b, c, a),
    sub=np.subtract,
    mul=np.multiply,
    div=np.true_divide,
    neg=np.negative,
    sqrt=np.sqrt,
    maximum=np.maximum,
)


def _record(name: str, rule: Callable[..., tuple[Any, ...]], states: Callable[..., int]) -> Op:
    """The record of a rule: `rule(arithmetic, p, g, *states, *numbers, **attributes)` gives the new p and the new states.

    `states(**attributes)` says how many states there are: the operands after the parameter and its gradient that have
    the parameter's type; the numbers after them are of its dtype.
    """

    def infer(*types: Type, **attributes: Any) -> Type | TupleType:
        tensors = 2 + states(**attributes)
        own, number = types[0], types[0].with_shape(())
        if types[:tensors] != (own,) * tensors or any(type is not number for type in types[tensors:]):
            raise InternalError(f"{name}: operands {types!r} are not of one type, with numbers of its dtype")
        return own if tensors == 2 else TupleType.of(own, *types[2:tensors])

    def evaluate(type: Type | TupleType, *arrays: np.ndarray, **attributes: Any) -> Any:
        with np.errstate(all="ignore"):
            results = rule(_ARRAYS, *arrays, **attributes)
        return results if isinstance(type, TupleType) else results[0]

    def primitives(*operands: Node, **attributes: Any) -> Node | tuple[Node, ...]:
        results = rule(scalar, *operands, **attributes)
        return results if len(results) > 1 else results[0]

    return Op(name, infer=infer, eval=evaluate, vjp=NONDIFFERENTIABLE, anchor="map", primitives=primitives)


def _sgd(
    a: Any, p: Any, g: Any, *rest: Any, maximize: bool, decays: bool, momentum: bool, dampened: bool, nesterov: bool
) -> tuple[Any, ...]:
    """Numbers: the decay of weights, the momentum, 1 - dampening, as far as there are such; the rate, negative."""
    remaining = iter(rest)
    velocity = next(remaining) if momentum else None
    if maximize:
        g = a.neg(g)
    if decays:
        g = a.add_product(g, p, next(remaining))
    if not momentum:
        return (a.add_product(p, g, next(remaining)),)
    kept = next(remaining)
    velocity = a.mul(velocity, kept)
    velocity = a.add_product(velocity, g, next(remaining)) if dampened else a.add(velocity, g)
    along = a.add_product(g, velocity, kept) if nesterov else velocity
    return a.add_product(p, along, next(remaining)), velocity


sgd_update = _record("sgd_update", _sgd, lambda *, momentum, **_: int(momentum))


def _mean(a: Any, mean: Any, g: Any, numbers: Iterator[Any], near: bool) -> Any:
    """The mean moved towards g, reckoned from the nearer of the two as `lerp` does.

    near: by this share of the way; else to within this share of it.
    """
    gap = a.sub(g, mean)
    return a.add_product(mean, gap, next(numbers)) if near else a.add_product(g, gap, a.neg(next(numbers)))


def _adam(
    a: Any, p: Any, g: Any, mean: Any, square: Any, *rest: Any, maximize: bool, decays: str, amsgrad: bool, near: bool
) -> tuple[Any, ...]:
    """Numbers: for weights that decay, what they (where `decays` is "weight") or what is added to the gradient ("gradient")
    is multiplied by; for the mean see `_mean`; beta2 and 1 - beta2; the square's correction; eps; the rate over the mean's
    correction, negative.
    """
    numbers = iter(rest)
    largest = next(numbers) if amsgrad else None
    if maximize:
        g = a.neg(g)
    if decays == "weight":
        p = a.mul(p, next(numbers))
    elif decays == "gradient":
        g = a.add_product(g, p, next(numbers))
    mean = _mean(a, mean, g, numbers, near)
    square = a.mul(square, next(numbers))
    square = a.add_product(square, a.mul(g, next(numbers)), g)
    second = largest = a.maximum(largest, square) if amsgrad else square
    root = a.add(a.div(a.sqrt(second), next(numbers)), next(numbers))
    p = a.add(p, a.div(a.mul(mean, next(numbers)), root))
    return (p, mean, square, largest) if amsgrad else (p, mean, square)


adam_update = _record("adam_update", _adam, lambda *, amsgrad, **_: 3 if amsgrad else 2)


# ---- the norm by which gradients are clipped ----


def _total_norm_infer(*gradients: Type) -> Type:
    same_dtype("total_norm", gradients)
    return gradients[0].with_shape(())


def _length(x: np.ndarray) -> Any:
    return np.sqrt(rounding.total(np.square(x), tuple(range(x.ndim))) if x.ndim else np.square(x))


def _total_norm_eval(type: Type, *gradients: np.ndarray) -> Any:
    with np.errstate(all="ignore"):
        return _length(np.stack([_length(g) for g in gradients]))


def _length_node(x: Node) -> Node:
    return scalar.sqrt(sum_(scalar.square(x), tuple(range(x.type.ndim))))


def _total_norm_primitives(*gradients: Node) -> Node:
    lengths = tuple([reshape(_length_node(g), (1,)) for g in gradients])
    return _length_node(concatenate(lengths, 0))


total_norm = Op(
    "total_norm",
    infer=_total_norm_infer,
    eval=_total_norm_eval,
    vjp=NONDIFFERENTIABLE,
    anchor="reduce",
    primitives=_total_norm_primitives,
)


# ---- numbers ----


def setting(value: float, kind: dtype) -> Node:
    """A number as an input, also where it is one of the literals: a schedule may pass through 0 and 1."""
    if -1e38 < value < 1e38:
        return input_node(np.array(value, kind.storage), Type.of((), kind))
    with np.errstate(all="ignore"):  # which costs more than all the rest
        return input_node(np.array(value).astype(kind.storage), Type.of((), kind))


@lasting(maxsize=256)
def _known(value: float, kind: dtype) -> Node:
    return setting(value, kind)


def lasting_setting(value: float, kind: dtype) -> Node:
    """The same, for a number that stays from step to step: made once."""
    return _known(value, kind) if value else setting(value, kind)  # 0.0 and -0.0 are the same key
