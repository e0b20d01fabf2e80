"""Rows of a table by number: `embedding`, bags of them, `one_hot`."""

from __future__ import annotations

import numpy as np

from ...dtype import bool_, float32, int32, int64
from ...ir import embedding as records
from ...ir import index, scalar, view
from ...ir.graph import Node, input_node
from ...ir.type import Type
from ...runtime import executor
from ...tensor.grad_mode import no_grad
from ...tensor.public import scalar_name
from ...tensor.tensor import Tensor, from_array, node_of, wrap
from .operands import named, require_tensor

__all__ = ["embedding", "embedding_bag", "one_hot"]


def _places(op: str, input: Tensor, rows: int) -> Node:
    require_tensor(op, input, "indices", 2)
    if input.dtype not in (int64, int32):
        kind = scalar_name(input.dtype)
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{'CPUBoolType' if kind == 'Bool' else f'torch.{kind}Tensor'} instead (while checking arguments for {op}); "
            "convert it with .long()"
        )
    node = scalar.cast(node_of(input), dtype=int64)
    if node.value is not None:
        records.check_rows(node.value, rows)
    return node


def _check_weight(op: str, weight: Tensor) -> None:
    require_tensor(op, weight, "weight", 2)
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D — {op}: got {tuple(weight.shape)}")


def _padding_row(op: str, padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


def _renormalise(weight: Tensor, places: Node, max_norm: float, norm_type: float) -> None:
    """Scales the rows in use down to `max_norm`, in place, as PyTorch does."""
    with no_grad():
        used = np.unique(wrap(places)._array())
        rows = weight.detach()[from_array(used, int64)]  # type: ignore[index]
        size = rows.norm(norm_type, 1, keepdim=True)
        factor = (max_norm / (size + 1e-7)).where(size > max_norm, size.new_ones(()))
        weight.detach()[from_array(used, int64)] = rows * factor  # type: ignore[index]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (n, d) at the places in `input` (*): (*, d).

    With `sparse=True` a leaf `weight` gets a sparse gradient, of the rows read; one that is computed gets a dense gradient.

    >>> import rushlight as torch
    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    _check_weight("embedding", weight)
    places = _places("embedding", input, weight.shape[0])
    padding = _padding_row("embedding", padding_idx, weight.shape[0])
    if max_norm is not None:
        _renormalise(weight, places, max_norm, norm_type)
    rows = records.embedding(node_of(weight), places, padding=padding, by_frequency=scale_grad_by_freq)
    if sparse:
        _give_sparse_gradient(rows)
    return named(rows, "Embedding")


def _give_sparse_gradient(rows: Node) -> None:
    """Lets the gradient of a node of rows remember what it is made of; it is a whole table only where somebody reads that."""
    if rows.tracked and type(rows) is Node:
        rows.sided().backward = _sparse_rule


def _sparse_rule(node: Node, g: Node) -> tuple[Node | None, ...]:
    table, places = node.operands
    settings = node.attributes
    if settings["by_frequency"]:
        raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
    whole = records.embedding_gradient(g, places, rows=table.type.shape[0], **settings)
    values = view.reshape(g, (places.type.size, *table.type.shape[1:]))
    flat = view.reshape(places, (places.type.size,))
    if settings["padding"] is not None:
        values, flat = _without_row(values, flat, settings["padding"])
    whole.sided().rows = values, flat
    return whole, None


def _without_row(values: Node, places: Node, row: int) -> tuple[Node, Node]:
    """Rows and their places but for those of one place, the padding's."""
    chosen = np.flatnonzero(executor.value_of(places) != row)
    if chosen.size == places.type.size:
        return values, places
    kept = input_node(chosen, Type.of(chosen.shape, int64))
    return index.take(values, kept), index.take(places, kept)


# ---- bags ----


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Tensor, np.ndarray, int]:
    """The flat places, the bag of each, and how many bags there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences."
            )
        count, length = input.shape
        return input.reshape(-1), np.repeat(np.arange(count), length), count  # type: ignore[attr-defined]
    if input.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    starts = offsets._array().astype(np.int64)
    if starts.size and int(starts[0]) != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got "
            + str(int(starts[0]))
        )
    if starts.size and int(starts[-1]) > input.numel():
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {input.numel()} but got offsets[-1] of {int(starts[-1])}"
        )
    ends = starts[1:] if include_last_offset else np.append(starts[1:], input.numel())
    count = len(starts) - include_last_offset
    return input, np.repeat(np.arange(count), ends - starts[:count]), count


def _bag_sum(rows: Node, bags: np.ndarray, count: int) -> Node:
    base = scalar.full(0, Type.of((count, rows.type.shape[1]), rows.type.dtype))
    return index.put(base, rows, input_node(bags, Type.of(bags.shape, int64)), accumulate=True)


def _bag_max(rows: Node, bags: np.ndarray, keep: np.ndarray, count: int) -> Node:
    """The greatest of each bag, 0 for an empty one; the first of equal ones takes the gradient."""
    value = wrap(rows)._decoded()
    width = rows.type.shape[1]
    place = np.full((count, width), len(bags), np.int64)
    best = np.full((count, width), -np.inf)
    for row in np.flatnonzero(keep):
        bag = bags[row]
        better = (value[row] > best[bag]) | (place[bag] == len(bags))
        best[bag] = np.where(better, value[row], best[bag])
        place[bag] = np.where(better, row, place[bag])
    padded = view.pad(rows, (0, 0), (1, 0))
    return index.gather(padded, input_node(place, Type.of(place.shape, int64)), axis=0)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of bags of rows: a bag is a row of a 2-D input, or what stands between two `offsets`."""
    if weight.dtype in (int64, int32) and input.dtype.is_floating_point:
        input, weight = weight, input  # the order PyTorch once had
    _check_weight("embedding_bag", weight)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
                f"(got mode='{mode}'). Please open a feature request on GitHub."
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not None, then it must have the same shape as the "
                f"input ({tuple(input.shape)})"
            )
    flat, bags, count = _bags(input, offsets, include_last_offset)
    places = _places("embedding_bag", flat, weight.shape[0])
    padding = _padding_row("embedding_bag", padding_idx, weight.shape[0])
    if max_norm is not None:
        _renormalise(weight, places, max_norm, norm_type)
    keep = np.ones(len(bags), bool) if padding is None else wrap(places)._array() != padding
    rows = records.embedding(node_of(weight), places, padding=None, by_frequency=scale_grad_by_freq)
    if sparse:
        if mode == "max":
            raise ValueError("max mode does not support sparse weights")
        _give_sparse_gradient(rows)
    kind = rows.type.dtype
    wide = float32 if kind.itemsize == 2 else kind  # half precision is rounded once
    rows = scalar.cast(rows, dtype=wide)
    if mode == "max":
        return named(scalar.cast(_bag_max(rows, bags, keep, count), dtype=kind), "EmbeddingBag")
    if per_sample_weights is not None:
        shares = view.reshape(scalar.cast(node_of(per_sample_weights), dtype=wide), (len(bags), 1))
        rows = scalar.mul(rows, shares)
    if not keep.all():
        kept = input_node(keep[:, None], Type.of((len(bags), 1), bool_))
        rows = scalar.select(kept, rows, scalar.number(0, wide))
    result = _bag_sum(rows, bags, count)
    if mode == "mean":
        sizes = np.maximum(np.bincount(bags[keep], minlength=count), 1)[:, None]
        result = scalar.div(result, scalar.cast(input_node(sizes, Type.of(sizes.shape, int64)), dtype=wide))
    return named(scalar.cast(result, dtype=kind), "EmbeddingBag")


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Rows of zeros with a 1 at the place given: (*) integers to (*, classes), int64.

    >>> import rushlight as torch
    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    require_tensor("one_hot", tensor)
    if tensor.dtype is not int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor. — got {tensor.dtype}; convert it with .long()"
        )
    array = tensor._array()
    if not array.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if array.size and int(array.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = int(array.max()) + 1 if num_classes == -1 else num_classes
    if count < 1 or (array.size and int(array.max()) >= count):
        raise RuntimeError("Class values must be smaller than num_classes.")
    return from_array((array[..., None] == np.arange(count)).astype(np.int64), int64)
