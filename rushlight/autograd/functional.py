"""Derivatives of functions of tensors: Jacobians, Hessians, and their products with vectors, as `torch.autograd.functional`.

A product with the Jacobian from the right is the derivative of one from the left. Where `vectorize` is asked for, all rows (or, in
forward mode, columns) of a Jacobian are computed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor.autograd import grad
from ..tensor.batched import vmap
from ..tensor.creation import ones_like, zeros_like
from ..tensor.differentiation import Duals, basis
from ..tensor.grad_mode import enable_grad
from ..tensor.public import functions
from ..tensor.tensor import Tensor, node_of, wrap

Tensors = tuple[Tensor, ...]
LINEAR = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to input {place} is "
    "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and "
    "that the jacobian depends on the inputs (this would be violated by a linear function for example)."
)
UNUSED = (
    "Output {output} of the user-provided function is independent of input {place}. This is not allowed in strict mode."
)
CONSTANT = "The jacobian of the user-provided function is independent of input {place}. This is not allowed in strict mode when create_graph=True."


def _tensors(given: Any, role: str, name: str) -> Tensors:
    """One tensor or a tuple of them as a tuple."""
    found = given if isinstance(given, tuple) else (given,)
    for place, each in enumerate(found):
        if not isinstance(each, Tensor):
            what = f"value at index {place}" if isinstance(given, tuple) else f"given {role}"
            raise TypeError(
                f"The {role} given to {name} must be either a Tensor or a tuple of Tensors but the {what} has type {type(each)}."
            )
    return found


def _inputs(given: Any, name: str, create_graph: bool) -> Tensors:
    """The inputs as tensors to differentiate by; with `create_graph` they keep their history."""
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in _tensors(given, "inputs", name)
    )


def _outputs(
    function: Callable[..., Any], inputs: Tensors, name: str, strict: bool, scalar: bool = False
) -> tuple[Any, Tensors]:
    """What the function returns, and the same as a tuple of tensors."""
    result = function(*inputs)
    found = _tensors(result, "outputs of the user-provided function", name)
    if scalar and len(found) != 1:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if scalar and found[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    for place, output in enumerate(found):
        if strict and not output.requires_grad:
            raise RuntimeError(
                f"Output {place} of the user-provided function does not require gradients. The outputs must be computed in a "
                "differentiable manner from the input when running in strict mode."
            )
    return result, found


def _vector(v: Any, like: Tensors, name: str, which: str) -> Tensors:
    """The vector of a product, of the shapes of `like`; ones where it may be left out."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {which} a single Tensor with a single element.")
        return (ones_like(like[0]),)
    found = _tensors(v, "v", name)
    if len(found) != len(like):
        if len(like) == 1:
            raise RuntimeError("The given v should contain a single Tensor.")
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}.")
    for place, (part, other) in enumerate(zip(found, like, strict=True)):
        if part.shape != other.shape:
            entry = f"Entry {place} in v" if len(like) > 1 else "v"
            raise RuntimeError(f"{entry} has invalid size: should be {other.shape} but got {part.shape}.")
    return tuple(part.detach() if not part.requires_grad else part for part in found)


_FUNCTION, _INPUT = "the user-provided function returns", "the input to the user-provided function is"


def _gradients(
    outputs: Tensors, inputs: Tensors, weights: Tensors | None, create_graph: bool, unused: str | None
) -> Tensors:
    """The gradients of the outputs' weighted sum, zeros where there is none, or an error with the text `unused`."""
    weights = weights or tuple(map(ones_like, outputs))
    tracked = [(output, weight) for output, weight in zip(outputs, weights, strict=True) if output.requires_grad]
    parts: Any = [None] * len(inputs)
    if tracked:
        parts = grad(
            [output for output, _ in tracked],
            inputs,
            [weight for _, weight in tracked],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    for place, part in enumerate(parts):
        if unused is not None and part is None:
            raise RuntimeError(unused.format(place=place))
    return tuple(zeros_like(x) if part is None else part for x, part in zip(inputs, parts, strict=True))


def _finished(value: Any, create_graph: bool) -> Any:
    """The results, without history unless it was asked for."""
    if isinstance(value, tuple):
        return tuple(_finished(part, create_graph) for part in value)
    return value if create_graph else value.detach()


def _shaped(found: Tensors, given: Any) -> Any:
    """A tuple where the user gave one."""
    return found if isinstance(given, tuple) else found[0]


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of each element of the outputs by each of the inputs, of shape (*output, *input).

    A tuple of outputs gives a tuple, a tuple of inputs a tuple in each. `vectorize` computes all rows at once, as `vmap` does;
    `strategy="forward-mode"` all columns.

    >>> import rushlight as torch
    >>> torch.autograd.functional.jacobian(lambda x: x**2, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than inputs, '
            '"forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
        )
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either set "
            "`strict=False` or `vectorize=False`."
        )
    with enable_grad():
        given = _inputs(inputs, "jacobian", create_graph)
        if strategy == "forward-mode":
            return _forward_jacobian(func, inputs, given, create_graph)
        result, outputs = _outputs(func, given, "jacobian", strict)
        find = _all_rows if vectorize else _rows
        rows = tuple(find(place, output, given, create_graph, strict) for place, output in enumerate(outputs))
    whole = tuple(_shaped(row, inputs) for row in rows)
    return _finished(_shaped(whole, result), create_graph)


def _rows(place: int, output: Tensor, inputs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The Jacobians of one output by each input."""
    unused = UNUSED.replace("{output}", str(place)) if strict else None
    columns = [_gradients((element,), inputs, None, create_graph, unused) for element in output.reshape(-1).unbind(0)]
    if strict and create_graph:
        for column in columns:
            for number, part in enumerate(column):
                if not part.requires_grad:
                    raise RuntimeError(CONSTANT.format(place=number))
    if not columns:
        return tuple(x.new_zeros((*output.shape, *x.shape)) for x in inputs)
    stack = functions["stack"]
    return tuple(
        stack(parts).view((*output.shape, *x.shape))
        for x, parts in zip(inputs, zip(*columns, strict=True), strict=True)
    )


def _all_rows(place: int, output: Tensor, inputs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The Jacobians of one output by each input, all rows at once."""
    (directions,) = basis([output._type()])
    found = vmap(lambda weight: _gradients((output,), inputs, (weight,), create_graph, None))(directions)
    return tuple(part.reshape((*output.shape, *x.shape)) for x, part in zip(inputs, found, strict=True))


def _forward_jacobian(func: Callable[..., Any], inputs: Any, given: Tensors, create_graph: bool) -> Any:
    """The Jacobian in forward mode, all columns at once."""
    results: list[Any] = []

    def push(*tangents: Tensor) -> Tensors:
        duals = Duals()
        made = [wrap(duals.make(node_of(x), node_of(t))) for x, t in zip(given, tangents, strict=True)]
        result, outputs = _outputs(func, tuple(made), "jacobian", False)
        results[:] = [result]
        found = [duals.tangent(node_of(output)) for output in outputs]
        return tuple(zeros_like(o) if t is None else wrap(t) for o, t in zip(outputs, found, strict=True))

    columns = vmap(push)(*basis([x._type() for x in given]))
    counts = [x.numel() for x in given]
    whole = []
    for column in columns:
        parts = column.movedim(0, -1).split(counts, -1)
        shapes = [(*column.shape[1:], *x.shape) for x in given]
        whole.append(_shaped(tuple(p.reshape(s) for p, s in zip(parts, shapes, strict=True)), inputs))
    return _finished(_shaped(tuple(whole), results[0]), create_graph)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function with one element: for each pair of inputs a tensor of shape (*first, *second).

    >>> import rushlight as torch
    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    given = _tensors(inputs, "inputs", "hessian")

    def slopes(*values: Tensor) -> Tensors:
        _, outputs = _outputs(func, values, "hessian", strict, scalar=True)
        unused = UNUSED.replace("{output}", "0") if strict else None
        found = _gradients(outputs, values, None, True, unused)
        for place, slope in enumerate(found):
            if strict and not slope.requires_grad:
                raise RuntimeError(LINEAR.format(place=place))
        return found

    whole = jacobian(slopes, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return whole if isinstance(inputs, tuple) else whole[0][0]


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs, and the product of `v` with the Jacobian: the gradient of the outputs weighted by `v`."""
    with enable_grad():
        given = _inputs(inputs, "vjp", create_graph)
        result, outputs = _outputs(func, given, "vjp", strict)
        weights = _vector(v, outputs, "vjp", _FUNCTION)
        unused = UNUSED.replace("{output}", "0") if strict else None
        found = _gradients(outputs, given, weights, create_graph, unused)
    return _finished(result, create_graph), _finished(_shaped(found, inputs), create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs, and the product of the Jacobian with `v`: how they change in the direction `v`."""
    with enable_grad():
        given = _inputs(inputs, "jvp", create_graph)
        direction = _vector(v, given, "jvp", _INPUT)
        result, outputs = _outputs(func, given, "jvp", strict)
        weights = tuple(zeros_like(output).requires_grad_() for output in outputs)
        slopes = _gradients(outputs, given, weights, True, UNUSED.replace("{output}", "0") if strict else None)
        found = _gradients(slopes, weights, direction, create_graph, CONSTANT if strict else None)
    return _finished(result, create_graph), _finished(_shaped(found, result), create_graph)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function with one element, and the product of `v` with its Hessian."""
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function with one element, and the product of its Hessian with `v`; `vhp` is the same, by symmetry."""
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        given = _inputs(inputs, name, create_graph)
        direction = _vector(v, given, name, _INPUT)
        result, outputs = _outputs(func, given, name, strict, scalar=True)
        slopes = _gradients(outputs, given, None, True, UNUSED.replace("{output}", "0") if strict else None)
        for place, slope in enumerate(slopes):
            if strict and not slope.requires_grad:
                raise RuntimeError(LINEAR.format(place=place))
        found = _gradients(slopes, given, direction, create_graph, LINEAR if strict else None)
    return _finished(result, create_graph), _finished(_shaped(found, inputs), create_graph)
