"""Attention against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch as pytorch

import rushlight

from .oracle import compare, inputs, ours, same_error, theirs, to_array

SHAPES = {
    "4d": ((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8)),
    "4d, wide values": ((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6)),
    "3d": ((2, 4, 8), (2, 5, 8), (2, 5, 8)),
    "2d": ((4, 8), (5, 8), (5, 8)),
    "5d": ((2, 1, 2, 4, 3), (2, 1, 2, 5, 3), (2, 1, 2, 5, 3)),
    "broadcast": ((2, 3, 4, 8), (1, 3, 5, 8), (3, 5, 8)),
    "no queries": ((2, 3, 0, 8), (2, 3, 5, 8), (2, 3, 5, 8)),
    "no keys": ((2, 3, 4, 8), (2, 3, 0, 8), (2, 3, 0, 8)),
    "no features": ((2, 3, 4, 0), (2, 3, 5, 0), (2, 3, 5, 0)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_products(name: str) -> None:
    second = name not in ("4d", "no keys")  # PyTorch's kernel has no second derivative
    compare(
        lambda F, torch, q, k, v: F.scaled_dot_product_attention(q, k, v),
        *inputs(*SHAPES[name]),
        gradgrad=second,
    )


SETTINGS: dict[str, dict[str, Any]] = {
    "causal": {"is_causal": True},
    "scale": {"scale": 0.3},
    "negative scale": {"scale": -0.7},
    "no scale": {"scale": 0.0},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("shape", [(2, 3), (6,)], ids=["4d", "3d"])
def test_settings(name: str, shape: tuple[int, ...]) -> None:
    compare(
        lambda F, torch, q, k, v: F.scaled_dot_product_attention(q, k, v, **SETTINGS[name]),
        *inputs((*shape, 4, 8), (*shape, 5, 8), (*shape, 5, 8)),
        gradgrad=len(shape) == 1,
    )


def _mask(*shape: int, dead: bool = False) -> np.ndarray:
    mask = np.random.default_rng(5).random(shape) > 0.4
    mask[..., 0] = True
    if dead:
        mask[..., 1, :] = False
    return mask


@pytest.mark.parametrize("shape", [(4, 5), (1, 5), (2, 1, 4, 5), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("dead", [False, True], ids=["", "dead row"])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_masks(shape: tuple[int, ...], dead: bool, kind: str) -> None:
    mask = _mask(*shape, dead=dead and shape[-2] > 1)
    if kind == "float":
        mask = np.where(mask, 0.25, -np.inf)

    def call(F: Any, torch: Any, q: Any, k: Any, v: Any) -> Any:
        given = torch.tensor(mask)
        given = given if given.dtype == torch.bool else given.to(q.dtype)
        return F.scaled_dot_product_attention(q, k, v, given)

    compare(call, *inputs((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8)), gradgrad=False)


def test_mask_with_a_gradient() -> None:
    compare(
        lambda F, torch, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m),
        *inputs((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8), (4, 5)),
    )


def test_mask_of_float32() -> None:
    compare(
        lambda F, torch, q, k, v: F.scaled_dot_product_attention(q, k, v, torch.ones(4, 5)),
        *inputs((4, 8), (5, 8), (5, 8)),
    )


def test_dropout_draws_as_pytorch_does() -> None:
    compare(
        lambda F, torch, q, k, v: F.scaled_dot_product_attention(q, k, v, dropout_p=0.4),
        *inputs((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8)),
        seed=3,
    )


@pytest.mark.parametrize("heads", [(2, 2), (1, 1), (2, 1), (4, 4)], ids=str)
def test_grouped_queries(heads: tuple[int, int]) -> None:
    k, v = heads
    compare(
        lambda F, torch, q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        *inputs((2, 4, 3, 8), (2, k, 5, 8), (2, v, 5, 8)),
        gradgrad=False,
    )


def _sdpa_error(*shapes: tuple[int, ...], text: str | None = None, **more: Any) -> tuple[Any, ...]:
    return (lambda F, torch, q, k, v: F.scaled_dot_product_attention(q, k, v, **more)), inputs(*shapes), text


ERRORS = {
    "a list": (lambda F, torch, q: F.scaled_dot_product_attention([1.0], q, q), inputs((3, 4)), None),
    "one axis": _sdpa_error((8,), (5, 8), (5, 8)),
    "dtypes": (lambda F, torch, q: F.scaled_dot_product_attention(q, q.double(), q), inputs((3, 4)), None),
    "integers": (lambda F, torch, q: F.scaled_dot_product_attention(q, q, q), [np.ones((3, 4), np.int64)], None),
    "features": _sdpa_error((2, 3, 4, 8), (2, 3, 5, 7), (2, 3, 5, 8), text="query (2, 3, 4, 8), key (2, 3, 5, 7)"),
    "batches": _sdpa_error((2, 3, 4, 8), (3, 3, 5, 8), (3, 3, 5, 8), text=""),
    "groups": _sdpa_error((2, 4, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8), enable_gqa=True),
    "groups without heads": _sdpa_error((4, 8), (5, 8), (5, 8), enable_gqa=True),
    "dropout": _sdpa_error((4, 8), (5, 8), (5, 8), dropout_p=1.5),
    "integer mask": (
        lambda F, torch, q: F.scaled_dot_product_attention(q, q, q, torch.ones(3, 3, dtype=torch.int64)),
        inputs((3, 4)),
        None,
    ),
    "double mask": (
        lambda F, torch, q: F.scaled_dot_product_attention(q, q, q, torch.ones(3, 3, dtype=torch.float64)),
        inputs((3, 4)),
        None,
    ),
    "mask's shape": (
        lambda F, torch, q: F.scaled_dot_product_attention(q, q, q, torch.ones(3, 4)),
        inputs((3, 4)),
        None,
    ),
    "mask's axes": (
        lambda F, torch, q: F.scaled_dot_product_attention(q, q, q, torch.ones(2, 3, 3)),
        inputs((3, 4)),
        None,
    ),
    "mask and causal": (
        lambda F, torch, q: F.scaled_dot_product_attention(q, q, q, torch.ones(3, 3), is_causal=True),
        inputs((3, 4)),
        None,
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    call, arrays, text = ERRORS[name]
    same_error(call, *arrays, text=text)


# ---- multi-head attention ----

EMBED, HEADS = 8, 2
PARAMETERS = inputs((3 * EMBED, EMBED), (3 * EMBED,), (EMBED, EMBED), (EMBED,), seed=7)


def _forward(F: Any, q: Any, k: Any, v: Any, parameters: list[Any], **more: Any) -> Any:
    weight, bias, out_weight, out_bias = parameters
    own = {"bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0} | more
    return F.multi_head_attention_forward(
        q,
        k,
        v,
        EMBED,
        HEADS,
        weight,
        bias,
        own.pop("bias_k"),
        own.pop("bias_v"),
        own.pop("add_zero_attn"),
        own.pop("dropout_p"),
        out_weight,
        out_bias,
        **own,
    )


MASK, PADDING = _mask(4, 5), ~_mask(3, 5)
WHOLE: dict[str, dict[str, Any]] = {
    "plain": {},
    "without weights": {"need_weights": False},
    "weights of each head": {"average_attn_weights": False},
    "zeros": {"add_zero_attn": True},
    "zeros and masks": {"add_zero_attn": True, "attn_mask": ~MASK, "key_padding_mask": PADDING},
    "bool mask": {"attn_mask": ~MASK},
    "bool mask of each head": {"attn_mask": ~_mask(6, 4, 5)},
    "bool mask without weights": {"attn_mask": ~MASK, "need_weights": False},
    "mask of each head without weights": {"attn_mask": ~_mask(6, 4, 5), "need_weights": False},
    "float mask": {"attn_mask": np.where(MASK, 0.5, -np.inf)},
    "padding": {"key_padding_mask": PADDING},
    "padding without weights": {"key_padding_mask": PADDING, "need_weights": False},
    "both masks": {"attn_mask": ~MASK, "key_padding_mask": PADDING},
    "both float masks": {"attn_mask": np.where(MASK, 0.5, -1.0), "key_padding_mask": np.where(PADDING, -np.inf, 0.0)},
    "causal hint": {"attn_mask": ~np.tri(4, 5, dtype=bool), "is_causal": True, "need_weights": False},
    "causal hint with weights": {"attn_mask": ~np.tri(4, 5, dtype=bool), "is_causal": True},
    "dropout": {"dropout_p": 0.3},
    "dropout without weights": {"dropout_p": 0.3, "need_weights": False},
    "dropout outside training": {"dropout_p": 0.3, "training": False},
}


def _given(torch: Any, more: dict[str, Any], like: Any) -> dict[str, Any]:
    made = {name: torch.tensor(x) if isinstance(x, np.ndarray) else x for name, x in more.items()}
    return {
        name: x.to(like.dtype) if name.endswith("mask") and x.dtype == torch.float64 else x for name, x in made.items()
    }


@pytest.mark.parametrize("name", WHOLE)
def test_multi_head(name: str) -> None:
    def call(F: Any, torch: Any, q: Any, k: Any, v: Any, *parameters: Any) -> Any:
        return _forward(F, q, k, v, list(parameters), **_given(torch, WHOLE[name], q))

    compare(call, *inputs((4, 3, EMBED), (5, 3, EMBED), (5, 3, EMBED)), *PARAMETERS, gradgrad=False)


@pytest.mark.parametrize("name", ["plain", "without weights", "float mask", "weights of each head"])
def test_multi_head_of_one_sample(name: str) -> None:
    def call(F: Any, torch: Any, q: Any, k: Any, v: Any, *parameters: Any) -> Any:
        return _forward(F, q, k, v, list(parameters), **_given(torch, WHOLE[name], q))

    compare(call, *inputs((4, EMBED), (5, EMBED), (5, EMBED)), *PARAMETERS, gradgrad=False)


@pytest.mark.parametrize("weights", [True, False])
def test_multi_head_of_one_tensor(weights: bool) -> None:
    def self_attention(F: Any, torch: Any, x: Any, *parameters: Any) -> Any:
        return _forward(F, x, x, x, list(parameters), need_weights=weights)

    def same_values(F: Any, torch: Any, x: Any, y: Any, *parameters: Any) -> Any:
        return _forward(F, x, y, y, list(parameters), need_weights=weights)

    compare(self_attention, *inputs((4, 3, EMBED)), *PARAMETERS, gradgrad=False)
    compare(same_values, *inputs((4, 3, EMBED), (5, 3, EMBED)), *PARAMETERS, gradgrad=False)


def test_multi_head_with_learned_rows() -> None:
    def call(F: Any, torch: Any, q: Any, k: Any, row_k: Any, row_v: Any, *parameters: Any) -> Any:
        more = {"attn_mask": torch.tensor(~MASK), "key_padding_mask": torch.tensor(PADDING)}
        return _forward(F, q, k, k, list(parameters), bias_k=row_k, bias_v=row_v, **more)

    rows = inputs((1, 1, EMBED), (1, 1, EMBED), seed=2)
    compare(call, *inputs((4, 3, EMBED), (5, 3, EMBED)), *rows, *PARAMETERS, gradgrad=False)


@pytest.mark.parametrize("bias", [True, False])
def test_multi_head_with_separate_weights(bias: bool) -> None:
    def call(F: Any, torch: Any, q: Any, k: Any, v: Any, wq: Any, wk: Any, wv: Any, b: Any, *out: Any) -> Any:
        separate = {"q_proj_weight": wq, "k_proj_weight": wk, "v_proj_weight": wv}
        parameters = [None, b if bias else None, *out]
        return _forward(F, q, k, v, parameters, use_separate_proj_weight=True, **separate)

    weights = inputs((EMBED, EMBED), (EMBED, 6), (EMBED, 7), seed=4)
    compare(call, *inputs((4, 3, EMBED), (5, 3, 6), (5, 3, 7)), *weights, *PARAMETERS[1:], gradgrad=False)


def test_multi_head_with_given_keys() -> None:
    def call(F: Any, torch: Any, q: Any, k: Any, static_k: Any, static_v: Any, *parameters: Any) -> Any:
        return _forward(F, q, k, k, list(parameters), static_k=static_k, static_v=static_v)

    static = inputs((6, 7, 4), (6, 7, 4), seed=9)
    compare(call, *inputs((4, 3, EMBED), (5, 3, EMBED)), *static, *PARAMETERS, gradgrad=False)


def _multi_head_error(*shapes: tuple[int, ...], **more: Any) -> tuple[Any, ...]:
    def call(F: Any, torch: Any, q: Any, k: Any, v: Any) -> Any:
        parameters = [torch.tensor(x, dtype=q.dtype) for x in PARAMETERS]
        if more.get("no weight"):
            parameters[0] = None
        given = {name: x for name, x in more.items() if name != "no weight"}
        return _forward(F, q, k, v, parameters, **_given(torch, given, q))

    return call, inputs(*shapes)


THREE = ((4, 3, EMBED), (5, 3, EMBED), (5, 3, EMBED))
TWO = ((4, EMBED), (5, EMBED), (5, EMBED))
MULTI_HEAD_ERRORS = {
    "four axes": _multi_head_error((1, 4, 3, EMBED), *THREE[1:]),
    "key's axes": _multi_head_error(THREE[0], *TWO[1:]),
    "key's axes unbatched": _multi_head_error(TWO[0], *THREE[1:]),
    "padding's axes": _multi_head_error(*THREE, key_padding_mask=PADDING[0]),
    "padding's axes unbatched": _multi_head_error(*TWO, key_padding_mask=PADDING),
    "padding's extent": _multi_head_error(*THREE, key_padding_mask=PADDING[:, :4]),
    "mask's axes": _multi_head_error(*THREE, attn_mask=MASK[0]),
    "mask's axes unbatched": _multi_head_error(*TWO, attn_mask=MASK[0]),
    "mask's shape": _multi_head_error(*THREE, attn_mask=MASK[:3]),
    "mask's heads": _multi_head_error(*THREE, attn_mask=_mask(5, 4, 5)),
    "mask's heads unbatched": _multi_head_error(*TWO, attn_mask=_mask(5, 4, 5)),
    "integer mask": _multi_head_error(*THREE, attn_mask=MASK.astype(int)),
    "integer padding": _multi_head_error(*THREE, key_padding_mask=PADDING.astype(int)),
    "causal without mask": _multi_head_error(*THREE, is_causal=True),
    "embedding": _multi_head_error((4, 3, 9), *THREE[1:]),
    "values": _multi_head_error(*THREE[:2], (6, 3, EMBED)),
    "batch": _multi_head_error(THREE[0], (5, 2, EMBED), (5, 2, EMBED)),
    "row of keys alone": _multi_head_error(*THREE, bias_k=np.ones((1, 1, EMBED), np.float32)),
    "no weight": _multi_head_error(*THREE, **{"no weight": True}),
    "no separate weight": _multi_head_error(*THREE, use_separate_proj_weight=True),
    "dropout": _multi_head_error(*THREE, dropout_p=1.5),
    "static keys": _multi_head_error(*THREE, static_k=np.ones((5, 7, 4), np.float32)),
    "static width": _multi_head_error(*THREE, static_k=np.ones((6, 7, 3), np.float32)),
}


@pytest.mark.parametrize("name", MULTI_HEAD_ERRORS)
def test_multi_head_errors(name: str) -> None:
    call, arrays = MULTI_HEAD_ERRORS[name]
    same_error(call, *arrays)


def test_heads_must_divide() -> None:
    parameters = [ours(x) for x in PARAMETERS]
    x = ours(inputs(THREE[0])[0])
    with pytest.raises(AssertionError, match="embed_dim 8 not divisible by num_heads 3"):
        rushlight.nn.functional.multi_head_attention_forward(
            x, x, x, EMBED, 3, *parameters[:2], None, None, False, 0.0, *parameters[2:]
        )


def test_half_is_rounded_where_pytorch_rounds() -> None:
    arrays = [*inputs(*THREE), *PARAMETERS]
    for dtype in ("float16", "bfloat16"):
        wanted = _forward(pytorch.nn.functional, *_split([theirs(x, dtype) for x in arrays]))
        got = _forward(rushlight.nn.functional, *_split([ours(x, dtype) for x in arrays]))
        width = {"float16": 3e-3, "bfloat16": 3e-2}[dtype]
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(to_array(a), to_array(b), rtol=width, atol=width)


def _split(tensors: list[Any]) -> tuple[Any, ...]:
    return (*tensors[:3], tensors[3:])
