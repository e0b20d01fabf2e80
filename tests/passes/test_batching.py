"""Each op done for a batch by its rule, against the op's `eval` of one example after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rushlight.ir import op
from rushlight.ir.component import components
from rushlight.ir.graph import input_node
from rushlight.ir.type import TupleType
from rushlight.passes import batching
from rushlight.runtime.executor import value_of
from tests.ir.layer_samples import samples
from tests.ir.op_samples import MULTIPLE, Sample, type_of

NAMES = sorted(set(op.registry) - set(MULTIPLE) - {"constant", "iota"})
SIZE = 3


def _examples(x: np.ndarray) -> np.ndarray:
    """A batch of examples near one, and apart from each other where the op's domain surely has room."""
    factors = 1 - 0.001 * np.arange(SIZE).reshape(SIZE, *[1] * x.ndim)
    return x * factors.astype(x.dtype) if x.dtype.kind in "fc" else np.broadcast_to(x, (SIZE, *x.shape))


def _check(name: str, sample: Sample, batched: list[bool]) -> None:
    record = op.registry[name]
    level = batching.Level(SIZE)
    wholes = [_examples(x) if own else x for x, own in zip(sample.operands, batched, strict=True)]
    nodes: list[Any] = [input_node(np.ascontiguousarray(x), type_of(x)) for x in wholes]
    with batching.opened(level):
        lanes = [batching.lane(node, level) if own else node for node, own in zip(nodes, batched, strict=True)]
        whole = batching.whole_of(record(*lanes, **sample.attributes), level)
    found = [value_of(part) for part in components(whole)] if isinstance(whole.type, TupleType) else [value_of(whole)]
    types = [type_of(x) for x in sample.operands]
    result = record.infer(*types, **sample.attributes)
    for place in range(SIZE):
        own = [x[place] if b else x for x, b in zip(wholes, batched, strict=True)]
        value: Any = record.eval(result, *own, **sample.attributes)
        for part, wanted in zip(found, value if isinstance(value, tuple) else [value], strict=True):
            np.testing.assert_allclose(part[place], wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_rules_agree_with_one_example_after_another(name: str) -> None:
    for sample in samples(name):
        count = len(sample.operands)
        patterns = {(True,) * count, (True, *[False] * (count - 1))}
        if name != "max_pool_gradient":  # which looks for its last operand in the one before
            patterns.add((*[False] * (count - 1), True))
        for batched in patterns:
            _check(name, sample, list(batched))
