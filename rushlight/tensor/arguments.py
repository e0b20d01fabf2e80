"""Arguments of public functions that failed: by another of their names, or no tensors where tensors belong.

All of it is asked once a call has raised, so that calls that succeed pay nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..ir.graph import mode
from .layouts import for_all_layouts
from .tensor import Late, Tensor

# NumPy's names, which PyTorch takes in all of its functions beside its own.
_NUMPY = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}

# Names that PyTorch's function has in one of its forms, where ours has one form: function, then PyTorch's name and ours.
_OF_ANOTHER_FORM: Mapping[str, Mapping[str, str]] = {
    "dsplit": {"sections": "indices_or_sections", "indices": "indices_or_sections"},
    "heaviside": {"values": "other"},
    "hsplit": {"sections": "indices_or_sections", "indices": "indices_or_sections"},
    "norm": {"A": "input"},  # linalg.norm, as its documentation has it
    "orgqr": {"input2": "tau"},
    "pow": {"self": "input"},
    "searchsorted": {"self": "input"},
    "tensor_split": {"sections": "indices_or_sections", "indices": "indices_or_sections"},
    "transpose": {"axis0": "dim0", "axis1": "dim1"},  # as `swapaxes` calls them
    "vsplit": {"sections": "indices_or_sections", "indices": "indices_or_sections"},
}

FAILED = object()


def second_answer(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception, outermost: bool
) -> Any:
    """What a call that has raised `error` gives all the same, or FAILED; TypeError in PyTorch's words for what is no tensor.

    An argument's class may take the function over; only the outermost public function lets it.
    """
    if outermost and any(_takes_over(value) for value in (*args, *kwargs.values())):
        depth, mode.depth = mode.depth, 0
        try:
            return Late.overrides().answer_for_class(function, args, kwargs)
        finally:
            mode.depth = depth
    if isinstance(error, TypeError):
        return answer_by_other_names(function, args, kwargs, error)
    if isinstance(error, AttributeError):
        require_tensors(function, args, kwargs)
    return FAILED


def _takes_over(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_takes_over(each) for each in value)
    return not isinstance(value, Tensor) and hasattr(type(value), "__torch_function__")


def answer_to_operator(operator: Callable[..., Any], self: Tensor, other: Any) -> Any:
    """What an operand's class makes of an operator; NotImplemented where it does not take functions over."""
    if not _takes_over(other):
        return NotImplemented
    return Late.overrides().answer_for_class(operator, (self, other), {})


def answer_by_other_names(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> Any:
    """What the function answers with its arguments under its own names for them; FAILED where that is not what is wrong.

    error: what the call raised. TypeError, with the name that users know, for a name that is none.
    """
    code, trace = inspect.unwrap(function).__code__, error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not code:
        trace = trace.tb_next
    if not kwargs or trace is not None:  # raised inside of the function, not by the call
        return FAILED
    own = public_name(function)
    parameters = inspect.signature(function).parameters
    others = {**_NUMPY, **_OF_ANOTHER_FORM.get(own, {})}
    named = {name if name in parameters else others.get(name, name): value for name, value in kwargs.items()}
    if len(named) == len(kwargs) and named.keys() != kwargs.keys() and named.keys() <= parameters.keys():
        return for_all_layouts(function)(*args, **named)
    if function.__qualname__ != own:
        raise TypeError(str(error).replace(f"{function.__qualname__}()", f"{own}()")) from None
    return FAILED


def require_tensors(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """TypeError for an argument that should be a tensor and is not."""
    for place, (own, parameter) in enumerate(inspect.signature(function).parameters.items()):
        given = args[place] if place < len(args) else kwargs.get(own, parameter.default)
        if parameter.annotation == "Tensor" and not isinstance(given, Tensor):
            where = f" (position {place + 1})" if place < len(args) else ""
            raise TypeError(
                f"{public_name(function)}(): argument '{own}'{where} must be Tensor, not {type(given).__name__}"
            ) from None


def public_name(function: Callable[..., Any]) -> str:
    """The function's name without the underscore that keeps it from a builtin's."""
    return function.__name__.removesuffix("_")
