"""Printed tensors are compared with PyTorch's, character for character."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from rushlight.dtype import BY_NAME, bfloat16, float16, float32, int64, uint16
from rushlight.tensor.printing import (
    format_tensor,
    get_printoptions,
    printoptions,
    set_printoptions,
)

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def default_options():
    yield
    set_printoptions(profile="default")
    torch.set_printoptions(profile="default")


def ours(tensor: torch.Tensor, **properties) -> str:
    """What Rushlight prints for the values and properties of a PyTorch tensor."""
    of = BY_NAME[str(tensor.dtype).removeprefix("torch.")]
    plain = tensor.detach().resolve_conj().resolve_neg()
    if of in (bfloat16, float16):
        plain = plain.float()
    name = type(tensor.grad_fn).__name__ if tensor.grad_fn is not None else None
    if type(tensor) is not torch.Tensor:
        properties.setdefault("class_name", type(tensor).__name__)
    return format_tensor(
        plain.as_subclass(torch.Tensor).numpy(),
        of,
        shape=tensor.shape,
        grad_fn_name=name,
        requires_grad=tensor.requires_grad,
        is_leaf=tensor.is_leaf,
        **properties,
    )


def check(tensor: torch.Tensor, **options) -> None:
    with printoptions(**options), torch._tensor_str.printoptions(**options):
        assert ours(tensor) == repr(tensor)


NUMPY_DTYPES = {
    name: np.dtype(name)
    for name in (
        *("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Any dtype and shape; values at one of several scales, with special values strewn in."""
    name = draw(st.sampled_from([*NUMPY_DTYPES, "bfloat16"]))
    shape = draw(numpy_strategies.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    if name == "bool":
        return torch.from_numpy(np.asarray(random.random(shape) < 0.5))
    if name in NUMPY_DTYPES and NUMPY_DTYPES[name].kind in "iu":
        info = np.iinfo(name)
        high = draw(st.sampled_from([1, 10, 100, int(info.max)]))
        low = max(int(info.min), -high)
        return torch.from_numpy(np.asarray(random.integers(low, high, shape, dtype=name)))
    values = draw_reals(draw, random, shape)
    if name.startswith("complex"):
        parts = np.stack(np.broadcast_arrays(values, draw_reals(draw, random, shape)), axis=-1)
        values = np.ascontiguousarray(parts).view(np.complex128)[..., 0]
    return torch.from_numpy(np.asarray(values)).to(getattr(torch, name))


def draw_reals(draw: st.DrawFn, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    decades = draw(st.sampled_from([0, 0.1, 1, 2.9, 3.1, 8, 30]))
    scale = draw(st.sampled_from([1e-6, 1e-4, 1e-2, 1.0, 10.0, 1e3, 1e5, 1e8]))
    values = np.asarray(scale * 10 ** (decades * random.random(shape)) * random.choice([-1, 1], shape))
    if draw(st.booleans()):
        with np.errstate(invalid="ignore"):
            values = np.round(values)
    for special in draw(st.sets(st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1e-4, 1e8, 1.0, 1000.0]))):
        values = np.where(random.random(shape) < 0.2, special, values)
    return values


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 8),
        "threshold": st.sampled_from([0, 1, 5, 20, 1000, math.inf]),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.sampled_from([1, 10, 20, 33, 40, 80, 79.5, 120, 1000]),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@settings(max_examples=300, deadline=None)
@given(tensors(), OPTIONS)
def test_same_text_as_pytorch(tensor, options):
    check(tensor, **options)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=1, max_size=12),
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
)
def test_notation_is_chosen_as_in_pytorch_for_any_floats(values, dtype):
    check(torch.tensor(values, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1e-4, 1e8, 1e3, 0.1, 3.0, 65504.0])
def test_notation_changes_at_the_same_value(value, dtype):
    exact = torch.tensor(value, dtype=dtype)
    for near in (exact, torch.nextafter(exact, torch.zeros_like(exact)), -exact):
        for partner in (near, torch.tensor(1.0, dtype=dtype), torch.tensor(1.5, dtype=dtype)):
            check(torch.stack([near, partner]))


@pytest.mark.parametrize("width", [30, 40, 47, 48, 49, 60, 80, 81, 82, 83, 84, 85])
@pytest.mark.parametrize("count", [1, 2, 5, 6, 7])
def test_suffixes_wrap_as_in_pytorch(width, count):
    leaf = torch.linspace(0, 1, count, dtype=torch.float64, requires_grad=True)
    for tensor in (leaf, leaf * 2, torch.stack([leaf, leaf]), leaf.half(), leaf[:0], leaf[:0].reshape(0, 3)):
        check(tensor, linewidth=width)


def test_gradient_suffixes():
    leaf = torch.ones(2, requires_grad=True)
    assert ours(leaf) == "tensor([1., 1.], requires_grad=True)"
    assert ours(leaf * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
    assert ours((leaf * 2).detach()) == "tensor([2., 2.])"


def test_parameters_and_other_subclasses():
    class Own(torch.Tensor):
        pass

    class OwnParameter(torch.nn.Parameter):
        pass

    def containing(text: str) -> str:
        return f"Parameter containing:\n{text}"

    parameter = torch.nn.Parameter(torch.randn(3, 4))
    assert containing(ours(parameter)) == containing(ours(parameter, is_parameter=True)) == repr(parameter)
    own = torch.randn(9, 5).as_subclass(Own)
    assert ours(own) == repr(own)
    own_parameter = OwnParameter(torch.randn(3, 4))
    assert containing(ours(own_parameter, is_parameter=True)) == repr(own_parameter)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.complex64, torch.bfloat16])
def test_empty(shape, dtype):
    check(torch.zeros(shape, dtype=dtype))


@pytest.mark.parametrize("default", ["float64", "float32", "float16", "bfloat16"])
def test_dtype_is_named_where_it_is_not_the_default(default):
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    try:
        for dtype in (torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.int64):
            for shape in ((2,), (0,), ()):
                tensor = torch.zeros(shape, dtype=dtype)
                assert ours(tensor, default_dtype=BY_NAME[default]) == repr(tensor)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_meta_tensors_print_without_values(shape, dtype):
    tensor = torch.empty(shape, dtype=dtype, device="meta")
    of = BY_NAME[str(dtype).removeprefix("torch.")]
    assert format_tensor(None, of, shape=shape, device="meta") == repr(tensor)


def test_another_device_is_named():
    assert format_tensor(np.zeros(1, "f4"), float32, device="cuda:0") == "tensor([0.], device='cuda:0')"


def test_storage_form_is_decoded():
    bits = np.array([0x3FC0, 0x4000], np.uint16)
    assert format_tensor(bits, bfloat16) == "tensor([1.5000, 2.0000], dtype=torch.bfloat16)"
    assert format_tensor(bits, uint16) == "tensor([16320, 16384], dtype=torch.uint16)"


def test_indent_counts_as_columns_taken():
    text = format_tensor(np.arange(40), int64, indent=10)
    first, *others = text.split("\n")
    assert all(line.startswith(" " * (10 + len("tensor(["))) for line in others)
    assert 10 + len(first) <= 80 and max(map(len, others)) <= 80


def test_only_the_shown_part_is_read():
    broadcast = np.broadcast_to(np.float32(1.5), (10**6, 10**6))  # would not fit memory if it were read whole
    text = format_tensor(broadcast, float32)
    assert text.count("1.5000") == 36 and text.count("...") == 7


def test_options_profiles():
    for profile in ("short", "full", "default"):
        set_printoptions(profile=profile, precision=3, sci_mode=True)
        torch.set_printoptions(profile=profile, precision=3, sci_mode=True)
        assert get_printoptions() == torch._tensor_str.get_printoptions()
    set_printoptions()
    assert get_printoptions()["sci_mode"] is None and get_printoptions()["precision"] == 3


def test_unknown_profile_is_refused_and_changes_nothing():
    before = get_printoptions()
    with pytest.raises(ValueError, match="'short'"):
        set_printoptions(profile="shrot", precision=2)
    assert get_printoptions() == before


def test_printoptions_restores_after_an_error():
    before = get_printoptions()
    with pytest.raises(ZeroDivisionError), printoptions(precision=1, sci_mode=True):
        assert get_printoptions()["sci_mode"] is True
        raise ZeroDivisionError
    assert get_printoptions() == before


def test_unlimited_line_width():
    with printoptions(linewidth=math.inf, threshold=math.inf):
        assert "\n" not in format_tensor(np.arange(2000), int64)


@pytest.mark.parametrize("count", [9, 10, 11])
def test_summarised_only_beyond_the_threshold(count):
    check(torch.arange(count), threshold=10)
    check(torch.rand(count, 10), threshold=100)
