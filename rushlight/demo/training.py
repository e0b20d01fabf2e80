"""The network, the recipes, and the loop that trains by them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from tqdm import tqdm

import rushlight as torch
from rushlight import nn
from rushlight.data import DataLoader
from rushlight.nn import functional as F
from rushlight.optim import SGD, lr_scheduler

from .images import Images


class Net(nn.Module):
    """The tutorial's convolutional network: (N, 3, 32, 32) images to (N, 10) scores."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


@dataclass(frozen=True)
class Recipe:
    """How to train: gradient descent with momentum, at one learning rate or with one cycle of it, up and down."""

    lr: float
    one_cycle: bool
    nesterov: bool
    weight_decay: float
    epochs: int = 10
    momentum: float = 0.9


RECIPES = {
    "tutorial": Recipe(lr=0.001, one_cycle=False, nesterov=False, weight_decay=0.0),
    "default": Recipe(lr=0.05, one_cycle=True, nesterov=True, weight_decay=5e-4),
}


@dataclass
class Report:
    """What a training has shown so far, for the picture at its end."""

    losses: list[float] = field(default_factory=list)  # one for each step
    accuracies: list[float] = field(default_factory=list)  # on the test set, one for each finished epoch
    steps_per_epoch: int = 1
    interrupted: bool = False


@contextmanager
def interrupts(report: Report) -> Iterator[None]:
    """While inside, the first Ctrl-C asks the training to end after its step; a second one ends the program at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        report.interrupted = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def train(net: Net, images: Images, recipe: Recipe, epochs: int) -> Report:
    """Trains `net`, showing a progress bar for each epoch and the test accuracy after it."""
    loader: DataLoader[Any] = DataLoader(images.train, batch_size=images.batch_size, shuffle=True)
    optimizer = SGD(
        net.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=recipe.nesterov
    )
    scheduler = lr_scheduler.OneCycleLR(optimizer, recipe.lr, epochs * len(loader)) if recipe.one_cycle else None
    report = Report(steps_per_epoch=len(loader))
    with interrupts(report):
        for epoch in range(1, epochs + 1):
            train_epoch(net, loader, optimizer, scheduler, report, f"epoch {epoch}/{epochs}", len(images.train))
            if report.interrupted:
                break
            report.accuracies.append(accuracy_of(predict(net, images), images))
            print(f"epoch {epoch}/{epochs}: test accuracy {report.accuracies[-1]:.1%}", flush=True)
    return report


def train_epoch(
    net: Net,
    loader: DataLoader[Any],
    optimizer: SGD,
    scheduler: lr_scheduler.OneCycleLR | None,
    report: Report,
    title: str,
    images: int,
) -> None:
    """One pass over the training set, or less where the user asks for the end."""
    right = seen = 0
    loss_sum = 0.0
    # In a file or a log, a line now and then is enough.
    pause = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(total=images, desc=title, unit=" images", mininterval=pause, maxinterval=pause) as bar:
        for inputs, labels in loader:
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = F.cross_entropy(outputs, labels)
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            report.losses.append(loss.item())
            loss_sum += report.losses[-1] * len(labels)
            right += int((outputs.argmax(1) == labels).sum())
            seen += len(labels)
            bar.set_postfix_str(f"loss {loss_sum / seen:.3f}, accuracy {right / seen:.1%}", refresh=False)
            bar.update(len(labels))
            if report.interrupted:
                break


def predict(net: Net, images: Images) -> list[int]:
    """The class that `net` gives to each image of the test set."""
    net.eval()
    with torch.no_grad():
        found = [net(inputs).argmax(1) for inputs, _ in DataLoader(images.test, batch_size=500)]
    net.train()
    return torch.cat(found).tolist()


def accuracy_of(predictions: list[int], images: Images) -> float:
    """The part of the test set that is predicted rightly."""
    right = sum(found == wanted for found, wanted in zip(predictions, images.test.targets, strict=True))
    return right / len(predictions)
