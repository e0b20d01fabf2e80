"""The works that are timed: each is a function of the `torch` module that sets up and returns what one repetition does.

They are plain PyTorch programs: the same code runs on Rushlight and on the peer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]


def _lenet(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def lenet_step(torch: Any, batch: int = 100) -> Work:
    """The tutorial's network: forward, loss, backward, SGD with momentum, on a fixed batch."""
    torch.manual_seed(0)
    net = _lenet(torch)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    x, y = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()  # type: ignore[no-any-return]

    return step


def lenet_step_of_one(torch: Any) -> Work:
    """The same step on one image: nearly all of it is the library's own cost."""
    return lenet_step(torch, 1)


def mlp_step(torch: Any) -> Work:
    """MLP 2 → 64 → 64 → 1, batch 32, Adam."""
    torch.manual_seed(0)
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(net.parameters())
    x, y = torch.randn(32, 2), torch.randn(32, 1)

    def step() -> float:
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.item()  # type: ignore[no-any-return]

    return step


def lstm_step(torch: Any) -> Work:
    """The tutorial's LSTM (10 → 20, 2 layers), batch 64, 50 steps."""
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(10, 20, 2, batch_first=True)
    optimizer = torch.optim.SGD(lstm.parameters(), lr=0.01)
    x = torch.randn(64, 50, 10)

    def step() -> float:
        optimizer.zero_grad()
        loss = lstm(x)[0].square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()  # type: ignore[no-any-return]

    return step


def matmul_512(torch: Any) -> Work:
    """A product of two 512 x 512 matrices."""
    torch.manual_seed(0)
    a, b = torch.randn(512, 512), torch.randn(512, 512)
    return lambda: (a @ b)[0, 0].item()


def cifar_batch(torch: Any) -> Work:
    """A batch of 100 images of 32 x 32: flip, crop, to float, normalise."""
    import numpy  # noqa: PLC0415 - only this work needs it

    if torch.__name__ == "rushlight":
        from rushlight.vision import datasets, transforms  # noqa: PLC0415
    else:
        from torchvision import datasets, transforms  # noqa: PLC0415
    transform = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomCrop(32, padding=4),
            transforms.ToTensor(),
            transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ]
    )
    data = datasets.CIFAR10.__new__(datasets.CIFAR10)
    data.data = numpy.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), dtype=numpy.uint8)
    data.targets, data.transform, data.target_transform, data.train = [0] * 1000, transform, None, True
    loader = torch.utils.data.DataLoader(data, batch_size=100, shuffle=True)
    return lambda: [len(labels) for _, labels in loader]


WORKS: dict[str, tuple[Callable[[Any], Work], int]] = {
    # name: (setup, repetitions in a block)
    "LeNet step, batch 100": (lenet_step, 5),
    "LeNet step, one image": (lenet_step_of_one, 20),
    "MLP step, batch 32": (mlp_step, 50),
    "LSTM step, batch 64": (lstm_step, 2),
    "matmul 512": (matmul_512, 20),
    "ten CIFAR batches, transformed": (cifar_batch, 1),
}
