"""`public`: makes a plain function a name of the interface.

    @public("Mul", inplace=True)
    def mul(input: Tensor, other: Tensor | Number) -> Tensor: ...

gives `rushlight.mul`, `Tensor.mul`, `Tensor.mul_` and `out=`, and names the gradient function (`MulBackward0`).
Names go to the table `functions`; `rushlight/__init__.py` takes them from there.
"""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

from ..dtype import as_dtype, bool_, can_cast, cpp_name, dtype, scalar_name
from ..errors import InternalError
from ..ir import scalar, view
from ..ir.graph import Node, meta_node, mode
from ..ir.type import Type
from ..runtime import executor
from .arguments import FAILED, second_answer
from .casting import casting
from .layouts import OtherLayout, elsewhere, for_all_layouts
from .tensor import Tensor, levels, node_of, wrap
from .views import Expand, Strided
from .writing import data_writes, put_at, remember, write_at_once

Function = TypeVar("Function", bound=Callable[..., Any])
functions: dict[str, Callable[..., Any]] = {}


def _labelled(function: Callable[..., Any], label: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if mode.depth:  # only the outermost public function names the gradient function
            try:
                return function(*args, **kwargs)
            except OtherLayout as met:
                return elsewhere(function, met, args, kwargs)
        mode.depth = 1
        try:
            result = function(*args, **kwargs)
        except OtherLayout as met:
            result = elsewhere(function, met, args, kwargs)
        except Exception as error:
            result = second_answer(function, args, kwargs, error, outermost=True)
            if result is FAILED:
                raise
        finally:
            mode.depth = 0
        if mode.tracking:
            name(result, label)
        return result

    return call


def _taking_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function without a label, with PyTorch's words for what is not a tensor."""
    if "Tensor" not in [kind for name, kind in function.__annotations__.items() if name != "return"]:
        return for_all_layouts(function) if function.__code__.co_varnames[:1] == ("input",) else function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except OtherLayout as met:
            return elsewhere(function, met, args, kwargs)
        except Exception as error:
            result = second_answer(function, args, kwargs, error, outermost=not mode.depth)
            if result is FAILED:
                raise
            return result

    return call


def _taking_types(function: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """The function with `dtype=float` and its kind taken as dtypes, where the plain one that it calls has such an argument.

    Read from its code: signatures made by `inspect` would be a fifth of the time that importing the package takes.
    """
    code: CodeType = plain.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if "dtype" in names:
        if not plain.__annotations__.get("dtype", "").startswith("dtype"):
            return function
    elif not code.co_flags & inspect.CO_VARKEYWORDS:
        return function
    positional = names[: code.co_argcount]
    place = positional.index("dtype") if "dtype" in positional else sys.maxsize
    own = function.__name__.removesuffix("_")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        kind = kwargs.get("dtype")
        if kind is not None and type(kind) is not dtype:
            kwargs["dtype"] = as_dtype(kind, own)
        elif len(args) > place and args[place] is not None and type(args[place]) is not dtype:
            args = (*args[:place], as_dtype(args[place], own), *args[place + 1 :])
        return function(*args, **kwargs)

    return call


# Functions that make tensors and take `device` among keywords that their code does not name.
_MAKING = frozenset(
    "zeros ones empty empty_strided empty_permuted new_zeros new_ones new_empty new_full new_empty_strided randint_like".split()
)


def _taking_devices(function: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a factory that makes tensors on the device "meta" where that is asked for, or where the tensor that it is like is."""
    code: CodeType = plain.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if "device" not in names and plain.__name__ not in _MAKING:
        return function
    positional = names[: code.co_argcount]
    place = positional.index("device") if "device" in positional else sys.maxsize

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        where = args[place] if len(args) > place else kwargs.get("device")
        if where is None:
            if mode.device is None:
                if not (args and isinstance(args[0], Tensor) and args[0].is_meta):
                    return function(*args, **kwargs)
            elif mode.depth or mode.device is WITHOUT_ELEMENTS:
                return function(*args, **kwargs)
        elif str(where) != "meta":
            former, mode.device = mode.device, None
            try:
                return function(*args, **kwargs)
            finally:
                mode.device = former
        if where is not None and len(args) > place:
            args = (*args[:place], None, *args[place + 1 :])
        kwargs.pop("device", None)
        former, mode.device = mode.device, WITHOUT_ELEMENTS
        try:
            made = function(*args, **kwargs)
        finally:
            mode.device = former
        return on_meta(made)

    return call


# `mode.device` while a factory makes a tensor of which only shape and dtype will be kept: nothing is drawn.
WITHOUT_ELEMENTS = object()


def on_meta(tensor: Tensor) -> Tensor:
    """A tensor of the same shape and dtype without elements."""
    made = wrap(meta_node(tensor._type()))
    made.requires_grad = tensor.requires_grad
    return made


def name(result: Any, label: str) -> None:
    """Names the gradient function of a result, or of each of several."""
    if isinstance(result, Tensor):
        try:
            node = result._storage.node
        except OtherLayout:
            result.set_label(label)  # type: ignore[attr-defined]
            return
        if node.tracked and node.label is None and not result._steps:
            node.label = label
        if mode.anomaly and node.tracked:
            node.sided().forward_line = "".join(traceback.format_stack()[:-2])
    elif isinstance(result, (tuple, list)):
        for part in result:
            name(part, label)


def with_out(function: Callable[..., Any], of_its_dtype: bool) -> Callable[..., Any]:
    """The function with `out=`."""

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                result = second_answer(function, args, kwargs, error, outermost=not mode.depth)
                if result is FAILED:
                    raise
                return result
        if of_its_dtype and isinstance(out, Tensor):
            kwargs.setdefault("dtype", out.dtype)
        return write_out(function.__name__, out, function(*args, **kwargs))

    return call


def write_out(op: str, out: Any, result: Any) -> Any:
    """Puts a result into `out=`; resizes an `out` of another shape, as PyTorch does."""
    if isinstance(out, (tuple, list)):
        if len(out) != len(result):
            raise TypeError(f"expected tuple of {len(result)} elements but got {len(out)} — {op}(out=)")
        for target, part in zip(out, result, strict=True):
            if isinstance(target, Tensor) and target.dtype is not part.dtype:
                kinds = cpp_name(part.dtype), cpp_name(target.dtype)
                raise RuntimeError("Expected out tensor to have dtype {}, but got {} instead".format(*kinds))
        for target, part in zip(out, result, strict=True):
            write_out(op, target, part)
        return type(result)(*out) if hasattr(result, "_fields") else type(result)(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"{op}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if mode.tracking and (out.requires_grad or result.requires_grad):
        raise RuntimeError(
            f"{op}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )
    if not can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {scalar_name(result.dtype)} can't be cast to the desired output type {scalar_name(out.dtype)} — {op}(out=)"
        )
    node = scalar.cast(node_of(result), dtype=out.dtype)
    if out.shape == result.shape:
        assign(op, out, node)
    else:
        out._storage.replace(node)
        out._steps, out._geometry = (), None
    executor.settle()
    return out


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        try:
            return store(call.__name__, self, function(self, *args, **kwargs))
        except OtherLayout as met:
            return met.tensor.instead(call.__name__, (self, *args), kwargs)  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = function.__name__ + "_"
    call.__doc__ = f"In-place form of `{function.__name__}`."
    return call


def store(op: str, target: Tensor, result: Tensor) -> Tensor:
    """Makes `result` the value of `target`, as an in-place op does."""
    if result._type() is target._type():
        assign(op, target, node_of(result))
        return target
    if result.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)} — {op}"
        )
    if result.dtype is not target.dtype and not can_cast(result.dtype, target.dtype):
        raise RuntimeError(
            f"result type {scalar_name(result.dtype)} can't be cast to the desired output type {scalar_name(target.dtype)} — {op}"
        )
    assign(op, target, scalar.cast(node_of(result), dtype=target.dtype))
    return target


def assign(op: str, target: Tensor, value: Node) -> None:
    """Rebinds the target's storage so that the target reads `value`: the write goes back through its view steps."""
    source = target._source
    if source is not None and source.leaf is not None and mode.tracking:
        kind = "a view of a leaf Variable" if target._steps else "a leaf Variable"
        raise RuntimeError(f"{kind} that requires grad is being used in an in-place operation. — {op}")
    storage = target._storage
    if value.type.shape != target._type().shape:
        raise InternalError(f"{op}: assigned {value.type!r} to {target._type()!r}")
    if target._steps and write_at_once(target, value):
        executor.settle()
        return
    old = storage.node
    if old.type.meta:
        value = meta_node(value.type)  # type: ignore[arg-type]
    elif value.type.meta:
        raise value.missing()
    put, written, before = put_at(target, value) if target._steps else None, value, data_writes(storage)
    if not target._steps:
        pass
    elif put is not None:
        value = put
    elif any(isinstance(step, (Expand, Strided)) for step in target._steps) and not _other_units(target):
        value = _write_places(op, target, value)
    else:
        along = levels(target)
        for step, base in zip(reversed(target._steps), reversed(along[:-1]), strict=True):
            value = step.write(base, value)
        if value.tracked:
            value.label = "CopySlices"
    behind = not mode.tracking or (source is not None and source.detached)
    if behind and value.tracked:  # what `copy_` reads of a leaf
        value = view.stop(value)
    if old.tracked and (behind or not value.tracked):
        value = _graft(value, old) if behind else overwritten(value, old)
    elif value is old:
        storage.touch()
        return
    if old.side is not None and old.side.retain is not None:  # what keeps its gradient keeps that of its new value
        value.sided().retain, old.side.retain = old.side.retain, None
    storage.rebind(value)
    if put is not None:
        remember(target, written, before)
    executor.settle()


def _other_units(target: Tensor) -> bool:
    """Whether the view's elements are not those of its storage."""
    return target.dtype is not target._storage.node.type.dtype


def _write_places(op: str, target: Tensor, value: Node) -> Node:
    """The storage's value after a write through a view some step of which has elements that share a place.

    A step alone could not tell which of them was written. An expanded axis may not be left in the target.
    """
    shape, strides = tuple(target.shape), target.stride()
    repeated = any(extent > 1 and stride == 0 for extent, stride in zip(shape, strides, strict=True))
    if repeated and target.numel():
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            f"Please clone() the tensor before performing the operation. — {op}"
        )
    return Strided(shape, strides, target.storage_offset()).write(target._storage.node, value)


def overwritten(value: Node, old: Node) -> Node:
    """The value, which has nothing of the old one, as a result that requires grad: what flows back is zero."""
    return scalar.select(scalar.full(False, Type.of(old.type.shape, bool_)), old, value)


def _graft(value: Node, old: Node) -> Node:
    tracking, mode.tracking = mode.tracking, True
    grafted = view.graft(value, old)
    mode.tracking = tracking
    grafted.label = old.label
    return grafted


def public(
    label: str | None = None,
    *,
    function: bool = True,
    method: bool = True,
    inplace: bool = False,
    out: bool | str = True,
    alias: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Registers a function under its own name and each alias; a trailing underscore that avoids a builtin is dropped.

    `out="dtype"`: what is computed takes the dtype of the `out` given, as factories and cumulative sums do.
    """

    def decorate(plain: Function) -> Function:
        named: Any = _taking_types(_labelled(plain, label) if label else _taking_tensors(plain), plain)
        named = _taking_devices(named, plain)
        own = plain.__name__.removesuffix("_")
        for each in (own, *alias):
            register(each, casting(own, with_out(named, out == "dtype") if out else named), function, method)
            if inplace:
                register(each + "_", _in_place(named), function=each == own and function, method=True)
        return casting(own, named)  # type: ignore[return-value]

    return decorate


def register(own: str, call: Callable[..., Any], function: bool, method: bool) -> None:
    """Puts a callable under a name in the namespace and on Tensor."""
    if function:
        if own in functions:
            raise InternalError(f"rushlight.{own} is defined twice")
        functions[own] = call
    if method:
        setattr(Tensor, own, call)


def method(plain: Function) -> Function:
    """A method of Tensor alone."""
    setattr(Tensor, plain.__name__, plain)
    return plain
