"""Contractions from shapes: matrix products, einsum, convolutions, sums over windows.

Shapes that do not fit raise PyTorch's errors. An axis of extent 1 that stands for a longer one (broadcasting)
is read at 0.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

from ..affine import Axis, constant_axis, loop_axis
from .form import Contraction, Shape

Labels = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]  # (before, after) for each spatial axis


# Matrix products.


@lru_cache(maxsize=4096)
def matmul(x: Shape, y: Shape) -> Contraction:
    """`x @ y` for shapes as `torch.matmul` takes them: vectors, matrices, and batches of matrices that broadcast.

    >>> matmul((5, 1, 2, 3), (4, 3, 6))
    out[o0:5, o1:4, o2:2, o3:6] = sum[r0:3] in0[o0, 0, o2, r0] * in1[o1, r0, o3]
    """
    _check_matmul(x, y)
    rows, columns = x[:-1][-1:], y[-1:] if len(y) > 1 else ()
    batch = _broadcast(x[:-2], y[:-2])
    loops = (*batch, *rows, *columns, x[-1])
    last = len(loops) - 1
    left = [*_batch_axes(x[:-2], batch), *[loop_axis(len(batch)) for _ in rows], loop_axis(last)]
    right = [*_batch_axes(y[:-2], batch), loop_axis(last), *[loop_axis(last - 1) for _ in columns]]
    return Contraction(loops, range(last), [left, right])


def _check_matmul(x: Shape, y: Shape) -> None:
    if not x or not y:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {len(x)}D and {len(y)}D")
    if x[-1] == y[-2:][0]:
        return
    rows = prod(x[:-1])
    if len(x) == 1 and len(y) == 1:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{x[0]}] and src [{y[0]}] to have the same number of elements, "
            f"but got {x[0]} and {y[0]} elements respectively"
        )
    if len(y) == 1:
        raise RuntimeError(f"size mismatch, got input ({rows}), mat ({rows}x{x[-1]}), vec ({y[0]})")
    if len(y) == 2:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x[-1]} and {y[0]}x{y[1]})")
    batch = prod(_broadcast(x[:-2], y[:-2]))
    raise RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {x[-1]}] "
        f"but got: [{batch}, {y[-2]}]."
    )


def _broadcast(a: Shape, b: Shape) -> Shape:
    rank = max(len(a), len(b))
    wide_a, wide_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    for axis, (m, n) in enumerate(zip(wide_a, wide_b, strict=True)):
        if m != n and 1 not in (m, n):
            raise RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension {axis}"
            )
    return tuple(n if m == 1 else m for m, n in zip(wide_a, wide_b, strict=True))


def _batch_axes(shape: Shape, batch: Shape) -> list[Axis]:
    """How an operand with batch axes `shape` is read by loops 0, 1, ... over `batch`."""
    skipped = len(batch) - len(shape)
    return [
        loop_axis(skipped + i) if extent == batch[skipped + i] else constant_axis() for i, extent in enumerate(shape)
    ]


@lru_cache(maxsize=4096)
def linear(x: Shape, weight: Shape) -> Contraction:
    """`x @ weight.T`: (*, in) with (out, in) to (*, out); a weight of shape (in,) gives (*).

    >>> linear((8, 3), (5, 3))
    out[o0:8, o1:5] = sum[r0:3] in0[o0, r0] * in1[o1, r0]
    """
    if len(weight) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(weight)}D")
    _check_matmul(x, weight[::-1])
    rank = len(x) - 1
    loops = (*x[:-1], *weight)
    last = len(loops) - 1
    left = [*map(loop_axis, range(rank)), loop_axis(last)]
    return Contraction(loops, range(last), [left, [loop_axis(rank + i) for i in range(len(weight))]])


@lru_cache(maxsize=4096)
def dot(x: Shape, y: Shape) -> Contraction:
    """The sum of products of two vectors."""
    if len(x) != 1 or len(y) != 1:
        raise RuntimeError(f"1D tensors expected, but got {len(x)}D and {len(y)}D tensors")
    return matmul(x, y)


@lru_cache(maxsize=4096)
def outer(x: Shape, y: Shape) -> Contraction:
    """(n,) and (m,) to (n, m)."""
    for name, shape in (("self", x), ("vec2", y)):
        if len(shape) != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {len(shape)}-D")
    return Contraction((*x, *y), (0, 1), [[loop_axis(0)], [loop_axis(1)]])


@lru_cache(maxsize=4096)
def bilinear(x: Shape, y: Shape, weight: Shape) -> Contraction:
    """(*, i), (*, j) and weight (o, i, j) to (*, o)."""
    if len(x) != len(y):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(x)} and {len(y)}")
    for axis, (m, n) in enumerate(zip(x[:-1], y[:-1], strict=True)):
        if m != n:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {axis}: got {m} and {n}")
    for number, shape, expected in ((1, x, weight[1]), (2, y, weight[2])):
        if shape[-1] != expected:
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {shape[-1]} but expected {expected}"
            )
    batch = range(len(x) - 1)
    o, i, j = (len(batch) + n for n in range(3))
    labels = ((*batch, i), (*batch, j), (o, i, j))
    return einsum(labels, (*batch, o), (x, y, weight))


@lru_cache(maxsize=4096)
def einsum(inputs: tuple[Labels, ...], output: Labels, shapes: tuple[Shape, ...]) -> Contraction:
    """Einstein's summation: for each operand a label (any integer) for each axis, and the labels of the output.

    Axes that share a label have one extent, or 1, which broadcasts. A label may stand twice in one operand (a
    diagonal).

    >>> einsum(((0, 1), (1, 2)), (2, 0), ((2, 3), (3, 4)))
    out[o0:4, o1:2] = sum[r0:3] in0[o1, r0] * in1[r0, o0]
    """
    extents: dict[int, int] = {}
    for k, (labels, shape) in enumerate(zip(inputs, shapes, strict=True)):
        if len(labels) != len(shape):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(labels)}) does not match the number of "
                f"dimensions ({len(shape)}) for operand {k} and no ellipsis was given"
            )
        for label, extent in zip(labels, shape, strict=True):
            seen = extents.setdefault(label, extent)
            if 1 not in (seen, extent) and seen != extent:
                raise RuntimeError(
                    f"einsum(): label {label} has size {extent} for operand {k} which does not broadcast with "
                    f"previously seen size {seen}"
                )
            if seen == 1:
                extents[label] = extent
    number = {label: n for n, label in enumerate(extents)}
    maps = [
        [
            constant_axis() if extent == 1 else loop_axis(number[label])
            for label, extent in zip(labels, shape, strict=True)
        ]
        for labels, shape in zip(inputs, shapes, strict=True)
    ]
    return Contraction(list(extents.values()), [number[label] for label in output], maps)


# Convolutions. With groups, channels are split in two axes (group, channel in it): the caller reshapes.


class ConvolutionShapes(NamedTuple):
    """Reshape input and weight to `input` and `weight`; the contraction gives `grouped`, which becomes `output`.

    Without groups all are as they were.
    """

    input: Shape
    weight: Shape
    grouped: Shape
    output: Shape


@lru_cache(maxsize=4096)
def convolution_shapes(
    x: Shape, weight: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int = 1
) -> ConvolutionShapes:
    """Shapes for x (N, C, *spatial) and weight (O, C / groups, *kernel)."""
    _check_convolution(stride, dilation, groups)
    if weight[0] % groups or weight[0] < groups:
        if weight[0] % groups:
            problem, size = f"to be divisible by {groups}", f"[{list(weight)}]"
        else:
            problem, size = f"to be at least {groups}", f"{list(weight)}"
        raise RuntimeError(
            f"Given groups={groups}, expected weight {problem} at dimension 0, but got weight of size {size} instead"
        )
    if x[1] != weight[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight)}, expected input{list(x)} to have "
            f"{weight[1] * groups} channels, but got {x[1]} channels instead"
        )
    padded = tuple(extent + low + high for extent, (low, high) in zip(x[2:], padding, strict=True))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, weight[2:], strict=True))
    if any(r > p for r, p in zip(reach, padded, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). "
            f"Kernel size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size"
        )
    spatial = tuple((p - r) // s + 1 for p, r, s in zip(padded, reach, stride, strict=True))
    return _grouped(x, weight, groups, weight[0] // groups, spatial, transposed=False)


@lru_cache(maxsize=4096)
def convolution(
    x: Shape, weight: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int = 1
) -> Contraction:
    """The convolution of x (N, C, *spatial) with weight (O, C / groups, *kernel), both as `convolution_shapes` says.

    >>> convolution((8, 3, 32), (6, 3, 5), (2,), ((1, 1),), (1,))
    out[o0:8, o1:6, o2:15] = sum[r0:3, r1:5] in0[o0, r0, 2*o2 + r1 - 1] * in1[o1, r0, r1]
    """
    shapes = convolution_shapes(x, weight, stride, padding, dilation, groups)
    spatial, kernel = shapes.output[2:], weight[2:]
    group = (groups,) if groups > 1 else ()
    loops = (*shapes.grouped, shapes.weight[1 + len(group)], *kernel)
    n, *g = range(1 + len(group))
    o = 1 + len(group)
    c = len(shapes.grouped)
    window = [Axis({o + 1 + i: stride[i], c + 1 + i: dilation[i]}, -padding[i][0]) for i in range(len(spatial))]
    taps = [loop_axis(c + 1 + i) for i in range(len(kernel))]
    in_group = [loop_axis(loop) for loop in g]
    maps = [[loop_axis(n), *in_group, loop_axis(c), *window], [*in_group, loop_axis(o), loop_axis(c), *taps]]
    return Contraction(loops, range(len(shapes.grouped)), maps)


@lru_cache(maxsize=4096)
def transposed_convolution_shapes(
    x: Shape, weight: Shape, stride: Shape, padding: Padding, output_padding: Shape, dilation: Shape, groups: int = 1
) -> ConvolutionShapes:
    """Shapes for x (N, C, *spatial) and weight (C, O / groups, *kernel)."""
    _check_convolution(stride, dilation, groups)
    if weight[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight)}] instead"
        )
    if x[1] != weight[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight)}, expected input{list(x)} to have {weight[0]} channels, "
            f"but got {x[1]} channels instead"
        )
    spatial = tuple(
        (x[2 + i] - 1) * stride[i] - sum(padding[i]) + dilation[i] * (weight[2 + i] - 1) + output_padding[i] + 1
        for i in range(len(stride))
    )
    if any(extent < 1 for extent in spatial):
        raise RuntimeError(
            f"Given input size per channel: ({' x '.join(map(str, x[2:]))}). "
            f"Calculated output size per channel: ({' x '.join(map(str, spatial))}). Output size is too small"
        )
    return _grouped(x, weight, groups, weight[1], spatial, transposed=True)


@lru_cache(maxsize=4096)
def transposed_convolution(
    x: Shape, weight: Shape, stride: Shape, padding: Padding, output_padding: Shape, dilation: Shape, groups: int = 1
) -> Contraction:
    """The transposed convolution of x (N, C, *spatial) with weight (C, O / groups, *kernel), likewise.

    >>> transposed_convolution((8, 6, 15), (6, 3, 5), (2,), ((1, 1),), (0,), (1,))
    out[o0:8, o1:3, o2:31] = sum[r0:6, r1:5] in0[o0, r0, (o2 - r1 + 1)/2] * in1[r0, o1, r1]
    """
    shapes = transposed_convolution_shapes(x, weight, stride, padding, output_padding, dilation, groups)
    spatial, kernel = shapes.output[2:], weight[2:]
    group = (groups,) if groups > 1 else ()
    loops = (*shapes.grouped, shapes.weight[len(group)], *kernel)
    n, *g = range(1 + len(group))
    o = 1 + len(group)
    c = len(shapes.grouped)
    window = [Axis({o + 1 + i: 1, c + 1 + i: -dilation[i]}, padding[i][0], stride[i]) for i in range(len(spatial))]
    taps = [loop_axis(c + 1 + i) for i in range(len(kernel))]
    in_group = [loop_axis(loop) for loop in g]
    maps = [[loop_axis(n), *in_group, loop_axis(c), *window], [*in_group, loop_axis(c), loop_axis(o), *taps]]
    return Contraction(loops, range(len(shapes.grouped)), maps)


def _check_convolution(stride: Shape, dilation: Shape, groups: int) -> None:
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError("non-positive dilation is not supported")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")


def _grouped(
    x: Shape, weight: Shape, groups: int, out_in_group: int, spatial: Shape, transposed: bool
) -> ConvolutionShapes:
    output = (x[0], out_in_group * groups, *spatial)
    if groups == 1:
        return ConvolutionShapes(x, weight, output, output)
    return ConvolutionShapes(
        (x[0], groups, x[1] // groups, *x[2:]),
        (groups, weight[0] // groups, *weight[1:]),
        (x[0], groups, out_in_group, *spatial),
        output,
    )


# Windows of one operand.


def window_counts(extents: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape) -> Shape:
    """How many windows fit along each axis; at least 0."""
    return tuple(
        max(0, (extent + low + high - d * (k - 1) - 1) // s + 1)
        for extent, k, s, (low, high), d in zip(extents, kernel, stride, padding, dilation, strict=True)
    )


def _windows(x: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape, counts: Shape) -> list[Axis]:
    """Axes that read x (*leading, *spatial) with loops leading, counts, kernel, in this order."""
    leading, rank = len(x) - len(kernel), len(kernel)
    plain = [loop_axis(i) for i in range(leading)]
    return plain + [
        Axis({leading + i: stride[i], leading + rank + i: dilation[i]}, -padding[i][0]) for i in range(rank)
    ]


@lru_cache(maxsize=4096)
def window_sum(
    x: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape, counts: Shape | None = None
) -> Contraction:
    """The sum over each window of the last axes of x: (*leading, *spatial) to (*leading, *counts).

    `counts` says how many windows to take along each axis, by default as many as fit.

    >>> window_sum((2, 8), (3,), (2,), ((0, 0),), (1,))
    out[o0:2, o1:3] = sum[r0:3] in0[o0, 2*o1 + r0]
    """
    rank = len(kernel)
    counts = counts or window_counts(x[len(x) - rank :], kernel, stride, padding, dilation)
    loops = (*x[: len(x) - rank], *counts, *kernel)
    return Contraction(loops, range(len(x)), [_windows(x, kernel, stride, padding, dilation, counts)])


@lru_cache(maxsize=4096)
def unfold(x: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape) -> Contraction:
    """Every window of the last axes of x, as im2col: (*leading, *spatial) to (*leading, *kernel, *counts).

    >>> unfold((2, 8), (3,), (2,), ((0, 0),), (1,))
    out[o0:2, o1:3, o2:3] = in0[o0, o1 + 2*o2]
    """
    leading, rank = len(x) - len(kernel), len(kernel)
    counts = window_counts(x[leading:], kernel, stride, padding, dilation)
    loops = (*x[:leading], *counts, *kernel)
    output = (*range(leading), *range(leading + rank, leading + 2 * rank), *range(leading, leading + rank))
    return Contraction(loops, output, [_windows(x, kernel, stride, padding, dilation, counts)])


@lru_cache(maxsize=4096)
def fold(spatial: Shape, x: Shape, stride: Shape, padding: Padding, dilation: Shape) -> Contraction:
    """Windows added up where they came from, as col2im: (*leading, *kernel, *counts) to (*leading, *spatial).

    >>> fold((8,), (2, 3, 3), (2,), ((0, 0),), (1,))
    out[o0:2, o1:8] = sum[r0:3] in0[o0, r0, (o1 - r0)/2]
    """
    rank = len(spatial)
    leading = len(x) - 2 * rank
    kernel = x[leading : leading + rank]
    loops = (*x[:leading], *spatial, *kernel)
    axes = [
        *[loop_axis(i) for i in range(leading)],
        *[loop_axis(leading + rank + i) for i in range(rank)],
        *[Axis({leading + i: 1, leading + rank + i: -dilation[i]}, padding[i][0], stride[i]) for i in range(rank)],
    ]
    return Contraction(loops, range(leading + rank), [axes])
