"""Where PyTorch's modules are in Rushlight: the one table.

A module below one of these names has the same path below its counterpart: `torch.nn.utils.rnn` is
`rushlight.nn.utils.rnn`.
"""

from __future__ import annotations

PLACES = {
    "torch": "rushlight",
    "torch._C": "rushlight.compiled_names",
    "torch._dynamo": "rushlight._dynamo",
    "torch.__config__": "rushlight.__config__",
    "torch.autograd.anomaly_mode": "rushlight.tensor.autograd",
    "torch.autograd.grad_mode": "rushlight.tensor.grad_mode",
    "torch.autograd.profiler": "rushlight.profiler.legacy",
    "torch.autograd.profiler_util": "rushlight.profiler.averages",
    "torch.distributed._composable": "rushlight.distributed._composable",
    "torch.distributed._composable.fsdp": "rushlight.distributed._composable.fsdp",
    "torch.distributed._functional_collectives": "rushlight.distributed._functional_collectives",
    "torch.distributed.tensor._utils": "rushlight.distributed.tensor._utils",
    "torch.fft": "rushlight.tensor.fft",
    "torch.linalg": "rushlight.tensor.linalg",
    "torch._ops": "rushlight._ops",
    "torch._subclasses": "rushlight._subclasses",
    "torch._subclasses.fake_tensor": "rushlight._subclasses.fake_tensor",
    "torch._tensor_str": "rushlight._tensor_str",
    "torch.random": "rushlight.tensor.random",
    "torch.serialization": "rushlight.serialize",
    "torch.special": "rushlight.tensor.special",
    "torch.utils._pytree": "rushlight.utils._pytree",
    "torch.utils.data": "rushlight.data",
    # Not in the list of names, which is written without the package tensorboard.
    "torch.utils.tensorboard": "rushlight.utils.tensorboard",
    "torch.utils.tensorboard.summary": "rushlight.utils.tensorboard.summary",
    "torch.utils.tensorboard.writer": "rushlight.utils.tensorboard.writer",
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
