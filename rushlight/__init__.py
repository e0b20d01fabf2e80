"""Rushlight: a deep-learning library with PyTorch's interface.

>>> import rushlight as torch
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

import sys as _sys
from importlib import import_module as _import_module

from . import autograd, backends, cuda
from . import config as _config
from . import tensor as _tensor
from .dtype import UNUSED as _UNUSED
from .dtype import (
    bfloat16,
    bool_,
    can_cast,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    float16,
    float32,
    float64,
    float_,
    half,
    int8,
    int16,
    int32,
    int64,
    int_,
    long,
    promote_types,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .errors import NotThereYet, OutOfMemoryError
from .limits import finfo, iinfo
from .tensor import Tensor
from .tensor.autograd import is_anomaly_check_nan_enabled, is_anomaly_enabled
from .tensor.conversion import to_dlpack
from .tensor.creation import typed_constructors as _typed_constructors
from .tensor.geometry import (
    Size,
    channels_last,
    channels_last_3d,
    contiguous_format,
    device,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from .tensor.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .tensor.printing import get_printoptions, printoptions, set_printoptions
from .tensor.promotion import get_default_dtype, result_type, set_default_dtype
from .tensor.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .tensor.tensor import Late
from .torch_version import __version__

# Python's own words for dtypes and numbers: PyTorch has them as attributes, so the module must.
bool, int, float = bool_, int_, float_
from math import e, inf, nan, pi  # noqa: E402

newaxis = None
legacy_contiguous_format = contiguous_format

globals().update(_tensor.functions)
globals().update(_typed_constructors)
globals().update(_UNUSED)
chalf = _UNUSED["complex32"]

_SETTINGS = (
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "get_device_module",
    "is_distributed",
    "is_warn_always_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_default_device",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
)

_AUTOCAST = (
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
)

_SPARSE = {
    "construction": (
        "sparse_compressed_tensor",
        "sparse_coo_tensor",
        "sparse_csc_tensor",
        "sparse_csr_tensor",
        "_sparse_coo_tensor_unsafe",
    ),
    "products": ("hspmm", "smm", "spmm", "sspaddmm"),
    "pointers": ("_convert_indices_from_coo_to_csr", "_convert_indices_from_csr_to_coo"),
}

_SYMBOLIC = (
    "SymBool",
    "SymFloat",
    "SymInt",
    "_assert",
    "_assert_async",
    "_check",
    "_check_index",
    "_check_is_size",
    "_check_not_implemented",
    "_check_tensor_all",
    "_check_type",
    "_check_value",
    "_check_with",
    "cond",
    "sym_float",
    "sym_int",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_not",
    "sym_sqrt",
    "sym_sum",
    "while_loop",
)

# Loaded when first used, so that `import rushlight` costs what a script uses. name: (module, attribute or None for the module)
_LATER = {
    "amp": ("rushlight.amp", None),
    "autocast": ("rushlight.amp", "autocast"),
    "__config__": ("rushlight.__config__", None),
    "array_api": ("rushlight.array_api", None),
    "compile": ("rushlight.compiler", "compile"),
    "compiler": ("rushlight.compiler", None),
    "cpu": ("rushlight.cpu", None),
    "data": ("rushlight.data", None),
    "distributed": ("rushlight.distributed", None),
    "Future": ("rushlight.futures", "Future"),
    "futures": ("rushlight.futures", None),
    "distributions": ("rushlight.distributions", None),
    "fft": ("rushlight.tensor.fft", None),
    "func": ("rushlight.func", None),
    "hub": ("rushlight.hub", None),
    "masked": ("rushlight.masked", None),
    "signal": ("rushlight.signal", None),
    "is_storage": ("rushlight.serialize.location", "is_storage"),
    "jit": ("rushlight.jit", None),
    "library": ("rushlight.library", None),
    "linalg": ("rushlight.tensor.linalg", None),
    "load": ("rushlight.serialize", "load"),
    "multiprocessing": ("rushlight.multiprocessing", None),
    "nn": ("rushlight.nn", None),
    "optim": ("rushlight.optim", None),
    "onnx": ("rushlight.onnx", None),
    "overrides": ("rushlight.overrides", None),
    "ops": ("rushlight._ops", "ops"),
    "fx": ("rushlight.fx", None),
    "random": ("rushlight.tensor.random", None),
    "save": ("rushlight.serialize", "save"),
    "serialization": ("rushlight.serialize", None),
    "serialize": ("rushlight.serialize", None),
    "_C": ("rushlight.compiled_names", None),
    "PyTorchFileReader": ("rushlight.compiled_names", "PyTorchFileReader"),
    "ScriptModule": ("rushlight.compiled_names", "ScriptModule"),
    "_dynamo": ("rushlight._dynamo", None),
    "_tensor_str": ("rushlight._tensor_str", None),
    "accelerator": ("rushlight.accelerator", None),
    "sparse": ("rushlight.sparse", None),
    **{name: (f"rushlight.sparse.{file}", name) for file, names in _SPARSE.items() for name in names},
    "special": ("rushlight.tensor.special", None),
    "storage": ("rushlight.storage", None),
    "testing": ("rushlight.testing", None),
    "explain": ("rushlight.debug.explain", "explain"),
    "memory": ("rushlight.memory", None),
    "profiler": ("rushlight.profiler", None),
    "torch": ("rushlight", None),  # `torch.torch` is torch
    "types": ("rushlight.types", None),
    "UntypedStorage": ("rushlight.storage", "UntypedStorage"),
    "utils": ("rushlight.utils", None),
    "TypedStorage": ("rushlight.storage", "TypedStorage"),
    "vision": ("rushlight.vision", None),
    "vmap": ("rushlight.tensor.batched", "vmap"),
    **{name: ("rushlight.settings", name) for name in _SETTINGS},
    **{name: ("rushlight.symbolic", name) for name in _SYMBOLIC},
    **{
        name.replace("Tensor", "Storage"): ("rushlight.storage", name.replace("Tensor", "Storage"))
        for name in _typed_constructors
    },
    **{name: ("rushlight.amp.autocast_mode", name) for name in _AUTOCAST},
}


def __getattr__(name: str) -> object:
    """Loads what is loaded late; a name of PyTorch's that is missing raises an error that says so."""
    if name not in _LATER:
        while name not in _tensor.functions and Late.load_next(name):
            pass
        if name in _tensor.functions:
            globals()[name] = found = _tensor.functions[name]
            return found
        missing = _import_module("rushlight.alias.missing")
        return missing.module_getattr(_sys.modules[__name__], "torch")(name)
    module, attribute = _LATER[name]
    package = _import_module(module)
    value = package if attribute is None else getattr(package, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    _tensor.load_late_families()
    return sorted({*globals(), *_LATER, *_tensor.functions})


def _explain_method(name: str) -> None:
    """Raises NotThereYet for a method of PyTorch's tensors that is missing."""
    missing = _import_module("rushlight.alias.missing")
    if name in missing.pytorch_names()["torch.Tensor"]:
        raise NotThereYet(missing.not_there_yet(f"torch.Tensor.{name}"))


def _array_namespace(self: Tensor, *, api_version: str | None = None) -> object:
    """The namespace of the Python array API standard for tensors; ValueError for a version that it does not have."""
    namespace = _import_module("rushlight.array_api")
    if api_version not in (None, *namespace.VERSIONS):
        raise ValueError(
            f"__array_namespace__(): version {api_version!r} is not one of {', '.join(namespace.VERSIONS)}"
        )
    return namespace


def _to_device(self: Tensor, place: object, /, *, stream: object = None) -> Tensor:
    """The tensor on a device, as the array API standard calls `Tensor.to`; ValueError for a stream, which the CPU has not."""
    if stream is not None:
        raise ValueError("to_device(): the CPU has no streams; leave stream out")
    return self.to(place)


Late.packages.insert(0, lambda: _import_module("rushlight.sparse"))
Late.packages.append(lambda: _import_module("rushlight.storage"))
Late.packages.append(lambda: _import_module("rushlight.nn"))
Late.explain = _explain_method
Tensor.__array_namespace__ = _array_namespace
Tensor.to_device = _to_device
Late.overrides = lambda: _import_module("rushlight.overrides")
Late.sparse = lambda: _import_module("rushlight.sparse")
Late.compile = lambda *args, **kwargs: _import_module("rushlight.compiler").compile(*args, **kwargs)

if _config.DEBUG:
    _import_module("rushlight.debug").start()
