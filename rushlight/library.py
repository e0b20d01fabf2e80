"""`torch.library`: adds operators under a name, which `torch.ops` then has.

`custom_op` makes one of a function; `define` and `impl`, or a `Library`, do it in two steps. Only functions for the CPU are ever called;
functions for other devices, and those that tell shapes to a tracer (`register_fake`), are kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import _ops
from ._ops import OpOverload
from .absent import absent_function
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

# PyTorch's dispatch keys for functions that serve every device.
_EVERY = ("", "default", "CompositeExplicitAutograd", "CompositeImplicitAutograd")


class CustomOpDef:
    """An operator made by `custom_op`."""

    def __init__(self, operator: OpOverload) -> None:
        self._operator = operator
        self._opoverload = operator

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._operator(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._operator.name()})>"

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Keeps a function that tells the results' shapes; `fn` again, as a decorator should."""
        self._operator.fake = fn
        return fn

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Gives it a gradient: `backward(ctx, *gradients)`; `setup_context(ctx, inputs, output)` runs after the forward and keeps what that needs."""
        self._operator.backward, self._operator.setup_context = backward, setup_context

    def register_kernel(self, device_types: Any, fn: Callable[..., Any] | None = None, /) -> Any:
        """Another function for some devices; without `fn`, a decorator."""
        return register_kernel(self._operator, device_types, fn)


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: str | Sequence[str] | None = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Makes an operator of a function; without `fn`, a decorator.

    name: "namespace::name". mutates_args: the arguments that it writes to. Results must not be arguments or share memory with them.
    Without `schema` the parameters must have type annotations (ValueError). It has no gradient until `register_autograd` gives it one.

    >>> import rushlight as torch
    >>> @torch.library.custom_op("example::double", mutates_args=())
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> double.register_autograd(lambda ctx, g: g * 2)
    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.ops.example.double(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def make(function: Callable[..., Any]) -> CustomOpDef:
        if schema is None:
            _require_annotations(function)
        operator = _ops.add(name, schema)
        operator.opaque = True
        register_kernel(operator, device_types, function)
        return CustomOpDef(operator)

    return make if fn is None else make(fn)


def _require_annotations(function: Callable[..., Any]) -> None:
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.annotation is inspect.Parameter.empty:
            raise ValueError(
                f"infer_schema(func): Parameter {parameter.name} must have a type annotation. Got func with signature {signature})"
            )


class Library:
    """Operators of one namespace. kind: "DEF" or "FRAGMENT" to define them, "IMPL" to give functions to those of others."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("DEF", "FRAGMENT", "IMPL"):
            raise ValueError(f"Unsupported kind: {kind}")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Declares an operator, "name(Tensor x) -> Tensor"; its name."""
        short, bracket, rest = schema.partition("(")
        _ops.add(f"{self.ns}::{short.strip()}", bracket + rest)
        return short.strip()

    def impl(
        self,
        op_name: Any,
        fn: Callable[..., Any],
        dispatch_key: str = "",
        *,
        with_keyset: bool = False,
        allow_override: bool = True,
    ) -> None:
        """Gives an operator a function for a device, by PyTorch's dispatch key."""
        short = op_name.short if isinstance(op_name, OpOverload) else op_name.rpartition("::")[2]
        _implement(_ops.find(f"{self.ns}::{short}"), dispatch_key or self.dispatch_key, fn)


def _implement(operator: OpOverload, key: str, fn: Callable[..., Any]) -> None:
    if key.startswith("Autograd"):
        raise NotThereYet(
            f"torch.library: a function for the dispatch key {key!r} is not in Rushlight yet; use torch.library.register_autograd"
        )
    if key == "Meta":
        operator.fake = fn
    else:
        operator.kernels["default" if key in _EVERY else key.lower()] = fn


def define(qualname: str, schema: str, *, lib: Library | None = None, tags: Any = ()) -> None:
    """Declares an operator by its whole name and "(Tensor x) -> Tensor"."""
    _ops.add(qualname if lib is None else f"{lib.ns}::{qualname.rpartition('::')[2]}", schema)


def impl(
    qualname: str, types: str | Sequence[str], func: Callable[..., Any] | None = None, *, lib: Library | None = None
) -> Any:
    """Gives an operator a function for devices or dispatch keys, "default" for all; without `func`, a decorator."""
    operator = _ops.find(qualname)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for key in [types] if isinstance(types, str) else types:
            _implement(operator, key, function)
        return function

    return register if func is None else register(func)


def _operator(op: Any) -> OpOverload:
    """The operator that is meant by its name, by itself or by what `custom_op` made."""
    if isinstance(op, str):
        return _ops.find(op)
    found = getattr(op, "_operator", op)
    if not isinstance(found, OpOverload):
        raise ValueError(f"an operator, its name, or what custom_op made is expected, not {type(op).__name__}")
    return found


def register_kernel(op: Any, device_types: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """Gives an operator a function for devices (None: all); without `func`, a decorator."""
    operator = _operator(op)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for kind in [device_types] if device_types is None or isinstance(device_types, str) else device_types:
            operator.kernels["default" if kind is None else kind] = function
        return function

    return register if func is None else register(func)


def register_fake(
    op: Any,
    func: Callable[..., Any] | None = None,
    /,
    *,
    lib: Any = None,
    _stacklevel: int = 1,
    allow_override: bool = True,
) -> Any:
    """Keeps a function that tells the shapes of an operator's results; without `func`, a decorator. Nothing here asks it: operators run as they are."""
    operator = _operator(op)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        operator.fake = function
        return function

    return register if func is None else register(func)


impl_abstract = register_fake


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None, lib: Any = None
) -> None:
    """Gives an operator a gradient: `backward(ctx, *gradients)` returns one for each argument; `setup_context(ctx, inputs, output)` keeps what it needs."""
    operator = _operator(op)
    operator.backward, operator.setup_context = backward, setup_context


_INSTEAD = "write a function of tensors, or a torch.autograd.Function where it has a gradient of its own"

get_ctx = absent_function("torch.library.get_ctx", _INSTEAD)
opcheck = absent_function("torch.library.opcheck", "compare the operator with a plain function in a test")
register_autocast = absent_function("torch.library.register_autocast", "cast in the operator")
register_torch_dispatch = absent_function("torch.library.register_torch_dispatch", _INSTEAD)
register_vmap = absent_function("torch.library.register_vmap", "an operator is batched like any function")
triton_op = absent_function("torch.library.triton_op", _INSTEAD)
wrap_triton = absent_function("torch.library.wrap_triton", _INSTEAD)
