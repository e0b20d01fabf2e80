"""Where PyTorch's modules are in Rushlight: the one table.

A module below one of these names has the same path below its counterpart: `torch.nn.utils.rnn` is
`rushlight.nn.utils.rnn`.
"""

from __future__ import annotations

PLACES = {
    "torch": "rushlight",
    "torch.__config__": "rushlight.__config__",
    "torch.autograd.anomaly_mode": "rushlight.tensor.autograd",
    "torch.autograd.grad_mode": "rushlight.tensor.grad_mode",
    "torch.autograd.profiler": "rushlight.profiler.legacy",
    "torch.autograd.profiler_util": "rushlight.profiler.averages",
    "torch.fft": "rushlight.tensor.fft",
    "torch.linalg": "rushlight.tensor.linalg",
    "torch.random": "rushlight.tensor.random",
    "torch.serialization": "rushlight.serialize",
    "torch.special": "rushlight.tensor.special",
    "torch.utils.data": "rushlight.data",
    "torchvision": "rushlight.vision",
}


def place(name: str) -> str:
    """The counterpart of PyTorch's module `name`.

    >>> place("torch.optim.lr_scheduler"), place("torch.utils.data.sampler"), place("torchvision.transforms")
    ('rushlight.optim.lr_scheduler', 'rushlight.data.sampler', 'rushlight.vision.transforms')
    """
    known = name
    while known not in PLACES:
        known = known.rpartition(".")[0]
    return PLACES[known] + name[len(known) :]
