"""Contractions on the CPU: matrix products, convolutions, their gradients, and any other sum of products."""

from .generate import generate_contraction

__all__ = ["generate_contraction"]
