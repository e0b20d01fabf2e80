"""Collectives as functions: they return new tensors, and the gradients of all processes flow back through them."""

from __future__ import annotations

from typing import Any

from ...autograd import Function
from ...tensor import Tensor, functions
from ..group import get_rank, get_world_size
from ..operations import all_gather as _all_gather
from ..operations import all_reduce as _all_reduce
from ..operations import broadcast as _broadcast
from ..operations import reduce as _reduce
from ..reduction import ReduceOp

__all__ = ["all_gather", "all_reduce", "broadcast", "reduce"]


def _summed(tensor: Tensor, group: Any) -> Tensor:
    whole = tensor.detach().clone()
    _all_reduce(whole, ReduceOp.SUM, group)
    return whole


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, op: ReduceOp, group: Any) -> Tensor:
        ctx.group, ctx.op = group, op
        whole = tensor.detach().clone()
        _all_reduce(whole, op, group)
        return whole

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        whole = _summed(grads[0], ctx.group)
        return (whole / get_world_size(ctx.group) if ctx.op is ReduceOp.AVG else whole), None, None


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: Any) -> Any:
        ctx.group = group
        parts = [functions["empty_like"](tensor) for _ in range(get_world_size(group))]
        _all_gather(parts, tensor, group)
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _summed(functions["stack"](grads), ctx.group)[get_rank(ctx.group)], None


class _Broadcast(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, src: int, group: Any) -> Tensor:
        ctx.src, ctx.group = src, group
        result = tensor.detach().clone()
        _broadcast(result, src, group)
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        whole = _summed(grads[0], ctx.group)
        return (whole if get_rank() == ctx.src else whole * 0), None, None


class _Reduce(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, dst: int, op: ReduceOp, group: Any) -> Tensor:
        ctx.dst, ctx.group = dst, group
        result = tensor.detach().clone()
        _reduce(result, dst, op, group)
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        result = grads[0].detach().clone()
        _broadcast(result, ctx.dst, ctx.group)
        return result, None, None, None


def _only_sums(name: str, op: ReduceOp, also: tuple[ReduceOp, ...] = ()) -> None:
    if op is not ReduceOp.SUM and op not in also:
        raise NotImplementedError(f"distributed.nn.{name}: gradients flow through sums; got {op!r}")


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None) -> Tensor:
    """The sum (or with AVG the mean) of the tensor over all processes."""
    _only_sums("all_reduce", op, (ReduceOp.AVG,))
    return _AllReduce.apply(tensor, op, group)


def all_gather(tensor: Tensor, group: Any = None) -> tuple[Tensor, ...]:
    """Everybody's tensor, in the order of ranks."""
    return _AllGather.apply(tensor, group)  # type: ignore[return-value]


def broadcast(tensor: Tensor, src: int, group: Any = None) -> Tensor:
    """Process `src`'s tensor."""
    return _Broadcast.apply(tensor, src, group)


def reduce(tensor: Tensor, dst: int, op: ReduceOp = ReduceOp.SUM, group: Any = None) -> Tensor:
    """The sum over all processes at `dst`; the own tensor elsewhere."""
    _only_sums("reduce", op)
    return _Reduce.apply(tensor, dst, op, group)
