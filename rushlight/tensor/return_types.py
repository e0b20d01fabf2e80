"""Named tuples of results, as `torch.return_types`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def return_type(name: str, fields: str) -> Any:
    """A named tuple that prints as PyTorch's does.

    >>> return_type("sort", "values indices")(1, 2)
    torch.return_types.sort(
    values=1,
    indices=2)
    """
    base: Any = namedtuple(name, fields)  # type: ignore[misc]

    def text(self: Any) -> str:
        parts = ",\n".join(f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    return type(name, (base,), {"__slots__": (), "__repr__": text})
