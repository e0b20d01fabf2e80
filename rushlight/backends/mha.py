"""`torch.backends.mha`: whether attention layers may take PyTorch's fast path in evaluation. Ours has one path."""

_state = {"enabled": True}


def get_fastpath_enabled() -> bool:
    """What was set."""
    return _state["enabled"]


def set_fastpath_enabled(value: bool) -> None:
    """Remembers it; without effect."""
    _state["enabled"] = value
