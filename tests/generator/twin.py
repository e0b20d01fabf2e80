"""An engine of ours and a generator of PyTorch's, side by side: the tests draw from both and compare bits and state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rushlight.dtype import BY_NAME, dtype
from rushlight.generator import Engine

FUSED = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")

REAL = ("float32", "float64", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
INTEGER = ("uint8", "int8", "int16", "int32", "int64")
UNSIGNED = ("uint16", "uint32", "uint64")


def both(name: str) -> tuple[dtype, torch.dtype]:
    """Our dtype and PyTorch's."""
    return BY_NAME[name], getattr(torch, name)


def stored(tensor: torch.Tensor) -> np.ndarray:
    """A PyTorch tensor's elements as we hold them: bfloat16 as bit patterns."""
    tensor = tensor.detach().contiguous()
    return tensor.view(torch.uint16).numpy() if tensor.dtype is torch.bfloat16 else tensor.numpy()


def same_bits(ours: np.ndarray, theirs: torch.Tensor) -> bool:
    expected = stored(theirs)
    assert (ours.dtype, ours.shape) == (expected.dtype, expected.shape)
    return np.ascontiguousarray(ours).tobytes() == expected.tobytes()


class Twin:
    """Both in the same state; `check` draws from both."""

    def __init__(self, seed: int = 1) -> None:
        self.engine = Engine(seed, fused=FUSED)
        self.torch = torch.Generator().manual_seed(seed)

    def check(
        self, draw: Callable[[Engine], np.ndarray], draw_torch: Callable[[torch.Generator], torch.Tensor]
    ) -> np.ndarray:
        """Equal elements, and equal states afterwards; returns the elements."""
        ours, theirs = draw(self.engine), draw_torch(self.torch)
        assert same_bits(ours, theirs), f"{ours!r}\nPyTorch: {theirs!r}"
        self.check_state()
        return ours

    def check_state(self) -> None:
        assert np.array_equal(self.engine.get_state(), self.torch.get_state().numpy())

    def check_error(self, draw: Callable[[Engine], object], draw_torch: Callable[[torch.Generator], object]) -> None:
        """Both raise the same class with the same words, and are left in the same state."""
        raised = []
        for function, source in ((draw, self.engine), (draw_torch, self.torch)):
            try:
                function(source)
            except Exception as error:
                raised.append((type(error), str(error)))
            else:
                raised.append(None)
        assert raised[0] is not None and raised[0] == raised[1]
        self.check_state()
