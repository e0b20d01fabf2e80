"""`torch.distributed.tensor.placement_types`: how the parts of a distributed tensor lie on the processes of a mesh."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class Placement:
    """How a tensor lies along one axis of a mesh."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether it is divided, along axis `dim` where that is given."""
        return False

    def is_replicate(self) -> bool:
        """Whether every process has all of it."""
        return False

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether the processes have terms of it, which `reduce_op` puts together."""
        return False


@dataclass(frozen=True)
class Shard(Placement):
    """Divided along an axis into as many parts as there are processes; the last may be shorter, or empty.

    >>> from rushlight.distributed.tensor import Shard
    >>> Shard(0), [Shard.local_shard_size_and_offset(10, 4, rank) for rank in range(4)]
    (Shard(dim=0), [(3, 0), (3, 3), (3, 6), (1, 9)])
    """

    dim: int

    def is_shard(self, dim: int | None = None) -> bool:
        """True, if it is divided along that axis."""
        return dim is None or dim == self.dim

    @staticmethod
    def local_shard_size_and_offset(curr_local_size: int, num_chunks: int, rank: int) -> tuple[int, int]:
        """How many of `curr_local_size` elements part `rank` of `num_chunks` has, and where it begins."""
        length = -(-curr_local_size // num_chunks)
        first = min(rank * length, curr_local_size)
        return min(length, curr_local_size - first), first

    def __str__(self) -> str:
        return f"S({self.dim})"


@dataclass(frozen=True)
class _StridedShard(Shard):
    """Divided along an axis into `split_factor` runs, each of which is divided among the processes."""

    split_factor: int

    def __init__(self, dim: int, *, split_factor: int) -> None:
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "split_factor", split_factor)

    def __repr__(self) -> str:
        return f"_StridedShard(dim={self.dim}, sf={self.split_factor})"

    def __str__(self) -> str:
        return f"_S({self.dim}, {self.split_factor})"


@dataclass(frozen=True)
class Replicate(Placement):
    """All of it in every process."""

    def is_replicate(self) -> bool:
        """True."""
        return True

    def __str__(self) -> str:
        return "R"


@dataclass(frozen=True)
class Partial(Placement):
    """Terms in the processes, which an operation puts together: sum, avg, product, min or max."""

    reduce_op: str = "sum"

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """True, if the operation is that one."""
        return reduce_op is None or reduce_op == self.reduce_op

    def __repr__(self) -> str:
        return f"Partial({self.reduce_op})"

    def __str__(self) -> str:
        return f"P({self.reduce_op})"
