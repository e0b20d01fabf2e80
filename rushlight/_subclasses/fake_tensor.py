"""`torch._subclasses.fake_tensor`: the class of PyTorch's tensors without data, of which there are none."""

from __future__ import annotations

from typing import Any

from ..absent import absent_class

__all__ = ["FakeTensor", "FakeTensorMode", "is_fake"]

_INSTEAD = 'tensors of the device "meta" have shapes and no data'

FakeTensor = absent_class("torch._subclasses.fake_tensor.FakeTensor", _INSTEAD)
FakeTensorMode = absent_class("torch._subclasses.fake_tensor.FakeTensorMode", _INSTEAD)


def is_fake(x: Any) -> bool:
    """False: a tensor has data, or is of the device "meta"."""
    return False
