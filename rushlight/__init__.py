"""Rushlight: a deep-learning library with PyTorch's interface.

>>> import rushlight as torch
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from . import autograd, backends, cuda, data, nn, optim, serialize, utils
from . import config as _config
from . import tensor as _tensor
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
from .errors import OutOfMemoryError
from .limits import finfo, iinfo
from .serialize import load, save
from .tensor import Tensor, linalg
from .tensor.autograd import (
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
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
    sparse_csr,
    strided,
)
from .tensor.printing import get_printoptions, printoptions, set_printoptions
from .tensor.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .tensor.promotion import get_default_dtype, result_type, set_default_dtype
from .version import __version__

# Python's own words for dtypes and numbers: PyTorch has them as attributes, so the module must.
bool, int, float = bool_, int_, float_
from math import e, inf, nan, pi  # noqa: E402

newaxis = None
serialization = serialize

globals().update(_tensor.functions)
globals().update(_typed_constructors)

if _config.DEBUG:
    from . import debug

    debug.start()
