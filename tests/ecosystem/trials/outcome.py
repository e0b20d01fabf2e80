"""What the trials share: the numbers they end with, and a training loop."""

import json
import sys

import torch


def numbers(value):
    """Any result as a flat list of floats."""
    if isinstance(value, torch.Tensor):
        return value.detach().double().flatten().tolist()
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in numbers(value[key])]
    if isinstance(value, (list, tuple)):
        return [number for each in value for number in numbers(each)]
    return [float(value)]


def report(**results):
    """Prints the results as the last line, for the other library's to be compared with."""
    print(json.dumps({name: numbers(value) for name, value in results.items()}))
    sys.stdout.flush()


def train(model, inputs, targets, steps=20, rate=1e-3):
    """The losses of some steps with AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
