"""`Size`, `device`, layouts and memory formats: the small value classes that describe a tensor."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from ..errors import DeviceNotAvailable, NotThereYet
from ..ir.graph import mode


class Size(tuple[int, ...]):
    """A shape, as `torch.Size`.

    >>> Size([2, 3])
    torch.Size([2, 3])
    >>> Size([2, 3]).numel()
    6
    """

    __slots__ = ()

    def __new__(cls, extents: Iterable[int] = ()) -> Size:
        return tuple.__new__(cls, map(_extent, extents))

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return tuple.__new__(Size, found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return tuple.__new__(Size, tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return tuple.__new__(Size, (*other, *self))

    def __mul__(self, count: Any) -> Size:
        return tuple.__new__(Size, tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __reduce__(self) -> Any:
        return Size, (tuple(self),)


def _extent(value: Any) -> int:
    if type(value) is int:
        return value
    try:
        return value.__index__()  # type: ignore[no-any-return]
    except AttributeError:
        raise TypeError(f"torch.Size() takes an iterable of 'int' (item 0 is '{type(value).__name__}')") from None


class device:
    """Where a tensor lives, as `torch.device`: this version computes on the CPU only.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("type", "index")
    type: str
    index: int | None

    KNOWN = (
        "cpu",
        "cuda",
        "mps",
        "xpu",
        "meta",
        "hpu",
        "xla",
        "vulkan",
        "mtia",
        "privateuseone",
        "ipu",
        "hip",
        "ve",
        "lazy",
        "fpga",
        "maia",
        "ideep",
        "mkldnn",
        "opengl",
        "opencl",
    )

    def __init__(self, type: Any, index: int | None = None) -> None:
        if index is not None and not isinstance(index, int):
            raise TypeError(f"device(): argument 'index' (position 2) must be int, not {index.__class__.__name__}")
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        elif isinstance(type, str):
            name, colon, place = type.partition(":")
            if colon and index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            if colon and not place.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            type, index = name, int(place) if colon else index
        else:
            raise TypeError(f"device() argument 'type' must be str, int or torch.device, not {type.__class__.__name__}")
        if type not in self.KNOWN:
            raise RuntimeError(f"Expected one of {', '.join(self.KNOWN)} device type at start of device string: {type}")
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"attribute '{name}' of 'torch.device' objects is not writable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        place = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{place})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        """Tensors are made on this device within the block: the CPU, or "meta"."""
        if self.type != "meta":
            require_cpu(self, "device context")
        _entered.append(mode.device)
        mode.device = self if self.type == "meta" else None
        return self

    def __exit__(self, *exception: Any) -> None:
        mode.device = _entered.pop()


_entered: list[Any] = []  # the devices before those of the open blocks
CPU = device("cpu")
META = device("meta")


def require_cpu(where: Any, op: str) -> None:
    """RuntimeError for every device but the CPU."""
    if where is None:
        return
    found = where if isinstance(where, device) else device(where)
    if found.type == "meta":
        raise NotThereYet(
            f"{op}: the device 'meta' is not in Rushlight yet for this function; make the tensor on the CPU"
        )
    if found.type != "cpu":
        raise DeviceNotAvailable(
            f"{op}: device '{found}' is not available: Rushlight computes on the CPU in this version; "
            f"use device='cpu', or ask torch.cuda.is_available() first"
        )


class _Constant:
    """What PyTorch has a name for and compares by identity."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(_Constant):
    """`torch.strided` and its kind."""


strided = layout("strided")


def require_strided(wanted: Any, op: str) -> None:
    """RuntimeError where a function that makes strided tensors alone is asked for another layout."""
    if wanted is not None and wanted is not strided:
        raise RuntimeError(
            f"{op}(...) is not implemented for sparse layout — {wanted}; make it strided and call .to_sparse()"
        )


sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
sparse_csc = layout("sparse_csc")


class memory_format(_Constant):
    """`torch.contiguous_format` and its kind. Layout in memory is the compiler's affair: accepted, without effect."""


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements of a contiguous tensor, counting empty axes as PyTorch does."""
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return tuple(reversed(strides))


def view_strides(shape: tuple[int, ...], strides: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...] | None:
    """Strides with which `target` views a tensor of `shape` and `strides`; None where only a copy will do.

    Groups of old axes that are contiguous among themselves are matched from the right with groups of new axes of the same size.
    """
    if prod(shape) == 0 or not target:
        return contiguous_strides(target)
    groups: list[tuple[int, int]] = []  # (elements, stride of the innermost axis), innermost group first
    for extent, stride in zip(reversed(shape), reversed(strides), strict=True):
        if extent == 1:
            continue
        if groups and stride == groups[-1][0] * groups[-1][1]:
            groups[-1] = (groups[-1][0] * extent, groups[-1][1])
        else:
            groups.append((extent, stride))
    result: list[int] = []
    place, taken = 0, 1
    for extent in reversed(target):
        if extent == 1:
            result.append(groups[place][1] * taken if groups else 1)
            continue
        if place < len(groups) and taken == groups[place][0]:
            place, taken = place + 1, 1
        if place >= len(groups):
            return None
        size, stride = groups[place]
        if size % (taken * extent):
            return None
        result.append(stride * taken)
        taken *= extent
    return tuple(reversed(result))
