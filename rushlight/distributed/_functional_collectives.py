"""`torch.distributed._functional_collectives`: collectives that return what they made, for tensors that are waited for later."""

from __future__ import annotations

from ..absent import absent_function
from ..tensor import Tensor

__all__ = ["all_to_all_single_autograd", "wait_tensor"]


def wait_tensor(tensor: Tensor) -> Tensor:
    """The tensor: a collective has done its work when it returns."""
    return tensor


all_to_all_single_autograd = absent_function(
    "torch.distributed._functional_collectives.all_to_all_single_autograd",
    "`torch.distributed.nn.functional.all_to_all_single` has a gradient",
)
