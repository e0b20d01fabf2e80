"""Contractions on the CPU: matrix products, convolutions, their gradients, and any other sum of products."""

from .generate import cost, generate_contraction

__all__ = ["cost", "generate_contraction"]
