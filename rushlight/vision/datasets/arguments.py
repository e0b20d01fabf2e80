"""Checks of arguments that several data sets share."""

from __future__ import annotations

from typing import Any


def checked_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """One of the choices; ValueError that lists them for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"Expected type str for argument {name}, but got type {type(value)}.")
    if value not in choices:
        raise ValueError(f"Unknown value '{value}' for argument {name}. Valid values are {{{', '.join(choices)}}}.")
    return value
