"""The dtypes of results: every pair of dtypes, of tensors with axes, without, and of Python's numbers; and broadcasting."""

from __future__ import annotations

import itertools

import pytest
import torch

import rushlight
from tests.both import Raised, assert_alike, run

from .written import check_refused, check_written, programs

DTYPES = [
    *("uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"),
    *("complex64", "complex128", "bool"),
]
OPERATIONS = [
    "add",
    "sub",
    "mul",
    "true_divide",
    "floor_divide",
    "remainder",
    "pow",
    "lt",
    "eq",
    "bitwise_and",
    "maximum",
]
NUMBERS = ["2", "True", "2.5", "1j"]


def outcome(t, operation, left, right):
    """The dtype of a result and its values, or the class of what is raised."""

    def program(t):
        result = getattr(t, operation)(left(t), right(t))
        result.tolist()
        return result

    found = run(program, t)
    return found.kind if isinstance(found, Raised) else found


def compare(operation, left, right, where):
    ours, theirs = (outcome(t, operation, left, right) for t in (rushlight, torch))
    if isinstance(theirs, str) or isinstance(ours, str):
        assert ours == theirs, f"{where}: {ours!r} is not {theirs!r}"
    else:
        assert_alike(ours, theirs, rtol=1e-2 if "16" in str(theirs.dtype) else 1e-6, path=where)


def operand(dtype, shape):
    values = [3, 2] if shape else 3
    return lambda t: t.tensor(values, dtype=getattr(t, dtype))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("first", DTYPES)
def test_every_pair_of_dtypes(operation, first):
    for second, (left, right) in itertools.product(DTYPES, [(1, 1), (1, 0), (0, 1)]):
        if {first, second} & {"float16"} and {first, second} & {"complex64", "complex128"}:
            continue  # complex32 is a dtype by name alone
        where = f"{operation}({first} {left}-d, {second} {right}-d)"
        compare(operation, operand(first, left), operand(second, right), where)


@pytest.mark.parametrize("symbol", ["+", "/", "//", "%", "**", "<"])
@pytest.mark.parametrize("name", DTYPES)
def test_numbers_on_either_side(symbol, name):
    for number, values in itertools.product(NUMBERS, ("[3, 2]", "3")):
        if (name, number) == ("float16", "1j") or (name, number, symbol) == ("bool", "True", "**"):
            continue
        for text in (f"x {symbol} {number}", f"{number} {symbol} x"):
            compare_written(f"x = t.tensor({values}, dtype=t.{name}); {text}")


def compare_written(source):
    """As `check_written`, but the class of an error is enough, and half precision may differ in its last place."""
    scope: dict = {}
    *before, last = source.split("; ")

    def program(t):
        scope["t"] = t
        exec("; ".join(before), scope)
        result = eval(last, scope)
        result.tolist()
        return result

    ours, theirs = run(program, rushlight), run(program, torch)
    if isinstance(theirs, Raised):
        assert isinstance(ours, Raised) and ours.kind == theirs.kind, f"{source}: {ours!r} is not {theirs!r}"
    else:
        assert_alike(ours, theirs, rtol=1e-2 if "16" in str(theirs.dtype) else 1e-6, path=source)


@pytest.mark.parametrize("first", [*DTYPES, "uint16", "uint32", "uint64"])
def test_promote_types_and_can_cast(first):
    for second in [*DTYPES, "uint16", "uint32", "uint64"]:
        for name in ("promote_types", "can_cast"):

            def program(t, name=name, second=second):
                return getattr(t, name)(getattr(t, first), getattr(t, second))

            ours, theirs = run(program, rushlight), run(program, torch)
            if isinstance(theirs, Raised):
                assert isinstance(ours, Raised) and ours.kind == theirs.kind, (name, second, ours, theirs)
            else:
                assert str(ours) == str(theirs), (name, second)


@pytest.mark.parametrize("first", ["bool", "uint8", "int16", "uint16", "uint64", "float16", "complex64"])
def test_result_type_refuses_what_pytorch_refuses(first):
    for second in ("bool", "uint8", "int64", "uint16", "uint32", "float32"):
        for shapes in (((), ()), ((2,), ()), ((), (2,)), ((2,), (2,))):

            def program(t, second=second, shapes=shapes):
                return t.result_type(
                    *(t.zeros(s, dtype=getattr(t, k)) for s, k in zip(shapes, (first, second), strict=True))
                )

            ours, theirs = run(program, rushlight), run(program, torch)
            if isinstance(theirs, Raised):
                assert isinstance(ours, Raised) and ours.kind == theirs.kind, (second, shapes, ours, theirs)
            else:
                assert str(ours) == str(theirs), (second, shapes)


@programs("""
    t.result_type(t.tensor([1, 2]), 1.5), t.result_type(t.tensor([1, 2]), t.tensor(1.5)), t.result_type(1, 2)
    t.result_type(t.tensor([1], dtype=t.int8), 1000), t.result_type(t.tensor([1.0]), t.tensor(1.0, dtype=t.float64))
    t.result_type(t.tensor(1), 1.5), t.result_type(t.tensor(True), 1), t.result_type(1.5, 1j)
    t.result_type(t.tensor([1.0], dtype=t.float16), 1j), t.result_type(t.tensor([1.0], dtype=t.float64), 1j)
    t.tensor([1, 2]).sum(), t.tensor([True, True]).sum(), t.tensor([1, 2], dtype=t.uint8).sum(), t.tensor([1], dtype=t.int8).prod()
    t.tensor([True]).cumsum(0), t.tensor([1], dtype=t.int16).cumsum(0), t.tensor([1.0], dtype=t.float16).cumsum(0).dtype
    t.tensor([1, 2]).float().mean(), t.tensor([1.0, 2], dtype=t.float16).mean().dtype
    t.tensor([1, 4]).sqrt(), t.tensor([1, 4], dtype=t.int8).exp().dtype, t.tensor([True]).sin().dtype, t.tensor([1], dtype=t.bfloat16).exp().dtype
    t.tensor([1, -2]).abs(), (-t.tensor([1, 2], dtype=t.uint8)), t.tensor([1, -2], dtype=t.int8).sign()
    t.where(t.tensor([True, False]), t.tensor([1, 2]), t.tensor([1.5, 2.5]))
    t.where(t.tensor([True, False]), 1, 2), t.where(t.tensor([True, False]), 1.5, 2), t.where(t.tensor([True, False]), t.tensor([1, 2]), 0.5)
    t.where(t.tensor([True, False]), t.tensor(1.0, dtype=t.float64), t.tensor([1.0, 2]))
    t.cat([t.tensor([1]), t.tensor([1.5])]), t.cat([t.tensor([1], dtype=t.int8), t.tensor([1], dtype=t.uint8)])
    t.stack([t.tensor([1]), t.tensor([1.5])]), t.stack([t.tensor(1), t.tensor(True)]), t.hstack([t.tensor([True]), t.tensor([2])])
    t.cat([t.tensor([1.0]), t.tensor([1.0], dtype=t.float64)]).dtype, t.cat([t.tensor([1.0], dtype=t.float16), t.tensor([1.0], dtype=t.bfloat16)]).dtype
    t.tensor([1, 2]) @ t.tensor([3, 4]), t.tensor([[1, 2]]) @ t.tensor([[3], [4]])
    t.clamp(t.tensor([1, 5]), 2.5), t.clamp(t.tensor([1, 5]), max=2), t.clamp(t.tensor([1, 5]), t.tensor([2.5, 2.5]))
    t.clamp(t.tensor([1.5]), 2), t.clamp(t.tensor([1], dtype=t.int8), t.tensor([2]))
    t.lerp(t.tensor([1.0]), t.tensor([2.0]), 0.5), t.addcmul(t.tensor([1.0]), t.tensor([2.0]), t.tensor([3.0]))
    t.tensor([1, 2]).add(t.tensor([1, 2]), alpha=2), t.tensor([1.5, 2]).add(t.tensor([1, 2]), alpha=0.5)
    t.tensor([1, 2]) ** 2, t.tensor([1, 2]) ** 0.5, 2 ** t.tensor([1, 2]), 2.0 ** t.tensor([1, 2]), t.tensor([1.0, 2]) ** t.tensor([1, 2])
    t.pow(2, t.tensor([1.5])), t.pow(t.tensor([2]), t.tensor(0.5)), t.pow(t.tensor([2], dtype=t.int8), 2)
    t.tensor([1, 2]) / 2, t.tensor([1, 2]) / t.tensor([2, 2]), t.tensor([True]) / 2, t.tensor([1, 2], dtype=t.float16) / 3
    t.tensor([3]) // 2, t.tensor([3]) // 2.0, t.tensor([3.5]) // 1, t.tensor([3]) % 2, t.tensor([3]) % 2.0
    t.tensor([1], dtype=t.uint8) + 300, t.tensor([1], dtype=t.int8) * 200, t.tensor([100], dtype=t.int8) + 100
    t.tensor([1.0]) + t.tensor(1e300, dtype=t.float64), t.tensor([1], dtype=t.int32) + t.tensor(2**40)
    t.tensor([1], dtype=t.int8) == 300, t.tensor([1], dtype=t.uint8) == -1, t.tensor([1], dtype=t.uint8) < 300
    t.ones(2, dtype=t.float16) + np.float64(1), t.ones(2) * np.float64(2), t.ones(2, dtype=t.int64) * np.float32(1.5), t.ones(2) + np.int64(1)
    t.bitwise_or(t.tensor([True]), t.tensor([1])), t.tensor([1]) | True, t.tensor([True]) ^ True, ~t.tensor([True]), ~t.tensor([1])
    t.tensor([1]) << 2, t.tensor([8], dtype=t.uint8) >> 1, 1 << t.tensor([3]), t.tensor([1], dtype=t.int8) << 7
    t.logical_and(t.tensor([1, 0]), t.tensor([1.5, 1.0])), t.logical_not(t.tensor([1, 0])), t.logical_xor(t.tensor([2]), t.tensor([True]))
    t.isnan(t.tensor([1])), t.isinf(t.tensor([True])), t.isfinite(t.tensor([1.0, float('inf')])), t.signbit(t.tensor([-1, 1]))
    t.tensor([1, 2]).mul(2.5), t.tensor([1, 2]).sub(0.5), t.rsub(t.tensor([1, 2]), 0.5), t.tensor([True]).mul(True), t.tensor([True]) + t.tensor([True])
    t.atan2(t.tensor([1]), t.tensor([2])), t.hypot(t.tensor([3.0]), t.tensor([4.0])), t.floor_divide(t.tensor([7]), 2), t.copysign(t.tensor([1]), -1)
    t.tensor([1.0, 2]).std().dtype, t.tensor([1 + 1j]).abs(), t.tensor([1 + 1j]).real.dtype, t.tensor([1j]).angle().dtype
    t.tensor([1, 2], dtype=t.complex64) + t.tensor([1.0], dtype=t.float64), t.tensor(1j) + t.tensor([1.0], dtype=t.float64), t.tensor([1.0]) * 1j
    x = t.ones(2, dtype=t.int64); x += 1; x *= 2; x -= True; x; x
    x = t.ones(2); x += t.tensor([1, 2]); x *= t.tensor(2.0, dtype=t.float64); x; x
    x = t.ones(2, dtype=t.int8); x += t.tensor([1, 2]); x; x
    x = t.ones(2, dtype=t.float16); x /= 3; x.dtype; x
    t.floor(t.tensor([1, 2])), t.ceil(t.tensor([1])), t.round(t.tensor([3])), t.trunc(t.tensor([3], dtype=t.int8))
    t.bincount(t.tensor([1, 1])), t.tensor([3, 1]).sort()[1].dtype, t.tensor([1.0]).argmax().dtype, t.tensor([1]).topk(1)[0].dtype, t.searchsorted(t.tensor([1, 2]), t.tensor([1])).dtype
    t.tensor([1.0, 2]).norm(), t.linalg.vector_norm(t.tensor([3.0, 4.0]))
    t.sum(t.tensor([1, 2]), dtype=t.float32), t.sum(t.tensor([1.7]), dtype=t.int64), t.prod(t.tensor([1, 2]), dtype=t.int8), t.mean(t.tensor([1, 2]), dtype=t.float64)
    t.outer(t.tensor([1, 2]), t.tensor([1.5])), t.dot(t.tensor([1, 2]), t.tensor([1, 2])), t.tensor([1, 2]).float().dot(t.tensor([1.0, 2]))
""")
def test_results(source):
    check_written(source, rtol=1e-6)


@programs("""
    x = t.ones(2, dtype=t.int64); x += 0.5; x
    x = t.ones(2, dtype=t.int64); x /= 2; x
    x = t.ones(2, dtype=t.bool); x += 1; x
    x = t.ones(2); x += 1j; x
    x = t.ones(2, dtype=t.int64); x.add_(t.tensor([0.5, 0.5]))
    x = t.ones(2, dtype=t.int64); x.mul_(t.tensor(0.5))
    t.tensor([True]) - t.tensor([True])
    t.tensor([True]) - True
    True - t.tensor([True])
    -t.tensor([True])
    ~t.tensor([1.5])
    t.tensor([1.5]) & t.tensor([1.5])
    t.tensor([1.5]) << 1
    t.tensor([1j]) < t.tensor([1j])
    t.tensor([1j]) // 2
    t.tensor([1j]) % 2
    t.tensor([1, 2]).mean()
    t.tensor([1, 2]).var()
    t.tensor([1, 2]).std()
    t.tensor([1j]).max()
    t.tensor([1j]).clamp(0)
    t.tensor([1.0]) @ t.tensor([1])
    t.tensor([[1.0]]) @ t.tensor([[1.0]], dtype=t.float64)
    t.dot(t.tensor([1.0]), t.tensor([1]))
    t.tensor([1]) ** -1
    t.add(t.tensor([1]), t.tensor([1]), alpha=0.5)
    t.add(t.tensor([True]), t.tensor([True]), alpha=2) - t.tensor([True])
    t.tensor([1]) + 'a'
    'a' + t.tensor([1])
    t.tensor([1]) + None
    t.tensor([1]) + [1, 2]
    t.tensor([1]) < 'a'
    t.tensor([1]) + object()
    t.lerp(t.tensor([1.0]), t.tensor([2.0], dtype=t.float64), 0.5)
    t.ones(2, 3) + t.ones(2)
    t.ones(3) * t.ones(4)
    t.ones(2, 1, 3) < t.ones(2, 4)
    t.ones(2).add_(t.ones(3, 2))
    t.ones(2).mul_(t.ones(3))
    t.ones(2, 3).expand(3, 3)
    t.ones(2, 3).expand(2)
    t.broadcast_tensors(t.ones(2), t.ones(3))
    t.broadcast_to(t.ones(2), (3,))
    t.broadcast_shapes((2,), (3,))
    t.where(t.tensor([1, 0]), t.ones(2), t.zeros(2))
    t.where(t.tensor([True]), t.ones(2), t.ones(3))
    t.result_type()
    t.promote_types(t.float32, 'float64')
    t.tensor([1], dtype=t.uint8).add(t.tensor([1.5])).add_(1j)
    t.ones(2, 3) @ t.ones(2, 3)
    t.ones(2) @ t.ones(3)
    t.tensor(1.0) @ t.tensor(1.0)
    t.ones(2, 3).mm(t.ones(3))
    t.ones(3).mv(t.ones(3))
""")
def test_refused(source):
    check_refused(source)


@programs("""
    t.ones(2, 3) + t.ones(2)
    t.ones(3) * t.ones(4)
    t.ones(2).add_(t.ones(3, 2))
    x = t.ones(2, dtype=t.int64); x += 0.5; x
    x = t.ones(2, dtype=t.int64); x /= 2; x
    t.tensor([True]) - t.tensor([True])
    -t.tensor([True])
    t.ones(2, 3) @ t.ones(2, 3)
    t.tensor([1, 2]).mean()
    t.tensor([1]) ** -1
    t.tensor([[1.0]]) @ t.tensor([[1.0]], dtype=t.float64)
    t.tensor([1.5]) & t.tensor([1.5])
    t.ones(2, 3).expand(3, 3)
    t.ones(2, 3).expand(2)
    t.tensor([1]) + 'a'
    t.tensor([1]) + None
""")
def test_error_texts(source):
    check_written(source)


@programs("""
    t.arange(3) + t.arange(2).reshape(2, 1)
    t.arange(3.0).reshape(3, 1) * t.arange(2.0)
    t.ones(2, 1, 3) + t.ones(4, 1)
    t.ones(0) + t.ones(1), t.ones(2, 0) + t.ones(1, 1), t.ones(0, 1) * t.ones(3)
    t.ones(()) + t.ones(2, 2)
    t.broadcast_tensors(t.ones(2, 1), t.arange(3.0)), t.broadcast_shapes((2, 1), (3,), ()), t.broadcast_shapes(2, (1, 2))
    t.broadcast_to(t.arange(2), (3, 2)), t.arange(3).expand(2, -1), t.arange(2).reshape(2, 1).expand(-1, 3), t.arange(2).expand_as(t.ones(3, 2))
    t.ones(2, 3).add_(t.arange(3)), t.ones(2, 3).mul_(t.tensor([[2.0], [3.0]])), t.ones(2, 3).copy_(t.arange(3))
    t.where(t.tensor([[True], [False]]), t.arange(3), t.tensor(9))
    t.maximum(t.arange(3), t.tensor([[1]])), t.arange(3) == t.tensor([[1], [2]])
    t.clamp(t.arange(6).reshape(2, 3), t.tensor([1, 2, 3]), t.tensor([[2], [4]]))
    t.addcmul(t.ones(3), t.ones(2, 1), t.arange(3.0)), t.lerp(t.zeros(3), t.ones(2, 1), t.arange(3.0))
    t.ones(3, 1, 2) @ t.ones(4, 2, 5)
    t.ones(2, 3).masked_fill(t.tensor([True, False, True]), 5)
    t.ones(1).expand(0), t.ones(1, 2).expand(0, 2), t.ones(2).expand(3, 0, 2)
""")
def test_broadcasting(source):
    check_written(source)
