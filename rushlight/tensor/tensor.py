"""`Tensor`: a handle on a storage, with a path of view steps and, for leaves and detached handles, a source.

This file has what a handle is: how it is made, read and rebound. Functions on tensors stand in the files of their families and
join the class through `public`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import config
from ..dtype import bfloat16, cpp_name, decode, dtype, encode, from_numpy_dtype, scalar_name
from ..ir import view
from ..ir.graph import Node, input_node, mode, trace
from ..ir.type import Type
from ..runtime import executor
from ..runtime.executor import Haste
from ..runtime.watch import Watching
from .geometry import CPU, META, Size, contiguous_strides, device, layout, strided
from .layouts import OtherLayout
from .storage import Source, Storage, new_source, owned
from .views import Permute, Reshape, Slice, Step, through

_new = object.__new__


class Late:
    """What is looked up only when a name is missed: the packages that add methods and functions, and the words for one not there yet."""

    packages: list[Callable[[], Any]] = []  # each called once, the last first
    explain: Callable[[str], None] | None = None  # raises where PyTorch has the method
    compile: Any = None  # `rushlight.compile`, which stands above everything that it looks at
    overrides: Callable[[], Any]  # gives `rushlight.overrides`, which stands above all public functions
    sparse: Callable[[], Any]  # gives `rushlight.sparse`, which stands above the dense tensors that it is made of

    @classmethod
    def load_next(cls, name: str) -> bool:
        """Loads one more package that may add `name`; False where none is left, and for what Python itself asks for."""
        if name.startswith("__") or not cls.packages:
            return False
        cls.packages.pop()()
        return True


def _missed(cls: type, instance: Any, name: str) -> Any:
    """A method that a package not loaded yet may add; AttributeError where none does."""
    while Late.load_next(name):
        for base in cls.__mro__:
            if name in base.__dict__:
                return getattr(cls if instance is None else instance, name)
    if Late.explain is not None and not name.startswith("_"):
        Late.explain(name)
    what = f"type object '{cls.__name__}'" if instance is None else f"'{cls.__name__}' object"
    raise AttributeError(f"{what} has no attribute '{name}'")


class _TensorMeta(type):
    """Finds methods late where the class itself is asked for one (`Tensor.relu`)."""

    def __getattr__(cls, name: str) -> Any:
        return _missed(cls, None, name)

    def __dir__(cls) -> list[str]:
        while Late.load_next("dir"):
            pass
        return list(super().__dir__())


def disabled_torch_function(
    func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """`__torch_function__` of a class whose instances are tensors like others to every function: results are plain tensors."""
    return func(*args, **(kwargs or {}))


class Tensor(metaclass=_TensorMeta):
    """A multi-dimensional array with a place in the graph, as `torch.Tensor`.

    `Tensor(2, 3)` has uninitialised (here: zero) float32 elements, `Tensor([1, 2])` the given ones; use `torch.tensor` instead.

    >>> import rushlight as torch
    >>> torch.Tensor([1, 2])
    tensor([1., 2.])
    """

    __slots__ = (
        "_storage",
        "_steps",
        "_source",
        "_parent",
        "_cached",
        "_cached_version",
        "_geometry",
        "_seen",
        "_grad",
        "__dict__",
        "__weakref__",
    )
    _storage: Storage
    _steps: tuple[Step, ...]
    _source: Source | None
    _parent: Tensor | None  # the handle a view was made from: its node is where the view's history goes on
    _cached: Node | None
    _cached_version: int
    _geometry: tuple[tuple[int, ...], int] | None
    _seen: tuple[Type, tuple[Step, ...], Type] | None  # of a view: its type, of what base by which steps
    _grad: Tensor | None

    __array_priority__ = 1000  # Tensor wins over ndarray in mixed arithmetic
    constructor: Callable[..., Tensor]  # what calling the class does; creation.py sets it

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """A user's subclass may say `super().relu()`, which looks at classes alone: what adds methods is loaded for it."""
        super().__init_subclass__(**kwargs)
        while not cls.__module__.startswith("rushlight.") and Late.load_next(cls.__name__):
            pass
        if not cls.__module__.startswith("rushlight.") and cls.__torch_function__ is not disabled_torch_function:
            Late.overrides().install()

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs a function that got an instance of a subclass; its results become instances (`rushlight.overrides`)."""
        return Late.overrides().default_torch_function(cls, func, types, args, kwargs)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = Tensor.constructor(*args, **kwargs)
        return made if cls is Tensor else made.as_subclass(cls)

    @staticmethod
    def _make_subclass(cls: Any, data: Tensor, require_grad: bool = False) -> Any:
        """An instance of a subclass that shares `data`'s storage, as a new leaf."""
        result = alias(data, cls)
        result.requires_grad = require_grad
        return result

    def as_subclass(self, cls: Any) -> Any:
        """The same tensor as an instance of a subclass of Tensor."""
        result = _new(cls)
        fill_handle(result, self._storage, self._steps, self._source)
        result._parent = self if self._steps and self._own_leaf() else self._parent  # where its history goes on
        return result

    # ---- reading ----

    @property
    def shape(self) -> Size:
        """The shape, as `torch.Size`."""
        if not self._steps:
            return tuple.__new__(Size, self._storage.node.type.shape)
        return tuple.__new__(Size, self._type().shape)

    def _type(self) -> Type:
        """Shape and dtype, without deriving a node."""
        type, steps = self._storage.node.type, self._steps
        if not steps:
            return type
        seen = self._seen  # programs ask for a view's shape, axes and dtype again and again
        if seen is not None and seen[0] is type and seen[1] is steps:
            return seen[2]
        shape, kind = type.shape, type.dtype
        for step in steps:
            shape, kind = step.shape(shape), step.dtype(kind)
        found = Type.of(shape, kind)
        self._seen = type, steps, found
        return found

    @property
    def dtype(self) -> dtype:
        return self._type().dtype if self._steps else self._storage.node.type.dtype

    @property
    def ndim(self) -> int:
        return len(self._type().shape)

    @property
    def device(self) -> device:
        return META if self._storage.node.type.meta else CPU

    @property
    def layout(self) -> layout:
        return strided

    @property
    def is_cuda(self) -> bool:
        return False

    @property
    def is_cpu(self) -> bool:
        return self.device is not META

    @property
    def is_meta(self) -> bool:
        """Whether it has shape and dtype alone, no elements: the device "meta"."""
        return self.device is META

    is_mps = is_xpu = is_sparse = is_quantized = is_nested = is_mkldnn = is_sparse_csr = is_cuda

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self._type().nbytes

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its extent along `dim`."""
        if dim is None:
            return self.shape
        return self.shape[wrap_axis("size", dim, self.ndim)]

    def dim(self) -> int:
        return len(self._type().shape)

    ndimension = dim

    def numel(self) -> int:
        return self._type().size

    nelement = numel

    def element_size(self) -> int:
        return self.dtype.itemsize

    def _strides(self) -> tuple[tuple[int, ...], int]:
        if self._geometry is None:
            shape = self._storage.node.type.shape
            strides, offset = contiguous_strides(shape), 0
            for step, level in zip(self._steps, through(self._steps, shape), strict=False):
                strides, offset = step.strides(level, strides, offset)
            self._geometry = strides, offset
        return self._geometry

    def stride(self, dim: int | None = None) -> Any:
        """Steps in elements between neighbours along each axis, or along `dim`."""
        strides = self._strides()[0]
        return strides if dim is None else strides[wrap_axis("stride", dim, len(strides))]

    def storage_offset(self) -> int:
        return self._strides()[1]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order (the only order a result has)."""
        shape = self._type().shape
        if not self._steps or 0 in shape:
            return True
        expected = contiguous_strides(shape)
        return all(e == 1 or a == b for e, a, b in zip(shape, self._strides()[0], expected, strict=True))

    @property
    def is_leaf(self) -> bool:
        return self._own_leaf() or not node_of(self).tracked

    def _own_leaf(self) -> bool:
        """Whether this very handle is the leaf of its source (and not a view of it)."""
        source = self._source
        return source is not None and source.leaf is not None and source.leaf() is self

    @property
    def requires_grad(self) -> bool:
        """Whether gradient flows to or through this tensor; settable on leaves."""
        source = self._source
        if source is None and not self._steps:
            return self._storage.node.tracked
        if source is not None:
            if source.leaf is not None:
                return True
            if source.detached:
                return False
        return node_of(self).tracked

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not self.is_leaf:
            advice = (
                ""
                if wanted
                else (
                    " If you want to use a computed variable in a subgraph that doesn't require differentiation use "
                    "var_no_grad = var.detach()."
                )
            )
            raise RuntimeError(f"you can only change requires_grad flags of leaf variables.{advice}")
        if wanted == self.requires_grad:
            return
        if wanted:
            kind = self.dtype
            if not (kind.is_floating_point or kind.is_complex):
                raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
            self._source = Source(leaf=weakref.ref(self))
        else:
            self._source = None
        self._cached = self._parent = None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` and returns the tensor."""
        kind = self.dtype
        if requires_grad and not (kind.is_floating_point or kind.is_complex):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if not (requires_grad and self.requires_grad):
            self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient of a leaf, None before the first `backward`."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.dtype is not self.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{cpp_name(value.dtype)}' to a tensor with grad_dtype "
                    f"'{scalar_name(self.dtype)}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). "
                    "You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype "
                    "with caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they "
                    "match."
                )
            if value.shape != self.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size '{list(self.shape)}'. "
                    "Please ensure that the gradient and the tensor are the same size"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory without history; assigning replaces the values, whatever the shape."""
        return alias(self, Tensor)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        leaf = self._own_leaf()
        self._storage, self._steps, self._geometry = value._storage, value._steps, None
        self._parent = value._parent
        if leaf:
            self._source, self._parent = Source(leaf=weakref.ref(self)), None
        else:
            self._source = value._source if not value.requires_grad else Source(detached=True)
            self._parent = None
        self._cached = None

    def detach(self) -> Tensor:
        """The same memory without history."""
        return alias(self, Tensor)

    def detach_(self) -> Tensor:
        """Cuts the tensor off from its history."""
        if self._steps:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and "
                "gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
                "these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py "
                "as the solution."
            )
        if self.requires_grad:
            node = node_of(self)
            if self._own_leaf():
                self._source = None
            else:
                self._storage.forget(detached_node(node))
        return self

    @property
    def _version(self) -> int:
        return self._storage.version

    @property
    def _base(self) -> Tensor | None:
        """The tensor that this one is a view of, None where it is no view."""
        if not self._steps:
            return None
        above = self._parent
        while above is not None and above._steps:
            above = above._parent
        if above is not None:
            return above
        source = self._source
        if source is not None and source.leaf is not None:
            return source.leaf()
        return handle(self._storage, (), source)

    def _is_view(self) -> bool:
        return bool(self._steps)

    # ---- to Python and NumPy ----

    def _array(self) -> np.ndarray:
        """The values in memory form; not to be written to."""
        return executor.value_of(detached_read(self))

    def _decoded(self) -> np.ndarray:
        """The values in a dtype NumPy knows (bfloat16 as float32)."""
        return decode(self._array(), self.dtype) if self.dtype is bfloat16 else self._array()

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        if Watching.watcher is not None:
            later = Watching.watcher.item(self)
            if later is not None:
                return later
        if self.is_meta:
            raise RuntimeError("Tensor.item() cannot be called on meta tensors")
        return self._decoded().item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._decoded().tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array that shares the tensor's memory.

        Unlike in PyTorch, the first call moves the values into memory that both may write to (one copy).
        """
        if self.requires_grad:
            if not force:
                raise RuntimeError(
                    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
                )
            return self.detach().numpy()
        if self.dtype is bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        if self.is_meta:
            raise TypeError(
                "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
            )
        array = self._storage.expose()
        for step in self._steps:
            array = step.expose(array)
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        made = array if dtype is None else array.astype(dtype, copy=False)
        if copy is False and made is not array:
            raise ValueError("Unable to avoid copy while creating an array as requested: another dtype is wanted")
        return made.copy() if copy and made is array else made

    def __len__(self) -> int:
        shape = self._type().shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def __bool__(self) -> bool:
        count = self.numel()
        if count == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        if count > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self._real_element("double"))

    def __int__(self) -> int:
        return int(self._real_element("int64_t"))

    def __complex__(self) -> complex:
        return complex(self._only_element())

    def _only_element(self) -> Any:
        if self.numel() != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars, not {tuple(self.shape)}")
        return self.item()

    def _real_element(self, kind: str) -> Any:
        value = self._only_element()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(f"value cannot be converted to type {kind} without overflow — it is {value}")
            return value.real
        return value

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (Tensor, int, float, complex)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return bool((self == element).any().item())  # type: ignore[attr-defined]

    def __index__(self) -> int:
        kind = self.dtype
        if kind.is_floating_point or kind.is_complex or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __iter__(self) -> Iterator[Tensor]:
        if not self._type().shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    __hash__ = object.__hash__

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self.ndim else self

    def __format__(self, spec: str) -> str:
        if self.ndim == 0 and type(self) is Tensor:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *self.__dict__})

    def __getattr__(self, name: str) -> Any:
        return _missed(type(self), self, name)


# ---- handles ----


def fill_handle(handle: Tensor, storage: Storage, steps: tuple[Step, ...], source: Source | None) -> None:
    handle._storage = storage
    handle._steps = steps
    handle._source = source
    handle._parent = handle._cached = handle._geometry = handle._seen = handle._grad = None
    handle._cached_version = -1


def handle(storage: Storage, steps: tuple[Step, ...] = (), source: Source | None = None) -> Tensor:
    result: Tensor = _new(Tensor)
    fill_handle(result, storage, steps, source)
    return result


def wrap(node: Node) -> Tensor:
    """A new tensor whose value is the node."""
    if Haste.wanted:
        node = owned(node)
    elif trace.pending > config.PENDING or trace.bytes > config.PENDING_BYTES:
        executor.settle()
    result: Tensor = _new(Tensor)
    storage = result._storage = _new(Storage)  # spelled out, for this is a part of every operation
    storage.node = node
    storage.version = 0
    storage.buffer = storage.exporter = storage.placed = storage.written = storage.seen = None
    storage.aliases = result._steps = ()
    result._source = result._parent = result._cached = result._geometry = result._seen = result._grad = None
    result._cached_version = -1
    return result


def from_array(array: np.ndarray, kind: dtype) -> Tensor:
    """A new tensor that owns `array` (in memory form): nobody may write to it afterwards."""
    return wrap(input_node(array, Type.of(array.shape, kind)))


def from_values(array: np.ndarray, kind: dtype) -> Tensor:
    """A new tensor of computed values, encoded for `kind`."""
    return from_array(encode(array, kind), kind)


def alias(tensor: Tensor, cls: Any) -> Any:
    """A handle of class `cls` on the same memory, without history."""
    try:
        source = tensor._source
    except OtherLayout:
        return tensor.detached_as(cls)  # type: ignore[attr-defined]
    result = _new(cls)
    needs = tensor._storage.node.tracked or (source is not None and source.leaf is not None)
    fill_handle(result, tensor._storage, tensor._steps, Source(detached=True) if needs or source is not None else None)
    return result


def node_of(tensor: Tensor) -> Node:
    """The node that is the tensor's present value, with its history."""
    if not tensor._steps:
        source = tensor._source
        if source is not None:
            return source.read(tensor._storage)
        storage = tensor._storage
        return storage.node if storage.buffer is None else storage.read()
    cached = tensor._cached
    if cached is not None and tensor._cached_version == tensor._storage.version and tensor._storage.buffer is None:
        return cached
    return _derive(tensor)


def history_of(tensor: Tensor) -> Node:
    """The node through which gradient flows to a tensor: its own, or of a sparse tensor that of its elements."""
    try:
        return node_of(tensor)
    except OtherLayout:
        return node_of(tensor._elements)  # type: ignore[attr-defined]


def snapshot(tensor: Tensor) -> Tensor:
    """The tensor's present value with its history, safe from later in-place operations."""
    try:
        return wrap(node_of(tensor))
    except OtherLayout:
        return tensor.snapshot()  # type: ignore[attr-defined,no-any-return]


def bare(tensor: Tensor) -> Node | None:
    """The value of a tensor that is all of its storage, which has no history and is not shared with NumPy; else None."""
    storage = tensor._storage
    node = storage.node
    return None if node.tracked or tensor._steps or storage.buffer is not None else node


def levels(tensor: Tensor) -> list[Node]:
    """The nodes along the tensor's view steps, from the storage's own to the tensor's, for a write to go back through."""
    node = tensor._storage.read()
    if tensor._source is not None and node.tracked:
        node = view.stop(node)
    return _along(node, tensor._steps)


def _part_of_known(node: Node, step: Step) -> Node | None:
    """The part of a value that is there already, as an input; None where it has to be recorded.

    So the trace does not hold where the part lies: a batch that is cut out of a text or a data set at another place in each step would
    otherwise make another plan in each.
    """
    if type(node) is not Node or node.value is None or node.tracked or not isinstance(node.type, Type):
        return None
    if Watching.watcher is not None or Haste.wanted or not node.type.shape:
        return None
    if isinstance(step, Permute):  # where nothing moves: a plan is compiled for the strides of its inputs
        if not step.expose(node.value).flags.c_contiguous:
            return None
    elif not isinstance(step, (Slice, Reshape)):
        return None
    try:
        return input_node(step.expose(node.value), Type.of(step.shape(node.type.shape), node.type.dtype))
    except AttributeError:  # of NumPy: the elements would have to be copied
        return None


def _along(node: Node, steps: tuple[Step, ...]) -> list[Node]:
    found = [node]
    tracking, mode.tracking = mode.tracking, True  # a view has its base's history whenever it is read
    try:
        for step in steps:
            part = _part_of_known(node, step) or step.read(node)
            if part is not node and part.label is None:
                part.label = step.label
            node = part
            found.append(node)
    finally:
        mode.tracking = tracking
    return found


def _just_written(tensor: Tensor) -> Node | None:
    """The node of the part that a tensor is, if it was written last: the trace then does not hold where it lies."""
    written = tensor._storage.written
    if written is None or written.value is None or written.version != tensor._storage.version:
        return None
    steps = tensor._steps
    if tensor._source is not None or len(steps) != len(written.steps):
        return None
    return written.value if all([a.same(b) for a, b in zip(steps, written.steps, strict=True)]) else None


def _derive(tensor: Tensor) -> Node:
    parent = tensor._parent
    written = _just_written(tensor)
    if written is not None:
        node = written
    elif parent is not None:
        node = _along(node_of(parent), tensor._steps[len(parent._steps) :])[-1]
    else:
        node = levels(tensor)[-1]
        if tensor._own_leaf():
            return tensor._source.leaf_node(node, tensor._storage)  # type: ignore[union-attr]
    if tensor._storage.buffer is None:
        tensor._cached, tensor._cached_version = node, tensor._storage.version
    return node


def detached_node(node: Node) -> Node:
    """The node's value without history."""
    if type(node) is not Node:  # an example of a batch has no value to take
        return view.stop(node)
    return input_node(node.value, node.type) if node.value is not None else _untracked_copy(node)


def _untracked_copy(node: Node) -> Node:
    return input_node(executor.value_of(node), node.type)


def detached_read(tensor: Tensor) -> Node:
    """The tensor's node for reading its value: no leaf or stop in between."""
    return tensor._storage.node if not tensor._steps else node_of(tensor)


def make_view(tensor: Tensor, *steps: Step) -> Tensor:
    """A view: the same storage, further steps."""
    result: Tensor = _new(Tensor)
    source = tensor._source
    if not mode.tracking:
        source = new_source(tensor._storage, source)
    fill_handle(result, tensor._storage, (*tensor._steps, *steps), source)
    if source is tensor._source:
        result._parent = tensor
    return result


def wrap_axis(op: str, axis: int, ndim: int) -> int:
    """An axis counted from either end as one from the front; IndexError in PyTorch's words."""
    if type(axis) is not int:
        if not hasattr(axis, "__index__") or isinstance(axis, bool):
            raise TypeError(f"{op}(): argument 'dim' must be int, not {type(axis).__name__}")
        axis = axis.__index__()
    bound = max(ndim, 1)
    if not -bound <= axis < bound:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {axis}) — {op}"
        )
    return axis + bound if axis < 0 else axis


def wrap_axes(op: str, axes: Any, ndim: int) -> tuple[int, ...]:
    """Axes given as None (all), an int or several, counted from the front; each at most once."""
    if axes is None:
        return tuple(range(ndim))
    if isinstance(axes, int) or hasattr(axes, "__index__"):
        return (wrap_axis(op, axes, ndim),) if ndim else (wrap_axis(op, axes, ndim),)[:0]
    found = tuple([wrap_axis(op, axis, ndim) for axis in axes])
    if len(set(found)) != len(found):
        twice = next(axis for axis in found if found.count(axis) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims — {op}")
    return found if ndim else ()


_IMPORTABLE = "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool"


def importable(array: np.ndarray) -> dtype:
    """The dtype of a NumPy array as a tensor; raises where it cannot be one."""
    kind = from_numpy_dtype(array.dtype)
    if kind is None:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only supported types are: {_IMPORTABLE}."
        )
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    if any(stride < 0 for stride in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
        )
    return kind


def adopt_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares memory with a NumPy array for ever. One of transposed axes keeps its strides."""
    kind = importable(array)
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    memory = array.transpose(order)
    steps: tuple[Step, ...] = ()
    if array.flags.c_contiguous or not memory.flags.c_contiguous:
        memory = array
    else:
        steps = (Permute(tuple(sorted(range(array.ndim), key=order.__getitem__))),)
    result = wrap(input_node(memory, Type.of(memory.shape, kind)))
    result._storage.share(memory)
    result._steps = steps
    return result
