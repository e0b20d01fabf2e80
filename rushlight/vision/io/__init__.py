"""Image files to tensors and back: `torchvision.io`. Video is not there yet."""

import sys as _sys
from importlib import import_module as _import_module

from . import image
from .image import (
    ImageReadMode,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    decode_webp,
    encode_jpeg,
    encode_png,
    read_file,
    read_image,
    write_file,
    write_jpeg,
    write_png,
)

__all__ = [
    "ImageReadMode",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "encode_jpeg",
    "encode_png",
    "image",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]

# Names of torchvision's before 0.28, which programs still use.
_VIDEO = frozenset({"VideoReader", "read_video", "read_video_timestamps", "write_video"})


def __getattr__(name: str) -> object:
    """A name of torchvision's that is missing raises an error that says so."""
    missing = _import_module("rushlight.alias.missing")
    return missing.module_getattr(_sys.modules[__name__], "torchvision.io", former=_VIDEO)(name)
