"""The contraction: matrix products, einsum, convolutions, sums over windows, and the gradients of all these.

    out[o] = sum over r of the product over k of in_k[(A_k (o, r) + b_k) / d_k]

Loops o and r run over boxes; A, b, d are integers for each operand axis. A read that is out of range, or whose
numerator is not a multiple of d, is 0. So padding is an offset, stride and dilation are coefficients, a transposed
convolution is a denominator; and the derivative of a contraction is a contraction.

`form` holds the type, its vjp and its meaning by enumeration; `build` makes contractions from shapes; `evaluation`
computes them by matrix products.
"""

from .build import (
    ConvolutionShapes,
    bilinear,
    convolution,
    convolution_shapes,
    dot,
    einsum,
    fold,
    linear,
    matmul,
    outer,
    transposed_convolution,
    transposed_convolution_shapes,
    unfold,
    window_counts,
    window_sum,
)
from .evaluation import evaluate
from .form import Contraction, enumerate_contraction, vjp
from .text import parse

__all__ = [
    "Contraction",
    "ConvolutionShapes",
    "bilinear",
    "convolution",
    "convolution_shapes",
    "dot",
    "einsum",
    "enumerate_contraction",
    "evaluate",
    "fold",
    "linear",
    "matmul",
    "outer",
    "parse",
    "transposed_convolution",
    "transposed_convolution_shapes",
    "unfold",
    "vjp",
    "window_counts",
    "window_sum",
]
