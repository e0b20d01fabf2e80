"""Data sets of images: `torchvision.datasets`.

`vision` has the bases, the other files a family each; `download` gets files, `restricted_pickle` reads CIFAR's, `matlab` those of MATLAB.
"""

from .arrays import STL10, SVHN, USPS
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .listed import Caltech101, Caltech256, Flowers102, Food101
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "QMNIST",
    "STL10",
    "SVHN",
    "USPS",
    "Caltech101",
    "Caltech256",
    "DatasetFolder",
    "Digits",
    "FakeData",
    "FashionMNIST",
    "Flowers102",
    "Food101",
    "ImageFolder",
    "VisionDataset",
]
