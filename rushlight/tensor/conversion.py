"""Changing dtype and device, copying, pickling, printing, DLPack."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dtype import bfloat16, cpp_name, dtype
from ..ir import scalar, view
from ..ir.type import Type
from ..runtime import executor
from . import printing, sharing
from .geometry import contiguous_strides, require_cpu
from .grad_fn import grad_fn_name
from .promotion import Defaults
from .public import method, on_meta, public
from .storage import address
from .tensor import Tensor, adopt_numpy, alias, from_array, node_of, wrap


def _converted(op: str, tensor: Tensor, kind: dtype, always_copy: bool) -> Tensor:
    if kind is tensor.dtype and not always_copy:
        return tensor
    node = node_of(tensor)
    result = scalar.cast(node, dtype=kind)
    if result is node:
        result = view.identity(node)
    if result.tracked and result.label is None:
        result.label = "ToCopy"
    return wrap(result)


@method
def to(
    self: Tensor,
    *args: Any,
    dtype: dtype | None = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """The tensor in another dtype (and on the CPU, the only device); itself where nothing changes."""
    where: Any = device
    kind: Any = dtype
    for argument in args:
        if isinstance(argument, (dtypes.dtype, type)):
            kind = argument
        elif isinstance(argument, Tensor):
            kind = argument.dtype
        elif isinstance(argument, bool):
            continue
        elif argument is not None:
            where = argument
    if kind is not None and type(kind) is not dtypes.dtype:
        kind = dtypes.as_dtype(kind, "to")
    if where is not None and str(where) == "meta":
        return on_meta(self if kind is None else _converted("to", self, kind, False))
    require_cpu(where, "to")
    if where is not None:
        _require_elements(self)
    return _converted("to", self, kind or self.dtype, copy)


def _shorthand(name: str, kind: dtype) -> Any:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return _converted(name, self, kind, False)

    convert.__name__ = name
    convert.__doc__ = f"The tensor as {kind.name}."
    return convert


for _name, _kind in {
    "float": dtypes.float32,
    "double": dtypes.float64,
    "half": dtypes.float16,
    "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64,
    "int": dtypes.int32,
    "short": dtypes.int16,
    "char": dtypes.int8,
    "byte": dtypes.uint8,
    "bool": dtypes.bool_,
    "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}.items():
    method(_shorthand(_name, _kind))


@method
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in another's dtype."""
    return _converted("type_as", self, other.dtype, False)


@method
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself: it is on the CPU."""
    _require_elements(self)
    return self


def _require_elements(tensor: Tensor) -> None:
    if tensor.is_meta:
        raise NotImplementedError(
            "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving "
            "module from meta to a different device."
        )


@method
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """RuntimeError: there is no CUDA device in this version."""
    require_cpu("cuda" if device is None else device if not isinstance(device, int) else f"cuda:{device}", "cuda")
    return self


@method
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: without a GPU pinning has no meaning."""
    return self


@method
def is_pinned(self: Tensor, device: Any = None) -> bool:
    return False


@method
def get_device(self: Tensor) -> int:
    """-1: the CPU."""
    return -1


@public(out=False)
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one."""
    return input.dtype.is_floating_point


@public(out=False)
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.dtype.is_complex


@public(out=False)
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.dtype.is_signed


@public(out=False)
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not zero."""
    if input.numel() != 1:
        raise RuntimeError(
            f"Boolean value of Tensor with {'no values' if not input.numel() else 'more than one value'} is ambiguous"
        )
    return bool(input.item())


@public(out=False)
def is_inference(input: Tensor) -> bool:
    """False: tensors made in inference mode are ordinary ones here."""
    return False


@public(method=False, out=False)
def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


@public(method=False, out=False)
def typename(obj: Any) -> str:
    """What error texts call an object: a tensor "torch.FloatTensor", others by the dotted name of their class."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    home = kind.__module__.replace("rushlight.", "torch.", 1)  # as PyTorch's programs know our classes
    return kind.__qualname__ if home == "builtins" else f"{home}.{kind.__qualname__}"


@public(method=False, out=False)
def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


@public(out=False)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal."""
    return input.shape == other.shape


@public("Clone", out=False)
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugation is never pending here."""
    return input


@public("Clone", out=False)
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


@public(out=False)
def is_conj(input: Tensor) -> bool:
    """False: conjugation is never pending here."""
    return False


@method
def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Makes this handle read another tensor's or storage's memory, or the part of it that offset, size and strides say."""
    if source is not None and not isinstance(source, Tensor):
        source = source._whole
    if source is not None and size is not None:
        source = source.as_strided(tuple(size), stride or contiguous_strides(tuple(size)), storage_offset)
    if source is None:
        source = wrap(scalar.full(0, Type.of((0,), self.dtype)))
    if source.dtype is not self.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {cpp_name(source.dtype)} to a tensor of type {cpp_name(self.dtype)} — set_: convert one of "
            "them first, or assign to `.data`"
        )
    self.data = source
    return self


@method
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Gives the tensor another shape in place: elements kept in order, further ones zero."""
    shape = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(extent < 0 for extent in shape):
        raise RuntimeError(f"numel: integer multiplication overflow — resize_: negative extent in {list(shape)}")
    node = node_of(self)
    count = 1
    for extent in shape:
        count *= extent
    flat = view.reshape(node, (node.type.size,))
    if count <= node.type.size:
        flat = view.slice_(flat, (0,), (count,))
    else:
        flat = view.pad(flat, (0,), (count - node.type.size,))
    fresh = wrap(view.reshape(flat, shape))
    self._storage, self._steps, self._source, self._cached, self._geometry = fresh._storage, (), None, None, None
    return self


@method
def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to another tensor's shape."""
    return self.resize_(the_template.shape)  # type: ignore[attr-defined,no-any-return]


@method
def data_ptr(self: Tensor) -> int:
    """The address of the first element, 0 where there is none: handles on the same memory give the same, later elements further ones.

    It holds until the memory is written to: an in-place operation, and an optimizer's step, may put the new values elsewhere. PyTorch's
    stay where they are.
    """
    if self.is_meta:
        return 0
    return address(self._storage) + self.storage_offset() * self.dtype.itemsize if self.numel() else 0


@method
def is_shared(self: Tensor) -> bool:
    """Whether the memory is shared between processes."""
    return sharing.shared_file(self) is not None


@method
def share_memory_(self: Tensor) -> Tensor:
    """Moves the values into memory that other processes see too: children made by fork, and those to which the tensor is sent."""
    sharing.move(self)
    return self


# ---- copying ----


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Any:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were "
            "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    result = wrap(node_of(alias(self, Tensor)))
    if type(self) is not Tensor:
        result = result.as_subclass(type(self))
    if self.requires_grad:
        result.requires_grad = True
    memo[id(self)] = result
    if self._grad is not None:
        result._grad = copy.deepcopy(self._grad, memo)
    result.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return result


def rebuild(array: np.ndarray, kind: dtype, requires_grad: bool, cls: Any, attributes: dict[str, Any]) -> Any:
    """What pickle calls to make a tensor again."""
    result: Any = from_array(array, kind)
    if cls is not Tensor:
        result = result.as_subclass(cls)
    if requires_grad:
        result.requires_grad = True
    result.__dict__.update(attributes)
    return result


def _reduce(self: Tensor, protocol: int) -> Any:
    return rebuild, (
        np.ascontiguousarray(self._array()).reshape(tuple(self.shape)),
        self.dtype,
        self.requires_grad,
        type(self),
        dict(self.__dict__),
    )


Tensor.__deepcopy__ = _deepcopy  # type: ignore[attr-defined]
Tensor.__reduce_ex__ = _reduce  # type: ignore[assignment]

# ---- printing ----


def _repr(self: Tensor, *, tensor_contents: Any = None) -> str:
    leaf = self.is_leaf
    node = node_of(self)
    name = type(self).__name__
    return printing.format_tensor(
        None if self.is_meta else self._array(),
        self.dtype,
        shape=tuple(self.shape),
        device=self.device,
        grad_fn_name=None if leaf else grad_fn_name(node),
        requires_grad=self.requires_grad,
        is_leaf=leaf,
        class_name="tensor" if type(self) is Tensor else name,
        is_parameter=bool(self.__dict__.get("_is_param", False)) or name == "Parameter",
        default_dtype=Defaults.dtype,
    )


Tensor.__repr__ = _repr  # type: ignore[assignment]

# ---- NumPy's functions and Python's ----


def _array_wrap(self: Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
    """What NumPy's functions of tensors return: tensors, of bools as uint8 ones."""
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    return adopt_numpy(np.asarray(array))


Tensor.__array_wrap__ = _array_wrap  # type: ignore[attr-defined]


def _mapped(op: str, target: Tensor, others: tuple[Tensor, ...], function: Any) -> Tensor:
    if target.requires_grad:
        raise RuntimeError(f"Can't call {op}() on Variable that requires grad. Use var.detach().{op}() instead.")
    lists = [np.broadcast_to(other._decoded(), tuple(target.shape)).reshape(-1).tolist() for other in (target, *others)]
    values = np.array([function(*items) for items in zip(*lists, strict=True)]).reshape(tuple(target.shape))
    return target.copy_(adopt_numpy(values))  # type: ignore[attr-defined,no-any-return]


@method
def apply_(self: Tensor, callable: Any) -> Tensor:
    """Replaces each element by a Python function of it; slow."""
    return _mapped("apply_", self, (), callable)


@method
def map_(self: Tensor, tensor: Tensor, callable: Any) -> Tensor:
    """Replaces each element by a Python function of it and of another tensor's; slow."""
    if tensor.dtype is not self.dtype:
        raise TypeError(f"map_: expected {self.type()} for 'other' (got {tensor.type()})")  # type: ignore[attr-defined]
    return _mapped("map_", self, (tensor,), callable)


# ---- DLPack ----


def _dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
) -> Any:
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if self.dtype is bfloat16:
        raise BufferError("bfloat16 has no NumPy dtype to export through; convert to float32 first")
    return self.numpy().__dlpack__()


Tensor.__dlpack__ = _dlpack  # type: ignore[attr-defined]
Tensor.__dlpack_device__ = lambda self: (1, 0)  # type: ignore[attr-defined]


@public(method=False, out=False)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of any object with `__dlpack__`, or on a copy of it with `copy=True`."""
    require_cpu(device, "from_dlpack")
    made = _on_its_memory(ext_tensor)
    return made.clone() if copy else made  # type: ignore[attr-defined,no-any-return]


def _on_its_memory(ext_tensor: Any) -> Tensor:
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    elif not hasattr(ext_tensor, "__dlpack__"):
        raise RuntimeError(
            f"from_dlpack received an invalid capsule: a {type(ext_tensor).__name__}, which has no __dlpack__"
        )
    array = np.from_dlpack(ext_tensor)
    if array.flags.writeable:
        return adopt_numpy(array)
    return adopt_numpy(_writable(array))


class _Capsule:
    """What NumPy wants to see around a bare DLPack capsule."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the CPU


def _writable(array: np.ndarray) -> np.ndarray:
    """NumPy marks imported memory read-only where the producer did not say; DLPack memory is shared for writing."""
    interface = dict(array.__array_interface__)
    interface["data"] = (interface["data"][0], False)

    class _Holder:
        __array_interface__ = interface
        keep = array

    return np.asarray(_Holder())


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the tensor's memory."""
    return _dlpack(tensor)


def flush_pending() -> None:
    """Runs everything recorded so far; `optimizer.step` ends with it."""
    executor.flush()
