"""DropBlock: dropout of whole squares of a feature map (Ghiasi et al. 2018)."""

from __future__ import annotations

from ...nn import Module, functional
from ...tensor import Tensor, empty


def _drop_block(
    input: Tensor, p: float, block_size: int, inplace: bool, eps: float, training: bool, axes: int
) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.dim() != axes + 2:
        raise ValueError(f"input should be {axes + 2} dimensional. Got {input.dim()} dimensions.")
    if block_size % 2 == 0:
        raise ValueError(f"block size should be odd. Got {block_size} which is even.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    block = min(block_size, *sizes)
    pixels = places = 1
    for size in sizes:
        pixels *= size
        places *= size - block + 1
    # The paper's equation 1: so many centres that a share p of the pixels is dropped.
    centres = empty(
        (*input.shape[:2], *(size - block + 1 for size in sizes)), dtype=input.dtype, device=input.device
    ).bernoulli_(p * pixels / (block**axes * places))
    centres = functional.pad(centres, [block // 2] * (2 * axes), value=0)
    pool = functional.max_pool2d if axes == 2 else functional.max_pool3d
    kept = 1 - pool(centres, kernel_size=(block,) * axes, stride=(1,) * axes, padding=block // 2)
    scale = kept.numel() / (eps + kept.sum())
    if inplace:
        return input.mul_(kept).mul_(scale)  # type: ignore[no-any-return]
    return input * kept * scale  # type: ignore[no-any-return]


def drop_block2d(
    input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06, training: bool = True
) -> Tensor:
    """Sets squares of (N, C, H, W), a share `p` of the pixels, to zero, and scales the others up.

    Args:
        block_size: side of a square, odd.
        eps: added to the number of pixels that stay.

    ValueError for a `p` outside [0, 1] and another number of axes.

    >>> import rushlight as torch
    >>> drop_block2d(torch.ones(1, 1, 5, 5), 0.3, 3, training=False).sum()
    tensor(25.)
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 2)


def drop_block3d(
    input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06, training: bool = True
) -> Tensor:
    """As `drop_block2d`, with cubes of (N, C, D, H, W)."""
    return _drop_block(input, p, block_size, inplace, eps, training, 3)


class DropBlock2d(Module):
    """`drop_block2d` as a module."""

    _axes = 2

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        return _drop_block(input, self.p, self.block_size, self.inplace, self.eps, self.training, self._axes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """`drop_block3d` as a module."""

    _axes = 3
