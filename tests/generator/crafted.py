"""Normals of chosen uniforms: generator states made up so that PyTorch draws the words we want."""

from __future__ import annotations

import numpy as np
import torch

from rushlight.generator.box_muller import standard_normals
from rushlight.generator.mt19937 import BLOCK, Engine

from .twin import FUSED

USED = 608  # words of a block that a state offers here: a multiple of 16
SINGLE_RADIUS = 6601320  # the uniform, times 2**24, whose Box-Muller radius is exactly 1


def untempered(words: np.ndarray) -> np.ndarray:
    """The state words that MT19937 gives out as these."""
    y = words.astype(np.uint32)
    y ^= y >> np.uint32(18)
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    for shift, mask, rounds in ((-7, 0x9D2C5680, 4), (11, 0xFFFFFFFF, 2)):
        known = y.copy()
        for _ in range(rounds):
            moved = known << np.uint32(-shift) if shift < 0 else known >> np.uint32(shift)
            known = y ^ (moved & np.uint32(mask))
        y = known
    return y


def normals_of_uniforms(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Our float32 normals and PyTorch's, for uniforms blocks * 2**-24 of shape (n, 2, 8): radial and angular parts."""
    words = blocks.reshape(-1).astype(np.uint32)
    missing = -len(words) % USED
    raw = untempered(np.concatenate([words, np.zeros(missing, np.uint32)])).reshape(-1, USED)
    state = Engine(0).get_state()
    state[8:24] = np.frombuffer(np.array([BLOCK, 1, 1, 0], "<i4").tobytes(), np.uint8)  # left, seeded, next
    key = state[24 : 24 + 8 * BLOCK].view("<u8")
    generator = torch.Generator()
    drawn = []
    for row in raw:
        key[1 : 1 + USED] = row
        generator.set_state(torch.from_numpy(state))
        drawn.append(torch.randn(USED, generator=generator).numpy())
    ours = standard_normals(words.astype(np.float32) * np.float32(2.0**-24), FUSED) + np.float32(0)
    return ours, np.concatenate(drawn)[: len(words)]
