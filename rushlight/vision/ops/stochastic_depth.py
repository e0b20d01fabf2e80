"""Stochastic depth: training drops whole branches (Huang et al. 2016)."""

from __future__ import annotations

from ...nn import Module
from ...tensor import Tensor, empty


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """The input with each sample, or all of the batch, zero with probability `p`, and scaled by 1 / (1 - p) otherwise.

    Args:
        input: (N, …), a batch.
        mode: "row", where each sample is drawn by itself, or "batch".
        training: where False, the input itself.

    ValueError for a `p` outside [0, 1] and another mode.

    >>> import rushlight as torch
    >>> stochastic_depth(torch.ones(2, 3), 0.5, "row", training=False).sum()
    tensor(6.)
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    kept = 1.0 - p
    shape = [input.shape[0] if mode == "row" else 1] + [1] * (input.dim() - 1)
    noise = empty(shape, dtype=input.dtype, device=input.device).bernoulli_(kept)
    if kept > 0.0:
        noise.div_(kept)
    return input * noise


class StochasticDepth(Module):
    """`stochastic_depth` as a module."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"
