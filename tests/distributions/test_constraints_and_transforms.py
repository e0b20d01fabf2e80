"""Constraints, transforms and the registry between them, against PyTorch's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

import rushlight
from tests.both import assert_alike, check, run

_VALUES = [[0.0, 1.0, 0.0], [0.2, 0.3, 0.5], [-1.0, 2.5, 3.0], [1.0, 1.0, 0.0]]
_MATRICES = [
    [[1.0, 0.0], [0.0, 1.0]],
    [[2.0, 0.5], [0.5, 1.0]],
    [[1.0, 2.0], [2.0, 1.0]],
    [[1.0, 0.0], [0.3, 2.0]],
    [[1.0, 0.0], [0.6, 0.8]],
    [[-1.0, 0.0], [0.0, 1.0]],
]
CONSTRAINTS = {
    "boolean": lambda c: c.boolean,
    "one_hot": lambda c: c.one_hot,
    "nonnegative_integer": lambda c: c.nonnegative_integer,
    "positive_integer": lambda c: c.positive_integer,
    "integer_interval": lambda c: c.integer_interval(0, 2),
    "integer less": lambda c: c._IntegerLessThan(1),
    "real": lambda c: c.real,
    "real_vector": lambda c: c.real_vector,
    "positive": lambda c: c.positive,
    "nonnegative": lambda c: c.nonnegative,
    "greater_than": lambda c: c.greater_than(0.2),
    "greater_than_eq": lambda c: c.greater_than_eq(0.2),
    "less_than": lambda c: c.less_than(upper_bound=1.0),
    "unit_interval": lambda c: c.unit_interval,
    "interval": lambda c: c.interval(-0.5, 2.5),
    "half_open_interval": lambda c: c.half_open_interval(-0.5, 2.5),
    "simplex": lambda c: c.simplex,
    "multinomial": lambda c: c.multinomial(2),
    "independent": lambda c: c.independent(c.positive, 2),
    "cat": lambda c: c.cat([c.positive, c.real], dim=1, lengths=[1, 2]),
    "stack": lambda c: c.stack([c.positive, c.real, c.unit_interval], dim=1),
    "mixture": lambda c: c.MixtureSameFamilyConstraint(c.simplex),
}
MATRIX_CONSTRAINTS = (
    *("lower_triangular", "lower_cholesky", "corr_cholesky", "square", "symmetric"),
    *("positive_semidefinite", "positive_definite"),
)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name: str) -> None:
    def program(t: Any) -> Any:
        constraint = CONSTRAINTS[name](t.distributions.constraints)
        checked = constraint.check(t.tensor(_VALUES))
        return [checked, repr(constraint), constraint.is_discrete, constraint.event_dim]

    check(program)


@pytest.mark.parametrize("name", MATRIX_CONSTRAINTS)
def test_constraints_of_matrices(name: str) -> None:
    def program(t: Any) -> Any:
        constraint = getattr(t.distributions.constraints, name)
        checked = (
            [constraint.check(t.tensor(_MATRICES)), constraint.check(t.ones(4, 2, 3))]
            if name != "lower_triangular"
            else []
        )
        return [constraint.check(t.tensor(_MATRICES)), checked, repr(constraint), constraint.event_dim]

    check(program)


def test_dependent_constraints() -> None:
    def program(t: Any) -> Any:
        c = t.distributions.constraints
        supports = [t.distributions.Uniform.support, t.distributions.Categorical.support, c.dependent]
        said = [[repr(each), c.is_dependent(each), c.is_dependent(c.real)] for each in supports]
        known = c.dependent(is_discrete=True, event_dim=1)
        return [said, supports[1].is_discrete, supports[1].event_dim, known.is_discrete, known.event_dim]

    check(program)
    for ask in (
        lambda t: t.distributions.constraints.dependent.check(t.ones(1)),
        lambda t: t.distributions.constraints.dependent.event_dim,
        lambda t: t.distributions.constraints.dependent.is_discrete,
        lambda t: t.distributions.constraints.independent(t.distributions.constraints.real, 2).check(t.ones(1)),
        lambda t: t.distributions.constraints.independent(1, 2),
    ):
        check(ask)


def _affine(t: Any, d: Any) -> Any:
    return d.AffineTransform(t.tensor([0.5, -0.5, 1.0]), t.tensor([2.0, -3.0, 0.5]))


TRANSFORMS = {
    "abs": lambda t, d: d.AbsTransform(),
    "affine": _affine,
    "affine of numbers": lambda t, d: d.AffineTransform(1.0, -2, event_dim=1),
    "cat": lambda t, d: d.CatTransform([d.ExpTransform(), _affine(t, d)], dim=-1, lengths=[3, 3]),
    "compose": lambda t, d: d.ComposeTransform([_affine(t, d), d.SigmoidTransform()]),
    "compose of vectors": lambda t, d: d.ComposeTransform([d.StickBreakingTransform(), d.AffineTransform(0.0, 2.0)]),
    "corr cholesky": lambda t, d: d.CorrCholeskyTransform(),
    "cdf": lambda t, d: d.CumulativeDistributionTransform(d.Normal(0.5, 2.0)),
    "exp": lambda t, d: d.ExpTransform(),
    "independent": lambda t, d: d.IndependentTransform(d.TanhTransform(), 1),
    "inverse": lambda t, d: d.ExpTransform().inv,
    "lower cholesky": lambda t, d: d.LowerCholeskyTransform(),
    "positive definite": lambda t, d: d.PositiveDefiniteTransform(),
    "power": lambda t, d: d.PowerTransform(t.tensor([2.0, 0.5, -1.0])),
    "reshape": lambda t, d: d.ReshapeTransform((2, 3), (3, 2)),
    "sigmoid": lambda t, d: d.SigmoidTransform(),
    "softplus": lambda t, d: d.SoftplusTransform(),
    "softmax": lambda t, d: d.SoftmaxTransform(),
    "stack": lambda t, d: d.StackTransform([d.ExpTransform(), d.TanhTransform(), d.SigmoidTransform()], dim=-1),
    "stick breaking": lambda t, d: d.StickBreakingTransform(),
    "tanh": lambda t, d: d.TanhTransform(),
    "identity": lambda t, d: d.identity_transform,
}
SHAPES = {
    "corr cholesky": (4, 6),
    "lower cholesky": (2, 3, 3),
    "positive definite": (2, 3, 3),
    "cat": (4, 6),
    "reshape": (4, 2, 3),
}


def argument(t: Any, name: str) -> Any:
    shape = SHAPES.get(name, (4, 3))
    count = 1
    for extent in shape:
        count *= extent
    x = t.linspace(-1.3, 1.7, count).sin().reshape(shape)
    return x.abs() + 0.1 if name in ("power", "inverse") else x


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name: str) -> None:
    def program(t: Any) -> Any:
        transform = TRANSFORMS[name](t, t.distributions)
        x = argument(t, name).requires_grad_()
        y = transform(x)
        back = transform.inv(y.detach().requires_grad_())
        result = [y.detach(), back.detach(), transform.bijective, repr(transform), repr(transform.inv)]
        result += [
            repr(transform.domain),
            repr(transform.codomain),
            transform.domain.event_dim,
            transform.codomain.event_dim,
        ]
        result += [tuple(transform.forward_shape(x.shape)), tuple(transform.inverse_shape(y.shape))]
        y.sum().backward()
        result.append(x.grad)
        if transform.bijective:
            result += [transform.log_abs_det_jacobian(x, y).detach(), transform.inv.log_abs_det_jacobian(y, x).detach()]
        try:
            sign = transform.sign
            result.append(sign if isinstance(sign, int) else sign.tolist())
        except NotImplementedError:
            result.append("no sign")
        return result

    check(program, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_keep_the_last_pair(name: str) -> None:
    transform = TRANSFORMS[name](rushlight, rushlight.distributions).with_cache(1)
    if name == "compose" or name.startswith("compose"):
        assert all(part._cache_size == 1 for part in transform.parts)
    x = argument(rushlight, name)
    y = transform(x)
    assert transform.inv(y) is x and transform(x) is y
    assert transform.inv.inv is transform


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_are_copied_and_compared(name: str) -> None:
    make = TRANSFORMS[name]
    one = make(rushlight, rushlight.distributions)
    x = argument(rushlight, name)
    for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert rushlight.equal(other(x), one(x))

    def program(t: Any) -> Any:
        first, second = make(t, t.distributions), make(t, t.distributions)
        return [first == second, first == t.distributions.ReshapeTransform((), ()), first.inv == second.inv]

    check(program)


REGISTERED = {
    "real": lambda t, c: c.real,
    "positive": lambda t, c: c.positive,
    "nonnegative": lambda t, c: c.nonnegative,
    "above": lambda t, c: c.greater_than(t.tensor([1.0, 2.0, 3.0])),
    "below": lambda t, c: c.less_than(1.5),
    "unit": lambda t, c: c.unit_interval,
    "between": lambda t, c: c.interval(-1.0, 3.0),
    "half open": lambda t, c: c.half_open_interval(0.0, 1.0),
    "simplex": lambda t, c: c.simplex,
    "vector": lambda t, c: c.real_vector,
    "independent": lambda t, c: c.independent(c.positive, 1),
    "lower cholesky": lambda t, c: c.lower_cholesky,
    "corr cholesky": lambda t, c: c.corr_cholesky,
    "positive definite": lambda t, c: c.positive_definite,
    "positive semidefinite": lambda t, c: c.positive_semidefinite,
    "cat": lambda t, c: c.cat([c.positive, c.unit_interval], -1, [1, 2]),
    "stack": lambda t, c: c.stack([c.positive, c.unit_interval, c.real], -1),
    "boolean": lambda t, c: c.boolean,
}


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", REGISTERED)
def test_registry(name: str, registry: str) -> None:
    shape = {
        "corr cholesky": (2, 6),
        "lower cholesky": (3, 3),
        "positive definite": (3, 3),
        "positive semidefinite": (3, 3),
    }

    def program(t: Any) -> Any:
        constraint = REGISTERED[name](t, t.distributions.constraints)
        transform = getattr(t.distributions, registry)(constraint)
        x = t.linspace(-1.0, 1.0, 9 if len(shape.get(name, ())) == 2 and name != "corr cholesky" else 12)
        y = transform(x.reshape(shape.get(name, (-1, 3))))
        return [repr(transform), y, constraint.check(y)]

    check(program, rtol=1e-4, atol=1e-5)


def test_registry_takes_new_constraints() -> None:
    def program(t: Any) -> Any:
        registry = t.distributions.constraint_registry.ConstraintRegistry()

        class Own(t.distributions.constraints.Constraint):
            pass

        registry.register(Own, lambda constraint: t.distributions.ExpTransform())
        return repr(registry(Own()))

    check(program)
    check(lambda t: t.distributions.constraint_registry.ConstraintRegistry().register(int, None)(int))


def test_shapes_that_transforms_refuse() -> None:
    for shape, refuse in (
        ((), lambda d, shape: d.StickBreakingTransform().forward_shape(shape)),
        ((4,), lambda d, shape: d.CorrCholeskyTransform().forward_shape(shape)),
        ((2, 3), lambda d, shape: d.CorrCholeskyTransform().inverse_shape(shape)),
        ((5,), lambda d, shape: d.ReshapeTransform((2, 3), (6,)).forward_shape(shape)),
        ((5, 4), lambda d, shape: d.ReshapeTransform((2, 3), (6,)).forward_shape(shape)),
        ((5, 4), lambda d, shape: d.ReshapeTransform((2, 3), (5,))),
    ):
        check(lambda t, refuse=refuse, shape=shape: refuse(t.distributions, t.Size(shape)))


def test_public_names() -> None:
    """Every public name of each of PyTorch's modules is here, in a module of the same name."""
    for name in sorted(vars(torch.distributions)):
        theirs = getattr(torch.distributions, name)
        assert hasattr(rushlight.distributions, name) or name.startswith("__"), name
        if type(theirs).__name__ == "module":
            ours = getattr(rushlight.distributions, name)
            missing = [each for each in getattr(theirs, "__all__", []) if not hasattr(ours, each)]
            assert not missing, f"{name}: {missing}"


def test_helpers_of_the_public_module() -> None:
    def program(t: Any) -> Any:
        u = t.distributions.utils
        matrix = t.arange(9.0).reshape(3, 3)
        packed = [u.tril_matrix_to_vec(matrix, diag) for diag in (-2, -1, 0, 1)]
        unpacked = [u.vec_to_tril_matrix(vec, diag) for vec, diag in zip(packed[1:], (-1, 0, 1), strict=True)]
        probs = t.tensor([0.0, 0.3, 1.0])
        pairs = [u.broadcast_all(1.0, probs), u.broadcast_all(2, t.ones(2, 1, dtype=t.float64), probs)]
        logits = [u.probs_to_logits(probs), u.probs_to_logits(probs, is_binary=True), u.clamp_probs(probs)]
        return [packed, unpacked, pairs, logits, u.logits_to_probs(probs), u.logits_to_probs(probs, is_binary=True)]

    check(program)
    check(lambda t: t.distributions.utils.broadcast_all("a", t.ones(1)))
    check(lambda t: t.distributions.utils.vec_to_tril_matrix(t.ones(4)))
    check(lambda t: t.distributions.utils.tril_matrix_to_vec(t.ones(3, 3), diag=3))
    assert_alike(*(run(lambda t: t.distributions.utils.euler_constant, t) for t in (rushlight, torch)))
