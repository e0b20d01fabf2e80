"""Attention without a matrix of scores, as LLVM IR."""

from ....kernel.attention import Attention
from ...machine import Machine
from ..generated import Generated
from .backward import generate_backward
from .forward import generate_forward


def generate_attention(kernel: Attention, machine: Machine) -> Generated:
    """The kernel of attention, or of its gradient."""
    return generate_forward(kernel, machine) if kernel.back is None else generate_backward(kernel, machine)


__all__ = ["generate_attention"]
