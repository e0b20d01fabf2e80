"""What a name of CUDA's does where there is no device: it says so, in PyTorch's words and what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import DeviceNotAvailable


def no_device(name: str) -> NoReturn:
    """Raises what PyTorch raises where it is built without CUDA."""
    raise DeviceNotAvailable(
        f"Torch not compiled with CUDA enabled — torch.cuda.{name}: Rushlight computes on the CPU in this version; guard the call with "
        "torch.cuda.is_available()"
    )


def function(name: str, *arguments: str) -> Callable[..., Any]:
    """A function of that name that needs a device; it takes the arguments, all optional."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(arguments) or not set(kwargs) <= set(arguments):
            raise TypeError(f"{name}() takes the arguments ({', '.join(arguments)})")
        no_device(name)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "RuntimeError: there is no device."
    return call


def absent(name: str) -> type:
    """A class of that name, which has no instances here."""

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        no_device(name)

    return type(
        name, (), {"__new__": refuse, "__doc__": "RuntimeError: there is no device.", "__module__": "torch.cuda"}
    )


class _LegacyType(type):
    """A type of tensors on a GPU: nothing is one of its instances."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA enabled.")

    def __instancecheck__(cls, instance: Any) -> bool:
        return False

    def __repr__(cls) -> str:
        return f"<class 'torch.cuda.{cls.__name__}'>"


_KINDS = "BFloat16 Bool Byte Char Double Float Half Int Long Short".split()
legacy_types: dict[str, Any] = {
    **{f"{kind}Tensor": _LegacyType(f"{kind}Tensor", (), {"is_cuda": True}) for kind in _KINDS},
    **{f"{kind}Storage": absent(f"{kind}Storage") for kind in [*_KINDS, "ComplexDouble", "ComplexFloat"]},
}
