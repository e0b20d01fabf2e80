"""`SyncBatchNorm`: batch normalization over the batches of all processes."""

from __future__ import annotations

from typing import Any

from ... import distributed as dist
from ...distributed.nn import functional as collective
from ...tensor import Tensor, cat, full, no_grad
from .batchnorm import _BatchNorm
from .module import Module

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(_BatchNorm):
    """Normalizes each channel over the batches of all processes of a group; `BatchNorm` where there is one process, or in evaluation.

    input: (N, C) or (N, C, *). In PyTorch the input must be on a GPU when there are several processes; here the CPU's is taken.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        together = by_batch and self.training and dist.is_initialized() and dist.get_world_size(self.process_group) > 1
        return self._synchronized(input) if together else super().forward(input)

    def _synchronized(self, input: Tensor) -> Tensor:
        """The mean and the squared distances from it are summed over all processes, one after the other, for accuracy."""
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [1, -1, *[1] * (input.dim() - 2)]
        x = input.float() if input.dtype.itemsize < 4 else input
        number = full((1,), float(x.numel() // x.size(1)), dtype=x.dtype)
        sums = collective.all_reduce(cat([x.sum(axes), number]), group=self.process_group)
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = x - mean.view(shape)
        variance = collective.all_reduce(centred.square().sum(axes), group=self.process_group) / count
        self._keep(mean.detach(), variance.detach(), count)
        result = centred * (variance + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            result = result * self.weight.view(shape)
        if self.bias is not None:
            result = result + self.bias.view(shape)
        return result.to(input.dtype)

    def _keep(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Brings the running statistics up to date; the running variance is the unbiased one."""
        if not self.track_running_stats or self.running_mean is None:
            return
        with no_grad():
            self.num_batches_tracked.add_(1)
            factor = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            unbiased = variance * (count / (count - 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), factor)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), factor)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with each BatchNorm inside it as a SyncBatchNorm that has the same parameters and buffers.

        >>> import rushlight as torch
        >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(torch.nn.Sequential(torch.nn.BatchNorm2d(3)))
        Sequential(
          (0): SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        )
        """
        result = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(made, name, getattr(module, name))
            made.training = module.training
            for name in ("qconfig",):
                if hasattr(module, name):
                    setattr(made, name, getattr(module, name))
            result = made
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result
