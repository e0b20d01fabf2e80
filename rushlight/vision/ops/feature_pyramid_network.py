"""Feature pyramids: fine feature maps that know what the coarse ones saw (Lin et al. 2016)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from ... import nn
from ...nn import Module, functional
from ...tensor import Tensor
from .misc import Conv2dNormActivation

Maps = list[Tensor]


class ExtraFPNBlock(Module):
    """What may add feature maps to a pyramid: from its results, its inputs and the names to results and names."""

    def forward(self, results: Maps, x: Maps, names: list[str]) -> tuple[Maps, list[str]]:
        raise NotImplementedError(f"{type(self).__name__} has no forward; an ExtraFPNBlock needs one")


class FeaturePyramidNetwork(Module):
    """Feature maps of falling resolution, each joined with what the coarser ones say.

    Args:
        in_channels_list: channels of each input, none of them 0.
        out_channels: of every result.
        extra_blocks: adds further maps.
        norm_layer: what makes a normalization after each convolution.

    The input is an ordered mapping of (N, C, H, W), finest first; the result one of the same names.

    >>> import rushlight as torch
    >>> maps = {"a": torch.zeros(1, 8, 6, 6), "b": torch.zeros(1, 16, 3, 3)}
    >>> [tuple(x.shape) for x in FeaturePyramidNetwork([8, 16], 4)(maps).values()]
    [(1, 4, 6, 6), (1, 4, 3, 3)]
    """

    _version = 2  # before, each convolution stood by itself

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList()
        self.layer_blocks = nn.ModuleList()
        for channels in in_channels_list:
            if channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            for blocks, inputs, size in ((self.inner_blocks, channels, 1), (self.layer_blocks, out_channels, 3)):
                blocks.append(
                    Conv2dNormActivation(
                        inputs,
                        out_channels,
                        kernel_size=size,
                        padding=size // 2,
                        norm_layer=norm_layer,
                        activation_layer=None,
                    )
                )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.constant_(module.bias, 0)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *arguments: Any) -> None:
        version = local_metadata.get("version", None)
        if version is None or version < 2:
            for name, blocks in (("inner_blocks", self.inner_blocks), ("layer_blocks", self.layer_blocks)):
                for place in range(len(blocks)):
                    for kind in ("weight", "bias"):
                        value = state_dict.pop(f"{prefix}{name}.{place}.{kind}", None)
                        if value is not None:
                            state_dict[f"{prefix}{name}.{place}.0.{kind}"] = value
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *arguments)

    def forward(self, x: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
        names, maps = list(x.keys()), list(x.values())
        joined: Tensor | None = None
        results: Maps = []
        for features, inner, layer in zip(
            reversed(maps), reversed(self.inner_blocks), reversed(self.layer_blocks), strict=True
        ):
            lateral = inner(features)
            if joined is not None:
                lateral = lateral + functional.interpolate(joined, size=lateral.shape[-2:], mode="nearest")
            joined = lateral
            results.insert(0, layer(joined))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results, strict=True))


class LastLevelMaxPool(ExtraFPNBlock):
    """Adds "pool": every second pixel of the coarsest map."""

    def forward(self, results: Maps, x: Maps, names: list[str]) -> tuple[Maps, list[str]]:
        coarser = functional.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0)
        return [*results, coarser], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Adds "p6" and "p7", by convolutions of stride 2, as RetinaNet has them."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        self.use_P5 = in_channels == out_channels

    def forward(self, results: Maps, x: Maps, names: list[str]) -> tuple[Maps, list[str]]:
        sixth = self.p6(results[-1] if self.use_P5 else x[-1])
        return [*results, sixth, self.p7(functional.relu(sixth))], [*names, "p6", "p7"]
