"""Small sparse tensors that the tests of this folder share, as names of an expression that either library evaluates."""

from __future__ import annotations

import io
from typing import Any

import torch

import rushlight


class Names(dict[str, Any]):
    """What expressions may name: `t` the library, `F`, and tensors, made when first named."""

    MADE = {
        "i": lambda t: t.tensor([[0, 1, 1], [2, 0, 2]]),
        "v": lambda t: t.tensor([3.0, 4.0, 5.0]),
        "s": lambda t: t.sparse_coo_tensor(
            t.tensor([[0, 1, 1], [2, 0, 2]]), t.tensor([3.0, 4.0, 5.0]), (2, 3)
        ).coalesce(),
        "u": lambda t: t.sparse_coo_tensor(t.tensor([[1, 0, 0], [2, 2, 2]]), t.tensor([3.0, 4.0, 5.0]), (2, 3)),
        "h": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1, 1], [2, 0, 2]]), t.arange(6.0).reshape(3, 2), (2, 3, 2)),
        "csr": lambda t: t.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0], (2, 3)),
        "csc": lambda t: t.sparse_csc_tensor([0, 1, 1, 3], [1, 0, 1], [4.0, 3.0, 5.0], (2, 3)),
        "none": lambda t: t.sparse_coo_tensor((2, 3)),
        "d": lambda t: t.arange(6.0).reshape(2, 3) - 2,
        "e": lambda t: t.arange(6.0).reshape(3, 2) - 2,
        "F": lambda t: t.nn.functional,
        "io": lambda t: io,
    }

    def __init__(self, library: Any) -> None:
        super().__init__(t=library)

    def __missing__(self, name: str) -> Any:
        if name not in self.MADE:
            raise KeyError(name)
        self[name] = made = self.MADE[name](self["t"])
        return made


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip() and not line.strip().startswith("#")]


def evaluated(expression: str, library: Any) -> Any:
    return eval(expression, Names(library))


def both(expression: str) -> tuple[Any, Any]:
    return evaluated(expression, rushlight), evaluated(expression, torch)
