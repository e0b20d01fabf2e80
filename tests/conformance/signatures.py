"""The arguments that PyTorch documents for a callable, and those that the callable of the same name takes here.

PyTorch's come from `inspect.signature` where it knows one, else from the lines of the docstring that have the form of a call;
there may be several of them, for a function that is called in several ways. All public callables that both have are compared; what differs stands
in `signatures.txt`, which `python -m tests.conformance.signatures` writes anew.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rushlight import Tensor
from rushlight.alias.missing import pytorch_names
from rushlight.alias.table import place as place_of

KNOWN = Path(__file__).with_name("signatures.txt")

UNKNOWN = object()  # a default that is not a literal


@dataclass(frozen=True)
class Argument:
    name: str
    keyword_only: bool
    default: Any  # inspect.Parameter.empty where there is none


@dataclass(frozen=True)
class Arguments:
    """The named arguments of one way of calling, and whether further ones are taken without a name or with any name."""

    named: tuple[Argument, ...]
    more: bool
    any_name: bool

    def names(self) -> set[str]:
        return {argument.name for argument in self.named}

    def positional(self) -> list[str]:
        return [argument.name for argument in self.named if not argument.keyword_only]


def scan() -> Iterator[str]:
    """A line for each public callable that PyTorch documents otherwise."""
    seen: set[int] = set()
    for module, names in sorted(pytorch_names().items()):
        if module.startswith("torchvision"):
            continue
        for name in sorted(names):
            pair = _pair(module, name)
            if pair is None or id(pair[0]) in seen:
                continue
            seen.add(id(pair[0]))
            ways, ours = documented(name, pair[0]), accepted(pair[1])
            if module == "torch.Tensor":
                ways = [_without(way, {"self"}) for way in ways]
                ours = _without(ours, {ours.named[0].name} if ours.named else set())
            found = list(dict.fromkeys(differences(ways, ours)))
            if found:
                yield f"{module}.{name}: {'; '.join(found)}"


def _pair(module: str, name: str) -> tuple[Any, Any] | None:
    """PyTorch's callable and ours; None where one of them is missing, or it is none or has no arguments to speak of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            here = Tensor if module == "torch.Tensor" else importlib.import_module(place_of(module))
            there = torch.Tensor if module == "torch.Tensor" else importlib.import_module(module)
            theirs, ours = getattr(there, name), getattr(here, name)
        except (ImportError, AttributeError):
            return None
    described = callable(theirs) and callable(ours) and not (inspect.isclass(theirs) and issubclass(theirs, Exception))
    return (theirs, ours) if described and not hasattr(theirs, "__args__") else None


def _without(arguments: Arguments, names: set[str]) -> Arguments:
    return Arguments(tuple(a for a in arguments.named if a.name not in names), arguments.more, arguments.any_name)


def documented(name: str, callable: Any) -> list[Arguments]:
    """What PyTorch documents for its callable, one entry for each way of calling it; empty where it documents nothing."""
    try:
        found = _from_signature(inspect.signature(callable))
    except (TypeError, ValueError):
        return list(_from_text(name, inspect.getdoc(callable) or ""))
    if found.any_name and not found.named:  # a function that chooses between others: its text says more
        return list(_from_text(name, inspect.getdoc(callable) or ""))
    return [found]


def accepted(callable: Any) -> Arguments:
    """What our callable takes: the innermost function's arguments, and those that the functions around it add."""
    if inspect.isclass(callable):
        own = callable.__init__ if callable.__init__ is not object.__init__ else callable.__new__
        inner = accepted(own)
        return Arguments(inner.named[1:], inner.more, inner.any_name)
    layers = [callable]
    while hasattr(layers[-1], "__wrapped__"):
        layers.append(layers[-1].__wrapped__)
    inner = _from_signature(inspect.signature(layers[-1]))
    added: dict[str, Argument] = {}
    for layer in layers[:-1]:
        for argument in _from_signature(inspect.signature(layer, follow_wrapped=False)).named:
            if argument.keyword_only and argument.name not in inner.names():
                added.setdefault(argument.name, argument)
    return Arguments((*inner.named, *added.values()), inner.more, inner.any_name)


def differences(theirs: list[Arguments], ours: Arguments) -> Iterator[str]:
    """What a call that PyTorch documents would meet here."""
    for way in theirs:
        lacking = [name for name in (a.name for a in way.named) if name not in ours.names()]
        if lacking and not ours.any_name:
            yield f"lacks {', '.join(lacking)}"
    if len(theirs) != 1:
        return
    (way,) = theirs
    for place, name in enumerate(way.positional()):
        here = ours.positional()
        if name in here and here.index(name) != place:
            yield f"{name} is argument {here.index(name)}, not {place}"
        elif name in ours.names() and name not in here and not ours.more:
            yield f"{name} is taken by name only"
    own = {argument.name: argument.default for argument in ours.named}
    for argument in way.named:
        default = own.get(argument.name, UNKNOWN)
        if not _alike(argument.default, default):
            yield f"{argument.name} is {_shown(default)} by default, not {_shown(argument.default)}"


def _alike(theirs: Any, ours: Any) -> bool:
    if theirs is UNKNOWN or ours is UNKNOWN:
        return True
    if theirs is inspect.Parameter.empty:
        return True  # taking a call that PyTorch does not take harms nobody
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)):
        return list(theirs) == list(ours)
    return type(theirs) is type(ours) and theirs == ours


def _shown(default: Any) -> str:
    return "without a value" if default is inspect.Parameter.empty else repr(default)


def _from_signature(signature: inspect.Signature) -> Arguments:
    named, more, any_name = [], False, False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            more = True
        elif parameter.kind is parameter.VAR_KEYWORD:
            any_name = True
        else:
            default = parameter.default
            plain = default is parameter.empty or default is None or isinstance(default, (bool, int, float, str, tuple))
            named.append(
                Argument(parameter.name, parameter.kind is parameter.KEYWORD_ONLY, default if plain else UNKNOWN)
            )
    return Arguments(tuple(named), more, any_name)


def _from_text(name: str, text: str) -> Iterator[Arguments]:
    """The calls that a docstring shows at its head or after `.. function::`."""
    joined = re.sub(r",\s*\n\s+", ", ", text)
    lines = joined.splitlines()
    own = re.escape(name.rpartition(".")[2])
    for place, line in enumerate(lines):
        match = re.match(
            rf"(\.\. (?:function|method)::\s*)?[\w.]*\b{own}\(((?:[^()]|\([^()]*\))*)\)\s*(?:->.*)?$", line.strip()
        )
        if match and (place == 0 or match[1]):
            yield _parsed(match[2])


def _parsed(inside: str) -> Arguments:
    named, more, any_name, keyword_only = [], False, False, False
    for part in _split(inside):
        if part in ("*", "/", "..."):
            keyword_only |= part == "*"
        elif part.startswith("**"):
            any_name = True
        elif part.startswith("*"):
            more = keyword_only = True
        else:
            left, equals, right = part.partition("=")
            word = re.findall(r"\w+", left.partition(":")[0])
            if word:
                named.append(Argument(word[-1], keyword_only, _literal(right) if equals else inspect.Parameter.empty))
    return Arguments(tuple(named), more, any_name)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        return UNKNOWN


def _split(inside: str) -> Iterator[str]:
    depth, start = 0, 0
    for place, sign in enumerate(inside + ","):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth <= 0:
            part = inside[start:place].strip()
            start = place + 1
            if part:
                yield part


if __name__ == "__main__":
    head = [line for line in KNOWN.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    KNOWN.write_text("\n".join([*head, *scan()]) + "\n", encoding="utf-8")
