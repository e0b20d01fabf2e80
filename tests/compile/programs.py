"""Training steps that the tests of `compile` run both ways, from the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 5), nn.Conv2d(4, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1, self.fc2 = nn.Linear(6 * 5 * 5, 12), nn.Linear(12, 10)

    def forward(self, x: Any) -> Any:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        return self.fc2(F.relu(self.fc1(x.view(-1, 6 * 5 * 5))))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.lstm(x)[0]


def mlp() -> Any:
    return (
        nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)),
        nn.MSELoss(),
        torch.randn(5, 3),
        torch.randn(5, 2),
    )


def dropout() -> Any:
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 2))
    return net, nn.MSELoss(), torch.randn(5, 3), torch.randn(5, 2)


def batch_norm() -> Any:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 2))
    return net, nn.MSELoss(), torch.randn(4, 2, 6, 6), torch.randn(4, 2)


def lenet() -> Any:
    return LeNet(), nn.CrossEntropyLoss(), torch.randn(4, 3, 32, 32), torch.randint(0, 10, (4,))


def lstm() -> Any:
    return Recurrent(), nn.MSELoss(), torch.randn(2, 5, 3), torch.randn(2, 5, 4)


NETS: dict[str, Callable[[], Any]] = {each.__name__: each for each in (mlp, dropout, batch_norm, lenet, lstm)}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
}


class Training:
    """A net, its optimizer and a step, made from seed 0."""

    def __init__(self, net: str = "mlp", optimizer: str = "sgd", **options: Any) -> None:
        torch.manual_seed(0)
        self.net, self.criterion, self.x, self.y = NETS[net]()
        self.optimizer = OPTIMIZERS[optimizer](self.net.parameters())
        net_, criterion, optimizer_ = self.net, self.criterion, self.optimizer

        def step(x: Any, y: Any) -> Any:
            optimizer_.zero_grad()
            loss = criterion(net_(x), y)
            loss.backward()
            optimizer_.step()
            return loss

        self.plain = step
        self.compiled = torch.compile(step, **options)
        self.generator = torch.get_rng_state()

    def run(self, compiled: bool, *batch: Any) -> float:
        """The loss of one step; each training draws from a stream of its own."""
        torch.set_rng_state(self.generator)
        loss = (self.compiled if compiled else self.plain)(*(batch or (self.x, self.y)))
        self.generator = torch.get_rng_state()
        return loss.item()  # type: ignore[no-any-return]

    def state(self) -> list[Any]:
        """All numbers that training changes."""
        states = [value for each in self.optimizer.state.values() for value in each.values() if value is not None]
        grads = [p.grad for p in self.net.parameters()]
        return [t.tolist() for t in (*self.net.state_dict().values(), *states, *grads)]


def repeats(compiled: Any) -> int:
    """How many recordings a compiled function has that can be repeated."""
    return sum(map(len, compiled._variants.values()))
