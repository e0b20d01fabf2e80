"""The cases: which ops of PyTorch's database are in scope, what each is called, and which aspects of it are tried."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_device_type import toleranceOverride
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import DecorateInfo, OpInfo

from . import names
from .compare import Tolerances
from .subject import lookup

DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
)

# What is not asked of Rushlight, by rule: (pattern of the OpInfo's full name, why).
OUT_OF_SCOPE = (
    (r"_(?!_)", "private to PyTorch"),
    (r"torch\.(_|ops\.)", "private to PyTorch"),
    (r"jiterator_", "compiles CUDA source"),
    (r"bmm\.triton_optimized", "GPU kernel"),
    (r"native_", "undocumented kernel entry point"),
    (r"max_pool2d_with_indices_backward", "undocumented kernel entry point"),
    (r"grid_sampler_[23]d", "undocumented kernel entry point"),
    (r"(slice|constant_pad_nd|fill|hash_tensor|chalf)$", "undocumented"),
    (r"addmm\.decomposed", "a JIT decomposition"),
)

# These draw random numbers: the same seed must give the same values, bit for bit.
RANDOM = re.compile(
    r"(rand|normal|uniform|bernoulli|multinomial|exponential|cauchy|geometric|log_normal"
    r"|nn\.functional\.(\w*dropout|rrelu|fractional_max_pool)).*"
)
UNDEFINED_VALUES = re.compile(r"(new_)?empty(_like|_permuted|_strided)?$")  # only shape and dtype are compared
# Decompositions have freedoms (signs, order of ties); OpInfo's own `output_process_fn_grad` removes them.
UP_TO_GAUGE = re.compile(r"(linalg\.(eig|eigh|svd|qr|lstsq|ldl_factor\w*)|svd\w*|pca_lowrank|qr|geqrf|symeig)(\.|$)")

# These pick places, among equal elements any: not the places are compared but what stands there. With the position of
# the argument `dim` behind the input.
PICKS = {"topk": 1, "kthvalue": 1, "mode": 0, "sort": 0, "argsort": 0, "median": 0, "nanmedian": 0}

KINDS = (
    "grad-float64",
    "grad-complex128",
    "gradgrad-float64",
    "forward-float64",
    "variants",
    "out",
    "errors",
    "refusals",
)


@dataclass(frozen=True)
class Case:
    """One op and one aspect of it: a dtype ("float32": values), or one of `KINDS`."""

    op: str
    aspect: str

    def __str__(self) -> str:
        return f"{self.op}-{self.aspect}"


def full_name(info: OpInfo) -> str:
    """The name with its variant after a dot: "max.binary"."""
    return info.name + (f".{info.variant_test_name}" if info.variant_test_name else "")


@cache
def ops() -> dict[str, OpInfo]:
    """The database by full name."""
    return {full_name(info): info for info in op_db}


def scope(name: str) -> str | None:
    """Why an op is out of scope, or None."""
    return next((why for pattern, why in OUT_OF_SCOPE if re.match(pattern, name)), None)


@cache
def function_of(name: str) -> Any:
    """The callable of the module under test for an op; raises `names.Missing`."""
    info = ops()[name]
    if lookup(info.name, torch) is info.op:
        found = lookup(info.name)
        if found is not None:
            return found
        if names.path_of(info.op) in (None, info.name):
            raise names.Missing(info.name)
    return names.translate(info.op)


def missing(name: str) -> str | None:
    """The names the module under test lacks for this op, or None."""
    try:
        function_of(name)
    except names.Missing as lack:
        return str(lack)
    return None


def aspects(info: OpInfo) -> list[str]:
    """What is tried of an op."""
    made = [str(d).removeprefix("torch.") for d in DTYPES if d in info.dtypes]
    backward = info.supported_backward_dtypes("cpu") if info.supports_autograd else ()
    made += [f"grad-{d}" for d in ("float64", "complex128") if getattr(torch, d) in backward]
    if info.supports_gradgrad and torch.float64 in backward:
        made.append("gradgrad-float64")
    if info.supports_forward_ad and torch.float64 in backward:
        made.append("forward-float64")
    if info.method_variant or info.inplace_variant or info.operator_variant or info.aliases:
        made.append("variants")
    if info.supports_out:
        made.append("out")
    if info.error_inputs_func is not None:
        made.append("errors")
    if 0 < sum(d in info.dtypes for d in DTYPES) < len(DTYPES):
        made.append("refusals")
    return made


def cases(pattern: str = "", present_only: bool = True) -> list[Case]:
    """All cases in scope whose op or id matches `pattern`."""
    wanted = re.compile(pattern)
    return [
        Case(name, aspect)
        for name, info in ops().items()
        if scope(name) is None and not (present_only and missing(name))
        for aspect in aspects(info)
        if wanted.search(f"{name}-{aspect}")
    ]


def tolerances(name: str) -> Tolerances:
    """The tolerances of an op: exact for random ones, else the defaults and the OpInfo's own overrides on CPU."""
    wider: dict[torch.dtype, tuple[float, float]] = {}
    for decoration in ops()[name].decorators:
        if not isinstance(decoration, DecorateInfo) or decoration.device_type not in (None, "cpu"):
            continue
        for override in decoration.decorators:
            if isinstance(override, toleranceOverride):
                for dtype, allowed in override.d.items():
                    rtol, atol = wider.get(dtype, (0.0, 0.0))
                    wider[dtype] = (max(rtol, allowed.rtol), max(atol, allowed.atol))
    return Tolerances(wider, exact=bool(RANDOM.match(name)))


def picked(info: OpInfo, sample: Any) -> Callable[[Any], Any] | None:
    """For an op of `PICKS`: puts into a result, for the places, the elements of the input that stand there."""
    if info.name not in PICKS:
        return None
    position = PICKS[info.name]
    dim = sample.kwargs.get("dim", sample.args[position] if len(sample.args) > position else -1)
    source = sample.input.detach()

    def look_up(places: torch.Tensor) -> torch.Tensor:
        index = places.unsqueeze(dim) if places.dim() < source.dim() else places
        return source.gather(dim, index).reshape(places.shape)

    def process(result: Any) -> Any:
        if isinstance(result, (tuple, list)):
            return (*result[:-1], look_up(result[-1]))
        return look_up(result) if info.name == "argsort" else result

    return process


def _seed() -> None:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def spread(count: int, cap: int | None) -> list[int]:
    """At most `cap` of `count` indices, evenly spread, first and last among them."""
    if cap is None or count <= cap:
        return list(range(count))
    return sorted({round(k * (count - 1) / (cap - 1)) for k in range(cap)})


def samples(name: str, dtype: torch.dtype, requires_grad: bool, cap: int | None) -> Iterator[tuple[int, Any]]:
    """The op's sample inputs with their number in the full list, the same in each run."""
    _seed()
    full = list(ops()[name].sample_inputs("cpu", dtype, requires_grad=requires_grad))
    for index in spread(len(full), cap):
        yield index, full[index]


def error_samples(name: str, cap: int | None) -> Iterator[tuple[int, Any]]:
    """The op's erroneous inputs."""
    _seed()
    full = list(ops()[name].error_inputs("cpu"))
    for index in spread(len(full), cap):
        yield index, full[index]
