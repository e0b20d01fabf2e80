"""`torch.types`: names for annotations."""

from __future__ import annotations

import os
from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from collections.abc import Sequence
from typing import Any

from .dtype import dtype as _dtype
from .tensor import Size, Tensor
from .tensor.geometry import device as _device

__all__ = ["Device", "FileLike", "IntLikeType", "Number", "Storage"]

Number = (_int, _float, _bool)
_TensorOrTensors = Tensor | Sequence[Tensor]
_dtype, _device = _dtype, _device
_size = Size | list[_int] | tuple[_int, ...]
_bool, _int, _float = _bool, _int, _float
Device = _device | str | _int | None
IntLikeType = _int
FileLike = str | os.PathLike[str] | Any
Storage = Any
