"""Vision transformers: an image is a sentence of patches (Dosovitskiy et al. 2020)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ... import nn
from ...nn import Module
from ...tensor import Tensor, cat, empty, zeros
from ..ops.misc import MLP, Conv2dNormActivation
from .pretrained import BICUBIC, WeightsEnum, classes_of, imagenet, with_weights

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

Layer = Callable[..., Module]
_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution of the stem that may stand in place of the cut into patches."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Layer = nn.BatchNorm2d
    activation_layer: Layer = nn.ReLU


class MLPBlock(MLP):
    """The transformer's two linear layers."""

    _version = 2  # version 1 called the layers linear_1 and linear_2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *arguments: Any) -> None:
        version = local_metadata.get("version", None)
        if version is None or version < 2:
            for old, new in (("linear_1", "0"), ("linear_2", "3")):
                for kind in ("weight", "bias"):
                    value = state_dict.pop(f"{prefix}{old}.{kind}", None)
                    if value is not None:
                        state_dict[f"{prefix}{new}.{kind}"] = value
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *arguments)


def _check_sentences(input: Tensor) -> None:
    if input.dim() != 3:
        raise AssertionError(f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")


class EncoderBlock(Module):
    """Attention and two linear layers, each after a normalization and beside a shortcut; (N, length, hidden_dim)."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = _NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        _check_sentences(input)
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class Encoder(Module):
    """Adds what stands for the place of each patch, then the blocks."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = _NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))  # from BERT
        self.dropout = nn.Dropout(dropout)
        layers: OrderedDict[str, Module] = OrderedDict()
        for place in range(num_layers):
            layers[f"encoder_layer_{place}"] = EncoderBlock(
                num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
            )
        self.layers = nn.Sequential(layers)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        _check_sentences(input)
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))  # type: ignore[no-any-return]


class VisionTransformer(Module):
    """A vision transformer for images (N, 3, image_size, image_size); the result is (N, num_classes).

    Args:
        image_size, patch_size: in pixels.
        num_layers, num_heads, hidden_dim, mlp_dim: of the encoder.
        dropout, attention_dropout: shares of values, and of attention, that training drops.
        representation_size: width of a hidden layer before the classifier; None for none.
        norm_layer: what makes a normalization.
        conv_stem_configs: convolutions in place of the cut into patches (Xiao et al. 2021).
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Layer = _NORM,
        conv_stem_configs: list[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size != 0:
            raise AssertionError("Input shape indivisible by patch size!")
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        if conv_stem_configs is not None:
            self.conv_proj: Any = _convolutions(conv_stem_configs, hidden_dim)
        else:
            self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1  # one for the class
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        heads: OrderedDict[str, Module] = OrderedDict()
        if representation_size is None:
            heads["head"] = nn.Linear(hidden_dim, num_classes)
        else:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
            heads["head"] = nn.Linear(representation_size, num_classes)
        self.heads = nn.Sequential(heads)
        self._initialize()

    def _initialize(self) -> None:
        if isinstance(self.conv_proj, nn.Conv2d):
            convolution = self.conv_proj
            fan_in = convolution.in_channels * convolution.kernel_size[0] * convolution.kernel_size[1]
            nn.init.trunc_normal_(convolution.weight, std=math.sqrt(1 / fan_in))
        else:
            convolution = self.conv_proj.conv_last
            nn.init.normal_(convolution.weight, mean=0.0, std=math.sqrt(2.0 / convolution.out_channels))
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)
        if hasattr(self.heads, "pre_logits"):
            before = self.heads.pre_logits
            nn.init.trunc_normal_(before.weight, std=math.sqrt(1 / before.in_features))
            nn.init.zeros_(before.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def _process_input(self, x: Tensor) -> Tensor:
        """Images as sentences (N, patches, hidden_dim)."""
        for name, size in (("height", x.shape[2]), ("width", x.shape[3])):
            if size != self.image_size:
                raise AssertionError(f"Wrong image {name}! Expected {self.image_size} but got {size}!")
        x = self.conv_proj(x)
        return x.reshape(x.shape[0], self.hidden_dim, -1).permute(0, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self._process_input(x)
        x = cat([self.class_token.expand(x.shape[0], -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])  # type: ignore[no-any-return]


def _convolutions(configs: list[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    """The stem of convolutions; a last one of 1×1 makes the width the encoder's."""
    stem = nn.Sequential()
    channels = 3
    for place, config in enumerate(configs):
        layer = Conv2dNormActivation(
            channels,
            config.out_channels,
            kernel_size=config.kernel_size,
            stride=config.stride,
            norm_layer=config.norm_layer,
            activation_layer=config.activation_layer,
        )
        stem.add_module(f"conv_bn_relu_{place}", layer)
        channels = config.out_channels
    stem.add_module("conv_last", nn.Conv2d(channels, hidden_dim, kernel_size=1))
    return stem


class ViT_B_16_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vit_b_16-c867db91", 86567656, 224)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_b_16_swag-9ac1b537", 86859496, 384, crop_size=384, resize_size=384, interpolation=BICUBIC
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_b_16_lc_swag-4e70ced5", 86567656, 224, resize_size=224, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vit_b_32-d86f8d99", 88224232, 224)
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_h_14_swag-80465313", 633470440, 518, crop_size=518, resize_size=518, interpolation=BICUBIC
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_h_14_lc_swag-c1eb923e", 632045800, 224, resize_size=224, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


class ViT_L_16_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vit_l_16-852ce7e3", 304326632, 224, resize_size=242)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_l_16_swag-4f3808c9", 305174504, 512, crop_size=512, resize_size=512, interpolation=BICUBIC
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_l_16_lc_swag-4d563306", 304326632, 224, resize_size=224, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vit_l_32-c7638314", 306535400, 224)
    DEFAULT = IMAGENET1K_V1


def _classes_and_size(weights: WeightsEnum) -> dict[str, Any]:
    """The number of patches is part of the weights."""
    return {**classes_of(weights), "image_size": weights.meta["min_size"][0]}


def _vit(
    patch_size: int, num_layers: int, num_heads: int, hidden_dim: int, mlp_dim: int, kwargs: Any
) -> VisionTransformer:
    return VisionTransformer(
        image_size=kwargs.pop("image_size", 224),
        patch_size=patch_size,
        num_layers=num_layers,
        num_heads=num_heads,
        hidden_dim=hidden_dim,
        mlp_dim=mlp_dim,
        **kwargs,
    )


@with_weights(ViT_B_16_Weights, fixed=_classes_and_size)
def vit_b_16(**kwargs: Any) -> VisionTransformer:
    """ViT-Base with patches of 16; further arguments go to `VisionTransformer`."""
    return _vit(16, 12, 12, 768, 3072, kwargs)


@with_weights(ViT_B_32_Weights, fixed=_classes_and_size)
def vit_b_32(**kwargs: Any) -> VisionTransformer:
    """ViT-Base with patches of 32; further arguments go to `VisionTransformer`."""
    return _vit(32, 12, 12, 768, 3072, kwargs)


@with_weights(ViT_L_16_Weights, fixed=_classes_and_size)
def vit_l_16(**kwargs: Any) -> VisionTransformer:
    """ViT-Large with patches of 16; further arguments go to `VisionTransformer`."""
    return _vit(16, 24, 16, 1024, 4096, kwargs)


@with_weights(ViT_L_32_Weights, fixed=_classes_and_size)
def vit_l_32(**kwargs: Any) -> VisionTransformer:
    """ViT-Large with patches of 32; further arguments go to `VisionTransformer`."""
    return _vit(32, 24, 16, 1024, 4096, kwargs)


@with_weights(ViT_H_14_Weights, fixed=_classes_and_size)
def vit_h_14(**kwargs: Any) -> VisionTransformer:
    """ViT-Huge with patches of 14; further arguments go to `VisionTransformer`."""
    return _vit(14, 32, 16, 1280, 5120, kwargs)


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: OrderedDict[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> OrderedDict[str, Tensor]:
    """A model's state for images of another size: what stands for the places of patches is resized as a picture.

    Args:
        image_size, patch_size: of the model that gets the state.
        reset_heads: leave the classifier out.

    ValueError for a state that is no vision transformer's.
    """
    embedding = model_state["encoder.pos_embedding"]
    count, length, width = embedding.shape
    if count != 1:
        raise ValueError(f"Unexpected position embedding shape: {embedding.shape}")
    wanted = (image_size // patch_size) ** 2
    if wanted + 1 == length:
        return model_state
    side = int(math.sqrt(length - 1))
    if side * side != length - 1:
        raise ValueError(
            f"seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = {side * side} and "
            f"seq_length = {length - 1}"
        )
    new_side = image_size // patch_size
    picture = embedding[:, 1:, :].permute(0, 2, 1).reshape(1, width, side, side)
    resized = nn.functional.interpolate(picture, size=new_side, mode=interpolation_mode, align_corners=True)
    places = resized.reshape(1, width, wanted).permute(0, 2, 1)
    model_state["encoder.pos_embedding"] = cat([embedding[:, :1, :], places], 1)
    if not reset_heads:
        return model_state
    return OrderedDict((key, value) for key, value in model_state.items() if not key.startswith("heads"))
