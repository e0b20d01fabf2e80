"""Transforms of whole samples against torchvision's: results, draws, kinds, printed forms and errors, with the same seeds."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import rushlight
from rushlight.vision import tv_tensors as our_kinds
from rushlight.vision.transforms import v2 as ours

from ..samples.torchvision_oracle import torchvision
from .images import pil_image, pixels, seeded_draws, tensor_image

theirs = pytest.importorskip("torchvision.transforms.v2")
their_kinds = pytest.importorskip("torchvision.tv_tensors")
LIBRARIES = ((rushlight, ours, our_kinds), (torch, theirs, their_kinds))
assert torchvision

# How far pixels may be off, and for what share of them. Positions between pixels are reckoned in single precision, where a rounding
# decides which pixel is nearest; torchvision resizes bytes in a short integer arithmetic of its own, which is off by one level.
EXACT, ROUNDED, WARPED, LEVELS = (0.0, 0.0), (2e-6, 0.0), (1e-4, 0.02), (1.0, 0.0)
CHAINED = (1e-4, 0.06)  # pixels that were warped, then equalized and the like
GEOMETRY = {
    "hflip": (lambda T: T.RandomHorizontalFlip(), EXACT),
    "vflip": (lambda T: T.RandomVerticalFlip(0.6), EXACT),
    "resize": (lambda T: T.Resize((30, 12)), LEVELS),
    "resize shorter": (lambda T: T.Resize(12, max_size=14), LEVELS),
    "resize longer": (lambda T: T.Resize(None, max_size=30), LEVELS),
    "resize nearest": (lambda T: T.Resize([30, 12], interpolation="nearest"), EXACT),
    "resize bicubic": (lambda T: T.Resize((9, 40), T.InterpolationMode.BICUBIC), LEVELS),
    "center": (lambda T: T.CenterCrop(10), EXACT),
    "center larger": (lambda T: T.CenterCrop((24, 30)), EXACT),
    "resized crop": (lambda T: T.RandomResizedCrop(16), LEVELS),
    "pad": (lambda T: T.Pad([1, 2, 3, 4], fill=9), EXACT),
    "pad by kind": (lambda T: T.Pad(2, fill={_kind(T, "Mask"): 1, "others": 7}), EXACT),
    "zoom out": (lambda T: T.RandomZoomOut(fill=3, p=0.8), EXACT),
    "crop": (lambda T: T.RandomCrop(12), EXACT),
    "crop one way": (lambda T: T.RandomCrop((19, 12)), EXACT),
    "crop padded": (lambda T: T.RandomCrop((15, 20), padding=[4, 3], fill=1), EXACT),
    "crop if needed": (lambda T: T.RandomCrop((30, 20), pad_if_needed=True), EXACT),
    "rotation": (lambda T: T.RandomRotation(40), WARPED),
    "rotation expanded": (lambda T: T.RandomRotation((20, 70), "bilinear", expand=True, fill=5), WARPED),
    "rotation about": (lambda T: T.RandomRotation(40, center=(3, 4)), WARPED),
    "right angle": (lambda T: T.RandomRotation((90, 90), expand=True), WARPED),
    "affine": (lambda T: T.RandomAffine(9, (0.1, 0.3), (0.7, 1.4), (1, 9, 2, 8), fill=3, center=(5, 6)), WARPED),
    "perspective": (lambda T: T.RandomPerspective(0.4, p=0.8), WARPED),
    "elastic": (lambda T: T.ElasticTransform(30.0, 3.0), WARPED),
    "scale jitter": (lambda T: T.ScaleJitter((30, 20), (0.5, 2.0), interpolation="nearest"), EXACT),
    "shortest size": (lambda T: T.RandomShortestSize([9, 12, 15], 30, interpolation="nearest"), EXACT),
    "random resize": (lambda T: T.RandomResize(9, 30, interpolation="nearest"), EXACT),
    "compose": (lambda T: T.Compose([T.RandomCrop(15), T.RandomHorizontalFlip(), T.Pad(1)]), EXACT),
    "apply": (lambda T: T.RandomApply([T.RandomCrop(12), T.RandomHorizontalFlip()], p=0.6), EXACT),
    "choice": (lambda T: T.RandomChoice([T.CenterCrop(5), T.Pad(2), T.RandomCrop(9)], p=[1, 2, 3]), EXACT),
    "order": (lambda T: T.RandomOrder([T.CenterCrop(9), T.Pad(2), T.RandomCrop(9)]), EXACT),
    "identity": (lambda T: T.Identity(), EXACT),
}
COLOURS = {
    "grey": (lambda T: T.Grayscale(), ROUNDED),
    "grey in three": (lambda T: T.Grayscale(3), ROUNDED),
    "sometimes grey": (lambda T: T.RandomGrayscale(0.5), ROUNDED),
    "colours": (lambda T: T.RGB(), ROUNDED),
    "brightness": (lambda T: T.ColorJitter(brightness=0.5), ROUNDED),
    "contrast": (lambda T: T.ColorJitter(contrast=(0.5, 2.0)), ROUNDED),
    "saturation": (lambda T: T.ColorJitter(saturation=0.9), ROUNDED),
    "hue": (lambda T: T.ColorJitter(hue=0.4), ROUNDED),
    "jitter": (lambda T: T.ColorJitter(0.4, 0.4, 0.4, 0.1), ROUNDED),
    "photometric": (lambda T: T.RandomPhotometricDistort(), ROUNDED),
    "channels": (lambda T: T.RandomChannelPermutation(), EXACT),
    "blur": (lambda T: T.GaussianBlur((3, 7), sigma=(0.5, 1.5)), LEVELS),
    "invert": (lambda T: T.RandomInvert(), EXACT),
    "posterize": (lambda T: T.RandomPosterize(3), ROUNDED),
    "solarize": (lambda T: T.RandomSolarize(0.4), EXACT),
    "sharpness": (lambda T: T.RandomAdjustSharpness(1.7, p=0.8), ROUNDED),
    "autocontrast": (lambda T: T.RandomAutocontrast(p=0.8), ROUNDED),
    "equalize": (lambda T: T.RandomEqualize(p=0.8), ROUNDED),
    "erasing": (lambda T: T.RandomErasing(0.9, value=(0.1, 0.2, 0.3)), EXACT),
    "erasing with noise": (lambda T: T.RandomErasing(1.0, value="random"), EXACT),
    "to float": (lambda T: T.ToDtype(_library(T).float32, scale=True), EXACT),
    "to short": (lambda T: T.ToDtype(_library(T).int16, scale=True), EXACT),
    "as double": (lambda T: T.ToDtype(_library(T).float64), EXACT),
    "augmented": (lambda T: T.AutoAugment(), CHAINED),
    "augmented svhn": (lambda T: T.AutoAugment(T.AutoAugmentPolicy.SVHN, "bilinear", fill=9), CHAINED),
    "randaugment": (lambda T: T.RandAugment(3, 20, 25), CHAINED),
    "trivialaugment": (lambda T: T.TrivialAugmentWide(), CHAINED),
    "augmix": (lambda T: T.AugMix(5), CHAINED),
    "augmix deep": (
        lambda T: T.AugMix(mixture_width=2, chain_depth=2, all_ops=False, interpolation="nearest"),
        CHAINED,
    ),
    "five": (lambda T: T.FiveCrop(7), EXACT),
    "ten": (lambda T: T.TenCrop((5, 6), vertical_flip=True), EXACT),
}


def _library(T):
    return torch if T is theirs else rushlight


def _kind(T, name):
    return getattr(their_kinds if T is theirs else our_kinds, name)


def whole(library, kinds, format="XYXY", dtype="uint8"):
    """An image with all that may go with one."""
    rng = np.random.default_rng(5)
    corners = np.sort(rng.uniform(0, 1, (6, 2, 2)), 1) * [22, 18]
    corners = corners.reshape(6, 4).astype(np.float32)
    if format == "XYWH":
        corners[:, 2:] -= corners[:, :2]
    elif format == "CXCYWH":
        corners = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
    points = (rng.uniform(0, 1, (4, 2)) * [22, 18]).astype(np.float32)
    return {
        "image": kinds.Image(tensor_image(library, dtype)),
        "target": [
            kinds.BoundingBoxes(library.tensor(corners), format=format, canvas_size=(19, 23)),
            kinds.BoundingBoxes(library.tensor(corners.astype(np.int64)), format=format, canvas_size=(19, 23)),
            kinds.Mask(library.tensor((pixels()[..., 0] > 99).astype(np.uint8))),
            kinds.KeyPoints(library.tensor(points), canvas_size=(19, 23)),
        ],
        "labels": library.arange(6),
        "name": "one",
    }


def compare(one, other, tolerance, path="result"):
    """Raises where a result is not torchvision's: kind, dtype, shape, properties, numbers."""
    if isinstance(other, dict):
        assert list(one) == list(other), path
        for name in other:
            compare(one[name], other[name], tolerance, f"{path}.{name}")
    elif isinstance(other, (list, tuple)):
        assert type(one) is type(other) and len(one) == len(other), path
        for number, pair in enumerate(zip(one, other, strict=True)):
            compare(*pair, tolerance, f"{path}[{number}]")
    elif isinstance(other, torch.Tensor):
        assert type(one).__name__ == type(other).__name__ and str(one.dtype) == str(other.dtype), path
        assert tuple(one.shape) == tuple(other.shape), (path, one.shape, other.shape)
        for name in ("format", "canvas_size", "clamping_mode"):
            value = getattr(other, name, None)
            assert str(getattr(one, name, None)) == str(value), (path, name)
        _close(np.asarray(one.numpy()), other.as_subclass(torch.Tensor).numpy(), tolerance, other, path)
    elif isinstance(other, PILImage.Image):
        assert one.mode == other.mode and one.size == other.size, path
        _close(np.asarray(one), np.asarray(other), tolerance, other, path)
    elif isinstance(other, np.ndarray):
        np.testing.assert_array_equal(one, other, path)
    else:
        assert one == other, path


def _close(one, other, tolerance, kind, path):
    distance, share = tolerance
    if hasattr(kind, "canvas_size"):  # coordinates: whole ones may be cut to the one below
        distance, share = (1e-3, 0.0) if one.dtype.kind == "f" else (1.0, 0.0)
    elif tolerance == LEVELS and one.dtype.kind == "f":
        distance = 2e-6
    far = ~np.isclose(one.astype(np.float64), other.astype(np.float64), rtol=min(distance, 1e-5), atol=distance)
    assert far.mean() <= share, f"{path}: {far.sum()} of {far.size} differ: {one[far][:4]} {other[far][:4]}"


def run(make, inputs, seeds, tolerance):
    for seed in seeds:
        made = [(library, T, inputs(library, kinds)) for library, T, kinds in LIBRARIES]
        found = [seeded_draws(library, seed, lambda T=T, given=given: make(T)(*given)) for library, T, given in made]
        (one, *draws), (other, *wanted) = found
        compare(one, other, tolerance)
        assert draws[0].tolist() == wanted[0].tolist() and draws[1] == wanted[1]


@pytest.mark.filterwarnings("ignore:RandomErasing", "ignore:FiveCrop", "ignore:TenCrop")
@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_of_samples(name):
    make, tolerance = GEOMETRY[name]
    run(make, lambda library, kinds: (whole(library, kinds),), range(3), tolerance)


@pytest.mark.parametrize("format", ["XYWH", "CXCYWH"])
@pytest.mark.parametrize(
    "name", ["hflip", "vflip", "pad", "resize", "rotation expanded", "affine", "perspective", "elastic", "crop"]
)
def test_other_formats_of_boxes(name, format):
    run(GEOMETRY[name][0], lambda library, kinds: (whole(library, kinds, format),), range(2), GEOMETRY[name][1])


def of_float(name):
    return name not in ("to short",)


@pytest.mark.parametrize("name", {**GEOMETRY, **COLOURS})
def test_of_plain_images(name):
    make, tolerance = {**GEOMETRY, **COLOURS}[name]
    seeds = range(12 if "augment" in name else 3)
    if name not in ("solarize",):
        run(make, lambda library, kinds: (tensor_image(library), 3), seeds, tolerance)
    if of_float(name):
        run(make, lambda library, kinds: (kinds.Image(tensor_image(library, "float32")), "label"), range(2), tolerance)
    if name not in ("to float", "to short", "as double", "erasing", "erasing with noise"):
        made = tolerance if name not in ("elastic", "blur") else (1.0, 0.02)
        run(make, lambda library, kinds: [{"image": pil_image(), "more": (1, "two")}], range(2), made)


def test_grey_images():
    for name in ("colours", "grey in three", "jitter", "autocontrast"):
        run(COLOURS[name][0], lambda library, kinds: (tensor_image(library, channels=1),), range(3), ROUNDED)
        run(COLOURS[name][0], lambda library, kinds: (pil_image("L"),), range(3), ROUNDED)


def test_videos():
    for make in (
        lambda T: T.RandomResizedCrop(9, interpolation="nearest"),
        lambda T: T.ColorJitter(0.3, 0.3),
        lambda T: T.UniformTemporalSubsample(3),
    ):
        run(make, lambda library, kinds: (kinds.Video(tensor_image(library, batch=5)),), range(2), ROUNDED)


def test_a_crop_around_boxes_and_what_is_left_of_them():
    def make(T):
        return T.Compose([T.RandomIoUCrop(), T.SanitizeBoundingBoxes(min_size=2)])

    def sample(library, kinds):
        one = whole(library, kinds)
        masks = kinds.Mask(library.arange(6 * 19 * 23).reshape(6, 19, 23) % 5)
        return ({"image": one["image"], "boxes": one["target"][0], "masks": masks, "labels": one["labels"]},)

    run(make, sample, range(12), EXACT)


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_mixed_batches(name):
    def batch(library, kinds):
        return tensor_image(library, "float32", batch=6), library.arange(6) % 4

    for alpha in (1.0, 0.3):
        run(lambda T, alpha=alpha: getattr(T, name)(alpha=alpha, num_classes=4), batch, range(5), ROUNDED)


def test_noise():
    run(
        lambda T: T.GaussianNoise(0.1, 0.2),
        lambda library, kinds: (tensor_image(library, "float32"),),
        range(3),
        ROUNDED,
    )
    run(lambda T: T.GaussianNoise(), lambda library, kinds: (tensor_image(library),), range(3), EXACT)


def test_from_and_to_other_kinds():
    def inputs(library, kinds):
        return (
            {
                "pil": pil_image(),
                "array": pixels(),
                "box": kinds.BoundingBoxes([1, 2, 3, 4], format="XYXY", canvas_size=(9, 9)),
            },
        )

    run(lambda T: T.Compose([T.ToImage(), T.ToPureTensor()]), inputs, [0], EXACT)
    run(lambda T: T.Compose([T.ToImage(), T.ToPILImage()]), inputs, [0], EXACT)
    run(lambda T: T.PILToTensor(), inputs, [0], EXACT)
    run(
        lambda T: T.Compose([T.ConvertBoundingBoxFormat("CXCYWH"), T.ClampBoundingBoxes(), T.SetClampingMode(None)]),
        inputs,
        [0],
        EXACT,
    )
    run(
        lambda T: T.ToDtype(
            {_kind(T, "Image"): _library(T).float32, _kind(T, "Mask"): _library(T).int64, "others": None}, scale=True
        ),
        lambda library, kinds: (whole(library, kinds),),
        [0],
        EXACT,
    )
    run(
        lambda T: T.Compose(
            [T.ToImage(), T.ToDtype(_library(T).float32, scale=True), T.Normalize([0.4, 0.5, 0.6], [0.2, 0.3, 0.4])]
        ),
        lambda library, kinds: (pil_image(), 7),
        [0],
        ROUNDED,
    )


@pytest.mark.parametrize(
    "name",
    [name for name in {**GEOMETRY, **COLOURS} if name not in ("pad by kind", "to float", "to short", "as double")],
)
def test_printed_forms_and_copies(name):
    make, _ = {**GEOMETRY, **COLOURS}[name]
    one, other = make(ours), make(theirs)
    assert repr(one).replace("rushlight", "torchvision") == repr(other)
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert repr(again) == repr(one)


WRONG = {
    "empty list": lambda T, library, kinds: T.Compose([]),
    "p": lambda T, library, kinds: T.RandomHorizontalFlip(1.5),
    "size": lambda T, library, kinds: T.Resize([1, 2, 3]),
    "padding": lambda T, library, kinds: T.Pad(1.5),
    "mode": lambda T, library, kinds: T.Pad(1, padding_mode="mirror"),
    "bounds": lambda T, library, kinds: T.ColorJitter(hue=0.7),
    "sides": lambda T, library, kinds: T.RandomZoomOut(side_range=(0.5, 2.0)),
    "dtype": lambda T, library, kinds: T.ToDtype("float32"),
    "quality": lambda T, library, kinds: T.JPEG(0),
    "severity": lambda T, library, kinds: T.AugMix(11),
    "crop": lambda T, library, kinds: T.RandomCrop(40)(tensor_image(library)),
    "several sizes": lambda T, library, kinds: T.RandomCrop(4)(
        [kinds.Image(tensor_image(library)), kinds.Mask(library.zeros(3, 3))]
    ),
    "boxes in five": lambda T, library, kinds: T.FiveCrop(4)(whole(library, kinds)),
    "augmented boxes": lambda T, library, kinds: T.RandAugment()(whole(library, kinds)),
    "no boxes": lambda T, library, kinds: T.RandomIoUCrop()(tensor_image(library)),
    "no labels": lambda T, library, kinds: T.SanitizeBoundingBoxes()({"boxes": whole(library, kinds)["target"][0]}),
    "classes": lambda T, library, kinds: T.MixUp()(tensor_image(library, batch=2), library.arange(2)),
    "boxes brighter": lambda T, library, kinds: T.functional.adjust_brightness(whole(library, kinds)["target"][0], 2.0),
    "format": lambda T, library, kinds: T.functional.convert_bounding_box_format(
        library.zeros(1, 4), new_format="XYWH"
    ),
    "dimensions": lambda T, library, kinds: kinds.Video(library.zeros(3, 3)),
    "clamping": lambda T, library, kinds: kinds.BoundingBoxes(
        [0, 0, 1, 1], format="XYXY", canvas_size=(3, 3), clamping_mode="x"
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_are_of_the_same_classes(name):
    raised = []
    for library, T, kinds in LIBRARIES:
        with pytest.raises((ValueError, TypeError)) as caught:
            WRONG[name](T, library, kinds)
        raised.append(caught.type)
    assert raised[0] is raised[1]


def test_kinds_of_tensors():
    for library, _, kinds in LIBRARIES:
        boxes = kinds.BoundingBoxes(library.tensor([[1.0, 2.0, 3.0, 4.0]]), format="xywh", canvas_size=(9, 8))
        assert type(boxes + 1) is library.Tensor and type(boxes[0]) is library.Tensor
        for same in (boxes.clone(), boxes.to(library.float64), boxes.detach(), copy.deepcopy(boxes)):
            assert type(same) is kinds.BoundingBoxes and same.canvas_size == (9, 8)
            assert same.format is kinds.BoundingBoxFormat.XYWH
        assert kinds.wrap(boxes * 2, like=boxes, canvas_size=(1, 1)).canvas_size == (1, 1)
        assert tuple(kinds.Image(library.zeros(4, 5)).shape) == (1, 4, 5)
        assert kinds.Mask(library.zeros(2, 4, 5), requires_grad=True).requires_grad
    assert repr(our_kinds.Image([[[1, 2]]])) == repr(their_kinds.Image([[[1, 2]]]))
    with pytest.raises(NotImplementedError, match="boxes at an angle"):
        our_kinds.BoundingBoxes([[1.0, 2.0, 3.0, 4.0, 5.0]], format="XYWHR", canvas_size=(9, 8))


def test_functions_of_kinds_of_ones_own():
    class Depth(our_kinds.TVTensor):
        pass

    @ours.functional.register_kernel("horizontal_flip", Depth)
    def flip(inpt):
        return our_kinds.wrap(inpt.flip(-1), like=inpt)

    result = ours.RandomHorizontalFlip(1.0)(
        [rushlight.arange(3).reshape(1, 1, 3), rushlight.arange(3).as_subclass(Depth)]
    )
    assert type(result[1]) is Depth and result[1].tolist() == [2, 1, 0]
    assert result[0].tolist() == [[[2, 1, 0]]]


PROGRAM = """
import torch
import torchvision
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

print(torchvision.tv_tensors.Image is tv_tensors.Image, F.resize.__name__, v2.AugMix.__name__)
"""


def test_a_program_that_imports_torchvision(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run([sys.executable, "-m", "rushlight", str(script)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True resize AugMix\n", "")
