"""Collectives of Python objects, which are pickled: call them only among processes that you trust, as PyTorch says too."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from .collectives import Channel
from .group import ProcessGroup, _member, outside
from .operations import _message_key, _place


def _pickled(value: Any) -> np.ndarray:
    file = io.BytesIO()
    pickle.Pickler(file, 5).dump(value)
    return np.frombuffer(file.getvalue(), np.uint8)


def _unpickled(data: Any) -> Any:
    return pickle.loads(memoryview(data))


def _run(group: ProcessGroup, run: Callable[[Channel], Any]) -> Any:
    found: list[Any] = []
    group._start(run, found.append).wait()
    return found[0]


def _exchange(channel: Channel, data: np.ndarray) -> list[Any]:
    """Everybody's bytes, whose lengths differ."""
    for place, rank in enumerate(channel.ranks):
        if place != channel.place:
            channel.mesh.send(rank, channel.key, data)
    return [
        data if place == channel.place else channel.mesh.receive(rank, channel.key, channel.timeout)[0]
        for place, rank in enumerate(channel.ranks)
    ]


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Puts everybody's object into the list, in the order of ranks."""
    if outside(group):
        return
    data = _pickled(obj)
    object_list[:] = [_unpickled(each) for each in _run(_member(group), lambda channel: _exchange(channel, data))]


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Any = None,
    group_dst: int | None = None,
) -> None:
    """Puts everybody's object into the list of process `dst` (0 where none is given)."""
    if outside(group):
        return
    own = _member(group)
    target = _place(own, dst, group_dst, "dst", own._ranks[0] if dst is None and group_dst is None else None)
    if own.rank() == target and object_gather_list is None:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    found = _run(own, lambda channel: _to_one(channel, _pickled(obj), target))
    if found is not None:
        assert object_gather_list is not None
        object_gather_list[:] = [_unpickled(each) for each in found]


def _to_one(channel: Channel, data: np.ndarray, target: int) -> list[Any] | None:
    if channel.place != target:
        channel.send(target, data)
        return None
    return [
        data if place == target else channel.mesh.receive(rank, channel.key, channel.timeout)[0]
        for place, rank in enumerate(channel.ranks)
    ]


def broadcast_object_list(
    object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None, group_src: int | None = None
) -> None:
    """Puts the objects of process `src` (0 where none is given) into everybody's list."""
    if outside(group):
        return
    own = _member(group)
    source = _place(own, src, group_src, "src", own._ranks[0] if src is None and group_src is None else None)
    data = _pickled(object_list) if own.rank() == source else None
    found = _unpickled(_run(own, lambda channel: _from_one(channel, [data] * channel.size, source)))
    if len(found) != len(object_list):
        raise RuntimeError(
            f"broadcast_object_list: rank {own._ranks[source]} sent {len(found)} objects, the list here has {len(object_list)}"
        )
    if own.rank() != source:
        object_list[:] = found


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: Any = None,
    group_src: int | None = None,
) -> None:
    """Puts into each process's output list, as its first element, the object that process `src` has for it."""
    if outside(group):
        return
    if not isinstance(scatter_object_output_list, list) or len(scatter_object_output_list) < 1:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    own = _member(group)
    source = _place(own, src, group_src, "src", own._ranks[0] if src is None and group_src is None else None)
    parts: list[Any] = []
    if own.rank() == source:
        if scatter_object_input_list is None or len(scatter_object_input_list) != own.size():
            raise ValueError("Expected argument scatter_object_input_list to be a list with an object for each process")
        parts = [_pickled(each) for each in scatter_object_input_list]
    scatter_object_output_list[0] = _unpickled(_run(own, lambda channel: _from_one(channel, parts, source)))


def _from_one(channel: Channel, parts: list[Any], source: int) -> Any:
    if channel.place != source:
        return channel.mesh.receive(channel.ranks[source], channel.key, channel.timeout)[0]
    for place, part in enumerate(parts):
        if place != source:
            channel.send(place, part)
    return parts[source]


def send_object_list(
    object_list: list[Any],
    dst: int | None = None,
    group: Any = None,
    device: Any = None,
    group_dst: int | None = None,
    use_batch: bool = False,
) -> None:
    """Sends the objects to process `dst`."""
    if outside(group):
        return
    own = _member(group)
    target = own._ranks[_place(own, dst, group_dst, "dst")]
    own._mesh.send(target, _message_key(own, -1), _pickled(object_list))


def recv_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
    use_batch: bool = False,
) -> int:
    """Receives what `send_object_list` of process `src` sent, or of any where none is given; returns who sent."""
    if outside(group):
        return -1
    own = _member(group)
    sources = own._ranks if src is None and group_src is None else [own._ranks[_place(own, src, group_src, "src")]]
    sender, (data,) = own._mesh.receive_from_any(sources, _message_key(own, -1), own._timeout.total_seconds())
    object_list[:] = _unpickled(data)
    return sender
