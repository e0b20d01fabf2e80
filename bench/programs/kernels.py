"""Single operations and the small groups of them that a compiler makes one of."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

from .program import Program

# ---- products ----


def matmul(size: int, form: str, dtype: str = "float32") -> Program:
    """A product of square matrices; `form` says which operand is transposed: NN, NT or TN."""
    torch.manual_seed(0)
    a, b = (torch.randn(size, size).to(getattr(torch, dtype)) for _ in range(2))
    forms = {"NN": lambda a, b: a @ b, "NT": lambda a, b: a @ b.t(), "TN": lambda a, b: a.t() @ b}
    return Program(forms[form], (a, b))


def matmul_of_less(size: int) -> Program:
    """A product of square matrices, float32, with the precision "high"."""
    torch.set_float32_matmul_precision("high")
    return matmul(size, "NN")


def linear_relu(rows: int, features_in: int, features_out: int, dtype: str = "float32") -> Program:
    """relu of a linear layer with bias, forward."""
    torch.manual_seed(0)
    layer = nn.Linear(features_in, features_out).to(getattr(torch, dtype))

    @torch.no_grad()
    def run(x: Any) -> Any:
        return F.relu(layer(x))

    return Program(run, (torch.randn(rows, features_in).to(getattr(torch, dtype)),))


# ---- convolutions ----


def convolution(
    which: str, batch: int, channels_in: int, channels: int, size: int, kernel: int, stride: int, groups: int
) -> Program:
    """A convolution as in a ResNet; `which` is forward, input (its gradient) or weight (its gradient)."""
    torch.manual_seed(0)
    padding = kernel // 2
    x = torch.randn(batch, channels_in, size, size, requires_grad=which == "input")
    w = torch.randn(channels, channels_in // groups, kernel, kernel, requires_grad=which == "weight")
    if which == "forward":
        return Program(lambda x, w: F.conv2d(x, w, stride=stride, padding=padding, groups=groups), (x, w))
    y = F.conv2d(x, w, stride=stride, padding=padding, groups=groups)
    wanted = x if which == "input" else w
    return Program(lambda y, g: torch.autograd.grad(y, wanted, g, retain_graph=True)[0], (y, torch.randn(y.shape)))


# ---- rows and elements ----


def softmax(rows: int, columns: int) -> Program:
    """Softmax of each row."""
    torch.manual_seed(0)
    return Program(lambda x: F.softmax(x, dim=-1), (torch.randn(rows, columns),))


def layer_norm(rows: int, columns: int) -> Program:
    """Layer norm, forward and backward: gradients of the input, of scale and of shift."""
    torch.manual_seed(0)
    norm = nn.LayerNorm(columns)
    x, g = torch.randn(rows, columns, requires_grad=True), torch.randn(rows, columns)

    def run(x: Any, g: Any) -> Any:
        y = norm(x)
        return y.detach(), *torch.autograd.grad(y, (x, norm.weight, norm.bias), g)

    return Program(run, (x, g))


def gelu_dropout_residual(rows: int, columns: int) -> Program:
    """x + dropout(gelu(h)), forward, as it ends a transformer's feed-forward layer."""
    torch.manual_seed(0)

    def run(x: Any, h: Any) -> Any:
        return x + F.dropout(F.gelu(h), 0.1)

    return Program(run, (torch.randn(rows, columns), torch.randn(rows, columns)))


# ---- draws ----


def draw(name: str, count: int) -> Program:
    """Draws in place, as layers do when they are made."""
    torch.manual_seed(0)
    return Program(lambda x: getattr(x, name)(), (torch.empty(count),))
