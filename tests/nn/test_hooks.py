"""Hooks around forward and backward, of one module and of all; programs run with both libraries."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import rushlight

from ..both import check, check_warnings


def layer(t: Any) -> Any:
    return t.nn.Linear(3, 2)


def test_forward_hooks_in_order() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        module = layer(t)
        module.register_forward_pre_hook(lambda m, args: log.append(("pre", len(args))))
        module.register_forward_pre_hook(lambda m, args: args[0] * 2)
        module.register_forward_pre_hook(lambda m, args: log.append(("first", args[0].sum())), prepend=True)
        module.register_forward_hook(lambda m, args, output: log.append(("post", args[0].sum(), output.sum())))
        module.register_forward_hook(lambda m, args, output: output + 1)
        handle = module.register_forward_hook(lambda m, args, output: output * 100)
        handle.remove()
        handle.remove()
        return module(t.ones(1, 3)), log

    check(program)


def test_hooks_with_kwargs() -> None:
    def program(t: Any) -> Any:
        class Scale(t.nn.Module):
            def forward(self, x: Any, *, by: float = 1.0) -> Any:
                return x * by

        log: list[Any] = []
        module = Scale()
        module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
        module.register_forward_pre_hook(lambda m, args, kwargs: None, with_kwargs=True)
        module.register_forward_hook(lambda m, args, kwargs, out: log.append(kwargs) or out + 1, with_kwargs=True)
        return module(t.ones(2), by=2.0), log

    check(program)


def test_wrong_result_of_a_pre_hook() -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
        return module(t.ones(3))

    check(program)


def test_always_call() -> None:
    def program(t: Any) -> Any:
        class Fails(t.nn.Module):
            def forward(self, x: Any) -> Any:
                raise ValueError("no")

        log: list[Any] = []
        module = Fails()
        module.register_forward_hook(lambda m, args, output: log.append("not called"))
        module.register_forward_hook(lambda m, args, output: log.append(("always", output)), always_call=True)
        try:
            module(t.ones(1))
        except ValueError as error:
            log.append(str(error).split(" — ")[0])
        return log

    check(program)


def test_always_call_hook_that_fails() -> None:
    def program(t: Any) -> None:
        class Fails(t.nn.Module):
            def forward(self, x: Any) -> Any:
                raise KeyError("no")

        def hook(*args: Any) -> None:
            raise ValueError("too")

        module = Fails()
        module.register_forward_hook(hook, always_call=True)
        with pytest.raises(KeyError):
            module(t.ones(1))

    check_warnings(program)


def _backward(t: Any, module: Any, *inputs: Any) -> None:
    result = module(*inputs)
    sum(each.sum() for each in (result if isinstance(result, tuple) else (result,))).backward()


def test_full_backward_hook() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        module = layer(t)
        module.register_full_backward_hook(lambda m, grad_in, grad_out: log.append((grad_in, grad_out)))
        x = t.randn(2, 3, requires_grad=True)
        _backward(t, module, x)
        return log, x.grad, module.weight.grad

    check(program)


def test_backward_hooks_change_gradients() -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        module.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] * 10,))
        module.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] + 1,))
        module.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] * 3,))
        module.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] + 1,), prepend=True)
        x = t.randn(2, 3, requires_grad=True)
        _backward(t, module, x)
        return x.grad, module.weight.grad

    check(program)


def test_several_inputs_and_outputs() -> None:
    def program(t: Any) -> Any:
        class Two(t.nn.Module):
            def forward(self, a: Any, label: str, b: Any, c: Any) -> Any:
                return a * b, a + c

        log: list[Any] = []
        module = Two()
        module.register_full_backward_hook(lambda m, grad_in, grad_out: log.append((grad_in, grad_out)))
        a, b, c = t.ones(2, requires_grad=True), t.full((2,), 3.0, requires_grad=True), t.ones(2)
        _backward(t, module, a, "text", b, c)
        return log, a.grad, b.grad

    check(program)


def test_inputs_without_gradient() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        module = layer(t)
        module.register_full_backward_hook(lambda m, grad_in, grad_out: log.append((grad_in, grad_out)))
        _backward(t, module, t.ones(2, 3))
        return log, module.weight.grad

    check(program)
    check_warnings(lambda t: program(t))


@pytest.mark.parametrize(
    "register",
    [
        lambda m: m.register_full_backward_hook(lambda *a: (1, 2)),
        lambda m: m.register_full_backward_pre_hook(lambda *a: (1, 2)),
    ],
)
def test_wrong_number_of_gradients(register: Any) -> None:
    def program(t: Any) -> Any:
        module = t.nn.Tanh()
        register(module)
        _backward(t, module, t.ones(2, requires_grad=True) * 1)

    check(program)


def test_hook_may_not_make_gradients_where_there_are_none() -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        module.register_full_backward_hook(lambda *a: (1,))
        _backward(t, module, t.ones(2, 3))

    check(program)


def test_forward_and_backward_hooks_together() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        module = layer(t)
        module.register_full_backward_hook(lambda m, grad_in, grad_out: log.append((grad_in, grad_out)))
        module.register_forward_hook(lambda m, args, output: output * 5)
        module.register_forward_pre_hook(lambda m, args: args[0] * 7)
        x = t.randn(2, 3, requires_grad=True)
        _backward(t, module, x)
        return log, x.grad

    check(program)


def test_no_grad_leaves_backward_hooks_out() -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        module.register_full_backward_hook(lambda *a: None)
        with t.no_grad():
            return module(t.ones(1, 3))

    check(program)


def test_output_that_is_no_tensor() -> None:
    def program(t: Any) -> Any:
        class Three(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return 3

        module = Three()
        module.register_full_backward_hook(lambda *a: None)
        return module(t.ones(1, requires_grad=True))

    check(program)
    check_warnings(program)


def test_old_backward_hook() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        module = t.nn.Tanh()
        module.register_backward_hook(lambda m, grad_in, grad_out: log.append((grad_in, grad_out)))
        x = t.ones(2, requires_grad=True)
        _backward(t, module, x)
        return log, x.grad

    check(program)


def test_kinds_of_backward_hooks_do_not_mix() -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        module.register_backward_hook(lambda *a: None)
        module.register_full_backward_hook(lambda *a: None)

    check(program)


def test_second_derivatives_pass_through_hooks() -> None:
    def program(t: Any) -> Any:
        log: list[Any] = []
        module = t.nn.Tanh()
        module.register_full_backward_hook(lambda m, grad_in, grad_out: log.append(grad_in))
        x = t.tensor([0.3, 0.7], requires_grad=True)
        (first,) = t.autograd.grad(module(x).sum(), x, create_graph=True)
        (second,) = t.autograd.grad(first.sum(), x)
        return first.detach(), second, len(log)

    check(program)


def test_global_hooks() -> None:
    def program(t: Any) -> Any:
        hooks = t.nn.modules.module
        log: list[Any] = []
        handles = [
            hooks.register_module_forward_pre_hook(lambda m, args: log.append(("pre", type(m).__name__))),
            hooks.register_module_forward_hook(lambda m, args, out: log.append(("post", type(m).__name__))),
            hooks.register_module_full_backward_pre_hook(lambda m, g: log.append(("back pre", type(m).__name__))),
            hooks.register_module_full_backward_hook(lambda m, a, b: log.append(("back", type(m).__name__))),
        ]
        module = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Tanh())
        try:
            _backward(t, module, t.ones(1, 2, requires_grad=True))
        finally:
            for handle in handles:
                handle.remove()
        seen = log.copy()
        _backward(t, module, t.ones(1, 2, requires_grad=True))
        return seen, len(log) == len(seen)

    check(program)


def test_registration_hooks() -> None:
    def program(t: Any) -> Any:
        hooks = t.nn.modules.module
        log: list[Any] = []

        def note(module: Any, name: str, value: Any) -> None:
            log.append((type(module).__name__, name, type(value).__name__))

        handles = [
            hooks.register_module_parameter_registration_hook(note),
            hooks.register_module_buffer_registration_hook(note),
            hooks.register_module_module_registration_hook(note),
        ]
        try:
            module = t.nn.Sequential(t.nn.BatchNorm1d(1))
            module.more = t.nn.ReLU()
            module.buffer = t.nn.Buffer(t.ones(1))
        finally:
            for handle in handles:
                handle.remove()
        t.nn.Linear(1, 1)
        return log

    check(program)


def test_handles() -> None:
    module = rushlight.nn.ReLU()
    with module.register_forward_hook(lambda *a: None) as handle:
        assert handle.id in module._forward_hooks
    assert not module._forward_hooks
    kept = module.register_forward_pre_hook(print)
    back = pickle.loads(pickle.dumps((module, kept)))
    back[1].remove()
    assert not back[0]._forward_pre_hooks
    assert module._forward_pre_hooks


def test_no_hooks_means_a_plain_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError("the call with hooks ran")

    monkeypatch.setattr(rushlight.nn.Module, "_call_with_hooks", refuse)
    assert rushlight.nn.ReLU()(rushlight.ones(1)).item() == 1
