"""TorchScript files, which hold a program in PyTorch's own language: they are neither written nor read here."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import NotThereYet

__all__ = ["load", "save"]


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> NoReturn:
    """NotThereYet: save `m.state_dict()` with `torch.save`, and load it into a module that Python makes."""
    raise NotThereYet(
        "torch.jit.save: TorchScript files are not in Rushlight yet; torch.save(model.state_dict(), file) keeps the weights, and "
        "model.load_state_dict(torch.load(file)) brings them into a module that Python code has made"
    )


def load(
    f: Any, map_location: Any = None, _extra_files: dict[str, Any] | None = None, _restore_shapes: bool = False
) -> NoReturn:
    """NotThereYet: in PyTorch, save the `state_dict()` of what is in the file; Rushlight reads that."""
    raise NotThereYet(
        "torch.jit.load: TorchScript files are not in Rushlight yet; with PyTorch, "
        "torch.save(torch.jit.load(file).state_dict(), weights) keeps the weights, which torch.load reads here"
    )
