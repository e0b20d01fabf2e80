"""Says, in the text of an error raised by a forward, in which module it happened.

`RuntimeError: linear: …` becomes `RuntimeError: linear: … — in Net.features.3 (Linear)`. As the exception travels up
through the nested calls, each module adds the name under which it knows the one below; the class and identity of the
exception stay.
"""

from __future__ import annotations

from typing import Any

from ...errors import NotThereYet, OutOfMemoryError

# Kinds whose text is for people. A KeyError's argument, say, is data that programs read.
ANNOTATED = frozenset(
    (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, NotThereYet, OutOfMemoryError)
)


class _Place:
    """Where an exception came from: the text it had, the innermost module's kind, and the names from there up."""

    __slots__ = ("text", "kind", "names", "outermost")

    def __init__(self, text: str, module: Any) -> None:
        self.text = text
        self.kind = module._get_name()
        self.names: list[str] = []
        self.outermost = module  # None once a caller did not know the module below: the path ends there

    def describe(self) -> str:
        if not self.names:
            return f"{self.text} — in {self.kind}"
        path = ".".join([self.outermost._get_name(), *self.names])
        return f"{self.text} — in {path} ({self.kind})"


def locate(error: BaseException, module: Any) -> None:
    """Adds `module`, through whose `__call__` the exception passes, to the path in the exception's text."""
    place = getattr(error, "_module_place", None)
    if place is None:
        if type(error) not in ANNOTATED or len(error.args) != 1 or not isinstance(error.args[0], str):
            return
        place = error._module_place = _Place(error.args[0], module)  # type: ignore[attr-defined]
    elif place.outermost is module or place.outermost is None:
        return
    else:
        name = next((name for name, child in module.named_modules() if child is place.outermost), None)
        if name is None:
            place.outermost = None
            return
        place.names.insert(0, name)
        place.outermost = module
    error.args = (place.describe(),)
