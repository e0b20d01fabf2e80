"""Attention with several heads; `nn.modules.activation` has the name too, as in PyTorch."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor, empty
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module


class MultiheadAttention(Module):
    """softmax(Q·Kᵀ / √d)·V for each of num_heads projections of query, key and value, joined and projected once more.

    query: (L, N, embed_dim), key: (S, N, kdim), value: (S, N, vdim); (N, L, …) where batch_first holds; without N for
    one sample. dropout: of the attention weights. add_bias_kv: append learnt vectors to keys and values;
    add_zero_attn: append zeros. The forward gives the output, like the query, and the weights (N, L, S), averaged
    over the heads, or None where `need_weights` is off.

    >>> import rushlight as torch
    >>> x = torch.randn(5, 2, 8)
    >>> output, weights = torch.nn.MultiheadAttention(8, 4)(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([5, 2, 8]), torch.Size([2, 5, 5]))
    """

    __constants__ = ["batch_first"]

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = kdim if kdim is not None else embed_dim
        self.vdim = vdim if vdim is not None else embed_dim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        where = {"device": device, "dtype": dtype}
        self._make_projections(bias, where)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **where)
        self.bias_k = Parameter(empty((1, 1, embed_dim), **where)) if add_bias_kv else None
        self.bias_v = Parameter(empty((1, 1, embed_dim), **where)) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_projections(self, bias: bool, where: dict[str, Any]) -> None:
        """One weight for query, key and value where their sizes agree, else one for each."""
        e = self.embed_dim
        shapes = {"q_proj_weight": (e, e), "k_proj_weight": (e, self.kdim), "v_proj_weight": (e, self.vdim)}
        joined = {"in_proj_weight": (3 * e, e)}
        made, absent = (joined, shapes) if self._qkv_same_embed_dim else (shapes, joined)
        for name, shape in made.items():
            self.register_parameter(name, Parameter(empty(shape, **where)))
        for name in absent:
            self.register_parameter(name, None)
        self.register_parameter("in_proj_bias", Parameter(empty(3 * e, **where)) if bias else None)

    def _reset_parameters(self) -> None:
        """Draws the projections anew, by Xavier's rule."""
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"_qkv_same_embed_dim": True, **state})

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The attention's output and weights.

        key_padding_mask: (N, S), keys to leave out (True) or numbers to add; attn_mask: (L, S) or (N·num_heads, L,
        S), the same for each pair. is_causal: a hint that attn_mask hides what comes later.
        """
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = _turn(query, key, value)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(1, 0) if turned else output), weights


def _turn(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N, L, E) to (L, N, E); what was one tensor stays one, so that it is projected once."""
    turned = query.transpose(1, 0)
    turned_key = turned if key is query else key.transpose(1, 0)
    turned_value = turned if value is query else turned_key if value is key else value.transpose(1, 0)
    return turned, turned_key, turned_value
