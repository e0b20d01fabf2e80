"""Linear and bilinear layers."""

from __future__ import annotations

from math import prod
from typing import Any

from ...dtype import BOOL, bool_, dtype
from ...ir import biased, contraction, scalar
from ...ir.contract import contract
from ...ir.graph import Node
from ...tensor.casting import cast
from ...tensor.layouts import for_all_layouts
from ...tensor.public import public, scalar_name, write_out
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import named, require_tensor

__all__ = ["bilinear", "linear"]


def _check_tensors(input: Any, weight: Any, bias: Any) -> None:
    require_tensor("linear", input)
    require_tensor("linear", weight, "weight", 2)
    if bias is not None:
        require_tensor("linear", bias, "bias", 3)


def _check_dtypes(kind: dtype, weight: dtype, bias: dtype) -> None:
    mend = "convert one with .to(dtype)"
    if weight is not kind:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {scalar_name(kind)} and {scalar_name(weight)} — linear: "
            f"input is {kind}, weight {weight}; {mend}"
        )
    if bias is not kind:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {scalar_name(bias)} and {scalar_name(kind)} — linear: "
            f"bias is {bias}, input {kind}; {mend}"
        )
    if kind.category == BOOL:
        raise NotImplementedError(
            "\"addmm_impl_cpu_\" not implemented for 'Bool' — linear: convert input and weight with .float()"
        )


def _linear_problem(x: tuple[int, ...], weight: tuple[int, ...]) -> RuntimeError:
    if not x or not weight:
        return RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {len(x)}D and {len(weight)}D"
        )
    if len(weight) > 2:
        return RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {len(weight)}D — linear: weight {weight} must be (out, in)"
        )
    rows, columns = prod(x[:-1]), weight[0] if len(weight) == 2 else 1
    text = f"linear: input {x} does not fit weight {weight}: last axis {x[-1]}, expected {weight[-1]}"
    if len(weight) == 1:
        return RuntimeError(f"size mismatch, got input ({rows}), mat ({rows}x{x[-1]}), vec ({weight[0]}) — {text}")
    phrase = f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x[-1]} and {weight[1]}x{columns})"
    mend = (
        f"; did you mean to flatten the input? its axes after the first have {prod(x[1:])} elements"
        if prod(x[1:]) == weight[-1]
        else ""
    )
    return RuntimeError(f"{phrase} — {text}{mend}")


def _with_bias(product: Node, bias: Node) -> Node:
    """A bias of any shape that broadcasts to the product's."""
    shape, have = product.type.shape, bias.type.shape
    lead = len(shape) - len(have)
    if lead < 0 or any(own not in (1, full) for own, full in zip(have, shape[lead:], strict=True)):
        raise RuntimeError(
            f"The expanded size of the tensor ({shape[-1] if shape else 1}) must match the existing size ({have[-1] if have else 1}) at "
            f"non-singleton dimension {len(shape) - 1}.  Target sizes: {list(shape)}.  Tensor sizes: {list(have)} — linear: bias {have} "
            f"does not fit output {shape}, expected ({shape[-1] if shape else ''},)"
        )
    return scalar.add(product, bias)


@for_all_layouts
@cast
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """input · weightᵀ + bias: input (*, in), weight (out, in), bias (out) give (*, out); weight (in) gives (*).

    >>> import rushlight as torch
    >>> torch.nn.functional.linear(torch.ones(2, 3), torch.ones(1, 3), torch.tensor([0.5]))
    tensor([[3.5000],
            [3.5000]])
    """
    try:
        x, w, b = node_of(input), node_of(weight), None if bias is None else node_of(bias)
    except AttributeError:
        _check_tensors(input, weight, bias)
        raise
    kind, own = x.type.dtype, w.type.shape
    if w.type.dtype is not kind or (b is not None and b.type.dtype is not kind) or kind is bool_:
        _check_dtypes(kind, w.type.dtype, kind if b is None else b.type.dtype)
    shape = x.type.shape
    if not shape or len(own) not in (1, 2) or shape[-1] != own[-1]:
        raise _linear_problem(shape, own)
    spec = contraction.linear(shape, own)
    if b is None:
        result = contract(x, w, spec=spec)
    elif len(own) == 1:
        raise RuntimeError("mat2 must be a matrix, got 1-D tensor — linear: a weight of one axis takes no bias")
    elif b.type.shape == own[:1]:
        result = biased.affine(b, x, w, spec=spec)
    else:
        result = _with_bias(contract(x, w, spec=spec), b)
    found = named(result, _linear_label(input, len(own), b is not None) if len(shape) != 2 or b is None else "Addmm")
    return found if out is None else write_out("linear", out, found)  # type: ignore[no-any-return]


def _linear_label(input: Tensor, weight_axes: int, bias: bool) -> str:
    """What PyTorch's last step is called."""
    ndim = input.ndim
    if weight_axes == 1:
        return {1: "Dot", 2: "Mv"}.get(ndim, "UnsafeView")
    if ndim == 2:
        return "Addmm" if bias else "Mm"
    if bias:
        return "View" if ndim == 1 or input.is_contiguous() else "Add"
    return "SqueezeBackward4" if ndim == 1 else "UnsafeView"


@public("Add", method=False, out=False)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1ᵀ · weight[o] · input2 + bias for each o: (*, i), (*, j), (o, i, j) give (*, o).

    >>> import rushlight as torch
    >>> torch.nn.functional.bilinear(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]), torch.ones(1, 2, 1))
    tensor([[9.]])
    """
    for place, (name, operand) in enumerate((("input1", input1), ("input2", input2), ("weight", weight))):
        require_tensor("bilinear", operand, name, place + 1)
        if operand.dtype is not input1.dtype:
            raise RuntimeError(
                f"All tensors must have the same dtype, got input1: {input1.dtype}, {name}: {operand.dtype} — bilinear"
            )
    a, b, w = (node_of(operand) for operand in (input1, input2, weight))
    if a.type.ndim != b.type.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {a.type.ndim} and {b.type.ndim}")
    for axis, (m, n) in enumerate(zip(a.type.shape[:-1], b.type.shape[:-1], strict=True)):
        if m != n:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {axis}: got {m} and {n}")
    result = contract(a, b, w, spec=contraction.bilinear(a.type.shape, b.type.shape, w.type.shape))
    if bias is not None:
        if bias.numel() != w.type.shape[0]:
            raise RuntimeError(
                f"bilinear(): bias size does not match weight size: got {bias.numel()} but expected {w.type.shape[0]}"
            )
        result = scalar.add(result, node_of(bias))
    return wrap(result)
