"""What becomes one kernel, by counting kernels: the cost of these programs is decided here."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.backend.cpu import team
from rushlight.dtype import ALL, bfloat16, decode, encode, float16, float32, int64
from rushlight.dtype import dtype as ElementType
from rushlight.ir import activation, loss, reduce, scalar, view
from rushlight.ir.biased import affine, convolution
from rushlight.ir.component import component
from rushlight.ir.contract import contract
from rushlight.ir.contraction import build
from rushlight.ir.graph import Node
from rushlight.ir.normalization import moments, normalize, normalize_gradient
from rushlight.ir.scalar import number
from rushlight.kernel.contraction import Contract
from rushlight.kernel.nest import Nest, Sweep, Tally

from ..fuzz.guarded import guarded
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


def layer_norm_both_ways(g, x, weight, bias):  # type: ignore[no-untyped-def]
    """Normalizes the last axis; the result and all gradients."""
    axes, last = tuple(range(x.type.ndim)), x.type.ndim - 1
    layout = dict(axes=(last,), scale_axes=(last,), weighted=True, biased=True, centred=True)
    statistics = moments(x, axes=axes[-1:], centred=True)
    y = normalize(x, statistics, number(1, float32), weight, bias, **layout)
    wanted = dict(wanted=(True, True, True), bias=float32)
    found = normalize_gradient(g, x, statistics, number(1, float32), weight, **layout, **wanted)
    return y, *[component(found, index=index) for index in range(3)]


def tallies(function: Build, shapes: Shapes, dtype: ElementType = float32) -> int:
    launches = lowered(function, shapes, dtype).launches
    nests = [launch.kernel for launch in launches if isinstance(launch.kernel, Nest)]
    return sum(isinstance(statement, Tally) for nest in nests for statement in nest.statements())


def test_layer_norm_both_ways_reads_its_rows_once() -> None:
    shapes = [(4096, 768), (4096, 768), (768,), (768,)]
    whole, *rest = kernels(layer_norm_both_ways, shapes)
    assert isinstance(whole, Nest) and sum(isinstance(part, Sweep) for part in whole.body) == 3
    assert tallies(layer_norm_both_ways, shapes) == 2
    assert all(
        isinstance(nest, Nest) and nest.extents == (64, 768) for nest in rest
    )  # the blocks' sums are put together


ROWS = [(4096, 768), (1000, 77), (512, 1), (8, 256, 20), (16, 40, 128), (2, 3, 160, 33), (9, 8, 16)]


@pytest.mark.parametrize("shape", ROWS)
def test_sums_over_rows_on_the_side_are_right_for_any_number_of_threads(shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0).standard_normal
    arrays = [draw(one, dtype=np.float32) for one in (shape, shape, shape[-1:], shape[-1:])]
    before, found = team.threads(), []
    for count in (1, 2, 3):
        team.set_threads(count)
        try:
            found.append(both_tiers(layer_norm_both_ways, arrays))
        finally:
            team.set_threads(before)
    for (expected, first), *others in zip(*found, strict=True):
        np.testing.assert_allclose(first, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
        for _, other in others:
            np.testing.assert_array_equal(first, other)


def test_blocks_of_other_rows_are_not_summed_on_the_side() -> None:
    def sums(x, y):  # type: ignore[no-untyped-def]
        z = scalar.exp(view.slice_(x, (0, 0), (512, 30)))
        blocks = reduce.sum_(view.reshape(scalar.mul(z, y), (16, 32, 30)), (1,))
        return reduce.softmax(x, axis=1), blocks

    draw = np.random.default_rng(0).standard_normal
    x, y = draw((520, 30), dtype=np.float32), draw((512, 30), dtype=np.float32)
    assert tallies(sums, [x.shape, y.shape]) == 0
    for expected, found in both_tiers(sums, [x, y]):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_sums_of_half_precision_are_not_kept_in_it() -> None:
    def sums(x):  # type: ignore[no-untyped-def]
        return reduce.max_(x, axes=(1,)), reduce.sum_(view.reshape(x, (16, 32, 30)), (1,))

    assert tallies(sums, [(512, 30)]) == 1
    assert tallies(sums, [(512, 30)], bfloat16) == 0


def test_few_rows_are_not_summed_on_the_side() -> None:
    assert tallies(layer_norm_both_ways, [(60, 768), (60, 768), (768,), (768,)]) == 0


def test_what_reads_a_sum_over_rows_waits_for_it() -> None:
    def centred(x):  # type: ignore[no-untyped-def]
        y = reduce.softmax(x, axis=1)
        means = reduce.spread(reduce.sum_(y, (0,)), x.type.shape, (0,))
        return reduce.softmax(scalar.sub(y, means), axis=1)

    x = np.random.default_rng(0).standard_normal((512, 40), dtype=np.float32)
    assert tallies(centred, [x.shape]) == 1
    for expected, found in both_tiers(centred, [x]):
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i2"])
def test_mirrored_elements_that_are_not_chosen_are_not_read(dtype: str, end: bool) -> None:
    def mirrored_once(x):  # type: ignore[no-untyped-def]
        return view.concatenate((view.flip(x, axes=(1,)), x, x, x), 0)

    x = guarded((2, 125), dtype, end=end)
    x[:] = np.arange(250).reshape(2, 125) % 200
    kind = next(d for d in ALL if d.storage == x.dtype)
    for expected, found in both_tiers(mirrored_once, [x], kind):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("columns", [7, 64, 77, 128, 500, 1003])
def test_rows_that_are_many_are_reduced_as_few_are(columns: int) -> None:
    def reduced(x):  # type: ignore[no-untyped-def]
        return (
            reduce.softmax(x, axis=1),
            reduce.sum_(x, (1,)),
            *[fold(x, axes=(1,)) for fold in (reduce.max_, reduce.min_)],
        )

    x = np.random.default_rng(0).standard_normal((700_001 // columns, columns), dtype=np.float32)
    x[3, columns - 1] = np.nan
    few = both_tiers(reduced, [x[:8]])
    for (expected, found), (_, first) in zip(both_tiers(reduced, [x]), few, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(found[:8], first)


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


@pytest.mark.parametrize("dtype", [bfloat16, float16], ids=str)
def test_a_choice_between_two_margins_is_a_number_of_half_precision(dtype: ElementType) -> None:
    """Of the padded array only what fills the margin is read, in both branches of a choice, and summed."""

    def chosen(flag, x):  # type: ignore[no-untyped-def]
        margin = view.slice_(view.pad(x, (4,), (0,)), (0,), (4,))
        return reduce.sum_(scalar.select(scalar.ne(flag, flag), margin, margin), (0,)), scalar.add(margin, margin)

    arrays = [encode(np.float32([1, 2, 3, 4]), dtype), encode(np.float32([5]), dtype)]
    for one, other in both_tiers(chosen, arrays, dtype):
        np.testing.assert_array_equal(other, one)


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


def test_values_of_long_rows_are_computed_again_for_later_sweeps() -> None:
    def build(x):  # type: ignore[no-untyped-def]
        y = scalar.exp(scalar.tanh(x))
        z = scalar.div(
            y, view.expand(view.reshape(reduce.sum_(y, (0, 2)), (1, 16, 1)), y.type.shape)
        )  # rows too long to be kept
        return y, z, scalar.mul(z, scalar.sqrt(y))

    x = np.random.default_rng(0).standard_normal((100, 16, 1024)).astype("f4")
    (kernel,) = kernels(build, [x.shape])
    assert isinstance(kernel, Nest) and not kernel.kept
    for interpreted, compiled in both_tiers(build, [x]):
        np.testing.assert_allclose(compiled, interpreted, rtol=2e-5)
