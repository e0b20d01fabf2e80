"""Updates of optimizers: the record and its primitives give the same bits, and a rate is never part of the structure."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.dtype import float32, float64
from rushlight.ir import op
from rushlight.ir.graph import input_node
from rushlight.ir.op import bind
from rushlight.ir.update_rules import lasting_setting, setting
from rushlight.runtime.executor import value_of

from .layer_samples import samples
from .op_samples import type_of


@pytest.mark.parametrize("kind", [float32, float64])
@pytest.mark.parametrize("name", ["sgd_update", "adam_update"])
def test_the_record_and_its_primitives_give_the_same_bits(name: str, kind: type) -> None:
    record = op.registry[name]
    assert record.primitives is not None
    for sample in samples(name):
        arrays = [np.asarray(x, kind.storage) for x in sample.operands]  # type: ignore[attr-defined]
        nodes = [input_node(x, type_of(x)) for x in arrays]
        parts = record.primitives(*nodes, **sample.attributes)
        signature = record(*nodes, **sample.attributes).signature
        assert signature is not None
        whole = bind(signature)(*arrays)
        for part, array in zip(*((parts, whole) if isinstance(parts, tuple) else ((parts,), (whole,))), strict=True):
            found = value_of(part)
            assert found.dtype == array.dtype and found.tobytes() == array.tobytes()


@pytest.mark.parametrize("value", [0, -0.0, 0.0, 1, 0.5, 3e-4, 1e300])
def test_a_setting_is_an_input(value: float) -> None:
    for make in (setting, lasting_setting):
        node = make(value, float32)
        assert node.signature is None and node.value is not None
        assert np.signbit(node.value) == np.signbit(value)
    assert lasting_setting(3e-4, float32) is lasting_setting(3e-4, float32)
