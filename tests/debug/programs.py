"""Small programs to look at."""

from __future__ import annotations

from collections.abc import Callable

import rushlight as torch
from rushlight import nn


def training_step(rows: int = 32) -> Callable[[], float]:
    """A step of a small network's training, which runs in one flush."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.randn(rows, 24), torch.randint(0, 10, (rows,))

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    step.net = net
    return step
