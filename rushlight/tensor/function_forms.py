"""Methods that PyTorch has as functions too, most of them in place: `torch.fill_(x, 0)` is `x.fill_(0)`."""

from __future__ import annotations

from typing import Any

from .public import register, with_out
from .tensor import Tensor

_METHODS = "arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ clip_ detach detach_ fill_ fix_ get_device index_put_ negative_ zero_".split()
for _name in _METHODS:
    register(_name, getattr(Tensor, _name), function=True, method=False)
register("put", with_out(Tensor.put, False), function=True, method=False)  # type: ignore[attr-defined]


def _resize_as_(input: Any, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Gives the tensor another's shape in place."""
    return input.resize_(tuple(the_template.shape))  # type: ignore[no-any-return]


register("resize_as_", _resize_as_, function=True, method=True)
