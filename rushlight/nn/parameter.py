"""Tensors that a module keeps: `Parameter` (learnt), `Buffer` (kept), and their uninitialized forms for lazy modules.

A parameter is a leaf tensor that requires grad and registers itself when it becomes an attribute of a `Module`.

>>> import rushlight as torch
>>> torch.nn.Parameter(torch.ones(2))
Parameter containing:
tensor([1., 1.], requires_grad=True)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ..dtype import dtype
from ..tensor import Size, Tensor, device, empty
from ..tensor.geometry import preserve_format
from ..tensor.tensor import disabled_torch_function


class Parameter(Tensor):
    """A tensor that a module learns.

    data: the values, any floating or complex dtype where `requires_grad` holds; None makes an empty tensor.
    The parameter shares memory with `data` but has no history.
    """

    __torch_function__ = staticmethod(disabled_torch_function)  # type: ignore[assignment]

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        source = empty(0) if data is None else data.detach()
        if requires_grad and not (source.is_floating_point() or source.is_complex()):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        return Tensor._make_subclass(cls, source, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.data.clone(memory_format=preserve_format), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable, tuple]:
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict())


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: OrderedDict) -> Parameter:
    """Makes a parameter from its pickled parts."""
    return Parameter(data, requires_grad)


class _BufferKind(type(Tensor)):
    """A buffer is a plain tensor with a mark, as in PyTorch, so `isinstance` looks for the mark."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return super().__instancecheck__(instance)


class Buffer(Tensor, metaclass=_BufferKind):
    """A tensor that becomes a buffer when it is set as an attribute of a module.

    persistent: whether it belongs to the module's `state_dict`.

    >>> import rushlight as torch
    >>> module = torch.nn.Module()
    >>> module.mean = torch.nn.Buffer(torch.zeros(1))
    >>> list(module.state_dict())
    ['mean']
    """

    __torch_function__ = staticmethod(disabled_torch_function)  # type: ignore[assignment]

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Tensor:
        source = empty(0) if data is None else data
        made = source.detach().requires_grad_(source.requires_grad)
        made._is_buffer = True
        made.persistent = persistent
        return made


_UNINITIALIZED = (
    "This error usually happens in `load_state_dict` when trying to load an uninitialized parameter into an "
    "initialized one. Call `forward` to initialize the parameters before accessing their attributes."
)
_USED_TOO_EARLY = (
    "This error happens when you are using a `LazyModule` or explicitly manipulating "
    "`torch.nn.parameter.{kind}` objects. When using LazyModules Call `forward` with a dummy batch to initialize "
    "the parameters before calling torch functions"
)
# What may be done with a tensor whose shape is not known yet.
_ALLOWED = frozenset(
    [
        "__class__",
        "__dict__",
        "__doc__",
        "__slots__",
        "__weakref__",
        "__init__",
        "__new__",
        "__setattr__",
        "__delattr__",
        "__getattribute__",
        "__reduce__",
        "__reduce_ex__",
        "__deepcopy__",
        "__hash__",
        "__eq__",
        "__ne__",
        "__repr__",
        "__str__",
        "__format__",
        "__dir__",
        "__sizeof__",
        "__setstate__",
        "__getstate__",
        "__init_subclass__",
        "__subclasshook__",
        "__module__",
        "__torch_function__",
        "materialize",
        "shape",
        "share_memory_",
        "cls_to_become",
        "_is_buffer",
        "persistent",
        "data",
        "grad",
        "requires_grad",
        "requires_grad_",
        "device",
        "dtype",
        "is_leaf",
        "grad_fn",
        "to",
        "cpu",
        "cuda",
        "half",
        "float",
        "double",
        "bfloat16",
        "short",
        "int",
        "long",
        "char",
        "byte",
        "bool",
        "type",
        "is_floating_point",
        "is_complex",
        "copy_",
        "detach",
        "size",
        "is_meta",
        "layout",
        "is_sparse",
        "backward_hooks",
        "_backward_hooks",
        "untyped_storage",
        "element_size",
        "is_cuda",
        "is_cpu",
    ]
)


class UninitializedTensorMixin:
    """What a tensor of unknown shape can do: be moved, converted, and given a shape by `materialize`."""

    cls_to_become: type

    def materialize(self, shape: Sequence[int], device: device | str | None = None, dtype: dtype | None = None) -> None:
        """Becomes an ordinary parameter or buffer of this shape, on this device, with values not set."""
        self.data = empty(shape, device=device or self.data.device, dtype=dtype or self.data.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Size:
        raise RuntimeError("Can't access the shape of an uninitialized parameter or buffer. " + _UNINITIALIZED)

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable, tuple]:
        return type(self), (self.requires_grad,)


def _refuse(name: str) -> Callable:
    """A method that says the tensor is not initialized, in place of the tensor's own method `name`."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {getattr(Tensor, name)}. "
            + _USED_TOO_EARLY.format(kind=type(self).__name__)
        )

    method.__name__ = name
    return method


class _Refusing:
    """Refuses every method of a tensor that computes, while there is no shape."""


@cache
def _refuse_all() -> None:
    """Fills `_Refusing`, once the first tensor without a shape is made: listing the methods loads all that add some."""
    for name in dir(Tensor):
        if name not in _ALLOWED and callable(getattr(Tensor, name)) and (name[0] != "_" or name.endswith("__")):
            setattr(_Refusing, name, _refuse(name))


class UninitializedParameter(UninitializedTensorMixin, _Refusing, Parameter):
    """A parameter whose shape is found at the first forward; see `LazyModuleMixin`."""

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: device | str | None = None, dtype: dtype | None = None
    ) -> UninitializedParameter:
        _refuse_all()
        return Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, _Refusing, Tensor):
    """A buffer whose shape is found at the first forward; see `LazyModuleMixin`."""

    cls_to_become = Tensor
    __torch_function__ = staticmethod(disabled_torch_function)  # type: ignore[assignment]

    def __new__(
        cls,
        requires_grad: bool = False,
        device: device | str | None = None,
        dtype: dtype | None = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        _refuse_all()
        made = Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedBuffer:
        if id(self) not in memo:
            memo[id(self)] = self._like(self.data)
        return memo[id(self)]

    def _like(self, converted: Tensor) -> UninitializedBuffer:
        return type(self)(self.requires_grad, converted.device, converted.dtype, self.persistent)


def _converted(name: str) -> Callable:
    """A conversion that gives an uninitialized buffer again."""

    def method(self: UninitializedBuffer, *args: Any, **kwargs: Any) -> Any:
        converted = getattr(self.data, name)(*args, **kwargs)
        return self._like(converted) if isinstance(converted, Tensor) else converted

    method.__name__ = name
    return method


for _name in ("to", "cpu", "cuda", "half", "float", "double", "bfloat16", "type"):
    setattr(UninitializedBuffer, _name, _converted(_name))


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)
