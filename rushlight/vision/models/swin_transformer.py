"""Swin transformers: attention within windows, which every second block shifts (Liu et al. 2021; V2, 2022)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, arange, cat, log, log2, meshgrid, ones, sigmoid, sign, stack, zeros
from ..ops.misc import MLP, Permute
from ..ops.stochastic_depth import StochasticDepth
from .pretrained import BICUBIC, WeightsEnum, imagenet, with_weights

__all__ = [
    "SwinTransformer",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_S_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
]

Layer = Callable[..., Module]


def _quarters(x: Tensor) -> Tensor:
    """The four pixels of each 2×2 square of (…, H, W, C) beside each other: (…, H/2, W/2, 4C); zeros at odd ends."""
    height, width, _ = x.shape[-3:]
    x = nn.functional.pad(x, (0, 0, 0, width % 2, 0, height % 2))
    corners = [x[..., row::2, column::2, :] for column in (0, 1) for row in (0, 1)]
    return cat(corners, -1)  # type: ignore[no-any-return]


class PatchMerging(Module):
    """Halves height and width of (…, H, W, dim) and doubles the channels; normalizes first."""

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduction(self.norm(_quarters(x)))  # type: ignore[no-any-return]


class PatchMergingV2(Module):
    """As `PatchMerging`, normalizing last."""

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.reduction(_quarters(x)))  # type: ignore[no-any-return]


def _windows(x: Tensor, window: Sequence[int]) -> Tensor:
    """(N, H, W, C) cut into windows: (N · windows, pixels of one, C)."""
    count, height, width, channels = x.shape
    x = x.view(count, height // window[0], window[0], width // window[1], window[1], channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window[0] * window[1], channels)


def _shift_mask(height: int, width: int, window: Sequence[int], shift: Sequence[int], like: Tensor) -> Tensor:
    """(windows, pixels, pixels): -100 between pixels that a shift has brought together from opposite edges."""
    regions = like.new_zeros((height, width))
    number = 0
    rows, columns = (
        ((0, size - cut), (size - cut, size - move), (size - move, size))
        for size, cut, move in ((height, window[0], shift[0]), (width, window[1], shift[1]))
    )
    for top, bottom in rows:
        for left, right in columns:
            regions[top:bottom, left:right] = number
            number += 1
    apart = _windows(regions.reshape(1, height, width, 1), window).squeeze(-1)
    difference = apart.unsqueeze(1) - apart.unsqueeze(2)
    return difference.masked_fill(difference != 0, -100.0).masked_fill(difference == 0, 0.0)


def shifted_window_attention(
    input: Tensor,
    qkv_weight: Tensor,
    proj_weight: Tensor,
    relative_position_bias: Tensor,
    window_size: list[int],
    num_heads: int,
    shift_size: list[int],
    attention_dropout: float = 0.0,
    dropout: float = 0.0,
    qkv_bias: Tensor | None = None,
    proj_bias: Tensor | None = None,
    logit_scale: Tensor | None = None,
    training: bool = True,
) -> Tensor:
    """Attention within windows of (N, H, W, C), moved by `shift_size`; the same shape.

    Args:
        relative_position_bias: (1, num_heads, pixels, pixels), added to the scores of a window.
        logit_scale: (num_heads, 1, 1); where given, scores are cosines times its exponential (version 2).
    """
    count, height, width, channels = input.shape
    x = nn.functional.pad(input, (0, 0, 0, -width % window_size[1], 0, -height % window_size[0]))
    _, padded_height, padded_width, _ = x.shape
    # A window as large as the image cannot be moved.
    shift = [
        0 if window >= size else move
        for window, size, move in zip(window_size, (padded_height, padded_width), shift_size, strict=True)
    ]
    if sum(shift) > 0:
        x = x.roll(shifts=(-shift[0], -shift[1]), dims=(1, 2))
    x = _windows(x, window_size)
    if logit_scale is not None and qkv_bias is not None:
        third = qkv_bias.numel() // 3
        qkv_bias = cat([qkv_bias[:third], zeros(third, dtype=qkv_bias.dtype), qkv_bias[2 * third :]])
    qkv = nn.functional.linear(x, qkv_weight, qkv_bias)
    qkv = qkv.reshape(x.size(0), x.size(1), 3, num_heads, channels // num_heads).permute(2, 0, 3, 1, 4)
    q, k, v = qkv[0], qkv[1], qkv[2]
    if logit_scale is not None:
        scores = nn.functional.normalize(q, dim=-1) @ nn.functional.normalize(k, dim=-1).transpose(-2, -1)
        scores = scores * logit_scale.clamp(max=math.log(100.0)).exp()
    else:
        scores = (q * (channels // num_heads) ** -0.5) @ k.transpose(-2, -1)
    scores = scores + relative_position_bias
    if sum(shift) > 0:
        mask = _shift_mask(padded_height, padded_width, window_size, shift, x)
        windows = mask.shape[0]
        scores = scores.view(x.size(0) // windows, windows, num_heads, x.size(1), x.size(1))
        scores = (scores + mask.unsqueeze(1).unsqueeze(0)).view(-1, num_heads, x.size(1), x.size(1))
    attention = nn.functional.dropout(scores.softmax(-1), p=attention_dropout, training=training)
    x = (attention @ v).transpose(1, 2).reshape(x.size(0), x.size(1), channels)
    x = nn.functional.dropout(nn.functional.linear(x, proj_weight, proj_bias), p=dropout, training=training)
    rows, columns = padded_height // window_size[0], padded_width // window_size[1]
    x = x.view(count, rows, columns, window_size[0], window_size[1], channels)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(count, padded_height, padded_width, channels)
    if sum(shift) > 0:
        x = x.roll(shifts=(shift[0], shift[1]), dims=(1, 2))
    return x[:, :height, :width, :].contiguous()


class ShiftedWindowAttention(Module):
    """`shifted_window_attention` with its weights and a learnt bias for each relative place."""

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self) -> None:
        """A bias for each relative place and head."""
        places = (2 * self.window_size[0] - 1) * (2 * self.window_size[1] - 1)
        self.relative_position_bias_table = nn.Parameter(zeros(places, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self) -> None:
        """For each pair of pixels of a window, flat, its relative place."""
        height, width = self.window_size
        grid = stack(meshgrid(arange(height), arange(width), indexing="ij")).flatten(1)
        apart = (grid[:, :, None] - grid[:, None, :]).permute(1, 2, 0)
        index = (apart[..., 0] + height - 1) * (2 * width - 1) + apart[..., 1] + width - 1
        self.register_buffer("relative_position_index", index.flatten())

    def _of_pairs(self, table: Tensor) -> Tensor:
        """A table (places, heads) as (1, heads, pixels, pixels)."""
        pixels = self.window_size[0] * self.window_size[1]
        return table[self.relative_position_index].view(pixels, pixels, -1).permute(2, 0, 1).contiguous().unsqueeze(0)

    def get_relative_position_bias(self) -> Tensor:
        """The bias of each pair of pixels, (1, heads, pixels, pixels)."""
        return self._of_pairs(self.relative_position_bias_table)

    def _attention(self, x: Tensor, logit_scale: Tensor | None) -> Tensor:
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            self.get_relative_position_bias(),
            self.window_size,
            self.num_heads,
            shift_size=self.shift_size,
            attention_dropout=self.attention_dropout,
            dropout=self.dropout,
            qkv_bias=self.qkv.bias,
            proj_bias=self.proj.bias,
            logit_scale=logit_scale,
            training=self.training,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self._attention(x, None)


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Version 2: cosines as scores, and a small network that gives the bias of a relative place."""

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout)
        self.logit_scale = nn.Parameter(log(10 * ones((num_heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512, bias=True), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False)
        )
        if qkv_bias:
            third = self.qkv.bias.numel() // 3
            self.qkv.bias[third : 2 * third].data.zero_()

    def define_relative_position_bias_table(self) -> None:
        """The relative places themselves, on a logarithmic scale (the paper's equation 4)."""
        height, width = self.window_size
        rows, columns = (arange(1 - size, size).float() for size in (height, width))
        table = stack(meshgrid(rows, columns, indexing="ij")).permute(1, 2, 0).contiguous().unsqueeze(0)
        table[:, :, :, 0] /= height - 1
        table[:, :, :, 1] /= width - 1
        table *= 8
        table = sign(table) * log2(table.abs() + 1.0) / 3.0
        self.register_buffer("relative_coords_table", table)

    def get_relative_position_bias(self) -> Tensor:
        """The bias of each pair of pixels, (1, heads, pixels, pixels), between 0 and 16."""
        return 16 * sigmoid(self._of_pairs(self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)))

    def forward(self, x: Tensor) -> Tensor:
        return self._attention(x, self.logit_scale)


class SwinTransformerBlock(Module):
    """Window attention and two linear layers, each after a normalization and beside a shortcut."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: list[int],
        shift_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        attn_layer: Layer = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.mlp.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))  # type: ignore[no-any-return]


class SwinTransformerBlockV2(SwinTransformerBlock):
    """Version 2: normalizations stand last."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: list[int],
        shift_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        attn_layer: Layer = ShiftedWindowAttentionV2,
    ) -> None:
        super().__init__(
            dim,
            num_heads,
            window_size,
            shift_size,
            mlp_ratio,
            dropout,
            attention_dropout,
            stochastic_depth_prob,
            norm_layer,
            attn_layer,
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))  # type: ignore[no-any-return]


class SwinTransformer(Module):
    """A Swin transformer for images (N, 3, H, W); the result is (N, num_classes).

    Args:
        patch_size, embed_dim: of the first layer.
        depths, num_heads: for each stage, blocks and heads.
        window_size: in patches, [height, width].
        mlp_ratio: width of the hidden linear layer, in multiples of a stage's.
        dropout, attention_dropout: shares of values, and of attention, that training drops.
        stochastic_depth_prob: the share of the last block's results that training drops; less of those before it.
        norm_layer, block, downsample_layer: what makes these.
    """

    def __init__(
        self,
        patch_size: list[int],
        embed_dim: int,
        depths: list[int],
        num_heads: list[int],
        window_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        block: Layer | None = None,
        downsample_layer: Layer = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        make = SwinTransformerBlock if block is None else block
        norm = partial(nn.LayerNorm, eps=1e-5) if norm_layer is None else norm_layer
        size = (patch_size[0], patch_size[1])
        layers: list[Module] = [
            nn.Sequential(
                nn.Conv2d(3, embed_dim, kernel_size=size, stride=size), Permute([0, 2, 3, 1]), norm(embed_dim)
            )
        ]
        last_block = sum(depths) - 1
        made = 0
        for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            dim = embed_dim * 2**stage
            row: list[Module] = []
            for place in range(depth):
                shift = [0 if place % 2 == 0 else window // 2 for window in window_size]
                row.append(
                    make(
                        dim,
                        heads,
                        window_size=window_size,
                        shift_size=shift,
                        mlp_ratio=mlp_ratio,
                        dropout=dropout,
                        attention_dropout=attention_dropout,
                        stochastic_depth_prob=stochastic_depth_prob * float(made) / last_block,
                        norm_layer=norm,
                    )
                )
                made += 1
            layers.append(nn.Sequential(*row))
            if stage < len(depths) - 1:
                layers.append(downsample_layer(dim, norm))
        self.features = nn.Sequential(*layers)
        width = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm(width)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(x)))
        return self.head(self.flatten(self.avgpool(x)))  # type: ignore[no-any-return]


class Swin_B_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("swin_b-68c6b09e", 87768224, 224, resize_size=238, interpolation=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class Swin_S_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("swin_s-5e29d889", 49606258, 224, resize_size=246, interpolation=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class Swin_T_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("swin_t-704ceda3", 28288354, 224, resize_size=232, interpolation=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class Swin_V2_B_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("swin_v2_b-781e5279", 87930848, 256, crop_size=256, resize_size=272, interpolation=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class Swin_V2_S_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("swin_v2_s-637d8ceb", 49737442, 256, crop_size=256, resize_size=260, interpolation=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class Swin_V2_T_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("swin_v2_t-b137f0e2", 28351570, 256, crop_size=256, resize_size=260, interpolation=BICUBIC)
    DEFAULT = IMAGENET1K_V1


def _swin(version: int, embed_dim: int, depth: int, heads: int, drop: float, kwargs: dict[str, Any]) -> SwinTransformer:
    """A network of a version: the first width, the third stage's depth, the first stage's heads, stochastic depth."""
    if version == 2:
        kwargs = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2, **kwargs}
    window = 7 if version == 1 else 8
    return SwinTransformer(
        patch_size=[4, 4],
        embed_dim=embed_dim,
        depths=[2, 2, depth, 2],
        num_heads=[heads, 2 * heads, 4 * heads, 8 * heads],
        window_size=[window, window],
        stochastic_depth_prob=kwargs.pop("stochastic_depth_prob", drop),
        **kwargs,
    )


@with_weights(Swin_T_Weights)
def swin_t(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, tiny; further arguments go to `SwinTransformer`."""
    return _swin(1, 96, 6, 3, 0.2, kwargs)


@with_weights(Swin_S_Weights)
def swin_s(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, small; further arguments go to `SwinTransformer`."""
    return _swin(1, 96, 18, 3, 0.3, kwargs)


@with_weights(Swin_B_Weights)
def swin_b(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, base; further arguments go to `SwinTransformer`."""
    return _swin(1, 128, 18, 4, 0.5, kwargs)


@with_weights(Swin_V2_T_Weights)
def swin_v2_t(**kwargs: Any) -> SwinTransformer:
    """Swin transformer V2, tiny; further arguments go to `SwinTransformer`."""
    return _swin(2, 96, 6, 3, 0.2, kwargs)


@with_weights(Swin_V2_S_Weights)
def swin_v2_s(**kwargs: Any) -> SwinTransformer:
    """Swin transformer V2, small; further arguments go to `SwinTransformer`."""
    return _swin(2, 96, 18, 3, 0.3, kwargs)


@with_weights(Swin_V2_B_Weights)
def swin_v2_b(**kwargs: Any) -> SwinTransformer:
    """Swin transformer V2, base; further arguments go to `SwinTransformer`."""
    return _swin(2, 128, 18, 4, 0.5, kwargs)
