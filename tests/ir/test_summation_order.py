"""The bits of a product do not depend on how its operands lie, and a product of a few numbers is rounded as PyTorch's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rushlight


def arranged(array: np.ndarray, transposed: bool) -> rushlight.Tensor:
    """The matrix as a tensor, in memory by rows or by columns."""
    return rushlight.from_numpy(array.T.copy()).t() if transposed else rushlight.from_numpy(array.copy())


@pytest.mark.parametrize("shape", [(4, 2, 3), (36, 50, 10), (4, 50, 96), (100, 84, 10), (10, 100, 84), (64, 100, 100)])
def test_bits_do_not_depend_on_layout(shape: tuple[int, int, int]) -> None:
    rows, depth, columns = shape
    random = np.random.default_rng(0)
    left = random.standard_normal((rows, depth)).astype(np.float32)
    right = random.standard_normal((depth, columns)).astype(np.float32)
    results = [
        (arranged(left, turned) @ arranged(right, other)).numpy() for turned, other in itertools.product((0, 1), (0, 1))
    ]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_a_few_products_are_rounded_before_they_are_added() -> None:
    # In one fused step the small part of the first product would survive.
    left = np.array([[1 + 2.0**-12, 1.0], [1.0, 0.0]], np.float32)
    right = np.array([[1 + 2.0**-12, 0.0], [-1.0, 1.0]], np.float32)
    product = (rushlight.from_numpy(left) @ rushlight.from_numpy(right)).numpy()
    assert product[0, 0] == np.float32(left[0, 0] * right[0, 0]) - np.float32(1.0)
