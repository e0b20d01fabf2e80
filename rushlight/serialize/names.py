"""The names under which files know things: PyTorch's, so that it reads ours and we read its.

A class of Rushlight's stands in a file as the class of PyTorch's with the same part of the interface:
`rushlight.nn.modules.linear.Linear` as `torch.nn.modules.linear.Linear`.
"""

from __future__ import annotations

import importlib
from typing import Any

from ..dtype import ALL, BY_NAME, dtype
from ..errors import InternalError

OURS, PYTORCH = "rushlight", "torch"


class Global:
    """A name to write into a pickle as if it were the object; it is callable only to be allowed as a pickled call."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __repr__(self) -> str:
        return f"{self.module}.{self.name}"

    def __call__(self, *arguments: Any) -> Any:
        raise InternalError(f"{self} is a name in a file and cannot be called")


# Storage classes, which PyTorch has one of for each dtype in a file (but none for those that came late).
_STORAGE_CLASSES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "bfloat16": "BFloat16Storage",
    "complex128": "ComplexDoubleStorage",
    "complex64": "ComplexFloatStorage",
}
UNTYPED_STORAGE = Global("torch.storage", "UntypedStorage")
STORAGE_GLOBALS = {BY_NAME[name]: Global(PYTORCH, cls) for name, cls in _STORAGE_CLASSES.items()}
DTYPE_GLOBALS = {made: Global(PYTORCH, made.name) for made in ALL}


class StorageType:
    """What a storage class's name in a file says: the element type, or None for bytes that a tensor gives a type."""

    def __init__(self, dtype: dtype | None) -> None:
        self.dtype = dtype
        self.itemsize = dtype.itemsize if dtype else 1

    def __repr__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


_STORAGE_TYPES: dict[str, StorageType] = {
    **{f"torch.{cls}": StorageType(BY_NAME[name]) for name, cls in _STORAGE_CLASSES.items()},
    "torch.storage.UntypedStorage": StorageType(None),
    "torch.UntypedStorage": StorageType(None),
}
_DTYPES = {f"torch.{made.name}": made for made in ALL}

# Where Rushlight keeps classes elsewhere than PyTorch does, with the modules below or (False) with these in one.
_MOVED = {
    "rushlight.tensor": ("torch", False),
    "rushlight.dtype": ("torch", False),
    "rushlight.serialize": ("torch.serialization", False),
    "rushlight.nn.functional": ("torch.nn.functional", False),
    "rushlight.nn.modules.multihead": ("torch.nn.modules.activation", False),
    "rushlight.nn.modules.syncbatchnorm": ("torch.nn.modules.batchnorm", False),
    "rushlight.nn.modules.hooks": ("torch.utils.hooks", False),
    "rushlight.optim.adafactor": ("torch.optim._adafactor", False),
    "rushlight.optim.muon": ("torch.optim._muon", False),
    "rushlight.optim.lr_scheduler": ("torch.optim.lr_scheduler", False),
    "rushlight.data": ("torch.utils.data", True),
    "rushlight.vision": ("torchvision", True),
    OURS: (PYTORCH, True),
}


def storage_type(path: str) -> StorageType | None:
    """The storage class of this full name in a file."""
    return _STORAGE_TYPES.get(path)


def dtype_named(path: str) -> dtype | None:
    """The dtype of this full name in a file."""
    return _DTYPES.get(path)


def pytorch_module(module: str) -> str | None:
    """PyTorch's name of one of our modules, or None for a module that is not ours."""
    for ours, (pytorch, keeps_modules) in _MOVED.items():
        if module == ours or module.startswith(ours + "."):
            return pytorch + module[len(ours) :] if keeps_modules else pytorch
    return None


def name_in_file(obj: Any, name: str) -> Global | None:
    """The name PyTorch knows one of our classes or functions by, if that name leads back to it."""
    module = pytorch_module(getattr(obj, "__module__", None) or "")
    return Global(module, name) if module is not None and find_ours(module, name) is obj else None


def find_ours(module: str, name: str) -> Any | None:
    """Rushlight's object for PyTorch's `module.name`, or None where it has none.

    Looked for in the module of ours that corresponds, then in the packages above it, which export what is public.
    """
    for ours in _our_modules(module):
        try:
            found: Any = importlib.import_module(ours)
        except ModuleNotFoundError:
            continue
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not None:
            return found
    return None


def _our_modules(module: str) -> list[str]:
    candidates = [
        ours + module[len(pytorch) :]
        for ours, (pytorch, keeps_modules) in _MOVED.items()
        if module == pytorch or (keeps_modules and module.startswith(pytorch + "."))
    ]
    parents = [candidate.rsplit(".", depth)[0] for candidate in candidates for depth in range(candidate.count("."))]
    return list(dict.fromkeys([*candidates, *parents, OURS]))


def as_text(found: Any) -> Any:
    """A name of PyTorch's own that Python 2 wrote as bytes, as text; anything else as it is."""
    return found.decode("ascii", "replace") if isinstance(found, bytes) else found
