"""What values come out at the edges: integer division, wrapping, casts, NaN, empty and zero-dimensional tensors, joining."""

from __future__ import annotations

import pytest
import torch

import rushlight

from .written import check_refused, check_written, programs

PAIRS = "a = t.tensor([7, -7, 7, -7, 0, 6, -6]); b = t.tensor([2, 2, -2, -2, 3, 3, -3]); "
SPECIAL = "s = t.tensor([0.0, -0.0, 1.5, -1.5, 2.5, float('inf'), -float('inf'), float('nan')]); "


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    "operation",
    [
        *("a // b", "a % b", "a / b", "t.fmod(a, b)", "t.remainder(a, b)", "t.floor_divide(a, b)", "divmod_parts"),
        *(
            "t.div(a, b, rounding_mode='floor')",
            "t.div(a, b, rounding_mode='trunc')",
            "a // 2",
            "a % -3",
            "7 // b",
            "7 % b",
        ),
        *("t.fmod(a, -2)", "a / 2", "2 / b"),
    ],
)
def test_division(kind, operation):
    operation = "(a // b) * b + a % b" if operation == "divmod_parts" else operation
    check_written(f"{PAIRS}a = a.to(t.{kind}); b = b.to(t.{kind}); {operation}", 1e-6)


@programs("""
    t.tensor([1.0, -1.0, 0.0]) / 0, t.tensor([1, -1, 0]) / 0, t.tensor([1.0]) // 0, t.tensor([1.0, -1.0]) % 0, t.fmod(t.tensor([1.0]), 0)
    t.tensor([1.0, float('inf')]) // float('inf'), t.tensor([-1.0, 1.0]) % float('inf'), t.fmod(t.tensor([-1.0]), float('inf')), t.tensor([-0.0]) // 1
    t.tensor([5.5, -5.5]) // 2, t.tensor([5.5, -5.5]) % 2, t.fmod(t.tensor([5.5, -5.5]), 2), t.tensor([1e20]) // 3, t.tensor([0.3]) % 0.1
    t.tensor([2**62, 2**63 - 1]) + 2**62, t.tensor([2**63 - 1]) + 1, t.tensor([-2**63]) - 1, t.tensor([2**62]) * 4, -t.tensor([-2**63]), t.tensor([-2**63]).abs()
    t.tensor([127], dtype=t.int8) + 1, t.tensor([200], dtype=t.uint8) + 100, t.tensor([-128], dtype=t.int8).abs(), -t.tensor([1], dtype=t.uint8), t.tensor([100], dtype=t.int8) * 2, t.tensor([0], dtype=t.uint8) - 1
    t.tensor([2**31 - 1], dtype=t.int32) + 1, t.tensor([2**15 - 1], dtype=t.int16) * 2, t.tensor([2], dtype=t.int8) ** 7, t.tensor([3]) ** 41, t.tensor([2]) ** 63, t.tensor([10]) ** 20
    t.tensor([100, 100], dtype=t.int8).sum(), t.tensor([200, 100], dtype=t.uint8).sum(), t.tensor([2**62, 2**62]).sum(), t.tensor([2**40, 2**40]).prod(), t.tensor([100, 100], dtype=t.int8).cumsum(0)
    t.tensor([1]) << 63, t.tensor([1]) << 64, t.tensor([-8]) >> 1, t.tensor([1], dtype=t.int32) << 31, t.tensor([255], dtype=t.uint8) << 1, t.tensor([-1]) >> 70
    t.tensor([1.9, -1.9, 0.5, -0.5]).int(), t.tensor([300.7, -1.5, 256.0]).to(t.uint8), t.tensor([200.0, -200.0]).to(t.int8), t.tensor([70000.0, -70000.0]).to(t.int16), t.tensor([3e9, -3e9]).to(t.int32)
    t.tensor([float('nan'), float('inf'), -float('inf')]).to(t.int64), t.tensor([float('nan'), float('inf'), -float('inf')]).to(t.bool), t.tensor([1e19, -1e19]).to(t.int64), t.tensor([1e19]).double().long()
    t.tensor([float('nan'), 1e20]).to(t.int32), t.tensor([float('nan'), float('inf')]).to(t.int8), t.tensor([float('nan'), -float('inf')]).to(t.uint8), t.tensor([float('nan'), float('inf')], dtype=t.float64).to(t.int16)
    t.tensor([3000000001.0, -3000000001.0, 2**40 + 5.0], dtype=t.float64).to(t.int8), t.tensor([3000000001.0], dtype=t.float64).to(t.uint8), t.tensor([3e9]).to(t.int16), t.tensor([300, -1, 256]).to(t.uint8), t.tensor([200, -200]).to(t.int8), t.tensor([2**40 + 5]).to(t.int32), t.tensor([2**53 + 1]).double(), t.tensor([2**24 + 1]).float(), t.tensor([0, 2, -1]).bool()
    t.tensor([1e10, 65504.0, 65520.0, 1e-8]).half(), t.tensor([3.4e38, 1e39]).bfloat16(), t.tensor([1e300], dtype=t.float64).float(), t.tensor([1.00390625, 1.01171875]).bfloat16()
    t.tensor([1 + 2j]).to(t.complex128), t.tensor([1 + 2j]).real, t.tensor([1 + 2j]).imag, t.tensor([1.5]).cfloat(), t.tensor([1 + 2j, 0j]).bool()
    t.tensor([True, True]) + t.tensor([True, False]), t.tensor([True]) * t.tensor([False]), t.tensor([True]) & False, t.tensor([True]) | False, t.tensor([True, False]).sum(), t.tensor([True, False]).float().mean(), t.tensor([True, False]).any(), t.tensor([True, False]).all()
    t.tensor([True]) + 1, t.tensor([True]) + 1.5, t.tensor([True]) * True, ~t.tensor([True, False]), t.tensor([True, False]).logical_not(), t.tensor([True, False]).max(), t.tensor([True, False]) > False, t.tensor([True]).int() - 1
    t.tensor([1 + 2j]) * t.tensor([3 - 1j]), t.tensor([1 + 2j]) / (1 - 1j), t.tensor([3 + 4j]).abs(), t.tensor([1j]).angle(), t.tensor([1 + 2j]).conj(), t.tensor([1 + 2j]) == t.tensor([1 + 2j]), t.tensor([1j]) ** 2, t.tensor([1 + 1j]).exp(), t.tensor([-1 + 0j]).sqrt(), t.tensor([1 + 2j, 3j]).sum(), t.tensor([1 + 2j, 3j]).mean(), t.tensor([1 + 2j]).reciprocal(), -t.tensor([1 + 2j]), t.tensor([2j]).sgn()
    t.tensor(5) // 2, t.tensor(5) / 2, t.tensor(-5) // 2, t.tensor(-5) % 3, 2 ** t.tensor(3), t.tensor(2) ** -1.0, t.tensor(3).float() ** 2, abs(t.tensor(-3)), -t.tensor(3), +t.tensor(3), ~t.tensor(3)
""")
def test_numbers(source):
    check_written(source, 1e-6)


@programs("""
    t.max(s), t.min(s), s.amax(), s.amin(), s.argmax(), s.argmin(), s.max(0), s.min(0), s.sum(), s.mean(), s.prod()
    s.sort(), s.sort(descending=True), s.argsort(), s.topk(3), s.topk(2, largest=False), s.kthvalue(2), s.median(), s.nanmedian(), s.median(0)
    s.clamp(-1, 1), s.clamp(min=0), s.clamp(max=0), s.clamp(float('nan'), 1), s.clamp(2, 1), t.clamp(s, t.zeros(8), t.ones(8))
    t.maximum(s, t.zeros(8)), t.minimum(s, t.zeros(8)), t.fmax(s, t.zeros(8)), t.fmin(s, t.zeros(8)), s.relu(), s.sign(), s.abs(), s.neg()
    s == s, s != s, s < 1, s >= 0, s.isnan(), s.isinf(), s.isfinite(), s.isposinf(), s.isneginf(), s.signbit(), s.isreal()
    s.floor(), s.ceil(), s.round(), s.trunc(), s.frac(), s.round(decimals=1), s.nan_to_num(), s.nan_to_num(1.0, 2.0, 3.0)
    s.cummax(0), s.cummin(0), s.cumsum(0), s.cumprod(0), s.logsumexp(0), s.nansum(), s.nanmean(), s.softmax(0), s[:5].softmax(0)
    s.any(), s.all(), s.bool(), s.logical_not(), t.logical_and(s, s), s.nonzero(), s.count_nonzero(), s.unique()[:3], (s == 0).sum()
    s.sqrt(), s.log(), s.exp(), s.reciprocal(), s.sin()[:5], s.tanh(), s.sigmoid(), s.rsqrt(), s.pow(2), s ** 0.5, s ** 0, 1 ** s, s.log1p(), s.erf(), s.square()
    t.where(s.isnan(), t.zeros(8), s), s.masked_fill(s.isinf(), 0), t.equal(s, s), t.allclose(s, s), t.allclose(s, s, equal_nan=True), s.norm(), s.std(), s.var()
    s.aminmax(), s[:5].aminmax(), s[:5].std(), s[:5].var(0), s[:5].norm(1), s[:5].norm(float('inf')), s[:5].quantile(0.5), s[:5].dist(t.zeros(5))
    t.atan2(s, -s), t.copysign(t.ones(8), s), t.hypot(s, s), t.xlogy(t.zeros(8), s), t.nextafter(s[:5], t.ones(5)), s.fmod(2), s.remainder(2), t.heaviside(s, t.tensor([0.5]))
""")
def test_special_values(source):
    check_written(SPECIAL + source, 1e-5, 1e-7)


@programs("""
    t.zeros(0).sum(), t.zeros(0).prod(), t.zeros(0).mean(), t.zeros(0).std(), t.zeros(0).var(), t.zeros(0).any(), t.zeros(0).all(), t.zeros(0).norm(), t.zeros(0, 3).sum(0), t.zeros(0, 3).sum(1), t.zeros(3, 0).mean(1), t.zeros(3, 0).prod(1)
    t.zeros(0, 3).amax(1), t.zeros(0, 3).max(1), t.zeros(0, 3).argmax(1), t.zeros(0, 3).sort(), t.zeros(0).cumsum(0), t.zeros(0, 3).cumsum(0), t.zeros(0).unique(), t.zeros(0).median(), t.zeros(0, 3).softmax(0), t.zeros(3, 0).logsumexp(1)
    t.zeros(0, dtype=t.int64).sum(), t.zeros(0, dtype=t.bool).all(), t.zeros(0, dtype=t.int64).float().mean(), t.zeros(0).nonzero(), t.zeros(0) + 1, t.zeros(0, 3) @ t.zeros(3, 2), t.zeros(2, 0) @ t.zeros(0, 2), t.zeros(0) @ t.zeros(0), t.cat([t.zeros(0), t.ones(2)])
    x = t.arange(6.0).reshape(2, 3); x.sum(0, keepdim=True), x.sum((0, 1), True), x.mean(1, keepdim=True), x.max(1, keepdim=True), x.argmax(0, keepdim=True), x.argmax(keepdim=True), x.std(1, keepdim=True), x.any(1, keepdim=True), x.prod(0, keepdim=True), x.median(1, keepdim=True), x.norm(dim=1, keepdim=True), x.logsumexp((0, 1), keepdim=True), x.amax((0, 1), keepdim=True), x.all(), x.sum(-1), x.sum([0]), x.sum(()), x.mean((0, 1)), x.cumsum(-1), x.var((0, 1), unbiased=False), x.std(correction=0)
    x = t.tensor(3.0); x.sum(), x.sum(0), x.mean(-1), x.max(), x.max(0), x.argmax(), x.sort(), x.cumsum(0), x.softmax(0), x.unsqueeze(0), x.reshape(1), x.flatten(), x.std(unbiased=False), x.prod(), x.any(), x.norm(), x.topk(1), x.squeeze(), x.expand(2), x.repeat(2), x.view(-1), x.median(), x.unique(), x.nonzero(), x.amax(0, keepdim=True), x.t(), x.clone(), x.item()
    x = t.arange(4.0).reshape(2, 2); x.var(), x.var(0), x.var(unbiased=False), x[:1].var(0), x[:1].std(0, unbiased=False), t.var_mean(x), t.std_mean(x, 0), x.var(correction=2), x.var(dim=(0, 1), keepdim=True)
    t.cat([t.ones(2, 1), t.zeros(2, 2)], 1), t.cat([t.ones(1), t.zeros(2)], -1), t.cat((t.ones(2),)), t.cat([t.zeros(0), t.ones(2, 2)]), t.cat(tensors=[t.ones(1), t.ones(1)], dim=0), t.concat([t.ones(1)]), t.cat([t.ones(1, dtype=t.int8), t.ones(1)]), t.cat([t.tensor([True]), t.tensor([2])])
    t.stack([t.ones(2), t.zeros(2)]), t.stack([t.ones(2), t.zeros(2)], 1), t.stack([t.ones(2)] * 3, -1).shape, t.stack([t.tensor(1), t.tensor(2.5)]), t.stack((t.zeros(0), t.zeros(0))).shape, t.hstack([t.tensor(1), t.tensor(2)]), t.vstack([t.ones(2), t.zeros(1, 2)]), t.dstack([t.ones(2), t.ones(2)]), t.column_stack([t.ones(2), t.zeros(2, 2)])
    x = t.tensor([3, 1, 2, 1]); x.sort(), x.sort(stable=True), x.argsort(descending=True), x.unique(), x.unique(return_inverse=True, return_counts=True), x.unique_consecutive(), x.bincount(), x.mode(), x.kthvalue(2), x.topk(2), x.flip(0), x.cummax(0), x.diff(), x.median(), x.msort()
    x = t.tensor([[1, 2], [1, 2], [0, 3]]); x.unique(dim=0), x.sort(0), x.sort(1, descending=True), x.max(0), x.min(1), x.argmin(), x.argmax(1), x.float().mean(0), x.sum().item(), x.cumsum(1), x.prod(1), x.any(0), x.all(1)
    t.arange(10).sum(), t.arange(10, dtype=t.int32).sum().dtype, t.arange(10.0).mean(), t.ones(3, dtype=t.float16).sum(), t.full((1000,), 0.1).sum(), t.full((100000,), 0.1).sum(), t.ones(5, dtype=t.bool).sum(0), t.arange(5).prod(), t.ones(2, 2).sum(dtype=t.float64)
    t.tensor([1, 2, 3]).float().softmax(0), t.tensor([1000.0, 1000.0]).softmax(0), t.tensor([-1000.0, 0.0]).log_softmax(0), t.tensor([1000.0, 1000.0]).logsumexp(0), t.tensor([-float('inf')]).logsumexp(0), t.tensor([0.0, -float('inf')]).softmax(0)
    t.round(t.tensor([0.5, 1.5, 2.5, -0.5, -1.5])), t.round(t.tensor([1.25, 1.35]), decimals=1), t.tensor([2.5]).round().int(), t.floor(t.tensor([-0.5])), t.trunc(t.tensor([-1.7])), t.frac(t.tensor([-1.7])), t.tensor([0.1 + 0.2], dtype=t.float64)
""")
def test_reductions_and_joining(source):
    check_written(source, 2e-6, 1e-7)


@programs("""
    t.zeros(0).max()
    t.zeros(0).argmax()
    t.zeros(0).amax()
    t.zeros(0, 3).max(0)
    t.zeros(0, 3).argmin(0)
    t.zeros(0, 3).amin(0)
    t.zeros(0).max(0)
    t.zeros(0).kthvalue(1)
    t.zeros(0).topk(1)
    t.zeros(0).quantile(0.5)
    t.zeros(0).aminmax()
    t.ones(3).sum(1)
    t.ones(3).sum((0, 0))
    t.ones(3).sum('a')
    t.ones(3).max(2)
    t.ones(3).mean(5)
    t.ones(3).softmax(2)
    t.ones(3).cumsum(1)
    t.ones(3).sort(1)
    t.ones(3).topk(4)
    t.ones(3).topk(-1)
    t.ones(3).kthvalue(0)
    t.ones(3).kthvalue(4)
    t.tensor([1]) // 0
    t.tensor([1]) % 0
    t.tensor([1]).fmod(0)
    t.tensor([1]).div(0, rounding_mode='floor')
    t.tensor([1]).div(t.tensor([0]), rounding_mode='trunc')
    t.tensor([1.0]).div(2, rounding_mode='bogus')
    t.tensor([2]) ** -1
    t.ones(2).clamp()
    t.ones(2).clamp('a')
    t.ones(2).round(decimals='a')
    t.tensor([1.5]).bincount()
    t.tensor([-1]).bincount()
    t.ones(2, 2).bincount()
    t.tensor([1.0]).quantile(2)
    t.ones(2).std(3)
    t.ones(3).unique(dim=1)
    t.ones(3).flip(1)
    t.ones(2).dot(t.ones(3))
    t.ones(2).dot(t.ones(2, 2))
    t.ones(2, 3) @ t.ones(2)
    t.ones(2, 3).mm(t.ones(2, 3))
    t.ones(2, 2, 2).mm(t.ones(2, 2))
    t.ones(2, 2).bmm(t.ones(2, 2))
    t.ones(2).matmul(3)
    t.einsum('ij,jk', t.ones(2, 3), t.ones(2, 3))
    t.ones(2, 3).inverse()
    t.where(3, t.ones(2), t.ones(2))
    t.maximum(t.ones(2), 1)
    t.lerp(t.ones(2), 1, 0.5)
    t.add('a', 2)
    t.add(t.ones(2))
    t.add(t.ones(2), 1, 2, 3)
    t.sin()
    t.sin(t.ones(2), 1)
    t.ones(2).sin(1)
    t.sum()
    t.cat(3)
    t.stack(3)
    t.zeros(2).bogus_kind(1)
""")
def test_refused(source):
    check_refused(source)


@programs("""
    t.zeros(0).max()
    t.zeros(0, 3).max(0)
    t.ones(3).sum(1)
    t.ones(3).topk(4)
    (t.tensor([1]) // 0).item()
    (t.tensor([1]) % 0).item()
    t.ones(2).dot(t.ones(3))
    t.ones(2, 3).mm(t.ones(2, 3))
    t.ones(2).mm(t.ones(2, 2))
    t.ones(2, 3) @ t.ones(2)
    t.ones(2).clamp()
    t.tensor([1.0]).div(2, rounding_mode='bogus')
    t.tensor([2]) ** -1
    t.ones(2, 2).bmm(t.ones(2, 2))
    t.ones(3).kthvalue(4)
    t.tensor([1.0]).quantile(2)
""")
def test_error_texts(source):
    check_written(source)


ROUNDED_ONCE = {
    **{name: lambda t, a, b, c, name=name: getattr(t, name)(a, b, alpha=-0.37) for name in ("add", "sub", "rsub")},
    "add_": lambda t, a, b, c: a.clone().add_(b, alpha=3),
    "addcmul": lambda t, a, b, c: (t.addcmul(a, b, c), t.addcmul(a, b, c, value=0.3)),
    "addcdiv": lambda t, a, b, c: t.addcdiv(a, b, c, value=0.3),
    "lerp": lambda t, a, b, c: (t.lerp(a, b, 0.1), t.lerp(a, b, 0.7), t.lerp(a, b, c)),
}


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ROUNDED_ONCE)
def test_a_product_is_added_with_one_rounding(name, kind):
    torch.manual_seed(0)
    given = torch.randn(3, 256).double() * (1 + 2**-30)  # whole vectors: PyTorch rounds a rest of half precision twice

    def run(t):
        found = ROUNDED_ONCE[name](t, *t.tensor(given.tolist(), dtype=getattr(t, kind)))
        return [each.double().tolist() for each in (found if isinstance(found, tuple) else (found,))]

    expected = run(torch)
    for _ in range(3):  # interpreted and compiled
        assert run(rushlight) == expected
