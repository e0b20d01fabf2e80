"""`torch.autocast` and `GradScaler` beside PyTorch's."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

import rushlight
import rushlight.amp
import rushlight.nn.functional
from rushlight.tensor.casting import RULES

from ..both import check, warned

# Arguments: a, b are 2 by 2, of float32 and bfloat16; x is (2, 3, 8), y (1, 1, 4, 4, 4) of bfloat16, t classes.
CALLS: dict[str, Any] = {
    "products": lambda t, v: [
        getattr(t, name)(v.a, v.a) for name in ("matmul", "mm", "kron", "chain_matmul", "cdist", "inner")
    ],
    "vectors": lambda t, v: [getattr(t, name)(v.a[0], v.a[0]) for name in ("dot", "outer", "vdot", "inner", "matmul")],
    "einsum": lambda t, v: [t.einsum(e, v.a, v.a) for e in ("ij,jk->ik", "ij,ij->ij", "ij,ij->i", "ij,kl", "ij , jk")],
    "tensordot": lambda t, v: [t.tensordot(v.a, v.a, dims=d) for d in (0, 1, 2, ([0], [1]))],
    "powers": lambda t, v: [t.linalg.matrix_power(v.a, n) for n in (0, 1, 2)] + [v.a.matrix_power(3), t.matrix_exp(v.a)],
    "linalg": lambda t, v: [t.linalg.multi_dot([v.a, v.a]), t.linalg.vecdot(v.a, v.a), t.linalg.inv(v.b + 2 * t.eye(2).bfloat16())],
    "inverse": lambda t, v: [v.b.add(2 * t.eye(2).bfloat16()).inverse(), t.linalg.svdvals(v.b), t.cov(v.a)],
    "sums": lambda t, v: [v.b.prod(), v.b.prod(0), v.b.sum(), v.b.norm(), v.b.trace(), v.b.std(), v.b.cumprod(0)],
    "add": lambda t, v: [t.addmm(v.a, v.a, v.a), v.a.addmm(v.a, v.a), v.a @ v.a, v.a.clone().addmm_(v.a, v.a), t.addmv(v.a[0], v.a, v.a[0])],
    "out": lambda t, v: t.mm(v.a, v.a, out=t.empty(2, 2)),
    "promoted": lambda t, v: [t.cat([v.a, v.b]), t.stack([v.a, v.b]), t.cat([v.b, v.b]), t.vstack([v.a, v.b]), t.index_copy(v.a, 0, t.tensor([0]), v.b[:1])],
    "elementwise": lambda t, v: [v.a * v.b, t.where(v.a > 0, v.a, v.b), t.addcmul(v.a, v.a, v.b)],
    "double": lambda t, v: [v.a.double() @ v.a.double(), v.a.long() @ v.a.long()],
    "mixed with double": lambda t, v: v.a.double() @ v.a,
    "fft": lambda t, v: [t.fft.fft(v.b), t.fft.rfft2(v.b), t.fft.irfft(v.b)],
    "pads": lambda t, v: [
        t.nn.functional.pad(y, (1, 1) * n, mode=m)
        for n, y in ((1, v.x[0].bfloat16()), (2, v.y[0]), (3, v.y))
        for m in ("reflect", "replicate", "constant", "circular")
    ],
    "pools": lambda t, v: [t.nn.functional.avg_pool3d(v.y, 2), t.nn.functional.max_pool3d(v.y, 2), t.nn.functional.max_pool2d(v.y[0], 2)],
    "adaptive": lambda t, v: [t.nn.functional.adaptive_avg_pool3d(v.y, 2), t.nn.functional.adaptive_max_pool3d(v.y, 2)],
    "convolutions": lambda t, v: [t.nn.functional.conv1d(v.x, t.ones(2, 3, 2)), t.nn.functional.conv_transpose1d(v.x, t.ones(3, 2, 2), t.ones(2))],
    "layers": lambda t, v: [t.nn.functional.linear(v.a, v.a), t.nn.functional.bilinear(v.a, v.a, t.ones(3, 2, 2)), t.nn.functional.prelu(v.a, t.ones(1))],
    "norms": lambda t, v: [t.nn.functional.layer_norm(v.b, (2,)), t.nn.LayerNorm(2)(v.b), t.nn.BatchNorm1d(2)(v.b), t.nn.functional.normalize(v.b)],
    "softmax": lambda t, v: [v.b.softmax(0), v.b.log_softmax(0), t.nn.functional.gelu(v.b)],
    "attention": lambda t, v: t.nn.functional.scaled_dot_product_attention(v.x, v.x, v.x.bfloat16()),
    "heads": lambda t, v: t.nn.MultiheadAttention(8, 2, batch_first=True)(v.x, v.x, v.x),
    "encoder": lambda t, v: t.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)(v.x),
    **{name: lambda t, v, name=name: getattr(t.nn, name)(8, 5, 2, batch_first=True, bidirectional=True)(v.x) for name in ("LSTM", "GRU", "RNN")},
    **{name + " half": lambda t, v, name=name: getattr(t.nn, name)(8, 5)(v.x.bfloat16())[0] for name in ("LSTM", "GRU", "RNN")},
    **{name: lambda t, v, name=name: getattr(t.nn, name)(8, 5)(v.x[:, 0]) for name in ("LSTMCell", "GRUCell", "RNNCell")},
    "class losses": lambda t, v: [getattr(t.nn.functional, n)(v.b, v.t) for n in ("cross_entropy", "nll_loss", "multi_margin_loss")],
    "losses": lambda t, v: [
        getattr(t.nn.functional, n + "_loss")(v.b, v.b / 2)
        for n in ("mse", "l1", "smooth_l1", "huber", "soft_margin", "poisson_nll", "hinge_embedding", "multilabel_soft_margin")
    ],
    "more losses": lambda t, v: [
        t.nn.functional.binary_cross_entropy(v.b.sigmoid(), v.b.sigmoid()),
        t.nn.functional.binary_cross_entropy_with_logits(v.b, v.b.sigmoid()),
        t.nn.functional.kl_div(v.b, v.b, reduction="sum"),
        t.nn.functional.triplet_margin_loss(v.b, v.a, v.b),
        t.nn.functional.cosine_embedding_loss(v.b, v.b, t.ones(2)),
    ],
    "state": lambda t, v: [
        t.is_autocast_enabled(), t.is_autocast_enabled("cpu"), str(t.get_autocast_dtype("cpu")), str(t.get_autocast_gpu_dtype()),
        t.is_autocast_cache_enabled(), t.is_autocast_cpu_enabled(),
    ],
}  # fmt: skip


class Values:
    def __init__(self, t: Any) -> None:
        self.a = t.tensor([[1.5, -0.25], [0.5, 2.0]])
        self.b = self.a.bfloat16()
        self.x = t.linspace(-1, 1, 48).reshape(2, 3, 8)
        self.y = t.linspace(-1, 1, 64).reshape(1, 1, 4, 4, 4).bfloat16()
        self.t = t.tensor([0, 1])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", CALLS)
def test_dtypes_and_values_are_pytorchs(name: str, dtype: str) -> None:
    if dtype == "float16" and name in ("LSTM", "LSTM half", "pads", "pools", "adaptive", "promoted"):
        pytest.skip("PyTorch has no such kernel, or refuses both halves together")

    def program(t: Any) -> Any:
        values = Values(t)
        if dtype == "float16":
            values.b, values.y = values.b.half(), values.y.half()
        with t.autocast("cpu", dtype=getattr(t, dtype)):
            return CALLS[name](t, values)

    check(program, rtol=2e-2, atol=2e-2)


def test_every_name_of_the_table_is_a_function() -> None:
    for name in RULES:
        places = (rushlight, rushlight.nn.functional, rushlight.nn.functional.recurrent)
        first, _, rest = name.partition(".")
        found = (
            getattr(getattr(rushlight, first), rest)
            if rest
            else next(getattr(p, name) for p in places if hasattr(p, name))
        )
        assert callable(found)


def net(t: Any) -> Any:
    return t.nn.Sequential(
        t.nn.Conv2d(1, 4, 3), t.nn.ReLU(), t.nn.Flatten(), t.nn.Linear(16, 8), t.nn.GELU(), t.nn.Linear(8, 3)
    )


def trained(t: Any, compiled: bool = False, scaler: Any = None) -> Any:
    """Five steps, with the parameters' dtypes and those of their gradients."""
    t.manual_seed(0)
    model = net(t)
    optimizer = t.optim.SGD(model.parameters(), lr=0.1)
    x, y = t.randn(6, 1, 4, 4), t.tensor([0, 1, 2, 0, 1, 2])

    def step() -> Any:
        optimizer.zero_grad()
        with t.autocast("cpu"):
            out = model(x)
            loss = t.nn.functional.cross_entropy(out, y)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return out, loss

    run = t.compile(step) if compiled else step
    results = [run() for _ in range(5)]
    return [(str(out.dtype), loss.detach()) for out, loss in results], [p.grad for p in model.parameters()]


def test_training_goes_as_pytorchs() -> None:
    check(trained, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("scaled", [False, True])
def test_compiled_steps_are_the_same(scaled: bool) -> None:
    def scaler() -> Any:
        return rushlight.amp.GradScaler("cpu") if scaled else None

    for one, other in zip(trained(rushlight, True, scaler())[0], trained(rushlight, False, scaler())[0], strict=True):
        assert one[0] == other[0] and rushlight.allclose(one[1], other[1], rtol=1e-3)


def test_a_compiled_function_follows_the_region() -> None:
    layer = rushlight.nn.Linear(2, 2)
    double = rushlight.compile(lambda x: layer(x) * 2)
    for _ in range(3):
        for dtype in (rushlight.bfloat16, rushlight.float16, None):
            with rushlight.autocast("cpu", dtype=dtype, enabled=dtype is not None):
                for _ in range(3):
                    assert double(rushlight.ones(1, 2)).dtype is (dtype or rushlight.float32)


def test_a_weight_is_cast_once_in_a_region() -> None:
    layer = rushlight.nn.Linear(2, 2)
    with rushlight.autocast("cpu"):
        casts = [layer(rushlight.ones(1, 2)).grad_fn.next_functions for _ in range(2)]
        assert repr(casts[0][0][0]) == repr(casts[1][0][0])
        layer.weight.data.mul_(0)  # a new value is cast anew
        assert layer(rushlight.ones(1, 2)).tolist() == [layer.bias.bfloat16().tolist()]
    with rushlight.autocast("cpu", cache_enabled=False):
        casts = [layer(rushlight.ones(1, 2)).grad_fn.next_functions for _ in range(2)]
        assert repr(casts[0][0][0]) != repr(casts[1][0][0])


def outcome(call: Any) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error)


def scaled(t: Any) -> list[Any]:
    """What a scaler does, said and refused."""
    scaler = t.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    weight = t.nn.Parameter(t.ones(2))
    optimizer = t.optim.SGD([weight], lr=0.1)
    seen = [
        outcome(lambda: scaler.step(optimizer)),
        outcome(scaler.update),
        outcome(lambda: scaler.unscale_(optimizer)),
    ]
    scaler.scale(weight.sum()).backward()
    scaler.unscale_(optimizer)
    seen += [weight.grad.clone(), outcome(lambda: scaler.unscale_(optimizer)), scaler.step(optimizer)]
    seen += [outcome(lambda: scaler.step(optimizer)), scaler.update(), scaler.state_dict()]
    for bad in (float("inf"), float("nan"), 1.0, 1.0, 1.0):
        weight.grad = t.tensor([bad, 1.0])
        scaler.step(optimizer)
        scaler.update()
        seen += [weight.detach().clone(), scaler.state_dict(), scaler._get_growth_tracker()]
    seen += [scaler.scale([t.ones(2), (t.ones(1),)]), outcome(lambda: scaler.scale(3))]
    seen += [
        scaler.update(3.0),
        scaler.update(t.tensor(5.0)),
        scaler.state_dict(),
        outcome(lambda: scaler.load_state_dict({})),
    ]
    scaler.load_state_dict({**scaler.state_dict(), "scale": 7.0, "_growth_tracker": 1})
    copy = pickle.loads(pickle.dumps(scaler))
    seen += [scaler.get_scale(), copy.state_dict()]
    half = t.nn.Parameter(t.ones(2).half())
    half.grad = half.detach().clone()
    seen.append(outcome(lambda: scaler.unscale_(t.optim.SGD([half], lr=0.1))))
    off = t.amp.GradScaler("cpu", enabled=False)
    return [*seen, off.state_dict(), off.get_scale(), off.scale(3), off.is_enabled(), scaler.is_enabled()]


def test_a_scaler_does_as_pytorchs() -> None:
    check(scaled)


def custom(t: Any) -> Any:
    class Cast(t.autograd.Function):
        @staticmethod
        @t.amp.custom_fwd(device_type="cpu", cast_inputs=t.float32)
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x @ x

        @staticmethod
        @t.amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g @ x.t() + x.t() @ g

    class Plain(Cast):
        @staticmethod
        @t.amp.custom_fwd(device_type="cpu")
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x @ x

    results = []
    for function in (Cast, Plain):
        x = t.tensor([[1.5, -0.25], [0.5, 2.0]], requires_grad=True)
        with t.autocast("cpu"):
            y = function.apply(x)
        results += [y.detach(), outcome(lambda y=y: y.sum().backward()), x.grad]
    return results


def test_custom_functions() -> None:
    check(custom, rtol=1e-2)


WARNED = {
    "cuda": lambda t: (t.autocast("cuda")._enabled, t.amp.GradScaler().is_enabled()),
    "older": lambda t: (
        t.cuda.amp.autocast()._enabled,
        t.cuda.amp.GradScaler().is_enabled(),
        t.cpu.amp.autocast()._enabled,
    ),
    "dtype": lambda t: t.autocast("cpu", dtype=t.float32)._enabled,
    "no name": lambda t: t.autocast(3),
    "dtypes": lambda t: [str(t.get_autocast_dtype(d)) for d in ("cpu", "cuda", "xpu", "mps", "hpu", "xla")],
    "available": lambda t: t.amp.is_autocast_available("cpu"),
}


@pytest.mark.parametrize("name", WARNED)
def test_other_devices_and_older_names(name: str) -> None:
    check(WARNED[name])
    if not name.startswith("no "):
        assert set(warned(WARNED[name], rushlight)) == set(warned(WARNED[name], torch))


def test_the_region_ends_with_an_exception_and_decorates() -> None:
    @rushlight.autocast("cpu")
    def product(x: Any) -> Any:
        return x @ x

    assert product(rushlight.ones(2, 2)).dtype is rushlight.bfloat16
    with pytest.raises(ZeroDivisionError), rushlight.autocast("cpu"):
        1 / 0  # noqa: B018
    assert not rushlight.is_autocast_enabled("cpu")
    assert (rushlight.ones(2, 2) @ rushlight.ones(2, 2)).dtype is rushlight.float32
