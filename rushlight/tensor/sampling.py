"""Draws by rejection, whose parameters are tensors: gamma, Dirichlet, Poisson, binomial. `torch.distributions` is made of them.

The gradients of gamma and Dirichlet draws in their parameters are computed to the precision of the dtype (`ir/implicit.py`);
PyTorch's are approximations, good to about three digits.
"""

from __future__ import annotations

from typing import Any

from ..dtype import scalar_name
from ..generator import rejection
from ..ir import implicit
from .promotion import floating
from .public import public
from .random import _constant_in, engine_of
from .tensor import Tensor, from_array, node_of, wrap


@public("StandardGamma", method=False, out=False)
def _standard_gamma(input: Tensor, generator: Any = None) -> Tensor:
    """Gamma numbers of the shapes given and of scale 1, float32 or float64; they have a gradient in the shapes."""
    drawn = rejection.gamma(engine_of(generator), input._array(), input.dtype)
    return wrap(implicit.gamma_draw(node_of(input), node_of(from_array(drawn, input.dtype))))


@public("StandardGammaGrad", method=False, out=False)
def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """How gamma draws `output` move with their shapes `input`."""
    return wrap(implicit.standard_gamma_grad(*floating(input, output, op="_standard_gamma_grad")))


@public(None, method=False, out=False)
def _sample_dirichlet(input: Tensor, generator: Any = None) -> Tensor:
    """Dirichlet numbers over the last axis, float32 or float64; without a gradient."""
    return from_array(rejection.dirichlet(engine_of(generator), input._array(), input.dtype), input.dtype)


@public(None, method=False, out=False)
def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
    """How each share x of Dirichlet draws moves with its own concentration, over 1 - x; `total` is their sum."""
    nodes = [node_of(part.detach()) for part in (x, alpha, total)]
    return wrap(implicit.dirichlet_grad(*nodes))


@public("Poisson", method=False, out=False)
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers of the rates given, in their shape and floating dtype.

    Raises RuntimeError for a rate below 0, NotImplementedError for another dtype.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.poisson(torch.tensor([2.0, 30.0]))
    tensor([ 6., 27.])
    """
    drawn = rejection.poisson(engine_of(generator), input._array(), input.dtype)
    return _constant_in(from_array(drawn, input.dtype), input)


@public("Binomial", method=False, out=False)
def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """How many of `count` trials of the chance `prob` succeed, with broadcasting, float32 or float64.

    Raises RuntimeError where the dtypes differ. Differs from PyTorch: both are broadcast, `count` too.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.binomial(torch.tensor([10.0, 10.0]), torch.tensor([0.1, 0.9]))
    tensor([2., 7.])
    """
    if count.dtype is not prob.dtype:
        kinds = scalar_name(prob.dtype), scalar_name(count.dtype)
        raise RuntimeError("Found dtype {} but expected {} — binomial(count, prob)".format(*kinds))
    shape = (count + prob).shape
    number, chance = count.expand(shape), prob.expand(shape)
    drawn = rejection.binomial(engine_of(generator), number._array(), chance._array(), count.dtype)
    return _constant_in(from_array(drawn, count.dtype), count, prob)
