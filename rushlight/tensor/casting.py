"""Automatic casts of `torch.autocast`: which functions take their floating arguments in half precision, which in single precision.

The table is that of PyTorch's CPU backend. A function in it looks at `mode.autocast` when it is called: None, nearly always, or the
dtype of the region. What a listed function is made of is not cast again. The casts are ordinary nodes, so gradients come back in the
arguments' dtype, and the compiler decodes where it loads.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from ..dtype import bfloat16, dtype, float16, float32
from ..ir import scalar
from ..ir.graph import Node, mode
from ..runtime.watch import Watching
from .geometry import strided
from .tensor import Tensor, node_of, wrap

Rule = Callable[[dtype, tuple[Any, ...], dict[str, Any]], dtype | None]
_CASTABLE = (float32, bfloat16, float16)

# ---- the state, one for each thread ----


class State(threading.local):
    """Whether autocast is on for a kind of device, and its dtype; the casts of weights in the region."""

    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, dtype] = {}
        self.cache_enabled = True
        self.nesting = 0
        self.cache: dict[Any, tuple[Node, Node]] = {}  # (leaf node, …) to it and its cast


state = State()
_BFLOAT16_DEVICES = ("cpu", "hpu", "xla", "maia")  # where PyTorch's default is bfloat16; elsewhere it is float16


def autocast_dtype(device: str) -> dtype:
    """The dtype for a kind of device."""
    return state.dtypes.get(device, bfloat16 if device in _BFLOAT16_DEVICES else float16)


def set_state(device: str, enabled: bool, kind: dtype) -> None:
    """Sets whether autocast is on, and its dtype. Only the CPU's has an effect."""
    state.enabled[device], state.dtypes[device] = enabled, kind
    if device == "cpu":
        mode.autocast = kind if enabled else None


def is_autocast_on() -> bool:
    """Whether this thread is in a region."""
    return mode.autocast is not None


# ---- rules ----


def _lower(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    """The region's dtype."""
    return kind


def _single(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    return float32


def _widest(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    """Single precision where an argument has it, else the region's dtype where there are both halves."""
    found = {t.dtype for t in _tensors((args, kwargs)) if t.dtype in _CASTABLE}
    return None if len(found) < 2 else float32


def _einsum(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    """A sum over an axis that two operands share is a matrix product; without one there are products of elements alone."""
    if not isinstance(args[0], str):
        return kind
    terms, arrow, output = args[0].replace(" ", "").partition("->")
    letters = [set(term) - {"."} for term in terms.split(",")]
    shared = {letter for letter in set().union(*letters) if sum(letter in each for each in letters) > 1}
    return kind if shared - set(output if arrow else ()) else None


def _tensordot(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    """A matrix product unless both tensors are summed over as a whole."""
    a, b = (args[place] if place < len(args) else kwargs.get(name) for place, name in enumerate("ab"))
    dims = args[2] if len(args) > 2 else kwargs.get("dims", 2)
    count = dims if isinstance(dims, int) else len(dims[0]) if isinstance(dims[0], (list, tuple)) else 1
    whole = isinstance(a, Tensor) and isinstance(b, Tensor) and a.ndim == b.ndim == count
    return None if whole else kind


def _power(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    return None if (args[1] if len(args) > 1 else kwargs.get("n")) in (0, 1) else kind


def _padding(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    """Reflection over one or two axes and replication have kernels for single precision alone."""
    pad = args[1] if len(args) > 1 else kwargs.get("pad", ())
    name = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
    return float32 if name == "replicate" or (name == "reflect" and len(pad) <= 4) else None


def _recurrent(kind: dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    """A GRU keeps its state in single precision; its products alone are cast, where they are made."""
    return None if args[0] == "GRU" else kind


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        "addbmm addmm baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d "
        "linalg.multi_dot linalg.vecdot linear matmul mm multi_head_attention_forward prelu scaled_dot_product_attention".split(),
        _lower,
    ),
    **dict.fromkeys(
        "adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist cholesky "
        "cholesky_inverse cholesky_solve cosine_embedding_loss cross_entropy ctc_loss fft.fft fft.fft2 fft.fftn fft.hfft fft.ifft "
        "fft.ifft2 fft.ifftn fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn fractional_max_pool2d "
        "fractional_max_pool3d geqrf grid_sample hinge_embedding_loss huber_loss inverse kl_div l1_loss linalg.cholesky "
        "linalg.cholesky_ex linalg.cond linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.householder_product linalg.inv "
        "linalg.inv_ex linalg.lstsq linalg.matrix_rank linalg.qr linalg.solve linalg.svd linalg.svdvals linalg.tensorinv "
        "linalg.tensorsolve lu_solve margin_ranking_loss max_pool3d max_unpool2d max_unpool3d mse_loss multi_margin_loss "
        "multilabel_margin_loss nanquantile nll_loss orgqr ormqr pinverse poisson_nll_loss polar prod qr quantile smooth_l1_loss "
        "soft_margin_loss stft svd trace triangular_solve triplet_margin_loss view_as_complex".split(),
        _single,
    ),
    **dict.fromkeys("cat concat concatenate index_copy stack".split(), _widest),
    "einsum": _einsum,
    "linalg.matrix_power": _power,
    "matrix_power": _power,
    "pad": _padding,
    "run_layers": _recurrent,
    "tensordot": _tensordot,
}


# ---- casts ----


def casting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, casting its arguments by the table's rule while autocast is on; the function itself where there is none."""
    rule = RULES.get(name)
    if rule is None:
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        kind = mode.autocast
        if kind is None:
            return function(*args, **kwargs)
        target = None if kwargs.get("out") is not None else rule(kind, args, kwargs)
        if target is None:
            return function(*args, **kwargs)
        mode.autocast = None
        try:
            return function(*_cast(args, target), **_cast(kwargs, target))
        finally:
            mode.autocast = kind

    return call


def cast(function: Callable[..., Any]) -> Callable[..., Any]:
    """`casting` by the function's own name; a decorator."""
    if function.__name__ not in RULES:
        raise KeyError(f"autocast has no rule for {function.__name__}")
    return casting(function.__name__, function)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for each in value for tensor in _tensors(each)]
    return _tensors(list(value.values())) if isinstance(value, dict) else []


def _cast(value: Any, target: dtype) -> Any:
    """The same structure with tensors of single or half precision in the target dtype."""
    if isinstance(value, Tensor):
        return _cast_tensor(value, target)
    kind = type(value)
    if kind is list or kind is tuple:
        return kind([_cast(each, target) for each in value])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind(*[_cast(each, target) for each in value])
    return {name: _cast(each, target) for name, each in value.items()} if kind is dict else value


def _cast_tensor(tensor: Tensor, target: dtype) -> Tensor:
    kind = tensor.dtype
    if kind is target or kind not in _CASTABLE:
        return tensor
    if tensor.layout is not strided:
        return tensor.to(target)  # type: ignore[attr-defined,no-any-return]
    node = node_of(tensor)
    weight = kind is float32 and state.cache_enabled and not tensor._steps and tensor._own_leaf()
    if not weight:
        return wrap(_named(scalar.cast(node, dtype=target)))
    key = (
        id(node),
        target,
        mode.tracking,
        id(Watching.watcher),
    )  # a recorded run must not depend on casts made before it
    found = state.cache.get(key)
    if found is None:
        found = state.cache[key] = node, _named(scalar.cast(node, dtype=target))
    return wrap(found[1])


def _named(node: Node) -> Node:
    if node.tracked and node.label is None:
        node.label = "ToCopy"
    return node
