"""What the tests start in other processes; a module of its own, which a fresh process imports."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import rushlight as torch


def serve(index: int, asked: Any, answers: Any, shared: Any, parameter: Any) -> None:
    """The first process writes where both see it; the second adds to what it is sent, until None comes."""
    if index == 0:
        shared[1] = 5.0
        parameter.data.mul_(2)
        answers.put(("first", type(parameter).__name__, parameter.requires_grad, os.getpid()))
        return
    while True:
        tensor = asked.get()
        if tensor is None:
            return
        tensor += 1
        answers.put(("second", tuple(tensor.stride()), str(tensor.dtype), os.getpid()))


def fail(index: int, kind: str) -> None:
    """The second process fails, the first would wait for an hour."""
    if index == 0:
        time.sleep(3600)
    if kind == "raise":
        raise ValueError("wrong number 7")
    if kind == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


def total(tensor: torch.Tensor) -> float:
    """A sum, for a pool."""
    return float(tensor.sum())
