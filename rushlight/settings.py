"""Settings of the whole process: threads, determinism, defaults of new tensors, precision of products.

>>> import rushlight as torch
>>> torch.get_default_device()
device(type='cpu')
>>> torch.are_deterministic_algorithms_enabled()
False
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

from .errors import NotThereYet
from .ir.contraction import blas
from .ir.graph import mode
from .kernel.contraction import Precision
from .runtime import cache
from .tensor.creation import typed_constructors
from .tensor.geometry import CPU, META, device, require_cpu
from .tensor.geometry import device as _as_device
from .tensor.promotion import set_default_dtype

# ---- threads ----


def _blas() -> tuple[Callable[[int], Any], Callable[[], int]]:
    """The functions of NumPy's BLAS that set and tell its number of threads."""
    known = blas.threads()
    if known is None:
        raise NotThereYet(
            "threads: this build of NumPy has neither OpenBLAS nor MKL, so that the number of threads cannot be set here; "
            "set it before the start, in the environment variable that its BLAS reads (numpy.show_config() names the BLAS)"
        )
    return known


def _check_count(name: str, count: Any) -> None:
    if not isinstance(count, int) or isinstance(count, bool):
        raise RuntimeError(f"{name} expects an int, but got {type(count).__name__}")
    if count <= 0:
        raise RuntimeError(f"{name} expects a positive integer")


def set_num_threads(count: int, /) -> None:
    """Sets how many threads compiled programs use, and NumPy's BLAS, by which decompositions are computed.

    >>> import rushlight as torch
    >>> torch.set_num_threads(1)
    >>> torch.get_num_threads()
    1
    """
    _check_count("set_num_threads", count)
    _team().set_threads(count)
    _blas()[0](count)


def get_num_threads() -> int:
    """How many threads compiled programs use."""
    threads: int = _team().threads()
    return threads


def _team() -> Any:
    """The threads of compiled programs; loaded when first asked for, as the compiler is."""
    return importlib.import_module(".backend.cpu.team", __package__)


class _Interop:
    threads = 1  # operations run one after another, in the thread that needs their results
    chosen = False


def set_num_interop_threads(count: int, /) -> None:
    """Remembers the number; without effect, since operations run one after another. Once in a process, as in PyTorch."""
    _check_count("set_num_interop_threads", count)
    if _Interop.chosen:
        raise RuntimeError(
            "Error: cannot set number of interop threads after parallel work has started or set_num_interop_threads called"
        )
    _Interop.threads, _Interop.chosen = count, True


def get_num_interop_threads() -> int:
    """How many operations may run at a time: 1, or what was set."""
    return _Interop.threads


# ---- determinism ----

_MODES = ("default", "warn", "error")


class _Determinism:
    enabled = False
    warn_only = False


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remembers the wish. Results are the same in every run anyway, so nothing changes and nothing is refused."""
    if not isinstance(mode, bool):
        raise TypeError(
            f"_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not {type(mode).__name__}"
        )
    _Determinism.enabled, _Determinism.warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether deterministic algorithms were asked for."""
    return _Determinism.enabled


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether they were asked for with `warn_only`."""
    return _Determinism.warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Asks for deterministic algorithms by name or number: "default" or 0 off, "warn" or 1, "error" or 2."""
    if isinstance(debug_mode, str):
        if debug_mode not in _MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = _MODES.index(debug_mode)
    elif not isinstance(debug_mode, int):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    _Determinism.enabled, _Determinism.warn_only = debug_mode > 0, debug_mode == 1


def get_deterministic_debug_mode() -> int:
    """What was asked for, as a number: 0 off, 1 warn, 2 error."""
    return (1 if _Determinism.warn_only else 2) if _Determinism.enabled else 0


# ---- defaults of new tensors ----


def set_default_device(device: Any) -> None:
    """Makes tensors on the CPU (also: None) or on "meta" from now on; RuntimeError for other devices."""
    meta = device is not None and str(device) == "meta"
    if not meta:
        require_cpu(device, "set_default_device")
    mode.device = META if meta else None


def get_default_device() -> device:
    """Where tensors are made."""
    return CPU if mode.device is None else mode.device


def set_default_tensor_type(t: Any) -> None:
    """Sets the dtype that Python floats become, by a tensor type or its name; `set_default_dtype` is the newer form.

    >>> import rushlight as torch
    >>> torch.set_default_tensor_type("torch.DoubleTensor")
    >>> torch.tensor(0.5).dtype
    torch.float64
    >>> torch.set_default_tensor_type(torch.FloatTensor)
    """
    if isinstance(t, str):
        name = t.removeprefix("torch.")
        if name.startswith("cuda."):
            raise TypeError(f"type {t} not available. Torch not compiled with CUDA enabled.")
        if name not in typed_constructors:
            raise TypeError(
                f"set_default_tensor_type: {t!r} is no tensor type; give a name such as 'torch.FloatTensor'"
            )
        t = typed_constructors[name]
    if t not in typed_constructors.values():
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    set_default_dtype(t.dtype)


# ---- precision of products ----

_PRECISIONS = ("highest", "high", "medium")


class _Precision:
    name = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """How exact products of float32 matrices have to be: "highest" (the default), "high" or "medium".

    "highest": float32 throughout. "high": where the processor has matrix registers for bfloat16 (AMX), compiled products may take each
    number for the sum of two of bfloat16, 16 bits of its 24; sums are float32. "medium" is the same. It concerns what is compiled from now on:
    a function that `torch.compile` has captured keeps the precision that it was compiled with.

    Raises:
        RuntimeError: `precision` is not a string. Another word warns and is without effect, as in PyTorch.

    >>> import rushlight as torch
    >>> torch.set_float32_matmul_precision("high")
    >>> torch.get_float32_matmul_precision()
    'high'
    >>> torch.set_float32_matmul_precision("highest")
    """
    if not isinstance(precision, str):
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}")
    if precision not in _PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    _Precision.name = precision
    parts = 0 if precision == "highest" else 2
    if parts != Precision.of_products:
        Precision.of_products = parts
        cache.clear()


def get_float32_matmul_precision() -> str:
    """The word that was set, or "highest"."""
    return _Precision.name


# ---- and a few that stand alone ----


class _Warnings:
    always = False


def set_warn_always(b: bool, /) -> None:
    """Remembers whether warnings that come once are wanted each time; ours follow Python's own filters."""
    if not isinstance(b, bool):
        raise TypeError(f"set_warn_always expects a bool, but got {type(b).__name__}")
    _Warnings.always = b


def is_warn_always_enabled() -> bool:
    """What was set."""
    return _Warnings.always


def set_flush_denormal(mode: bool) -> bool:
    """False for True: numbers below the least normal one are kept, and the setting is not to be had; True for False."""
    return not mode


def is_distributed(input: Any) -> bool:
    """False: no tensor is spread over processes."""
    return False


def get_device_module(device: Any = None) -> Any:
    """The module of a kind of device: `torch.cpu`, `torch.cuda`."""
    name = "cpu" if device is None else _as_device(device).type
    if name not in ("cpu", "cuda"):
        raise RuntimeError(
            f"Invalid device module '{name}'. Cannot find 'torch.{name}'. There are torch.cpu and torch.cuda."
        )
    return importlib.import_module(f".{name}", __package__)
