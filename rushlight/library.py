"""`torch.library`: operators that programs add to PyTorch's own table. There is no such table here; each name says what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from .errors import NotThereYet

__all__ = [
    "Library",
    "custom_op",
    "define",
    "get_ctx",
    "impl",
    "impl_abstract",
    "opcheck",
    "register_autocast",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_torch_dispatch",
    "register_vmap",
    "triton_op",
    "wrap_triton",
]


def _refuse(name: str) -> NoReturn:
    raise NotThereYet(
        f"torch.library.{name}: operators registered by name are not in Rushlight yet; write a function of tensors, or a "
        "torch.autograd.Function where it has a gradient of its own"
    )


class Library:
    """NotThereYet: a library of operators."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse("Library")


def _missing(name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> NoReturn:
        _refuse(name)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "NotThereYet: write a function of tensors, or an autograd.Function."
    return call


custom_op = _missing("custom_op")
define = _missing("define")
get_ctx = _missing("get_ctx")
impl = _missing("impl")
impl_abstract = _missing("impl_abstract")
opcheck = _missing("opcheck")
register_autocast = _missing("register_autocast")
register_autograd = _missing("register_autograd")
register_fake = _missing("register_fake")
register_kernel = _missing("register_kernel")
register_torch_dispatch = _missing("register_torch_dispatch")
register_vmap = _missing("register_vmap")
triton_op = _missing("triton_op")
wrap_triton = _missing("wrap_triton")
