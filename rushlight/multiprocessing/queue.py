"""`torch.multiprocessing.queue`: Python's queues; tensors go through them as shared memory."""

from multiprocessing.queues import Queue, SimpleQueue

__all__ = ["Queue", "SimpleQueue"]
