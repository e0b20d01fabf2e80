"""`torch.overrides`: classes and modes that take over the functions of tensors (`__torch_function__`).

Who takes over, in which order, and what is handed to them is PyTorch's documented protocol ("Extending PyTorch", which has it from NumPy's NEP 18).

Most programs have no such class, so nothing is asked of them: the public functions know nothing of it until the first subclass of Tensor is
defined, the first mode entered, or a function has failed on an argument whose class has `__torch_function__`. Then `install` puts a gate in
front of each public function, in place: the function object stays the same wherever it was imported, and its code becomes a call of
the gate. Properties that give tensors are replaced on the class. What only says something of a tensor (`shape`, `dtype`, `dim()`) has no gate.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

from .nn import functional
from .tensor import fft, functions, linalg, load_late_families, special
from .tensor.tensor import Tensor, disabled_torch_function

__all__ = [
    "BaseTorchFunctionMode",
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "TorchFunctionMode",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

_SPACES = (
    ("torch", lambda: functions),
    ("torch.linalg", lambda: {name: vars(linalg)[name] for name in linalg.__all__}),
    ("torch.fft", lambda: {name: vars(fft)[name] for name in fft.__all__}),
    ("torch.special", lambda: {name: vars(special)[name] for name in special.__all__}),
    ("torch.nn.functional", lambda: vars(functional)),
    ("torch.Tensor", lambda: vars(Tensor)),
)
# Functions and methods without a gate: they say something of a tensor, or what they give is none. `item` must be called by the user's own code,
# which a compiled function that repeats it looks at (`compiler/straight.py`).
_WITHOUT = frozenset(
    "as_subclass broadcast_shapes broadcast_tensors_shape data_ptr dim element_size is_complex is_contiguous is_floating_point is_inference "
    "is_signed is_storage is_tensor item ndimension nelement numel requires_grad_ size storage storage_offset stride type_name typename "
    "untyped_storage".split()
)
_MAKE_TENSORS = frozenset(
    ("as_tensor", "asarray", "from_dlpack", "from_numpy", "frombuffer", "tensor")
)  # for modes only
_OPERATORS = frozenset(
    f"__{name}__"
    for name in (
        "add radd iadd sub rsub isub mul rmul imul truediv rtruediv itruediv rdiv floordiv rfloordiv ifloordiv mod rmod imod pow rpow ipow "
        "and rand iand or ror ior xor rxor ixor lshift rlshift ilshift rshift rrshift irshift matmul rmatmul imatmul eq ne lt le gt ge neg pos "
        "abs invert getitem setitem contains"
    ).split()
)
# Operators that are functions of PyTorch's by another name; the others go by their own.
_NAMED = {
    f"__{operator}__": name
    for operator, name in {
        **dict.fromkeys(("add", "radd"), "add"),
        **dict.fromkeys(("mul", "rmul"), "mul"),
        "sub": "sub",
        "truediv": "div",
        "pow": "pow",
        "matmul": "matmul",
    }.items()
}
_PROPERTIES = ("H", "T", "data", "imag", "mH", "mT", "real")


class _Here(threading.local):
    """What holds in this thread."""

    modes: list[Any] = []
    off = False  # neither classes nor modes are asked
    classes_off = False

    def __init__(self) -> None:
        self.modes = []


_here = _Here()
_kinds: dict[type, bool] = {}  # whether a class takes over, for each that was an argument
_installed = False
_names: dict[int, str] = {}  # by the identity of a public function
_public: dict[int, Callable[..., Any]] = {}  # by the identity of a function that a public one goes on to


# ---- who takes over ----


def _takes_over(kind: type) -> bool:
    found = getattr(kind, "__torch_function__", None)
    return found is not None and kind is not Tensor and found is not disabled_torch_function


def _overriding(values: Iterable[Any]) -> list[Any]:
    """The first argument of each class that takes over, one of a subclass before one of its base class."""
    found: list[Any] = []
    for value in values:
        kind = type(value)
        known = _kinds.get(kind)
        if known is None:
            known = _kinds[kind] = _takes_over(kind)
        if known:
            _enter(found, value)
        elif kind is list or kind is tuple:
            for each in value:
                if _takes_over(type(each)):
                    _enter(found, each)
    return found


def _enter(found: list[Any], value: Any) -> None:
    kind = type(value)
    if any(type(other) is kind for other in found):
        return
    place = next((i for i, other in enumerate(found) if issubclass(kind, type(other))), len(found))
    found.insert(place, value)


def _dispatch(function: Callable[..., Any], found: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the innermost mode, or else the first class that does not decline, makes of the call."""
    types = tuple([type(value) for value in found])
    if _here.modes:
        mode = _here.modes.pop()
        try:
            result = mode.__torch_function__(function, types, args, kwargs)
        finally:
            _here.modes.append(mode)
        if result is not NotImplemented:
            return result
    for value in found:
        result = value.__torch_function__(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{resolve_name(function)}' on types that implement __torch_function__: {list(types)}; each of them "
        "returned NotImplemented"
    )


def default_torch_function(
    cls: type, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> Any:
    """What `Tensor.__torch_function__` does: the function itself, its results as instances of the subclass."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    return result if cls is Tensor else _as_instances(result, cls)


def _as_instances(result: Any, cls: type) -> Any:
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (tuple, list)):
        parts = [_as_instances(part, cls) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


# ---- gates ----


def install() -> None:
    """Puts a gate in front of every public function, once."""
    global _installed
    if _installed:
        return
    _installed = True
    load_late_families()
    gated: dict[int, Callable[..., Any]] = {}
    for space, members in _SPACES:
        for name, function in list(members().items()):
            if not _gets_gate(name, function) or id(function) in gated:
                continue
            gated[id(function)] = function
            _names[id(function)] = f"{space}.{name}"
            function.__name__ = name  # without the underscore that keeps it from a builtin's
            _put_gate(function, functions[_NAMED[name]] if name in _NAMED else function)
    for name in _PROPERTIES:
        setattr(Tensor, name, _gated_property(vars(Tensor)[name]))


def _gets_gate(name: str, function: Any) -> bool:
    if not isinstance(function, FunctionType) or name in _WITHOUT:
        return False
    return name in _OPERATORS or not name.startswith("_") and function.__module__.startswith("rushlight.")


def _put_gate(function: FunctionType, shown: Callable[..., Any]) -> None:
    """Makes the function's code a call of the gate; what it was is a new function behind the gate. `shown`: what classes are told."""
    code = function.__code__
    plain = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    plain.__kwdefaults__ = function.__kwdefaults__
    plain.__annotations__, plain.__qualname__ = function.__annotations__, function.__qualname__
    plain.__dict__.update(function.__dict__)
    layer: Any = plain
    while layer is not None:
        _public.setdefault(id(layer), function)
        layer = getattr(layer, "__wrapped__", None)
    function.__code__ = _gate_code(len(code.co_freevars))
    function.__defaults__ = None
    function.__kwdefaults__ = {"_gate": _gate(plain, shown, function.__name__ in _MAKE_TENSORS)}
    function.__wrapped__ = plain  # type: ignore[attr-defined]


def _gate(plain: Callable[..., Any], shown: Callable[..., Any], for_modes: bool = False) -> Callable[..., Any]:
    def gate(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        here = _here
        if here.off:
            return plain(*args, **kwargs)
        values = args if not kwargs else (*args, *kwargs.values())
        found = [] if here.classes_off or for_modes else _overriding(values)
        if found or here.modes:
            return _dispatch(shown, found, args, kwargs)
        if not for_modes:
            return plain(*args, **kwargs)
        with DisableTorchFunctionSubclass():
            return plain(*args, **kwargs)

    return gate


@functools.cache
def _gate_code(free: int) -> CodeType:
    """The code of a function that calls its gate, with so many free variables: a function keeps the closure that it has."""
    names = ", ".join(f"free_{place}" for place in range(free)) or "None"
    assigned = "".join(f"\n    free_{place} = None" for place in range(free))
    text = f"def made():{assigned}\n    def call(*args, _gate, **kwargs):\n        if 0: {names}\n        return _gate(args, kwargs)\n    return call"
    scope: dict[str, Any] = {}
    exec(compile(text, __file__, "exec"), scope)  # of this file: what looks for the user's line passes over it
    return scope["made"]().__code__  # type: ignore[no-any-return]


def _gated_property(own: property) -> property:
    def get(self: Tensor) -> Any:
        return gate((self,), {})

    get.__name__ = get.__qualname__ = "__get__"
    gate = _gate(own.fget, get)  # type: ignore[arg-type]
    return property(get, own.fset, own.fdel, own.__doc__)


def answer_for_class(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a class among the arguments makes of a call of `function`, which has failed; NotImplemented where there is none."""
    if not _overriding((*args, *kwargs.values())):
        return NotImplemented
    install()
    return _public.get(id(function), function)(*args, **kwargs)


# ---- the public names ----


class DisableTorchFunctionSubclass:
    """Within it no class takes over; modes still do."""

    def __enter__(self) -> None:
        self._before, _here.classes_off = _here.classes_off, True

    def __exit__(self, *error: Any) -> None:
        _here.classes_off = self._before


class DisableTorchFunction:
    """Within it neither classes nor modes take over."""

    def __enter__(self) -> None:
        self._before, _here.off = _here.off, True

    def __exit__(self, *error: Any) -> None:
        _here.off = self._before


class TorchFunctionMode:
    """A context in which every public function of tensors goes to its `__torch_function__`, whatever the arguments.

    While that runs, the mode is left: the functions that it calls are the plain ones, unless it says `with self`.

    >>> import rushlight as torch
    >>> class Names(torch.overrides.TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(torch.overrides.resolve_name(func))
    ...         return func(*args, **(kwargs or {}))
    >>> with Names():
    ...     y = torch.ones(2).exp() + 1
    torch.ones
    torch.exp
    torch.add
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        install()
        _here.modes.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        _here.modes.pop()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """A new instance, as in older programs: `with Mode.push(...)`."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether a class of one of the arguments, or a mode, takes functions over now.

    >>> import rushlight as torch
    >>> torch.overrides.has_torch_function((torch.ones(2), 3))
    False
    """
    if _here.off:
        return False
    return bool(_here.modes) or not _here.classes_off and bool(_overriding(relevant_args))


def has_torch_function_unary(tensor: Any) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((tensor,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of several arguments."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """What modes and the classes of `relevant_args` make of `public_api(*args, **kwargs)`; TypeError where all decline."""
    return _dispatch(public_api, _overriding(relevant_args), args, kwargs)


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that lets classes take a function over; `dispatcher` gives the arguments that may, from the function's own."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(call, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return call

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether a value is a tensor or of a class with `__torch_function__`."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is found on Tensor; here a function and the method of its name are one."""
    return getattr(func, "__name__", "") == "__get__" or func in vars(Tensor).values()


def resolve_name(f: Any) -> str | None:
    """The name that users know a function by: "torch.add", "torch.nn.functional.softmax"; None for one that is no string or function."""
    if isinstance(f, str):
        return f
    install()
    own = _names.get(id(f))
    if own is None and callable(f):
        return f"{getattr(f, '__module__', '')}.{getattr(f, '__qualname__', repr(f))}"
    return own


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The functions that may be taken over, by where they are found."""
    install()
    owners: tuple[Any, ...] = (sys.modules["rushlight"], linalg, fft, special, functional, Tensor)
    return {
        owner: [each for name, each in members().items() if _gets_gate(name, each)]
        for owner, (_, members) in zip(owners, _SPACES, strict=True)
    }


def get_ignored_functions() -> set[Callable[..., Any]]:
    """Public functions that may not be taken over."""
    return {
        each
        for _, members in _SPACES
        for name, each in members().items()
        if inspect.isfunction(each) and not name.startswith("_") and not _gets_gate(name, each)
    }


def get_default_nowrap_functions() -> set[Callable[..., Any]]:
    """Functions whose results stay what they are: none, since what they are in PyTorch (`grad`, `_base`) does not come here."""
    return set()
