"""Sums of rows in the order in which PyTorch adds them up."""

from __future__ import annotations

import numpy as np

_LANES = 4  # float64 in a vector of 32 bytes, PyTorch's width for sums on every x86
_CHAINS = 4  # sums that run side by side
_LEVELS = 4  # of partial sums, so that long rows lose little


def row_sums(rows: np.ndarray) -> np.ndarray:
    """The sums over the last axis of a float64 array, keeping it, as `tensor.sum(-1, keepdim=True)` on one thread."""
    columns = np.moveaxis(rows, -1, 0)
    count, outer = len(columns), columns.shape[1:]
    if count < _LANES:
        return _chained(columns)[..., None]
    whole = count // _LANES * _LANES
    lanes = _chained(columns[:whole].reshape(whole // _LANES, _LANES, *outer))
    total = np.zeros(outer)
    for part in (*columns[whole:], *lanes):
        total = total + part
    return total[..., None]


def _chained(terms: np.ndarray) -> np.ndarray:
    """The sum over the first axis: four chains, the terms left over, then the chains together."""
    whole = len(terms) // _CHAINS * _CHAINS
    chains = _cascaded(terms[:whole].reshape(whole // _CHAINS, _CHAINS, *terms.shape[1:]))
    total = chains[0]
    for part in (*terms[whole:], *chains[1:]):
        total = total + part
    return total


def _cascaded(terms: np.ndarray) -> np.ndarray:
    """The sum over the first axis; after every `step` terms a level's sum moves to the next level."""
    power = max(4, (max(len(terms), 1) - 1).bit_length() // _LEVELS)
    step = 1 << power
    sums = [np.zeros(terms.shape[1:]) for _ in range(_LEVELS)]
    for i, term in enumerate(terms, 1):
        sums[0] = sums[0] + term
        for level in range(1, _LEVELS):
            if i % (step**level):
                break
            sums[level] = sums[level] + sums[level - 1]
            sums[level - 1] = np.zeros_like(term)
    total = sums[0]
    for rest in sums[1:]:
        total = total + rest
    return total
