"""`torch.utils.model_zoo`: the older name of what `torch.hub` has."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["load_url"]


def load_url(*args: Any, **kwargs: Any) -> Any:
    """`torch.hub.load_state_dict_from_url`."""
    return importlib.import_module("rushlight.hub").load_state_dict_from_url(*args, **kwargs)
