"""`nn.utils`: clipping, vectors of parameters, norms of weights, parametrizations, functional calls, fusion."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import rushlight

from ..both import check


def parameters(t: Any) -> list[Any]:
    made = [t.nn.Parameter(t.randn(3, 2)), t.nn.Parameter(t.randn(4)), t.nn.Parameter(t.randn(1))]
    for each in made[:2]:
        each.grad = t.randn(*each.shape) * 3
    return made


@pytest.mark.parametrize("norm_type", [2, 1, float("inf"), 0.5, 3])
@pytest.mark.parametrize("max_norm", [0.5, 1000])
def test_clip_grad_norm(norm_type: float, max_norm: float) -> None:
    def program(t: Any) -> Any:
        made = parameters(t)
        norm = t.nn.utils.clip_grad_norm_(iter(made), max_norm, norm_type)
        return norm, [each.grad for each in made]

    check(program)


def test_clip_grad_norm_of_nothing_and_of_one() -> None:
    def program(t: Any) -> Any:
        made = parameters(t)[0]
        nothing = t.nn.utils.clip_grad_norm_([t.nn.Parameter(t.ones(1))], 1.0)
        return nothing, t.nn.utils.clip_grad_norm_(made, 0.1), made.grad

    check(program)


def test_clip_grad_norm_not_finite() -> None:
    def program(t: Any) -> Any:
        made = parameters(t)
        made[0].grad[0, 0] = float("nan")
        return t.nn.utils.clip_grad_norm_(made, 1.0, error_if_nonfinite=True)

    check(program)


def test_total_norm() -> None:
    def program(t: Any) -> Any:
        made = parameters(t)
        total = t.nn.utils.get_total_norm([each.grad for each in made[:2]])
        t.nn.utils.clip_grads_with_norm_(made, 1.0, total)
        return total, [each.grad for each in made]

    check(program)


def test_clip_grad_value() -> None:
    def program(t: Any) -> Any:
        made = parameters(t)
        t.nn.utils.clip_grad_value_(made, 0.7)
        return [each.grad for each in made]

    check(program)


def test_vectors() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Linear(2, 3)
        vector = t.nn.utils.parameters_to_vector(layer.parameters())
        t.nn.utils.vector_to_parameters(t.arange(9.0), layer.parameters())
        return vector, layer.weight, layer.bias

    check(program)
    check(lambda t: t.nn.utils.vector_to_parameters(3, t.nn.Linear(1, 1).parameters()))


WRAPPED = {
    "weight_norm": lambda t: t.nn.utils.weight_norm(t.nn.Linear(3, 2)),
    "weight_norm of all": lambda t: t.nn.utils.weight_norm(t.nn.Linear(3, 2), dim=None),
    "weight_norm of axis 1": lambda t: t.nn.utils.weight_norm(t.nn.Conv1d(3, 2, 2), dim=1),
    "spectral_norm": lambda t: t.nn.utils.spectral_norm(t.nn.Linear(3, 2)),
    "spectral_norm, transposed": lambda t: t.nn.utils.spectral_norm(t.nn.ConvTranspose1d(3, 2, 2)),
    "new weight_norm": lambda t: t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 2)),
    "new weight_norm of axis 1": lambda t: t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 2), dim=1),
    "new spectral_norm": lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.Linear(3, 2)),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_normed_weights(kind: str) -> None:
    def program(t: Any) -> Any:
        layer = WRAPPED[kind](t)
        x = t.randn(4, 3, 5) if "Conv" in repr(layer) else t.randn(4, 3)
        results = []
        optimizer = t.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            result = layer(x)
            result.square().mean().backward()
            optimizer.step()
            results.append(result)
        layer.eval()
        return repr(layer), results, layer(x), dict(layer.state_dict()), dict(layer.state_dict()._metadata)

    check(program, rtol=1e-4, atol=1e-5)


def test_removed_norms() -> None:
    def program(t: Any) -> Any:
        u = t.nn.utils
        one, two = u.weight_norm(t.nn.Linear(3, 2)), u.spectral_norm(t.nn.Linear(3, 2))
        u.remove_weight_norm(one)
        u.remove_spectral_norm(two)
        kinds = [type(each.weight).__name__ for each in (one, two)]
        return kinds, dict(one.state_dict()), dict(two.state_dict()), one(t.ones(3))

    check(program, rtol=1e-4, atol=1e-5)
    check(lambda t: t.nn.utils.remove_weight_norm(t.nn.Linear(2, 2)))
    check(lambda t: t.nn.utils.remove_spectral_norm(t.nn.Linear(2, 2)))
    check(lambda t: t.nn.utils.weight_norm(t.nn.utils.weight_norm(t.nn.Linear(2, 2))))


def symmetric(t: Any) -> Any:
    class Symmetric(t.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    return Symmetric()


def doubled(t: Any) -> Any:
    class Doubled(t.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

    return Doubled()


def test_parametrizations() -> None:
    def program(t: Any) -> Any:
        p = t.nn.utils.parametrize
        layer = p.register_parametrization(t.nn.Linear(3, 3), "weight", symmetric(t))
        first = layer.weight
        layer.weight = t.eye(3)
        assigned = layer.weight
        p.register_parametrization(layer, "weight", doubled(t))
        both = layer.weight
        layer(t.ones(3)).sum().backward()
        with p.cached():
            same = layer.weight is layer.weight
        state = [
            p.is_parametrized(layer),
            p.is_parametrized(layer, "bias"),
            p.type_before_parametrizations(layer).__name__,
        ]
        printed = repr(layer)
        names = list(layer.state_dict())
        gradient = layer.parametrizations.weight.original.grad
        p.remove_parametrizations(layer, "weight")
        return first, assigned, both, same, state, printed, names, gradient, layer, layer.weight

    check(program)


def test_parametrization_errors() -> None:
    def without_inverse(t: Any) -> Any:
        layer = t.nn.utils.parametrize.register_parametrization(t.nn.Linear(3, 3), "weight", doubled(t))
        layer.weight = t.ones(3, 3)

    def of_another_shape(t: Any) -> Any:
        class First(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return x[:1]

        t.nn.utils.parametrize.register_parametrization(t.nn.Linear(3, 3), "weight", First())

    check(without_inverse)
    check(of_another_shape)
    check(lambda t: t.nn.utils.parametrize.register_parametrization(t.nn.Linear(3, 3), "nothing", doubled(t)))
    check(lambda t: t.nn.utils.parametrize.remove_parametrizations(t.nn.Linear(3, 3), "bias"))


def test_copies_of_parametrized_modules() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.utils.parametrize.register_parametrization(t.nn.Linear(3, 3), "weight", symmetric(t))
        twin = copy.deepcopy(layer)
        with t.no_grad():
            layer.parametrizations.weight.original.fill_(0)
        return twin, twin.weight, twin(t.ones(3))

    check(program)


def test_unparametrized_value() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.utils.parametrize.register_parametrization(t.nn.Linear(3, 3), "weight", doubled(t))
        t.nn.utils.parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
        return layer.weight

    check(program)


def test_functional_call() -> None:
    def program(t: Any) -> Any:
        call = t.func.functional_call if hasattr(t, "func") else t.nn.utils.stateless.functional_call
        net = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Linear(3, 2))
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        weight = t.ones(3, 2, requires_grad=True)
        result = call(net, {"0.weight": weight}, t.ones(1, 2))
        result.sum().backward()
        unchanged = all(bool((p == before[name]).all()) for name, p in net.named_parameters())
        return result, weight.grad, net[0].weight.grad, unchanged

    check(program)


def test_functional_call_of_tied_weights() -> None:
    def program(t: Any) -> Any:
        call = t.func.functional_call if hasattr(t, "func") else t.nn.utils.stateless.functional_call
        net = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Linear(2, 2))
        net[1].weight = net[0].weight
        given = {"0.weight": t.eye(2)}
        return call(net, given, t.ones(1, 2)), call(net, given, t.ones(1, 2), tie_weights=False)

    check(program)


def test_fusion_of_batch_norms() -> None:
    def program(t: Any) -> Any:
        u = t.nn.utils
        conv, norm = t.nn.Conv2d(2, 3, 3), t.nn.BatchNorm2d(3)
        x = t.randn(4, 2, 5, 5)
        norm(conv(x))
        conv.eval(), norm.eval()
        linear, flat = t.nn.Linear(4, 3, bias=False), t.nn.BatchNorm1d(3)
        flat(linear(t.randn(5, 4)))
        linear.eval(), flat.eval()
        fused = (
            u.fuse_conv_bn_eval(conv, norm),
            u.fuse_linear_bn_eval(linear, flat) if linear.bias is not None else None,
        )
        return fused[0](x), norm(conv(x)), fused[0]

    check(program, rtol=1e-4, atol=1e-5)
    norm = rushlight.nn.BatchNorm2d(3)
    with pytest.raises(AssertionError, match="Fusion only for eval!"):
        rushlight.nn.utils.fuse_conv_bn_eval(rushlight.nn.Conv2d(2, 3, 3), norm)


def test_attention_backends_are_names_here() -> None:
    attention = rushlight.nn.attention
    with attention.sdpa_kernel([attention.SDPBackend.MATH, attention.SDPBackend.FLASH_ATTENTION]):
        pass
    for wrong in (3, [3]):
        with pytest.raises(AssertionError, match="must be an instance of SDPBackend"), attention.sdpa_kernel(wrong):
            pass
