"""`torch.backends.openmp`."""


def is_available() -> bool:
    """False: Rushlight has its own threads."""
    return False
