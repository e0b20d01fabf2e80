"""Recurrent layers over a whole sequence, forward and backward: one kernel for each layer and direction.

They mean what the records of `ir.recurrent` say; operands and results stand in the records' order.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..dtype import dtype as ElementType
from ..dtype import float32, float64
from ..ir.graph import Signature
from .buffer import Buffer

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


@dataclass(frozen=True)
class Recurrence:
    """A layer in one direction.

    Args:
        kind: one of `GATES`.
        reverse: whether it runs against time.
        projected: the inputs' part of the gates' scores, (T, N, G·H).
        weight: (G·H, H).
        states: the first states, (N, H) each; of a GRU the state and the hidden bias (G·H).
    """

    kind: str
    reverse: bool
    projected: Buffer
    weight: Buffer
    states: tuple[Buffer, ...]

    @property
    def dtype(self) -> ElementType:
        return self.weight.dtype

    @property
    def length(self) -> int:
        return self.projected.shape[0]

    @property
    def rows(self) -> int:
        return self.projected.shape[1]

    def key(self) -> str:
        """A text that says everything."""
        operands = " ".join(buffer.key() for buffer in (self.projected, self.weight, *self.states))
        return f"recurrence {self.kind}{' reverse' if self.reverse else ''} {operands}"


@dataclass(frozen=True)
class RecurrenceBack:
    """The gradient of a layer: of its projected inputs and first states; of a GRU, of the hidden part of the scores too.

    Args:
        given: the cotangents of the layer's results; None for one that is zero.
        saved: the layer's results, contiguous.
    """

    kind: str
    reverse: bool
    given: tuple[Buffer | None, ...]
    saved: tuple[Buffer, ...]
    weight: Buffer
    states: tuple[Buffer, ...]

    @property
    def dtype(self) -> ElementType:
        return self.weight.dtype

    @property
    def length(self) -> int:
        return self.saved[0].shape[0]

    @property
    def rows(self) -> int:
        return self.saved[0].shape[1]

    def key(self) -> str:
        """A text that says everything."""
        given = " ".join("zero" if buffer is None else buffer.key() for buffer in self.given)
        rest = " ".join(buffer.key() for buffer in (*self.saved, self.weight, *self.states))
        return f"recurrence_back {self.kind}{' reverse' if self.reverse else ''} {given} of {rest}"


def recurrence(signature: Signature, operands: tuple[Buffer, ...]) -> Recurrence | None:
    """The kernel of a `recurrence`; None for what is empty or of another dtype than float32 and float64."""
    if not _native(operands):
        return None
    projected, weight, *states = operands
    attributes = signature.attributes
    return Recurrence(attributes["kind"], attributes["reverse"], projected, weight, tuple(states))


def recurrence_back(signature: Signature, operands: tuple[Buffer, ...]) -> RecurrenceBack | None:
    """The kernel of a `recurrence_back`, likewise."""
    attributes = signature.attributes
    rest = iter(operands)
    given = tuple(next(rest) if has else None for has in attributes["given"])
    saved = tuple(next(rest) for _ in given)
    weight, *states = rest
    if not _native(operands) or not all(buffer.contiguous for buffer in saved):
        return None
    return RecurrenceBack(attributes["kind"], attributes["reverse"], given, saved, weight, tuple(states))


def _native(operands: tuple[Buffer, ...]) -> bool:
    dtypes = {buffer.dtype for buffer in operands}
    return dtypes in ({float32}, {float64}) and all(buffer.size for buffer in operands)
