"""The bridge between tensors and NumPy arrays for this package and `vision`: the only place that goes below the public
functions."""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor, from_numpy


def tensor_of_array(array: np.ndarray, dtype_name: str | None = None) -> Tensor:
    return from_numpy(array)


def array_of_tensor(value: Tensor) -> tuple[np.ndarray, str]:
    return value.detach().numpy(), str(value.dtype)
