"""A sampler that gives each of several processes its own share of a data set."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from ..generator import Generator
from ..tensor import randperm
from .sampler import Sampler


class DistributedSampler(Sampler[Any]):
    """Share `rank` of `num_replicas` equal shares, shuffled by `seed + epoch` alike in all processes.

    What it is not told it asks the process group of `torch.distributed`; ValueError where there is none.

    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            processes = sys.modules.get("rushlight.distributed")
            if processes is None or not processes.is_initialized():
                raise ValueError(
                    "Default process group has not been initialized, please make sure to call init_process_group. — "
                    "DistributedSampler: or give it num_replicas and rank"
                )
            num_replicas = processes.get_world_size() if num_replicas is None else num_replicas
            rank = processes.get_rank() if rank is None else rank
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        whole, rest = divmod(len(dataset), num_replicas)
        self.num_samples = whole if drop_last or not rest else whole + 1
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        length = len(self.dataset)
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = randperm(length, generator=generator).tolist()
        else:
            indices = list(range(length))
        # Repeated from the start until every share is full, or cut where the last ones are dropped.
        indices = (indices * math.ceil(self.total_size / max(length, 1)))[: self.total_size]
        return iter(indices[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, so that the next pass is shuffled anew."""
        self.epoch = epoch
