"""The pickle machine: reads a pickle's instructions and leaves to a subclass what they may reach.

Python's own unpickler imports and calls whatever the file names. Here the machine only moves plain data; finding a
global, calling it, making an instance, setting its state and loading a storage are methods, which `restricted` fills
in: once with an allow-list, once with nothing at all, to see what a file would ask for.
"""

from __future__ import annotations

import pickle
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

_DEEPEST_KEY = 100  # hashing recurses without a limit, so a key of deeply nested tuples would crash the interpreter
_LONGEST_LINE = 4096  # bytes of a global's module or name

Handler = Callable[["Machine"], None]
_HANDLERS: dict[int, Handler] = {}


def _on(*codes: bytes) -> Callable[[Handler], Handler]:
    """Register a method for these instructions."""

    def register(handler: Handler) -> Handler:
        _HANDLERS.update({code[0]: handler for code in codes})
        return handler

    return register


class Machine:
    """Runs one pickle in `data` from `position` on; `position` then stands behind it.

    encoding: what strings of Python 2 are decoded with; "bytes" leaves them bytes.
    """

    def __init__(self, data: bytes | memoryview, position: int = 0, encoding: str = "utf-8") -> None:
        self.data = memoryview(data)
        self.position = position
        self.encoding = encoding
        self.stack: list[Any] = []
        self.outer_stacks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The pickled object."""
        while True:
            start = self.position
            code = self.take(1)[0]
            if code == pickle.STOP[0]:
                return self.pop()
            handler = _HANDLERS.get(code)
            if handler is None:
                raise UnpicklingError(
                    f"Unsupported operand {code} at byte {start}: not an instruction plain data needs"
                )
            try:
                handler(self)
            except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
                raise UnpicklingError(f"corrupt pickle at byte {start}: {type(error).__name__} {error}") from error

    # What a subclass decides.

    def find_global(self, module: str, name: str) -> Any:
        """The object that `module.name` stands for."""
        raise NotImplementedError

    def call(self, function: Any, arguments: Any) -> Any:
        """What a pickled call returns."""
        raise NotImplementedError

    def make(self, cls: Any, arguments: Any) -> Any:
        """A new instance without calling `__init__`."""
        raise NotImplementedError

    def build(self, instance: Any, state: Any) -> None:
        """Give `instance` its state."""
        raise NotImplementedError

    def persistent_load(self, identifier: Any) -> Any:
        """The object outside the pickle that `identifier` names."""
        raise NotImplementedError

    def set_item(self, target: Any, key: Any, value: Any) -> None:
        """`target[key] = value`, for the dictionaries that a plain pickle fills."""
        if type(target) not in (dict, OrderedDict, Counter):
            raise UnpicklingError(
                f"Can only SETITEM for dict, collections.OrderedDict, collections.Counter, but got {type(target)}"
            )
        check_key(key)
        target[key] = value

    def add_items(self, target: Any, items: list[Any]) -> None:
        """Add to the list or set that a plain pickle fills."""
        if type(target) is list:
            target.extend(items)
        elif type(target) is set:
            for item in items:
                check_key(item)
                target.add(item)
        else:
            raise UnpicklingError(f"Can only append to lists or sets, but got {type(target)}")

    # What the instructions use.

    def take(self, count: int) -> memoryview:
        """The next `count` bytes."""
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise UnpicklingError(f"pickle data was truncated: {count} bytes wanted at byte {self.position}")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def take_number(self, form: str) -> Any:
        """The next number, in `struct`'s notation."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def take_line(self) -> str:
        """Text up to the end of the line."""
        line, end, _ = bytes(self.data[self.position : self.position + _LONGEST_LINE]).partition(b"\n")
        if not end:
            raise UnpicklingError("pickle data was truncated: a line does not end")
        self.position += len(line) + 1
        return line.decode("utf-8")

    def pop(self) -> Any:
        if not self.stack:
            raise UnpicklingError("corrupt pickle: the stack is empty")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        if not self.outer_stacks:
            raise UnpicklingError("corrupt pickle: no mark was set")
        items, self.stack = self.stack, self.outer_stacks.pop()
        return items

    def push_global(self, module: str, name: str) -> None:
        """Push a global, under its Python 3 name."""
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        else:
            module = IMPORT_MAPPING.get(module, module)
        self.stack.append(self.find_global(module, name))


def check_key(key: Any, depth: int = 0) -> None:
    """Refuse a key or set item that cannot be hashed."""
    if type(key) in (tuple, frozenset):
        if depth > _DEEPEST_KEY:
            raise UnpicklingError(f"a key is nested more than {_DEEPEST_KEY} deep")
        for item in key:
            check_key(item, depth + 1)
    elif type(key).__hash__ is None:
        raise UnpicklingError(f"corrupt pickle: a {type(key).__name__} cannot be a key")


@_on(pickle.PROTO)
def _protocol(machine: Machine) -> None:
    version = machine.take(1)[0]
    if version > pickle.HIGHEST_PROTOCOL:
        raise UnpicklingError(f"unsupported pickle protocol: {version}")


@_on(pickle.FRAME)
def _frame(machine: Machine) -> None:
    machine.take(8)  # a frame's length helps only those who read from a stream


@_on(pickle.MARK)
def _mark(machine: Machine) -> None:
    machine.outer_stacks.append(machine.stack)
    machine.stack = []


@_on(pickle.POP)
def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_to_mark()


@_on(pickle.POP_MARK)
def _pop_mark(machine: Machine) -> None:
    machine.pop_to_mark()


_CONSTANTS = {pickle.NONE: None, pickle.NEWTRUE: True, pickle.NEWFALSE: False, pickle.EMPTY_TUPLE: ()}
_EMPTY = {pickle.EMPTY_LIST: list, pickle.EMPTY_DICT: dict, pickle.EMPTY_SET: set}
_NUMBERS = {pickle.BININT: "<i", pickle.BININT1: "<B", pickle.BININT2: "<H", pickle.BINFLOAT: ">d"}
# Instructions that are followed by a length, of this form, and by so many bytes.
_SIZED: dict[bytes, tuple[str, Callable[[Machine, memoryview], Any]]] = {
    pickle.BINUNICODE: ("<I", lambda machine, data: str(data, "utf-8", "surrogatepass")),
    pickle.SHORT_BINUNICODE: ("<B", lambda machine, data: str(data, "utf-8", "surrogatepass")),
    pickle.BINUNICODE8: ("<Q", lambda machine, data: str(data, "utf-8", "surrogatepass")),
    pickle.BINBYTES: ("<I", lambda machine, data: bytes(data)),
    pickle.SHORT_BINBYTES: ("<B", lambda machine, data: bytes(data)),
    pickle.BINBYTES8: ("<Q", lambda machine, data: bytes(data)),
    pickle.BYTEARRAY8: ("<Q", lambda machine, data: bytearray(data)),
    pickle.BINSTRING: ("<i", lambda machine, data: _python2_string(machine, data)),
    pickle.SHORT_BINSTRING: ("<B", lambda machine, data: _python2_string(machine, data)),
    pickle.LONG1: ("<B", lambda machine, data: int.from_bytes(data, "little", signed=True)),
    pickle.LONG4: ("<i", lambda machine, data: int.from_bytes(data, "little", signed=True)),
}


def _python2_string(machine: Machine, data: memoryview) -> str | bytes:
    return bytes(data) if machine.encoding == "bytes" else str(data, machine.encoding)


def _register_pushes() -> None:
    for code, value in _CONSTANTS.items():
        _on(code)(lambda machine, value=value: machine.stack.append(value))
    for code, maker in _EMPTY.items():
        _on(code)(lambda machine, maker=maker: machine.stack.append(maker()))
    for code, form in _NUMBERS.items():
        _on(code)(lambda machine, form=form: machine.stack.append(machine.take_number(form)))
    for code, (form, read) in _SIZED.items():
        _on(code)(
            lambda machine, form=form, read=read: machine.stack.append(
                read(machine, machine.take(machine.take_number(form)))
            )
        )
    for code, count in ((pickle.TUPLE1, 1), (pickle.TUPLE2, 2), (pickle.TUPLE3, 3)):
        _on(code)(lambda machine, count=count: _tuple_of(machine, count))


def _tuple_of(machine: Machine, count: int) -> None:
    items = [machine.pop() for _ in range(count)]
    machine.stack.append(tuple(reversed(items)))


_register_pushes()


@_on(pickle.TUPLE)
def _tuple(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.stack.append(tuple(items))


@_on(pickle.LIST)
def _list(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.stack.append(items)


@_on(pickle.FROZENSET)
def _frozenset(machine: Machine) -> None:
    items = machine.pop_to_mark()
    for item in items:
        check_key(item)
    machine.stack.append(frozenset(items))


@_on(pickle.DICT)
def _dict(machine: Machine) -> None:
    items = machine.pop_to_mark()
    made: dict[Any, Any] = {}
    _set_pairs(machine, made, items)
    machine.stack.append(made)


@_on(pickle.APPEND)
def _append(machine: Machine) -> None:
    item = machine.pop()
    machine.add_items(machine.stack[-1], [item])


@_on(pickle.APPENDS, pickle.ADDITEMS)
def _append_items(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.add_items(machine.stack[-1], items)


@_on(pickle.SETITEM)
def _set_item(machine: Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_item(machine.stack[-1], key, value)


@_on(pickle.SETITEMS)
def _set_items(machine: Machine) -> None:
    items = machine.pop_to_mark()
    _set_pairs(machine, machine.stack[-1], items)


def _set_pairs(machine: Machine, target: Any, items: list[Any]) -> None:
    if len(items) % 2:
        raise UnpicklingError("corrupt pickle: a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        machine.set_item(target, key, value)


@_on(pickle.BINPUT)
def _put_short(machine: Machine) -> None:
    machine.memo[machine.take_number("<B")] = machine.stack[-1]


@_on(pickle.LONG_BINPUT)
def _put_long(machine: Machine) -> None:
    machine.memo[machine.take_number("<I")] = machine.stack[-1]


@_on(pickle.MEMOIZE)
def _memoize(machine: Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


@_on(pickle.BINGET)
def _get_short(machine: Machine) -> None:
    machine.stack.append(machine.memo[machine.take_number("<B")])


@_on(pickle.LONG_BINGET)
def _get_long(machine: Machine) -> None:
    machine.stack.append(machine.memo[machine.take_number("<I")])


@_on(pickle.DUP)
def _duplicate(machine: Machine) -> None:
    machine.stack.append(machine.stack[-1])


@_on(pickle.GLOBAL)
def _global(machine: Machine) -> None:
    module, name = machine.take_line(), machine.take_line()
    machine.push_global(module, name)


@_on(pickle.STACK_GLOBAL)
def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if type(name) is not str or type(module) is not str:
        raise UnpicklingError("corrupt pickle: a global's name is not text")
    machine.push_global(module, name)


@_on(pickle.REDUCE)
def _reduce(machine: Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.stack.append(machine.call(function, arguments))


@_on(pickle.NEWOBJ)
def _new_object(machine: Machine) -> None:
    arguments, cls = machine.pop(), machine.pop()
    machine.stack.append(machine.make(cls, arguments))


@_on(pickle.BUILD)
def _build(machine: Machine) -> None:
    state = machine.pop()
    machine.build(machine.stack[-1], state)


@_on(pickle.BINPERSID)
def _persistent(machine: Machine) -> None:
    machine.stack.append(machine.persistent_load(machine.pop()))
