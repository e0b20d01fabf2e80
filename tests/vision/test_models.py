"""Models against torchvision's: the same keys, the same initial weights from a seed, the same results and gradients."""

from __future__ import annotations

import functools
import hashlib
import http.server
import pickle
import threading
import urllib.request
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

NAMES = models.list_models(models)
WIDE = 4096  # the hidden layers of AlexNet and VGG: a hundred million weights to draw
NARROW = 32


def _narrowed(library: Any) -> type:
    class Linear(library.nn.Linear):  # type: ignore[name-defined, misc]
        def __init__(self, in_features: int, out_features: int, **keywords: Any) -> None:
            counts = (NARROW if count == WIDE else count for count in (in_features, out_features))
            super().__init__(*counts, **keywords)

    return Linear


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """AlexNet and VGG with few hidden units, in both libraries."""
    for library in (rushlight, torch):
        monkeypatch.setattr(library.nn, "Linear", _narrowed(library))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are not drawn."""
    names = ("kaiming_uniform_", "kaiming_normal_", "uniform_", "normal_", "trunc_normal_", "xavier_uniform_")
    for name in names:
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


MISSING = {"maxvit_t"}
SEGMENTATION = models.list_models(models.segmentation)
# Sizes whose tables of layers are their own, and one of each family that grows by a rule.
TABLED = [
    *(name for name in NAMES if name.startswith(("resn", "wide", "vgg", "squeeze", "dense", "alex"))),
    *("convnext_tiny efficientnet_b0 efficientnet_b5 efficientnet_v2_s googlenet inception_v3".split()),
    *("mnasnet0_75 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small".split()),
    *("regnet_x_400mf regnet_y_3_2gf shufflenet_v2_x0_5".split()),
    *("swin_t swin_b swin_v2_t vit_b_16 deeplabv3_mobilenet_v3_large".split()),
    *("lraspp_mobilenet_v3_large deeplabv3_resnet50 fcn_resnet50".split()),
]


def test_every_classifier_and_segmentation_is_there() -> None:
    assert [name for name in torchvision.models.list_models(torchvision.models) if name not in MISSING] == NAMES
    assert torchvision.models.list_models(torchvision.models.segmentation) == SEGMENTATION


@pytest.fixture
def without_data(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torchvision's models have no values; RegNets, which compute their widths with tensors, can still do so."""
    blocks = torchvision.models.regnet.BlockParams
    compute = blocks.from_init_params

    def on_the_cpu(*arguments: Any, **keywords: Any) -> Any:
        with torch.device("cpu"):
            return compute(*arguments, **keywords)

    monkeypatch.setattr(blocks, "from_init_params", on_the_cpu)
    with torch.device("meta"):
        yield


def without_backbone(name: str) -> dict[str, Any]:
    """The arguments with which no weights are read."""
    return (
        {"weights_backbone": None, "aux_loss": True}
        if name.startswith(("fcn", "deep"))
        else {"weights_backbone": None}
        if name.startswith("lraspp")
        else {}
    )


def shapes(model: Any) -> list[tuple[Any, ...]]:
    return [(key, tuple(value.shape), str(value.dtype)) for key, value in model.state_dict().items()]


@pytest.mark.filterwarnings("ignore:The default weight init")
@pytest.mark.usefixtures("undrawn", "without_data")
@pytest.mark.parametrize("name", TABLED)
def test_keys_shapes_and_printed_form(name: str) -> None:
    arguments = without_backbone(name)
    ours = models.get_model(name, **arguments)
    theirs = torchvision.models.get_model(name, **arguments)
    assert repr(ours) == repr(theirs)
    assert shapes(ours) == shapes(theirs)


# Models whose published count is of another form: without the classifiers half way, and of larger images.
COUNTED = {"googlenet": {"aux_logits": False, "init_weights": False}, "vit_h_14": {"image_size": 518}}


@pytest.mark.filterwarnings("ignore:The default weight init")
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", [name for name in NAMES + SEGMENTATION if name not in TABLED or name in COUNTED])
def test_number_of_parameters(name: str) -> None:
    model = models.get_model(name, **without_backbone(name), **COUNTED.get(name, {}))
    expected = torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"]
    assert sum(p.numel() for p in model.parameters()) == expected


def efficient(m: Any) -> Any:
    e = m.efficientnet
    stages = [e.FusedMBConvConfig(1, 3, 1, 8, 8, 2), e.FusedMBConvConfig(4, 3, 2, 8, 16, 1)]
    return m.EfficientNet([*stages, e.MBConvConfig(6, 5, 2, 16, 24, 2)], 0.3, 0.4, num_classes=5, last_channel=40)


def regnet(m: Any) -> Any:
    return m.RegNet(m.regnet.BlockParams.from_init_params(4, 16, 10.0, 2.0, 8, 1.0, 0.25), num_classes=5)


def convnext(m: Any) -> Any:
    stage = m.convnext.CNBlockConfig
    return m.ConvNeXt([stage(8, 16, 2), stage(16, None, 1)], 0.3, layer_scale=0.5, num_classes=5)


def vit(t: Any, m: Any) -> Any:
    model = m.VisionTransformer(32, 16, 2, 4, 16, 24, num_classes=5)
    model.heads = t.nn.Identity()  # the head begins with zeros
    return model


def convolved(t: Any, m: Any) -> Any:
    stem = m.vision_transformer.ConvStemConfig
    model = m.VisionTransformer(
        32, 16, 1, 4, 16, 24, dropout=0.1, attention_dropout=0.2, conv_stem_configs=[stem(4, 3, 2), stem(8, 3, 8)]
    )
    model.heads = t.nn.Identity()
    return model


def swin(m: Any) -> Any:
    return m.SwinTransformer([2, 2], 8, [2, 2], [2, 4], [3, 3], stochastic_depth_prob=0.3, num_classes=5)


def swin2(m: Any) -> Any:
    s = m.swin_transformer
    parts = {"block": s.SwinTransformerBlockV2, "downsample_layer": s.PatchMergingV2}
    return m.SwinTransformer(
        [2, 2], 8, [2, 2], [2, 4], [3, 3], dropout=0.1, attention_dropout=0.2, num_classes=5, **parts
    )


def Out(model: Any, key: str, t: Any) -> Any:
    """The model with one of its results."""

    class Single(t.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Any) -> Any:
            assert list(model(x)) == (["out", "aux"] if key == "aux" else ["out"])
            return model(x)[key]

    return Single()


SIZES = {"alexnet": 64, "inception": 75, "swin": 26, "swin 2": 26}
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
    "mobile 3": lambda t, m: m.mobilenet_v3_small(num_classes=5, width_mult=0.3),
    "mobile 3, dilated": lambda t, m: m.mobilenet_v3_large(
        num_classes=5, width_mult=0.2, dilated=True, reduced_tail=True, dropout=0.3
    ),
    "efficient": lambda t, m: efficient(m),
    "googlenet": lambda t, m: m.googlenet(num_classes=5, transform_input=True, init_weights=True),
    "inception": lambda t, m: m.inception_v3(num_classes=5, transform_input=True, init_weights=True),
    "shuffle": lambda t, m: m.ShuffleNetV2([1, 2, 1], [8, 16, 24, 32, 40], num_classes=5),
    "mnas": lambda t, m: m.MNASNet(0.2, num_classes=5),
    "regnet x": lambda t, m: m.RegNet(m.regnet.BlockParams.from_init_params(5, 16, 10.0, 2.0, 8), num_classes=5),
    "regnet y": lambda t, m: regnet(m),
    "convnext": lambda t, m: convnext(m),
    "vit": lambda t, m: vit(t, m),
    "vit, own head": lambda t, m: m.VisionTransformer(32, 16, 1, 2, 8, 16, representation_size=12).heads.pre_logits,
    "vit, convolutions": lambda t, m: convolved(t, m),
    "swin": lambda t, m: swin(m),
    "swin 2": lambda t, m: swin2(m),
    "lraspp": lambda t, m: Out(
        m.segmentation.lraspp_mobilenet_v3_large(num_classes=3, weights_backbone=None), "out", t
    ),
    "deeplab": lambda t, m: Out(
        m.segmentation.deeplabv3_mobilenet_v3_large(num_classes=3, weights_backbone=None, aux_loss=True), "aux", t
    ),
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


@pytest.mark.filterwarnings("ignore:The default weight init")
@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", VARIANTS)
def test_a_seed_gives_the_same_weights_and_results(name: str) -> None:
    ours, theirs = both(VARIANTS[name])
    assert_same_weights(ours, theirs)
    pixels = images(2, SIZES.get(name, 32))
    if name == "vit, own head":
        pixels = pixels[:, 0, :8, :8]
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
    "mobile 3": lambda t, m: m.mobilenet_v3_small(num_classes=10, width_mult=0.2),
    "efficient": lambda t, m: efficient(m),
    "regnet": lambda t, m: regnet(m),
    "convnext": lambda t, m: convnext(m),
    "vit": lambda t, m: vit(t, m),
    "vit, convolutions": lambda t, m: convolved(t, m),
    "swin": lambda t, m: swin(m),
    "swin 2": lambda t, m: swin2(m),
    "inception's second head": lambda t, m: m.inception.InceptionAux(3, 10),
}


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_step_gives_the_same_gradients_and_statistics(name: str) -> None:
    ours, theirs = (model.double() for model in both(TRAINED[name]))
    pixels, targets = images(4, 32).astype(np.float64), np.array([1, 0, 3, 3])
    for library, model in ((rushlight, ours), (torch, theirs)):
        library.manual_seed(1)
        output = model(library.tensor(pixels))
        library.nn.functional.cross_entropy(output, library.tensor(targets)).backward()
    for (key, ours_one), theirs_one in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if theirs_one.grad is None:
            assert ours_one.grad is None
            continue
        expected = theirs_one.grad.numpy()
        np.testing.assert_allclose(
            ours_one.grad.numpy(), expected, rtol=1e-6, atol=1e-8 * max(1.0, np.abs(expected).max()), err_msg=key
        )
    for (key, buffer), expected_buffer in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        np.testing.assert_allclose(buffer.numpy(), expected_buffer.numpy(), rtol=1e-9, atol=1e-12, err_msg=key)


@pytest.mark.filterwarnings("ignore:The default weight init")
def test_results_half_way() -> None:
    ours, theirs = both(lambda t, m: m.googlenet(num_classes=3, init_weights=False, dropout=0.0, dropout_aux=0.0))
    pixels = images(2, 64)
    with rushlight.no_grad(), torch.no_grad():
        result, expected = ours(rushlight.tensor(pixels)), theirs(torch.tensor(pixels))
    assert type(result).__name__ == type(expected).__name__ and result._fields == expected._fields
    for name in result._fields:
        np.testing.assert_allclose(getattr(result, name).numpy(), getattr(expected, name).numpy(), rtol=1e-3, atol=1e-3)


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
def test_weights_that_are_not_to_be_had_are_named(
    choice: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody answers
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        urllib.request, "_opener", None
    )  # it may have been made with the proxies that stood there before
    with pytest.raises(FileNotFoundError) as raised:
        models.resnet18(**choice)
    text = str(raised.value)
    assert "ResNet18_Weights.IMAGENET1K_V1" in text and str(folder) in text
    assert "load_state_dict(torch.load('resnet18-f37072fd.pth'))" in text and "refused" in text
    assert not list(folder.iterdir())


def test_weights_are_read_from_their_folder(folder: Path) -> None:
    torch.manual_seed(5)
    theirs = torchvision.models.squeezenet1_1()
    torch.save(theirs.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    assert_same_weights(models.squeezenet1_1(weights="SqueezeNet1_1_Weights.DEFAULT"), theirs)


def test_the_folder_is_the_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rushlight.hub.places, "_chosen", {})
    rushlight.hub.set_dir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    theirs = torchvision.models.shufflenet_v2_x0_5()
    torch.save(theirs.state_dict(), tmp_path / "checkpoints" / "shufflenetv2_x0.5-f707e7126e.pth")
    ours = models.shufflenet_v2_x0_5(weights="DEFAULT").eval()
    assert_same_weights(ours, theirs)
    pixels = images(1, 64)
    with rushlight.no_grad(), torch.no_grad():
        result, expected = ours(rushlight.tensor(pixels)), theirs.eval()(torch.tensor(pixels))
    np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_weights_are_downloaded_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a server of this test, under a name with a hash; what does not have that hash is not kept."""
    theirs = torchvision.models.squeezenet1_1(num_classes=2)
    served = tmp_path / "served"
    served.mkdir()
    torch.save(theirs.state_dict(), served / "net")
    digest = hashlib.sha256((served / "net").read_bytes()).hexdigest()[:8]
    for name in (digest, "00000000"):
        (served / f"net-{name}.pth").write_bytes((served / "net").read_bytes())
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Served(models.WeightsEnum):
        RIGHT = models.Weights(f"http://127.0.0.1:{server.server_port}/net-{digest}.pth", None, {})
        WRONG = models.Weights(f"http://127.0.0.1:{server.server_port}/net-00000000.pth", None, {})

    try:
        with pytest.raises(RuntimeError, match="hash"):
            Served.WRONG.get_state_dict(progress=False, check_hash=True)
        Served.RIGHT.get_state_dict(progress=False, check_hash=True)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [path.name for path in folder.iterdir()] == [f"net-{digest}.pth"]
    ours = models.squeezenet1_1(num_classes=2)
    ours.load_state_dict(Served.RIGHT.get_state_dict(check_hash=True))
    assert_same_weights(ours, theirs)


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
    meta = tuple(member.meta[name] for name in ("num_params", "min_size", "categories"))
    return member.name, member.url, repr(member.transforms()), member.transforms().describe(), meta, repr(member)


@pytest.mark.parametrize("name", NAMES + SEGMENTATION)
def test_facts_about_weights(name: str) -> None:
    ours, theirs = models.get_model_weights(name), torchvision.models.get_model_weights(name)
    assert [facts(member) for member in ours] == [facts(member) for member in theirs]
    assert repr(ours.DEFAULT) == repr(theirs.DEFAULT)
    assert pickle.loads(pickle.dumps(ours.DEFAULT)) is ours.DEFAULT


HEADS: dict[str, Callable[[Any, Any], Any]] = {
    "googlenet": lambda m, weights: m.googlenet(weights=weights),
    "googlenet with heads": lambda m, weights: m.googlenet(weights=weights, aux_logits=True),
    "inception": lambda m, weights: m.inception_v3(weights=weights),
    "inception without head": lambda m, weights: m.inception_v3(weights=weights, aux_logits=False),
    "fcn": lambda m, weights: m.segmentation.fcn_resnet50(weights=weights),
    "fcn without head": lambda m, weights: m.segmentation.fcn_resnet50(weights=weights, aux_loss=False),
    "vit of another size": lambda m, weights: m.vit_b_16(weights=weights, image_size=32),
}


@pytest.mark.filterwarnings("ignore:The default weight init", "ignore:auxiliary heads")
@pytest.mark.usefixtures("undrawn", "without_data")
@pytest.mark.parametrize("name", HEADS)
def test_weights_decide_about_heads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are read, as torchvision writes them: with every head."""
    full = {
        "googlenet": lambda m: m.googlenet(),
        "inception": lambda m: m.inception_v3(),
        "fcn": lambda m: m.segmentation.fcn_resnet50(aux_loss=True, weights_backbone=None),
        "vit": lambda m: m.vit_b_16(),
    }[name.partition(" ")[0]]
    states = {library: full(library).state_dict() for library in (models, torchvision.models)}
    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", lambda self, **k: states[models])
    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", lambda self, **k: states[torchvision.models])
    outcomes = []
    for library in (models, torchvision.models):
        try:
            model = HEADS[name](library, "DEFAULT")
            outcomes.append((repr(model), shapes(model), getattr(model, "transform_input", None)))
        except ValueError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_weights_of_transformers_for_other_images() -> None:
    ours, theirs = both(lambda t, m: m.VisionTransformer(32, 8, 1, 2, 8, 16, num_classes=3))
    for reset in (False, True):
        states = [
            library.vision_transformer.interpolate_embeddings(48, 8, model.state_dict(), reset_heads=reset)
            for library, model in ((models, ours), (torchvision.models, theirs))
        ]
        assert list(states[0]) == list(states[1])
        result, expected = (state["encoder.pos_embedding"].numpy() for state in states)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_old_files_of_transformers_and_mnasnet() -> None:
    ours, theirs = both(lambda t, m: m.vision_transformer.MLPBlock(4, 6, 0.0))
    old = {
        "linear_1.weight": "0.weight",
        "linear_1.bias": "0.bias",
        "linear_2.weight": "3.weight",
        "linear_2.bias": "3.bias",
    }
    state = theirs.state_dict()
    ours.load_state_dict({name: rushlight.tensor(state[key].numpy() + 1) for name, key in old.items()})
    np.testing.assert_array_equal(ours[0].weight.numpy(force=True), theirs[0].weight.detach().numpy() + 1)
    model = models.MNASNet(0.5, num_classes=2)
    first = models.mnasnet._stem(32, 16)
    state = {f"layers.{place}.{key}": v for place, layer in enumerate(first) for key, v in layer.state_dict().items()}
    stage = models.mnasnet._stage(16, 16, 3, 2, 3, 3).state_dict()
    state |= {f"layers.8.{key}": value for key, value in stage.items()}
    state = {**model.state_dict(), **state}
    with pytest.raises(ValueError, match="version"):
        model.load_state_dict(state)
    versioned = type(model.state_dict())(state)
    versioned._metadata = {"": {"version": 1}}
    with pytest.warns(UserWarning, match="new version of MNASNet"):
        model.load_state_dict(versioned)
    assert model.layers[0].weight.shape[0] == 32


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
    "no blocks": lambda m: m.EfficientNet([], 0.1),
    "odd blocks": lambda m: m.MobileNetV3([3], 10),
    "no mobile blocks": lambda m: m.MobileNetV3([], 10),
    "no stages of ConvNeXt": lambda m: m.ConvNeXt([]),
    "odd stages of ConvNeXt": lambda m: m.ConvNeXt([1]),
    "stages of ShuffleNet": lambda m: m.ShuffleNetV2([1], [1]),
    "channels of ShuffleNet": lambda m: m.ShuffleNetV2([1, 1, 1], [1]),
    "stride of ShuffleNet": lambda m: m.shufflenetv2.InvertedResidual(4, 4, 0),
    "alpha of MNASNet": lambda m: m.MNASNet(0.0),
    "RegNet's slope": lambda m: m.regnet.BlockParams.from_init_params(4, 9, 1.0, 2.0, 8),
    "patches": lambda m: m.VisionTransformer(30, 16, 1, 1, 8, 8),
    "classes of segmentation": lambda m: m.segmentation.fcn_resnet50(weights="DEFAULT", num_classes=3),
    "segmentation, old": lambda m: type(m.segmentation.lraspp_mobilenet_v3_large(False, False, 3, None)).__name__,
    "segmentation, older": lambda m: (
        type(m.segmentation.lraspp_mobilenet_v3_large(pretrained=False, pretrained_backbone=False)).__name__
    ),
    "second head of LR-ASPP": lambda m: m.segmentation.lraspp_mobilenet_v3_large(aux_loss=True),
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
    if isinstance(theirs[0], tuple) and theirs[0][0] == "KeyError":  # ours says more: which keys there are
        assert ours[0][0] == "KeyError" and ours[0][1].startswith(theirs[0][1].rstrip("'"))
    else:
        assert ours[0] == theirs[0]
    assert [warning[:2] for warning in ours[1]] == [warning[:2] for warning in theirs[1]]
    assert all(warning[2] == Path(__file__).name for warning in ours[1])


def test_a_wrong_entry_of_a_configuration_is_named() -> None:
    with pytest.raises(ValueError, match="'A'"):
        models.vgg.make_layers(["A", 3])


def test_parts_of_the_package() -> None:
    assert rushlight.vision.models is models
    assert transforms.InterpolationMode.BILINEAR is ImageClassification(crop_size=1).interpolation
