"""Two pickle machines that run no foreign code: `WeightsMachine` loads by allow-list, `Scanner` only looks."""

from __future__ import annotations

from _codecs import encode
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from pickle import UnpicklingError
from typing import Any

from .allowed import BLOCKED_MODULES, vouched_globals
from .machine import Machine, check_key
from .names import Global, as_text

_TEXT_ENCODINGS = ("latin1", "latin-1", "ascii", "utf-8", "utf8")


def _encode(text: str, encoding: str = "utf-8") -> bytes:
    """How protocol 2 writes bytes: `_codecs.encode(text, 'latin1')`; other codecs are refused."""
    if type(text) is not str or encoding not in _TEXT_ENCODINGS:
        raise UnpicklingError(f"_codecs.encode may only turn text into bytes, not use {encoding!r}")
    return encode(text, encoding)


def _bytearray(*arguments: Any) -> bytearray:
    """Without the form that takes a number, which allocates as much as the file pleases."""
    if arguments and type(arguments[0]) not in (bytes, bytearray, str, list):
        raise UnpicklingError("bytearray may only be made of bytes or text")
    return bytearray(*arguments)


def _bytes() -> bytes:
    """How protocol 2 writes empty bytes; without the form that takes a number."""
    return b""


def _hashing(cls: Callable) -> Callable:
    """The class as a function that refuses what cannot be hashed safely."""

    def make(*arguments: Any) -> Any:
        for argument in arguments:
            for item in argument:
                check_key(item[0] if cls is OrderedDict and type(item) in (list, tuple) and item else item)
        return cls(*arguments)

    return make


# What plain data is made of, besides what the machine itself makes; the classes are known by name only.
_CALLS: dict[str, tuple[Any, Callable]] = {
    "collections.OrderedDict": (OrderedDict, _hashing(OrderedDict)),
    "collections.Counter": (Counter, _hashing(Counter)),
    "builtins.set": (set, _hashing(set)),
    "builtins.frozenset": (frozenset, _hashing(frozenset)),
    "builtins.bytes": (bytes, _bytes),
    "builtins.bytearray": (bytearray, _bytearray),
    "builtins.complex": (complex, complex),
    "_codecs.encode": (encode, _encode),
}


class WeightsMachine(Machine):
    """Loads tensors and plain data; any other global must be vouched for.

    calls: functions and classes that a file may call, by full name. values: objects it may name, not call.
    load_storage: makes what a persistent id stands for.
    """

    def __init__(
        self,
        data: bytes | memoryview,
        position: int = 0,
        *,
        calls: Mapping[str, Callable],
        values: Callable[[str], Any],
        load_storage: Callable[[tuple], Any],
        encoding: str = "utf-8",
    ) -> None:
        super().__init__(data, position, encoding)
        self._calls = calls
        self._values = values
        self._load_storage = load_storage
        self._vouched = vouched_globals()
        # By identity, as objects of a file may be unhashable or compare in their own way.
        self._callable = {id(found): call for found, call in _CALLS.values()}
        self._callable.update({id(call): call for call in (*calls.values(), *self._vouched.values())})
        self._trusted_types = {id(found) for found in self._vouched.values()}

    def allows(self, module: str, name: str) -> bool:
        """Whether a file may name this global."""
        try:
            self.find_global(module, name)
        except UnpicklingError:
            return False
        return True

    def find_global(self, module: str, name: str) -> Any:
        path = f"{module}.{name}"
        if module.partition(".")[0] in BLOCKED_MODULES:
            raise UnpicklingError(f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked.")
        if path in _CALLS:
            return _CALLS[path][0]
        if path in self._calls:
            return self._calls[path]
        found = self._values(path)
        if found is not None:
            return found
        if path in self._vouched:
            return self._vouched[path]
        path = path.removeprefix("builtins.")
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {path} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{path}])` or the "
            f"`torch.serialization.safe_globals([{path}])` context manager to allowlist this global if you trust this "
            "class/function."
        )

    def call(self, function: Any, arguments: Any) -> Any:
        call = self._callable.get(id(function))
        if call is None:
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {_name_of(function)}")
        if type(arguments) is not tuple:
            raise UnpicklingError("corrupt pickle: a call's arguments are not a tuple")
        try:
            return call(*arguments)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError) as error:
            raise UnpicklingError(f"{_name_of(function)} cannot take the arguments in the file: {error}") from error

    def make(self, cls: Any, arguments: Any) -> Any:
        if id(cls) not in self._trusted_types or not isinstance(cls, type):
            raise UnpicklingError(
                f"Can only create new object for classes allowlisted via `add_safe_globals` but got {_name_of(cls)}"
            )
        return cls.__new__(cls, *arguments)

    def build(self, instance: Any, state: Any) -> None:
        if type(instance) is OrderedDict:
            if type(state) is not dict or not all(type(key) is str for key in state):
                raise UnpicklingError("corrupt pickle: the state of an OrderedDict is not a dictionary of names")
            instance.__dict__.update(state)
        elif id(type(instance)) in self._trusted_types:
            set_state(instance, state)
        else:
            raise UnpicklingError(
                "Can only build OrderedDict or types allowlisted via `add_safe_globals`, "
                f"but got {_name_of(type(instance))}"
            )

    def persistent_load(self, identifier: Any) -> Any:
        if type(identifier) is not tuple or not identifier or as_text(identifier[0]) != "storage":
            raise UnpicklingError(f"Only persistent_load of storage is allowed, but got {type(identifier)}")
        return self._load_storage(identifier)


def set_state(instance: Any, state: Any) -> None:
    """What an unpickler does with the state of an instance: a dictionary, or a pair of one and the slots'."""
    if hasattr(instance, "__setstate__"):
        instance.__setstate__(state)
        return
    slots = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if state:
        instance.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(instance, name, value)


def _name_of(found: Any) -> str:
    module, name = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    return f"{module}.{name}" if isinstance(name, str) else f"an instance of {type(found).__qualname__}"


class _Unknown:
    """Stands for whatever a scanned pickle would make."""


class Scanner(Machine):
    """Runs a pickle without making anything: afterwards `globals` and `identifiers` hold what it asked for."""

    def __init__(self, data: bytes | memoryview, position: int = 0, encoding: str = "utf-8") -> None:
        super().__init__(data, position, encoding)
        self.globals: dict[tuple[str, str], None] = {}  # in order
        self.identifiers: list[Any] = []
        self._named: dict[tuple[str, str], Global] = {}

    def find_global(self, module: str, name: str) -> Any:
        self.globals[module, name] = None
        return self._named.setdefault((module, name), Global(module, name))

    def call(self, function: Any, arguments: Any) -> Any:
        return _Unknown()

    def make(self, cls: Any, arguments: Any) -> Any:
        return _Unknown()

    def build(self, instance: Any, state: Any) -> None:
        pass

    def set_item(self, target: Any, key: Any, value: Any) -> None:
        pass  # nobody reads the dictionary

    def add_items(self, target: Any, items: list[Any]) -> None:
        pass

    def persistent_load(self, identifier: Any) -> Any:
        self.identifiers.append(identifier)
        return _Unknown()
