"""Smoke test, run on every commit: sums, products, a convolution, a training step. No oracle: what is right is written out."""

from __future__ import annotations

import numpy as np

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn


def test_add_with_broadcasting_and_promotion() -> None:
    a = torch.arange(3)
    b = torch.tensor([[0.5], [1.5]])
    assert (a + b).tolist() == [[0.5, 1.5, 2.5], [1.5, 2.5, 3.5]]
    assert (a + b).dtype is torch.float32
    assert (a + 1).dtype is torch.int64


def test_matmul_and_its_gradient() -> None:
    a = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    product = a @ b
    assert product.tolist() == [[19.0, 22.0], [43.0, 50.0]]
    product.sum().backward()
    assert a.grad.tolist() == [[11.0, 15.0], [11.0, 15.0]]


def test_conv2d_equals_enumeration() -> None:
    torch.manual_seed(0)
    image, kernel = torch.randn(2, 3, 5, 6), torch.randn(4, 3, 3, 2)
    found = F.conv2d(image, kernel, stride=2, padding=1).numpy()
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    weight = kernel.numpy()
    assert found.shape == (2, 4, 3, 4)
    for row in range(3):
        for column in range(4):
            window = padded[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 2]
            expected = np.einsum("nchw,kchw->nk", window, weight)
            np.testing.assert_allclose(found[:, :, row, column], expected, rtol=1e-4, atol=1e-5)


def test_view_and_in_place() -> None:
    whole = torch.zeros(2, 3)
    row = whole[1]
    row += 1
    whole.t()[0, 0] = 7
    assert whole.tolist() == [[7.0, 0.0, 0.0], [1.0, 1.0, 1.0]]


def test_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    points = torch.rand(64, 2)
    labels = (points[:, 0] > points[:, 1]).long()
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(points), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 < losses[0]
    accuracy = (model(points).argmax(1) == labels).float().mean().item()
    assert accuracy > 0.9
