"""`torch.backends.mkldnn`."""

enabled = False


def is_available() -> bool:
    """False: Rushlight has its own kernels."""
    return False
