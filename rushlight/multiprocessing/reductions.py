"""How tensors are pickled for another process: as the descriptor of the memory that they then share."""

from __future__ import annotations

from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any

import numpy as np

from ..dtype import BY_NAME
from ..nn.parameter import Parameter
from ..tensor import Tensor
from ..tensor.sharing import SharedFile, adopt, move
from ..tensor.tensor import from_array, handle

__all__ = ["init_reductions", "reduce_tensor"]


def _rebuild(
    cls: type,
    descriptor: Any,
    whole: tuple[tuple[int, ...], str],
    part: tuple[tuple[int, ...], tuple[int, ...], int] | None,
    requires_grad: bool,
) -> Any:
    shape, name = whole
    file = SharedFile(0 if 0 in shape else int(np.prod(shape)) * BY_NAME[name].itemsize, descriptor.detach())
    values = np.frombuffer(file.memory, BY_NAME[name].storage, int(np.prod(shape))).reshape(shape)
    made: Any = from_array(values, BY_NAME[name])
    adopt(made._storage, file)
    if part is not None:
        made = made.as_strided(*part)
    if cls is Parameter:
        return Parameter(made, requires_grad)
    return made.requires_grad_() if requires_grad else made


def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """What pickling a tensor for another process gives; RuntimeError for a result that autograd tracks."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing process "
            "boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing (e.g., putting it "
            "on the queue)."
        )
    if tensor._steps and tensor.dtype is not tensor._storage.node.type.dtype:
        tensor = tensor.detach().clone()  # a view as another dtype
    file = move(tensor)
    if file.descriptor is None:
        raise RuntimeError(
            "tensors cannot be sent to other processes on this system, which has no anonymous files (memfd)"
        )
    base = handle(tensor._storage, (), None)
    name = str(base.dtype).removeprefix("torch.")
    part = (tuple(tensor.shape), tensor.stride(), tensor.storage_offset()) if tensor._steps else None
    return _rebuild, (type(tensor), DupFd(file.descriptor), (tuple(base.shape), name), part, tensor.requires_grad)


def init_reductions() -> None:
    """Makes `multiprocessing`'s queues, pipes and process arguments send tensors so."""
    for cls in (Tensor, Parameter):
        ForkingPickler.register(cls, reduce_tensor)
