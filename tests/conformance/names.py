"""Finds what a PyTorch callable is called, and the callable of the same name in the module under test.

Many OpInfo records hold a small Python function around a PyTorch call (`lambda x, dims: x.repeat(dims)`). Such a
function is made again with the global name `torch` meaning the module under test.
"""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Callable
from typing import Any

import torch

from .subject import lookup, subject

NAMESPACES = (
    "",
    "Tensor",
    "nn.functional",
    "linalg",
    "special",
    "fft",
    "signal.windows",
    "masked",
    "nn.init",
    "nn.utils.rnn",
    "autograd.functional",
    "nn",
    "optim",
    "optim.lr_scheduler",
)


def _paths_of_callables() -> dict[int, str]:
    paths: dict[int, str] = {}
    for space in NAMESPACES:
        root = lookup(space, torch) if space else torch
        for name in dir(root):
            value = getattr(root, name, None)
            if callable(value):
                paths.setdefault(id(value), f"{space}.{name}" if space else name)
    return paths


_PATHS = _paths_of_callables()


class Missing(Exception):
    """The module under test has no such name; the text is its dotted path."""


def path_of(function: Any) -> str | None:
    """The dotted path of a public PyTorch callable, without "torch."."""
    return _PATHS.get(id(function))


def same_name(function: Any) -> Any:
    """The module's callable at the path that `function` has in PyTorch; raises `Missing`."""
    path = path_of(function)
    if path is None:
        raise Missing(repr(function))
    found = lookup(path)
    if found is None:
        raise Missing(path)
    return found


def _with_seed(op: Callable, *args: Any, **kwargs: Any) -> Any:
    subject.manual_seed(42)
    return op(*args, **kwargs)


def is_test_function(function: Any) -> bool:
    """Whether it is one of the small functions around a PyTorch call that OpInfo records hold."""
    return isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing._internal")


def rebind(function: types.FunctionType) -> Callable:
    """The same Python function, with `torch` meaning the module under test."""
    scope = dict(function.__globals__)
    scope["torch"] = subject
    scope["wrapper_set_seed"] = _with_seed
    for name in function.__code__.co_names:
        value = scope.get(name)
        if name != "wrapper_set_seed" and is_test_function(value) and value is not function:
            scope[name] = rebind(value)
        elif path_of(value) is not None:
            scope[name] = same_name(value)
    made = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _names_in(code: types.CodeType) -> tuple[set[str], set[str]]:
    """The dotted paths below `torch`, and the attributes of local values, that a function's code reads."""
    paths: set[str] = set()
    attributes: set[str] = set()
    chain: list[str] | None = None
    of_local = False
    for step in [*dis.get_instructions(code), None]:
        if step is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            if chain is not None:
                chain.append(str(step.argval))
            elif of_local:
                attributes.add(str(step.argval))
            of_local = False
            continue
        if chain:
            paths.add(".".join(chain))
        chain = [] if step is not None and step.opname == "LOAD_GLOBAL" and step.argval == "torch" else None
        of_local = step is not None and step.opname == "LOAD_FAST"
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner_paths, inner_attributes = _names_in(constant)
            paths |= inner_paths
            attributes |= inner_attributes
    return paths, attributes


def missing_names(function: types.FunctionType) -> list[str]:
    """What such a function uses that the module under test lacks."""
    paths, attributes = _names_in(function.__code__)
    lacking = [p for p in paths if lookup(p, torch) is not None and lookup(p) is None]
    for name in attributes:
        if hasattr(torch.Tensor, name) and not hasattr(subject.Tensor, name):
            lacking.append(f"Tensor.{name}")
    return sorted(lacking)


def translate(function: Any) -> Callable:
    """The callable of the module under test that means what `function` does in PyTorch; raises `Missing`."""
    if is_test_function(function):
        lacking = missing_names(function)
        if lacking:
            raise Missing(", ".join(lacking))
        return rebind(function)
    if isinstance(function, functools.partial):
        return functools.partial(same_name(function.func), *function.args, **function.keywords)
    return same_name(function)
