"""The base of transforms of whole samples, and what they ask of a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from ....nn import Module
from ....tensor import Tensor
from ... import pillow
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, Video
from ..draws import chance
from . import functional as F
from .functional import is_pure_tensor
from .structure import flat, rebuilt

Check = type | Callable[[Any], bool]


def check_type(obj: Any, types_or_checks: tuple[Check, ...]) -> bool:
    """Whether this is of one of the types, or passes one of the checks."""
    return any(isinstance(obj, each) if isinstance(each, type) else each(obj) for each in types_or_checks)


def has_any(flat_inputs: list[Any], *types_or_checks: Check) -> bool:
    """Whether a sample has one part of these types."""
    return any(check_type(inpt, types_or_checks) for inpt in flat_inputs)


def has_all(flat_inputs: list[Any], *types_or_checks: Check) -> bool:
    """Whether a sample has a part of each of these types."""
    return all(any(check_type(inpt, (each,)) for inpt in flat_inputs) for each in types_or_checks)


_WITH_CHANNELS: tuple[Check, ...] = (is_pure_tensor, Image, pillow.is_image, Video)


def query_chw(flat_inputs: list[Any]) -> tuple[int, int, int]:
    """Channels, height and width that all images and videos of a sample have."""
    found = {tuple(F.get_dimensions(inpt)) for inpt in flat_inputs if check_type(inpt, _WITH_CHANNELS)}
    if not found:
        raise TypeError("No image or video was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {sorted(found)}")
    return found.pop()  # type: ignore[return-value]


def query_size(flat_inputs: list[Any]) -> tuple[int, int]:
    """Height and width that all parts of a sample have."""
    kinds = (*_WITH_CHANNELS, Mask, BoundingBoxes, KeyPoints)
    found = {tuple(F.get_size(inpt)) for inpt in flat_inputs if check_type(inpt, kinds)}
    if not found:
        raise TypeError("No image, video, mask, bounding box of keypoint was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple HxW dimensions in the sample: {sorted(found)}")
    return found.pop()  # type: ignore[return-value]


def get_bounding_boxes(flat_inputs: list[Any]) -> BoundingBoxes:
    """The boxes of a sample."""
    found = next((inpt for inpt in flat_inputs if isinstance(inpt, BoundingBoxes)), None)
    if found is None:
        raise ValueError("No bounding boxes were found in the sample")
    return found


def get_keypoints(flat_inputs: list[Any]) -> KeyPoints:
    """The key points of a sample."""
    found = next((inpt for inpt in flat_inputs if isinstance(inpt, KeyPoints)), None)
    if found is None:
        raise ValueError("No keypoints were found in the sample")
    return found


def _usual_labels(inputs: Any) -> Any:
    if isinstance(inputs, (tuple, list)):
        inputs = inputs[1]
    if is_pure_tensor(inputs):
        return inputs
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a dictionary or a two-tuple whose "
            f"second item is a dictionary or a tensor, but got {inputs} instead."
        )
    names = [name for name in inputs if name.lower() == "labels"] or [
        name for name in inputs if "label" in name.lower()
    ]
    if not names:
        raise ValueError(
            "Could not infer where the labels are in the sample: pass a callable as labels_getter, or None if it has none."
        )
    return inputs[names[0]]


def labels_getter_of(labels_getter: Any) -> Callable[[Any], Any]:
    """The function that finds the labels of a sample."""
    if labels_getter == "default":
        return _usual_labels
    if labels_getter is None:
        return _no_labels
    if not callable(labels_getter):
        raise ValueError(f"labels_getter should either be 'default', a callable, or None, but got {labels_getter}.")
    return labels_getter


def _no_labels(inputs: Any) -> None:
    return None


class Fills(dict):
    """What to fill with, by the kind of the input."""

    def __init__(self, fill: Any) -> None:
        super().__init__(
            {key: _filling(value) for key, value in (fill if isinstance(fill, dict) else {"others": fill}).items()}
        )

    def of(self, inpt: Any) -> Any:
        return self.get(type(inpt), self.get("others"))


def _filling(fill: Any) -> Any:
    if fill is None or isinstance(fill, (int, float)):
        return fill
    if not isinstance(fill, (tuple, list)):
        raise TypeError("Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed.")
    return [float(value) for value in fill]


class Transform(Module):
    """Base of transforms: `transform` is called with each part of a sample that is an image, a video, a mask, boxes or points.

    A subclass gives `transform(inpt, params)`, and where it draws, `make_params(flat_inputs)`, once for a sample. Of plain tensors only
    the first is taken for an image, and only where there is no other one.
    """

    _transformed_types: tuple[Check, ...] = (Tensor, pillow.is_image)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises where the sample is not what the transform is for."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What holds for all parts of a sample."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _call_kernel(self, functional: Any, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        """The function's result, or the input where the function has nothing to do for its kind."""
        kernel = functional.kernel(type(inpt))
        return inpt if kernel is None else kernel(inpt, *args, **kwargs)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = flat(sample)
        self.check_inputs(parts)
        return self._transformed(sample, parts)

    def _transformed(self, sample: Any, parts: list[Any]) -> Any:
        wanted = self._needs_transform_list(parts)
        params = self.make_params([part for part, is_wanted in zip(parts, wanted, strict=True) if is_wanted])
        done = [
            self.transform(part, params) if is_wanted else part for part, is_wanted in zip(parts, wanted, strict=True)
        ]
        return rebuilt(sample, iter(done))

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
        plain_is_image = not has_any(flat_inputs, Image, Video, pillow.is_image)
        wanted = []
        for inpt in flat_inputs:
            is_wanted = check_type(inpt, self._transformed_types)
            if is_wanted and is_pure_tensor(inpt):
                is_wanted, plain_is_image = plain_is_image, False
            wanted.append(is_wanted)
        return wanted

    def extra_repr(self) -> str:
        kinds = (bool, int, float, str, tuple, list, Enum)
        shown = {name: value for name, value in vars(self).items() if name != "training" and not name.startswith("_")}
        return ", ".join(f"{name}={value}" for name, value in shown.items() if isinstance(value, kinds))


class RandomApplied(Transform):
    """Base of transforms that are done with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = flat(sample)
        self.check_inputs(parts)
        return self._transformed(sample, parts) if chance(self.p) else sample


def numbers_of(value: Any, name: str) -> list[float]:
    """Two numbers of one, or of a sequence of one or two."""
    if not isinstance(value, (int, float, Sequence)):
        raise TypeError(f"{name} should be a number or a sequence of numbers. Got {type(value)}")
    given = list(value) if isinstance(value, Sequence) else [value]
    if len(given) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 1 or 2. Got {len(given)}")
    for number in given:
        if not isinstance(number, (int, float)):
            raise ValueError(f"{name} should be a sequence of numbers. Got {type(number)}")
    return [float(given[0]), float(given[-1])]
