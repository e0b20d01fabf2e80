"""`compile` as PyTorch has it: arguments, decorators, modules, structures of results, threads."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest

import rushlight as torch
from rushlight import nn

from .programs import LeNet, repeats


def add_one(x: Any) -> Any:
    return x + 1


def test_a_decorator_with_and_without_arguments() -> None:
    @torch.compile
    def f(x: Any) -> Any:
        """Doubles."""
        return x * 2

    @torch.compile(fullgraph=True, dynamic=False, mode="reduce-overhead")
    def g(x: Any) -> Any:
        return x * 3

    for _ in range(5):
        assert f(torch.ones(1)).item() == 2 and g(torch.ones(1)).item() == 3
    assert f.__name__ == "f" and f.__doc__ == "Doubles." and repeats(f) == repeats(g) == 1


def test_arguments_are_checked() -> None:
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"):
        torch.compile(add_one, mode="fast")
    with pytest.raises(RuntimeError, match="Either mode or options"):
        torch.compile(add_one, mode="default", options={})
    with pytest.raises(RuntimeError, match="Invalid backend"):
        torch.compile(add_one, backend="nonsense")
    with pytest.raises(AssertionError, match="a function or an nn.Module"):
        torch.compile(3)
    off = torch.compile(add_one, disable=True)
    assert [off(torch.ones(1)).item() for _ in range(5)] == [2.0] * 5 and repeats(off) == 0


def test_a_module() -> None:
    torch.manual_seed(0)
    net = LeNet()
    compiled = torch.compile(net)
    assert isinstance(compiled, nn.Module) and compiled._orig_mod is net
    assert list(compiled.state_dict()) == [f"_orig_mod.{name}" for name in net.state_dict()]
    assert [id(p) for p in compiled.parameters()] == [id(p) for p in net.parameters()]
    assert compiled.conv1 is net.conv1 and compiled.training
    compiled.eval()
    assert not net.training and not net.conv1.training and not compiled.training
    compiled.extra = 3
    assert net.extra == 3
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        for _ in range(5):
            assert torch.equal(compiled(x), net(x))
    assert repeats(compiled._compiled) == 1
    other = LeNet().eval()
    torch.compile(other).load_state_dict(compiled.state_dict())
    assert torch.equal(other(x), net(x))


def test_a_module_in_place() -> None:
    torch.manual_seed(0)
    net = LeNet().eval()
    x = torch.randn(2, 3, 32, 32)
    expected = net(x).detach()
    net.compile()
    with torch.no_grad():
        for _ in range(5):
            assert torch.equal(net(x), expected)
    assert repeats(net._compiled_call_impl) == 1
    assert list(net.state_dict()) == list(LeNet().state_dict())
    assert copy.deepcopy(net)._compiled_call_impl is None
    assert pickle.loads(pickle.dumps(net))._compiled_call_impl is None


def test_a_method() -> None:
    class Net(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        @torch.compile
        def forward(self, x: Any) -> Any:
            return x * self.factor

    a, b = Net(2.0), Net(3.0)
    for _ in range(4):
        assert a(torch.ones(1)).item() == 2 and b(torch.ones(1)).item() == 3
    a.factor = 5.0
    assert [a(torch.ones(1)).item() for _ in range(4)] == [5.0] * 4


def test_structures_of_results() -> None:
    def f(x: Any, more: Any) -> Any:
        y = x * more["k"]
        return {"y": (y, y[0], [y.detach(), None]), "x": x, "n": 3, "k": y.max(0)}

    compiled = torch.compile(f)
    for i in range(6):
        x = torch.arange(3.0) + i
        got, want = compiled(x, {"k": 2}), f(x, {"k": 2})
        assert got["x"] is x and got["n"] == 3 and got["y"][2][1] is None
        for a, b in zip((got["y"][0], got["y"][1], got["y"][2][0], *got["k"]), (want["y"][0], want["y"][1], want["y"][2][0], *want["k"]), strict=True):  # fmt: skip
            assert torch.equal(a, b)
        assert got["k"].values.shape == () and got["y"][1]._base is not None
        got["y"][0].zero_()
        assert got["y"][1].item() == got["y"][2][0].sum().item() == 0
    assert repeats(compiled) == 1, compiled.reason


def test_numbers_that_are_read_to_be_returned() -> None:
    def f(x: Any) -> Any:
        total, most, place = x.sum(), x.max(), x.argmax()
        return total.item(), most.detach().item(), {"place": place.item()}

    compiled = torch.compile(f, fullgraph=True)
    for i in range(6):
        assert compiled(torch.arange(4.0) * i) == f(torch.arange(4.0) * i)
    assert repeats(compiled) == 1
    assert type(compiled(torch.ones(2))[0]) is float


def test_nothing_to_return() -> None:
    total = torch.zeros(2)

    def f(x: Any) -> None:
        total.add_(x)

    compiled = torch.compile(f)
    for _ in range(6):
        assert compiled(torch.ones(2)) is None
    assert total.tolist() == [6.0, 6.0] and total._version == 6 and repeats(compiled) == 1


def test_draws_are_the_same() -> None:
    def f(x: Any) -> Any:
        return (
            x + torch.rand(3) * torch.randn(3) + torch.empty(3).uniform_(1, 2),
            torch.randperm(4),
            torch.randint(0, 9, (2,)),
        )

    compiled = torch.compile(f)
    torch.manual_seed(5)
    want = [f(torch.zeros(3)) for _ in range(6)]
    torch.manual_seed(5)
    got = [compiled(torch.zeros(3)) for _ in range(6)]
    assert all(torch.equal(a, b) for x, y in zip(want, got, strict=True) for a, b in zip(x, y, strict=True))
    assert repeats(compiled) == 1


def test_parts_of_a_parameter_that_are_written() -> None:
    def make() -> Any:
        weight = torch.zeros(4)

        def f(x: Any) -> Any:
            weight[1:3] += x
            return weight.sum()

        return weight, f

    (a, plain), (b, other) = make(), make()
    compiled = torch.compile(other)
    for _ in range(6):
        assert plain(torch.ones(2)).item() == compiled(torch.ones(2)).item()
    assert torch.equal(a, b) and a._version == b._version and repeats(compiled) == 1


def test_a_view_that_is_written() -> None:
    def f(x: Any) -> None:
        x.mul_(2)

    compiled, data = torch.compile(f), torch.ones(6)
    for i in range(5):
        compiled(data[2:4])
        assert data.tolist() == [1.0, 1.0, 2.0 ** (i + 1), 2.0 ** (i + 1), 1.0, 1.0]


def test_rules_of_the_users() -> None:
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3 * x * x

    w = torch.ones(2, requires_grad=True)

    def f(x: Any) -> Any:
        w.grad = None
        Cube.apply(w * x).sum().backward()
        return w.grad.sum().item()

    compiled = torch.compile(f)
    assert [compiled(torch.full((2,), float(i))) for i in range(6)] == [6.0 * i**3 for i in range(6)]


def test_threads() -> None:
    compiled, wrong = torch.compile(lambda x: (x * 2 + 1).sum()), []

    def work(number: int) -> None:
        for i in range(20):
            x = torch.full((5,), float(number * 100 + i))
            if compiled(x).item() != 5 * (2 * (number * 100 + i) + 1):
                wrong.append((number, i))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def test_compiled_within_compiled() -> None:
    inner = torch.compile(add_one)
    outer = torch.compile(lambda x: inner(x) * 2)
    assert [outer(torch.ones(1)).item() for _ in range(5)] == [4.0] * 5
    assert repeats(outer) == 1


def test_what_is_taken_out() -> None:
    calls = []

    @torch.compiler.disable
    def aside(x: Any) -> Any:
        calls.append(1)
        return x

    compiled = torch.compile(lambda x: aside(x) + 1)
    for _ in range(5):
        compiled(torch.ones(1))
    assert len(calls) == 5


def test_more_forms_than_are_kept() -> None:
    compiled = torch.compile(add_one)
    with pytest.warns(UserWarning, match="others run uncompiled"):
        for size in range(1, 12):
            for _ in range(3):
                assert compiled(torch.ones(size)).sum().item() == 2 * size


def test_results_without_their_history() -> None:
    net = nn.Linear(2, 2)
    compiled = torch.compile(lambda x: net(x).detach())
    for i in range(6):
        x = torch.full((1, 2), float(i))
        result = compiled(x)
        assert torch.equal(result, net(x).detach()) and not result.requires_grad
    assert repeats(compiled) == 1
