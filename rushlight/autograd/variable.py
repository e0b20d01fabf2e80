"""`Variable`: PyTorch's name from before tensors carried their own gradients."""

from __future__ import annotations

import warnings
from typing import Any

from ..tensor.tensor import Tensor, alias

__all__ = ["Variable", "VariableMeta"]


class VariableMeta(type):
    """Tensors count as instances."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=VariableMeta):
    """`Variable(tensor, requires_grad)` is a new leaf on the tensor's memory; every tensor is a Variable.

    TypeError for data that is no tensor.

    >>> import rushlight as torch
    >>> x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    >>> type(x).__name__, x.requires_grad, isinstance(x, torch.autograd.Variable)
    ('Tensor', True, True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None) -> Any:
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2
            )
        if volatile and requires_grad:
            raise ValueError("Variable can't be volatile and require_grad at the same time!")
        if data is None:
            data = Tensor()
        elif not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        result = alias(data, Tensor)
        result.requires_grad_(requires_grad)
        return result
