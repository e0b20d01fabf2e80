"""`torch.ops`: operators that programs add under a name, `torch.ops.namespace.name`; `torch.library` adds them.

An operator is a Python function of tensors. Where it was given a gradient it is an `autograd.Function`; one that was added by `custom_op`
has no gradient unless it is given one, as in PyTorch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from .absent import absent_function
from .autograd import Function
from .errors import NotThereYet
from .tensor import Tensor
from .tensor.public import functions
from .tensor.tree import flatten, unflatten

__all__ = ["OpOverload", "OpOverloadPacket", "ops"]

_ALIASES = (
    "{name}: The output of this custom operator (1) must not also be an input to this custom operator and (2) may not alias any inputs to "
    "this custom operator or other returns. The most common way to trigger this error is if we have y = custom_op(x) and y and x are the "
    "same Tensor. Please instead return a clone of the offending output tensor(s) (e.g. return x.clone()) or refactor the custom operator "
    "to not return y."
)


class OpOverload:
    """An operator with its functions, `torch.ops.namespace.name.default`."""

    def __init__(self, name: str, schema: str | None = None) -> None:
        self.namespace, _, self.short = name.partition("::")
        self.schema = schema
        self.kernels: dict[str, Callable[..., Any]] = {}  # by device, "default" for all
        self.fake: Callable[..., Any] | None = None
        self.backward: Callable[..., Any] | None = None
        self.setup_context: Callable[..., Any] | None = None
        self.opaque = False  # whether gradients go through it by `backward` alone
        self.__name__ = f"{self.short}.default"

    def name(self) -> str:
        """Its whole name."""
        return f"{self.namespace}::{self.short}"

    @property
    def _schema(self) -> str:
        if self.schema is None:
            raise NotThereYet(
                f"the schema of {self} is not in Rushlight yet: it was defined by a function; give custom_op a schema"
            )
        return self.name() + self.schema

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self.namespace}.{self.short}', overload='default')>"

    def __str__(self) -> str:
        return f"{self.namespace}.{self.short}.default"

    def kernel(self) -> Callable[..., Any]:
        """The function for the CPU; NotImplementedError where there is none."""
        found = self.kernels.get("cpu") or self.kernels.get("default")
        if found is None:
            own = ", ".join(sorted(self.kernels)) or "nothing"
            raise NotImplementedError(
                f"Could not run '{self.name()}' with arguments from the 'CPU' backend: it is implemented for {own}; add a function for "
                "it with torch.library.impl or register_kernel"
            )
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kernel = self.kernel()
        if not self.opaque and self.backward is None:
            return kernel(*args, **kwargs)
        try:
            bound = inspect.signature(kernel).bind(*args, **kwargs)
        except TypeError as error:
            raise RuntimeError(f"{self.name()}() {error}. Declaration: {self.name()}{self.schema or ''}") from None
        bound.apply_defaults()
        leaves, structure = flatten((bound.args, bound.kwargs))
        return _recorded(self).apply(structure, *leaves)


def _recorded(operator: OpOverload) -> Any:
    """The operator as a function with a gradient of its own; its arguments are flat."""

    def forward(ctx: Any, structure: Any, *leaves: Any) -> Any:
        args, kwargs = unflatten(leaves, structure)
        ctx.structure = structure
        result = operator.kernel()(*args, **kwargs)
        _refuse_aliases(operator, leaves, result)
        if operator.setup_context is not None:
            if kwargs:
                operator.setup_context(ctx=ctx, inputs=args, keyword_only_inputs=kwargs, output=result)
            else:
                operator.setup_context(ctx=ctx, inputs=args, output=result)
        return result

    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        if operator.backward is None:
            raise RuntimeError(
                f"Trying to backward through {operator} but no autograd formula was registered. Please use register_autograd to add one."
            )
        found = operator.backward(ctx, *gradients)
        given = found if isinstance(found, tuple) else (found,)
        return None, *_spread(operator, given, ctx.structure)

    name = f"GeneratedBackwardFor_{operator.namespace}_{operator.short}_default"
    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def _spread(operator: OpOverload, given: tuple[Any, ...], structure: Any) -> list[Any]:
    """Gradients of the positional arguments, nested as these, for all leaves."""
    positional, keywords = structure.parts
    if len(given) != len(positional.parts):
        raise RuntimeError(
            f"{operator}: the function registered by register_autograd gave {len(given)} gradients for {len(positional.parts)} arguments; "
            "give one for each, None for what has none"
        )
    flat: list[Any] = []
    for gradient, part in zip(given, positional.parts, strict=True):
        flat += [None] * part.leaves if gradient is None else flatten(gradient)[0]
    return flat + [None] * keywords.leaves


def _refuse_aliases(operator: OpOverload, leaves: tuple[Any, ...], result: Any) -> None:
    given = {id(leaf._storage) for leaf in leaves if isinstance(leaf, Tensor)}
    for each in flatten(result)[0]:
        if isinstance(each, Tensor):
            if id(each._storage) in given:
                raise RuntimeError(_ALIASES.format(name=operator.name()))
            given.add(id(each._storage))


class OpOverloadPacket:
    """`torch.ops.namespace.name`: an operator's overloads, of which there is one, `default`."""

    def __init__(self, operator: OpOverload) -> None:
        self.default = operator
        self.__name__ = operator.short

    def overloads(self) -> list[str]:
        """The names of the overloads."""
        return ["default"]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.default(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self.default.namespace}.{self.default.short}')>"

    def __str__(self) -> str:
        return f"{self.default.namespace}.{self.default.short}"


# Operators of PyTorch's own that are no public functions, and that packages name in tables.
_INNER = frozenset("_pin_memory _sparse_addmm _sparse_mm_reduce_impl _to_copy alias index slice".split())


class _AtenPacket(OpOverloadPacket):
    """`torch.ops.aten.name`: the public function; its overloads, by any of PyTorch's names for them, are that function."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__(OpOverload(f"aten::{name}"))
        self.default.kernels["default"] = function

    def __getattr__(self, overload: str) -> OpOverload:
        if overload.startswith("_"):
            raise AttributeError(f"the operator 'aten.{self.__name__}' has no overload '{overload}'")
        made = OpOverload(self.default.name())
        made.kernels, made.__name__ = self.default.kernels, f"{self.__name__}.{overload}"
        setattr(self, overload, made)
        return made


def _aten(name: str) -> _AtenPacket | None:
    """The packet of a public function, or of a method; of an inner operator one that raises when it is called."""
    found = functions.get(name) or vars(Tensor).get(name)
    if found is None and name in _INNER:
        found = absent_function(f"torch.ops.aten.{name}", "call the public function")
    return None if found is None else _AtenPacket(name, found)


_PYTORCHS = frozenset("aten prim prims quantized mkldnn onednn higher_order torchvision _c10d_functional".split())


class _OpNamespace(ModuleType):
    """The operators of one namespace."""

    def __init__(self, name: str) -> None:
        super().__init__(f"torch.ops.{name}")
        self._short = name

    def __getattr__(self, name: str) -> Any:
        short = self.__dict__["_short"]
        packet = _aten(name) if short == "aten" else None
        if packet is not None:
            setattr(self, name, packet)
            return packet
        if short in _PYTORCHS and not name.startswith("__"):
            raise NotThereYet(f"torch.ops.{short}.{name} is not in Rushlight yet; call the public function")
        raise AttributeError(f"'_OpNamespace' '{short}' object has no attribute '{name}'")


class _Ops(ModuleType):
    """`torch.ops`."""

    def __init__(self) -> None:
        super().__init__("torch.ops")
        self.loaded_libraries: set[str] = set()

    def __getattr__(self, name: str) -> _OpNamespace:
        if name.startswith("__"):
            raise AttributeError(f"module 'torch.ops' has no attribute '{name}'")
        made = _OpNamespace(name)
        setattr(self, name, made)
        return made

    def load_library(self, path: Any) -> NoReturn:
        """OSError: a library compiled for PyTorch calls PyTorch's own C++, which is not here."""
        raise OSError(f"Could not load this library: {path} — it is compiled for PyTorch, whose C++ Rushlight has not")


ops = _Ops()


def find(name: str) -> OpOverload:
    """The operator of a whole name; RuntimeError where there is none."""
    namespace, _, short = name.partition("::")
    packet = vars(getattr(ops, namespace)).get(short)
    if not isinstance(packet, OpOverloadPacket):
        raise RuntimeError(f"operator {name} does not exist — define it with torch.library.custom_op or define")
    return packet.default


def add(name: str, schema: str | None) -> OpOverload:
    """A new operator; what had the name before is replaced. ValueError for a name without a namespace."""
    namespace, _, short = name.partition("::")
    if not namespace or not short or "::" in short:
        raise ValueError(f"the name of an operator is 'namespace::name', got {name!r}")
    operator = OpOverload(name, schema)
    setattr(getattr(ops, namespace), short, OpOverloadPacket(operator))
    return operator
