"""Contractions made from shapes do what PyTorch's functions do, backwards too, and reject what PyTorch rejects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from rushlight.ir import contraction as cn
from rushlight.ir.contraction import Contraction, evaluate, vjp

Shape = tuple[int, ...]


def drawn(shapes: Sequence[Shape], dtype: Any = np.float64) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [np.asarray(generator.standard_normal(shape), dtype) for shape in shapes]


def check(
    contraction: Contraction,
    arrays: list[np.ndarray],
    reference: Callable[..., torch.Tensor],
    views: Sequence[Shape] | None = None,
) -> None:
    """Value and gradients against PyTorch's; `views` are the shapes the contraction wants the operands in."""
    shapes = list(views or [array.shape for array in arrays])
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = reference(*tensors)
    inputs = [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
    value = evaluate(contraction, *inputs)
    np.testing.assert_allclose(value.reshape(expected.shape), expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    if views is None:
        assert value.shape == expected.shape
    g = np.asarray(np.random.default_rng(1).standard_normal(value.shape))
    gradients = torch.autograd.grad(expected, tensors, torch.tensor(g).reshape(expected.shape))
    for j, (shape, gradient) in enumerate(zip(shapes, gradients, strict=True)):
        others = [other for k, other in enumerate(inputs) if k != j]
        cotangent = evaluate(vjp(contraction, j, shape), g, *others)
        assert cotangent.shape == shape
        np.testing.assert_allclose(cotangent.reshape(gradient.shape), gradient.numpy(), rtol=1e-9, atol=1e-12)


# Matrix products.

MATMUL = [
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((1, 3), (3, 1)),
    ((2, 1), (1, 3)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((1, 5, 2, 3), (6, 1, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((0, 2, 3), (0, 3, 4)),
    ((40, 70), (70, 33)),
    ((3, 40, 50), (3, 50, 40)),
]


@pytest.mark.parametrize(("x", "y"), MATMUL, ids=str)
def test_matmul(x: Shape, y: Shape) -> None:
    check(cn.matmul(x, y), drawn([x, y]), torch.matmul)


@pytest.mark.parametrize(
    ("x", "weight"), [((4, 3), (5, 3)), ((3,), (5, 3)), ((2, 4, 3), (5, 3)), ((4, 3), (3,))], ids=str
)
def test_linear(x: Shape, weight: Shape) -> None:
    check(cn.linear(x, weight), drawn([x, weight]), functional.linear)


def test_dot_outer_bilinear() -> None:
    check(cn.dot((7,), (7,)), drawn([(7,), (7,)]), torch.dot)
    check(cn.outer((7,), (4,)), drawn([(7,), (4,)]), torch.outer)
    shapes = ((6, 2, 3), (6, 2, 4), (5, 3, 4))
    check(cn.bilinear(*shapes), drawn(shapes), functional.bilinear)


EINSUM = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->i", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii->", (3, 3)),
    ("iji->j", (3, 2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("bqhd,bkhd->bhqk", (2, 4, 3, 5), (2, 6, 3, 5)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("i,ij,j->", (2,), (2, 3), (3,)),
    ("ab,cb,ac->abc", (2, 3), (4, 3), (2, 4)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,kl->", (2, 3), (4, 5)),
    ("ijkl,ij->kl", (2, 3, 4, 5), (2, 3)),
]


@pytest.mark.parametrize(("equation", "shapes"), [(e[0], e[1:]) for e in EINSUM], ids=str)
def test_einsum(equation: str, shapes: tuple[Shape, ...]) -> None:
    inputs, output = equation.split("->")
    labels = tuple(tuple(map(ord, one)) for one in inputs.split(","))
    contraction = cn.einsum(labels, tuple(map(ord, output)), shapes)
    check(contraction, drawn(shapes), lambda *tensors: torch.einsum(equation, *tensors))


# Convolutions.

SPATIAL = {1: (9,), 2: (7, 8), 3: (5, 6, 6)}
KERNEL = {1: (3,), 2: (3, 2), 3: (2, 3, 2)}
CONVOLUTIONS = [
    (rank, stride, pad, dilation, groups)
    for rank, stride, pad, dilation, groups in itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (1, 2), (1, 2, 4))
    if rank < 3 or (stride, dilation, groups) in [(1, 1, 1), (2, 1, 1), (2, 1, 2), (1, 2, 4)]
]


@pytest.mark.parametrize(("rank", "stride", "pad", "dilation", "groups"), CONVOLUTIONS)
def test_convolution(rank: int, stride: int, pad: int, dilation: int, groups: int) -> None:
    x, weight = (3, 4, *SPATIAL[rank]), (8, 4 // groups, *KERNEL[rank])
    arguments = ((stride,) * rank, ((pad, pad),) * rank, (dilation,) * rank, groups)
    shapes = cn.convolution_shapes(x, weight, *arguments)
    contraction = cn.convolution(x, weight, *arguments)
    assert contraction.output_shape == shapes.grouped
    convolve = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[rank]
    check(
        contraction,
        drawn([x, weight]),
        lambda a, b: convolve(a, b, stride=stride, padding=pad, dilation=dilation, groups=groups),
        [shapes.input, shapes.weight],
    )


def test_convolution_padded_unevenly() -> None:
    x, weight = (2, 3, 6, 7), (4, 3, 4, 3)
    arguments = ((1, 1), ((1, 2), (0, 2)), (1, 1))
    check(
        cn.convolution(x, weight, *arguments),
        drawn([x, weight]),
        lambda a, b: functional.conv2d(functional.pad(a, (0, 2, 1, 2)), b),
    )


@pytest.mark.parametrize(("rank", "stride", "pad", "dilation", "groups"), CONVOLUTIONS)
def test_transposed_convolution(rank: int, stride: int, pad: int, dilation: int, groups: int) -> None:
    x, weight = (3, 4, *SPATIAL[rank]), (4, 2, *KERNEL[rank])
    extra = max(stride, dilation) - 1
    arguments = ((stride,) * rank, ((pad, pad),) * rank, (extra,) * rank, (dilation,) * rank, groups)
    shapes = cn.transposed_convolution_shapes(x, weight, *arguments)
    contraction = cn.transposed_convolution(x, weight, *arguments)
    assert contraction.output_shape == shapes.grouped
    convolve = {
        1: functional.conv_transpose1d,
        2: functional.conv_transpose2d,
        3: functional.conv_transpose3d,
    }[rank]
    check(
        contraction,
        drawn([x, weight]),
        lambda a, b: convolve(a, b, stride=stride, padding=pad, output_padding=extra, dilation=dilation, groups=groups),
        [shapes.input, shapes.weight],
    )


@pytest.mark.parametrize(
    ("x", "weight", "pad", "stride", "groups"),
    [
        ((100, 3, 32, 32), (6, 3, 5, 5), 0, 1, 1),
        ((100, 6, 14, 14), (16, 6, 5, 5), 0, 1, 1),
        ((4, 64, 32, 32), (64, 64, 3, 3), 1, 1, 1),
        ((16, 64, 8, 8), (64, 64, 3, 3), 1, 1, 1),
        ((4, 32, 16, 16), (64, 32, 3, 3), 1, 2, 1),
        ((4, 64, 16, 16), (64, 1, 3, 3), 1, 1, 64),
    ],
    ids=str,
)
def test_convolutions_of_networks(x: Shape, weight: Shape, pad: int, stride: int, groups: int) -> None:
    """At their real sizes, which go through pieces, folds and relaid windows."""
    arguments = ((stride,) * 2, ((pad, pad),) * 2, (1, 1), groups)
    shapes = cn.convolution_shapes(x, weight, *arguments)
    check(
        cn.convolution(x, weight, *arguments),
        drawn([x, weight]),
        lambda a, b: functional.conv2d(a, b, stride=stride, padding=pad, groups=groups),
        [shapes.input, shapes.weight],
    )


# Windows.


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"),
    [((2, 2), (2, 2), (0, 0), (1, 1)), ((3, 2), (1, 2), (1, 0), (1, 1)), ((2, 3), (3, 1), (1, 1), (2, 1))],
)
def test_windows(kernel: Shape, stride: Shape, pad: Shape, dilation: Shape) -> None:
    x = (2, 3, 7, 8)
    window = (kernel, stride, tuple((p, p) for p in pad), dilation)
    arguments = {"kernel_size": kernel, "stride": stride, "padding": pad, "dilation": dilation}
    unfold = cn.unfold(x, *window)
    counts = cn.window_counts(x[2:], *window)
    assert unfold.output_shape == (2, 3, *kernel, *counts)
    flat = unfold.output_shape
    check(unfold, drawn([x]), lambda a: functional.unfold(a, **arguments).reshape(flat))
    check(
        cn.fold(x[2:], flat, stride, window[2], dilation),
        drawn([flat]),
        lambda a: functional.fold(a.reshape(2, 3 * kernel[0] * kernel[1], -1), x[2:], **arguments),
    )
    if dilation == (1, 1):
        size = kernel[0] * kernel[1]
        pooled = {"kernel_size": kernel, "stride": stride, "padding": pad}
        check(cn.window_sum(x, *window), drawn([x]), lambda a: functional.avg_pool2d(a, **pooled) * size)


def test_window_sum_with_given_counts() -> None:
    x, window = (2, 3, 7, 8), ((3, 3), (2, 2), ((0, 0), (0, 0)), (1, 1))
    contraction = cn.window_sum(x, *window, (3, 4))  # one more column than fits: ceil_mode
    pool = {"kernel_size": 3, "stride": 2, "ceil_mode": True, "divisor_override": 1}
    check(contraction, drawn([x]), lambda a: functional.avg_pool2d(a, **pool))


# Dtypes.


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers_wrap_as_in_pytorch(dtype: str) -> None:
    generator = np.random.default_rng(0)
    x, y = (generator.integers(0, 100, shape).astype(dtype) for shape in ((4, 50), (50, 6)))
    expected = torch.from_numpy(x) @ torch.from_numpy(y)
    found = evaluate(cn.matmul(x.shape, y.shape), x, y)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, expected.numpy())


@pytest.mark.parametrize("dtype", ["float32", "complex64", "complex128"])
def test_other_dtypes(dtype: str) -> None:
    x, y = (a.astype(dtype) * (1 + 1j if dtype.startswith("c") else 1) for a in drawn([(3, 4, 50), (3, 50, 6)]))
    found = evaluate(cn.matmul(x.shape, y.shape), x, y)
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, (torch.from_numpy(x) @ torch.from_numpy(y)).numpy(), rtol=1e-4, atol=1e-5)


def test_how_operands_lie_does_not_matter() -> None:
    """To the bit, in a range where BLAS has kernels of its own for transposed operands."""
    for m, k, n in [(16, 150, 100), (3, 1000, 7), (1, 300, 5), (10, 84, 100)]:
        x, y = drawn([(m, k), (k, n)], np.float32)
        contraction = cn.matmul(x.shape, y.shape)
        expected = evaluate(contraction, x, y)
        for a, b in itertools.product((x, np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2]), (y, np.asfortranarray(y))):
            np.testing.assert_array_equal(evaluate(contraction, a, b), expected)
    x, weight = drawn([(20, 16, 20, 20), (16, 16, 3, 3)], np.float32)  # more than one piece
    contraction = cn.convolution(x.shape, weight.shape, (1, 1), ((1, 1), (1, 1)), (1, 1))
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    expected = evaluate(contraction, x, weight)
    np.testing.assert_array_equal(evaluate(contraction, channels_last, np.asfortranarray(weight)), expected)


# Errors: PyTorch's class and words.


def arguments_of_convolution(rank: int, **given: Any) -> tuple[Any, ...]:
    full = {"stride": (1,) * rank, "padding": ((0, 0),) * rank, "dilation": (1,) * rank, "groups": 1} | given
    return tuple(full.values())


ERRORS: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (lambda x=x, y=y: cn.matmul(x, y), lambda x=x, y=y: torch.zeros(x) @ torch.zeros(y))
    for x, y in [
        ((), (3,)),
        ((3,), (4,)),
        ((2, 3), (4,)),
        ((3,), (4, 5)),
        ((2, 3), (4, 5)),
        ((2, 2, 3), (2, 4, 5)),
        ((2, 2, 3), (3, 3, 5)),
        ((2, 2, 3), (4, 5)),
        ((2, 3), (2, 4, 5)),
        ((5, 2, 2, 3), (3, 3, 5)),
        ((2, 2, 3), (4,)),
        ((3,), (2, 4, 5)),
    ]
]
ERRORS += [
    (lambda x=x, w=w: cn.linear(x, w), lambda x=x, w=w: functional.linear(torch.zeros(x), torch.zeros(w)))
    for x, w in [((2, 3), (4, 5)), ((2, 2, 3), (4, 5)), ((3,), (4, 5)), ((2, 3), (4,)), ((2, 2, 3), (1, 4, 3))]
]
ERRORS += [
    (
        lambda x=x, w=w, given=given: cn.convolution(x, w, *arguments_of_convolution(len(x) - 2, **given)),
        lambda x=x, w=w, given=given: (functional.conv1d if len(x) == 3 else functional.conv2d)(
            torch.zeros(x), torch.zeros(w), **{k: v for k, v in given.items() if k != "padding"}
        ),
    )
    for x, w, given in [
        ((1, 4, 8, 8), (6, 3, 5, 5), {}),
        ((1, 3, 2, 2), (6, 3, 5, 5), {}),
        ((1, 3, 6), (6, 3, 4), {"dilation": (2,)}),
        ((1, 4, 8, 8), (6, 3, 5, 5), {"groups": 2}),
        ((1, 4, 8, 8), (5, 2, 5, 5), {"groups": 2}),
        ((1, 4, 8, 8), (0, 4, 5, 5), {}),
        ((1, 4, 8, 8), (6, 4, 5, 5), {"stride": (0, 1)}),
        ((1, 4, 8, 8), (6, 4, 5, 5), {"dilation": (0, 1)}),
        ((1, 4, 8, 8), (6, 4, 5, 5), {"groups": 0}),
    ]
]
ERRORS += [
    (
        lambda x=x, w=w, p=p, g=g: cn.transposed_convolution(x, w, (1, 1), ((p, p), (p, p)), (0, 0), (1, 1), g),
        lambda x=x, w=w, p=p, g=g: functional.conv_transpose2d(torch.zeros(x), torch.zeros(w), padding=p, groups=g),
    )
    for x, w, p, g in [
        ((1, 4, 8, 8), (3, 6, 5, 5), 0, 1),
        ((1, 4, 1, 1), (4, 6, 1, 1), 1, 1),
        ((1, 4, 8, 8), (4, 6, 5, 5), 0, 3),
    ]
]
ERRORS += [
    (lambda: cn.dot((2,), (3,)), lambda: torch.dot(torch.zeros(2), torch.zeros(3))),
    (lambda: cn.dot((2, 2), (2,)), lambda: torch.dot(torch.zeros(2, 2), torch.zeros(2))),
    (lambda: cn.outer((2, 3), (3,)), lambda: torch.outer(torch.zeros(2, 3), torch.zeros(3))),
    (
        lambda: cn.bilinear((2, 3), (2, 4), (5, 3, 6)),
        lambda: functional.bilinear(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(5, 3, 6)),
    ),
    (
        lambda: cn.bilinear((2, 2, 3), (2, 4), (5, 3, 4)),
        lambda: functional.bilinear(torch.zeros(2, 2, 3), torch.zeros(2, 4), torch.zeros(5, 3, 4)),
    ),
    (
        lambda: cn.bilinear((2, 3), (3, 4), (5, 3, 4)),
        lambda: functional.bilinear(torch.zeros(2, 3), torch.zeros(3, 4), torch.zeros(5, 3, 4)),
    ),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_are_pytorchs(number: int) -> None:
    ours, theirs = ERRORS[number]
    with pytest.raises(RuntimeError) as expected:
        theirs()
    with pytest.raises(RuntimeError) as found:
        ours()
    assert str(found.value) == str(expected.value).split("\n")[0]


def test_errors_of_einsum() -> None:
    with pytest.raises(RuntimeError, match="number of subscripts in the equation .1. does not match"):
        cn.einsum(((0, 1), (1,)), (0,), ((2, 3), (3, 4)))
    with pytest.raises(
        RuntimeError, match="has size 4 for operand 1 which does not broadcast with previously seen size 3"
    ):
        cn.einsum(((0, 1), (1,)), (0,), ((2, 3), (4,)))
