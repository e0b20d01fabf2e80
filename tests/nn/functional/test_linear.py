"""Linear layers and convolutions against PyTorch's."""

from __future__ import annotations

import pytest

import rushlight

from .oracle import compare, inputs, same_error

LINEAR = {
    "bias": ((5, 4), (3, 4), (3,)),
    "no bias": ((5, 4), (3, 4)),
    "three axes": ((2, 5, 4), (3, 4), (3,)),
    "three axes, no bias": ((2, 5, 4), (3, 4)),
    "four axes": ((2, 3, 5, 4), (3, 4), (3,)),
    "one axis": ((4,), (3, 4), (3,)),
    "one axis, no bias": ((4,), (3, 4)),
    "one output": ((5, 4), (4,)),
    "vector and vector": ((4,), (4,)),
    "many axes, one output": ((2, 5, 4), (4,)),
    "bias of one": ((5, 4), (3, 4), (1,)),
    "bias of no axis": ((5, 4), (3, 4), ()),
    "bias of two axes": ((5, 4), (3, 4), (5, 3)),
    "empty": ((0, 4), (3, 4), (3,)),
    "no inputs": ((5, 0), (3, 0), (3,)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear(name: str) -> None:
    compare(lambda F, torch, *tensors: F.linear(*tensors), *inputs(*LINEAR[name]), label="vector" not in name)


def test_linear_of_a_transposed_input() -> None:
    compare(lambda F, torch, x, w, b: F.linear(x.transpose(0, 1), w, b), *inputs((4, 5, 3), (2, 3), (2,)))


def test_linear_shares_parents() -> None:
    x = rushlight.ones(2, 3, requires_grad=True)
    w, b = rushlight.ones(4, 3, requires_grad=True), rushlight.ones(4, requires_grad=True)
    result = rushlight.nn.functional.linear(rushlight.relu(x), w, b)
    names = [function.name() for function, _ in result.grad_fn.next_functions]
    assert names[:2] == ["torch::autograd::AccumulateGrad", "ReluBackward0"]  # the bias comes first, as in PyTorch


def test_bilinear() -> None:
    call = lambda F, torch, *tensors: F.bilinear(*tensors)  # noqa: E731
    compare(call, *inputs((5, 2), (5, 3), (4, 2, 3), (4,)))
    compare(call, *inputs((2, 5, 2), (2, 5, 3), (4, 2, 3)), label=False)


CONVOLUTIONS = {
    "1d": (1, ((2, 3, 9), (4, 3, 3), (4,)), {}),
    "1d unbatched": (1, ((3, 9), (4, 3, 3), (4,)), {"padding": 1}),
    "2d": (2, ((2, 3, 7, 8), (4, 3, 3, 2), (4,)), {}),
    "2d no bias": (2, ((2, 3, 7, 8), (4, 3, 3, 2)), {}),
    "2d unbatched": (2, ((3, 7, 8), (4, 3, 3, 2), (4,)), {"stride": 2}),
    "2d settings": (2, ((2, 3, 9, 8), (4, 3, 3, 2), (4,)), {"stride": (2, 1), "padding": (1, 2), "dilation": (2, 3)}),
    "2d groups": (2, ((2, 4, 7, 6), (6, 2, 3, 3), (6,)), {"groups": 2, "padding": 1}),
    "2d depthwise": (2, ((2, 4, 7, 6), (8, 1, 3, 3), (8,)), {"groups": 4}),
    "2d same": (2, ((2, 3, 7, 8), (4, 3, 3, 3), (4,)), {"padding": "same"}),
    "2d same, even": (2, ((2, 3, 7, 8), (4, 3, 2, 4), (4,)), {"padding": "same", "dilation": 2}),
    "2d valid": (2, ((2, 3, 7, 8), (4, 3, 2, 4), (4,)), {"padding": "valid"}),
    "2d one by one": (2, ((2, 3, 5, 5), (4, 3, 1, 1), (4,)), {}),
    "2d strided one by one": (2, ((2, 3, 6, 5), (4, 3, 1, 1), (4,)), {"stride": 2}),
    "2d empty batch": (2, ((0, 3, 6, 5), (4, 3, 2, 2), (4,)), {}),
    "3d": (3, ((1, 2, 4, 5, 4), (3, 2, 2, 3, 2), (3,)), {"stride": 2, "padding": 1}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str) -> None:
    rank, shapes, settings = CONVOLUTIONS[name]
    compare(lambda F, torch, *tensors: getattr(F, f"conv{rank}d")(*tensors, **settings), *inputs(*shapes))


TRANSPOSED = {
    "1d": (1, ((2, 3, 5), (3, 4, 3), (4,)), {"stride": 2}),
    "2d": (2, ((2, 3, 4, 5), (3, 4, 3, 2), (4,)), {}),
    "2d settings": (
        2,
        ((2, 3, 4, 5), (3, 4, 3, 2), (4,)),
        {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2), "dilation": (1, 2)},
    ),
    "2d groups": (2, ((2, 4, 4, 5), (4, 3, 3, 3), (6,)), {"groups": 2, "stride": 2}),
    "2d unbatched": (2, ((3, 4, 5), (3, 4, 3, 2)), {"stride": 2}),
    "3d": (3, ((1, 2, 3, 3, 2), (2, 3, 2, 3, 2), (3,)), {"stride": 2, "padding": 1, "output_padding": 1}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolution(name: str) -> None:
    rank, shapes, settings = TRANSPOSED[name]
    compare(lambda F, torch, *tensors: getattr(F, f"conv_transpose{rank}d")(*tensors, **settings), *inputs(*shapes))


def test_convolution_is_a_name_of_the_namespace() -> None:
    compare(lambda F, torch, x, w: torch.conv2d(x, w, None, (1,), [1]), *inputs((1, 2, 5, 5), (3, 2, 3, 3)))
    compare(lambda F, torch, x, w, b: torch.conv_tbc(x, w, b, 1), *inputs((5, 2, 3), (3, 3, 4), (4,)), label=False)


ERRORS = {
    "linear": (lambda F, torch: F.linear(torch.ones(32, 120), torch.ones(84, 400)), None),
    "linear, said in full": (
        lambda F, torch: F.linear(torch.ones(32, 120), torch.ones(84, 400)),
        "linear: input (32, 120) does not fit weight (84, 400): last axis 120, expected 400",
    ),
    "linear three axes": (lambda F, torch: F.linear(torch.ones(2, 3, 4), torch.ones(5, 6), torch.ones(5)), None),
    "linear vector": (lambda F, torch: F.linear(torch.ones(4), torch.ones(5, 6)), None),
    "linear bias": (lambda F, torch: F.linear(torch.ones(2, 4), torch.ones(5, 4), torch.ones(3)), None),
    "linear weight": (lambda F, torch: F.linear(torch.ones(2, 4), torch.ones(5, 4, 4)), None),
    "linear no axis": (lambda F, torch: F.linear(torch.ones(()), torch.ones(5, 4)), None),
    "linear dtypes": (lambda F, torch: F.linear(torch.ones(2, 4).double(), torch.ones(5, 4), torch.ones(5)), None),
    "linear bias dtype": (lambda F, torch: F.linear(torch.ones(2, 4), torch.ones(5, 4), torch.ones(5).double()), None),
    "linear bool": (lambda F, torch: F.linear(torch.ones(2, 4) > 0, torch.ones(5, 4) > 0), None),
    "linear list": (lambda F, torch: F.linear([1.0], torch.ones(5, 4)), None),
    "linear no weight": (lambda F, torch: F.linear(torch.ones(2, 4), None), None),
    "bilinear": (lambda F, torch: F.bilinear(torch.ones(2, 3), torch.ones(2, 4), torch.ones(5, 3, 3)), None),
    "bilinear batch": (lambda F, torch: F.bilinear(torch.ones(2, 3), torch.ones(3, 4), torch.ones(5, 3, 4)), None),
}
for _name, _shapes in {
    "axes": ((1, 2, 3, 4, 5), (1, 2, 3, 3)),
    "few axes": ((3, 4), (1, 2, 3, 3)),
    "channels": ((1, 2, 8, 8), (1, 3, 3, 3)),
    "kernel": ((1, 2, 2, 2), (1, 2, 3, 3)),
    "bias": ((1, 2, 8, 8), (4, 2, 3, 3), (3,)),
    "bias axes": ((1, 2, 8, 8), (4, 2, 3, 3), (4, 1)),
    "empty": ((1, 2, 8, 0), (4, 2, 3, 3)),
}.items():
    ERRORS[f"conv2d {_name}"] = (lambda F, torch, s=_shapes: F.conv2d(*[torch.ones(each) for each in s]), None)
for _name, _settings in {
    "stride": {"stride": 0},
    "padding": {"padding": -1},
    "dilation": {"dilation": 0},
    "groups 0": {"groups": 0},
    "groups": {"groups": 3},
    "same": {"stride": 2, "padding": "same"},
    "text": {"padding": "x"},
    "strides": {"stride": (1, 2, 3)},
    "paddings": {"padding": (1, 2, 3)},
}.items():
    text = "expected weight to be divisible by 3 at dimension 0" if _name == "groups" else None
    ERRORS[f"conv2d {_name}"] = (
        lambda F, torch, s=_settings: F.conv2d(torch.ones(1, 2, 8, 8), torch.ones(4, 2, 3, 3), **s),
        text,
    )
ERRORS |= {
    "conv2d dtypes": (lambda F, torch: F.conv2d(torch.ones(1, 2, 8, 8).double(), torch.ones(4, 2, 3, 3)), None),
    "conv2d bias dtype": (
        lambda F, torch: F.conv2d(torch.ones(1, 2, 8, 8), torch.ones(4, 2, 3, 3), torch.ones(4).double()),
        None,
    ),
    "transposed channels": (lambda F, torch: F.conv_transpose2d(torch.ones(1, 2, 8, 8), torch.ones(3, 3, 3, 3)), None),
    "transposed output padding": (
        lambda F, torch: F.conv_transpose2d(torch.ones(1, 2, 8, 8), torch.ones(2, 3, 3, 3), output_padding=1),
        "output padding must be smaller than either stride or dilation",
    ),
    "transposed size": (
        lambda F, torch: F.conv_transpose2d(torch.ones(1, 2, 8, 8), torch.ones(2, 3, 3, 3), padding=9),
        None,
    ),
    "transposed text": (
        lambda F, torch: F.conv_transpose2d(torch.ones(1, 2, 8, 8), torch.ones(2, 3, 3, 3), padding="same"),
        None,
    ),
    "transposed bias": (
        lambda F, torch: F.conv_transpose2d(torch.ones(1, 2, 8, 8), torch.ones(2, 3, 3, 3), torch.ones(2)),
        None,
    ),
    "tbc": (lambda F, torch: F.conv_tbc(torch.ones(3, 2, 4), torch.ones(3, 4, 5), torch.ones(4)), None),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    call, text = ERRORS[name]
    same_error(call, text=text)
