"""Collectives on arrays: what is sent to whom, in which order sums are made.

Every process gets the same bits: a number is summed in one order only, either everywhere in the order of ranks or once, in a ring,
and then passed on. The ring is that of P. Patarasuk and X. Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
workstations", 2009: each process sends 2 (n - 1) / n of the data, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .mesh import Mesh

Combine = Callable[[np.ndarray, np.ndarray], np.ndarray]
SMALL = 1 << 14  # bytes up to which everybody sends everything to everybody


class Channel:
    """The processes of one collective, and the key under which its messages go."""

    def __init__(self, mesh: Mesh, ranks: Sequence[int], key: str, timeout: float) -> None:
        self.mesh, self.ranks, self.key, self.timeout = mesh, list(ranks), key, timeout
        self.size = len(self.ranks)
        self.place = self.ranks.index(mesh.rank)

    def send(self, to: int, array: np.ndarray) -> None:
        """To the process at a place in the group."""
        self.mesh.send(self.ranks[to], self.key, array)

    def receive(self, source: int, like: np.ndarray) -> np.ndarray:
        """An array as `like` from the process at a place in the group."""
        (data,) = self.mesh.receive(self.ranks[source], self.key, self.timeout)
        if len(data) != like.nbytes:
            raise RuntimeError(
                f"rank {self.ranks[source]} sent {len(data)} bytes where {like.nbytes} were expected: the tensors of a collective "
                "must have the same dtype and number of elements in every process"
            )
        return np.frombuffer(data, like.dtype).reshape(like.shape)


def broadcast(channel: Channel, array: np.ndarray, source: int) -> np.ndarray:
    """The source's array, handed on along a binomial tree."""
    place = (channel.place - source) % channel.size
    span = 1
    while span < channel.size:
        span *= 2
    if place:
        below = place & -place
        array = channel.receive((place - below + source) % channel.size, array)
        span = below
    while span > 1:
        span //= 2
        if place + span < channel.size:
            channel.send((place + span + source) % channel.size, array)
    return array


def all_reduce(channel: Channel, array: np.ndarray, combine: Combine) -> np.ndarray:
    """The arrays of all, combined."""
    if channel.size == 1:
        return array
    if array.nbytes <= SMALL:
        return _folded(combine, all_gather(channel, array))
    pieces = np.array_split(np.ascontiguousarray(array).reshape(-1), channel.size)
    _ring_reduce(channel, pieces, combine)
    _ring_pass_on(channel, pieces)
    return np.concatenate(pieces).reshape(array.shape)


def _ring_reduce(channel: Channel, pieces: list[np.ndarray], combine: Combine) -> None:
    """Afterwards piece (place + 1) is complete here."""
    size, place = channel.size, channel.place
    for step in range(size - 1):
        channel.send((place + 1) % size, pieces[(place - step) % size])
        arriving = (place - step - 1) % size
        pieces[arriving] = combine(channel.receive((place - 1) % size, pieces[arriving]), pieces[arriving])


def _ring_pass_on(channel: Channel, pieces: list[np.ndarray]) -> None:
    size, place = channel.size, channel.place
    for step in range(size - 1):
        channel.send((place + 1) % size, pieces[(place + 1 - step) % size])
        arriving = (place - step) % size
        pieces[arriving] = channel.receive((place - 1) % size, pieces[arriving])


def reduce(channel: Channel, array: np.ndarray, combine: Combine, target: int) -> np.ndarray | None:
    """The arrays of all, combined, at the target; None elsewhere."""
    parts = gather(channel, array, target)
    return None if parts is None else _folded(combine, parts)


def _folded(combine: Combine, parts: list[np.ndarray]) -> np.ndarray:
    whole = parts[0]
    for part in parts[1:]:
        whole = combine(whole, part)
    return whole


def gather(channel: Channel, array: np.ndarray, target: int) -> list[np.ndarray] | None:
    """Everybody's array at the target; None elsewhere."""
    if channel.place != target:
        channel.send(target, array)
        return None
    return [array if place == target else channel.receive(place, array) for place in range(channel.size)]


def all_gather(channel: Channel, array: np.ndarray) -> list[np.ndarray]:
    """Everybody's array."""
    return all_to_all(channel, [array] * channel.size, [array] * channel.size)


def scatter(channel: Channel, parts: Sequence[np.ndarray] | None, like: np.ndarray, source: int) -> np.ndarray:
    """The part that the source has for this process."""
    if channel.place != source:
        return channel.receive(source, like)
    assert parts is not None
    for place, part in enumerate(parts):
        if place != source:
            channel.send(place, part)
    return parts[source]


def reduce_scatter(channel: Channel, parts: Sequence[np.ndarray], like: np.ndarray, combine: Combine) -> np.ndarray:
    """What all have for this process, combined."""
    return _folded(combine, all_to_all(channel, parts, [like] * channel.size))


def all_to_all(channel: Channel, parts: Sequence[np.ndarray], like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What each has for this process."""
    size, place = channel.size, channel.place
    for distance in range(1, size):
        to = (place + distance) % size
        channel.send(to, parts[to])
    return [parts[place] if other == place else channel.receive(other, like[other]) for other in range(size)]
