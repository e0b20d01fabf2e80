"""Attention: `scaled_dot_product_attention`, and the forward of `nn.MultiheadAttention`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dtype import bool_
from ...ir import reduce, scalar
from ...ir.decomposition import matmul, transpose
from ...ir.graph import Node, input_node
from ...ir.type import Type
from ...tensor.shape import cat
from ...tensor.tensor import Tensor, node_of, wrap
from .dropout import dropout
from .linear import linear
from .operands import named
from .padding import pad

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _check(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> None:
    for name, each in (("query", query), ("key", key), ("value", value)):
        if not isinstance(each, Tensor):
            raise TypeError(
                f"scaled_dot_product_attention(): argument '{name}' must be Tensor, not {type(each).__name__}"
            )
        if each.ndim < 2:
            raise RuntimeError(
                "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
                f"{query.ndim}, key.dim: {key.ndim} and value.dim: {value.ndim} instead."
            )
        if each.dtype is not query.dtype:
            raise RuntimeError(
                f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype} key.dtype: {key.dtype} and "
                f"value.dtype: {value.dtype} instead."
            )
    if mask is not None and causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            f"scaled_dot_product_attention: query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)} do not fit: query and "
            "key share the last axis, key and value the one before it"
        )


def _causal(scores: Node) -> Node:
    """-inf above the diagonal."""
    rows, columns = scores.type.shape[-2:]
    keep = np.tril(np.ones((rows, columns), bool))
    mask = input_node(keep, Type.of(keep.shape, bool_))
    return scalar.select(mask, scores, scalar.number(float("-inf"), scores.type.dtype))


def _masked(scores: Node, mask: Tensor) -> Node:
    if mask.dtype is bool_:
        return scalar.select(node_of(mask), scores, scalar.number(float("-inf"), scores.type.dtype))
    if mask.dtype is not scores.type.dtype:
        raise RuntimeError(
            f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {mask.dtype}"
        )
    return scalar.add(scores, node_of(mask))


def _weights(scores: Node) -> Node:
    """softmax over keys; a row that may look at nothing has weights 0, not NaN."""
    axis = scores.type.ndim - 1
    result = reduce.softmax(scores, axis=axis)
    low = scalar.number(float("-inf"), scores.type.dtype)
    top = reduce.spread(reduce.max_(scores, axes=(axis,)), scores.type.shape, (axis,))
    return scalar.select(scalar.eq(top, low), scalar.number(0, scores.type.dtype), result)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key.mT * scale + mask) @ value: (…, L, E), (…, S, E), (…, S, Ev) to (…, L, Ev).

    `scale` is 1/sqrt(E) by default. A bool mask says where a query may look, a floating one is added.

    >>> import rushlight as torch
    >>> x = torch.ones(1, 2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
    torch.Size([1, 2, 4])
    """
    if enable_gqa:
        groups = query.shape[-3] // max(key.shape[-3], 1)
        key, value = (x.repeat_interleave(groups, -3) for x in (key, value))  # type: ignore[attr-defined]
    _check(query, key, value, attn_mask, is_causal)
    q, k, v = node_of(query), node_of(key), node_of(value)
    kind = q.type.dtype
    factor = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    # Both operands take half of the factor, as PyTorch does, so that half precision does not overflow.
    root = scalar.number(math.sqrt(factor), kind) if factor >= 0 else None
    if root is None:
        scores = scalar.mul(matmul(q, transpose(k)), scalar.number(factor, kind))
    else:
        scores = matmul(scalar.mul(q, root), scalar.mul(transpose(k), root))
    if is_causal:
        scores = _causal(scores)
    if attn_mask is not None:
        scores = _masked(scores, attn_mask)
        weights = _weights(scores)
    else:
        weights = reduce.softmax(scores, axis=scores.type.ndim - 1)
    if dropout_p:
        weights = node_of(dropout(wrap(weights), dropout_p))
    return named(matmul(weights, v), "ScaledDotProductFlashAttentionForCpu")


# ---- multi-head attention ----


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weights: list[Tensor], bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    biases = [None] * 3 if bias is None else list(bias.chunk(3))  # type: ignore[attr-defined]
    q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
    return q, k, v


def _additive(mask: Tensor | None, kind: Any, name: str) -> Tensor | None:
    """A mask (True: may not look) as one that is added."""
    if mask is None or mask.dtype.is_floating_point:
        return mask
    if mask.dtype is not bool_:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    low = scalar.number(float("-inf"), kind)
    return wrap(scalar.select(node_of(mask), low, scalar.number(0, kind)))


def _heads(x: Tensor, batch: int, heads: int) -> Tensor:
    """(length, batch, embed) to (batch · heads, length, embed / heads)."""
    return x.reshape(x.shape[0], batch * heads, -1).transpose(0, 1)  # type: ignore[attr-defined,no-any-return]


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> None:
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    kind = "batched 3-D" if query.ndim == 3 else "unbatched 2-D"
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {query.ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if padding is not None and padding.ndim != query.ndim - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {query.ndim - 1}-D but found {padding.ndim}-D tensor instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )


def _full_mask(
    mask: Tensor | None, padding: Tensor | None, length: int, source: int, batch: int, heads: int, kind: Any
) -> Tensor | None:
    """One additive mask (batch · heads or 1, length, source) of the attention and the padding mask."""
    mask, padding = _additive(mask, kind, "attn_mask"), _additive(padding, kind, "key_padding_mask")
    if mask is not None:
        expected = (length, source) if mask.ndim == 2 else (batch * heads, length, source)
        if tuple(mask.shape) != expected:
            raise RuntimeError(
                f"The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should be {expected}."
            )
        mask = mask.unsqueeze(0) if mask.ndim == 2 else mask  # type: ignore[attr-defined]
    if padding is None:
        return mask
    if tuple(padding.shape) != (batch, source):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, source)}, but got {tuple(padding.shape)}")
    wide = padding.reshape(batch, 1, 1, source).expand(-1, heads, -1, -1).reshape(batch * heads, 1, source)  # type: ignore[attr-defined]
    return wide if mask is None else mask + wide  # type: ignore[operator,no-any-return]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What `nn.MultiheadAttention` computes: (L, N, E), (S, N, E), (S, N, E) to the output (L, N, E) and the weights."""
    _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    unbatched = query.ndim == 2
    if unbatched:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))  # type: ignore[attr-defined]
        key_padding_mask = key_padding_mask.unsqueeze(0) if key_padding_mask is not None else None  # type: ignore[attr-defined]
    length, batch, embed = query.shape
    source = key.shape[0]
    if embed != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed}")
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if use_separate_proj_weight:
        weights: Any = [q_proj_weight, k_proj_weight, v_proj_weight]
    else:
        weights = list(in_proj_weight.chunk(3))  # type: ignore[union-attr]
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    if bias_k is not None and bias_v is not None:
        k, v = (_appended(x, b.expand(1, batch, -1)) for x, b in ((k, bias_k), (v, bias_v)))  # type: ignore[attr-defined]
        source += 1
        attn_mask, key_padding_mask = (None if m is None else pad(m, (0, 1)) for m in (attn_mask, key_padding_mask))
    q = _heads(q, batch, num_heads)
    k = _heads(k, batch, num_heads) if static_k is None else static_k
    v = _heads(v, batch, num_heads) if static_v is None else static_v
    if add_zero_attn:
        k, v = (pad(x, (0, 0, 0, 1)) for x in (k, v))
        attn_mask, key_padding_mask = (None if m is None else pad(m, (0, 1)) for m in (attn_mask, key_padding_mask))
    source = k.shape[1]
    mask = _full_mask(attn_mask, key_padding_mask, length, source, batch, num_heads, q.dtype)
    rate = dropout_p if training else 0.0
    if not need_weights:
        result = _attend_batched(q, k, v, mask, rate, batch, num_heads)
        found: Tensor | None = None
    else:
        result, found = _attend(q, k, v, mask, rate)
    result = result.transpose(0, 1).reshape(length * batch, embed)  # type: ignore[attr-defined]
    result = linear(result, out_proj_weight, out_proj_bias).reshape(length, batch, -1)  # type: ignore[attr-defined]
    if found is not None:
        found = found.reshape(batch, num_heads, length, source)  # type: ignore[attr-defined]
        found = found.mean(1) if average_attn_weights else found  # type: ignore[attr-defined]
    if unbatched:
        result = result.squeeze(1)
        found = found.squeeze(0) if found is not None else None  # type: ignore[attr-defined]
    return result, found


def _appended(x: Tensor, row: Tensor) -> Tensor:
    return cat([x, row])


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, rate: float) -> tuple[Tensor, Tensor]:
    """Heads' results and their weights."""
    scale = 1 / math.sqrt(q.shape[-1])
    scores = (q * scale) @ k.transpose(-2, -1)  # type: ignore[operator,attr-defined]
    if mask is not None:
        scores = scores + mask
    weights = scores.softmax(-1)
    if rate:
        weights = dropout(weights, rate)
    return weights @ v, weights


def _attend_batched(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, rate: float, batch: int, heads: int
) -> Tensor:
    """Heads' results by `scaled_dot_product_attention`, whose masks have the heads on an axis of their own."""
    if mask is not None and mask.shape[0] != 1:
        mask = mask.reshape(batch, heads, -1, k.shape[1])  # type: ignore[attr-defined]
    parts = [x.reshape(batch, heads, x.shape[1], -1) for x in (q, k, v)]  # type: ignore[attr-defined]
    result = scaled_dot_product_attention(*parts, attn_mask=mask, dropout_p=rate)
    return result.reshape(batch * heads, q.shape[1], -1)  # type: ignore[attr-defined,no-any-return]
