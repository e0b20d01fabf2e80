"""`Module`: registration, attributes, walking, modes, conversion, printing; programs run with both libraries."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

import rushlight

from ..both import check, check_warnings


def net(t: Any) -> Any:
    """Modules within modules, one of them shared, and buffers of both kinds."""
    made = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Sequential(t.nn.BatchNorm1d(3), t.nn.ReLU()), t.nn.Linear(3, 3))
    made.add_module("again", made[0])
    made.register_buffer("kept", t.ones(1))
    made.register_buffer("passing", t.zeros(2), persistent=False)
    made.register_buffer("absent", None)
    return made


def attempt(call: Any) -> Any:
    """What the call gives, or what it raises, as text."""
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _assigned_early(value: Any) -> Any:
    def program(t: Any) -> Any:
        class Early(t.nn.Module):
            def __init__(self) -> None:
                self.part = value(t)

        return Early()

    return program


@pytest.mark.parametrize(
    "value",
    [
        lambda t: t.nn.Linear(2, 2),
        lambda t: t.nn.Parameter(t.ones(2)),
        lambda t: t.nn.Buffer(t.ones(2)),
    ],
)
def test_assignment_before_init(value: Any) -> None:
    check(_assigned_early(value))


@pytest.mark.parametrize("kind", ["parameter", "buffer"])
@pytest.mark.parametrize("name", ["kept", "0", "x.y", "", 3, "forward", "fresh"])
@pytest.mark.parametrize(
    "value", ["None", "3", "t.ones(2)", "t.nn.Parameter(t.ones(2))", "t.ones(2, requires_grad=True) * 2"]
)
def test_register_tensor(kind: str, name: Any, value: str) -> None:
    def program(t: Any) -> Any:
        module = net(t)
        given = eval(value, {"t": t})
        getattr(module, f"register_{kind}")(name, given)
        return list(module._parameters), list(module._buffers), list(module.state_dict())

    check(program)


@pytest.mark.parametrize("name", ["kept", "0", "x.y", "", 3, "forward", "fresh"])
@pytest.mark.parametrize("value", ["None", "3", "t.nn.ReLU()", "t.ones(2)"])
def test_add_module(name: Any, value: str) -> None:
    def program(t: Any) -> Any:
        module = net(t)
        module.add_module(name, eval(value, {"t": t}))
        return module, list(module._modules)

    check(program)


@pytest.mark.parametrize("name", ["kept", "0", "passing", "fresh", "weight", "absent"])
@pytest.mark.parametrize(
    "value",
    ["None", "3", "t.nn.ReLU()", "t.ones(2)", "t.nn.Parameter(t.ones(2))", "t.nn.Buffer(t.ones(2), persistent=False)"],
)
def test_set_attribute(name: str, value: str) -> None:
    def program(t: Any) -> Any:
        module = net(t)
        module.weight = t.nn.Parameter(t.ones(1))
        setattr(module, name, eval(value, {"t": t}))
        registries = [list(module._parameters), list(module._buffers), list(module._modules)]
        return registries, sorted(module._non_persistent_buffers_set), name in module.__dict__, getattr(module, name)

    check(program)


def test_delete_attribute() -> None:
    def program(t: Any) -> Any:
        module = net(t)
        del module.kept, module.passing
        delattr(module, "0")
        module.plain = 3
        del module.plain
        return list(module._modules), list(module._buffers), attempt(lambda: delattr(module, "kept"))

    check(program)


def test_missing_attribute() -> None:
    check(lambda t: net(t).nothing)
    check(lambda t: t.nn.Module().forward(3))
    check(lambda t: t.nn.Module(3))
    check(lambda t: t.nn.Module(a=3))


PATHS = ["", "0", "1.0", "1.0.weight", "0.weight", "kept", "1.0.running_mean", "0.nothing", "nothing", "0.weight.more"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("get", ["get_submodule", "get_parameter", "get_buffer"])
def test_get_by_path(path: str, get: str) -> None:
    check(lambda t: getattr(net(t), get)(path))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("strict", [False, True])
def test_set_submodule(path: str, strict: bool) -> None:
    def program(t: Any) -> Any:
        module = net(t)
        module.set_submodule(path, t.nn.Tanh(), strict=strict)
        return module

    check(program)
    check(lambda t: net(t).set_submodule("0", 3))


def test_walking() -> None:
    def program(t: Any) -> Any:
        module = net(t)
        return {
            "modules": [(name, repr(m)) for name, m in module.named_modules()],
            "all modules": [name for name, _ in module.named_modules(prefix="p", remove_duplicate=False)],
            "children": [name for name, _ in module.named_children()],
            "parameters": [name for name, _ in module.named_parameters()],
            "all parameters": [name for name, _ in module.named_parameters("p", remove_duplicate=False)],
            "own": [name for name, _ in module.named_parameters(recurse=False)],
            "buffers": [name for name, _ in module.named_buffers()],
            "counts": [len(list(each)) for each in (module.modules(), module.children(), module.buffers())],
            "dir": [n for n in dir(module) if n in ("kept", "absent", "0", "again", "weight", "training")],
        }

    check(program)


def test_apply_goes_from_the_leaves_up() -> None:
    def program(t: Any) -> Any:
        seen: list[str] = []
        module = net(t)
        same = module.apply(lambda m: seen.append(type(m).__name__)) is module
        return seen, same

    check(program)


def test_modes_and_gradients() -> None:
    def program(t: Any) -> Any:
        module = net(t)
        del module.again  # which does not fit the layer before it
        modes = [[m.training for m in each.modules()] for each in (module.eval(), module.train(), module[1].eval())]
        module.train()
        module(t.randn(4, 2)).sum().backward()
        before = [p.grad is None for p in module.parameters()]
        module.zero_grad(set_to_none=False)
        zeros = [p.grad for p in module.parameters()]
        module.zero_grad()
        gone = [p.grad for p in module.parameters()]
        module.requires_grad_(False)
        flags = [p.requires_grad for p in module.parameters()]
        return modes, before, zeros, gone, flags, attempt(lambda: module.train(3))

    check(program)


CONVERSIONS = [
    "to('cpu')",
    "to(t.float64)",
    "to('cpu', t.float16)",
    "to(device='cpu', dtype=t.float64, non_blocking=True)",
    "to(t.ones(1, dtype=t.float64))",
    "to(None, t.float64)",
    "to()",
    "double()",
    "half()",
    "bfloat16()",
    "float()",
    "cpu()",
    "type(t.float64)",
    "double().float()",
    "to(t.int64)",
    "to('cpu', 'float32')",
    "to(a=3)",
]


@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_conversion(conversion: str) -> None:
    def program(t: Any) -> Any:
        module = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3))
        module(t.randn(4, 2)).sum().backward()
        parameters = list(module.parameters())
        same = eval(f"m.{conversion}", {"t": t, "m": module}) is module
        kept = all(a is b for a, b in zip(parameters, module.parameters(), strict=True))
        dtypes = [str(p.dtype) for p in (*module.parameters(), *module.buffers())]
        return same, kept, dtypes, [str(p.grad.dtype) for p in parameters], module[0].weight.is_leaf

    check(program)


def test_converted_parameters_go_on_learning() -> None:
    def program(t: Any) -> Any:
        module = t.nn.Linear(2, 3)
        optimizer = t.optim.SGD(module.parameters(), lr=0.1)
        module.double()
        module(t.ones(1, 2, dtype=t.float64)).sum().backward()
        optimizer.step()
        return module.weight, module.bias

    check(program)


def test_no_cuda_is_an_error() -> None:
    with pytest.raises((RuntimeError, AssertionError)):
        rushlight.nn.Linear(2, 2).cuda()


def test_printing() -> None:
    def program(t: Any) -> Any:
        class Odd(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = t.nn.Sequential(t.nn.ReLU(), t.nn.Identity())
                self.empty = t.nn.Module()

            def extra_repr(self) -> str:
                return "one=1,\ntwo=2"

        class OneLine(t.nn.ReLU):
            def extra_repr(self) -> str:
                return "a, b"

        return [repr(each) for each in (Odd(), OneLine(), net(t), t.nn.Module(), t.nn.Sequential(Odd()))]

    check(program)


def test_shared_parameters_stay_shared_in_copies() -> None:
    class Tied(rushlight.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = rushlight.nn.Linear(2, 2)
            self.two = rushlight.nn.Linear(2, 2)
            self.two.weight = self.one.weight

    twin = copy.deepcopy(Tied())
    assert twin.two.weight is twin.one.weight
    assert [name for name, _ in twin.named_parameters()] == ["one.weight", "one.bias", "two.bias"]


def test_pickles_of_old_modules_get_what_they_lack() -> None:
    layer = rushlight.nn.Linear(2, 2)
    state = {k: v for k, v in layer.__dict__.items() if "hook" not in k}
    old = rushlight.nn.Linear.__new__(rushlight.nn.Linear)
    old.__setstate__(state)
    assert old(rushlight.ones(1, 2)).shape == (1, 2)
    assert repr(pickle.loads(pickle.dumps(old))) == repr(layer)


def test_call_super_init() -> None:
    def program(t: Any) -> Any:
        class Mixin:
            def __init__(self, size: int = 0, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.size = size

        class Layer(t.nn.Module, Mixin):
            call_super_init = True

        return Layer(size=3).size

    check(program)


def test_compile_changes_nothing() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Linear(2, 2)
        before = list(layer.state_dict())
        return layer.compile(), before == list(layer.state_dict()), isinstance(layer, t.nn.Linear)

    check(program)


def test_parameters() -> None:
    def program(t: Any) -> Any:
        source = t.ones(2)
        made = t.nn.Parameter(source)
        source.add_(1)  # they share memory
        frozen = t.nn.Parameter(t.ones(1), requires_grad=False)
        added = made + 1
        return [made, frozen, repr(made), repr(frozen), type(added).__name__, isinstance(made, t.Tensor), added]

    check(program)
    check(lambda t: repr(t.nn.Parameter()))
    check(lambda t: t.nn.Parameter(t.ones(2, dtype=t.int64)))
    check(lambda t: t.nn.Parameter(t.ones(2, dtype=t.int64), requires_grad=False))


def test_copies_of_parameters() -> None:
    def program(t: Any) -> Any:
        made = t.nn.Parameter(t.ones(2))
        twin, back = copy.deepcopy(made), pickle.loads(pickle.dumps(made))
        return [type(each).__name__ for each in (twin, back)], twin, back, twin is made

    check(program)


def test_buffers() -> None:
    def program(t: Any) -> Any:
        buffer = t.nn.Buffer(t.ones(2))
        kinds = [isinstance(each, t.nn.Buffer) for each in (buffer, t.ones(2), 3)]
        module = t.nn.Module()
        module.a, module.b = buffer, t.nn.Buffer(t.zeros(1), persistent=False)
        module.a = t.zeros(3)
        return kinds, type(buffer).__name__, list(module.state_dict()), [name for name, _ in module.named_buffers()]

    check(program)


def test_warnings() -> None:
    check_warnings(lambda t: t.nn.Linear(2, 2).state_dict({}))
    check_warnings(lambda t: t.nn.Linear(0, 2))


def test_to_empty_and_share_memory() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Linear(2, 3)
        same = layer.to_empty(device="cpu") is layer
        shared = layer.share_memory() is layer
        return same, shared, [tuple(p.shape) for p in layer.parameters()], layer.weight.is_shared()

    check(program)
    assert all(p.requires_grad for p in rushlight.nn.Linear(2, 2).to_empty(device="cpu").parameters())


def test_data_parallel_passes_through() -> None:
    def program(t: Any) -> Any:
        wrapped = t.nn.DataParallel(t.nn.Linear(2, 3))
        return wrapped, list(wrapped.state_dict()), wrapped(t.ones(4, 2))

    check(program)


def test_module_of_torch_is_no_module_of_ours() -> None:
    with pytest.raises(TypeError, match="is not a Module subclass"):
        rushlight.nn.Sequential(torch.nn.ReLU())
