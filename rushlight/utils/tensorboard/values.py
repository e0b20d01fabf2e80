"""What users log, as NumPy arrays, Python numbers and TensorFlow's `TensorProto`."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType

from ...dtype import bfloat16, int16
from ...tensor import Tensor

# NumPy's name of a dtype -> TensorFlow's, and the field that holds its numbers (tensorflow/core/framework/tensor.proto says which).
FIELDS = {
    "bool": ("DT_BOOL", "bool_val"),
    "uint8": ("DT_UINT8", "int_val"),
    "int8": ("DT_INT8", "int_val"),
    "uint16": ("DT_UINT16", "int_val"),
    "int16": ("DT_INT16", "int_val"),
    "int32": ("DT_INT32", "int_val"),
    "int64": ("DT_INT64", "int64_val"),
    "uint32": ("DT_UINT32", "uint32_val"),
    "uint64": ("DT_UINT64", "uint64_val"),
    "float16": ("DT_HALF", "half_val"),
    "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"),
    "complex64": ("DT_COMPLEX64", "scomplex_val"),
    "complex128": ("DT_COMPLEX128", "dcomplex_val"),
}


def as_array(value: Any) -> np.ndarray:
    """The numbers of a tensor, an array or a Python number, in at least one dimension; bfloat16 as float32."""
    if isinstance(value, Tensor):
        value = value.detach()
        value = (value.float() if value.dtype is bfloat16 else value).numpy()
    elif not isinstance(value, (np.ndarray, np.generic, bool, int, float, complex, str)):
        raise NotImplementedError(
            f"TensorBoard's entries are made of tensors, NumPy arrays and numbers, got {type(value).__name__}; "
            "make a tensor of it first"
        )
    return np.atleast_1d(value)


def as_number(value: Any) -> float:
    """The one number in `value`, as a Python float."""
    array = as_array(value)
    if array.size != 1:
        raise AssertionError(
            f"a scalar is one number, got {array.size} in shape {array.shape}; log its mean, or use add_histogram"
        )
    return float(array.item())


def shape_message(shape: tuple[int, ...]) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in shape])


def tensor_message(tensor: Any) -> TensorProto:
    """A tensor with its dtype and shape, in the fields where TensorBoard looks for them."""
    if isinstance(tensor, Tensor) and tensor.dtype is bfloat16:
        bits = tensor.detach().contiguous().view(int16).numpy()
        return TensorProto(
            dtype=DataType.DT_BFLOAT16,
            tensor_shape=shape_message(bits.shape),
            tensor_content=bits.astype("<i2").tobytes(),
        )
    array = tensor.detach().numpy() if isinstance(tensor, Tensor) else np.asarray(tensor)
    if array.dtype.name not in FIELDS:
        raise ValueError(f"add_tensor has no form for {array.dtype}; it has {', '.join(FIELDS)} and bfloat16")
    kind, field = FIELDS[array.dtype.name]
    flat = array.reshape(-1)
    if array.dtype.kind == "c":  # real and imaginary parts in turn
        flat = flat.view(flat.real.dtype)
    elif kind == "DT_HALF":  # its bits
        flat = flat.view(np.uint16)
    return TensorProto(dtype=kind, tensor_shape=shape_message(array.shape), **{field: flat.tolist()})
