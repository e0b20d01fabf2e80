"""The Python array API standard, version 2024.12: Rushlight's functions under the names and signatures of the standard.

    import rushlight.array_api as xp      # or: xp = tensor.__array_namespace__()

The arrays are Rushlight's tensors and the functions PyTorch's, so gradients flow. What differs from PyTorch is what the
standard asks for: dtypes are promoted by dtype alone (a tensor without axes counts as much as one with), unsigned sums
are uint64, axes are named `axis`. Operators between tensors stay PyTorch's. `docs/array-api.md` says what passes the
standard's own tests, and why the rest does not. https://data-apis.org/array-api/2024.12/

>>> import rushlight.array_api as xp
>>> xp.sum(xp.asarray([[1, 2], [3, 4]], dtype=xp.uint8), axis=0)
tensor([4, 6], dtype=torch.uint64)
"""

from __future__ import annotations

import rushlight as _rushlight

from . import fft, linalg
from .creation import (
    arange,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    meshgrid,
    ones,
    ones_like,
    tril,
    triu,
    zeros,
    zeros_like,
)
from .elementwise import *  # noqa: F403  # the functions of the standard's tables, by name
from .elementwise import __all__ as _elementwise
from .inspection import __array_namespace_info__
from .linalg import matmul, matrix_transpose, tensordot, vecdot
from .manipulation import (
    broadcast_arrays,
    broadcast_to,
    concat,
    expand_dims,
    flip,
    moveaxis,
    permute_dims,
    repeat,
    reshape,
    roll,
    squeeze,
    stack,
    take,
    take_along_axis,
    tile,
    unstack,
)
from .promotion import astype, can_cast, finfo, iinfo, isdtype, result_type
from .searching import (
    argmax,
    argmin,
    argsort,
    count_nonzero,
    nonzero,
    searchsorted,
    sort,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
    where,
)
from .statistics import all, any, cumulative_prod, cumulative_sum, diff, max, mean, min, prod, std, sum, var

__array_api_version__ = "2024.12"
# What later versions add or widen leaves programs for earlier ones as they are.
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")

_DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split()
_CONSTANTS = "e inf nan newaxis pi".split()
globals().update({_name: getattr(_rushlight, _name) for _name in [*_DTYPES, *_CONSTANTS]})

__all__ = [  # noqa: PLE0604, PLE0605
    *_DTYPES,
    *_CONSTANTS,
    *_elementwise,
    "__array_api_version__",
    "__array_namespace_info__",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asarray",
    "astype",
    "broadcast_arrays",
    "broadcast_to",
    "can_cast",
    "concat",
    "count_nonzero",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "empty",
    "empty_like",
    "expand_dims",
    "eye",
    "fft",
    "finfo",
    "flip",
    "from_dlpack",
    "full",
    "full_like",
    "iinfo",
    "isdtype",
    "linalg",
    "linspace",
    "matmul",
    "matrix_transpose",
    "max",
    "mean",
    "meshgrid",
    "min",
    "moveaxis",
    "nonzero",
    "ones",
    "ones_like",
    "permute_dims",
    "prod",
    "repeat",
    "reshape",
    "result_type",
    "roll",
    "searchsorted",
    "sort",
    "squeeze",
    "stack",
    "std",
    "sum",
    "take",
    "take_along_axis",
    "tensordot",
    "tile",
    "tril",
    "triu",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
    "unstack",
    "var",
    "vecdot",
    "where",
    "zeros",
    "zeros_like",
]
