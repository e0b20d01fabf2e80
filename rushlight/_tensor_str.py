"""`torch._tensor_str`: what packages with tensor classes of their own use of it to print them."""

from __future__ import annotations

from .tensor import Tensor
from .tensor.printing import OPTIONS as PRINT_OPTS
from .tensor.printing import format_values, printoptions, set_printoptions, with_suffixes

__all__ = ["PRINT_OPTS", "_add_suffixes", "_tensor_str", "printoptions", "set_printoptions"]


def _tensor_str(self: Tensor, indent: int) -> str:
    """The values in brackets, the outermost of which stands in column `indent`.

    >>> import rushlight as torch
    >>> from rushlight._tensor_str import _tensor_str
    >>> _tensor_str(torch.tensor([0.5, 1.0]), 0)
    '[0.5000, 1.0000]'
    """
    return "[]" if not self.numel() else format_values(self.detach()._array(), self.dtype, indent)


def _add_suffixes(tensor_str: str, suffixes: list[str], indent: int, force_newline: bool) -> str:
    """The text with the suffixes behind it and a closing parenthesis; where a line is full, the next begins in column `indent`."""
    return with_suffixes(tensor_str, suffixes, indent, indent, force_newline)
