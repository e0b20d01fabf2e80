"""Draws into strided tensors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rushlight.dtype import BY_NAME
from rushlight.generator import continuous, discrete
from rushlight.generator.placement import in_memory_order, is_contiguous

from .twin import Twin, same_bits

SINGLE = BY_NAME["float32"]


@st.composite
def views(draw: st.DrawFn) -> torch.Tensor:
    """A view of a tensor: axes in any order, some cut, some stepped over."""
    shape = draw(st.lists(st.integers(0, 6), max_size=4))
    view = torch.zeros(shape).permute(draw(st.permutations(range(len(shape)))))
    for axis in range(view.ndim):
        start, step = draw(st.integers(0, 2)), draw(st.integers(1, 2))
        if start < view.shape[axis]:
            view = view[(slice(None),) * axis + (slice(start, None, step),)]
        if draw(st.booleans()) and draw(st.booleans()):
            view = view.unsqueeze(axis)
    return view


@given(views())
def test_in_place(view: torch.Tensor) -> None:
    shape, strides = tuple(view.shape), view.stride()
    assert is_contiguous(shape, strides) == view.is_contiguous()
    twin = Twin(4)
    twin.check(
        lambda e: in_memory_order(lambda s: continuous.uniform(e, s, SINGLE), shape, strides),
        lambda g: view.uniform_(generator=g),
    )
    contiguous = is_contiguous(shape, strides)
    twin.check(
        lambda e: in_memory_order(
            lambda s: continuous.normal(e, s, SINGLE, 0.5, 2.0, contiguous=contiguous), shape, strides
        ),
        lambda g: view.normal_(0.5, 2.0, generator=g),
    )


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_results_with_the_strides_of_another(axes: tuple[int, ...]) -> None:
    other = torch.zeros(3, 4, 5).permute(axes)
    shape, strides = tuple(other.shape), other.stride()
    for draw, draw_torch in (
        (lambda e, s: continuous.uniform(e, s, SINGLE), torch.rand_like),
        (lambda e, s: continuous.normal(e, s, SINGLE, contiguous=is_contiguous(shape, strides)), torch.randn_like),
        (lambda e, s: discrete.bernoulli(e, s, SINGLE, 0.5), lambda t: torch.dropout(t + 0.5, 0.5, True)),
    ):
        torch.manual_seed(4)
        engine = Twin(4).engine
        ours = in_memory_order(lambda s, d=draw, e=engine: d(e, s), shape, strides)
        assert same_bits(ours, draw_torch(other))
