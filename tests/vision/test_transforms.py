"""Transform classes against torchvision's: results, draws, printed forms, errors; on PIL images and on tensors."""

import copy
import pickle

import numpy as np
import pytest
import torch

import rushlight
from rushlight.vision import transforms as ours

from ..data.oracle import assert_same
from ..samples.torchvision_oracle import torchvision
from .images import assert_close, pil_image, plain, seeded_draws, tensor_image

theirs = torchvision.transforms

# On both kinds of images. The second element says how far tensors may be off, and for what share of the pixels: where
# positions between pixels are reckoned in float32, a rounding decides which one is nearest.
EXACT, ROUNDED, WARPED = (0.0, 0.0), (2e-6, 0.0), (1e-4, 0.02)
ON_BOTH = {
    "hflip": (lambda T: T.RandomHorizontalFlip(), EXACT),
    "hflip always": (lambda T: T.RandomHorizontalFlip(p=1), EXACT),
    "vflip": (lambda T: T.RandomVerticalFlip(0.3), EXACT),
    "crop": (lambda T: T.RandomCrop(12), EXACT),
    "crop padded": (lambda T: T.RandomCrop((15, 20), padding=4), EXACT),
    "crop padded unevenly": (lambda T: T.RandomCrop(16, padding=(1, 2, 3, 4), fill=7), EXACT),
    "crop reflected": (lambda T: T.RandomCrop(20, padding=4, padding_mode="reflect"), EXACT),
    "crop if needed": (lambda T: T.RandomCrop((30, 40), pad_if_needed=True), EXACT),
    "crop whole": (lambda T: T.RandomCrop((19, 23)), EXACT),
    "center": (lambda T: T.CenterCrop(10), EXACT),
    "center odd": (lambda T: T.CenterCrop((10, 13)), EXACT),
    "center larger": (lambda T: T.CenterCrop((24, 12)), EXACT),
    "center much larger": (lambda T: T.CenterCrop(40), EXACT),
    "pad": (lambda T: T.Pad(3), EXACT),
    "pad two": (lambda T: T.Pad((1, 2), fill=9), EXACT),
    "pad edge": (lambda T: T.Pad([1, 2, 3, 4], padding_mode="edge"), EXACT),
    "pad reflect": (lambda T: T.Pad(3, padding_mode="reflect"), EXACT),
    "pad symmetric": (lambda T: T.Pad((3, 1), padding_mode="symmetric"), EXACT),
    "five": (lambda T: T.FiveCrop(7), EXACT),
    "ten": (lambda T: T.TenCrop((5, 6)), EXACT),
    "ten upright": (lambda T: T.TenCrop((5, 6), vertical_flip=True), EXACT),
    "resize": (lambda T: T.Resize(10), ROUNDED),
    "resize up": (lambda T: T.Resize((30, 50)), ROUNDED),
    "resize max": (lambda T: T.Resize(18, max_size=20), ROUNDED),
    "resize nearest": (lambda T: T.Resize((30, 11), T.InterpolationMode.NEAREST), EXACT),
    "resize bicubic": (lambda T: T.Resize((9, 40), T.InterpolationMode.BICUBIC), ROUNDED),
    "resize same": (lambda T: T.Resize((19, 23)), EXACT),
    "resized crop": (lambda T: T.RandomResizedCrop(16), ROUNDED),
    "resized crop hardly": (lambda T: T.RandomResizedCrop((8, 9), scale=(0.9, 1.0), ratio=(3.0, 4.0)), ROUNDED),
    "rotation": (lambda T: T.RandomRotation(40), WARPED),
    "rotation bilinear": (lambda T: T.RandomRotation((10, 80), T.InterpolationMode.BILINEAR, fill=5), WARPED),
    "rotation expanded": (lambda T: T.RandomRotation(40, expand=True), WARPED),
    "rotation about": (lambda T: T.RandomRotation(40, center=(3, 4)), WARPED),
    "affine": (lambda T: T.RandomAffine(30), WARPED),
    "affine all": (lambda T: T.RandomAffine(9, (0.1, 0.3), (0.7, 1.4), (1, 9, 2, 8), fill=3, center=(5, 6)), WARPED),
    "affine bilinear": (
        lambda T: T.RandomAffine(9, translate=(0.1, 0.1), shear=7, interpolation=T.InterpolationMode.BILINEAR),
        WARPED,
    ),
    "perspective": (lambda T: T.RandomPerspective(0.4, p=1.0), WARPED),
    "perspective nearest": (lambda T: T.RandomPerspective(0.4, 0.7, T.InterpolationMode.NEAREST, fill=9), WARPED),
    "brightness": (lambda T: T.ColorJitter(brightness=0.5), ROUNDED),
    "contrast": (lambda T: T.ColorJitter(contrast=(0.5, 2.0)), ROUNDED),
    "saturation": (lambda T: T.ColorJitter(saturation=0.9), ROUNDED),
    "hue": (lambda T: T.ColorJitter(hue=0.4), ROUNDED),
    "jitter": (lambda T: T.ColorJitter(0.4, 0.4, 0.4, 0.1), ROUNDED),
    "gray": (lambda T: T.Grayscale(), ROUNDED),
    "gray three": (lambda T: T.Grayscale(3), ROUNDED),
    "sometimes gray": (lambda T: T.RandomGrayscale(0.5), ROUNDED),
    "blur": (lambda T: T.GaussianBlur(5), ROUNDED),
    "blur uneven": (lambda T: T.GaussianBlur((3, 7), sigma=(0.5, 1.5)), ROUNDED),
    "invert": (lambda T: T.RandomInvert(), EXACT),
    "posterize": (lambda T: T.RandomPosterize(3), EXACT),
    "solarize": (lambda T: T.RandomSolarize(100), EXACT),
    "sharpness": (lambda T: T.RandomAdjustSharpness(2.5, p=0.8), ROUNDED),
    "autocontrast": (lambda T: T.RandomAutocontrast(p=0.8), ROUNDED),
    "equalize": (lambda T: T.RandomEqualize(p=0.8), EXACT),
    "apply": (lambda T: T.RandomApply([T.RandomCrop(12), T.RandomHorizontalFlip()], p=0.6), EXACT),
    "choice": (lambda T: T.RandomChoice([T.CenterCrop(5), T.Pad(2), T.RandomCrop(9)]), EXACT),
    "weighted choice": (lambda T: T.RandomChoice([T.CenterCrop(5), T.Pad(2)], p=[0.2, 0.8]), EXACT),
    "order": (lambda T: T.RandomOrder([T.CenterCrop(9), T.Pad(2), T.RandomCrop(9)]), EXACT),
    "compose": (lambda T: T.Compose([T.Resize(12), T.RandomCrop(9), T.RandomVerticalFlip()]), ROUNDED),
    "autoaugment": (lambda T: T.AutoAugment(), WARPED),
    "autoaugment cifar": (lambda T: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=9), WARPED),
    "autoaugment svhn": (lambda T: T.AutoAugment(T.AutoAugmentPolicy.SVHN, T.InterpolationMode.BILINEAR), WARPED),
    "randaugment": (lambda T: T.RandAugment(), WARPED),
    "randaugment strong": (lambda T: T.RandAugment(4, 20, 25, T.InterpolationMode.BILINEAR, fill=3), WARPED),
    "trivialaugment": (lambda T: T.TrivialAugmentWide(), WARPED),
    "elastic": (lambda T: T.ElasticTransform(30.0, 3.0), WARPED),
}
ONLY_PIL = {
    "to tensor": lambda T: T.ToTensor(),
    "pil to tensor": lambda T: T.PILToTensor(),
    "lanczos": lambda T: T.Resize(10, T.InterpolationMode.LANCZOS),
    "box": lambda T: T.Resize(10, T.InterpolationMode.BOX),
    "hamming": lambda T: T.Resize((11, 12), T.InterpolationMode.HAMMING),
    "pillow's number": lambda T: T.Resize(10, 3),
    "recipe": lambda T: T.Compose(
        [T.RandomHorizontalFlip(), T.RandomCrop(16, padding=4), T.ToTensor(), T.Normalize((0.5,), (0.25,))]
    ),
    "erased": lambda T: T.Compose([T.ToTensor(), T.RandomErasing(0.8), T.ConvertImageDtype(_float64(T))]),
    "lambda": lambda T: T.Lambda(lambda image: image.size),
}
ONLY_TENSOR = {
    "erasing": (lambda T: T.RandomErasing(0.9), "float32"),
    "erasing with noise": (lambda T: T.RandomErasing(1.0, value="random"), "float32"),
    "erasing with a colour": (lambda T: T.RandomErasing(1.0, value=(1, 2, 3)), "uint8"),
    "erasing hopeless": (lambda T: T.RandomErasing(1.0, scale=(1.0, 1.0), ratio=(0.1, 0.1)), "float32"),
    "normalize": (lambda T: T.Normalize([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]), "float32"),
    "normalize double": (lambda T: T.Normalize([0.1], [0.5]), "float64"),
    "to float": (lambda T: T.ConvertImageDtype(_float64(T)), "uint8"),
    "to PIL": (lambda T: T.ToPILImage(), "uint8"),
    "to PIL from floats": (lambda T: T.ToPILImage("HSV"), "float32"),
}


def _float64(T):
    return (torch if T is theirs else rushlight).float64


def run(library, T, make, image, seeds=range(6)):
    results = []
    for seed in seeds:
        result, *draws = seeded_draws(library, seed, lambda: make(T)(image()))
        results.append([plain(result), *draws])
    return results


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", ON_BOTH)
def test_on_pil_images(name, mode):
    make = ON_BOTH[name][0]
    seeds = range(40 if "augment" in name else 6)
    one = run(rushlight, ours, make, lambda: pil_image(mode), seeds)
    other = run(torch, theirs, make, lambda: pil_image(mode), seeds)
    if name in ("blur", "blur uneven", "elastic"):  # through tensors and back: one level where a half is rounded
        for ((_, ours_pixels), *ours_draws), ((_, theirs_pixels), *theirs_draws) in zip(one, other, strict=True):
            far = np.abs(ours_pixels.astype(int) - theirs_pixels.astype(int)) > 1
            assert far.mean() <= (0.02 if name == "elastic" else 0)
            assert_same(ours_draws, theirs_draws)
    else:
        assert_same(one, other)


@pytest.mark.parametrize("name", ONLY_PIL)
def test_only_on_pil_images(name):
    assert_same(run(rushlight, ours, ONLY_PIL[name], pil_image), run(torch, theirs, ONLY_PIL[name], pil_image))


# The augmentations of several changes are for bytes alone.
KINDS = [
    (name, dtype) for name in ON_BOTH for dtype in ("uint8", "float32") if dtype == "uint8" or "augment" not in name
]


@pytest.mark.parametrize("name, dtype", KINDS)
def test_on_tensors(name, dtype):
    make, (tolerance, share) = ON_BOTH[name]
    if dtype == "float32" and name in ("posterize", "equalize", "solarize"):
        with pytest.raises(TypeError, match="uint8|less than bound"):
            make(ours).change(tensor_image(rushlight, dtype))
        return
    seeds = range(25 if "augment" in name else 6)
    one = run(rushlight, ours, make, lambda: tensor_image(rushlight, dtype), seeds)
    other = run(torch, theirs, make, lambda: tensor_image(torch, dtype), seeds)
    if dtype == "uint8" and tolerance:
        tolerance = 1  # a level, where a half is rounded
        share = max(share, 0.0)
    assert_close(one, other, tolerance, share)


@pytest.mark.parametrize("name", ["hflip", "crop padded", "resize", "rotation bilinear", "jitter", "blur", "sharpness"])
def test_on_batches_of_tensors(name):
    make, (tolerance, share) = ON_BOTH[name]
    one = run(rushlight, ours, make, lambda: tensor_image(rushlight, "float32", batch=4))
    other = run(torch, theirs, make, lambda: tensor_image(torch, "float32", batch=4))
    assert_close(one, other, tolerance, share)


@pytest.mark.parametrize("name", ONLY_TENSOR)
def test_only_on_tensors(name):
    make, dtype = ONLY_TENSOR[name]
    one = run(rushlight, ours, make, lambda: tensor_image(rushlight, dtype))
    assert_same(one, run(torch, theirs, make, lambda: tensor_image(torch, dtype)))


@pytest.mark.parametrize("name", [*ON_BOTH, *ONLY_PIL, *ONLY_TENSOR])
def test_printed_forms(name):
    make = (ON_BOTH.get(name) or ONLY_TENSOR.get(name) or (ONLY_PIL.get(name),))[0]
    assert repr(make(ours)) == repr(make(theirs))


def test_linear_transformation():
    def run_it(library, T):
        image = tensor_image(library, "float32", height=3, width=4)
        matrix = library.arange(36 * 36).reshape(36, 36) / 1000.0
        transform = T.LinearTransformation(matrix, library.arange(36) / 10.0)
        return transform(image), repr(transform)

    one, other = run_it(rushlight, ours), run_it(torch, theirs)
    assert_close(one[0], other[0], 1e-5)
    assert one[1] == other[1]


def test_gradients_flow_through():
    image = tensor_image(rushlight, "float32").requires_grad_()
    transform = ours.Compose([ours.Resize(10), ours.RandomHorizontalFlip(1.0), ours.Normalize([0.5], [0.25])])
    transform(image).sum().backward()
    reference = tensor_image(torch, "float32").requires_grad_()
    theirs.Compose([theirs.Resize(10), theirs.RandomHorizontalFlip(1.0), theirs.Normalize([0.5], [0.25])])(
        reference
    ).sum().backward()
    assert_close(image.grad, reference.grad, 1e-5)


def test_normalize_in_place():
    image = tensor_image(rushlight, "float32")
    assert ours.Normalize([0.5], [0.5], inplace=True)(image) is image
    expected = theirs.Normalize([0.5], [0.5])(tensor_image(torch, "float32"))
    assert_same(image, expected)


def test_transforms_are_modules_that_copy_and_pickle():
    transform = ours.RandomResizedCrop(8)
    assert isinstance(transform, rushlight.nn.Module)
    for other in (copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))):
        assert repr(other) == repr(transform)


def test_overriding_forward():
    class Loud(ours.CenterCrop):
        def forward(self, img):
            return super().forward(img), "loud"

    assert Loud(4)(pil_image())[1] == "loud"


WRONG = {
    "resize of what": lambda T, x: T.Resize(object()),
    "resize of three": lambda T, x: T.Resize((1, 2, 3)),
    "max size with two": lambda T, x: T.Resize((1, 2), max_size=3)(x),
    "max size too small": lambda T, x: T.Resize(10, max_size=9)(x),
    "interpolation": lambda T, x: T.Resize(5, "bilinear")(x),
    "crop too large": lambda T, x: T.RandomCrop(30)(x),
    "crop of three": lambda T, x: T.RandomCrop((1, 2, 3)),
    "five too large": lambda T, x: T.FiveCrop(100)(x),
    "pad of what": lambda T, x: T.Pad("a"),
    "pad of three": lambda T, x: T.Pad((1, 2, 3)),
    "pad fill": lambda T, x: T.Pad(1, fill="a"),
    "pad mode": lambda T, x: T.Pad(1, padding_mode="a"),
    "negative degrees": lambda T, x: T.RandomRotation(-1),
    "three degrees": lambda T, x: T.RandomRotation((1, 2, 3)),
    "rotation center": lambda T, x: T.RandomRotation(1, center=1),
    "rotation fill": lambda T, x: T.RandomRotation(1, fill=object()),
    "translate": lambda T, x: T.RandomAffine(1, translate=(0.1, 2)),
    "translate one": lambda T, x: T.RandomAffine(1, translate=(0.1,)),
    "scale": lambda T, x: T.RandomAffine(1, scale=(0, 1)),
    "shear": lambda T, x: T.RandomAffine(1, shear=(1, 2, 3)),
    "brightness": lambda T, x: T.ColorJitter(-1),
    "hue": lambda T, x: T.ColorJitter(hue=0.6),
    "contrast": lambda T, x: T.ColorJitter(contrast=(1, 2, 3)),
    "gray": lambda T, x: T.Grayscale(2)(x),
    "erasing value": lambda T, x: T.RandomErasing(value="a"),
    "erasing value kind": lambda T, x: T.RandomErasing(value=None),
    "erasing scale": lambda T, x: T.RandomErasing(scale=(0.1, 2)),
    "erasing p": lambda T, x: T.RandomErasing(p=2),
    "erasing scale kind": lambda T, x: T.RandomErasing(scale=1),
    "blur even": lambda T, x: T.GaussianBlur(4),
    "blur sigma": lambda T, x: T.GaussianBlur(3, -1),
    "blur sigmas": lambda T, x: T.GaussianBlur(3, (2, 1)),
    "blur kernel": lambda T, x: T.GaussianBlur((1, 2, 3)),
    "posterize": lambda T, x: T.RandomPosterize(9, p=1)(x),
    "lambda": lambda T, x: T.Lambda(1),
    "order": lambda T, x: T.RandomOrder(1),
    "choice": lambda T, x: T.RandomChoice([1], p=1),
    "to tensor": lambda T, x: T.ToTensor()("a"),
    "to tensor of 1": lambda T, x: T.ToTensor()(np.zeros(3)),
    "pil to tensor": lambda T, x: T.PILToTensor()(np.zeros((3, 3))),
    "to pil": lambda T, x: T.ToPILImage()("a"),
    "to pil of 1": lambda T, x: T.ToPILImage()(np.zeros(3)),
    "to pil of 5": lambda T, x: T.ToPILImage()(np.zeros((2, 2, 5))),
    "to pil mode": lambda T, x: T.ToPILImage("CMYK")(np.zeros((2, 2, 3))),
    "to pil type": lambda T, x: T.ToPILImage()(np.zeros((2, 2, 3), np.int64)),
    "alpha": lambda T, x: T.ElasticTransform(alpha=(1.0, 2.0, 3.0)),
}
WRONG_TENSORS = {
    "normalize bytes": lambda T, x, t: T.Normalize([0.5], [0.5])(x),
    "normalize by zero": lambda T, x, t: T.Normalize([0.5], [0.0])(x / 255),
    "normalize flat": lambda T, x, t: T.Normalize([0.5], [0.5])(x[0] / 255),
    "erasing colours": lambda T, x, t: T.RandomErasing(1, value=(1, 2))(x),
    "gray flat": lambda T, x, t: T.Grayscale()(x[0]),
    "channels": lambda T, x, t: T.Grayscale()(x[:2]),
    "equalize floats": lambda T, x, t: T.RandomEqualize(1)(x / 255),
    "lanczos": lambda T, x, t: T.RandomRotation(3, T.InterpolationMode.BICUBIC)(x),
    "fill": lambda T, x, t: T.RandomRotation(3, fill=(1, 2))(x),
    "threshold": lambda T, x, t: T.RandomSolarize(300, p=1)(x),
    "no image": lambda T, x, t: T.RandomHorizontalFlip(1)(x[0, 0]),
    "unsafe cast": lambda T, x, t: T.ConvertImageDtype(t.int64)(x / 255),
    "matrix": lambda T, x, t: T.LinearTransformation(t.zeros(2, 3), t.zeros(2)),
    "vector": lambda T, x, t: T.LinearTransformation(t.zeros(2, 2), t.zeros(3)),
}


def check_error(call):
    with pytest.raises(Exception) as expected:
        call(theirs, torch)
    with pytest.raises(type(expected.value)) as got:
        call(ours, rushlight)
    return str(got.value), str(expected.value)


@pytest.mark.parametrize("name", WRONG)
def test_errors_are_torchvisions(name):
    one, other = check_error(lambda T, library: WRONG[name](T, pil_image()))
    # A module adds where the error came up. The interpolation is checked when the transform is made, not when it is
    # used.
    assert one.startswith(other) or name == "interpolation"


@pytest.mark.parametrize("name", WRONG_TENSORS)
def test_errors_on_tensors_are_torchvisions(name):
    def call(T, library):
        return WRONG_TENSORS[name](T, tensor_image(library), library)

    one, other = check_error(call)
    assert one.startswith(other.split("(")[0])
