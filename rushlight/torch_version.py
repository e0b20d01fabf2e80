"""`torch.torch_version`: the version as a string that knows its order."""

from __future__ import annotations

import re
from typing import Any

from .version import __version__ as _text

__all__ = ["TorchVersion"]


def _parts(version: Any) -> tuple[tuple[int, ...], tuple[int, int], str]:
    """The release's numbers without the zeros at their end, the stage (development … final), what stands after a plus."""
    if not isinstance(version, str):
        version = ".".join(str(part) for part in version)
    found = re.match(
        r"v?(\d+(?:\.\d+)*)[-._]?(dev|a|alpha|b|beta|rc|c|pre)?[-._]?(\d*)(?:\+([\w.]+))?", version.strip()
    )
    if found is None:
        raise ValueError(f"Invalid version: {version!r}")
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    stage = {"dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "rc": 3, "c": 3, "pre": 3}.get(found[2], 4)
    return tuple(numbers), (stage, int(found[3] or 0)), found[4] or ""


class TorchVersion(str):
    """A version that compares with strings and tuples by its numbers. "2.13.0+rushlight0.1.0" is after "2.13.0", and not equal to it.

    >>> TorchVersion("2.13.0+rushlight0.1.0") >= "2.6", TorchVersion("2.13.0") < (2, 4)
    (True, False)
    """

    __slots__ = ()

    def _order(self, other: Any) -> int | None:
        try:
            one, another = _parts(str(self)), _parts(other)
        except (TypeError, ValueError):
            return None
        return (one > another) - (one < another)

    def __lt__(self, other: Any) -> bool:
        order = self._order(other)
        return str(self) < other if order is None else order < 0

    def __le__(self, other: Any) -> bool:
        order = self._order(other)
        return str(self) <= other if order is None else order <= 0

    def __gt__(self, other: Any) -> bool:
        order = self._order(other)
        return str(self) > other if order is None else order > 0

    def __ge__(self, other: Any) -> bool:
        order = self._order(other)
        return str(self) >= other if order is None else order >= 0

    def __eq__(self, other: Any) -> bool:
        return str(self) == other or (not isinstance(other, TorchVersion) and self._order(other) == 0)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = str.__hash__


__version__ = TorchVersion(_text)
internal_version: str | None = None
