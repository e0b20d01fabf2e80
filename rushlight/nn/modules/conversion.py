"""A module's dtype and device: `to`, `float`, `cpu` and the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from ...dtype import bfloat16, double, dtype, float_, half
from ...tensor import Tensor, device, empty_like, no_grad
from ..parameter import Parameter

_SIGNATURES = """to() received an invalid combination of arguments - got {got}, but expected one of:
 * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, \
torch.memory_format memory_format = None)
 * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)
 * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)
"""
_TO_KEYWORDS = {"device", "dtype", "non_blocking", "copy", "memory_format", "tensor"}


def _refuse_to(args: tuple, kwargs: dict[str, Any]) -> TypeError:
    kinds = [type(value).__name__ for value in args] + [f"{k}={type(v).__name__}" for k, v in kwargs.items()]
    return TypeError(_SIGNATURES.format(got="(" + ", ".join(kinds) + (", )" if kwargs else ")")))


def _parse_to(args: tuple, kwargs: dict[str, Any]) -> tuple[device | None, dtype | None, bool, Any]:
    """The device, dtype, non_blocking and memory_format of any of the forms that `to` is called in."""
    given = list(args)
    where, kind = kwargs.get("device"), kwargs.get("dtype")
    pattern = kwargs.get("tensor")
    if given and isinstance(given[0], Tensor):
        pattern = given.pop(0)
    elif given and isinstance(given[0], dtype):
        kind = given.pop(0)
    elif given and (given[0] is None or isinstance(given[0], (str, int, device))):
        where = given.pop(0)
        if given and (given[0] is None or isinstance(given[0], dtype)):
            kind = given.pop(0)
    if set(kwargs) - _TO_KEYWORDS or len(given) > 2 or not all(isinstance(flag, bool) for flag in given):
        raise _refuse_to(args, kwargs)
    if pattern is not None:
        where, kind = pattern.device, pattern.dtype
    non_blocking = given[0] if given else kwargs.get("non_blocking", False)
    where = where if where is None or isinstance(where, device) else device(where)
    return where, kind, non_blocking, kwargs.get("memory_format")


class ConversionMethods:
    """The part of `Module` that changes the dtype, device or storage of all its tensors, in place."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    children: Callable

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replaces the data of every parameter, its gradient, and every buffer by what `fn` makes of it.

        The `Parameter` objects stay the same, so that an optimizer goes on holding them.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            with no_grad():
                replaced = fn(parameter)
                if replaced is not parameter:
                    parameter.data = replaced
                gradient = parameter.grad
                if gradient is not None:
                    replaced = fn(gradient)
                    if replaced is not gradient:
                        parameter.grad = replaced.requires_grad_(gradient.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves and converts all parameters and buffers in place: `to(device)`, `to(dtype)`, `to(tensor)`.

        dtype: a floating or complex one; integer buffers keep theirs. Returns the module itself.

        >>> import rushlight as torch
        >>> torch.nn.Linear(2, 2).to(torch.float64).weight.dtype
        torch.float64
        """
        where, kind, non_blocking, layout = _parse_to(args, kwargs)
        if kind is not None and not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}")

        def convert(t: Tensor) -> Tensor:
            wanted = kind if t.is_floating_point() or t.is_complex() else None
            if layout is not None and t.dim() in (4, 5):
                return t.to(where, wanted, non_blocking, memory_format=layout)
            return t.to(where, wanted, non_blocking)

        return self._apply(convert)

    def type(self, dst_type: dtype | str) -> Self:
        """Converts all parameters and buffers to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def _to_floating(self, kind: dtype) -> Self:
        return self._apply(lambda t: t.to(kind) if t.is_floating_point() else t)

    def float(self) -> Self:
        """Converts floating parameters and buffers to float32."""
        return self._to_floating(float_)

    def double(self) -> Self:
        """Converts floating parameters and buffers to float64."""
        return self._to_floating(double)

    def half(self) -> Self:
        """Converts floating parameters and buffers to float16."""
        return self._to_floating(half)

    def bfloat16(self) -> Self:
        """Converts floating parameters and buffers to bfloat16."""
        return self._to_floating(bfloat16)

    def cpu(self) -> Self:
        """Moves all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Moves all parameters and buffers to a CUDA device; an error where there is none."""
        return self._apply(lambda t: t.cuda(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Moves parameters and buffers to `device` without their values."""
        return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)

    def share_memory(self) -> Self:
        """Moves all parameters and buffers to memory that processes share."""
        return self._apply(lambda t: t.share_memory_())
