"""What compiled code does of long random draws: `generator/native.py` says what is asked of it."""

from __future__ import annotations

from .box_muller import able, normals, uniforms
from .twister import fill, hits

__all__ = ["able", "fill", "hits", "normals", "uniforms"]
