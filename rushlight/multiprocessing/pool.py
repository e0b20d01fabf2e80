"""`torch.multiprocessing.pool`: Python's pool; what is sent to its processes are shared tensors."""

from multiprocessing.pool import Pool

__all__ = ["Pool"]
