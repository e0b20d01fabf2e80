"""Models against torchvision's: the same keys, the same initial weights from a seed, the same results and gradients."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

import rushlight
from rushlight.vision import models, transforms
from rushlight.vision.models.preset import ImageClassification

from ..samples.torchvision_oracle import torchvision

NAMES = models.list_models()
WIDE = 4096  # the hidden layers of AlexNet and VGG: a hundred million weights to draw
NARROW = 32


def _narrowed(library: Any) -> type:
    class Linear(library.nn.Linear):  # type: ignore[name-defined, misc]
        def __init__(self, in_features: int, out_features: int) -> None:
            super().__init__(*(NARROW if count == WIDE else count for count in (in_features, out_features)))

    return Linear


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """AlexNet and VGG with few hidden units, in both libraries."""
    for library in (rushlight, torch):
        monkeypatch.setattr(library.nn, "Linear", _narrowed(library))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are not drawn."""
    for name in ("kaiming_uniform_", "kaiming_normal_", "uniform_", "normal_"):
        monkeypatch.setattr(rushlight.nn.init, name, lambda tensor, *arguments, **keywords: tensor)


def both(make: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """What `make(library, models)` makes from the same seed in each library."""
    rushlight.manual_seed(7)
    torch.manual_seed(7)
    return make(rushlight, models), make(torch, torchvision.models)


def assert_same_weights(ours: Any, theirs: Any) -> None:
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    for key in expected:
        np.testing.assert_array_equal(state[key].numpy(), expected[key].numpy(), err_msg=key)


def images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 3, size, size)).astype(np.float32)


def test_every_model_of_these_families_is_there() -> None:
    families = ("resnet", "alexnet", "vgg", "squeezenet", "mobilenetv2", "densenet")
    theirs = [
        name
        for name in torchvision.models.list_models(torchvision.models)
        if torchvision.models.get_model_builder(name).__module__.rpartition(".")[2] in families
    ]
    assert theirs == NAMES


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", NAMES)
def test_keys_shapes_and_printed_form(name: str) -> None:
    ours = models.get_model(name)
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name)
    assert repr(ours) == repr(theirs)
    shapes = [(key, tuple(value.shape), str(value.dtype)) for key, value in ours.state_dict().items()]
    assert shapes == [(key, tuple(value.shape), str(value.dtype)) for key, value in theirs.state_dict().items()]
    weights = models.get_model_weights(name)
    assert weights.DEFAULT.meta["num_params"] == sum(p.numel() for p in ours.parameters())


VARIANTS: dict[str, Callable[[Any, Any], Any]] = {
    "resnet18": lambda t, m: m.resnet18(),
    "squeezenet1_0": lambda t, m: m.squeezenet1_0(num_classes=10),
    "squeezenet1_1": lambda t, m: m.squeezenet1_1(num_classes=10, dropout=0.1),
    "mobilenet_v2": lambda t, m: m.mobilenet_v2(num_classes=10),
    "narrow mobile": lambda t, m: m.mobilenet_v2(width_mult=0.35, round_nearest=4, dropout=0.5),
    "other mobile": lambda t, m: m.MobileNetV2(
        inverted_residual_setting=[[1, 8, 1, 1], [4, 16, 2, 2]], norm_layer=lambda channels: t.nn.GroupNorm(4, channels)
    ),
    "small dense": lambda t, m: m.DenseNet(8, (2, 3), 16, 2, num_classes=5),
    "vgg11": lambda t, m: m.vgg11(num_classes=5),
    "vgg11_bn": lambda t, m: m.vgg11_bn(num_classes=5, dropout=0.2),
    "vgg, layers' own weights": lambda t, m: m.vgg11(num_classes=5, init_weights=False),
    "alexnet": lambda t, m: m.alexnet(num_classes=5),
    "bottlenecks": lambda t, m: m.ResNet(m.resnet.Bottleneck, [1, 2, 1, 1], 10),
    "zero": lambda t, m: m.ResNet(m.resnet.Bottleneck, [1, 1, 1, 1], 10, zero_init_residual=True),
    "zero basic": lambda t, m: m.ResNet(m.resnet.BasicBlock, [1, 1, 1, 1], 10, zero_init_residual=True),
    "groups": lambda t, m: m.ResNet(m.resnet.Bottleneck, [1, 1, 1, 1], 10, groups=32, width_per_group=4),
    "dilated": lambda t, m: m.ResNet(
        m.resnet.Bottleneck, [1, 2, 2, 2], 10, replace_stride_with_dilation=[False, True, True]
    ),
    "group norm": lambda t, m: m.ResNet(
        m.resnet.BasicBlock, [1, 1, 1, 1], 10, norm_layer=lambda channels: t.nn.GroupNorm(8, channels)
    ),
}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", VARIANTS)
def test_a_seed_gives_the_same_weights_and_results(name: str) -> None:
    ours, theirs = both(VARIANTS[name])
    assert_same_weights(ours, theirs)
    pixels = images(2, 64 if name == "alexnet" else 32)
    ours.eval(), theirs.eval()
    with rushlight.no_grad(), torch.no_grad():
        result, expected = ours(rushlight.tensor(pixels)).numpy(), theirs(torch.tensor(pixels)).numpy()
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


TRAINED: dict[str, Callable[[Any, Any], Any]] = {
    "resnet18": lambda t, m: m.resnet18(num_classes=10),
    "mobile": lambda t, m: m.MobileNetV2(10, 0.35, dropout=0.3),
    "squeezenet": lambda t, m: m.squeezenet1_1(num_classes=10),
    "dense": lambda t, m: m.DenseNet(4, (2, 2, 2), 8, drop_rate=0.25, num_classes=10),
}


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_step_gives_the_same_gradients_and_statistics(name: str) -> None:
    ours, theirs = (model.double() for model in both(TRAINED[name]))
    pixels, targets = images(4, 32).astype(np.float64), np.array([1, 0, 7, 7])
    for library, model in ((rushlight, ours), (torch, theirs)):
        library.manual_seed(1)
        output = model(library.tensor(pixels))
        library.nn.functional.cross_entropy(output, library.tensor(targets)).backward()
    for (key, ours_one), theirs_one in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        expected = theirs_one.grad.numpy()
        np.testing.assert_allclose(
            ours_one.grad.numpy(), expected, rtol=1e-6, atol=1e-8 * max(1.0, np.abs(expected).max()), err_msg=key
        )
    for (key, buffer), expected_buffer in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        np.testing.assert_allclose(buffer.numpy(), expected_buffer.numpy(), rtol=1e-9, atol=1e-12, err_msg=key)


# ---- weights ----


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """PyTorch's folder for files of weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = tmp_path / "hub" / "checkpoints"
    found.mkdir(parents=True)
    yield found


@pytest.mark.parametrize(
    "choice", [{"weights": "DEFAULT"}, {"weights": models.ResNet18_Weights.IMAGENET1K_V1}, {"pretrained": True}]
)
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained'", "ignore:Arguments other than")
def test_weights_that_are_not_there_are_named(choice: dict[str, Any], folder: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        models.resnet18(**choice)
    text = str(raised.value)
    assert "ResNet18_Weights.IMAGENET1K_V1" in text and str(folder) in text
    assert "load_state_dict(torch.load('resnet18-f37072fd.pth'))" in text


def test_weights_are_read_from_their_folder(folder: Path) -> None:
    torch.manual_seed(5)
    theirs = torchvision.models.squeezenet1_1()
    torch.save(theirs.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    assert_same_weights(models.squeezenet1_1(weights="SqueezeNet1_1_Weights.DEFAULT"), theirs)


def test_published_keys_of_dense_layers_are_renamed() -> None:
    state = {"features.denseblock1.denselayer2.norm.1.weight": 1, "features.denseblock1.denselayer2.conv.2.weight": 2}
    state |= {"features.transition1.norm.weight": 3, "classifier.bias": 4}
    assert list(models.densenet.renamed(state)) == [
        "features.denseblock1.denselayer2.norm1.weight",
        "features.denseblock1.denselayer2.conv2.weight",
        "features.transition1.norm.weight",
        "classifier.bias",
    ]


def facts(member: Any) -> tuple[Any, ...]:
    keywords = {name: value for name, value in member.transforms.keywords.items() if name != "crop_size"}
    return member.name, member.url, keywords, member.meta["num_params"], member.meta["min_size"], repr(member)


@pytest.mark.parametrize("name", NAMES)
def test_facts_about_weights(name: str) -> None:
    ours, theirs = models.get_model_weights(name), torchvision.models.get_model_weights(name)
    assert [facts(member) for member in ours] == [facts(member) for member in theirs]
    assert repr(ours.DEFAULT) == repr(theirs.DEFAULT)
    assert pickle.loads(pickle.dumps(ours.DEFAULT)) is ours.DEFAULT
    assert repr(ours.DEFAULT.transforms()) == repr(theirs.DEFAULT.transforms())


@pytest.mark.parametrize("kind", ["picture", "tensor"])
def test_preparation_of_an_image(kind: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    ours, theirs = (preset(crop_size=24, resize_size=30) for preset in (ImageClassification, theirs_preset))
    if kind == "picture":
        result, expected = (prepare(PIL.Image.fromarray(pixels)) for prepare in (ours, theirs))
    else:
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        result, expected = ours(rushlight.tensor(planes)), theirs(torch.tensor(planes))
    level = 1 / (255 * 0.224)  # PyTorch resizes bytes of tensors with weights of 16 bits
    np.testing.assert_allclose(result.numpy(), expected.numpy(), atol=1.01 * level if kind == "tensor" else 1e-6)
    assert repr(ours) == repr(theirs)
    assert ours.describe() == theirs.describe()


theirs_preset = torchvision.models.ResNet18_Weights.DEFAULT.transforms.func


# ---- wrong calls and old ones ----

CALLS: dict[str, Callable[[Any], Any]] = {
    "unknown weights": lambda m: m.resnet18(weights="IMAGENET1K_V9"),
    "another model's weights": lambda m: m.resnet18(weights=m.ResNet34_Weights.DEFAULT),
    "another model's name": lambda m: m.resnet18(weights="ResNet34_Weights.DEFAULT"),
    "classes": lambda m: m.resnet18(weights="DEFAULT", num_classes=10),
    "classes, old": lambda m: m.resnet18(pretrained=True, num_classes=10),
    "classes, by position": lambda m: m.resnet18(True, False, num_classes=10),
    "truth": lambda m: m.resnet18(weights=True, num_classes=10),
    "dilation list": lambda m: m.resnet18(replace_stride_with_dilation=[True]),
    "dilation of basic": lambda m: m.resnet18(replace_stride_with_dilation=[False, False, True]),
    "groups of basic": lambda m: m.resnet18(groups=2),
    "unknown argument": lambda m: m.resnet18(depth=2),
    "both": lambda m: m.resnet18(pretrained=True, weights=None),
    "groups of a ResNeXt": lambda m: m.resnext50_32x4d(groups=2),
    "unknown model": lambda m: m.get_model("resnet17"),
    "unknown member": lambda m: m.get_weight("ResNet18_Weights.X"),
    "unknown enum": lambda m: m.get_weight("Res.X"),
    "no member": lambda m: m.get_weight("Res"),
    "version": lambda m: m.SqueezeNet("3"),
    "no stages": lambda m: m.MobileNetV2(inverted_residual_setting=[]),
    "odd stages": lambda m: m.MobileNetV2(inverted_residual_setting=[[1, 2]]),
    "stride": lambda m: m.mobilenetv2.InvertedResidual(1, 2, 3, 1),
    "old, none": lambda m: type(m.squeezenet1_1(pretrained=False)).__name__,
    "old, by position": lambda m: type(m.squeezenet1_1(False)).__name__,
    "false": lambda m: type(m.squeezenet1_1(weights=False)).__name__,
    "lists": lambda m: (m.list_models(include="resnext*"), m.list_models(include=["vgg*", "alex*"], exclude="*_bn")),
    "found": lambda m: (repr(m.get_weight("ResNet50_Weights.DEFAULT")), m.get_model_builder("VGG11").__name__),
    "enum": lambda m: m.get_model_weights(m.resnet50).__name__,
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_errors_and_warnings(name: str) -> None:
    outcomes = []
    for library in (models, torchvision.models):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = CALLS[name](library)
            except Exception as error:
                result = type(error).__name__, str(error)
        outcomes.append((result, [(w.category, str(w.message), Path(w.filename).name) for w in caught]))
    ours, theirs = outcomes
    assert ours[0] == theirs[0]
    assert [warning[:2] for warning in ours[1]] == [warning[:2] for warning in theirs[1]]
    assert all(warning[2] == Path(__file__).name for warning in ours[1])


def test_names_of_classes_are_not_there_yet() -> None:
    with pytest.raises(NotImplementedError, match="categories"):
        models.ResNet18_Weights.DEFAULT.meta["categories"]
    with pytest.raises(KeyError):
        models.ResNet18_Weights.DEFAULT.meta["other"]


def test_a_wrong_entry_of_a_configuration_is_named() -> None:
    with pytest.raises(ValueError, match="'A'"):
        models.vgg.make_layers(["A", 3])


def test_parts_of_the_package() -> None:
    assert rushlight.vision.models is models
    assert transforms.InterpolationMode.BILINEAR is ImageClassification(crop_size=1).interpolation
    with pytest.raises(NotImplementedError, match="torchvision.ops is not in Rushlight yet"):
        _ = rushlight.vision.ops
