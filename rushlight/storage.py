"""`torch.storage`: `TypedStorage` the elements of a tensor's memory, `UntypedStorage` its bytes.

Both are looks at the memory, not owners of it: what is written through them is seen by the tensors on it. Also here: what a tensor that
is dense says when it is asked for what sparse ones have, and `resize`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from .dtype import dtype, uint8
from .tensor.creation import typed_names
from .tensor.grad_mode import no_grad
from .tensor.public import functions, method
from .tensor.sharing import move, shared_file
from .tensor.tensor import Tensor, adopt_numpy, from_array, handle

__all__ = ["TypedStorage", "UntypedStorage", "legacy_storages"]


class _Look:
    """What both have: the elements of a tensor's whole memory, in one axis."""

    _whole: Tensor

    def size(self) -> int:
        """How many elements there are; of an untyped storage, bytes."""
        return self._whole.numel()

    def __len__(self) -> int:
        return self._whole.numel()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._whole.nbytes

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    def element_size(self) -> int:
        """The bytes of an element."""
        return self._whole.element_size()

    def data_ptr(self) -> int:
        """As `Tensor.data_ptr` of the first element."""
        return self._whole.data_ptr()  # type: ignore[no-any-return]

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._whole.tolist()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        found = self._whole[index]  # type: ignore[index]
        return type(self)._of(found) if isinstance(index, slice) else found.item()

    def __setitem__(self, index: Any, value: Any) -> None:
        with no_grad():
            self._whole[index] = value  # type: ignore[index]

    def fill_(self, value: Any) -> Any:
        """Writes one value everywhere."""
        self[:] = value
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> Any:
        """Writes another storage's elements."""
        with no_grad():
            self._whole.copy_(source._whole)
        return self

    @classmethod
    def _of(cls, whole: Tensor) -> Any:
        made = object.__new__(cls)
        made._whole = whole
        return made

    def clone(self) -> Any:
        """A storage of its own with the same elements."""
        return type(self)._of(self._whole.clone())

    def cpu(self) -> Any:
        """Itself."""
        return self

    @property
    def device(self) -> Any:
        return self._whole.device

    is_cuda = False
    is_sparse = False

    @property
    def _cdata(self) -> int:
        """A number that is equal for equal storages."""
        return id(self._whole._storage)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Look) and other._whole._storage is self._whole._storage

    def __hash__(self) -> int:
        return hash(id(self._whole._storage))

    def get_device(self) -> int:
        """-1: the CPU."""
        return -1

    def is_shared(self) -> bool:
        """Whether other processes see it."""
        return shared_file(self._whole) is not None

    def share_memory_(self) -> Any:
        """Moves it to where other processes see it."""
        move(self._whole)
        return self

    def is_pinned(self, device: Any = "cuda") -> bool:
        """False."""
        return False

    def resize_(self, size: int) -> NoReturn:
        """RuntimeError: give the tensor another size with `Tensor.resize_`."""
        raise RuntimeError("Trying to resize storage that is not resizable — use Tensor.resize_")


class UntypedStorage(_Look):
    """The bytes of a tensor's memory.

    >>> import rushlight as torch
    >>> x = torch.arange(6)
    >>> x.untyped_storage().nbytes(), x[2:].untyped_storage().data_ptr() == x.data_ptr()
    (48, True)
    """

    def __init__(self, size: int | Sequence[int] = 0, *, device: Any = None) -> None:
        self._whole = (
            functions["zeros"](size, dtype=uint8) if isinstance(size, int) else functions["tensor"](size, dtype=uint8)
        )

    @classmethod
    def from_file(cls, filename: str | os.PathLike[str], shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first bytes of a file, read when they are used.

        shared: what is written to the storage is written to the file, which is made, or made longer, where it has fewer than `nbytes`
        bytes; else writing changes memory only. Raises RuntimeError for a file that is missing or too short.
        """
        path = os.fspath(filename)
        try:
            if shared:
                with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                    if os.fstat(file.fileno()).st_size < nbytes:
                        file.truncate(nbytes)
            size = os.stat(path).st_size
        except OSError as error:
            raise RuntimeError(
                f"unable to open file <{path}> in {'read-write' if shared else 'read-only'} mode: {error.strerror} ({error.errno})"
            ) from None
        if size < nbytes:
            raise RuntimeError(f"file <{path}> size <{size}> is smaller than the required mapping size <{nbytes}>")
        if nbytes == 0:
            return cls(0)
        array = np.memmap(path, np.uint8, "r+" if shared else "c", shape=(nbytes,)).view(np.ndarray)
        made = cls._of(adopt_numpy(array) if shared else from_array(array, uint8))
        made.filename = path if shared else None
        return made  # type: ignore[no-any-return]

    filename: str | None = None

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def __repr__(self) -> str:
        lines = "".join(f" {byte}\n" for byte in self.tolist())
        return f"{lines}[torch.storage.UntypedStorage(device=cpu) of size {self.size()}]"


class TypedStorage(_Look):
    """The elements of a tensor's memory."""

    def __init__(self, *args: Any, wrap_storage: Any = None, dtype: dtype | None = None, device: Any = None) -> None:
        kind = type(self).__dict__.get("dtype_of_class", dtype) or functions["zeros"](0).dtype
        if wrap_storage is not None:
            self._whole = wrap_storage._whole.view(kind)
        elif args and not isinstance(args[0], int):
            self._whole = functions["tensor"](list(args[0]), dtype=kind)
        else:
            self._whole = functions["zeros"](args[0] if args else 0, dtype=kind)

    @property
    def dtype(self) -> dtype:
        return self._whole.dtype

    def untyped(self) -> UntypedStorage:
        """The bytes of it."""
        return UntypedStorage._of(_bytes(self._whole))  # type: ignore[no-any-return]

    _untyped_storage = property(untyped)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its kind, or the elements as another kind."""
        if dtype is None:
            return f"torch.{_name_of(self.dtype)}"
        return TypedStorage._of(self._whole.to(dtype).clone())

    def pickle_storage_type(self) -> str:
        """The name of its kind."""
        return _name_of(self.dtype)

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {self.size()}]"


def _bytes(whole: Tensor) -> Tensor:
    if whole.dtype is uint8:
        return whole
    made = whole.view(uint8)  # type: ignore[attr-defined]
    return made if isinstance(made, Tensor) else functions["tensor"](np.zeros(0, np.uint8))


def _name_of(kind: dtype) -> str:
    return next(
        (name.replace("Tensor", "Storage") for name, known in typed_names.items() if known is kind),
        f"{kind.name}Storage",
    )


def _legacy(name: str, kind: dtype) -> type:
    return type(
        name, (TypedStorage,), {"dtype_of_class": kind, "__doc__": f"Storages of {kind}.", "__module__": "torch"}
    )


legacy_storages = {
    name.replace("Tensor", "Storage"): _legacy(name.replace("Tensor", "Storage"), kind)
    for name, kind in typed_names.items()
}

globals().update(legacy_storages)


def _memory(tensor: Tensor) -> Tensor:
    """The whole memory of a tensor, in one axis, without history."""
    base = handle(tensor._storage, (), None).detach()
    return base.view(-1) if base.ndim != 1 else base  # type: ignore[attr-defined,no-any-return]


@method
def storage(self: Tensor) -> TypedStorage:
    """The elements of the tensor's memory, of which a view sees a part."""
    return TypedStorage._of(_memory(self))  # type: ignore[no-any-return]


@method
def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes of the tensor's memory."""
    return UntypedStorage._of(_bytes(_memory(self)))  # type: ignore[no-any-return]


@method
def storage_type(self: Tensor) -> type:
    """The class of storages of the tensor's dtype."""
    return legacy_storages.get(_name_of(self.dtype), TypedStorage)


# ---- what sparse tensors have ----


def _sparse_alone(name: str, layout: str) -> None:
    def call(self: Tensor) -> NoReturn:
        raise RuntimeError(f"{name} expected {layout} but got Strided — the tensor is dense")

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "RuntimeError: a dense tensor has none."
    method(call)


for _own in ("coalesce", "indices", "is_coalesced"):
    _sparse_alone(_own, "sparse coordinate tensor layout")
_sparse_alone("values", "sparse tensor layout")
for _own in ("crow_indices", "col_indices"):
    _sparse_alone(_own, "sparse row compressed tensor layout")


@method
def sparse_dim(self: Tensor) -> int:
    """0: the tensor is dense."""
    return 0


@method
def dense_dim(self: Tensor) -> int:
    """The number of axes."""
    return self.ndim


@method
def to_dense(self: Tensor, dtype: dtype | None = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, or in another dtype."""
    return self if dtype is None else self.to(dtype)  # type: ignore[attr-defined,no-any-return]


@method
def resize(self: Tensor, *sizes: Any) -> Tensor:
    """The elements in another shape, as many; `reshape` is the newer name."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    shape = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)
    count = int(np.prod(shape))
    if count != self.numel():
        joined, own = "x".join(map(str, shape)), "x".join(map(str, self.shape))
        raise RuntimeError(
            f"requested resize to {joined} ({count} elements in total), but the given tensor has a size of {own} ({self.numel()} elements). "
            "autograd's resize can only change the shape of a given tensor, while preserving the number of elements. "
        )
    return self.reshape(shape)  # type: ignore[attr-defined,no-any-return]


@method
def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """`resize` to another tensor's shape."""
    return resize(self, tuple(tensor.shape))
