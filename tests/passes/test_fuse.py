"""What becomes one kernel, by counting kernels: the cost of these programs is decided here."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.dtype import bfloat16, decode, encode, float16, float32, int64
from rushlight.dtype import dtype as ElementType
from rushlight.ir import activation, loss, reduce, scalar, view
from rushlight.ir.biased import affine, convolution
from rushlight.ir.contract import contract
from rushlight.ir.contraction import build
from rushlight.ir.graph import Node
from rushlight.ir.normalization import moments, normalize
from rushlight.ir.scalar import number
from rushlight.kernel.contraction import Contract
from rushlight.kernel.nest import Nest, Sweep

from .capturing import Build, Shapes, both_tiers, lowered


def kernels(function: Build, shapes: Shapes) -> list[object]:
    return [launch.kernel for launch in lowered(function, shapes).launches]


def test_an_elementwise_chain_with_views_is_one_nest() -> None:
    def chain(x, y):  # type: ignore[no-untyped-def]
        return scalar.tanh(scalar.add(view.permute(x, (1, 0)), view.reshape(y, (4, 3))))

    (kernel,) = kernels(chain, [(3, 4), (12,)])
    assert isinstance(kernel, Nest) and not kernel.inner


def test_softmax_is_one_nest_of_three_sweeps() -> None:
    (kernel,) = kernels(lambda x: reduce.softmax(x, axis=1), [(8, 100)])
    assert isinstance(kernel, Nest)
    assert sum(isinstance(part, Sweep) for part in kernel.body) == 3
    assert len(kernel.kept) == 1  # the weights, which are not computed twice


def test_layer_norm_is_one_nest() -> None:
    def layer_norm(x, weight, bias):  # type: ignore[no-untyped-def]
        statistics = moments(x, axes=(1,), centred=True)
        layout = dict(axes=(1,), scale_axes=(1,), weighted=True, biased=True, centred=True)
        return normalize(x, statistics, number(1, float32), weight, bias, **layout)

    assert len(kernels(layer_norm, [(8, 100), (100,), (100,)])) == 1


def test_bias_activation_and_residual_are_done_where_the_product_is_stored() -> None:
    spec = build.matmul((8, 16), (16, 32))

    def block(bias, x, w, r):  # type: ignore[no-untyped-def]
        return scalar.add(activation.relu(scalar.add(contract(x, w, spec=spec), bias)), r)

    (kernel,) = kernels(block, [(32,), (8, 16), (16, 32), (8, 32)])
    assert isinstance(kernel, Contract) and len(kernel.extras) == 2


@pytest.mark.parametrize("dtype", [bfloat16, float16], ids=str)
def test_layers_of_half_precision_read_it_as_it_lies(dtype: ElementType) -> None:
    spec = build.linear((8, 16), (32, 16))
    geometry = ((2, 3, 8, 8), (4, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))

    def linear(bias, x, w):  # type: ignore[no-untyped-def]
        return activation.relu(affine(bias, x, w, spec=spec))

    def convolved(x, w, bias):  # type: ignore[no-untyped-def]
        return convolution(x, w, bias, spec=build.convolution(*geometry), groups=1)

    for function, shapes in ((linear, [(32,), (8, 16), (32, 16)]), (convolved, [*geometry[:2], (4,)])):
        (launch,) = lowered(function, shapes, dtype).launches
        kernel = launch.kernel
        assert isinstance(kernel, Contract) and kernel.decoded and len(kernel.extras) == 1
        assert {buffer.dtype for buffer in (*kernel.operands, *kernel.extras, *kernel.results)} == {dtype}


@pytest.mark.parametrize("dtype", [bfloat16, float16], ids=str)
def test_what_is_decoded_for_several_uses_is_the_same_in_both_tiers(dtype: ElementType) -> None:
    """Small integers, so that no sum is rounded: a product, its operand squared, a sum of that, and what is computed from all."""
    spec = build.linear((8, 16), (32, 16))

    def function(bias, x, w):  # type: ignore[no-untyped-def]
        square = scalar.mul(x, x)
        product = affine(bias, view.reshape(view.permute(square, (1, 0)), (8, 16)), w, spec=spec)
        return scalar.add(product, bias), reduce.sum_(square, (1,)), square

    generator = np.random.default_rng(0)
    arrays = [generator.integers(-2, 3, shape).astype(np.float32) for shape in ((32,), (8, 16), (32, 16))]
    for one, other in both_tiers(function, [encode(array, dtype) for array in arrays], dtype):
        np.testing.assert_array_equal(decode(other, dtype), decode(one, dtype))


def test_a_value_that_is_stored_is_read_not_computed_again() -> None:
    first, second = build.matmul((8, 16), (16, 32)), build.matmul((8, 32), (32, 4))

    def two_layers(bias, x, w, v):  # type: ignore[no-untyped-def]
        y = activation.relu(scalar.add(contract(x, w, spec=first), bias))
        return contract(y, v, spec=second), activation.relu_gradient(scalar.exp(y), y)

    layer, *_ = kernels(two_layers, [(32,), (8, 16), (16, 32), (32, 4)])
    assert isinstance(layer, Contract) and len(layer.results) <= 2
    readers = lowered(two_layers, [(32,), (8, 16), (16, 32), (32, 4)]).launches
    assert sum(len(launch.results) for launch in readers) == 3


def test_a_transposed_weight_is_read_where_it_lies() -> None:
    spec = build.matmul((8, 16), (16, 32))
    (kernel,) = kernels(lambda x, w: contract(x, view.permute(w, (1, 0)), spec=spec), [(8, 16), (32, 16)])
    assert isinstance(kernel, Contract) and kernel.operands[1].strides == (1, 16)


def test_what_padding_alone_stands_on_is_not_computed() -> None:
    def cut(x):  # type: ignore[no-untyped-def]
        return view.slice_(view.pad(scalar.exp(x), (4,), (0,)), (0,), (4,))

    (kernel,) = kernels(cut, [(4,)])
    assert not kernel.operands  # type: ignore[attr-defined]


def test_a_value_that_needs_another_kernel_between_is_not_joined() -> None:
    def crossing(x):  # type: ignore[no-untyped-def]
        y = scalar.exp(x)
        return scalar.mul(
            y, view.expand(view.reshape(reduce.sum_(scalar.mul(y, view.flip(y, axes=(0,))), (0,)), (1,)), (8,))
        )

    x = np.linspace(0, 1, 8, dtype=np.float32)
    for expected, found in both_tiers(crossing, [x]):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def _cross_entropy(x: Node, target: Node) -> Node:
    return loss.binary_cross_entropy(scalar.mul(x, x), target)


@pytest.mark.parametrize(
    "fallible, dtype", [(scalar.floor_divide, int64), (scalar.rem, int64), (_cross_entropy, float32)]
)
def test_what_can_fail_is_not_done_where_a_product_is_stored(fallible: Build, dtype: ElementType) -> None:
    spec = build.matmul((3, 4), (4, 5))
    x = np.full((3, 4), 3 if dtype is int64 else 0.25, dtype.storage)
    w, y = np.ones((4, 5), dtype.storage), np.ones((3, 5), dtype.storage)
    for expected, found in both_tiers(lambda x, w, y: fallible(contract(x, w, spec=spec), y), [x, w, y], dtype):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1 << 17,), (3, 1 << 16), (100_003,), (2, 3, 1 << 14)])
def test_long_sums_are_sums_of_sums(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    ((expected, found),) = both_tiers(lambda x: reduce.sum_(x, tuple(range(x.type.ndim))), [x])
    exact = x.astype(np.float64).sum()
    assert abs(found - exact) <= abs(expected - exact) + 1e-6 * np.abs(x).sum() ** 0.5
    assert len(kernels(lambda x: reduce.sum_(x, tuple(range(x.type.ndim))), [shape])) >= 2
