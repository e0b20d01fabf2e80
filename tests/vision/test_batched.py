"""Whole batches at once: equal, bit by bit and draw by draw, to torchvision's samples collated by PyTorch."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.utils.data as torch_data

import rushlight
from rushlight import config, data
from rushlight.data.dataset import collated_batch
from rushlight.ir.graph import trace
from rushlight.kernel.nest import Nest
from rushlight.runtime import events
from rushlight.vision import datasets, transforms
from rushlight.vision.transforms.batched import BatchPlan

from ..data.oracle import assert_same, seeded
from ..samples.torchvision_oracle import torchvision
from .files import write_cifar10, write_mnist

pytestmark = pytest.mark.filterwarnings("ignore:the files in", "ignore:This DataLoader will create")

KNOWN = {
    "recipe": lambda T, t: [
        T.RandomHorizontalFlip(),
        T.RandomCrop(32, padding=4),
        T.ToTensor(),
        T.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
    "other order": lambda T, t: [T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(0.3), T.ToTensor()],
    "plain": lambda T, t: [T.ToTensor()],
    "normalized": lambda T, t: [T.ToTensor(), T.Normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616])],
    "normalized twice": lambda T, t: [T.ToTensor(), T.Normalize([0.1], [0.3]), T.Normalize([1, 2, 3], [4, 5, 6], True)],
    "after ToTensor": lambda T, t: [T.ToTensor(), T.RandomVerticalFlip(), T.RandomCrop(20), T.RandomHorizontalFlip()],
    "flips": lambda T, t: [T.RandomHorizontalFlip(0.7), T.RandomVerticalFlip(0.2), T.ToTensor()],
    "always and never": lambda T, t: [T.RandomHorizontalFlip(1.0), T.RandomVerticalFlip(0.0), T.ToTensor()],
    "uneven": lambda T, t: [T.RandomCrop((20, 35), padding=(1, 2, 5, 4), fill=9), T.ToTensor()],
    "only one way": lambda T, t: [T.RandomCrop((32, 20)), T.ToTensor()],
    "nothing to crop": lambda T, t: [T.RandomCrop(32), T.RandomHorizontalFlip(), T.ToTensor()],
    "if needed": lambda T, t: [T.RandomCrop((40, 50), pad_if_needed=True), T.ToTensor()],
    "cut, then padded": lambda T, t: [
        T.CenterCrop(16),
        T.Pad(5),
        T.RandomHorizontalFlip(),
        T.RandomCrop(24),
        T.ToTensor(),
    ],
    "padded, cut, padded": lambda T, t: [
        T.Pad(3, fill=7),
        T.RandomCrop(30),
        T.RandomVerticalFlip(),
        T.Pad([2, 1], 7),
        T.ToTensor(),
    ],
    "far outside": lambda T, t: [T.RandomCrop(16, padding=20), T.RandomCrop(8), T.ToTensor()],
    "center odd": lambda T, t: [T.CenterCrop((21, 40)), T.ToTensor()],
    "bytes": lambda T, t: [T.RandomHorizontalFlip(), T.PILToTensor()],
    "bytes to double": lambda T, t: [T.PILToTensor(), T.RandomCrop(16), T.ConvertImageDtype(t.float64)],
    "jitter": lambda T, t: [T.ColorJitter(0.3), T.RandomHorizontalFlip(), T.ToTensor()],
    "much jitter": lambda T, t: [T.RandomCrop(32, padding=4), T.ColorJitter(0.9, 0, 2.5), T.ToTensor()],
    "saturation": lambda T, t: [T.ColorJitter(saturation=(0.2, 3.0)), T.ToTensor()],
    "no jitter": lambda T, t: [T.ColorJitter(), T.RandomHorizontalFlip(), T.ToTensor()],
    "grey": lambda T, t: [T.Grayscale(), T.RandomCrop(30), T.ToTensor(), T.Normalize([0.5], [0.25])],
    "grey in three": lambda T, t: [T.CenterCrop(24), T.Grayscale(3), T.ToTensor(), T.Normalize([0.5] * 3, [0.3] * 3)],
    "sometimes grey": lambda T, t: [T.RandomHorizontalFlip(), T.RandomGrayscale(0.4), T.ToTensor()],
    "negative": lambda T, t: [T.RandomInvert(), T.RandomVerticalFlip(), T.PILToTensor()],
    "fewer bits": lambda T, t: [T.RandomPosterize(3, 0.6), T.ToTensor()],
    "solarized": lambda T, t: [T.RandomSolarize(99.5), T.RandomSolarize(0, 0.3), T.ToTensor()],
    "erased": lambda T, t: [T.RandomHorizontalFlip(), T.ToTensor(), T.RandomErasing()],
    "erased in colour": lambda T, t: [
        T.RandomCrop((32, 24), padding=2),
        T.ToTensor(),
        T.Normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]),
        T.RandomErasing(0.8, (0.1, 0.9), (0.2, 5), [1, 0.3, -2.5]),
        T.RandomErasing(value=7),
    ],
    "contrast": lambda T, t: [T.ColorJitter(0.3, 0.3), T.RandomHorizontalFlip(), T.ToTensor()],
    "contrast of what is cut later": lambda T, t: [T.ColorJitter(contrast=2.0), T.RandomCrop(20), T.ToTensor()],
    "hue": lambda T, t: [T.ColorJitter(hue=0.5), T.ToTensor()],
    "all jitter": lambda T, t: [T.RandomCrop(28), T.ColorJitter(0.4, 0.5, 1.4, 0.3), T.Pad(2), T.PILToTensor()],
    "resized": lambda T, t: [T.Resize(20), T.RandomCrop(18), T.ToTensor()],
    "resized up": lambda T, t: [T.RandomHorizontalFlip(), T.Resize((50, 41)), T.ToTensor()],
    "resized bicubic": lambda T, t: [T.Resize(45, T.InterpolationMode.BICUBIC), T.CenterCrop(32), T.PILToTensor()],
    "resized much": lambda T, t: [T.Resize((4, 3), T.InterpolationMode.LANCZOS), T.ToTensor()],
    "resized to nearest": lambda T, t: [T.Resize((41, 20), T.InterpolationMode.NEAREST), T.ToTensor()],
    "resized box": lambda T, t: [T.Resize((41, 20), T.InterpolationMode.BOX), T.Resize(20), T.ToTensor()],
    "resized crop": lambda T, t: [T.RandomResizedCrop(24), T.RandomHorizontalFlip(), T.ToTensor()],
    "resized crop bicubic": lambda T, t: [
        T.RandomCrop(30, padding=3),
        T.RandomResizedCrop((12, 40), (0.5, 1.0), interpolation=T.InterpolationMode.BICUBIC),
        T.ToTensor(),
    ],
    "turned": lambda T, t: [T.RandomRotation(40, fill=(1, 20, 255)), T.RandomCrop(30), T.ToTensor()],
    "turned about": lambda T, t: [T.CenterCrop((20, 31)), T.RandomRotation((80, 290), center=(3, 5.5)), T.ToTensor()],
    "turned by a right angle": lambda T, t: [
        T.RandomRotation((90, 90)),
        T.RandomRotation((180, 180)),
        T.CenterCrop((20, 31)),
        T.RandomRotation((270, 270)),
        T.RandomRotation((0, 0)),
        T.ToTensor(),
    ],
    "moved": lambda T, t: [T.RandomAffine(0, translate=(0.1, 0.2), fill=7), T.ToTensor()],
    "scaled": lambda T, t: [T.RandomAffine(0, (0.1, 0.3), (0.5, 2.1)), T.ToTensor()],
    "sheared": lambda T, t: [T.RandomAffine(20, (0.3, 0.1), (0.7, 1.5), (-20, 20, 5, 9)), T.ToTensor()],
    "two fills": lambda T, t: [T.Pad(1, fill=3), T.Pad(1), T.ToTensor()],
    "sometimes jitter": lambda T, t: [
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1), T.RandomGrayscale(0.3)], 0.6),
        T.RandomApply(t.nn.ModuleList([T.RandomRotation(30)])),
        T.ToTensor(),
    ],
    "padded floats": lambda T, t: [T.ToTensor(), T.Normalize([0.5], [0.3]), T.RandomCrop(32, padding=4)],
    "inverted, then padded": lambda T, t: [T.RandomInvert(), T.Pad(2), T.ToTensor()],
    "erased, then moved": lambda T, t: [T.ToTensor(), T.RandomErasing(), T.RandomHorizontalFlip()],
    "noise": lambda T, t: [T.ToTensor(), T.RandomErasing(value="random"), T.RandomCrop(20)],
    "nested": lambda T, t: [T.Compose([T.RandomHorizontalFlip(), T.Compose([T.RandomCrop(30)])]), T.ToTensor()],
}
UNKNOWN = {
    "lambda": lambda T, t: [T.Lambda(lambda image: image), T.ToTensor()],
    "edges": lambda T, t: [T.RandomCrop(32, padding=4, padding_mode="edge"), T.ToTensor()],
    "colour fill": lambda T, t: [T.Pad(1, fill=(1, 2, 3)), T.ToTensor()],
    "turned tensors": lambda T, t: [T.ToTensor(), T.RandomRotation(20)],
    "turned, bilinear": lambda T, t: [T.RandomRotation(20, T.InterpolationMode.BILINEAR), T.ToTensor()],
    "jitter of tensors": lambda T, t: [T.ToTensor(), T.ColorJitter(0.3)],
    "rectangles, applied": lambda T, t: [T.ToTensor(), T.RandomApply([T.RandomErasing()])],
    "applied": lambda T, t: [T.RandomApply([T.CenterCrop(20), T.Pad(6)]), T.ToTensor()],
    "function": lambda T, t: [T.ToTensor(), lambda image: image * 2],
    "half": lambda T, t: [T.PILToTensor(), T.ConvertImageDtype(t.float16)],
    "negative padding": lambda T, t: [T.Pad(-2), T.ToTensor()],
}

# Kernels before the last: what is read more than once, sums over images, and what is read at places that are operands.
STORED = {
    "much jitter": 1,
    "contrast": 3,
    "contrast of what is cut later": 1,
    "hue": 2,
    "all jitter": 12,
    "resized": 1,
    "resized up": 1,
    "resized bicubic": 1,
    "resized much": 1,
    "resized to nearest": 1,
    "resized box": 1,
    "resized crop": 2,
    "resized crop bicubic": 2,
    "turned": 1,
    "turned about": 1,
    "turned by a right angle": 5,
    "moved": 1,
    "scaled": 1,
    "sheared": 1,
    "sometimes jitter": 14,
    "inverted, then padded": 1,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_cifar10(folder)
    write_mnist(folder, count=50)
    return folder


def cifar(D, T, t, root, listed):
    return D.CIFAR10(root, transform=T.Compose(listed(T, t)))


def two_passes(module, dataset, **options):
    return [list(loaded) for loaded in [module.DataLoader(dataset, batch_size=7, shuffle=True, **options)] * 2]


def check(root, listed, at_once, **options):
    ours = cifar(datasets, transforms, rushlight, root, listed)
    assert (collated_batch(ours, [0]) is not NotImplemented) == at_once
    theirs = cifar(torchvision.datasets, torchvision.transforms, torch, root, listed)
    assert_same(
        seeded(rushlight, 8, lambda: two_passes(data, ours, **options)),
        seeded(torch, 8, lambda: two_passes(torch_data, theirs, **options)),
    )


@pytest.mark.parametrize("name", KNOWN)
def test_known_transforms_are_done_at_once(root, name):
    check(root, KNOWN[name], True)


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_transforms_are_done_sample_by_sample(root, name):
    check(root, UNKNOWN[name], False)


@pytest.mark.parametrize("name", ["recipe", "much jitter", "hue"])
def test_in_workers(root, name):
    check(root, {**KNOWN, **UNKNOWN}[name], name in KNOWN, num_workers=2)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_grey_images(root, name):
    if name == "FashionMNIST":
        (root / "FashionMNIST").exists() or (root / "FashionMNIST").symlink_to(root / "MNIST")

    def run(D, T, module):
        listed = [T.RandomCrop(28, padding=2), T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]
        dataset = getattr(D, name)(root, transform=T.Compose(listed))
        return two_passes(module, dataset)

    assert_same(
        seeded(rushlight, 1, lambda: run(datasets, transforms, data)),
        seeded(torch, 1, lambda: run(torchvision.datasets, torchvision.transforms, torch_data)),
    )


def test_a_subset_after_random_split(root):
    def run(D, T, t, module):
        dataset = cifar(D, T, t, root, KNOWN["recipe"])
        first, _ = module.random_split(dataset, [0.4, 0.6])
        return two_passes(module, module.Subset(first, range(3, 30)))

    assert_same(
        seeded(rushlight, 1, lambda: run(datasets, transforms, rushlight, data)),
        seeded(torch, 1, lambda: run(torchvision.datasets, torchvision.transforms, torch, torch_data)),
    )


def test_digits_at_once_equal_digits_one_by_one():
    transform = transforms.Compose([transforms.Pad(2), transforms.RandomCrop(9), transforms.ToTensor()])
    dataset = datasets.Digits(transform=transform)
    at_once = seeded(rushlight, 2, lambda: collated_batch(dataset, [5, 900, 5]))
    assert at_once[0] is not NotImplemented
    one_by_one = seeded(rushlight, 2, lambda: data.default_collate([dataset[i] for i in (5, 900, 5)]))
    for one, other in (
        (at_once[0][0], one_by_one[0][0]),
        (at_once[0][1], one_by_one[0][1]),
        (at_once[1], one_by_one[1]),
    ):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_the_default_dtype_counts(root):
    dataset = cifar(datasets, transforms, rushlight, root, KNOWN["normalized"])
    rushlight.set_default_dtype(rushlight.float64)
    try:
        images = collated_batch(dataset, [0, 1])[0]
        one_by_one = rushlight.stack([dataset[0][0], dataset[1][0]])
    finally:
        rushlight.set_default_dtype(rushlight.float32)
    assert images.dtype is rushlight.float64
    np.testing.assert_array_equal(images.numpy(), one_by_one.numpy())


def test_what_users_change_counts(root):
    dataset = cifar(datasets, transforms, rushlight, root, KNOWN["plain"])
    dataset.data = dataset.data[:4] // 2
    dataset.targets = [9, 8, 7, 6]
    images, targets = collated_batch(dataset, [3, 0])
    assert targets.tolist() == [6, 9]
    np.testing.assert_array_equal(images[0].numpy(), dataset[3][0].numpy())
    dataset.targets = [0.5] * 4
    assert collated_batch(dataset, [3, 0]) is NotImplemented


def test_the_layout_of_the_pixels_does_not_count(root):
    def run(arranged):
        dataset = cifar(datasets, transforms, rushlight, root, KNOWN["recipe"])
        dataset.data = arranged(dataset.data)
        return two_passes(data, dataset)

    layouts = [np.ascontiguousarray, np.asfortranarray, lambda pixels: pixels[::-1].copy()[::-1]]
    wanted, _ = seeded(rushlight, 3, lambda: run(lambda pixels: pixels))
    for layout in layouts:
        found, _ = seeded(rushlight, 3, lambda layout=layout: run(layout))
        for one, other in zip(itertools.chain(*found), itertools.chain(*wanted), strict=True):
            np.testing.assert_array_equal(one[0].numpy(), other[0].numpy())
            assert one[1].tolist() == other[1].tolist()


def test_only_bytes_are_done_at_once(root):
    dataset = cifar(datasets, transforms, rushlight, root, KNOWN["plain"])
    dataset.data = dataset.data.astype(np.float32)
    assert collated_batch(dataset, [0, 1]) is NotImplemented


@pytest.mark.parametrize("name", KNOWN)
def test_a_batch_is_one_program_of_few_kernels(root, name, monkeypatch):
    monkeypatch.setattr(config, "TIER", "compile")
    dataset = cifar(datasets, transforms, rushlight, root, KNOWN[name])
    runs = []
    end = events.subscribe(lambda event, facts: runs.append(facts) if event == "run" else None)
    pending = rushlight.ones(3) + 1
    before = list(trace.key)
    try:
        collated_batch(dataset, list(range(40)))
    finally:
        end()
    assert trace.key == before and pending.tolist() == [2, 2, 2]
    (run,) = runs
    (segment,) = run["variant"].segments
    kernels = [launch.kernel for launch in segment.launches]
    assert len(kernels) == STORED.get(name, 0) + 1
    assert all(isinstance(kernel, Nest) for kernel in kernels) and not run["again"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_run_the_kernel_that_the_main_process_has_run(root, method, monkeypatch):
    monkeypatch.setattr(config, "TIER", "compile")
    listed = [transforms.CenterCrop((20, 30)), *KNOWN["normalized"](transforms, rushlight)]
    dataset = datasets.CIFAR10(root, transform=transforms.Compose(listed))
    alone = list(data.DataLoader(dataset, batch_size=40))
    loader = data.DataLoader(dataset, batch_size=40, num_workers=2, multiprocessing_context=method)
    for _ in range(2):
        for (images, targets), (others, wanted) in zip(loader, alone, strict=True):
            np.testing.assert_array_equal(images.numpy(), others.numpy())
            assert targets.tolist() == wanted.tolist()
    np.testing.assert_array_equal(next(iter(data.DataLoader(dataset, batch_size=40)))[0].numpy(), alone[0][0].numpy())


SHAPE = (32, 32, 3)


def test_whatever_is_not_exactly_a_known_transform_is_unknown(root, monkeypatch):
    class Mine(transforms.RandomHorizontalFlip):
        def forward(self, img):
            return img

    class MyList(transforms.Compose):
        def __call__(self, img):
            return img

    tensor = transforms.ToTensor()
    known = transforms.Compose([transforms.RandomHorizontalFlip(), tensor])
    assert BatchPlan.of(known, SHAPE) is not None
    assert BatchPlan.of(tensor, SHAPE) is not None
    assert BatchPlan.of(None, SHAPE) is None
    assert BatchPlan.of(transforms.RandomHorizontalFlip(), SHAPE) is None  # its batch would be of PIL images
    assert BatchPlan.of(transforms.Compose([Mine(), tensor]), SHAPE) is None
    assert BatchPlan.of(MyList([tensor]), SHAPE) is None
    assert BatchPlan.of(transforms.Compose([tensor, tensor]), SHAPE) is None
    assert BatchPlan.of(transforms.Compose([tensor, transforms.Normalize([0.5], [0.0])]), SHAPE) is None
    assert BatchPlan.of(transforms.Compose([tensor, transforms.Normalize([0.5] * 2, [0.5] * 2)]), SHAPE) is None
    assert BatchPlan.of(transforms.Compose([transforms.RandomCrop(33), tensor]), SHAPE) is None
    hooked = transforms.RandomHorizontalFlip()
    hooked.register_forward_hook(lambda module, inputs, output: output)
    assert BatchPlan.of(transforms.Compose([hooked, tensor]), SHAPE) is None
    replaced = transforms.RandomHorizontalFlip()
    replaced.forward = lambda image: image
    assert BatchPlan.of(transforms.Compose([replaced, tensor]), SHAPE) is None
    monkeypatch.setattr(transforms.RandomHorizontalFlip, "forward", lambda self, image: image)
    assert BatchPlan.of(known, SHAPE) is None


def test_data_sets_of_ones_own_are_read_sample_by_sample(root):
    class Mine(datasets.CIFAR10):
        def __getitem__(self, index):
            image, target = super().__getitem__(index)
            return image, 100 + target

    class Marked(datasets.CIFAR10):
        note = "only a name more"

    transform = transforms.ToTensor()
    mine, marked = Mine(root, transform=transform), Marked(root, transform=transform)
    assert collated_batch(mine, [0]) is NotImplemented and collated_batch(marked, [0]) is not NotImplemented
    assert next(iter(data.DataLoader(mine, batch_size=2)))[1].min().item() >= 100
    aimed = datasets.CIFAR10(root, transform=transform, target_transform=lambda target: -target)
    assert next(iter(data.DataLoader(aimed, batch_size=100)))[1].max().item() <= 0


def test_errors_are_those_of_the_samples(root):
    crop = datasets.CIFAR10(root, transform=transforms.Compose([transforms.RandomCrop(40), transforms.ToTensor()]))
    with pytest.raises(ValueError, match="Required crop size"):
        next(iter(data.DataLoader(crop)))
    plain = datasets.CIFAR10(root, transform=transforms.ToTensor())
    with pytest.raises(IndexError):
        next(iter(data.DataLoader(plain, sampler=[100])))


WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None
import rushlight
from rushlight import data
from rushlight.vision import datasets, transforms

assert not [name for name in sys.modules if name.startswith("PIL.")]
crop, normalize = transforms.RandomCrop(8, padding=1), transforms.Normalize([0.5], [0.5])
digits = datasets.Digits(transform=transforms.Compose([crop, transforms.ToTensor(), normalize]))
rushlight.manual_seed(0)
images, targets = next(iter(data.DataLoader(digits, batch_size=4)))
rushlight.manual_seed(0)
next(iter(data.DataLoader([0])))  # draws its base seed too
alone = [digits[i] for i in range(4)]
for i in range(4):
    assert (images[i] == alone[i][0]).all() and targets[i] == alone[i][1]
assert digits[-1][1] == digits.targets[-1]
for needs_it in (lambda: datasets.Digits()[0], lambda: transforms.ToPILImage()(rushlight.zeros(1, 2, 2))):
    try:
        needs_it()
    except ImportError as error:
        assert "pip install rushlight[vision]" in str(error), error
    else:
        raise AssertionError("worked without Pillow")
print("fine")
"""


def test_without_pillow():
    done = subprocess.run([sys.executable, "-c", WITHOUT_PILLOW], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("fine\n", "")
