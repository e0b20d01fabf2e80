"""Collectives and messages on tensors: `all_reduce`, `broadcast`, `send` and the others of `torch.distributed`.

What pending operations the tensors stand on is run first. Results are written into the tensors given, outside of autograd, as PyTorch
writes them. With `async_op=True` they are written by the `wait` of the `Work` returned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ..tensor import Tensor, no_grad
from ..tensor.tensor import from_array
from . import collectives
from .collectives import Channel
from .group import ProcessGroup, _member, get_global_rank, outside, refuse_recording
from .reduction import ReduceOp, combine, finished
from .work import Work


def _array(value: Any, name: str) -> np.ndarray:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor but got {type(value)} instead."
        )
    with no_grad():
        return value.detach()._array()


def _arrays(values: Any, name: str) -> list[np.ndarray]:
    if not isinstance(values, Sequence) or not all(isinstance(each, Tensor) for each in values):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor] but got {type(values)} instead."
        )
    return [_array(each, name) for each in values]


def _write(target: Tensor, array: np.ndarray) -> None:
    """Makes the array, which nobody else may write to, the tensor's value."""
    shaped = array.reshape(tuple(target.shape))
    with no_grad():
        target.detach().copy_(from_array(shaped, target.dtype))


def _write_all(targets: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> None:
    for target, array in zip(targets, arrays, strict=True):
        _write(target, array)


def _finish(work: Work, async_op: bool, tensors: Any) -> Work | None:
    work._tensors = tensors  # type: ignore[attr-defined]
    if async_op:
        return work
    work.wait()
    return None


def _place(group: ProcessGroup, rank: int | None, in_group: int | None, name: str, default: int | None = None) -> int:
    """A place in the group, given as a rank of the world or of the group."""
    if rank is not None and in_group is not None:
        raise ValueError(f"Can't specify both {name} and group_{name}")
    if in_group is not None:
        get_global_rank(group, in_group)
        return in_group
    if rank is None:
        rank = default
    if rank is None:
        raise ValueError(f"Must specify {name} or group_{name}")
    if rank not in group._ranks:
        raise ValueError(f"Global rank {rank} is not part of group {group}")
    return group._ranks.index(rank)


def _same_kind(first: Tensor, others: Sequence[Tensor], op: str) -> None:
    for other in others:
        if other.dtype is not first.dtype:
            raise ValueError(f"{op}: tensors of {first.dtype} and {other.dtype}; they must have one dtype")
        if other.numel() != first.numel():
            raise ValueError(
                f"{op}: tensors of shapes {tuple(first.shape)} and {tuple(other.shape)}; they must have as many elements"
            )


# ---- one tensor ----


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Puts into the tensor the sum (or what `op` says) of what it is in every process; all get the same bits."""
    if outside(group):
        return None
    array, kind = _array(tensor, "tensor"), tensor.dtype
    own, function = _member(group), combine(op, kind)

    def run(channel: Channel) -> np.ndarray:
        return finished(op, kind, collectives.all_reduce(channel, array, function), channel.size)

    return _finish(own._start(run, lambda found: _write(tensor, found)), async_op, [tensor])


def all_reduce_coalesced(
    tensors: Sequence[Tensor], op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """`all_reduce` of several tensors of one dtype, in one go."""
    if outside(group):
        return None
    arrays, own = _arrays(tensors, "tensors"), _member(group)
    kind = tensors[0].dtype
    if any(tensor.dtype is not kind for tensor in tensors):
        raise ValueError("all_reduce_coalesced: the tensors must have one dtype")
    function = combine(op, kind)

    def run(channel: Channel) -> list[np.ndarray]:
        flat = np.concatenate([array.reshape(-1) for array in arrays])
        whole = finished(op, kind, collectives.all_reduce(channel, flat, function), channel.size)
        return np.split(whole, np.cumsum([array.size for array in arrays])[:-1])

    return _finish(own._start(run, lambda found: _write_all(tensors, found)), async_op, list(tensors))


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: ReduceOp = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """As `all_reduce`, for process `dst` alone; the others' tensors stay as they are."""
    if outside(group):
        return None
    own, array, kind = _member(group), _array(tensor, "tensor"), tensor.dtype
    target, function = _place(own, dst, group_dst, "dst"), combine(op, kind)

    def run(channel: Channel) -> np.ndarray | None:
        whole = collectives.reduce(channel, array, function, target)
        return None if whole is None else finished(op, kind, whole, channel.size)

    def store(found: np.ndarray | None) -> None:
        if found is not None:
            _write(tensor, found)

    return _finish(own._start(run, store), async_op, [tensor])


def broadcast(
    tensor: Tensor, src: int | None = None, group: Any = None, async_op: bool = False, group_src: int | None = None
) -> Work | None:
    """Puts what the tensor is in process `src` into that of all the others."""
    if outside(group):
        return None
    own, array = _member(group), _array(tensor, "tensor")
    source = _place(own, src, group_src, "src")

    def store(found: np.ndarray) -> None:
        if found is not array:
            _write(tensor, found)

    return _finish(own._start(lambda channel: collectives.broadcast(channel, array, source), store), async_op, [tensor])


def barrier(
    group: Any = None, async_op: bool = False, device_ids: Any = None, timeout: timedelta | None = None
) -> Work | None:
    """Returns once all processes of the group have called it."""
    if outside(group):
        return None
    token = np.zeros(1, np.uint8)
    work = _member(group)._start(lambda channel: collectives.all_gather(channel, token), lambda found: None, timeout)
    return _finish(work, async_op, [])


def monitored_barrier(group: Any = None, timeout: timedelta | None = None, wait_all_ranks: bool = False) -> None:
    """`barrier`; where some do not come in time, the error names one of them."""
    barrier(group, timeout=timeout)


# ---- a tensor for each process ----


def all_gather(tensor_list: Sequence[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False) -> Work | None:
    """Puts everybody's tensor into the list's tensors, in the order of ranks."""
    if outside(group):
        return None
    own, array = _member(group), _array(tensor, "tensor")
    _arrays(tensor_list, "tensor_list")
    if len(tensor_list) != own.size():
        raise ValueError(f"all_gather: tensor_list has {len(tensor_list)} tensors for {own.size()} processes")
    _same_kind(tensor, tensor_list, "all_gather")
    work = own._start(
        lambda channel: collectives.all_gather(channel, array), lambda found: _write_all(tensor_list, found)
    )
    return _finish(work, async_op, list(tensor_list))


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Puts everybody's tensor into one, one after the other along the first axis (or along a new one)."""
    if outside(group):
        return None
    own, array = _member(group), _array(input_tensor, "input_tensor")
    if output_tensor.dtype is not input_tensor.dtype:
        raise TypeError("output tensor must have the same type as input tensor")
    if output_tensor.numel() != array.size * own.size():
        raise ValueError("output tensor size must be equal to world_size times input tensor size")
    work = own._start(
        lambda channel: collectives.all_gather(channel, array),
        lambda found: _write(output_tensor, np.concatenate([part.reshape(-1) for part in found])),
    )
    return _finish(work, async_op, [output_tensor])


def gather(
    tensor: Tensor,
    gather_list: Sequence[Tensor] | None = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Puts everybody's tensor into the list of process `dst` (0 where none is given)."""
    if outside(group):
        return None
    own, array = _member(group), _array(tensor, "tensor")
    target = _place(own, dst, group_dst, "dst", own._ranks[0] if dst is None and group_dst is None else None)
    _check_list(own, target, gather_list, "gather_list", "dst")
    if gather_list:
        _same_kind(tensor, gather_list, "gather")

    def store(found: list[np.ndarray] | None) -> None:
        if found is not None:
            _write_all(gather_list or (), found)

    work = own._start(lambda channel: collectives.gather(channel, array, target), store)
    return _finish(work, async_op, list(gather_list or ()))


def scatter(
    tensor: Tensor,
    scatter_list: Sequence[Tensor] | None = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Puts into each process's tensor the one that the list of process `src` (0 where none is given) has for it."""
    if outside(group):
        return None
    own, array = _member(group), _array(tensor, "tensor")
    source = _place(own, src, group_src, "src", own._ranks[0] if src is None and group_src is None else None)
    _check_list(own, source, scatter_list, "scatter_list", "src")
    parts = _arrays(scatter_list, "scatter_list") if scatter_list else None
    if scatter_list:
        _same_kind(tensor, scatter_list, "scatter")
    work = own._start(
        lambda channel: collectives.scatter(channel, parts, array, source), lambda found: _write(tensor, found)
    )
    return _finish(work, async_op, [tensor])


def _check_list(own: ProcessGroup, place: int, tensors: Sequence[Tensor] | None, name: str, word: str) -> None:
    if own.rank() == place:
        if not tensors:
            raise ValueError(
                f"Argument ``{name}`` must be specified on {'destination' if word == 'dst' else 'source'} rank."
            )
        if len(tensors) != own.size():
            raise ValueError(f"{name} has {len(tensors)} tensors for {own.size()} processes")
    elif tensors:
        raise ValueError(
            f"Argument ``{name}`` must NOT be specified on non-{'destination' if word == 'dst' else 'source'} ranks."
        )


def reduce_scatter(
    output: Tensor,
    input_list: Sequence[Tensor],
    op: ReduceOp = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Sums the lists of all processes tensor by tensor; each gets the one of its place."""
    if outside(group):
        return None
    _same_kind(output, input_list, "reduce_scatter")
    return _reduce_scatter(output, _arrays(input_list, "input_list"), op, _member(group), async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """`reduce_scatter` of one tensor that has the parts one after the other."""
    if outside(group):
        return None
    own, array = _member(group), _array(input, "input")
    if input.numel() != output.numel() * own.size():
        raise ValueError("input tensor must be the same size as output size times world size")
    return _reduce_scatter(output, np.split(array.reshape(-1), own.size()), op, own, async_op)


def _reduce_scatter(
    output: Tensor, parts: list[np.ndarray], op: ReduceOp, own: ProcessGroup, async_op: bool
) -> Work | None:
    if len(parts) != own.size():
        raise ValueError(f"reduce_scatter: input_list has {len(parts)} tensors for {own.size()} processes")
    like, kind = _array(output, "output"), output.dtype
    function = combine(op, kind)

    def run(channel: Channel) -> np.ndarray:
        return finished(op, kind, collectives.reduce_scatter(channel, parts, like, function), channel.size)

    return _finish(own._start(run, lambda found: _write(output, found)), async_op, [output])


def all_to_all(
    output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], group: Any = None, async_op: bool = False
) -> Work | None:
    """Sends the input list's tensors to the processes of their places, and gets theirs."""
    if outside(group):
        return None
    own, parts = _member(group), _arrays(input_tensor_list, "input_tensor_list")
    like = _arrays(output_tensor_list, "output_tensor_list")
    if not len(parts) == len(like) == own.size():
        raise ValueError(f"all_to_all: lists of {len(parts)} and {len(like)} tensors for {own.size()} processes")
    work = own._start(
        lambda channel: collectives.all_to_all(channel, parts, like),
        lambda found: _write_all(output_tensor_list, found),
    )
    return _finish(work, async_op, list(output_tensor_list))


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """`all_to_all` of parts along the first axis, of equal sizes where none are given."""
    if outside(group):
        return None
    own, array, like = _member(group), _array(input, "input"), _array(output, "output")
    parts = _split(array, input_split_sizes, own.size(), "input")
    wanted = _split(like, output_split_sizes, own.size(), "output")
    work = own._start(
        lambda channel: collectives.all_to_all(channel, parts, wanted),
        lambda found: _write(output, np.concatenate([part.reshape(-1) for part in found])),
    )
    return _finish(work, async_op, [output])


def _split(array: np.ndarray, sizes: Sequence[int] | None, count: int, name: str) -> list[np.ndarray]:
    if sizes is None or len(sizes) == 0:
        if array.shape[0] % count:
            raise RuntimeError(
                f"Tensor's dim 0 does not divide equally across group size: {name} has {array.shape[0]} rows"
            )
        return np.split(array, count)
    if len(sizes) != count or sum(sizes) != array.shape[0]:
        raise RuntimeError(
            f"Split sizes doesn't match total dim 0 size: {name} has {array.shape[0]} rows, the sizes are {list(sizes)}"
        )
    return np.split(array, np.cumsum(sizes)[:-1])


# ---- from one process to another ----


def _message_key(group: ProcessGroup, tag: int) -> str:
    return f"{group.group_name}/message/{tag}"


def isend(
    tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
) -> Work | None:
    """Sends the tensor to process `dst`; what is not asked for there yet waits there."""
    if outside(group):
        return None
    refuse_recording("distributed.send")
    own, array = _member(group), _array(tensor, "tensor")
    target = own._ranks[_place(own, dst, group_dst, "dst")]
    if target == own._mesh.rank:
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of the current process."
        )
    own._mesh.send(target, _message_key(own, tag), array)
    work = Work(lambda: None, lambda found: None)
    work._execute()
    return work


def send(tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None) -> None:
    """Sends the tensor to process `dst`."""
    isend(tensor, dst, group, tag, group_dst)


def irecv(
    tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None
) -> Work | None:
    """Will receive from process `src`, or from any where none is given; `wait` writes it into the tensor."""
    if outside(group):
        return None
    refuse_recording("distributed.recv")
    own, like = _member(group), _array(tensor, "tensor")
    if src is None and group_src is None:
        sources = [rank for rank in own._ranks if rank != own._mesh.rank]
    else:
        sources = [own._ranks[_place(own, src, group_src, "src")]]
        if sources == [own._mesh.rank]:
            raise ValueError(
                "Invalid source rank: source rank should not be the same as the rank of the current process."
            )
    key, seconds = _message_key(own, tag), own._timeout.total_seconds()

    def store(found: Any) -> None:
        source, (data,) = found
        if len(data) != like.nbytes:
            raise RuntimeError(
                f"recv: rank {source} sent {len(data)} bytes, the tensor {tuple(tensor.shape)} of {tensor.dtype} has {like.nbytes}"
            )
        work.source = source  # type: ignore[attr-defined]
        _write(tensor, np.frombuffer(data, like.dtype))

    work = Work(
        lambda: own._mesh.receive_from_any(sources, key, seconds), store, lambda: own._mesh.arrived(sources, key)
    )
    work._tensors = [tensor]  # type: ignore[attr-defined]
    return work


def recv(tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None) -> int:
    """Receives from process `src`, or from any where none is given; returns who sent."""
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    return int(work.source)  # type: ignore[attr-defined]


class P2POp:
    """A message for `batch_isend_irecv`: `isend` or `irecv`, its tensor and the other process."""

    def __init__(
        self,
        op: Callable[..., Any],
        tensor: Tensor,
        peer: int | None = None,
        group: Any = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or ``torch.distributed.irecv``."
            )
        self.op, self.tensor, self.peer, self.group, self.tag, self.group_peer = (
            op,
            tensor,
            peer,
            group,
            tag,
            group_peer,
        )


def batch_isend_irecv(p2p_op_list: Sequence[P2POp]) -> list[Work]:
    """Begins several messages; a `Work` for each."""
    if not p2p_op_list or not all(isinstance(each, P2POp) for each in p2p_op_list):
        raise ValueError("Invalid ``p2p_op_list``: expected a list of P2POp")
    begun = [each.op(each.tensor, each.peer, each.group, each.tag, each.group_peer) for each in p2p_op_list]
    return [work for work in begun if work is not None]
