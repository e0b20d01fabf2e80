"""`DistributedDataParallel`: the same module in several processes, each on its own data, with the average of their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import distributed as dist
from ...distributed import ProcessGroup, collectives
from ...distributed.collectives import Channel
from ...distributed.group import _member, refuse_recording
from ...distributed.operations import _array, _write
from ...distributed.reduction import ReduceOp, combine, finished
from ...dtype import dtype
from ...errors import NotThereYet
from ...tensor import Tensor, is_grad_enabled, no_grad
from ...tensor.autograd import queue_callback
from ...tensor.tensor import from_array
from ..modules.module import Module

__all__ = ["DistributedDataParallel", "GradBucket"]

MEGABYTE = 1 << 20


class GradBucket:
    """Gradients that are averaged together, as a communication hook sees them."""

    def __init__(self, buffer: Tensor, parameters: list[Tensor], index: int, last: bool) -> None:
        self._buffer, self._parameters, self._index, self._last = buffer, parameters, index, last

    def buffer(self) -> Tensor:
        """The gradients, one after the other, flat."""
        return self._buffer

    def set_buffer(self, tensor: Tensor) -> None:
        """Puts another flat tensor in its place."""
        self._buffer = tensor

    def parameters(self) -> list[Tensor]:
        """The parameters whose gradients these are."""
        return self._parameters

    def gradients(self) -> list[Tensor]:
        """The gradients, each in its shape."""
        parts = self._buffer.split([parameter.numel() for parameter in self._parameters])
        return [part.view(parameter.shape) for part, parameter in zip(parts, self._parameters, strict=True)]

    def index(self) -> int:
        """Which of the buckets it is."""
        return self._index

    def is_last(self) -> bool:
        """Whether it is the last."""
        return self._last


class DistributedDataParallel(Module):
    """Passes calls on to `module` and, at the end of each backward, averages the gradients of all processes.

    At the start, and before each call in training for buffers, the values of the group's first process are those of all.
    `find_unused_parameters` where a call may leave parameters without a gradient. Averages are made at the end of backward, in buckets
    of `bucket_cap_mb` (25); `static_graph` and `gradient_as_bucket_view` are taken and change nothing.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool | None = None,
        init_sync: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
        bucket_cap_mb_list: Sequence[int] | None = None,
        batched_grad_copy: bool = False,
        forward_sync_buffers: bool | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("mixed_precision", mixed_precision), ("device_mesh", device_mesh)):
            if value is not None:
                raise NotThereYet(f"DistributedDataParallel({name}=...) is not in Rushlight yet")
        if device_ids or output_device is not None:
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with single-device/multiple-device GPU "
                f"modules or CPU modules, but got device_ids {device_ids}, output_device {output_device}, and module parameters on "
                "the CPU; leave device_ids and output_device out"
            )
        self.process_group = _member(process_group)
        self.module = module
        self.device_ids, self.output_device, self.dim = None, None, dim
        self.broadcast_buffers = True if broadcast_buffers is None else broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view, self.static_graph = gradient_as_bucket_view, static_graph
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        self.bucket_bytes_cap = int((25 if bucket_cap_mb is None else bucket_cap_mb) * MEGABYTE)
        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self.parameters_to_ignore = ignored
        self._averaged = _Averaged(module, ignored)
        self._buffer_names = [name for name, _ in module.named_buffers() if name not in ignored]
        self._hook: tuple[Any, Callable[[Any, GradBucket], Any]] | None = None
        _check_shapes(self.process_group, module)
        if init_sync:
            self._from_first([*(p for n, p in module.named_parameters() if n not in ignored), *self._buffers_now()])
        for place, (_, parameter) in enumerate(self._averaged.named):
            parameter.register_post_accumulate_grad_hook(self._ready(place))

    # ---- forward ----

    def _buffers_now(self) -> list[Tensor]:
        """The module's buffers as they are now: a user may have put others in their place."""
        now = dict(self.module.named_buffers())
        return [now[name] for name in self._buffer_names if name in now]

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        refuse_recording("DistributedDataParallel")
        averaging = is_grad_enabled() and self.require_backward_grad_sync
        if averaging:
            self._averaged.begin()
        if self.require_forward_param_sync and self.broadcast_buffers and self.training:
            self._from_first(self._buffers_now())
        self.require_forward_param_sync = self.require_backward_grad_sync
        return self.module(*inputs, **kwargs)

    def _from_first(self, tensors: list[Tensor]) -> None:
        """Makes the tensors those of the group's first process."""
        if not tensors or self.process_group.size() == 1:
            return
        arrays = [_array(tensor, "tensor") for tensor in tensors]

        def run(channel: Channel) -> list[np.ndarray]:
            return [collectives.broadcast(channel, array, 0) for array in arrays]

        def store(found: list[np.ndarray]) -> None:
            for tensor, array, now in zip(tensors, arrays, found, strict=True):
                if now is not array:
                    _write(tensor, now)

        self.process_group._start(run, store).wait()

    # ---- backward ----

    def _ready(self, place: int) -> Callable[[Tensor], None]:
        def hook(parameter: Tensor) -> None:
            if self._averaged.expected:
                if not self._averaged.ready:
                    queue_callback(self._end)
                self._averaged.ready.add(place)

        return hook

    def _end(self) -> None:
        """At the end of a backward that reached some parameter: the average, where all that should be there is."""
        ready = self._averaged.end(self.find_unused_parameters)
        if ready is None or self.process_group.size() == 1 and self._hook is None:
            return
        used = set(ready)
        if self.find_unused_parameters and self.process_group.size() > 1:
            used = self._used_anywhere(ready)
        named = [parameter for place, (_, parameter) in enumerate(self._averaged.named) if place in used]
        with no_grad():
            buckets = _buckets(named, self.bucket_bytes_cap)
            for index, bucket in enumerate(buckets):
                if self._hook is None:
                    self._average(bucket)
                else:
                    self._by_hook(bucket, index, index == len(buckets) - 1)

    def _used_anywhere(self, ready: set[int]) -> set[int]:
        mine = np.zeros(len(self._averaged.named), np.uint8)
        mine[list(ready)] = 1
        found: list[np.ndarray] = []
        self.process_group._start(
            lambda channel: collectives.all_reduce(channel, mine, np.maximum), found.append
        ).wait()
        return set(np.flatnonzero(found[0]).tolist())

    def _average(self, parameters: list[Tensor]) -> None:
        kind = parameters[0].dtype
        function, count = combine(ReduceOp.SUM, kind), self.process_group.size()
        flat = _flat(parameters)
        shares = finished(ReduceOp.AVG, kind, flat, count)  # divided before the sum, as PyTorch does

        def store(whole: np.ndarray) -> None:
            _distribute(parameters, whole, kind)

        self.process_group._start(lambda channel: collectives.all_reduce(channel, shares, function), store).wait()

    def _by_hook(self, parameters: list[Tensor], index: int, last: bool) -> None:
        assert self._hook is not None
        state, hook = self._hook
        kind = parameters[0].dtype
        bucket = GradBucket(from_array(_flat(parameters), kind), parameters, index, last)
        found = hook(state, bucket).wait()
        whole = found[0] if isinstance(found, (tuple, list)) else found
        _distribute(parameters, np.array(_array(whole, "bucket")), kind)

    # ---- what users call ----

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Calls within it leave gradients as they are in each process; the next call outside averages the sums."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: object, hook: Callable[[Any, GradBucket], Any]) -> None:
        """Averages by `hook(state, bucket)`, which returns a Future of the flat averaged gradients, in place of the all-reduce."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self._hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self._hook = state, hook

    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Any:
        """NotThereYet: give every process the same number of batches (`DistributedSampler` does)."""
        raise NotThereYet(
            "DistributedDataParallel.join is not in Rushlight yet; give every process the same number of batches, as "
            "torch.utils.data.DistributedSampler does"
        )

    def __getstate__(self) -> dict[str, Any]:
        raise RuntimeError(
            "DistributedDataParallel is tied to its processes and cannot be pickled; save model.module.state_dict()"
        )


class _Averaged:
    """The parameters whose gradients are averaged, and which have theirs in this backward."""

    def __init__(self, module: Module, ignored: set[str]) -> None:
        self.named = [(n, p) for n, p in module.named_parameters() if p.requires_grad and n not in ignored]
        if not self.named:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameters that require a gradient."
            )
        self.ready: set[int] = set()
        self.expected = False
        self.lacking: list[int] = []

    def begin(self) -> None:
        """A forward whose backward is to be averaged; RuntimeError where the last one was not complete."""
        if self.lacking:
            lacking = self.lacking
            self.lacking = []
            names = [self.named[place][0] for place in lacking]
            raise RuntimeError(
                "Expected to have finished reduction in the prior iteration before starting a new one. This error indicates that your "
                "module has parameters that were not used in producing loss. You can enable unused parameter detection by passing the "
                "keyword argument `find_unused_parameters=True` to `torch.nn.parallel.DistributedDataParallel`, and by making sure "
                f"all `forward` function outputs participate in calculating loss. Without a gradient: {', '.join(names)}"
            )
        self.ready, self.expected = set(), True

    def end(self, find_unused: bool) -> set[int] | None:
        """Which parameters have a gradient; None where some lack theirs that must not."""
        ready, self.ready = self.ready, set()
        self.expected = False
        if len(ready) < len(self.named) and not find_unused:
            self.lacking = sorted(set(range(len(self.named))) - ready)
            return None
        return ready


def _check_shapes(group: ProcessGroup, module: Module) -> None:
    """RuntimeError unless the parameters are alike in all processes."""
    own = [(name, tuple(p.shape), str(p.dtype)) for name, p in module.named_parameters()]
    all_of_them: list[Any] = []
    if group.size() > 1:
        dist.all_gather_object(all_of_them, own, group)
    for rank, others in zip(group._ranks, all_of_them, strict=False):
        if others != own:
            wrong = next(
                (pair for pair in zip(own, others, strict=False) if pair[0] != pair[1]), (len(own), len(others))
            )
            raise RuntimeError(
                f"DDP expects same model across all ranks, but rank {group._mesh.rank} has {wrong[0]} where rank {rank} has {wrong[1]}"
            )


def _buckets(parameters: Sequence[Tensor], most: int) -> list[list[Tensor]]:
    """The parameters in groups of one dtype and at most so many bytes, from the last to the first."""
    buckets: list[list[Tensor]] = []
    bytes_of: dict[dtype, int] = {}
    open_: dict[dtype, list[Tensor]] = {}
    for parameter in reversed(parameters):
        kind, size = parameter.dtype, parameter.nbytes
        if kind not in open_ or bytes_of[kind] + size > most:
            open_[kind], bytes_of[kind] = [], 0
            buckets.append(open_[kind])
        open_[kind].append(parameter)
        bytes_of[kind] += size
    return buckets


def _flat(parameters: list[Tensor]) -> np.ndarray:
    """Their gradients, one after the other; zeros where there is none."""
    parts = [
        np.zeros(p.numel(), p.dtype.storage) if p.grad is None else _array(p.grad, "gradient").reshape(-1)
        for p in parameters
    ]
    return np.concatenate(parts)


def _distribute(parameters: list[Tensor], whole: np.ndarray, kind: dtype) -> None:
    ends = np.cumsum([parameter.numel() for parameter in parameters])[:-1]
    for parameter, part in zip(parameters, np.split(whole, ends), strict=True):
        if parameter.grad is None:
            parameter.grad = from_array(np.array(part).reshape(tuple(parameter.shape)), kind)
        else:
            _write(parameter.grad, part)
