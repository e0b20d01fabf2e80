"""What to say of a name that a module lacks: not in Rushlight yet, or unknown to PyTorch too.

`pytorch_names.txt` lists PyTorch's public modules and their names, a module a line. It is read when a name is missed
or a program is about to run, never by a plain `import rushlight`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from opcode import opmap
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from ..errors import NotThereYet

_LIST = Path(__file__).with_name("pytorch_names.txt")


@cache
def pytorch_names() -> dict[str, frozenset[str]]:
    """PyTorch's public names by module; `torch.Tensor` stands there too, with its methods.

    >>> "softmax" in pytorch_names()["torch.nn.functional"]
    True
    """
    lines = (line.partition(":") for line in _LIST.read_text(encoding="utf-8").splitlines())
    return {module: frozenset(names.split()) for module, _, names in lines}


def not_there_yet(name: str) -> str:
    """The message for a name of PyTorch's that is missing, in one wording."""
    return f"{name} is not in Rushlight yet"


def module_getattr(module: ModuleType, name: str, former: frozenset[str] = frozenset()) -> Callable[[str], NoReturn]:
    """A `__getattr__` for `module`, which PyTorch's users know as `name`.

    It raises NotThereYet for a name that PyTorch has, or had (`former`), and AttributeError for one it has not; in `from torch import name`
    the first is an ImportError, since that is what such a statement raises and what programs catch.
    """

    def missing(attribute: str) -> NoReturn:
        if not attribute.startswith("__"):
            known = pytorch_names()
            if attribute in former or attribute in known.get(name, ()) or f"{name}.{attribute}" in known:
                text = not_there_yet(f"{name}.{attribute}")
                if _in_from_import():
                    raise ImportError(text, name=name, path=getattr(module, "__file__", None))
                raise NotThereYet(text)
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}", name=attribute, obj=module)

    return missing


def _in_from_import() -> bool:
    """Whether the statement that looked the name up, two frames away, is a `from … import …`.

    Such a statement turns an AttributeError into an ImportError that would not say why the name is missing.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_name == "__getattr__":  # the package's own, which loads names late
        frame = frame.f_back
    assert frame is not None
    return frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]
