"""`Distribution`: what all distributions have in common."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from ..tensor import Size, Tensor, exp, is_tensor, no_grad
from .constraints import Constraint, is_dependent, keeps
from .utils import EMPTY, lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A distribution over tensors of shape `event_shape`, one for each element of `batch_shape`.

    A class of its own says, as in PyTorch, which constraints its parameters keep (`arg_constraints`) and where its values
    lie (`support`), and has `log_prob` and `sample` or `rsample`. `expand` is made from `_parameters`: the attributes
    (tensors, or distributions) that are expanded.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args: bool = __debug__
    _parameters: ClassVar[tuple[str, ...] | None] = None

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check their arguments. Raises ValueError for what is no bool."""
        if value not in [True, False]:
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape: Size = EMPTY, event_shape: Size = EMPTY, validate_args: bool | None = None) -> None:
        self._batch_shape = batch_shape
        self._event_shape = event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _check_parameters(self) -> None:
        try:
            wanted = self.arg_constraints
        except NotImplementedError:
            wanted = {}
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                "the distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
        for name, constraint in wanted.items():
            computed = name not in self.__dict__ and isinstance(getattr(type(self), name), lazy_property)
            if is_dependent(constraint) or computed:  # what is computed of a parameter was checked with it
                continue
            value = getattr(self, name)
            if not keeps(constraint, value):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distribution with its parameters expanded to a batch shape; without copies.

        Raises NotImplementedError for a subclass with an `__init__` of its own that says nothing of its parameters.

        >>> import rushlight as torch
        >>> torch.distributions.Normal(torch.zeros(1), 1.0).expand([3, 2])
        Normal(loc: torch.Size([3, 2]), scale: torch.Size([3, 2]))
        """
        if self._parameters is None:
            raise NotImplementedError
        owner = next(cls for cls in type(self).__mro__ if "_parameters" in cls.__dict__)
        new = self._get_checked_instance(owner, _instance)
        shape, own = Size(batch_shape), len(self._batch_shape)
        for name, value in vars(self).items():
            if name in self._parameters and isinstance(value, Tensor):
                value = value.expand(shape + value.shape[own:])
            elif name in self._parameters and isinstance(value, Distribution):
                value = value.expand(shape + value.batch_shape[own:])
            elif name not in self._parameters and name not in self._settings:
                continue
            new.__dict__[name] = value
        Distribution.__init__(new, shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    # Attributes that `expand` hands on as they are.
    _settings: ClassVar[tuple[str, ...]] = ()

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    @property
    def batch_shape(self) -> Size:
        """The shape over which the parameters go."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample, without the batch."""
        return self._event_shape

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """The constraint of each parameter."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """The constraint that the samples keep."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """Where the density is greatest."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        """Samples in the shape sample + batch + event, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        """Samples through which a gradient flows to the parameters; not every distribution has them."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """n samples; old for `sample((n,))`."""
        warnings.warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the chance, at a value."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The chance of a number not above the value."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The number that `cdf` has the value for."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along a new first axis; unless `expand`, for one of the batch alone."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy, in nats."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return exp(self.entropy())  # type: ignore[no-any-return]

    def _extended_shape(self, sample_shape: Any = EMPTY) -> Size:
        """The shape of samples."""
        if not isinstance(sample_shape, Size):
            sample_shape = Size(sample_shape)
        return Size(sample_shape + self._batch_shape + self._event_shape)

    def _validate_sample(self, value: Any) -> None:
        """Raises ValueError for what cannot be a sample: not a tensor, of a wrong shape, outside the support."""
        if not is_tensor(value):
            raise ValueError("The value argument to log_prob must be a Tensor")
        first = len(value.shape) - len(self._event_shape)
        if value.shape[first:] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        whole = self._batch_shape + self._event_shape
        for given, own in zip(reversed(value.shape), reversed(whole), strict=False):
            if given != 1 and own != 1 and given != own:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {whole}.")
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not keeps(support, value):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        shown = [name for name in self.arg_constraints if name in self.__dict__]
        values = [(name, self.__dict__[name]) for name in shown]
        parts = [f"{name}: {value if value.numel() == 1 else value.size()}" for name, value in values]
        return f"{self.__class__.__name__}({', '.join(parts)})"
