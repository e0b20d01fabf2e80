"""Functions of nodes run on arrays, beside the trace."""

import numpy as np
import pytest

import rushlight
from rushlight import config
from rushlight.dtype import float32
from rushlight.ir import scalar
from rushlight.ir.graph import trace
from rushlight.ir.type import Type
from rushlight.runtime.routine import Routine

TYPE = Type.of((3, 4), float32)


@pytest.fixture(params=["interp", "compile"])
def tier(request, monkeypatch):
    monkeypatch.setattr(config, "TIER", request.param)


def test_results_and_constants(tier):
    routine = Routine(lambda x, y: (scalar.add(x, y), scalar.mul(x, scalar.number(0.3, float32))), (TYPE, TYPE))
    x, y = np.arange(12, dtype=np.float32).reshape(3, 4), np.full((3, 4), 2.5, np.float32)
    for _ in range(3):
        total, product = routine.run(x, y)
        np.testing.assert_array_equal(total, x + y)
        np.testing.assert_array_equal(product, x * np.float32(0.3))
        x = x[::-1]


def test_the_trace_is_left_alone(tier):
    pending = rushlight.ones(2) * 3
    key, count = list(trace.key), trace.pending
    routine = Routine(scalar.neg, (TYPE,))
    routine.run(np.zeros((3, 4), np.float32))
    assert (trace.key, trace.pending) == (key, count)
    assert pending.tolist() == [3, 3]


def test_an_index_as_a_number(tier):
    """Its loop must not become one with others."""
    (found,) = Routine(lambda: scalar.iota(shape=(3, 4, 32), axis=1), ()).run()
    np.testing.assert_array_equal(found, np.broadcast_to(np.arange(4)[:, None], (3, 4, 32)))
