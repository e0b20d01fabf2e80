"""The MT19937 stream of PyTorch's CPU generator.

NumPy's own MT19937 makes the words, a block of 624 at a time; `Engine` hands them out in PyTorch's order and packs
its state in the 5056 bytes that `torch.get_rng_state()` has, so that states can be exchanged in both directions.

>>> engine = Engine(0)
>>> engine.random32(3)
array([2357136044, 2546248239, 3071714933], dtype=uint32)
>>> state = engine.get_state()
>>> before = engine.uniform32(2)
>>> engine.set_state(state)
>>> bool((engine.uniform32(2) == before).all())
True
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .native import LONG, draws, fused_draws

BLOCK = 624
DEFAULT_SEED = 67280421310721  # PyTorch's, for generators that nobody has seeded
_CHUNK = 64 * BLOCK  # words made at once, so that the intermediate 64-bit copy stays in the cache

# PyTorch's CPUGeneratorImplState, byte for byte.
_STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "key", "double_normal", "has_double", "float_normal", "has_float"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", BLOCK), "<f8", "<i4", "<f4", "u1"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052],
        "itemsize": 5056,
    }
)
STATE_SIZE = _STATE.itemsize


def _initial_key(seed: int) -> np.ndarray:
    """The 624 words that MT19937's reference seeding makes of the low 32 bits of `seed`."""
    word = seed & 0xFFFFFFFF
    key = [word]
    for i in range(1, BLOCK):
        word = (1812433253 * (word ^ (word >> 30)) + i) & 0xFFFFFFFF
        key.append(word)
    return np.array(key, np.uint32)


def _temper(key: np.ndarray) -> np.ndarray:
    """The 624 outputs that a block of state words stands for."""
    y = key ^ (key >> 11)
    y ^= (y << 7) & np.uint32(0x9D2C5680)
    y ^= (y << 15) & np.uint32(0xEFC60000)
    return y ^ (y >> 18)


class Engine:
    """A stream of 32-bit words with PyTorch's seeding and state, and the second half of the last Box-Muller pair.

    `fused` says which of PyTorch's two arithmetics the draws follow: True, what it does on every CPU with AVX2 or
    AVX512 (multiply-add in one rounding, float32 normals by AVX polynomials); False, what it does with
    `ATEN_CPU_CAPABILITY=default`.
    """

    requests = 0  # of all engines: how often words were drawn or a stream begun
    __slots__ = ("double_normal", "float_normal", "fused", "_seed", "_source", "_block", "_next", "_left")

    def __init__(self, seed: int = DEFAULT_SEED, fused: bool = True) -> None:
        self.fused = fused
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start again from `seed` (0 <= seed < 2**64; as in PyTorch only its low 32 bits choose the stream)."""
        if not 0 <= seed < 1 << 64:
            raise ValueError(f"Engine.seed: {seed} is not in [0, 2**64)")
        Engine.requests += 1
        self._seed = seed
        self._source: np.random.MT19937 | None = None  # made when first needed: many engines never draw
        self._block = np.empty(0, np.uint32)  # the outputs of the block that is being handed out
        self._next, self._left = 0, 1  # place in the block, and words left in it plus one: PyTorch's counters
        self.double_normal: float | None = None
        self.float_normal: float | None = None  # PyTorch keeps one in its state but no CPU kernel uses it

    @property
    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        return self._seed

    def random32(self, count: int) -> np.ndarray:
        """The next `count` words, uint32."""
        Engine.requests += 1
        start, stop = self._next, self._next + count
        if count < self._left:
            self._next, self._left = stop, self._left - count
            return self._block[start:stop].copy()
        words = np.empty(count, np.uint32)
        done = self._left - 1
        words[:done] = self._block[start : start + done]
        source = self._ready_source()
        whole = done + (count - done) // BLOCK * BLOCK
        self._fill(source, words[done:whole])
        self._next, self._left = BLOCK, 1
        if whole < count:
            self._block = source.random_raw(BLOCK).astype(np.uint32)
            self._next = count - whole
            self._left = BLOCK + 1 - self._next
            words[whole:] = self._block[: self._next]
        return words

    def _fill(self, source: np.random.MT19937, words: np.ndarray) -> None:
        """Whole blocks: by compiled code where there are many."""
        compiled = draws() if words.size >= LONG else None
        if compiled is None:
            for begin in range(0, words.size, _CHUNK):
                part = words[begin : begin + _CHUNK]
                part[:] = source.random_raw(part.size)
            return
        key = source.state["state"]["key"].astype(np.uint32)
        compiled.fill(key, words)
        source.state = _at_the_end_of(key)

    def random64(self, count: int) -> np.ndarray:
        """The next `count` 64-bit words, uint64; each takes two words of the stream, the high half first."""
        words = self.random32(2 * count)
        joined = words[0::2].astype(np.uint64)
        joined <<= np.uint64(32)
        joined |= words[1::2]
        return joined

    def uniform32(self, count: int) -> np.ndarray:
        """`count` float32 multiples of 2**-24 in [0, 1), a word each."""
        words = self.random32(count)
        compiled = fused_draws(count)
        if compiled is not None:
            return compiled.uniforms(words, 0.0, 1.0)
        words &= np.uint32(0xFFFFFF)
        unit = words.astype(np.float32)
        unit *= np.float32(2.0**-24)
        return unit

    def uniform64(self, count: int) -> np.ndarray:
        """`count` float64 multiples of 2**-53 in [0, 1), two words each."""
        words = self.random64(count)
        words &= np.uint64((1 << 53) - 1)
        unit = words.astype(np.float64)
        unit *= 2.0**-53
        return unit

    def get_state(self) -> np.ndarray:
        """The state as PyTorch lays it out: uint8, 5056 elements."""
        state = np.zeros(1, _STATE)
        state["seed"] = self._seed
        state["left"], state["seeded"], state["next"] = self._left, 1, self._next
        state["key"] = self._ready_source().state["state"]["key"]
        if self.double_normal is not None:
            state["double_normal"], state["has_double"] = self.double_normal, 1
        if self.float_normal is not None:
            state["float_normal"], state["has_float"] = self.float_normal, 1
        return state.view(np.uint8)

    def set_state(self, state: np.ndarray) -> None:
        """Go on from a state that `get_state` here or `torch.get_rng_state` made.

        Raises TypeError if it is not a one-dimensional uint8 array, RuntimeError if its size or content is not that
        of a state.
        """
        Engine.requests += 1
        state = np.ascontiguousarray(state)
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_SIZE:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_SIZE} but found the input RNG state size to be "
                f"{state.size}"
            )
        fields = state.reshape(-1).view(_STATE)[0]
        left, place = int(fields["left"]), int(fields["next"])
        # PyTorch would read past the block where `place + left - 1` exceeds it; there is no stream to go on with.
        if not (fields["seeded"] and 0 < left <= BLOCK and place + left - 1 <= BLOCK):
            raise RuntimeError("Invalid mt19937 state")
        key = fields["key"].astype(np.uint32)
        self._seed = int(fields["seed"])
        self._source = _source_after(key)
        self._block = _temper(key)
        self._next, self._left = place, left
        self.double_normal = float(fields["double_normal"]) if fields["has_double"] else None
        self.float_normal = float(fields["float_normal"]) if fields["has_float"] else None

    def _ready_source(self) -> np.random.MT19937:
        if self._source is None:
            self._source = _source_after(_initial_key(self._seed))
        return self._source


def _source_after(key: np.ndarray) -> np.random.MT19937:
    """NumPy's generator, about to make the block that follows the block `key`."""
    source = np.random.MT19937(0)
    source.state = _at_the_end_of(key)
    return source


def _at_the_end_of(key: np.ndarray) -> Any:
    return {"bit_generator": "MT19937", "state": {"key": key, "pos": BLOCK}}
