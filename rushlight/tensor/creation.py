"""Tensors from data and shapes."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dtype import (
    FLOATING,
    INTEGER,
    bfloat16,
    bool_,
    decode,
    dtype,
    encode,
    float64,
    from_numpy_dtype,
    int64,
    uint64,
)
from ..ir import scalar
from ..ir.graph import meta_node, mode
from ..ir.type import Type
from .geometry import Size, require_cpu, require_strided, strided
from .promotion import Defaults, check_number, is_number, number_dtype
from .public import WITHOUT_ELEMENTS, public, scalar_name
from .tensor import Late, Tensor, adopt_numpy, alias, from_array, from_values, importable, node_of, wrap

# ---- from data ----


def _finish(result: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad:
        if result.dtype.category < FLOATING:
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        result.requires_grad = True
    return result


def _nested(data: Any, want: dtype | None, name: str) -> tuple[np.ndarray, dtype]:
    """A nested list of numbers (and one-element tensors) as an array, in the dtype wanted or else the one inferred."""
    shape = _nested_shape(data)
    flat: list[Any] = []
    _collect(data, shape, 0, flat)
    kind = _common_dtype(flat, want)
    values = [_plain(item) if isinstance(item, Tensor) else item for item in flat]
    target = want or kind
    if target.category < kind.category and kind.is_complex and target is not bool_:
        given = "must be real number, not complex" if target.is_floating_point else _NOT_INTEGER.format("complex")
        raise TypeError(f"{given} — {name}(dtype={target!r})")
    # Python's floats are doubles; what they are to become is decided later.
    wide = np.dtype("c16" if kind.is_complex else "f8" if kind.is_floating_point else kind.storage)
    if kind is int64 and any(isinstance(v, int) and not -(2**63) <= v < 2**63 for v in values):
        if target.category == INTEGER and target is not uint64:
            raise ValueError("Overflow when unpacking long long")
        wide = np.dtype({bool_: "?", uint64: "u8"}.get(target, "f8"))
        values = [bool(v) for v in values] if target is bool_ else values
    array = np.array(values, dtype=wide).reshape(shape)
    if want is not None and want.category == INTEGER and wide.kind in "iufc":
        limits = np.iinfo(want.storage)
        least = limits.min if want.is_signed else -int(limits.max)  # negative ones wrap in unsigned dtypes
        if not bool(np.all((array >= least) & (array <= limits.max))):
            raise RuntimeError(f"value cannot be converted to type {want.name} without overflow")
    return array, kind


_NOT_INTEGER = "'{}' object cannot be interpreted as an integer"


def _plain(item: Tensor) -> Any:
    """The Python number of a one-element tensor in a list."""
    if item.numel() == 1:
        return item.item()
    if item.dtype.category < FLOATING:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    raise ValueError("only one element tensors can be converted to Python scalars")


def _common_dtype(flat: list[Any], want: dtype | None) -> dtype:
    """The dtype that the items promote to; the default one where there are none."""
    types = set(map(type, flat))
    if types <= {bool, int, float, complex}:
        found = [number_dtype(plain(0)) for plain in types]
    else:
        found = [item.dtype if isinstance(item, Tensor) else _element_dtype(item, want) for item in flat]
    if not found:
        return Defaults.dtype
    return functools.reduce(dtypes.promote_types, found)


def _element_dtype(item: Any, want: dtype | None) -> dtype:
    if isinstance(item, np.generic):
        known = from_numpy_dtype(item.dtype)
        if known is not None:
            return known
    if isinstance(item, (bool, int, float, complex)):
        return number_dtype(item)
    what = type(item).__name__
    if isinstance(item, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{what}'")
    if want is None:
        raise RuntimeError(f"Could not infer dtype of {what}")
    if hasattr(item, "__index__"):
        return int64
    if hasattr(item, "__float__"):
        return float64
    raise TypeError(_NOT_INTEGER.format(what) if want.category < FLOATING else f"must be real number, not {what}")


def is_sequence(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return True
    if isinstance(data, np.ndarray):
        return bool(data.ndim)
    return (
        hasattr(data, "__len__")
        and hasattr(data, "__getitem__")
        and not isinstance(data, (Tensor, str, bytes, dict, np.generic))
    )


def _nested_shape(data: Any) -> tuple[int, ...]:
    """The shape that the first item of each level gives."""
    shape: list[int] = []
    while is_sequence(data):
        shape.append(len(data))
        if not shape[-1]:
            break
        data = data[0]
        if isinstance(data, str) or len(shape) > 128:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
    return tuple(shape)


def _collect(data: Any, shape: tuple[int, ...], depth: int, flat: list[Any]) -> None:
    """Appends the items of a nested list of that shape."""
    if depth == len(shape):
        flat.append(data)
        return
    if not is_sequence(data):
        raise TypeError(f"not a sequence: expected one of length {shape[depth]} at dim {depth} (got {data!r})")
    if not shape[depth]:
        return
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if depth < len(shape) - 1:
        for item in data:
            _collect(item, shape, depth + 1, flat)
        return
    for item in data:
        if isinstance(item, (list, tuple)):
            what = type(item).__name__
            real = isinstance(data[0], float)
            raise TypeError(f"must be real number, not {what}" if real else _NOT_INTEGER.format(what))
    flat.extend(data)


def to_dtype_array(array: np.ndarray, have: dtype, want: dtype) -> np.ndarray:
    """An array in memory form converted to another dtype's memory form."""
    with np.errstate(all="ignore"):
        return encode(scalar._cast_eval(Type.of(array.shape, want), decode(array, have), dtype=want), want)


def _from_data(data: Any, kind: dtype | None, name: str) -> Tensor:
    if isinstance(data, Tensor):
        made = wrap(scalar.cast(node_of(data.detach()), dtype=kind or data.dtype))
        return made
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
        have = importable(array)
        array = np.array(array, dtype=have.storage, order="C")
        return from_array(to_dtype_array(array, have, kind) if kind and kind is not have else array, kind or have)
    array, inferred = _nested(data, kind, name)
    want = kind or inferred
    with np.errstate(all="ignore"):
        return from_values(scalar._cast_eval(Type.of(array.shape, want), array, dtype=want), want)


@public(method=False, out=False)
def tensor(
    data: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of the data: numbers, nested lists, NumPy arrays.

    >>> import rushlight as torch
    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    require_cpu(device, "tensor")
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            stacklevel=3,
        )
    return _finish(_from_data(data, dtype, "tensor"), requires_grad)


@public(method=False, out=False)
def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """The data as a tensor, without a copy where it is a tensor or a NumPy array of that dtype."""
    require_cpu(device, "as_tensor")
    if isinstance(data, Tensor):
        return data if dtype is None or dtype is data.dtype else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or from_numpy_dtype(data.dtype) is dtype):
        return from_numpy(data)
    return _from_data(data, dtype, "as_tensor")


@public(method=False, out=False)
def asarray(
    obj: Any,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """`as_tensor` with a say on copying; the elements of a storage are not copied either."""
    obj = getattr(obj, "_whole", obj)
    if isinstance(obj, (bytes, bytearray, memoryview)):
        made = frombuffer(obj, dtype=dtype or Defaults.dtype)
    else:
        made = as_tensor(obj, dtype, device)
    if copy is False:
        if not isinstance(obj, (Tensor, np.ndarray, bytes, bytearray, memoryview)):
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        have = obj.dtype if isinstance(obj, Tensor) else from_numpy_dtype(getattr(obj, "dtype", made.dtype.storage))
        if made.dtype not in (have, bfloat16):
            raise ValueError(
                f"can't alias tensor with dtype '{scalar_name(have or made.dtype)}' into dtype '{scalar_name(made.dtype)}'."
            )
    if copy:
        made = made.clone()
    return _finish(made.detach() if requires_grad is False and made.requires_grad else made, bool(requires_grad))


@public(method=False, out=False)
def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares memory with a NumPy array: each sees what the other writes."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.flags.writeable:
        warnings.warn("The given NumPy array is not writable; writing to the tensor will fail.", stacklevel=2)
    return adopt_numpy(ndarray)


@public(method=False, out=False)
def frombuffer(buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A one-dimensional tensor that shares memory with a bytes-like object."""
    try:
        size = len(memoryview(buffer).cast("B"))
    except TypeError:
        raise ValueError(f"object does not implement Python buffer protocol. — got {type(buffer).__name__}") from None
    if count == 0 or size == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset must be non-negative and no greater than buffer length ({size}) minus 1, but got {offset}"
        )
    array = np.frombuffer(buffer, dtype.storage, count, offset)
    made = from_array(array.copy(), bfloat16) if dtype is bfloat16 else adopt_numpy(array)
    return _finish(made, requires_grad)


# ---- from a shape ----


def shape_of(sizes: tuple[Any, ...], name: str) -> tuple[int, ...]:
    """A shape given as several ints or as one sequence."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    found = []
    for place, size in enumerate(sizes):
        if not hasattr(size, "__index__") or isinstance(size, bool):
            raise TypeError(
                f"{name}(): argument 'size' must be tuple of ints, but found element of type {type(size).__name__} at pos {place}"
            )
        extent = size.__index__()
        if extent < 0:
            if name == "zeros":
                raise RuntimeError(f"zeros: Dimension size must be non-negative. — got {list(sizes)}")
            raise RuntimeError(f"Trying to create tensor with negative dimension {extent}: {list(sizes)}")
        found.append(extent)
    return tuple(found)


def _constant(
    value: Any, shape: tuple[int, ...], kind: dtype | None, device: Any, requires_grad: bool, name: str
) -> Tensor:
    require_cpu(device, name)
    type = Type.of(shape, kind or Defaults.dtype)
    node = meta_node(type) if mode.device is WITHOUT_ELEMENTS else scalar.full(value, type)
    return _finish(wrap(node), requires_grad)


def _filled(name: str, value: int, text: str) -> Any:
    def make(
        *size: Any,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        if layout not in (None, strided):
            return Late.sparse().construction.filled(name, shape_of(size or ((),), name), dtype, layout, requires_grad)  # type: ignore[no-any-return]
        return _constant(value, shape_of(size or ((),), name), dtype, device, requires_grad, name)

    def make_any(*size: Any, **options: Any) -> Tensor:
        if "size" in options:
            size = (options.pop("size"),)
        return make(*size, **options)

    make.__qualname__ = make_any.__name__ = name
    make_any.__doc__ = text
    return make_any


zeros = public(method=False, out="dtype")(_filled("zeros", 0, "A tensor of zeros."))
ones = public(method=False, out="dtype")(_filled("ones", 1, "A tensor of ones."))
empty = public(method=False, out="dtype")(_filled("empty", 0, "A tensor whose elements do not matter (here: zeros)."))


@public(method=False, out="dtype")
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with one value everywhere."""
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    require_strided(layout, "full")
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    kind = dtype or number_dtype(fill_value)
    return _constant(check_number(fill_value, kind), shape_of((size,), "full"), kind, device, requires_grad, "full")


def _like(name: str, value: Any, text: str) -> Any:
    def make(
        input: Tensor,
        *,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
        pin_memory: bool = False,
    ) -> Tensor:
        like = layout or input.layout
        if like is not strided:
            return Late.sparse().construction.filled_like(name, input, dtype or input.dtype, like, requires_grad)  # type: ignore[no-any-return]
        return _constant(value, tuple(input.shape), dtype or input.dtype, device, requires_grad, name)

    make.__name__ = name
    make.__doc__ = text
    return make


zeros_like = public(method=False, out=False)(_like("zeros_like", 0, "Zeros in the shape and dtype of another tensor."))
ones_like = public(method=False, out=False)(_like("ones_like", 1, "Ones in the shape and dtype of another tensor."))
empty_like = public(method=False, out=False)(
    _like("empty_like", 0, "A tensor of another's shape and dtype, elements undefined.")
)


@public(method=False, out=False)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """One value everywhere, in the shape and dtype of another tensor."""
    require_strided(layout or input.layout, "full_like")
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    return _constant(
        check_number(fill_value, dtype or input.dtype),
        tuple(input.shape),
        dtype or input.dtype,
        device,
        requires_grad,
        "full_like",
    )


@public(method=False, out=False)
def empty_strided(size: Any, stride: Any, **options: Any) -> Tensor:
    """An undefined tensor of the given shape and strides."""
    shape = shape_of((size,), "empty_strided")
    if len(shape) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(stride)})"
        )
    room = 1 + sum((extent - 1) * step for extent, step in zip(shape, stride, strict=True)) if 0 not in shape else 0
    return empty(room, **options).as_strided(shape, tuple(stride))


@public(method=False, out=False)
def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Tensor:
    """An undefined tensor whose axes lie in memory in the order `physical_layout`."""
    shape, order = shape_of((size,), "empty_permuted"), tuple(physical_layout)
    if sorted(order) != list(range(len(shape))):
        raise RuntimeError(f"empty_permuted: physical_layout {order} is no order of the axes of size {shape}")
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return empty([shape[axis] for axis in order], **options).permute(inverse)


def _new(name: str, source: Any) -> Any:
    def make(self: Tensor, *size: Any, dtype: dtype | None = None, **options: Any) -> Tensor:
        return source(*size, **{"dtype": dtype or self.dtype, "layout": self.layout, **options})  # type: ignore[no-any-return]

    make.__name__ = name
    make.__doc__ = f"`{name[4:]}` in this tensor's dtype."
    return make


for _name, _source in (("new_zeros", zeros), ("new_ones", ones), ("new_empty", empty), ("new_full", full)):
    public(function=False, out=False)(_new(_name, _source))


@public(function=False, out=False)
def new_tensor(
    self: Tensor, data: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor from data, in this tensor's dtype unless told otherwise."""
    require_cpu(device, "new_tensor")
    return _finish(_from_data(data, dtype or self.dtype, "new_tensor"), requires_grad)


@public(function=False, out=False)
def new_empty_strided(self: Tensor, size: Any, stride: Any, **options: Any) -> Tensor:
    """`empty_strided` in this tensor's dtype."""
    return empty_strided(size, stride, **{"dtype": self.dtype, **options})


# ---- other constructions ----


@public(method=False, out="dtype")
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Ones on the diagonal."""
    require_cpu(device, "eye")
    require_strided(layout, "eye")
    kind = dtype or Defaults.dtype
    for extent in (n, n if m is None else m):
        if extent < 0:
            raise RuntimeError(f"n must be greater or equal to 0, got {extent}")
    return _finish(from_values(np.eye(n, m, dtype=kind.compute), kind), requires_grad)


@public(method=False, out=False)
def scalar_tensor(
    s: Any,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A zero-dimensional tensor."""
    return _constant(s, (), dtype or Defaults.dtype, device, requires_grad, "scalar_tensor")


def _check_parts(first: Tensor, second: Tensor) -> None:
    names = scalar_name(first.dtype), scalar_name(second.dtype)
    if not (first.dtype.is_floating_point and second.dtype.is_floating_point) or bfloat16 in (
        first.dtype,
        second.dtype,
    ):
        raise RuntimeError("Expected both inputs to be Half, Float or Double tensors but got {} and {}".format(*names))
    if first.dtype is not second.dtype:
        raise RuntimeError(
            "Expected object of scalar type {} but got scalar type {} for second argument".format(*names)
        )


@public(method=False)
def complex_(real: Tensor, imag: Tensor) -> Tensor:
    """A complex tensor from its parts."""
    _check_parts(real, imag)
    return wrap(scalar.make_complex(node_of(real), node_of(imag)))


@public(method=False)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """A complex tensor from size and angle."""
    _check_parts(abs, angle)
    size, turn = node_of(abs), node_of(angle)
    return wrap(scalar.make_complex(scalar.mul(size, scalar.cos(turn)), scalar.mul(size, scalar.sin(turn))))


# ---- the class as constructor ----


def construct(*args: Any, device: Any = None, dtype: dtype | None = None, **unknown: Any) -> Tensor:
    """`torch.Tensor(2, 3)`, `torch.Tensor([1, 2])`, `torch.Tensor(other)`."""
    require_cpu(device, "Tensor")
    kind = dtype or Defaults.dtype
    if unknown:
        raise TypeError(f"Tensor(): unexpected arguments {', '.join(unknown)}")
    if not args:
        return empty(0, dtype=kind)
    if len(args) == 1 and isinstance(args[0], Tensor):
        return alias(args[0], Tensor) if args[0].dtype is kind else args[0].detach().to(kind)
    if all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in args) or isinstance(args[0], Size):
        return empty(*args, dtype=kind)
    if len(args) == 1 and (is_number(args[0]) or args[0] is None):
        raise TypeError(f"new(): data must be a sequence (got {type(args[0]).__name__})")
    if len(args) == 1:
        return _from_data(args[0], kind, "Tensor")
    raise TypeError(
        f"Tensor(): expected sizes, a sequence or a tensor, got {', '.join(type(a).__name__ for a in args)}"
    )


Tensor.constructor = staticmethod(construct)


@public(function=False, out=False)
def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """What `torch.Tensor(…)` makes, in this tensor's dtype."""
    return construct(*args, device=device, dtype=self.dtype)


def _typed(name: str, kind: dtype) -> Any:
    """`torch.FloatTensor` and its kind: a constructor, and a type that `isinstance` knows."""

    class _TypedMeta(type(Tensor)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, Tensor) and instance.dtype is kind and instance.layout is strided

        def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
            return construct(*args, dtype=kind, **kwargs)

        def __repr__(cls) -> str:
            return f"<class 'torch.{name}'>"

    return _TypedMeta(name, (), {"dtype": kind, "__doc__": f"`torch.Tensor` of {kind.name}."})


typed_names = {
    "FloatTensor": dtypes.float32,
    "DoubleTensor": dtypes.float64,
    "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16,
    "LongTensor": dtypes.int64,
    "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16,
    "CharTensor": dtypes.int8,
    "ByteTensor": dtypes.uint8,
    "BoolTensor": dtypes.bool_,
    "ComplexFloatTensor": dtypes.complex64,
    "ComplexDoubleTensor": dtypes.complex128,
}
typed_constructors = {name: _typed(name, kind) for name, kind in typed_names.items()}


@public(function=False, out=False)
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False, **_: Any) -> Any:
    """The type's name (`'torch.FloatTensor'`), or the tensor converted to a dtype given as such, by name or by class."""
    if dtype is None:
        return next(
            (f"torch.{name}" for name, kind in typed_names.items() if kind is self.dtype), f"torch.{self.dtype.name}"
        )
    if isinstance(dtype, str):
        name = dtype.removeprefix("torch.")
        if name.startswith("cuda."):
            require_cpu("cuda", f"type({dtype!r})")
        if name not in typed_names:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = typed_names[name]
    elif isinstance(dtype, type):
        dtype = dtype.dtype  # type: ignore[attr-defined]
    return self.to(dtype)
