"""Native code of recurrent layers."""

from .backward import generate_recurrence_back
from .forward import generate_recurrence

__all__ = ["generate_recurrence", "generate_recurrence_back"]
