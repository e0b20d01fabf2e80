"""`torch.nn.utils.prune`: parameters of which some elements are kept at zero by a mask.

A pruned parameter `weight` becomes a parameter `weight_orig`, a buffer `weight_mask` and an attribute `weight`, their product, which is made anew
before each run of the module. Pruning again prunes what is left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import Any, ClassVar

from ...tensor import Tensor, functions
from ..modules.module import Module
from .convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

Amount = int | float


class BasePruningMethod(ABC):
    """A way to choose a mask. A subclass says what it prunes (PRUNING_TYPE: "unstructured", "structured" or "global") and has `compute_mask`."""

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        """The hook before a module's run: makes the pruned parameter anew."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for a tensor of importances, 0 where an element is pruned; `default_mask` is the one before."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        mask, original = (getattr(module, f"{self._tensor_name}_{part}") for part in ("mask", "orig"))
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prunes a module's parameter by this method, whose other arguments follow; by `importance_scores` instead of its own values if given."""
        former = _method_of(module, name)
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        if former is not None:
            method = PruningContainer(*(former if isinstance(former, PruningContainer) else (former,)), method)
        parameter = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != parameter.shape:
            raise AssertionError("importance_scores should have the same shape as parameter of module")
        original = parameter if former is None else getattr(module, f"{name}_orig")
        before = functions["ones_like"](parameter) if former is None else getattr(module, f"{name}_mask")
        scores = parameter if importance_scores is None else importance_scores
        mask = method.compute_mask(scores.detach(), default_mask=before.detach().clone())
        if former is None:
            del module._parameters[name]
            module.register_parameter(f"{name}_orig", original)
            module.register_buffer(f"{name}_mask", mask)
        else:
            setattr(module, f"{name}_mask", mask)
            _take_hook(module, name)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A tensor with its pruned elements at zero; no module has part in it."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        before = functions["ones_like"](t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=before)

    def remove(self, module: Module) -> None:
        """Makes the pruned parameter an ordinary one, for good; the hook stays where it is."""
        name = self._tensor_name
        if _method_of(module, name) is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        pruned, original = self.apply_mask(module), module._parameters.pop(f"{name}_orig")
        del module._buffers[f"{name}_mask"]
        delattr(module, name)
        if original is None:
            raise AssertionError(f"{name}_orig of {module} is None")
        original.data = pruned.data
        module.register_parameter(name, original)


def _method_of(module: Module, name: str) -> BasePruningMethod | None:
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return hook
    return None


def _take_hook(module: Module, name: str) -> None:
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            del module._forward_pre_hooks[key]


class PruningContainer(BasePruningMethod):
    """Methods that came one after the other: each prunes what those before left."""

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        methods = args if not (len(args) == 1 and isinstance(args[0], Iterable)) else tuple(args[0])
        for method in methods:
            if not self._pruning_methods and isinstance(method, BasePruningMethod):
                self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Adds a method for the same parameter."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods = (*self._pruning_methods, method)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask before, changed by the latest method among what it left."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype).clone()
        left: Any
        if method.PRUNING_TYPE == "unstructured":
            left = mask == 1
        elif method.PRUNING_TYPE == "structured":
            if not hasattr(method, "dim"):
                raise AttributeError(
                    f'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined, not {method}'
                )
            axis = method.dim % t.dim()
            others = [other for other in range(t.dim()) if other != axis]
            left = (*[slice(None)] * axis, mask.sum(dim=others) != 0)
        elif method.PRUNING_TYPE == "global":
            left = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask[left] = method.compute_mask(t[left], default_mask=mask[left]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing: gives the parameter a mask of ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask before."""
        return default_mask


class _ByAmount(BasePruningMethod):
    """Prunes a number of parts (int) or a share of them (float)."""

    def __init__(self, amount: Amount) -> None:
        if not isinstance(amount, Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        if (amount < 0) if isinstance(amount, int) else not 0 <= amount <= 1:
            raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
        self.amount = amount

    def _number(self, parts: int) -> int:
        """Of so many parts."""
        if not isinstance(self.amount, int):
            return round(self.amount * parts)
        if self.amount > parts:
            raise ValueError(f"amount={self.amount} should be smaller than the number of parameters to prune={parts}")
        return self.amount


class RandomUnstructured(_ByAmount):
    """Prunes elements at random."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with zeros at the elements that were drawn."""
        number = self._number(t.nelement())
        mask = default_mask.clone()
        if number:
            drawn = functions["topk"](functions["rand_like"](t).view(-1), k=number)
            mask.view(-1)[drawn.indices] = 0
        return mask


class L1Unstructured(_ByAmount):
    """Prunes the elements that are nearest to zero."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with zeros at the least elements."""
        number = self._number(t.nelement())
        mask = default_mask.clone()
        if number:
            least = functions["topk"](t.abs().reshape(-1), k=number, largest=False)
            mask.view(-1)[least.indices] = 0
        return mask


class _Structured(_ByAmount):
    PRUNING_TYPE = "structured"
    dim: int

    def _channels(self, t: Tensor) -> tuple[int, int]:
        """How many slices there are along `dim`, and how many of them go."""
        if t.dim() < 2:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. "
                f"Found tensor of shape {t.shape} with {t.dim()} dims"
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        return t.shape[self.dim], self._number(t.shape[self.dim])

    def _masked(self, t: Tensor, default_mask: Tensor, kept: Tensor) -> Tensor:
        """The mask with zeros in all slices but those that `kept`, ones and zeros, keeps."""
        shape = [1] * t.dim()
        shape[self.dim] = -1
        return default_mask * kept.to(default_mask.dtype).reshape(shape)


class RandomStructured(_Structured):
    """Prunes slices along an axis at random."""

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with zeros in the slices that were drawn."""
        channels, number = self._channels(t)
        if not number:
            return default_mask
        drawn = functions["rand"](channels)
        return self._masked(t, default_mask, drawn > drawn.kthvalue(number).values)


class LnStructured(_Structured):
    """Prunes the slices along an axis whose norms (`n`: as for `torch.norm`) are least."""

    def __init__(self, amount: Amount, n: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.n, self.dim = n, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with zeros in the slices of the least norms."""
        channels, number = self._channels(t)
        if not number:
            return default_mask
        others = [axis for axis in range(t.dim()) if axis != self.dim % t.dim()]
        norms = functions["norm"](t, p=self.n, dim=others)
        kept = functions["zeros"](channels)
        kept[functions["topk"](norms, k=channels - number).indices] = 1
        return self._masked(t, default_mask, kept)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask of one's own."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Both masks together."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Gives a parameter a mask of ones; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Amount) -> Module:
    """Prunes so many (int) or such a share (float) of a parameter's elements, at random; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Amount, importance_scores: Tensor | None = None) -> Module:
    """Prunes so many (int) or such a share (float) of a parameter's elements, the least; returns the module.

    >>> import rushlight as torch
    >>> from rushlight.nn.utils import prune
    >>> layer = torch.nn.Linear(4, 2)
    >>> _ = prune.l1_unstructured(layer, "weight", amount=0.25)
    >>> int((layer.weight == 0).sum()), sorted(layer.state_dict())
    (2, ['bias', 'weight_mask', 'weight_orig'])
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Amount, dim: int) -> Module:
    """Prunes so many (int) or such a share (float) of a parameter's slices along `dim`, at random; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: Amount, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prunes so many (int) or such a share (float) of a parameter's slices along `dim`, those of the least `n`-norm; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prunes a parameter by a mask; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prunes several parameters, (module, name) each, as if they were one: `amount` counts elements of all.

    `pruning_method` is one whose PRUNING_TYPE is "unstructured"; TypeError for others.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = [(module, name) for module, name in parameters]
    given = importance_scores or {}
    if not isinstance(given, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    method = PruningContainer()
    method._tensor_name = "temp"
    single = pruning_method(**kwargs)
    single._tensor_name = "temp"
    if single.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {single.PRUNING_TYPE}"
        )
    method.add_pruning_method(single)
    scores = parameters_to_vector([given.get(pair, getattr(*pair)) for pair in pairs])
    before = [getattr(module, f"{name}_mask", functions["ones_like"](getattr(module, name))) for module, name in pairs]
    mask = method.compute_mask(scores, parameters_to_vector(before))
    start = 0
    for module, name in pairs:
        parameter = getattr(module, name)
        custom_from_mask(module, name, mask[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()


def remove(module: Module, name: str) -> Module:
    """Makes a pruned parameter an ordinary one that has its zeros for good; ValueError where it is not pruned."""
    method = _method_of(module, name)
    if method is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    method.remove(module)
    _take_hook(module, name)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of a module in it, is pruned."""
    return any(
        isinstance(hook, BasePruningMethod) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )
