"""Random tensors, with PyTorch's CPU stream: the same seed gives the same numbers, bit for bit.

Draws happen at the call, on the host, in program order; the values enter the graph as inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from operator import index
from typing import Any

import numpy as np

from ..dtype import dtype, int64, uint8
from ..generator import continuous, discrete, integers, native, seeding
from ..generator.mt19937 import Engine
from ..ir import view
from ..ir.graph import Node, input_node, meta_node, mode
from ..ir.type import Type
from ..passes import batching
from ..runtime import tier
from ..runtime.watch import Watching
from .creation import _finish, shape_of
from .geometry import CPU, require_cpu, require_strided
from .promotion import Defaults
from .public import WITHOUT_ELEMENTS, assign, method, overwritten, public
from .tensor import Tensor, from_array, node_of, wrap

native.provide(tier.draws)


class Generator(seeding.Generator):
    """A source of random numbers with its own state, as `torch.Generator`.

    >>> import rushlight as torch
    >>> g = torch.Generator().manual_seed(0)
    >>> torch.rand(1, generator=g)
    tensor([0.4963])
    """

    def __init__(self, device: Any = "cpu") -> None:
        require_cpu(device, "Generator")
        super().__init__()

    device = CPU

    def get_state(self) -> Tensor:
        """The state as a tensor of bytes, which PyTorch reads too."""
        return from_array(self.state(), uint8)

    def set_state(self, new_state: Tensor) -> None:
        """Goes on from a state that `get_state` gave, here or in PyTorch."""
        if not isinstance(new_state, Tensor) or new_state.dtype is not uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        self.restore(new_state._array())

    def clone_state(self) -> Generator:
        """Another generator in the same state."""
        other = Generator()
        other.restore(self.state())
        return other

    def __reduce__(self) -> Any:
        return _generator_from, (self.state(),)


def _generator_from(state: np.ndarray) -> Generator:
    made = Generator()
    made.restore(state)
    return made


default_generator = Generator()
default_generator.engine = seeding.default_generator.engine  # one stream for tensors and for what draws words itself


def engine_of(generator: seeding.Generator | None) -> Engine:
    """The engine to draw from."""
    if generator is None:
        return default_generator.engine
    if not isinstance(generator, seeding.Generator):
        raise TypeError(f"expected a torch.Generator, got {type(generator).__name__}")
    return generator.engine


# ---- the stream ----


def manual_seed(seed: Any) -> Generator:
    """Seeds the default generator.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seeds the default generator from the system's entropy; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, as bytes that PyTorch reads too."""
    return from_array(default_generator.engine.get_state(), uint8)


def set_rng_state(new_state: Tensor) -> None:
    """Goes on from a state."""
    if not isinstance(new_state, Tensor) or new_state.dtype is not uint8:
        raise TypeError("RNG state must be a torch.ByteTensor")
    default_generator.engine.set_state(new_state._array())


@contextmanager
def fork_rng(
    devices: Any = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """Puts the default generator's state back at the end of the block, or of the function that it decorates.

    devices, device_type: accepted, since the CPU's generator is the only one.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> with torch.random.fork_rng():
    ...     inside = torch.rand(1)
    >>> torch.equal(torch.rand(1), inside)
    True
    """
    state = default_generator.engine.get_state()
    try:
        yield
    finally:
        if enabled:
            default_generator.engine.set_state(state)


# ---- new tensors ----


Draw = Callable[[tuple[int, ...]], np.ndarray]  # what is drawn in a given shape, in memory form


def drawn(draw: Draw, type: Type) -> Node:
    """The node of what `draw` draws. Given as a function, so that `rushlight.compile` can draw anew, and `vmap` for all examples."""
    if type.meta or mode.device is WITHOUT_ELEMENTS:
        return meta_node(type)
    level = batching.innermost()
    if level is not None:
        return _drawn_by(level, draw, type)
    requests = Engine.requests
    node = input_node(draw(type.shape), type)
    if Watching.watcher is not None:
        Watching.watcher.drawn(node, lambda: draw(type.shape), Engine.requests - requests)
    return node


def _drawn_by(level: batching.Level, draw: Draw, type: Type) -> Node:
    """What is drawn in a function that `vmap` runs: an error, the same for all examples, or at once for each of them."""
    if level.randomness == "error":
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags "
            "on vmap or perform the randomness operation out of vmap"
        )
    with batching.outside(level):
        if level.randomness == "same":
            return drawn(draw, type)
        whole = drawn(draw, Type.of((level.size, *type.shape), type.dtype))
    return batching.lane(whole, level)


def _made(draw: Draw, shape: tuple[int, ...], kind: dtype, requires_grad: bool = False) -> Tensor:
    return _finish(wrap(drawn(draw, Type.of(shape, kind))), requires_grad)


def _sized(sizes: tuple[Any, ...], options: dict[str, Any], name: str) -> tuple[int, ...]:
    if "size" in options:
        sizes = (options.pop("size"),)
    _refuse(options, name)
    return shape_of(sizes or ((),), name)


def _refuse(options: dict[str, Any], name: str) -> None:
    if options:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(options))}'")


def _fresh(draw: Any, name: str, text: str) -> Any:
    def function(
        *size: Any,
        generator: Any = None,
        dtype: dtype | None = None,
        device: Any = None,
        requires_grad: bool = False,
        layout: Any = None,
        pin_memory: bool = False,
        **options: Any,
    ) -> Tensor:
        require_cpu(device, name)
        require_strided(layout, name)
        kind = dtype or Defaults.dtype
        engine, shape = engine_of(generator), _sized(size, options, name)
        return _made(lambda extents: draw(engine, extents, kind), shape, kind, requires_grad)

    function.__name__ = name
    function.__doc__ = text
    return public(method=False)(function)


rand = _fresh(continuous.uniform, "rand", "Uniform numbers in [0, 1).")
randn = _fresh(continuous.normal, "randn", "Standard normal numbers.")


def _fresh_like(draw: Any, name: str, text: str) -> Any:
    def function(
        input: Tensor,
        *,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
        generator: Any = None,
    ) -> Tensor:
        require_cpu(device, name)
        require_strided(layout or input.layout, name)
        kind = dtype or input.dtype
        engine, shape = engine_of(generator), tuple(input.shape)
        return _made(lambda extents: draw(engine, extents, kind), shape, kind, requires_grad)

    function.__name__ = name
    function.__doc__ = text
    return public(method=False, out=False)(function)


rand_like = _fresh_like(continuous.uniform, "rand_like", "Uniform numbers in the shape and dtype of another tensor.")
randn_like = _fresh_like(
    continuous.normal, "randn_like", "Standard normal numbers in the shape and dtype of another tensor."
)


@public(method=False)
def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform integers in [low, high); `randint(high, size)` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    require_cpu(device, "randint")
    require_strided(layout, "randint")
    kind = dtype or int64
    low, high = (int(bound) for bound in (low, high))
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    engine, shape = engine_of(generator), shape_of((size,), "randint")
    return _made(lambda extents: integers.randint(engine, extents, kind, low, high), shape, kind, requires_grad)


@public(method=False, out=False)
def randint_like(input: Tensor, low: Any, high: Any = None, *, dtype: dtype | None = None, **options: Any) -> Tensor:
    """Uniform integers in the shape and dtype of another tensor."""
    if high is None:
        low, high = 0, low
    return randint(
        low,
        high,
        tuple(input.shape),
        dtype=dtype or input.dtype,
        **{k: v for k, v in options.items() if k in ("generator", "device", "requires_grad")},
    )  # type: ignore[no-any-return]


@public(method=False)
def randperm(
    n: int,
    *,
    generator: Any = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers 0 … n-1 in random order."""
    require_cpu(device, "randperm")
    require_strided(layout, "randperm")
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got{n}")
    kind = dtype or int64
    engine, count = engine_of(generator), int(n)

    def draw(extents: tuple[int, ...]) -> np.ndarray:
        rows = [integers.randperm(engine, count, kind) for _ in range(prod(extents[:-1]))]
        return np.reshape(rows, extents) if len(extents) > 1 else rows[0]

    return _made(draw, (count,), kind, requires_grad)


@public("Normal", method=False, out="dtype")
def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers with the given means and deviations (numbers with `size`, or tensors)."""
    engine = engine_of(generator)
    if size is not None:
        kind = dtype or Defaults.dtype
        shape, middle, width = shape_of((size,), "normal"), float(mean), float(std)
        return _made(
            lambda extents: continuous.normal(engine, extents, kind, middle, width), shape, kind, requires_grad
        )
    tensors = [part for part in (mean, std) if isinstance(part, Tensor)]
    if not tensors:
        raise TypeError("normal(): mean and std are numbers: give size= too")
    kind = dtype or tensors[0].dtype
    shape = tuple(tensors[0].shape)
    parts = [part._decoded() if isinstance(part, Tensor) else part for part in (mean, std)]
    if len(tensors) == 2:
        shape = np.broadcast_shapes(*[tuple(t.shape) for t in tensors])
    if isinstance(std, Tensor) and std.numel() and float(std._decoded().min()) < 0:
        raise RuntimeError("normal expects all elements of std >= 0.0")
    around = _made(lambda extents: continuous.normal_around(engine, extents, kind, *parts), shape, kind, requires_grad)
    return _constant_in(around, *tensors)


def _bernoulli(generator: Generator | None, kind: dtype, chance: Any) -> Draw:
    engine = engine_of(generator)
    if isinstance(chance, Tensor):
        chances, own = chance._decoded(), chance.dtype
        return lambda extents: discrete.bernoulli_from(engine, extents, kind, np.broadcast_to(chances, extents), own)
    share = float(chance)
    return lambda extents: discrete.bernoulli(engine, extents, kind, share)


@public("Bernoulli")
def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    """0 or 1 with the probabilities given (by the input, or by `p` alone)."""
    shape, kind = tuple(input.shape), input.dtype
    if p is None and not kind.is_floating_point:
        raise RuntimeError(f"bernoulli: input must be floating, got {kind}")
    return _constant_in(_made(_bernoulli(generator, kind, input if p is None else p), shape, kind), input)


def _constant_in(drawn: Tensor, *given: Tensor) -> Tensor:
    """What was drawn; it requires grad where its parameters do, and their gradient is zero, as in PyTorch."""
    for parameter in given:
        if mode.tracking and parameter.requires_grad:
            drawn = wrap(overwritten(node_of(drawn), view.expand(node_of(parameter), tuple(drawn.shape))))
    return drawn


@public(None)
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    """Places drawn with the probabilities that each row's weights stand for."""
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {input.dtype.name.capitalize()}"
        )
    return from_array(
        discrete.multinomial(engine_of(generator), input._array(), input.dtype, num_samples, replacement), int64
    )


# ---- overwriting ----


def overwrite(op: str, target: Tensor, draw: Callable[..., np.ndarray], generator: Any, *parameters: Any) -> Tensor:
    """Puts drawn values into a tensor: `draw(engine, shape, dtype, *parameters)`."""
    engine, type = engine_of(generator), target._type()
    type = type.on_meta() if target.is_meta else type
    assign(op, target, drawn(lambda extents: draw(engine, extents, type.dtype, *parameters), type))
    return target


@method
def uniform_(self: Tensor, from_: float = 0, to: float = 1, *, generator: Any = None, **named: Any) -> Tensor:
    """Overwrites with uniform numbers in [from, to)."""
    low = named.pop("from", from_)
    _refuse(named, "uniform_")
    return overwrite("uniform_", self, continuous.uniform, generator, float(low), float(to))


@method
def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Overwrites with normal numbers."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return overwrite("normal_", self, continuous.normal, generator, float(mean), float(std))


@method
def random_(self: Tensor, *bounds: Any, generator: Any = None, **named: Any) -> Tensor:
    """Overwrites with uniform integers: of the whole dtype, in [0, to), in [from, to), or, where `to` is None, from `from` on.

    Called with one number, that is `to`.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.empty(4).random_(5), torch.empty(4, dtype=torch.uint8).random_(250, None)
    (tensor([4., 4., 3., 0.]), tensor([251, 253, 251, 251], dtype=torch.uint8))
    """
    places = ("to",) if len(bounds) == 1 and "to" not in named else ("from", "to")
    given = dict(zip(places, bounds, strict=False))
    if len(bounds) > 2 or given.keys() & named:
        raise TypeError("random_(): takes (), (to), (from, to) or (from, None), each bound once")
    given |= {name: named.pop(name) for name in ("from", "to") if name in named}
    _refuse(named, "random_")
    if not given:
        return overwrite("random_", self, integers.random, generator)
    if "to" not in given:
        raise TypeError("random_(): 'from' needs 'to', which may be None: all integers of the dtype from there on")
    unbounded = "from" in given and given["to"] is None
    for name, bound in given.items():
        if isinstance(bound, bool) or not (hasattr(bound, "__index__") or (unbounded and name == "to")):
            raise TypeError(f"random_(): argument '{name}' must be int, not {type(bound).__name__}")
    low = index(given.get("from", 0))
    if unbounded:
        return overwrite("random_", self, integers.random_from, generator, low)
    high = index(given["to"])
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return overwrite("random_", self, integers.randint, generator, low, high)


@method
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Overwrites with 0 or 1."""
    draw = _bernoulli(generator, self.dtype, p)
    return overwrite("bernoulli_", self, lambda engine, extents, kind: draw(extents), generator)


def _overwriting(name: str, draw: Any, defaults: tuple[Any, ...], text: str) -> None:
    def function(self: Tensor, *arguments: Any, generator: Any = None, **named: Any) -> Tensor:
        given = [*arguments, *named.values()]
        values = [*given, *defaults[len(given) :]]
        return overwrite(name, self, draw, generator, *map(float, values))

    function.__name__ = name
    function.__doc__ = text
    method(function)


_overwriting("exponential_", continuous.exponential, (1.0,), "Overwrites with exponential numbers of a rate.")
_overwriting("cauchy_", continuous.cauchy, (0.0, 1.0), "Overwrites with Cauchy numbers of a median and a width.")
_overwriting("log_normal_", continuous.log_normal, (1.0, 2.0), "Overwrites with exponentials of normal numbers.")
_overwriting("geometric_", discrete.geometric, (), "Overwrites with geometric numbers of a probability.")
