"""How an image is prepared for a model that was trained on ImageNet."""

from __future__ import annotations

from typing import Any

from ...dtype import float32
from ...nn import Module
from ...tensor import Tensor
from ..transforms import InterpolationMode, functional

_IMAGES = "Accepts ``PIL.Image``, batched ``(B, C, H, W)`` and single ``(C, H, W)`` image ``torch.Tensor`` objects."


def _listed(preset: Module, *names: str) -> str:
    lines = "".join(f"\n    {name}={getattr(preset, name)}" for name in names)
    return f"{type(preset).__name__}({lines}\n)"


class ImageClassification(Module):
    """Resizes an image, PIL or a tensor (…, C, H, W), cuts out its middle, scales to [0, 1], and normalizes.

    The result is a float32 tensor.
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        img = functional.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = functional.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = functional.pil_to_tensor(img)
        return functional.normalize(functional.convert_image_dtype(img, float32), mean=self.mean, std=self.std)

    def __repr__(self) -> str:
        return _listed(self, "crop_size", "resize_size", "mean", "std", "interpolation")

    def describe(self) -> str:
        """The preparation in words."""
        return (
            f"{_IMAGES} The images are resized to ``resize_size={self.resize_size}`` using ``interpolation={self.interpolation}``,"
            f" followed by a central crop of ``crop_size={self.crop_size}``. Finally the values are first rescaled to "
            f"``[0.0, 1.0]`` and then normalized using ``mean={self.mean}`` and ``std={self.std}``."
        )


class SemanticSegmentation(Module):
    """Resizes an image, PIL or a tensor (…, C, H, W), scales to [0, 1], and normalizes; a float32 tensor.

    resize_size: of the shorter side; None leaves the size alone.
    """

    def __init__(
        self,
        *,
        resize_size: int | None,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.resize_size = None if resize_size is None else [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        if self.resize_size is not None:
            img = functional.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        if not isinstance(img, Tensor):
            img = functional.pil_to_tensor(img)
        return functional.normalize(functional.convert_image_dtype(img, float32), mean=self.mean, std=self.std)

    def __repr__(self) -> str:
        return _listed(self, "resize_size", "mean", "std", "interpolation")

    def describe(self) -> str:
        """The preparation in words."""
        return (
            f"{_IMAGES} The images are resized to ``resize_size={self.resize_size}`` using ``interpolation={self.interpolation}``."
            " Finally the values are first rescaled to ``[0.0, 1.0]`` and then normalized using "
            f"``mean={self.mean}`` and ``std={self.std}``."
        )
