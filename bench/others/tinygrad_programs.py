"""In tinygrad, compiled by `TinyJit`: the whole training step is captured and replayed, as its users write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad import Context, Device, Tensor, TinyJit, nn


def _forced(function: Callable[..., Tensor], *arguments: Tensor) -> Callable[[], Any]:
    compiled = TinyJit(lambda *inputs: function(*inputs).realize())
    inputs = [argument.realize() for argument in arguments]
    device = Device[Device.DEFAULT]

    def run() -> Any:
        result = compiled(*inputs)
        device.synchronize()
        return result

    return run


def matmul(size: int, form: str) -> Callable[[], Any]:
    forms = {"NN": lambda a, b: a @ b, "NT": lambda a, b: a @ b.T, "TN": lambda a, b: a.T @ b}
    return _forced(forms[form], Tensor.randn(size, size), Tensor.randn(size, size))


def linear_relu(rows: int, features_in: int, features_out: int) -> Callable[[], Any]:
    layer = nn.Linear(features_in, features_out)
    return _forced(lambda x: layer(x).relu(), Tensor.randn(rows, features_in))


def softmax(rows: int, columns: int) -> Callable[[], Any]:
    return _forced(lambda x: x.softmax(-1), Tensor.randn(rows, columns))


def _training(loss_of: Callable[[], Tensor], optimizer: Any) -> Callable[[], float]:
    @TinyJit
    @Context(TRAINING=1)
    def step() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of().backward()
        return loss.realize(*optimizer.schedule_step())

    return lambda: float(step().item())


def lenet(batch: int) -> Callable[[], float]:
    conv1, conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
    fc1, fc2, fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)
    images, labels = Tensor.randn(batch, 3, 32, 32).realize(), Tensor.randint(batch, low=0, high=10).realize()

    def loss_of() -> Tensor:
        x = conv2(conv1(images).relu().max_pool2d()).relu().max_pool2d()
        return fc3(fc2(fc1(x.flatten(1)).relu()).relu()).sparse_categorical_crossentropy(labels)

    parameters = [p for layer in (conv1, conv2, fc1, fc2, fc3) for p in (layer.weight, layer.bias)]
    return _training(loss_of, nn.optim.SGD(parameters, lr=0.001, momentum=0.9))


def mlp(batch: int) -> Callable[[], float]:
    layers = [nn.Linear(2, 64), nn.Linear(64, 64), nn.Linear(64, 1)]
    x, y = Tensor.randn(batch, 2).realize(), Tensor.randn(batch, 1).realize()

    def loss_of() -> Tensor:
        return (layers[2](layers[1](layers[0](x).tanh()).tanh()) - y).square().mean()

    parameters = [p for layer in layers for p in (layer.weight, layer.bias)]
    return _training(loss_of, nn.optim.Adam(parameters))


PROGRAMS = {
    "kernels:matmul": matmul,
    "kernels:linear_relu": linear_relu,
    "kernels:softmax": softmax,
    "training:lenet": lenet,
    "training:mlp": mlp,
}
