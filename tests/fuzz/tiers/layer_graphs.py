"""Proposals: contractions, convolutions, pools, reading and writing at places, losses of classes; gradients of what there is."""

from __future__ import annotations

from math import prod

import numpy as np

from rushlight.dtype import COMPLEX, FLOATING, float32, int64, uint8
from rushlight.ir import contraction, crop, op, view  # noqa: F401  (crop: registers its record)
from rushlight.ir.contraction import Contraction
from rushlight.ir.graph import Node, mode
from rushlight.ir.pool import Windows
from rushlight.ir.type import Shape, Type
from rushlight.passes import grad

from .builder import FLOATS, INTEGERS, Builder, proposal
from .inputs import placed

contract = op.registry["contract"]


def _operand(b: Builder, type: Type) -> Node:
    """A node of that type: one that is there, perhaps transposed, or an input."""
    same = [n for n in b.nodes if n.type is type]
    if same and b.chance(0.6):
        return b.one(same)
    swapped = Type.of((*type.shape[:-2], *type.shape[:-3:-1]), type.dtype)
    if type.ndim >= 2 and b.chance(0.35):
        order = (*range(type.ndim - 2), type.ndim - 1, type.ndim - 2)
        found = [n for n in b.nodes if n.type is swapped]
        x = b.one(found) if found else b.input(swapped)
        return view.permute(x, order)
    return b.input(type)


def _number(b: Builder) -> int:
    return b.one((1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 97))


@proposal(9)
def products(b: Builder) -> Node | None:
    """Matrix products, with batches that broadcast, vectors, transposed operands."""
    rows, columns, inner = _number(b), _number(b), _number(b)
    if b.chance(0.02):
        inner = b.one((0, 700, 1500))
    if b.chance(0.05):
        rows, columns, inner = (b.integer(60, 200) for _ in range(3))
    batch: Shape = (
        tuple(b.one((1, 2, 3, 5)) for _ in range(b.integer(1, 2))) if b.chance(0.3) and rows * columns < 5000 else ()
    )
    dtype = b.one(INTEGERS) if b.chance(0.1) else b.dtype_of_products()
    x = (
        b.pick(lambda n: n.type.ndim >= 1 and n.type.dtype.category == FLOATING, fresh=0)
        if b.nodes and b.chance(0.4)
        else None
    )
    if x is not None and x.type.ndim and x.type.dtype.category == FLOATING:
        inner, dtype = x.type.shape[-1], x.type.dtype
    else:
        roll = b.draw.random()
        left = (*batch, rows, inner) if roll < 0.9 else (inner,)
        x = _operand(b, Type.of(left, dtype))
    other = tuple(1 if b.chance(0.2) else e for e in batch) if b.chance(0.5) else ()
    other = other if x.type.shape[:-2] in ((), batch) else ()
    right = (*other, inner, columns) if b.chance(0.9) else (inner,)
    y = _operand(b, Type.of(right, dtype))
    if prod(x.type.shape) * columns > 4_000_000:
        return None
    if b.chance(0.3) and y.type.ndim == 2:
        weight = _operand(b, Type.of((columns, inner), dtype))
        spec = contraction.linear(x.type.shape, weight.type.shape)
        if b.chance(0.6):
            return op.registry["affine"](_operand(b, Type.of((columns,), dtype)), x, weight, spec=spec)
        return contract(x, weight, spec=spec)
    return contract(x, y, spec=contraction.matmul(x.type.shape, y.type.shape))


@proposal(2)
def einsum(b: Builder) -> Node | None:
    extents = [b.one((1, 2, 3, 5, 8)) for _ in range(4)]
    labels = [tuple(int(v) for v in b.draw.permutation(4)[: b.integer(1, 3)]) for _ in range(b.integer(1, 3))]
    used = sorted({label for each in labels for label in each})
    output = tuple(int(v) for v in b.draw.permutation(used)[: b.integer(0, len(used))])
    dtype = b.dtype_of_products()
    operands = [_operand(b, Type.of(tuple(extents[label] for label in each), dtype)) for each in labels]
    spec = contraction.einsum(tuple(labels), output, tuple(o.type.shape for o in operands))
    return contract(*operands, spec=spec)


@proposal(7)
def convolution(b: Builder) -> Node | None:
    """Convolutions and transposed ones, one to three spatial axes, with everything they may have."""
    rank = int(b.draw.choice((1, 2, 3), p=(0.25, 0.65, 0.1)))
    groups = b.one((1, 1, 1, 2, 3))
    inner, outer = b.one((1, 2, 3, 4, 8)), b.one((1, 2, 3, 5, 8, 16, 17))
    spatial = tuple(b.integer(1, 14 if rank < 3 else 6) for _ in range(rank))
    kernel, stride, dilation = (tuple(b.one((1, 1, 2, 3)) for _ in range(rank)) for _ in range(3))
    kernel = tuple(b.one((1, 2, 3, 3, 5)) for _ in range(rank))
    padding = tuple((b.integer(0, 2), b.integer(0, 2)) if b.chance(0.6) else (0, 0) for _ in range(rank))
    dtype, batch = b.dtype_of_products(), b.one((1, 2, 3, 4))
    x_shape = (batch, inner * groups, *spatial)
    if b.chance(0.25):
        shape: Shape = (inner * groups, outer, *kernel)
        more = tuple(b.integer(0, max(0, s - 1)) for s in stride)
        arguments = (x_shape, shape, stride, padding, more, dilation, groups)
        spec = contraction.transposed_convolution(*arguments)
    else:
        shape = (outer * groups, inner, *kernel)
        spec = contraction.convolution(x_shape, shape, stride, padding, dilation, groups)
    x, weight = _operand(b, Type.of(x_shape, dtype)), _operand(b, Type.of(shape, dtype))
    bias = [_operand(b, Type.of((outer * groups,), dtype))] if b.chance(0.5) else []
    return op.registry["convolution"](x, weight, *bias, spec=spec, groups=groups)


@proposal(2)
def window_sums(b: Builder) -> Node | None:
    x = b.floating(minimum_rank=2, filled=True)
    if x is None or x.type.ndim < 2:
        return None
    kernel, stride, dilation = (tuple(b.integer(1, 3) for _ in range(2)) for _ in range(3))
    padding = tuple((b.integer(0, 1), b.integer(0, 1)) for _ in range(2))
    counts = contraction.window_counts(x.type.shape[-2:], kernel, stride, padding, dilation)
    if 0 in counts:
        return None
    build = contraction.window_sum if b.chance(0.6) else contraction.unfold
    spec: Contraction = build(x.type.shape, kernel, stride, padding, dilation)
    return contract(x, spec=spec) if prod(spec.output_shape) <= 4 * b.limit else None


@proposal(4)
def pools(b: Builder) -> Node | None:
    x = b.floating(minimum_rank=3, filled=True)
    if x is None or x.type.ndim < 3 or b.chance(0.5):
        spatial = tuple(b.integer(2, 12) for _ in range(2))
        x = b.input(Type.of((b.integer(1, 3), b.integer(1, 4), *spatial), b.one((*FLOATS, FLOATS[0]))))
    windows = []
    for extent in x.type.shape[-2:]:
        if b.chance(0.15):
            windows.append(Windows(b.integer(1, extent), adaptive=True))
            continue
        size = b.integer(1, min(3, extent))
        low = b.integer(0, size // 2)
        dilation = b.one((1, 1, 1, 2)) if 2 * (size - 1) + 1 <= extent else 1
        stride = b.one((size, 1, 2, 3))
        windows.append(
            Windows((extent + 2 * low - dilation * (size - 1) - 1) // stride + 1, size, stride, low, dilation)
        )
    plain = tuple(tuple(each) for each in windows)
    name = "max_pool_index" if b.chance(0.2) and b.fact(x).certain else "max_pool"
    return op.registry[name](x, windows=plain)


# ---- at places ----


@proposal(6)
def reading(b: Builder) -> Node | None:
    x = b.pick(lambda n: n.type.ndim >= 1 and 0 not in n.type.shape)
    if x is None or not x.type.ndim or 0 in x.type.shape:
        return None
    name = b.one(("take", "take", "gather", "embedding"))
    extent = x.type.shape[0]
    if name == "embedding":
        index = b.integers(b.shape(b.integer(0, 2), 40), 0, extent)
        return op.registry[name](x, index, padding=b.one((None, 0)), by_frequency=b.chance(0.2))
    if name == "gather":
        axis = b.integer(0, x.type.ndim - 1)
        shape = tuple(b.integer(0, 6) if a == axis else b.integer(1, e) for a, e in enumerate(x.type.shape))
        return op.registry[name](x, b.integers(shape, -x.type.shape[axis], x.type.shape[axis]), axis=axis)
    count = b.integer(1, min(2, x.type.ndim))
    rank = b.integer(0, 2)
    shape = tuple(b.integer(1, 6) for _ in range(rank))
    found = [b.integers(tuple(1 if b.chance(0.2) else e for e in shape), -e, e) for e in x.type.shape[:count]]
    return op.registry[name](x, *found)


@proposal(3)
def cropping(b: Builder) -> Node:
    """Parts of images, some mirrored, that reach beyond the edges."""
    dtype = b.one((uint8, uint8, float32, b.dtype()))
    height, width = b.integer(1, 9), b.one((1, 5, 16, 32, 33, 40))
    images = b.input(Type.of((b.integer(1, 4), b.integer(1, 3), height, width), dtype))
    size = b.integer(1, 9), b.one((1, 6, 16, 32, 37))
    mirrors, bounded, count = (b.chance(0.4), b.chance(0.6)), b.chance(0.2), b.integer(1, 5)
    reach = b.one((0, 3, 8)), b.one((0, 3, 8))
    rows = [b.draw.integers(0, images.type.shape[0], count)]
    rows += [b.draw.integers(0, extent + 2 * far, count) for extent, far in zip((height, width), reach, strict=True)]
    rows += [b.draw.integers(0, 2, count) for mirror in mirrors if mirror]
    rows += [b.draw.integers(0, extent + 1, count) for extent in size for _ in range(2) if bounded]
    places = b.input(Type.of((len(rows), count), int64), array=placed(b.draw, np.array(rows, np.int64)))
    fill = b.integer(0, 9) if dtype in INTEGERS else 0
    return op.registry["crop"](images, places, size=size, reach=reach, mirrors=mirrors, bounded=bounded, fill=fill)


@proposal(6)
def writing(b: Builder) -> Node | None:
    base = b.pick(lambda n: n.type.ndim >= 1 and 0 not in n.type.shape and n.type.dtype.category != COMPLEX)
    if base is None or not base.type.ndim or 0 in base.type.shape:
        return None
    shape, dtype = base.type.shape, base.type.dtype
    if b.chance(0.5):
        axis = b.integer(0, len(shape) - 1)
        own = tuple(b.integer(0, 9) if a == axis else b.integer(1, e) for a, e in enumerate(shape))
        how = b.one("add add set mul max min".split())
        if dtype.name == "bool" and how != "set":
            how = "max"
        index = _distinct(b, own, axis, shape[axis]) if how == "set" else b.integers(own, -shape[axis], shape[axis])
        return index and op.registry["scatter"](
            base, _operand(b, Type.of(index.type.shape, dtype)), index, axis=axis, reduce=how
        )
    if b.chance(0.4) and dtype.category == FLOATING:
        places = b.integers(b.shape(b.integer(1, 2), 60), 0, shape[0])
        g = _operand(b, Type.of((*places.type.shape, *shape[1:]), dtype))
        settings = dict(padding=b.one((None, 0)), by_frequency=b.chance(0.2))
        return op.registry["embedding_gradient"](g, places, rows=shape[0], **settings)
    accumulate = b.chance(0.7)
    count = b.integer(1, min(2, len(shape)))
    number = b.integer(0, 9) if accumulate else 1
    indices = [b.integers((number,), -e, e) for e in shape[:count]]
    value = _operand(b, Type.of((number, *shape[count:]), dtype))
    return op.registry["put"](base, value, *indices, accumulate=accumulate)


def _distinct(b: Builder, shape: Shape, axis: int, extent: int) -> Node:
    """Indices without repeats along the axis: which of several writes wins is nobody's promise."""
    count = min(shape[axis], extent)
    shape = (*shape[:axis], count, *shape[axis + 1 :])
    rows = prod(shape) // count if count else 0
    made = np.array([b.draw.permutation(extent)[:count] for _ in range(rows)], np.int64).reshape(rows, count)
    moved = np.moveaxis(made.reshape(*shape[:axis], *shape[axis + 1 :], count), -1, axis)
    return b.input(Type.of(shape, int64), array=placed(b.draw, np.ascontiguousarray(moved)))


@proposal(3)
def losses(b: Builder) -> Node | None:
    x = b.floating(minimum_rank=2, filled=True)
    if x is None or x.type.ndim < 2 or not x.type.size or x.type.shape[1] > 1000:
        x = b.input(Type.of((b.integer(1, 20), b.integer(1, 17)), b.one(FLOATS)))
    shape, classes = x.type.shape, x.type.shape[1]
    targets = (shape[0], *shape[2:])
    ignore = b.one((-100, 0))
    weighted, smoothed = b.chance(0.3), b.chance(0.3)
    index = b.integers(targets, 0, classes)
    settings = dict(reduction=b.one(("mean", "sum", "none")), ignore=ignore, weighted=weighted, smoothed=smoothed)
    rest = [b.input(Type.of((classes,), x.type.dtype), "positive")] if weighted else []
    rest += [b.input(Type.of((), x.type.dtype), "unit")] if smoothed else []
    return op.registry[b.one(("cross_entropy", "cross_entropy", "nll"))](x, index, *rest, **settings)


# ---- gradients ----


@proposal(10)
def gradient(b: Builder) -> Node | None:
    """The cotangents of inputs for a random cotangent of some node; now and then tracked, to be differentiated again."""
    roots = [n for n in b.nodes if n.tracked and n.operands and n.type.dtype.category == FLOATING]
    if not roots:
        return None
    root = roots[-1 - min(int(b.draw.exponential(1.0)), len(roots) - 1)]
    if len(grad.order([root])) > 24:
        return None
    found: list[Node] = []

    def visit(node: Node, g: Node) -> Node | None:
        if node.signature is None:
            found.append(g)
            return None
        return g

    def vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
        assert node.signature is not None
        parts = node.signature.op.vjp(node, g)
        b.kept.extend(part for part in parts if part is not None)
        return parts

    cotangent = b.input(root.type)
    before = mode.tracking
    mode.tracking = b.chance(0.15)
    try:
        grad.backward({root: cotangent}, visit, vjp)
    finally:
        mode.tracking = before
    b.absorb()
    for node in found:
        if node.slot >= 0:
            b.add(node)
    return None
