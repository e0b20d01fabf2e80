"""`torch.backends.opt_einsum`: who chooses the order of einsum's products. Rushlight chooses itself, by the number of operations."""

enabled = False
strategy = None


def is_available() -> bool:
    """False."""
    return False


def get_opt_einsum() -> None:
    """None: the package is not used."""
