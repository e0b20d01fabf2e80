"""What a function can see: the Python values and tensors reachable from it, and whether they are as they were.

A recorded run may be repeated only where every Python value that it could read is the same. So the census goes through what the
function's code names (closure cells, globals, attributes of modules), arguments that are objects, and on through modules,
optimizers, containers and user-defined objects. What it finds are containers; each must hold the identical objects in the
identical places, which a comparison in C tells in some 20 ns a value. Tensors are gathered apart: their values may change.

What cannot be compared so is refused: iterators (their next value is hidden in them), NumPy arrays (their elements change
without a trace), and code that names functions with effects of their own (`print`, `time`).
"""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import chain
from operator import is_, itemgetter
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

import numpy as np

from ..nn.modules import Module
from ..optim.optimizer import Optimizer
from ..tensor import Tensor
from ..tensor.geometry import strided

SPARSE = "it reads or makes a sparse tensor, which is not compared; its indices and values may be given instead"
MOST = 50_000  # values watched
EFFECTS = frozenset("breakpoint compile delattr eval exec globals input locals open print setattr vars".split())
IMPURE = frozenset(
    "asyncio concurrent datetime io logging multiprocessing os queue random secrets shutil socket subprocess sys thread threading time uuid".split()
)
_PRIMITIVE = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), range, slice)
_missing = object()


REGISTRIES = frozenset(Module().__dict__) - {"training"}


class Refused(Exception):
    """Why a run cannot be repeated. `lasting`: it would be so at every run."""

    def __init__(self, reason: str, lasting: bool = True) -> None:
        super().__init__(reason)
        self.lasting = lasting


def of_library(name: Any) -> bool:
    """Whether a module is ours, NumPy's or Python's: code whose globals are not the user's."""
    top = str(name).partition(".")[0]
    return top in ("rushlight", "torch", "torchvision", "numpy") or (
        top in sys.stdlib_module_names and top != "__main__"
    )


class Census:
    """The reachable values of some roots, at one moment."""

    def __init__(self) -> None:
        self.known: set[int] = set()
        self.tensors: list[Tensor] = []  # reached through containers: always these very objects
        self.named: list[
            tuple[Any, str | None]
        ] = []  # (cell, None) or (globals, name) that hold tensors: any tensor may
        self._mappings: list[Any] = []
        self._sized: list[Any] = []  # dicts of which some items are watched, and the number of all
        self._picked: list[tuple[Any, Any]] = []
        self._sequences: list[Any] = []
        self._cells: list[Any] = []
        self._names: list[tuple[Any, str]] = []
        self._empty: list[Any] = []
        self._seen: dict[int, Any] = {}  # with the object, so that its number stays its own

    # ---- going through ----

    def visit(self, root: Any) -> None:
        """Takes in what is reachable from a value."""
        stack = [root]
        while stack:
            value = stack.pop()
            if isinstance(value, _PRIMITIVE) or id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            if len(self._seen) > MOST:
                raise Refused(f"it can reach more than {MOST} objects")
            stack.extend(self._parts(value))

    def _parts(self, value: Any) -> Iterator[Any]:
        if isinstance(value, Tensor) and value.layout is not strided:
            raise Refused(SPARSE)
        if isinstance(value, Tensor):
            self.tensors.append(value)
            yield from self._container(value.__dict__)
        elif isinstance(value, Module):
            yield from self._module(value)
        elif isinstance(value, Optimizer):
            yield from self._optimizer(value)
        elif isinstance(value, Mapping) and isinstance(value, dict) or isinstance(value, (list, set)):
            yield from self._container(value)
            yield from self._instance(value)
        elif isinstance(value, (tuple, frozenset)):
            yield from value
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, MethodType):
            yield from (value.__func__, value.__self__)
        elif isinstance(value, partial):
            yield from (value.func, value.args, value.keywords)
        elif isinstance(value, (staticmethod, classmethod)):
            yield value.__func__
        elif isinstance(value, property):
            yield from (value.fget, value.fset)
        elif isinstance(value, type):
            if not of_library(value.__module__):
                yield from self._class(value)
        elif isinstance(value, np.ndarray):
            raise Refused("it can read a NumPy array, whose elements may change unseen; make it a tensor")
        elif isinstance(value, Iterator):
            raise Refused(f"it can read an iterator ({type(value).__name__}), whose next value is not known before")
        elif not isinstance(value, (ModuleType, BuiltinFunctionType, GetSetDescriptorType, MemberDescriptorType)):
            yield from self._instance(value)

    def _container(self, value: Any) -> Iterator[Any]:
        """A mutable container: its items are watched."""
        if not value:
            self._empty.append(value)
        elif type(value) is dict:
            self._sized.append(value)
            self._picked += [(value, key) for key in value]
            yield from value.keys()
            yield from value.values()
        elif isinstance(value, Mapping):
            self._mappings.append(value)
            yield from value.keys()
            yield from value.values()
        else:
            self._sequences.append(value)
            yield from value

    def _instance(self, value: Any) -> Iterator[Any]:
        kind = type(value)
        top = kind.__module__.partition(".")[0]
        if top.lstrip("_") in IMPURE or kind.__module__.startswith("numpy.random"):
            raise Refused(f"it can reach a {kind.__module__}.{kind.__name__}, which has a state or effects of its own")
        if kind.__module__.startswith("rushlight.data"):
            raise Refused(f"it can read a {kind.__name__}, which gives other samples each time")
        if kind.__module__ == "rushlight.compiler.function":  # its recordings are no part of what it computes
            yield value._function
            return
        yield kind
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            self._seen[id(own)] = own
            yield from self._container(own)
        if not of_library(kind.__module__):
            for name in getattr(kind, "__slots__", ()):
                if isinstance(getattr(value, str(name), None), (list, dict, set, Tensor)):
                    raise Refused(f"it can read {kind.__name__}.{name}, a slot that holds what may change")

    def _module(self, value: Module) -> Iterator[Any]:
        """A module. Its registries are changed and never replaced, so that their contents alone are watched."""
        own = value.__dict__
        if type(value).__module__ == "rushlight.compiler.module":
            yield value._orig_mod
            return
        yield type(value)
        self._seen[id(own)] = own
        self._sized.append(own)
        for name, part in own.items():
            if name not in REGISTRIES:
                self._picked.append((own, name))
            yield part

    def _optimizer(self, value: Optimizer) -> Iterator[Any]:
        """An optimizer; the options of its groups are not watched where a step takes them anew."""
        own = value.__dict__
        self._seen[id(own)] = own
        self._sized.append(own)
        self._picked += [(own, name) for name in own if not name.endswith("_hooks")]
        yield type(value)
        anew = takes_options_anew(value)
        for name, part in own.items():
            if name == "param_groups" and anew:
                self._seen[id(part)] = part
                self._sequences.append(part)
                for group in part:
                    yield group["params"]
            elif name != "defaults":
                yield part

    def _class(self, value: type) -> Iterator[Any]:
        for each in value.__mro__:
            if not of_library(each.__module__):
                self._mappings.append(each.__dict__)
                yield from each.__dict__.values()

    def _function(self, value: FunctionType) -> Iterator[Any]:
        for cell in value.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            if isinstance(content, Tensor):
                self.named.append((cell, None))
            else:
                self._cells.append(cell)
                yield content
        if value.__defaults__:
            yield value.__defaults__
        if value.__kwdefaults__:
            yield value.__kwdefaults__
        if not of_library(value.__globals__.get("__name__")):
            yield from self._globals(value)

    def _globals(self, function: FunctionType) -> Iterator[Any]:
        """What the code's names stand for."""
        names, scope = _names_of(function.__code__), function.__globals__
        for name in names.imports:
            if not of_library(name) or name.partition(".")[0] in IMPURE:
                raise Refused(f"{function.__qualname__} imports {name}")
        for name in names.globals:
            found = scope.get(name, _missing)
            if found is _missing:
                if name in EFFECTS and hasattr(builtins, name):
                    raise Refused(f"{function.__qualname__} calls {name}(), which has an effect beside its result")
            elif isinstance(found, Tensor):
                self.named.append((scope, name))
            else:
                self._names.append((scope, name))
                if isinstance(found, ModuleType):
                    yield from self._attributes(found, names.attributes, function)
                else:
                    yield found

    def _attributes(self, module: ModuleType, names: tuple[str, ...], function: FunctionType) -> Iterator[Any]:
        """Of a module, what the code may read there."""
        if module.__name__.partition(".")[0] in IMPURE:
            raise Refused(f"{function.__qualname__} uses the module {module.__name__}, whose answers change")
        if of_library(module.__name__):
            return
        for name in names:
            found = vars(module).get(name, _missing)
            if isinstance(found, Tensor):
                self.named.append((vars(module), name))
            elif found is not _missing:
                self._names.append((vars(module), name))
                if not isinstance(found, ModuleType):
                    yield found

    # ---- comparing ----

    def named_tensors(self) -> list[Any]:
        """What stands now where tensors stood."""
        return [cell.cell_contents if name is None else cell.get(name) for cell, name in self.named]

    def keep(self) -> None:
        """Remembers what all containers hold now."""
        owners: dict[int, tuple[Any, list[Any]]] = {}
        for own, name in self._picked:
            owners.setdefault(id(own), (own, []))[1].append(name)
        self._getters = [(own, _getter(names)) for own, names in owners.values()]
        self._counted = [*self._sized, *self._sequences]
        self._lengths = [*map(len, self._counted)]
        self._keys = [*map(list, self._mappings)]
        self._values = self._held()
        self.known = set(self._seen)  # alive, since the containers hold them
        self._seen.clear()

    def _held(self) -> list[Any]:
        """What all containers hold, in order."""
        now = [*chain.from_iterable([get(own) for own, get in self._getters])]
        for mapping in self._mappings:
            now += mapping.values()
        for sequence in self._sequences:
            now += sequence
        now += [cell.cell_contents for cell in self._cells]
        now += [scope.get(name, _missing) for scope, name in self._names]
        return now

    def holds(self) -> bool:
        """Whether all containers hold what they held."""
        try:
            if any(self._empty) or [*map(len, self._counted)] != self._lengths:
                return False
            if [*map(list, self._mappings)] != self._keys:
                return False
            now = self._held()
        except (KeyError, RuntimeError, ValueError, TypeError):  # a key that is another tensor now, an emptied cell
            return False
        return all(map(is_, now, self._values)) or self._equal(now)

    def _equal(self, now: list[Any]) -> bool:
        """Whether values are the kept ones, or numbers and strings equal to them, which are then kept instead."""
        if len(now) != len(self._values):
            return False
        for old, new in zip(self._values, now, strict=True):
            if old is not new and (
                type(old) is not type(new) or not isinstance(old, _PRIMITIVE) or repr(old) != repr(new)
            ):
                return False
        self._values = now
        return True


def _getter(names: list[Any]) -> Callable[[Any], Any]:
    """The values of some keys of a dict, as a tuple."""
    return itemgetter(*names) if len(names) > 1 else lambda own: (own[names[0]],)


def takes_options_anew(optimizer: Optimizer) -> bool:
    """Whether a step's numbers can be made of the optimizer's groups without recording it."""
    kind = type(optimizer)
    return (
        kind.options is not None
        and kind.step is Optimizer.step
        and kind._update.__globals__["__name__"].startswith("rushlight.")
        and "step" not in optimizer.__dict__
    )


class _Names(NamedTuple):
    """What code looks up."""

    globals: tuple[str, ...]
    attributes: tuple[str, ...]
    imports: tuple[str, ...]


@lru_cache(maxsize=1024)
def _names_of(code: CodeType) -> _Names:
    """The names that code and the functions inside it look up."""
    found = _Names((), (), ())
    for instruction in dis.get_instructions(code):
        name = instruction.argval
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            found = found._replace(globals=(*found.globals, name))
        elif instruction.opname == "IMPORT_NAME":
            found = found._replace(imports=(*found.imports, name))
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            found = found._replace(attributes=(*found.attributes, name))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found = _Names(*(a + b for a, b in zip(found, _names_of(constant), strict=True)))
    return _Names(*(tuple(dict.fromkeys(each)) for each in found))
