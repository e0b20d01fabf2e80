"""`torch.backends.cudnn`: flags that scripts set; without cuDNN they change nothing, in PyTorch too."""

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False."""
    return False


def version() -> None:
    """None: there is no cuDNN."""
