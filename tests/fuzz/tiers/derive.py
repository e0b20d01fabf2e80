"""Which rule belongs to which op."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.ir import op
from rushlight.ir.graph import Signature
from rushlight.ir.type import TupleType

from . import layers, rules
from .facts import FORMATS, Fact
from .rules import Facts, Rejected, Rule

_BY_NAME: dict[str, Rule] = {
    "constant": rules.constant,
    "cast": rules.cast,
    "bitcast": rules.bits,
    "nextafter": rules.opaque,
    "prod": rules.factors,
    "cumprod": rules.factors,
    "scatter": rules.scatter,
    "put": rules.scatter,
    "max": rules.extreme,
    "min": rules.extreme,
    "moments": layers.moments,
    "normalize": layers.normalized,
    "standardize": layers.normalized,
    "normalize_gradient": layers.normalized_back,
    "logcumsumexp": layers.running_exponentials,
    "max_pool": layers.pooled,
    "max_pool_gradient": layers.pooled,
    "running": rules.opaque,
    **dict.fromkeys(
        "sum average cumsum contract affine convolution fold embedding_gradient spread_back".split(), rules.linear
    ),
    **dict.fromkeys("any all argmax argmin argcummax argcummin argsort top max_pool_index".split(), rules.places),
    **dict.fromkeys("softmax log_softmax safe_softmax logsumexp".split(), layers.exponentials),
    **dict.fromkeys("nll nll_gradient cross_entropy cross_entropy_gradient".split(), layers.loss),
}


def rule_of(name: str) -> Rule:
    """The rule of an op."""
    record = op.registry[name]
    if name in _BY_NAME:
        return _BY_NAME[name]
    if record.moves or record.anchor == "component":
        return rules.moving
    return rules.elementwise if record.at is not None else rules.opaque


def _whole(signature: Signature, operands: Facts) -> Fact | None:
    """Where nothing is floating, `eval` says it all."""
    parts = [signature.type, *signature.operands]
    if any(isinstance(part, TupleType) or part.dtype in FORMATS for part in parts):
        return None
    value: Any = rules.wide(signature, [fact.value for fact in operands])
    return Fact(signature.type, np.asarray(value).astype(signature.type.dtype.storage, copy=False), None)


def derive(signature: Signature, operands: Facts) -> Any:
    """What is known of a node's result: a Fact, for ops of several results a tuple of them."""
    with np.errstate(all="ignore"):
        whole = _whole(signature, operands)
        return whole if whole is not None else rule_of(signature.op.name)(signature, operands)


__all__ = ["Rejected", "derive", "rule_of"]
