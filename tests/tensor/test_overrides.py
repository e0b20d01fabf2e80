"""`__torch_function__`: subclasses keep their kind, classes and modes take functions over, as PyTorch documents it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch as oracle
import torch.overrides

import rushlight

from ..both import Raised, run

LIBRARIES = pytest.mark.parametrize("t", [rushlight, oracle], ids=["rushlight", "torch"])


class _Kinds:
    """The same classes on each library."""

    def __init__(self, t: Any) -> None:
        class Plain(t.Tensor):
            pass

        class Narrower(Plain):
            pass

        class Other(t.Tensor):
            pass

        class Parameter(t.nn.Parameter):
            pass

        class Logging(t.Tensor):
            calls: list[str] = []

            @classmethod
            def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                cls.calls.append(func.__name__)
                return super().__torch_function__(func, types, args, kwargs or {})

        class Duck:
            @classmethod
            def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                return func.__name__.removeprefix("linalg_").removeprefix("fft_"), [kind.__name__ for kind in types]

        class Declining:
            @classmethod
            def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                return NotImplemented

        self.Plain, self.Narrower, self.Other, self.Parameter = Plain, Narrower, Other, Parameter
        self.Logging, self.Duck, self.Declining = Logging, Duck, Declining


KINDS = {t.__name__: _Kinds(t) for t in (rushlight, oracle)}


def kinds_of(value: Any) -> Any:
    return [kinds_of(part) for part in value] if type(value) in (tuple, list) else type(value).__name__


@pytest.mark.parametrize(
    "expression",
    """m + 1; 1 + m; x + m; p + m; m == 1; -m; m @ m; m[0]; t.add(m, 1); t.stack([x, m]); t.cat([m, x]); m.sum(); m.max(); m.detach(); m.data
    m.to(t.float64); m.float(); m.clone(); t.zeros_like(m); m.new_zeros(2); m.view(2, 1).mT; m.split(1); m.unbind(0); list(m.max(0)); list(m)
    m.add_(1); m.requires_grad_(); t.relu(m); t.nn.functional.softmax(m, 0); t.nn.Linear(2, 2)(m); t.nn.MSELoss()(m, x); t.linalg.norm(m)
    t.fft.fft(m); t.special.erf(m); t.as_tensor(m); t.tensor(m); m.as_subclass(t.Tensor); x.expand_as(m); m.numpy(); m.tolist(); m.shape; m.grad
    k.Narrower([1.0]) + m; m + k.Narrower([1.0]); k.Parameter(x) + 1; t.where(m > 1, m, x); t.einsum('i,i', m, x)
    k.Plain([1.0]).as_subclass(k.Other) + 1; t.sum(m, dim=0, keepdim=True); m.T; m.exp().log().requires_grad""".replace(
        "\n", ";"
    ).split(";"),
)
def test_results_are_of_the_subclass(expression: str) -> None:
    def program(t: Any) -> Any:
        k = KINDS[t.__name__]
        scope = {"t": t, "k": k, "m": k.Plain([1.0, 2.0]), "x": t.ones(2), "p": t.nn.Parameter(t.ones(2))}
        return kinds_of(eval(expression.strip(), scope))

    assert run(program, rushlight) == run(program, oracle)


def test_two_kinds_do_not_go_together() -> None:
    for t in (rushlight, oracle):
        k = KINDS[t.__name__]
        with pytest.raises(TypeError):
            k.Plain([1.0]) + k.Other([1.0])


@LIBRARIES
def test_gradients_flow_through_subclasses(t: Any) -> None:
    k = KINDS[t.__name__]
    leaf = k.Plain([1.0, 2.0, 3.0]).requires_grad_()
    (leaf[1:] * 2).exp().sum().backward()
    assert leaf.grad[0] == 0 and leaf.grad[1].item() == pytest.approx(109.196, 1e-4)
    base = t.ones(3, requires_grad=True)
    (base[1:].as_subclass(k.Plain) * 3).sum().backward()
    assert base.grad.tolist() == [0, 3, 3]
    whole = k.Plain([1.0, 2.0])
    whole[0] = 5
    whole[1:].add_(1)
    assert type(whole) is k.Plain and whole.tolist() == [5, 3]


@LIBRARIES
def test_a_class_sees_what_it_is_given_to(t: Any) -> None:
    k = KINDS[t.__name__]
    s = t.ones(2).as_subclass(k.Logging)
    k.Logging.calls.clear()
    t.add(s, 1), s.add_(1), s.sum(), s[0], t.nn.functional.relu(s), s == 1, t.nn.Linear(2, 2)(s), s.T
    found = [name for name in k.Logging.calls if name not in ("size", "dim")]
    assert found == ["add", "add_", "sum", "__getitem__", "relu", "__eq__", "linear", "__get__"]
    off = t.overrides if t is rushlight else t._C
    with off.DisableTorchFunctionSubclass():
        assert type(s + 1) is t.Tensor


@pytest.mark.parametrize(
    "expression",
    """t.add(x, d); t.mean(d); t.sum(d, dim=0); t.stack([d, x]); t.cat([x, d]); t.add(x, x, out=d); x + d; d + x; x * d; x @ d; x.add(d)
    t.nn.functional.relu(d); t.nn.functional.linear(x, d); t.nn.Linear(2, 2)(d); t.zeros_like(d); t.linalg.det(d); t.nn.functional.cross_entropy(d, d)
    t.add(n, d); t.matmul(d, x); t.nn.functional.softmax(d, 0); t.where(d, x, x); t.argmax(d); t.exp(input=d); t.is_tensor(d)""".replace(
        "\n", ";"
    ).split(";"),
)
def test_other_classes_take_functions_over(expression: str) -> None:
    def program(t: Any) -> Any:
        k = KINDS[t.__name__]
        return eval(expression.strip(), {"t": t, "d": k.Duck(), "n": k.Declining(), "x": t.ones(2)})

    assert run(program, rushlight) == run(program, oracle)


def test_the_first_class_that_is_met_takes_over() -> None:
    """Nothing is ready for it in a new process, until a function has failed on it."""
    program = """
import rushlight as torch
class Duck:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func is torch.{}, len(args)
print({})
"""
    for name, call in (
        ("stack", "torch.stack([Duck()])"),
        ("add", "torch.ones(2) + Duck()"),
        ("mean", "torch.mean(Duck())"),
    ):
        ran = subprocess.run([sys.executable, "-c", program.format(name, call)], capture_output=True, text=True)
        assert ran.stdout.strip() in ("(True, 1)", "(True, 2)"), ran.stderr


def test_all_decline() -> None:
    for call in (lambda t, n: t.add(t.ones(2), n), lambda t, n: t.stack([n]), lambda t, n: t.mean(n)):
        for t in (rushlight, oracle):
            with pytest.raises(TypeError, match="returned NotImplemented"):
                call(t, KINDS[t.__name__].Declining())


def _mode(t: Any, calls: list[str]) -> Any:
    class Noting(t.overrides.TorchFunctionMode):
        def __init__(self, mark: str = "") -> None:
            self.mark = mark

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            calls.append(self.mark + func.__name__)
            return func(*args, **(kwargs or {}))

    return Noting


@LIBRARIES
def test_modes(t: Any) -> None:
    calls: list[str] = []
    mode, k = _mode(t, calls), KINDS[t.__name__]
    x, layer = t.ones(2), t.nn.Linear(2, 2)
    with mode():
        y = x + 1
        t.zeros(2), t.nn.functional.softmax(x, 0), layer(x), t.tensor([1]), y[0], x.sum()
        k.Plain([1.0]).exp()
        with mode("inner "):
            t.exp(x)
    t.exp(x)
    kept = [name for name in calls if name not in ("detach", "empty")]
    assert kept == ["add", "zeros", "softmax", "linear", "tensor", "__getitem__", "sum", "exp", "inner exp", "exp"]


@LIBRARIES
def test_a_mode_answers_itself_and_is_left_meanwhile(t: Any) -> None:
    class Adding(t.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is t.mul:
                return t.add(*args)
            if func is t.sub:
                with self:  # what is called here comes back
                    return t.mul(*args)
            return func(*args, **(kwargs or {}))

    x = t.full((2,), 3.0)
    with Adding():
        product, also, exponential = t.mul(x, x), t.sub(x, x), t.exp(t.zeros(1))
    assert product.tolist() == also.tolist() == [6, 6] and exponential.item() == 1
    with pytest.raises(RuntimeError, match="mine"), _failing(t)():
        t.exp(x)
    assert t.exp(t.zeros(1)).item() == 1


def _failing(t: Any) -> Any:
    class Failing(t.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise RuntimeError("mine")

    return Failing


@LIBRARIES
def test_functions_of_users(t: Any) -> None:
    k, o = KINDS[t.__name__], t.overrides
    d, x = k.Duck(), t.ones(2)

    def scaled(a: Any, by: int = 1) -> Any:
        if o.has_torch_function((a,)):
            return o.handle_torch_function(scaled, (a,), a, by=by)
        return a * by

    assert scaled(d) == ("scaled", ["Duck"]) and scaled(x, by=2).tolist() == [2, 2]
    with pytest.raises(TypeError, match="no implementation found for .*scaled"):
        scaled(k.Declining())
    wrapped = o.wrap_torch_function(lambda a: (a,))(lambda a: 3)
    assert wrapped(x) == 3 and wrapped(d)[1] == ["Duck"]
    assert [o.has_torch_function_unary(v) for v in (d, x, 3, k.Plain([1.0]))] == [True, False, False, True]
    assert o.has_torch_function_variadic(x, d) and not o.has_torch_function_variadic(x, 3)
    assert [o.is_tensor_like(v) for v in (d, x, 3)] == [True, True, False]
    assert o.resolve_name(t.add) == "torch.add" and o.resolve_name(t.nn.functional.cross_entropy).endswith(
        "cross_entropy"
    )
    assert o.is_tensor_method_or_property(t.Tensor.add) and not o.is_tensor_method_or_property(
        t.nn.functional.cross_entropy
    )


def test_a_compiled_function_takes_subclasses() -> None:
    m = KINDS["rushlight"].Plain([1.0, 2.0])
    f = rushlight.compile(lambda x: (x * 2).exp() + 1)
    for _ in range(5):
        y = f(m)
        assert type(y) is type(m) and rushlight.equal(y.as_subclass(rushlight.Tensor), (m.data * 2).exp() + 1)


def test_names_and_signatures_stay_behind_a_gate() -> None:
    import inspect
    import pickle

    KINDS["rushlight"].Plain([1.0]) + 1
    assert "dim" in inspect.signature(rushlight.sum).parameters
    assert pickle.loads(pickle.dumps(rushlight.nn.functional.relu)) is rushlight.nn.functional.relu
    error = run(lambda t: t.ones(2).max(axes=0), rushlight)
    assert isinstance(error, Raised) and error.text == "max() got an unexpected keyword argument 'axes'"
