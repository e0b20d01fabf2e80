"""`torch.storage`: the memory under tensors, as far as programs look at it: whose it is, how large, which bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import NotThereYet
from .runtime import executor
from .tensor import Tensor
from .tensor.geometry import device
from .tensor.storage import Storage

__all__ = ["UntypedStorage"]


class UntypedStorage:
    """The bytes that a tensor and its views share; `Tensor.untyped_storage` gives it. Reads only: tensors are written to.

    >>> import rushlight as torch
    >>> x = torch.arange(6)
    >>> x.untyped_storage().nbytes(), x[2:].untyped_storage().data_ptr() == x.data_ptr()
    (48, True)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotThereYet(
            "a storage without a tensor is not in Rushlight yet; make a tensor and take its untyped_storage()"
        )

    _storage: Storage

    @property
    def device(self) -> device:
        """Where the memory is."""
        return device("cpu")

    @property
    def is_cuda(self) -> bool:
        """False."""
        return False

    @property
    def _cdata(self) -> int:
        """A number that is equal for equal storages."""
        return id(self._storage)

    def nbytes(self) -> int:
        """How many bytes it has."""
        return self._storage.node.type.nbytes

    size = __len__ = nbytes

    def element_size(self) -> int:
        """1: a byte."""
        return 1

    def data_ptr(self) -> int:
        """What `Tensor.data_ptr` says of the first element; 0 where there is none."""
        shared = self._storage.shared()
        if not self.nbytes():
            return 0
        return id(self._storage) << 16 if shared is None else int(shared.__array_interface__["data"][0])

    def cpu(self) -> UntypedStorage:
        """Itself."""
        return self

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def _bytes(self) -> np.ndarray:
        return np.ascontiguousarray(executor.value_of(self._storage.node)).reshape(-1).view(np.uint8)

    def tolist(self) -> list[int]:
        """The bytes as numbers."""
        return [int(byte) for byte in self._bytes()]

    def __getitem__(self, index: Any) -> Any:
        found = self._bytes()[index]
        return int(found) if np.ndim(found) == 0 else [int(byte) for byte in found]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other._storage is self._storage

    def __hash__(self) -> int:
        return hash(id(self._storage))

    def __repr__(self) -> str:
        shown = "".join(f" {byte}\n" for byte in self.tolist())
        return f"{shown}[torch.storage.UntypedStorage(device=cpu) of size {self.nbytes()}]"


def _untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes that the tensor and its views share."""
    made = UntypedStorage.__new__(UntypedStorage)
    made._storage = self._storage
    return made


Tensor.untyped_storage = _untyped_storage  # type: ignore[attr-defined]
