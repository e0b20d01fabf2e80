"""Forward-mode differentiation by dual numbers, as `torch.autograd.forward_ad`.

A dual tensor is a tensor that is tracked, from which the tangent is carried to a result when that is unpacked. So, unlike in PyTorch, a
dual tensor requires grad, and `no_grad` between it and a result cuts the tangent off.
"""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple

from ..dtype import FLOATING
from ..ir import scalar
from ..tensor.differentiation import Duals, released
from ..tensor.grad_mode import enable_grad
from ..tensor.tensor import Tensor, node_of, wrap

_levels: list[Duals] = []


class UnpackedDualTensor(NamedTuple):
    """The value and the tangent of a tensor; the tangent is None where it has none."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Opens a level; returns its number. There is one at a time, as in PyTorch: nest with `torch.func.jvp`."""
    if _levels:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment — enter_dual_level: nest torch.func.jvp instead"
        )
    _levels.append(Duals())
    return len(_levels) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level: its tangents are gone."""
    if not _levels:
        raise RuntimeError("Dual level must be a positive number.")
    if level is not None and level != len(_levels) - 1:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    _levels.pop()


def _level(level: int | None) -> Duals:
    if not _levels or (level is not None and level >= len(_levels)):
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    return _levels[-1]


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor of the same value with a tangent of its shape.

    >>> import rushlight as torch
    >>> import rushlight.autograd.forward_ad as forward
    >>> with forward.dual_level():
    ...     y = forward.make_dual(torch.zeros(2), torch.ones(2)).sin()
    ...     forward.unpack_dual(y).tangent
    tensor([1., 1.])
    """
    duals = _level(level)
    if tensor.dtype.category < FLOATING:
        raise ValueError(f"Expected primal to be floating point or complex, but got: {tensor.dtype}")
    if tangent.dtype.category < FLOATING:
        raise ValueError(f"Expected tangent to be floating point or complex, but got: {tangent.dtype}")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor "
            f"is of size {list(tensor.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )
    node = node_of(tensor)
    if duals.tangents.get(node) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."
        )
    return wrap(duals.make(node, scalar.cast(node_of(tangent), dtype=tensor.dtype)))


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor."""
    if not _levels:
        return UnpackedDualTensor(tensor, None)
    duals = _level(level)
    with enable_grad():
        found = duals.tangent(node_of(tensor))
    if found is None:
        return UnpackedDualTensor(tensor, None)
    own = list(duals.given)
    return UnpackedDualTensor(released(tensor, own), released(wrap(found), own))


class dual_level:
    """A level for the length of a `with` block, in which results are tracked."""

    def __enter__(self) -> int:
        self._tracking = enable_grad()
        self._tracking.__enter__()
        return enter_dual_level()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exit_dual_level()
        self._tracking.__exit__(kind, error, trace)
