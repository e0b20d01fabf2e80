"""Between tensors, NumPy arrays and the random stream: what this package and `vision` need below the public
functions."""

from __future__ import annotations

import numpy as np

from ..dtype import BY_NAME, from_numpy_dtype
from ..errors import InternalError
from ..generator import default_generator
from ..tensor import Tensor
from ..tensor.tensor import from_array, node_of


def tensor_of_array(array: np.ndarray, dtype_name: str | None = None) -> Tensor:
    """A tensor that takes the array over: nobody may write to it afterwards. `dtype_name` where the array's type is
    not enough."""
    kind = from_numpy_dtype(array.dtype) if dtype_name is None else BY_NAME[dtype_name]
    if kind is None:
        raise InternalError(f"no tensor holds an array of {array.dtype}")
    return from_array(array, kind)


def array_of_tensor(value: Tensor) -> tuple[np.ndarray, str]:
    """The tensor's values, which nobody may write to, and the name of its dtype."""
    return value._array(), str(value.dtype).removeprefix("torch.")


def values_at_hand(value: Tensor) -> np.ndarray | None:
    """The values where they are known and no gradient is asked for; None where operations are still pending."""
    if type(value) is not Tensor or value.requires_grad:
        return None
    return node_of(value).value


def random_words(count: int) -> np.ndarray:
    """The next 32-bit words of the default generator, from which all draws are made."""
    return default_generator.engine.random32(count)
