"""Which of Rushlight's modules stands for which of PyTorch's: the one table."""

from __future__ import annotations

MODULES = {
    "torch": "rushlight",
    "torch.autograd": "rushlight.autograd",
    "torch.nn": "rushlight.nn",
    "torch.nn.functional": "rushlight.nn.functional",
    "torch.nn.init": "rushlight.nn.init",
    "torch.nn.parameter": "rushlight.nn.parameter",
    "torch.nn.modules": "rushlight.nn.modules",
    "torch.nn.utils": "rushlight.nn.utils",
    "torch.nn.utils.rnn": "rushlight.nn.utils.rnn",
    "torch.optim": "rushlight.optim",
    "torch.optim.lr_scheduler": "rushlight.optim.lr_scheduler",
    "torch.utils": "rushlight.utils",
    "torch.utils.data": "rushlight.data",
    "torchvision": "rushlight.vision",
    "torchvision.datasets": "rushlight.vision.datasets",
    "torchvision.transforms": "rushlight.vision.transforms",
    "torchvision.transforms.functional": "rushlight.vision.transforms.functional",
}
