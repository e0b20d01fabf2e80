"""In JAX, compiled by `jax.jit`. A training step is one compiled function, as JAX's users write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, random

Params = dict[str, Any]


def _key(number: int) -> Any:
    return random.fold_in(random.key(0), number)


def _normal(number: int, *shape: int) -> Any:
    return random.normal(_key(number), shape)


def _forced(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(*arguments))


def matmul(size: int, form: str) -> Callable[[], Any]:
    forms = {"NN": lambda a, b: a @ b, "NT": lambda a, b: a @ b.T, "TN": lambda a, b: a.T @ b}
    return _forced(forms[form], _normal(0, size, size), _normal(1, size, size))


def linear_relu(rows: int, features_in: int, features_out: int) -> Callable[[], Any]:
    weight, bias = _normal(1, features_out, features_in), _normal(2, features_out)
    return _forced(lambda x, w, b: jax.nn.relu(x @ w.T + b), _normal(0, rows, features_in), weight, bias)


def softmax(rows: int, columns: int) -> Callable[[], Any]:
    return _forced(lambda x: jax.nn.softmax(x, axis=-1), _normal(0, rows, columns))


# ---- training steps ----


def _layer(params: Params, name: str, *shape: int) -> None:
    """A weight whose first axis is the outputs, and a bias, drawn as PyTorch's layers draw them."""
    fan_in = 1
    for extent in shape[1:]:
        fan_in *= extent
    bound = fan_in**-0.5
    params[f"{name}.weight"] = random.uniform(_key(len(params)), shape, minval=-bound, maxval=bound)
    params[f"{name}.bias"] = random.uniform(_key(len(params)), shape[:1], minval=-bound, maxval=bound)


def _linear(params: Params, name: str, x: Any) -> Any:
    return x @ params[f"{name}.weight"].T + params[f"{name}.bias"]


def _convolve(params: Params, name: str, x: Any) -> Any:
    y = lax.conv_general_dilated(
        x, params[f"{name}.weight"], (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW")
    )
    return y + params[f"{name}.bias"][None, :, None, None]


def _pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _training(update: Callable[..., Any], state: Any) -> Callable[[], float]:
    """Repeats a step that gives its loss and the next state; the old state's memory is the step's to use."""
    compiled = jax.jit(update, donate_argnums=0)
    held = [state]

    def step() -> float:
        loss, held[0] = compiled(held[0])
        return float(loss)

    return step


def lenet(batch: int) -> Callable[[], float]:
    params: Params = {}
    _layer(params, "conv1", 6, 3, 5, 5)
    _layer(params, "conv2", 16, 6, 5, 5)
    for name, shape in (("fc1", (120, 400)), ("fc2", (84, 120)), ("fc3", (10, 84))):
        _layer(params, name, *shape)
    images, labels = _normal(100, batch, 3, 32, 32), random.randint(_key(101), (batch,), 0, 10)

    def loss_of(params: Params) -> Any:
        x = _pool(jax.nn.relu(_convolve(params, "conv1", images)))
        x = _pool(jax.nn.relu(_convolve(params, "conv2", x)))
        x = jax.nn.relu(_linear(params, "fc1", x.reshape(batch, -1)))
        scores = _linear(params, "fc3", jax.nn.relu(_linear(params, "fc2", x)))
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=1).mean()

    def update(state: tuple[Params, Params]) -> Any:
        params, momentum = state
        loss, gradients = jax.value_and_grad(loss_of)(params)
        momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, gradients)
        return loss, (jax.tree.map(lambda p, m: p - 0.001 * m, params, momentum), momentum)

    return _training(update, (params, jax.tree.map(jnp.zeros_like, params)))


def mlp(batch: int) -> Callable[[], float]:
    params: Params = {}
    for name, shape in (("0", (64, 2)), ("1", (64, 64)), ("2", (1, 64))):
        _layer(params, name, *shape)
    x, y = _normal(100, batch, 2), _normal(101, batch, 1)

    def loss_of(params: Params) -> Any:
        hidden = jnp.tanh(_linear(params, "1", jnp.tanh(_linear(params, "0", x))))
        return jnp.square(_linear(params, "2", hidden) - y).mean()

    def update(state: tuple[Params, Params, Params, Any]) -> Any:
        params, first, second, count = state
        loss, gradients = jax.value_and_grad(loss_of)(params)
        count += 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)

        def moved(p: Any, m: Any, v: Any) -> Any:
            return p - 0.001 * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)

        return loss, (jax.tree.map(moved, params, first, second), first, second, count)

    zeros = jax.tree.map(jnp.zeros_like, params)
    return _training(update, (params, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros(())))


PROGRAMS = {
    "kernels:matmul": matmul,
    "kernels:linear_relu": linear_relu,
    "kernels:softmax": softmax,
    "training:lenet": lenet,
    "training:mlp": mlp,
}
