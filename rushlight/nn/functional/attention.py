"""Attention: `scaled_dot_product_attention`, and the forward of `nn.MultiheadAttention`."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ...dtype import FLOATING, bfloat16, bool_, float16, float32
from ...ir import reduce, scalar, view
from ...ir.attention import attention, masked, safe_softmax, split
from ...ir.component import components
from ...ir.decomposition import matmul, transpose
from ...ir.graph import Node
from ...ir.type import broadcast_shapes
from ...tensor.casting import cast
from ...tensor.tensor import Tensor, node_of, wrap
from .dropout import dropout
from .linear import linear
from .operands import named, require_tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]

HALVES = (float16, bfloat16)
_WORDS = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16"}
_WORDS |= {"int64": "long int", "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char"}


def _word(kind: Any) -> str:
    """A dtype as C++ calls it, which PyTorch's messages here do."""
    return _WORDS.get(kind.name, kind.name)


# ---- scores, weights, result ----


def _weights(scores: Node, masked: bool, rate: float) -> Node:
    axis = scores.type.ndim - 1
    weights = safe_softmax(scores, axis=axis) if masked else reduce.softmax(scores, axis=axis)
    return node_of(dropout(wrap(weights), rate)) if rate > 0 else weights


def _attend(q: Node, k: Node, v: Node, mask: Node | None, scale: float, rate: float, causal: bool) -> Node:
    """(…, L, E), (…, S, E), (…, S, Ev) to (…, L, Ev); half precision is computed in float32 and rounded once."""
    kind = q.type.dtype
    if kind in HALVES:
        q, k, v = (scalar.cast(x, dtype=float32) for x in (q, k, v))
    if rate == 0 and q.type.size and k.type.size and v.type.size:
        return scalar.cast(_attend_at_once(q, k, v, mask, scale, causal), dtype=kind)
    scores = matmul(scalar.mul(q, scalar.number(scale, q.type.dtype)), transpose(k))
    weights = _weights(masked(scores, mask, causal), causal or mask is not None, rate)
    return scalar.cast(matmul(weights, v), dtype=kind)


def _attend_at_once(q: Node, k: Node, v: Node, mask: Node | None, scale: float, causal: bool) -> Node:
    """As one record, which keeps no weights; what is broadcast is so as views."""
    (length, source), kind = (q.type.shape[-2], k.type.shape[-2]), q.type.dtype
    batch = broadcast_shapes(
        "attention", broadcast_shapes("attention", q.type.shape[:-2], k.type.shape[:-2]), v.type.shape[:-2]
    )
    q, k, v = (view.expand(x, (*batch, *x.type.shape[-2:])) for x in (q, k, v))
    rest = [scalar.number(scale, kind)]
    if mask is not None:
        mask = mask if mask.type.dtype is bool_ else scalar.cast(mask, dtype=kind)
        rest.insert(0, view.expand(mask, (*batch, length, source)))
    return components(attention(q, k, v, *rest, causal=causal))[0]


# ---- scaled dot products ----


def _check(query: Tensor, key: Tensor, value: Tensor) -> None:
    for place, (name, each) in enumerate((("query", query), ("key", key), ("value", value))):
        require_tensor("scaled_dot_product_attention", each, name, place + 1)
    if query.dtype is not key.dtype or query.dtype is not value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {_word(query.dtype)} key.dtype: "
            f"{_word(key.dtype)} and value.dtype: {_word(value.dtype)} instead."
        )
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.ndim} key.dim: {key.ndim} and "
            f"value.dim: {value.ndim} instead."
        )
    if query.dtype.category != FLOATING:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: float != {_word(query.dtype)} — scaled_dot_product_attention: query, "
            "key and value must be floating"
        )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            f"scaled_dot_product_attention: query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)} do not "
            "fit: query and key share the last axis, key and value the one before it"
        )


def _check_mask(mask: Tensor, query: Tensor, shape: tuple[int, ...]) -> None:
    """A mask is bool or floating, and broadcasts to the scores."""
    require_tensor("scaled_dot_product_attention", mask, "attn_mask", 4)
    if mask.dtype not in (bool_, float32, query.dtype):
        raise RuntimeError(
            f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {_word(mask.dtype)} and  "
            f"query.dtype: {_word(query.dtype)} instead."
        )
    own = tuple(mask.shape)
    whole = broadcast_shapes("scaled_dot_product_attention: attn_mask", shape, own)
    if whole != shape:
        raise RuntimeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(whole)} — scaled_dot_product_attention: attn_mask"
        )


def _grouped(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values repeated so that each serves a group of the query's heads."""
    repeated = []
    for each in (key, value):
        if min(query.ndim, each.ndim) < 3:
            raise IndexError("Dimension out of range (expected to be in range of [-2, 1], but got -3) — enable_gqa")
        heads, own = query.shape[-3], each.shape[-3]
        if not own or heads % own:
            raise RuntimeError(
                f"Number of heads in key and value must divide the number of heads in query — enable_gqa: {own} and {heads}"
            )
        repeated.append(each if own == heads else each.repeat_interleave(heads // own, -3))
    return repeated[0], repeated[1]


def _label(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, rate: float, grouped: bool) -> str:
    """What PyTorch's way of computing it calls its last step."""
    if not (query.numel() and key.numel() and value.numel()):
        return "Add"
    ranks = {query.ndim, key.ndim, value.ndim}
    if ranks == {4} and key.shape[:2] == value.shape[:2] and query.shape[-1] == value.shape[-1]:
        alike = query.shape[0] == key.shape[0] and (grouped or query.shape[1] == key.shape[1])
        if alike and not rate and not (mask is not None and mask.requires_grad):
            return "ScaledDotProductFlashAttentionForCpu"
    if query.dtype in HALVES:
        return "ToCopy"
    return "Mm" if ranks == {2} else "UnsafeView"


@cast
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

    `scale` is 1/sqrt(E) by default. A bool mask says where a query may look, a floating one is added; a query that may look at
    nothing gives 0. With `enable_gqa` fewer heads of keys and values serve groups of the query's.

    >>> import rushlight as torch
    >>> x = torch.ones(1, 2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
    torch.Size([1, 2, 4])
    """
    _check(query, key, value)
    label = _label(query, key, value, attn_mask, dropout_p, enable_gqa)
    if dropout_p > 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if enable_gqa:
        key, value = _grouped(query, key, value)
    batch = broadcast_shapes("scaled_dot_product_attention", query.shape[:-2], key.shape[:-2])
    if attn_mask is not None:
        _check_mask(attn_mask, query, (*batch, query.shape[-2], key.shape[-2]))
    if is_causal and attn_mask is not None and not label.startswith("Scaled"):
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    mask = None if attn_mask is None else node_of(attn_mask)
    factor = 1 / sqrt(max(query.shape[-1], 1)) if scale is None else scale
    result = _attend(node_of(query), node_of(key), node_of(value), mask, factor, dropout_p, is_causal)
    return named(result, label)


# ---- multi-head attention ----


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise AssertionError(text)


def _check_ranks(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> None:
    _need(
        query.ndim in (2, 3),
        f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor",
    )
    rank = query.ndim
    kind = "batched (3-D)" if rank == 3 else "unbatched (2-D)"
    _need(
        key.ndim == rank and value.ndim == rank,
        f"For {kind} `query`, expected `key` and `value` to be {rank}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively",
    )
    if padding is not None:
        _need(
            padding.ndim == rank - 1,
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found {padding.ndim}-D tensor instead",
        )
    if mask is not None:
        _need(
            mask.ndim in (2, 3),
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead",
        )
        expected = (heads, query.shape[0], key.shape[0])
        if rank == 2 and mask.ndim == 3 and tuple(mask.shape) != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")


def _check_extents(query: Tensor, key: Tensor, value: Tensor, embed: int, heads: int, separate: bool) -> None:
    _need(query.shape[-1] == embed, f"was expecting embedding dimension of {embed}, but got {query.shape[-1]}")
    _need(embed % heads == 0, f"embed_dim {embed} not divisible by num_heads {heads}")
    if separate:
        _need(
            key.shape[:2] == value.shape[:2],
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
        )
    else:
        _need(key.shape == value.shape, f"key shape {key.shape} does not match value shape {value.shape}")


def _projected(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None) -> list[Node]:
    """The three projections by one packed weight; those of one tensor at once."""
    embed = query.shape[-1]
    inputs: list[tuple[Tensor, int]] = [(query, 1), (key, 1), (value, 1)]
    if key is value:
        inputs = [(query, 3)] if query is key else [(query, 1), (key, 2)]
    sizes = tuple([count * embed for _, count in inputs])
    weights, biases = _pieces(weight, sizes), _pieces(bias, sizes)
    projected: list[Node] = []
    for (x, count), w, b in zip(inputs, weights, biases, strict=True):
        whole = node_of(linear(x, w, b))
        projected += components(split(whole, axis=2, sizes=(embed,) * count)) if count > 1 else [whole]
    return projected


def _pieces(packed: Tensor | None, sizes: tuple[int, ...]) -> list[Any]:
    """Stretches of the first axis."""
    if packed is None:
        return [None] * len(sizes)
    if len(sizes) == 1:
        return [packed]
    return [wrap(part) for part in components(split(node_of(packed), axis=0, sizes=sizes))]


def _projected_apart(
    query: Tensor, key: Tensor, value: Tensor, weights: dict[str, Tensor | None], bias: Tensor | None
) -> list[Node]:
    biases = _pieces(bias, (query.shape[-1],) * 3)
    projected = []
    for x, (name, weight), b in zip((query, key, value), weights.items(), biases, strict=True):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name} is None")
        projected.append(node_of(linear(x, weight, b)))
    return projected


def _additive(mask: Tensor | None, kind: Any, name: str) -> Node | None:
    """A mask (True: may not look) as one that is added."""
    if mask is None:
        return None
    _need(mask.dtype is bool_ or mask.dtype.is_floating_point, f"only bool and floating types of {name} are supported")
    if mask.dtype is not bool_:
        return node_of(mask)
    return scalar.select(node_of(mask), scalar.number(float("-inf"), kind), scalar.number(0, kind))


def _masks(query: Tensor, key: Tensor, heads: int, attention: Tensor | None, padding: Tensor | None) -> Node | None:
    """The attention's mask and the padding's as one that broadcasts to (batch, heads, length, source), or None."""
    length, batch, source = query.shape[0], query.shape[1], key.shape[0]
    mask = _additive(attention, query.dtype, "attn_mask")
    behind = _additive(padding, query.dtype, "key_padding_mask")
    if mask is not None:
        own = mask.type.shape
        expected = (length, source) if len(own) == 2 else (batch * heads, length, source)
        if own != expected:
            raise RuntimeError(
                f"The shape of the {len(own)}D attn_mask is torch.Size({list(own)}), but should be {expected}."
            )
        mask = view.reshape(mask, (1, 1, *own) if len(own) == 2 else (batch, heads, length, source))
    if behind is None:
        return mask
    for axis, extent in enumerate((batch, source)):
        have = behind.type.shape[axis]
        _need(have == extent, f"Expected key_padded_mask.shape[{axis}] to be {extent}, but got {have}")
    behind = view.reshape(behind, (batch, 1, 1, source))
    return behind if mask is None else scalar.add(mask, scalar.cast(behind, dtype=mask.type.dtype))


def _one_more(node: Node, axis: int) -> Node:
    """Another place of zeros at the end of an axis."""
    ndim = node.type.ndim
    return view.pad(node, (0,) * ndim, tuple([int(a == axis) for a in range(ndim)]))


def _heads(node: Node, heads: int) -> Node:
    """(length, batch, embed) to (batch, heads, length, embed / heads)."""
    length, batch, embed = node.type.shape
    return view.permute(view.reshape(node, (length, batch, heads, embed // heads)), (1, 2, 0, 3))


def _static(own: Tensor, name: str, batch: int, heads: int, width: int) -> Node:
    _need(own.shape[0] == batch * heads, f"expecting {name}.size(0) of {batch * heads}, but got {own.shape[0]}")
    _need(own.shape[2] == width, f"expecting {name}.size(2) of {width}, but got {own.shape[2]}")
    return view.reshape(node_of(own), (batch, heads, *own.shape[1:]))


def _attend_with_weights(q: Node, k: Node, v: Node, mask: Node | None, rate: float) -> tuple[Node, Node]:
    """As `_attend`, and the weights; each step is rounded to the input's dtype, as PyTorch's are."""
    kind = q.type.dtype
    scaled = scalar.mul(q, scalar.number(sqrt(1.0 / q.type.shape[-1]), kind))
    if kind in HALVES:
        scaled, k = (scalar.cast(x, dtype=float32) for x in (scaled, k))
    scores = scalar.cast(masked(matmul(scaled, transpose(k)), mask, False), dtype=kind)
    axis = scores.type.ndim - 1
    weights = reduce.softmax(scores, axis=axis)
    if rate > 0:
        weights = node_of(dropout(wrap(weights), rate))
    return matmul(weights, v), weights


def _in_heads(
    q: Node, k: Node, v: Node, mask: Node | None, heads: int, rows: tuple[Tensor | None, ...], zero: bool
) -> tuple[Node, Node, Node, Node | None]:
    """Queries, keys, values as (batch, heads, length, width), with the learned row and the row of zeros behind the keys and values."""
    bias_k, bias_v, static_k, static_v = rows
    if bias_k is not None and bias_v is not None:
        _need(static_k is None, "bias cannot be added to static key.")
        _need(static_v is None, "bias cannot be added to static value.")
        k, v = (
            view.concatenate((x, view.expand(node_of(row), (1, *x.type.shape[1:]))), 0)
            for x, row in ((k, bias_k), (v, bias_v))
        )
        mask = None if mask is None else _one_more(mask, 3)
    else:
        _need(bias_k is None, "bias_k is set but bias_v is None")
        _need(bias_v is None, "bias_v is set but bias_k is None")
    _, batch, embed = q.type.shape
    width = embed // heads
    for x in (k, v):
        if x.type.shape[1] != batch:
            raise RuntimeError(
                f"shape '[{x.type.shape[0]}, {batch * heads}, {width}]' is invalid for input of size {x.type.size} — "
                f"multi_head_attention_forward: query has a batch of {batch}, key and value of {x.type.shape[1]}"
            )
    q = _heads(q, heads)
    k = _heads(k, heads) if static_k is None else _static(static_k, "static_k", batch, heads, width)
    v = _heads(v, heads) if static_v is None else _static(static_v, "static_v", batch, heads, width)
    if zero:
        k, v = _one_more(k, 2), _one_more(v, 2)
        mask = None if mask is None else _one_more(mask, 3)
    return q, k, v, mask


def _batched(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """With an axis of one sample; what was one tensor stays one."""
    wide = {id(x): x.unsqueeze(1) for x in (query, key, value)}
    return wide[id(query)], wide[id(key)], wide[id(value)]


def _finished(
    result: Node, weights: Node | None, out: tuple[Tensor, Tensor | None], average: bool, unbatched: bool
) -> tuple[Tensor, Tensor | None]:
    """The heads' results (batch, heads, length, width) through the output's projection, and the weights as asked for."""
    batch, heads, length, width = result.type.shape
    flat = view.reshape(view.permute(result, (2, 0, 1, 3)), (length * batch, heads * width))
    projected = node_of(linear(wrap(flat), *out))
    if projected.tracked:
        projected.label = "SqueezeBackward1" if unbatched else "View"
    shape = (length, projected.type.shape[-1]) if unbatched else (length, batch, projected.type.shape[-1])
    attended = named(view.reshape(projected, shape), "View")
    if weights is None:
        return attended, None
    label = "View"
    if average:
        label = "MeanBackward1"
        weights = scalar.div(reduce.sum_(weights, (1,)), scalar.number(heads, weights.type.dtype))
    if unbatched:
        label, weights = "SqueezeBackward1", view.reshape(weights, weights.type.shape[1:])
    return attended, named(view.identity(weights), label)


@cast
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
    _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    unbatched = query.ndim == 2
    if unbatched:
        query, key, value = _batched(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    hinted = is_causal and key_padding_mask is None and not need_weights
    masks = None if hinted else attn_mask, key_padding_mask
    mask = _masks(query, key, num_heads, *masks)
    _check_extents(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if use_separate_proj_weight:
        apart = {"q_proj_weight": q_proj_weight, "k_proj_weight": k_proj_weight, "v_proj_weight": v_proj_weight}
        q, k, v = _projected_apart(query, key, value, apart, in_proj_bias)
    else:
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    rows = bias_k, bias_v, static_k, static_v
    q, k, v, mask = _in_heads(q, k, v, mask, num_heads, rows, add_zero_attn)
    rate = dropout_p if training else 0.0
    weights: Node | None = None
    if need_weights:
        result, weights = _attend_with_weights(q, k, v, mask, rate)
    else:
        result = _attend(q, k, v, mask, 1 / sqrt(q.type.shape[-1]), rate, hinted)
    return _finished(result, weights, (out_proj_weight, out_proj_bias), average_attn_weights, unbatched)
