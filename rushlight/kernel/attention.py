"""Attention and its gradient as one kernel each, which keep no matrix of scores.

They mean what the records of `ir.attention` say; operands and results stand in the records' order.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..dtype import bool_, float32, float64
from ..dtype import dtype as ElementType
from ..ir.graph import Signature
from .buffer import Buffer, Shape


@dataclass(frozen=True)
class Attention:
    """Of queries (…, L, E), keys (…, S, E) and values (…, S, V).

    Args:
        mask: (…, L, S): bool, true where a query may look, or what is added to the scores.
        causal: whether a query may look only at its own place and those before.
        back: of the gradient, the result's cotangent (…, L, V), the logarithms of the sums (…, L), and what is taken from each row of
            the weights' cotangents (…, L). Without it the kernel is the forward's.
    """

    q: Buffer
    k: Buffer
    v: Buffer
    mask: Buffer | None
    scale: Buffer
    causal: bool
    back: tuple[Buffer, Buffer, Buffer] | None = None

    @property
    def dtype(self) -> ElementType:
        return self.q.dtype

    @property
    def batch(self) -> Shape:
        return self.q.shape[:-2]

    @property
    def heads(self) -> int:
        """How many attentions there are that have nothing to do with each other."""
        return prod(self.batch)

    @property
    def length(self) -> int:
        """Queries."""
        return self.q.shape[-2]

    @property
    def source(self) -> int:
        """Keys."""
        return self.k.shape[-2]

    @property
    def operands(self) -> tuple[Buffer, ...]:
        mask = () if self.mask is None else (self.mask,)
        return (self.q, self.k, self.v, *mask, self.scale, *(self.back or ()))

    @property
    def results(self) -> tuple[Buffer, ...]:
        if self.back is not None:
            return tuple(Buffer.of(self.dtype, x.shape) for x in (self.q, self.k, self.v))
        rows = (*self.batch, self.length)
        return Buffer.of(self.dtype, (*rows, self.v.shape[-1])), Buffer.of(self.dtype, rows)

    def key(self) -> str:
        """A text that says everything."""
        kind = f"attention{'_gradient' if self.back else ''}{' causal' if self.causal else ''}"
        mask = " masked" if self.mask is not None else ""
        return f"{kind}{mask} {' '.join(buffer.key() for buffer in self.operands)}"


def attention(signature: Signature, operands: tuple[Buffer, ...]) -> Attention | None:
    """The kernel of an `attention`; None for what is empty or of another dtype than float32 and float64."""
    return _of(signature, operands, None)


def attention_gradient(signature: Signature, operands: tuple[Buffer, ...]) -> Attention | None:
    """The kernel of an `attention_gradient`, likewise."""
    g, sums, through = operands[-3:]
    return _of(signature, operands[:-3], (g, sums, through))


def _of(
    signature: Signature, operands: tuple[Buffer, ...], back: tuple[Buffer, Buffer, Buffer] | None
) -> Attention | None:
    q, k, v, *given, scale = operands
    mask = given[0] if given else None
    floating = (q, k, v, scale, *(back or ()), *([mask] if mask is not None and mask.dtype is not bool_ else []))
    if {buffer.dtype for buffer in floating} not in ({float32}, {float64}) or not all(b.size for b in operands):
        return None
    return Attention(q, k, v, mask, scale, signature.attributes["causal"], back)
