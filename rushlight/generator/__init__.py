"""PyTorch's CPU random stream and what is drawn from it, on NumPy arrays.

`mt19937` has the stream and its state, `seeding` what users seed; `continuous`, `integers`, `discrete` and
`rejection` have the draws: functions of an engine, a shape and a dtype, each giving PyTorch's elements and leaving
the stream where PyTorch leaves it. `placement` says which element of a strided tensor gets which draw. `box_muller`,
`rounding`, `selection` and `summation` are the arithmetic below them, `checks` what they refuse.

>>> from rushlight.dtype import float32
>>> from rushlight.generator.continuous import normal
>>> normal(Engine(0), (2,), float32)
array([ 1.5409961, -0.2934289], dtype=float32)
"""

from .mt19937 import Engine
from .seeding import Generator, default_generator

__all__ = ["Engine", "Generator", "default_generator"]
