"""Every layer against PyTorch: printing, initial values bit for bit, results, gradients, copies, pickles."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import rushlight

from ..both import array, assert_alike, run

# The layer, and its arguments; x(…) draws a tensor that requires grad.
LAYERS = [
    ("Identity(1, unused=2)", "x(2, 3)"),
    ("Linear(3, 4)", "x(2, 3)"),
    ("Linear(3, 4, bias=False)", "x(2, 5, 3)"),
    ("Linear(3, 4, dtype=t.float64)", "x(3).double()"),
    ("Bilinear(2, 3, 4)", "x(5, 2), x(5, 3)"),
    ("Bilinear(2, 3, 4, bias=False)", "x(5, 2), x(5, 3)"),
    ("Conv1d(2, 4, 3)", "x(2, 2, 7)"),
    ("Conv1d(2, 4, 3, padding='same', padding_mode='circular', dilation=2)", "x(2, 2, 9)"),
    ("Conv2d(2, 4, 3, padding=1, stride=2, groups=2, bias=False, dilation=2)", "x(2, 2, 8, 8)"),
    ("Conv2d(2, 4, (3, 2), padding='same', padding_mode='reflect')", "x(2, 2, 6, 6)"),
    ("Conv2d(2, 4, 3, padding=(1, 2), padding_mode='replicate')", "x(2, 6, 6)"),
    ("Conv2d(2, 4, 3, padding='same')", "x(2, 2, 6, 6)"),
    ("Conv3d(2, 4, 2, padding='valid', padding_mode='circular')", "x(1, 2, 4, 4, 4)"),
    ("ConvTranspose1d(2, 4, 3)", "x(2, 2, 5)"),
    ("ConvTranspose2d(2, 4, 3, stride=2, output_padding=1, dilation=2, groups=2)", "x(2, 2, 4, 4)"),
    ("ConvTranspose2d(2, 4, 3, stride=2)", "x(2, 2, 4, 4), (10, 9)"),
    ("ConvTranspose3d(2, 4, 3, bias=False)", "x(1, 2, 3, 3, 3)"),
    ("MaxPool1d(2)", "x(2, 3, 7)"),
    ("MaxPool2d(2, stride=(1, 2), padding=1, ceil_mode=True, return_indices=True)", "x(2, 3, 7, 7)"),
    ("MaxPool2d(3, dilation=2)", "x(3, 9, 9)"),
    ("MaxPool3d(2)", "x(1, 2, 5, 5, 5)"),
    ("AvgPool1d(2)", "x(2, 3, 7)"),
    ("AvgPool2d(3, 2, padding=1, count_include_pad=False)", "x(2, 3, 7, 7)"),
    ("AvgPool2d(2, divisor_override=3)", "x(2, 3, 7, 7)"),
    ("AvgPool3d(2, 1)", "x(1, 2, 4, 4, 4)"),
    ("AdaptiveAvgPool1d(3)", "x(2, 3, 7)"),
    ("AdaptiveAvgPool2d((None, 3))", "x(2, 3, 7, 7)"),
    ("AdaptiveAvgPool3d(2)", "x(1, 2, 5, 5, 5)"),
    ("AdaptiveMaxPool1d(3, True)", "x(2, 3, 7)"),
    ("AdaptiveMaxPool2d((2, None))", "x(2, 3, 7, 7)"),
    ("AdaptiveMaxPool3d(2)", "x(1, 2, 5, 5, 5)"),
    ("LPPool1d(2, 3)", "x(2, 3, 9)"),
    ("LPPool2d(2, 3, ceil_mode=True)", "x(2, 3, 8, 8)"),
    ("BatchNorm1d(4)", "x(5, 4)"),
    ("BatchNorm1d(4, bias=False)", "x(5, 4, 3)"),
    ("BatchNorm2d(4, affine=False)", "x(2, 4, 3, 3)"),
    ("BatchNorm2d(4, momentum=None)", "x(2, 4, 3, 3)"),
    ("BatchNorm3d(4, track_running_stats=False)", "x(2, 4, 2, 2, 2)"),
    ("InstanceNorm1d(4)", "x(2, 4, 5)"),
    ("InstanceNorm2d(4, affine=True, track_running_stats=True)", "x(2, 4, 3, 3)"),
    ("InstanceNorm3d(4)", "x(4, 2, 2, 2)"),
    ("LayerNorm(3)", "x(2, 4, 3)"),
    ("LayerNorm([4, 3], bias=False)", "x(2, 4, 3)"),
    ("LayerNorm((3,), elementwise_affine=False)", "x(2, 4, 3)"),
    ("GroupNorm(2, 4)", "x(2, 4, 3)"),
    ("GroupNorm(2, 4, affine=False)", "x(2, 4, 3, 3)"),
    ("RMSNorm(3)", "x(2, 4, 3)"),
    ("RMSNorm((4, 3), eps=1e-3, elementwise_affine=False)", "x(2, 4, 3)"),
    ("LocalResponseNorm(2)", "x(2, 4, 3, 3)"),
    ("Dropout(0.2).eval()", "x(2, 3)"),
    ("Dropout2d().eval()", "x(2, 3, 4, 4)"),
    ("AlphaDropout().eval()", "x(2, 3)"),
    ("Embedding(5, 3)", "t.tensor([[0, 4], [2, 2]])"),
    ("Embedding(5, 3, padding_idx=-1)", "t.tensor([[0, 4], [2, 2]])"),
    ("Embedding(5, 3, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)", "t.tensor([[0, 4], [2, 2]])"),
    ("EmbeddingBag(5, 3, mode='sum', padding_idx=1)", "t.tensor([[0, 4], [2, 1]])"),
    ("EmbeddingBag(5, 3)", "t.tensor([0, 4, 2, 1]), t.tensor([0, 3])"),
    ("EmbeddingBag(5, 3, mode='max')", "t.tensor([0, 4, 2, 1]), t.tensor([0, 3])"),
    ("MultiheadAttention(4, 2)", "x(3, 2, 4), x(5, 2, 4), x(5, 2, 4)"),
    ("MultiheadAttention(4, 2, batch_first=True)", "x(3, 2, 4), x(3, 5, 4), x(3, 5, 4), None, False"),
    ("MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True, bias=False)", "x(3, 2, 4), x(5, 2, 3), x(5, 2, 5)"),
    ("MultiheadAttention(4, 2, add_zero_attn=True)", "x(3, 4), x(5, 4), x(5, 4)"),
    ("TransformerEncoderLayer(4, 2, 8).eval()", "x(3, 2, 4)"),
    ("TransformerEncoderLayer(4, 2, 8, 0.0, 'gelu', norm_first=True, batch_first=True)", "x(3, 2, 4)"),
    ("TransformerDecoderLayer(4, 2, 8, 0.0, bias=False)", "x(3, 2, 4), x(5, 2, 4)"),
    ("Transformer(4, 2, 1, 2, 8, 0.0)", "x(3, 2, 4), x(5, 2, 4)"),
    ("PReLU(3)", "x(2, 3, 4)"),
    ("ReLU()", "x(2, 3)"),
    ("ReLU6()", "x(2, 3) * 5"),
    ("LeakyReLU(0.2)", "x(2, 3)"),
    ("RReLU().eval()", "x(2, 3)"),
    ("ELU(2.0)", "x(2, 3)"),
    ("SELU()", "x(2, 3)"),
    ("CELU()", "x(2, 3)"),
    ("GELU()", "x(2, 3)"),
    ("GELU('tanh')", "x(2, 3)"),
    ("Sigmoid()", "x(2, 3)"),
    ("Tanh()", "x(2, 3)"),
    ("Softplus(2, 3)", "x(2, 3) * 4"),
    ("Softsign()", "x(2, 3)"),
    ("SiLU()", "x(2, 3)"),
    ("Mish()", "x(2, 3)"),
    ("Hardtanh(-0.5, 0.3)", "x(2, 3)"),
    ("Hardswish()", "x(2, 3) * 4"),
    ("Hardsigmoid()", "x(2, 3) * 4"),
    ("Softmax(1)", "x(2, 3)"),
    ("LogSoftmax(1)", "x(2, 3)"),
    ("Softmin(1)", "x(2, 3)"),
    ("Softmax2d()", "x(2, 3, 2, 2)"),
    ("LogSigmoid()", "x(2, 3)"),
    ("Tanhshrink()", "x(2, 3)"),
    ("Softshrink()", "x(2, 3)"),
    ("Hardshrink(0.3)", "x(2, 3)"),
    ("Threshold(0.1, 2)", "x(2, 3)"),
    ("GLU()", "x(2, 4)"),
    ("L1Loss()", "x(2, 3), t.randn(2, 3)"),
    ("MSELoss(reduction='sum')", "x(2, 3), t.randn(2, 3)"),
    ("CrossEntropyLoss(label_smoothing=0.1)", "x(2, 3), t.tensor([0, 2])"),
    ("CrossEntropyLoss(weight=t.tensor([1.0, 2.0, 3.0]), ignore_index=1)", "x(3, 3), t.tensor([0, 1, 2])"),
    ("NLLLoss()", "x(2, 3).log_softmax(1), t.tensor([0, 2])"),
    ("PoissonNLLLoss()", "x(2, 3), t.rand(2, 3)"),
    ("GaussianNLLLoss()", "x(2, 3), t.randn(2, 3), t.rand(2, 3)"),
    ("KLDivLoss(reduction='batchmean')", "x(2, 3).log_softmax(1), t.rand(2, 3)"),
    ("BCELoss()", "x(2, 3).sigmoid(), t.rand(2, 3)"),
    ("BCEWithLogitsLoss(pos_weight=t.tensor([1.0, 2.0, 3.0]))", "x(2, 3), t.rand(2, 3)"),
    ("HingeEmbeddingLoss()", "x(4), t.tensor([1, -1, 1, -1])"),
    ("MarginRankingLoss(0.3)", "x(4), x(4), t.tensor([1, -1, 1, -1])"),
    ("CosineEmbeddingLoss()", "x(4, 3), x(4, 3), t.tensor([1, -1, 1, -1])"),
    ("SmoothL1Loss(beta=0.5)", "x(2, 3), t.randn(2, 3)"),
    ("HuberLoss(delta=0.5)", "x(2, 3), t.randn(2, 3)"),
    ("TripletMarginLoss()", "x(4, 3), x(4, 3), x(4, 3)"),
    ("TripletMarginWithDistanceLoss()", "x(4, 3), x(4, 3), x(4, 3)"),
    ("MultiMarginLoss()", "x(2, 3), t.tensor([0, 2])"),
    ("MultiLabelMarginLoss()", "x(2, 3), t.tensor([[0, 2, -1], [1, -1, 0]])"),
    ("MultiLabelSoftMarginLoss()", "x(2, 3), t.tensor([[0.0, 1, 1], [1, 0, 0]])"),
    ("SoftMarginLoss()", "x(4), t.tensor([1.0, -1, 1, -1])"),
    ("CTCLoss()", "x(6, 2, 4).log_softmax(2), t.tensor([[1, 2], [3, 3]]), t.tensor([6, 5]), t.tensor([2, 2])"),
    ("Flatten()", "x(2, 3, 4)"),
    ("Unflatten(1, (2, 3))", "x(2, 6)"),
    ("Fold(4, 2)", "x(1, 4, 9)"),
    ("Unfold(2, stride=(1, 2))", "x(1, 2, 4, 4)"),
    ("Upsample(3)", "x(1, 2, 2, 2)"),
    ("Upsample(scale_factor=(2, 1.5), mode='bilinear')", "x(1, 2, 4, 4)"),
    ("UpsamplingNearest2d(scale_factor=2)", "x(1, 2, 2, 2)"),
    ("UpsamplingBilinear2d(3)", "x(1, 2, 2, 2)"),
    ("PixelShuffle(2)", "x(1, 8, 2, 2)"),
    ("PixelUnshuffle(2)", "x(1, 2, 4, 4)"),
    ("ChannelShuffle(2)", "x(1, 4, 2, 2)"),
    ("CosineSimilarity()", "x(2, 3), x(2, 3)"),
    ("PairwiseDistance(keepdim=True)", "x(2, 3), x(2, 3)"),
    ("ZeroPad1d(1)", "x(2, 3)"),
    ("ZeroPad2d((1, 2, 3, 4))", "x(2, 3, 3)"),
    ("ZeroPad3d(1)", "x(1, 2, 2, 2)"),
    ("ConstantPad1d([1, 2], 3)", "x(2, 3)"),
    ("ConstantPad2d(1, 2.5)", "x(1, 3, 3)"),
    ("ConstantPad3d(1, 2.5)", "x(1, 2, 2, 2)"),
    ("ReflectionPad1d(1)", "x(2, 3)"),
    ("ReflectionPad2d((1, 0, 1, 2))", "x(1, 3, 3)"),
    ("ReflectionPad3d(1)", "x(1, 3, 3, 3)"),
    ("ReplicationPad1d(1)", "x(2, 3)"),
    ("ReplicationPad2d(1)", "x(1, 3, 3)"),
    ("ReplicationPad3d(1)", "x(1, 2, 2, 2)"),
    ("CircularPad1d(1)", "x(2, 3)"),
    ("CircularPad2d(1)", "x(1, 3, 3)"),
    ("CircularPad3d(1)", "x(1, 3, 3, 3)"),
]
# Layers that are printed and drawn, but run elsewhere: they need another's result, or draw at random in their forward.
PRINTED = [
    "MaxUnpool1d(2)",
    "MaxUnpool2d(2, padding=1)",
    "MaxUnpool3d(2, (1, 2, 3))",
    "FractionalMaxPool2d(2, output_ratio=0.5)",
    "FractionalMaxPool3d(2, output_size=2)",
    "LPPool3d(2, 3)",
    "Dropout(0.2, inplace=True)",
    "Dropout1d(0.2)",
    "Dropout3d()",
    "FeatureAlphaDropout(0.1)",
    "ReLU(True)",
    "RReLU(inplace=True)",
    "Hardswish(True)",
    "Threshold(1, 2, True)",
    "LazyLinear(3)",
    "LazyConv2d(3, 2)",
    "LazyConvTranspose1d(3, 2, 2, 1, 0, 1, False)",
    "LazyBatchNorm2d(affine=False)",
    "LazyInstanceNorm2d()",
    "TransformerEncoder(t.nn.TransformerEncoderLayer(4, 2, 8), 3)",
    "TransformerDecoder(t.nn.TransformerDecoderLayer(4, 2, 8), 2, t.nn.LayerNorm(4))",
]


def _make(text: str, t: Any) -> Any:
    return eval("t.nn." + text, {"t": t})


def _arguments(text: str, t: Any) -> tuple[Any, ...]:
    return eval(f"({text},)", {"t": t, "x": lambda *shape: t.randn(*shape, requires_grad=True)})


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [each for part in value for each in _flat(part)]
    return [] if value is None else [value]


def _results(made: str, given: str) -> Any:
    """A program: result, gradients and buffers of a layer."""

    def program(t: Any) -> dict[str, Any]:
        layer = _make(made, t)
        arguments = _arguments(given, t)
        result = layer(*arguments)
        differentiable = [each for each in _flat(result) if each.requires_grad]
        if differentiable:
            sum((each * each.detach().cos()).sum() for each in differentiable).backward()
        leaves = [a for a in arguments if isinstance(a, t.Tensor) and a.is_leaf]
        return {
            "result": result,
            "gradients": [a.grad for a in leaves],
            "parameters": {name: p.grad for name, p in layer.named_parameters()},
            "buffers": dict(layer.named_buffers()),
        }

    return program


@pytest.mark.parametrize(("made", "given"), LAYERS, ids=[f"{a}({b})" for a, b in LAYERS])
def test_results_and_gradients(made: str, given: str) -> None:
    program = _results(made, given)
    theirs = run(program, torch)
    assert isinstance(theirs, dict), theirs
    assert_alike(run(program, rushlight), theirs, rtol=2e-5, atol=2e-6)


EVERY = [made for made, _ in LAYERS] + PRINTED


@pytest.mark.parametrize("made", EVERY)
def test_printing_and_initial_values(made: str) -> None:
    ours, theirs = (run(lambda t: _make(made, t), library) for library in (rushlight, torch))
    assert repr(ours) == repr(theirs)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    assert mine._metadata == other._metadata
    assert float(rushlight.rand(1)) == float(torch.rand(1))  # as much was drawn
    if "Lazy" not in made:
        for name in other:
            assert np.array_equal(array(mine[name]), array(other[name])), name


@pytest.mark.parametrize("made", EVERY)
def test_copies_and_pickles(made: str) -> None:
    layer = run(lambda t: _make(made, t), rushlight)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        mine, other = layer.state_dict(), twin.state_dict()
        assert list(mine) == list(other)
        if "Lazy" not in made:
            for name in mine:
                assert np.array_equal(array(mine[name]), array(other[name])), name
                assert mine[name].data_ptr() != other[name].data_ptr() or mine[name].numel() == 0, name


def test_every_layer_of_pytorch_that_is_wanted_is_there() -> None:
    later = {
        "AdaptiveLogSoftmaxWithLoss",
        "Container",
        "CrossMapLRN2d",
    }
    names = {
        name
        for name in dir(torch.nn)
        if isinstance(getattr(torch.nn, name), type) and issubclass(getattr(torch.nn, name), torch.nn.Module)
    }
    assert {name for name in names if not hasattr(rushlight.nn, name)} == later
