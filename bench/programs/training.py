"""Training steps: zero_grad, forward, loss, backward, optimizer, each on a fixed batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

from .program import Program


def _step(net: Any, criterion: Any, optimizer: Any, *batch: Any) -> Program:
    """The loop's body that every PyTorch tutorial has."""

    def step(*batch: Any) -> Any:
        *inputs, target = batch
        optimizer.zero_grad()
        loss = criterion(net(*inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    return Program(step, batch, is_step=True)


# ---- convolutional networks ----


class LeNet(nn.Module):
    """The network of the tutorial's image classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Any) -> Any:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def lenet(batch: int) -> Program:
    """The tutorial's step: SGD with momentum."""
    torch.manual_seed(0)
    net = LeNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    return _step(net, nn.CrossEntropyLoss(), optimizer, torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,)))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al. 2015)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Any) -> Any:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 in the form used on CIFAR: a 3×3 stem of stride 1 and no pooling, since the images are small."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        blocks, channels_in = [], 64
        for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [BasicBlock(channels_in, channels, stride), BasicBlock(channels, channels, 1)]
            channels_in = channels
        self.blocks = nn.Sequential(*blocks)
        self.classify = nn.Linear(512, 10)

    def forward(self, x: Any) -> Any:
        return self.classify(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


def resnet18(batch: int, layout: str) -> Program:
    """SGD with momentum and weight decay; `layout` names the memory format of images and weights."""
    torch.manual_seed(0)
    memory_format = getattr(torch, layout)
    net = ResNet18().to(memory_format=memory_format)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=memory_format)
    return _step(net, nn.CrossEntropyLoss(), optimizer, images, torch.randint(0, 10, (batch,)))


# ---- transformers ----


class GPTBlock(nn.Module):
    """Causal attention and a feed-forward layer, each after a norm and beside a shortcut (Radford et al. 2019)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Any) -> Any:
        batch, tokens, width = x.shape
        q, k, v = (
            part.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(width, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.feed_forward(self.norm2(x))


class GPT(nn.Module):
    """A small language model: learned positions, no dropout."""

    def __init__(self, vocabulary: int, tokens: int, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(tokens, width)
        self.blocks = nn.Sequential(*[GPTBlock(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, text: Any) -> Any:
        x = self.token(text) + self.position(torch.arange(text.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def _text_loss(scores: Any, text: Any) -> Any:
    return F.cross_entropy(scores.view(-1, scores.shape[-1]), text.view(-1))


def gpt(batch: int, vocabulary: int, tokens: int, layers: int, width: int, heads: int) -> Program:
    """AdamW, on characters drawn at random."""
    torch.manual_seed(0)
    net = GPT(vocabulary, tokens, layers, width, heads)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4)
    text = torch.randint(0, vocabulary, (batch, tokens + 1))
    return _step(net, _text_loss, optimizer, text[:, :-1].contiguous(), text[:, 1:].contiguous())


def transformer(batch: int, tokens: int, width: int, layers: int) -> Program:
    """`nn.Transformer` with its default dropout and 8 heads, a causal mask on the target; Adam."""
    torch.manual_seed(0)
    net = nn.Transformer(width, 8, layers, layers, dim_feedforward=4 * width, batch_first=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    mask = nn.Transformer.generate_square_subsequent_mask(tokens)

    def forward(source: Any, target: Any) -> Any:
        return net(source, target, tgt_mask=mask)

    return _step(forward, nn.MSELoss(), optimizer, *[torch.randn(batch, tokens, width) for _ in range(3)])


# ---- small ----


def lstm(batch: int, tokens: int, features: int, hidden: int, layers: int) -> Program:
    """The tutorial's LSTM; SGD."""
    torch.manual_seed(0)
    net = nn.LSTM(features, hidden, layers, batch_first=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    def forward(x: Any) -> Any:
        return net(x)[0]

    return _step(
        forward, nn.MSELoss(), optimizer, torch.randn(batch, tokens, features), torch.randn(batch, tokens, hidden)
    )


def mlp(batch: int) -> Program:
    """2 → 64 → 64 → 1 with Adam: nearly all of it is the library's own cost."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(net.parameters())
    return _step(net, nn.MSELoss(), optimizer, torch.randn(batch, 2), torch.randn(batch, 1))
