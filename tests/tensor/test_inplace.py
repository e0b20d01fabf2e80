"""What changes a tensor where it stands: `op_`, augmented assignment, `out=`, resizing, and copies that must not."""

from __future__ import annotations

import pytest

from .written import check_refused, check_written, programs

UNARY = [
    *(
        "abs",
        "neg",
        "sqrt",
        "rsqrt",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "asin",
    ),
    *("acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "relu", "floor", "ceil", "round"),
    *("trunc", "frac", "sign", "sgn", "reciprocal", "square", "erf", "erfc", "erfinv", "lgamma", "digamma", "logit"),
    *("sinc", "positive", "nan_to_num", "i0", "hardshrink", "logical_not", "zero", "bernoulli"),
]
BINARY = [
    *(
        "add",
        "sub",
        "mul",
        "div",
        "true_divide",
        "floor_divide",
        "remainder",
        "fmod",
        "pow",
        "atan2",
        "hypot",
        "copysign",
    ),
    *(
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "logical_and",
        "logical_or",
        "logical_xor",
        "xlogy",
        "nextafter",
        "heaviside",
    ),
]
NOT_IN_PLACE = ("positive", "hardshrink")


@pytest.mark.parametrize("name", [name for name in UNARY if name not in NOT_IN_PLACE])
def test_unary(name):
    make = "x = t.tensor([0.3, 0.7, 0.9]); "
    check_written(make + f"y = x.{name}_(); y is x, x", 2e-6, 1e-7)
    check_written(make + f"v = x[1:]; v.{name}_(); x", 2e-6, 1e-7)
    if name not in ("zero", "bernoulli"):
        check_written(make + f"o = t.zeros(3); r = t.{name}(x, out=o); r is o, o, x", 2e-6, 1e-7)


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    make = "x = t.tensor([3.0, -5.0, 7.5]); z = t.tensor([2.0, 3.0, 2.0]); "
    check_written(make + f"y = x.{name}_(z); y is x, x", 2e-6)
    check_written(make + f"x.{name}_(x); x", 2e-6)
    check_written(make + f"x[:2].{name}_(z[1:]); x", 2e-6)
    check_written(
        make
        + f"o = t.zeros(3, dtype=t.bool if t.{name}(x, z).dtype == t.bool else t.float32); r = t.{name}(x, z, out=o); r is o, o",
        2e-6,
    )
    check_written(make + f"o = t.zeros(0); t.{name}(x, z, out=o); o, o.shape", 2e-6)


@programs("""
    x = t.arange(4.0); i = id(x); x += 1; x -= 2; x *= 3; x /= 2; x //= 1; x %= 2; x **= 2; id(x) == i, x
    x = t.arange(4); x &= 2; x |= 1; x ^= 3; x <<= 1; x >>= 1; x
    x = t.arange(4.0); y = x; x = x + 1; y
    x = t.ones(2, 3); x += t.arange(3); x *= t.tensor([[2.0], [3.0]]); x
    x = t.ones(2, 2); x @= t.ones(2, 2); x
    x = t.ones(3); x.add_(2, alpha=3), x.sub_(t.ones(3), alpha=2), x.mul_(2).div_(4)
    x = t.ones(3); x.addcmul_(t.ones(3), t.arange(3.0), value=2), x.addcdiv_(t.ones(3), t.arange(1.0, 4)), x.lerp_(t.zeros(3), 0.5)
    x = t.arange(5.0); x.clamp_(1, 3), x.clamp_(min=2), x.clamp_max_(2), x.clip_(max=1), x.fill_(3), x.zero_()
    x = t.zeros(2, 3); x.fill_(t.tensor(2)), x.fill_(True), x.copy_(t.arange(3)), x.copy_(t.tensor(5, dtype=t.int8)), x.copy_(3.5)
    x = t.zeros(2, 2); x.addmm_(t.ones(2, 2), t.ones(2, 2)), t.zeros(2).addmv_(t.ones(2, 2), t.ones(2)), x.addr_(t.ones(2), t.ones(2)), x.tril_(), x.triu_()
    x = t.zeros(2, 2, 2); x.baddbmm_(t.ones(2, 2, 2), t.ones(2, 2, 2)), x.transpose_(0, 1).shape
    x = t.zeros(3); x.masked_fill_(t.tensor([True, False, True]), 4), x.index_fill_(0, t.tensor([1]), 2)
    x = t.zeros(3, 3); x.fill_diagonal_(2), x.fill_diagonal_(t.tensor(3).item())
    x = t.tensor([1.0, 2]); x.cumsum_(0), x.cumprod_(0)
    x = t.tensor([1, 2]); x.float().add_(1), x
    x = t.zeros(2, dtype=t.int8); x += 200; x
    x = t.zeros(2, dtype=t.bool); x |= t.tensor([True, False]); x ^= True; x
    o = t.zeros(3); r = t.sum(t.ones(3, 2), 1, out=o); r is o, o
    o = t.zeros(3, dtype=t.float64); t.add(t.ones(3), 1, out=o); o
    o = t.zeros(3); t.add(t.ones(3, dtype=t.int64), 1, out=o); o
    o = t.zeros(3); v = o[1:]; t.mul(t.ones(2), 3, out=v); o
    o = t.zeros(2, 3); t.mm(t.ones(2, 2), t.ones(2, 3), out=o); o
    x = t.arange(3.0); t.add(x, x, out=x); x
    x = t.arange(3.0); t.cumsum(x, 0, out=x); x
    x = t.arange(3.0); t.exp(x, out=x[:]); x.shape
    o = t.zeros(0); t.cat([t.ones(2), t.zeros(1)], out=o); o
    o = t.zeros(2, 2); t.stack([t.ones(2), t.zeros(2)], out=o); o
    a, b = t.zeros(0), t.zeros(0, dtype=t.int64); r = t.max(t.tensor([[1.0, 3], [5, 2]]), 1, out=(a, b)); r[0] is a, a, b
    a, b = t.zeros(2), t.zeros(2, dtype=t.int64); t.sort(t.tensor([2.0, 1]), out=(a, b)); a, b
    o = t.zeros(2, dtype=t.bool); t.eq(t.ones(2), 1, out=o); o
    o = t.zeros(2); t.eq(t.ones(2), 1, out=o); o
    x = t.arange(6.0); x.resize_(2, 2); x, x.shape
    x = t.arange(4.0); x.resize_(2, 3).shape, x[0]
    x = t.arange(4.0); x.resize_((2, 2)), x.resize_(t.Size([4])), x.resize_as_(t.ones(1, 4)), x.resize_(0).shape
    x = t.arange(4.0); y = t.ones(2); x.set_(y); y.add_(1); x, y
    x = t.arange(4.0); x.set_(); x.shape
    x = t.arange(4.0); x.data = t.zeros(2); x
    x = t.nn.Parameter(t.ones(3)); x.data = t.zeros(2); x, type(x) is t.nn.Parameter
    x = t.nn.Parameter(t.ones(3)); x.data += 1; x.data[0] = 5; x.data.mul_(2); x
    x = t.zeros(3); x.requires_grad_() is x, x.requires_grad, x.requires_grad_(False).requires_grad
    x = t.ones(2); x.apply_(lambda v: v + 1), x.map_(t.ones(2), lambda a, b: a + b)
    x = t.arange(3.0); y = x.clone(); y.add_(1); z = x.detach().clone(); z.zero_(); x
    x = t.ones(2); y = x.add(1); x, y
    x = t.zeros(2, 3); x.T.add_(1); x[:, 0].mul_(3); x
    x = t.zeros(1); x.add_(t.ones(1, 1)[0]), x.squeeze_().shape
    x = t.ones(2).double(); x.mul_(t.tensor(2.0)), x.add_(t.ones(2))
    x = t.arange(4.0); x.random_(0, 5).shape, x.uniform_().shape, x.normal_().shape, x.exponential_().shape, x.bernoulli_(0.5).shape
    t.manual_seed(0); x = t.arange(4); x.random_(5).tolist(), x.random_(2, to=5).tolist(), x.random_(to=5).tolist()
    t.manual_seed(0); x = t.arange(4); x.random_(5, None).tolist(), x.random_(to=None, **{"from": -2**63}).tolist()
    x = t.ones(3); x.share_memory_() is x, x.is_shared(), x.add_(1)
""")
def test_programs(source):
    check_written(source, 1e-6)


@programs("""
    x = t.ones(2); x.add_(t.ones(3)); x
    x = t.ones(2); x.add_(t.ones(2, 2)); x
    x = t.ones(2, dtype=t.int64); x.div_(2); x
    x = t.ones(2, dtype=t.int64); x.add_(1.5); x
    x = t.ones(2, dtype=t.int64); x.sqrt_(); x
    x = t.ones(2, dtype=t.bool); x.add_(1); x
    x = t.ones(2); x.add_(1j); x
    x = t.ones(2); x.copy_(t.ones(3)); x
    x = t.ones(2); x.random_(None)
    x = t.ones(2); x.random_(2.5)
    x = t.ones(2); x.random_(**{"from": 5})
    x = t.ones(2); x.random_(-3)
    x = t.ones(2); x.copy_('a'); x
    x = t.ones(2); x.fill_(t.ones(2)); x
    x = t.ones(2); x.fill_('a'); x
    x = t.ones(2, dtype=t.uint8); x.fill_(300); x
    x = t.ones(2, dtype=t.int64); x.fill_(1j); x
    x = t.ones(2); x.add_('a'); x
    x = t.ones(2); x.mul_(None); x
    x = t.ones(2); x += 'a'; x
    x = t.ones(2, requires_grad=True); x.add_(1); x
    x = t.ones(2, requires_grad=True); x += 1; x
    x = t.ones(2, requires_grad=True); x.zero_(); x
    x = t.ones(2, requires_grad=True); x.resize_(3); x
    x = t.ones(2, dtype=t.int64); x.requires_grad_(); x
    x = (t.ones(2, requires_grad=True) * 2); x.requires_grad_(False); x
    t.add(t.ones(2), 1, out=t.zeros(2, dtype=t.int64))
    t.add(t.ones(2), 1, out=t.zeros(2, requires_grad=True))
    t.add(t.ones(2, requires_grad=True), 1, out=t.zeros(2))
    t.add(t.ones(2), 1, out='a')
    t.add(t.ones(2), 1, out=np.zeros(2))
    t.max(t.ones(2, 2), 1, out=(t.zeros(2),))
    t.max(t.ones(2, 2), 1, out=(t.zeros(2), t.zeros(2)))
    t.eq(t.ones(2), 1, out=t.zeros(2, dtype=t.complex64)) + 'a'
    x = t.ones(2); x.clamp_(); x
    x = t.ones(2); x.data = 3; x
    x = t.ones(2); x.data = t.ones(2, dtype=t.int64); x.data = None; x
    x = t.ones(2); x.grad = 3; x
    x = t.ones(2); x.grad = t.ones(3); x
    x = t.ones(2); x.grad = t.ones(2, dtype=t.float64); x
    x = t.ones(2); x.shape = (1, 2); x
    x = t.ones(2); x.dtype = t.int64; x
    x = t.ones(2); x.lerp_(t.ones(2, dtype=t.float64), 0.5); x
    x = t.zeros(3); x.fill_diagonal_(1); x
    x = t.ones(3); x.cumsum_(1); x
    x = t.ones(2); x.map_(t.ones(2, dtype=t.int64), lambda a, b: a); x
    x = t.ones(2, requires_grad=True); x.apply_(abs); x
""")
def test_refused(source):
    check_refused(source)


@programs("""
    x = t.randint(5, size=(3,)); x
    x = t.randint(high=5, size=(3,)); x
    x = t.randint(2, 4, size=(3,)); x
""")
def test_bounds_by_place_or_by_name(source):
    check_written(source)
