"""Tensors that say what they hold, so that transforms know what to do with them: `torchvision.tv_tensors`.

Operations on them give plain tensors; `clone`, `to`, `detach` and `requires_grad_` keep the kind, and so do the transforms of
`transforms.v2`. `wrap` gives a result its kind back.

>>> import rushlight as torch
>>> image = Image(torch.zeros(3, 4, 5))
>>> type(image).__name__, type(image + 1).__name__, type(wrap(image + 1, like=image)).__name__
('Image', 'Tensor', 'Image')
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from ..tensor import Tensor, as_tensor
from ..tensor.tensor import disabled_torch_function
from . import pillow
from .transforms.functional import pil_to_tensor

__all__ = [
    "BoundingBoxFormat",
    "BoundingBoxes",
    "Image",
    "KeyPoints",
    "Mask",
    "TVTensor",
    "Video",
    "is_rotated_bounding_format",
    "set_return_type",
    "wrap",
]


def _tensor(data: Any, dtype: Any, device: Any, requires_grad: bool | None) -> Tensor:
    if requires_grad is None:
        requires_grad = data.requires_grad if isinstance(data, Tensor) else False
    tensor = as_tensor(data, dtype=dtype, device=device)
    return tensor if tensor.requires_grad == requires_grad else tensor.requires_grad_(requires_grad)


def pure(tensor: Tensor) -> Tensor:
    """The same tensor without its kind."""
    return tensor if type(tensor) is Tensor else tensor.as_subclass(Tensor)


class TVTensor(Tensor):
    """Base of the kinds."""

    __torch_function__ = staticmethod(disabled_torch_function)  # type: ignore[assignment]

    @classmethod
    def wrap(cls, tensor: Tensor, like: Any, **more: Any) -> Any:
        """The tensor as one of the kind of `like`, with its other properties."""
        return tensor.as_subclass(cls)

    def clone(self, *args: Any, **kwargs: Any) -> Any:
        return wrap(super().clone(*args, **kwargs), like=self)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        return wrap(super().to(*args, **kwargs), like=self)

    def detach(self) -> Any:
        return wrap(super().detach(), like=self)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        super().requires_grad_(requires_grad)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.detach().clone().requires_grad_(self.requires_grad)

    def _properties(self) -> dict[str, Any]:
        return {}

    def __repr__(self, **more: Any) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self._properties().items())
        return f"{type(self).__name__}{repr(pure(self)).removeprefix('tensor')[:-1]}, {shown})"


class _Pixels(TVTensor):
    """Base of the kinds that hold pixels."""

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        tensor = _tensor(pil_to_tensor(data) if pillow.is_image(data) else data, dtype, device, requires_grad)
        return cls._checked(tensor).as_subclass(cls)

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        return tensor


class Image(_Pixels):
    """An image (..., C, H, W), or a PIL image as such; two dimensions get a channel."""

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim < 2:
            raise ValueError(f"Tensor must be 2D or higher, got {tensor.ndim}D tensor.")
        return tensor.unsqueeze(0) if tensor.ndim == 2 else tensor


class Video(_Pixels):
    """A video (..., T, C, H, W)."""

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        if pillow.is_image(data):
            raise TypeError("a PIL image is not a video: give a tensor (..., T, C, H, W)")
        return super().__new__(cls, data, dtype=dtype, device=device, requires_grad=requires_grad)

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim < 4:
            raise ValueError(f"Tensor must be 4D or higher, got {tensor.ndim}D tensor.")
        return tensor


class Mask(_Pixels):
    """Masks (..., H, W) of segmentation or detection; never interpolated."""


class BoundingBoxFormat(Enum):
    """What the four numbers of a box are: two corners, a corner and the size, or the centre and the size."""

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


def is_rotated_bounding_format(format: BoundingBoxFormat | str) -> bool:
    """Whether boxes of this format may stand at an angle."""
    if not isinstance(format, (str, BoundingBoxFormat)):
        raise ValueError(f"format should be str or BoundingBoxFormat, got {type(format)}")
    name = format if isinstance(format, str) else format.name
    return name in ("XYWHR", "CXCYWHR", "XYXYXYXY")


def format_of(format: BoundingBoxFormat | str) -> BoundingBoxFormat:
    """The format of this name; NotImplementedError for boxes at an angle."""
    found = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
    if is_rotated_bounding_format(found):
        raise NotImplementedError(
            f"boxes at an angle ({found.name}) are not in Rushlight yet: use XYXY, XYWH or CXCYWH, or key points for their corners"
        )
    return found


class BoundingBoxes(TVTensor):
    """Boxes (N, 4) in an image of `canvas_size` (height, width).

    `clamping_mode`: whether transforms keep boxes inside the image ("soft" or "hard", which are the same for boxes that stand
    upright), or not (None).
    """

    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None

    def __new__(
        cls,
        data: Any,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: tuple[int, int],
        clamping_mode: str | None = "soft",
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = _tensor(data, dtype, device, requires_grad)
        return cls._made(tensor, format, canvas_size, clamping_mode)

    @classmethod
    def _made(cls, tensor: Tensor, format: BoundingBoxFormat | str, canvas_size: Any, clamping_mode: str | None) -> Any:
        if tensor.ndim == 1:
            tensor = tensor.unsqueeze(0)
        elif tensor.ndim != 2:
            raise ValueError(f"Expected a 1D or 2D tensor, got {tensor.ndim}D")
        if clamping_mode not in (None, "hard", "soft"):
            raise ValueError(f"clamping_mode must be None, hard or soft, got {clamping_mode}.")
        boxes = tensor.as_subclass(cls)
        boxes.format = format_of(format)
        boxes.canvas_size = canvas_size
        boxes.clamping_mode = clamping_mode
        return boxes

    @classmethod
    def wrap(cls, tensor: Tensor, like: Any, **more: Any) -> Any:
        properties = like._properties() | more
        return cls._made(tensor, properties["format"], properties["canvas_size"], properties["clamping_mode"])

    def _properties(self) -> dict[str, Any]:
        return {"format": self.format, "canvas_size": self.canvas_size, "clamping_mode": self.clamping_mode}


class KeyPoints(TVTensor):
    """Points (..., 2), x and y, in an image of `canvas_size` (height, width)."""

    canvas_size: tuple[int, int]

    def __new__(
        cls,
        data: Any,
        *,
        canvas_size: tuple[int, int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        return cls._made(_tensor(data, dtype, device, requires_grad), canvas_size)

    @classmethod
    def _made(cls, tensor: Tensor, canvas_size: Any) -> Any:
        if tensor.ndim == 1:
            tensor = tensor.unsqueeze(0)
        elif tensor.shape[-1] != 2:
            raise ValueError(f"Expected a tensor of shape (..., 2), not {tensor.shape}")
        points = tensor.as_subclass(cls)
        points.canvas_size = canvas_size
        return points

    @classmethod
    def wrap(cls, tensor: Tensor, like: Any, **more: Any) -> Any:
        return cls._made(tensor, more.get("canvas_size", like.canvas_size))

    def _properties(self) -> dict[str, Any]:
        return {"canvas_size": self.canvas_size}


def wrap(wrappee: Tensor, *, like: Any, **kwargs: Any) -> Any:
    """The tensor as one of the kind of `like`, with its properties, but for those given."""
    maker = getattr(type(like), "wrap", None)
    return wrappee.as_subclass(type(like)) if maker is None else maker(wrappee, like, **kwargs)


def set_return_type(return_type: str) -> Any:
    """Only "tensor": operations give plain tensors. NotImplementedError for "TVTensor": use `wrap`."""
    if return_type.lower() == "tensor":
        return _Nothing()
    if return_type.lower() == "tvtensor":
        raise NotImplementedError("set_return_type('TVTensor') is not in Rushlight yet: use wrap(result, like=input)")
    raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type}")


class _Nothing:
    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *details: Any) -> None:
        return None
