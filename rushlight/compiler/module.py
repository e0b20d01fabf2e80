"""A compiled module: the module itself, with its calls recorded and repeated."""

from __future__ import annotations

from typing import Any

from ..nn.modules import Module
from .function import Compiled

_OWN = ("_orig_mod", "_compiled", "_compiled_call_impl")


class OptimizedModule(Module):
    """What `compile` makes of a module: it has the module's attributes, and its state under "_orig_mod."."""

    def __init__(self, module: Module, **options: Any) -> None:
        super().__init__()
        self.__dict__.pop("training")  # the module's own
        self._modules["_orig_mod"] = module
        self.__dict__["_compiled"] = Compiled(module.__call__, **options)
        self.__dict__["_options"] = options

    @property
    def training(self) -> bool:  # type: ignore[override]
        return self._modules["_orig_mod"].training  # type: ignore[union-attr]

    @training.setter
    def training(self, mode: bool) -> None:
        self._modules["_orig_mod"].training = mode  # type: ignore[union-attr]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self.__dict__["_modules"]["_orig_mod"]
        if "_modules" not in self.__dict__:  # before it is made, as in unpickling
            raise AttributeError(name)
        return getattr(self._modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training":
            type(self).training.fset(self, value)  # type: ignore[attr-defined]
        elif name in _OWN:
            super().__setattr__(name, value)
        else:
            setattr(self._modules["_orig_mod"], name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._modules["_orig_mod"], name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _made, (self._modules["_orig_mod"], self._options)


def _made(module: Module, options: dict[str, Any]) -> OptimizedModule:
    return OptimizedModule(module, **options)
