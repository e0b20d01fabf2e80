"""Products of matrices and tensors: matmul and its kin, einsum, tensordot. All are the one contraction of `ir/contract.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dtype import BOOL, FLOATING, INTEGER, bfloat16, dtype, float16, int64
from ..ir import scalar, view
from ..ir.contract import contract
from ..ir.contraction import build
from ..ir.graph import Node
from .promotion import Number, _as_node, operating_dtype
from .public import public, scalar_name, write_out
from .tensor import Tensor, node_of, wrap

HALVES = (float16, bfloat16)
Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _pair(op: str, a: Tensor, b: Tensor) -> tuple[Node, Node]:
    """Two operands of one dtype: products do not promote, as in PyTorch."""
    for place, operand in enumerate((a, b)):
        if not isinstance(operand, Tensor):
            raise TypeError(f"{op}(): argument {place + 1} must be Tensor, not {type(operand).__name__}")
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {_c_name(a.dtype)} != {_c_name(b.dtype)} — {op}: convert one with .to(dtype)"
        )
    if a.dtype.category == BOOL:
        raise NotImplementedError(f"\"{op}\" not implemented for 'Bool'")
    return node_of(a), node_of(b)


def _c_name(kind: dtype) -> str:
    names = {
        "float32": "float",
        "float64": "double",
        "int64": "long long",
        "int32": "int",
        "int16": "short",
        "int8": "signed char",
    }
    names |= {
        "uint8": "unsigned char",
        "float16": "c10::Half",
        "bfloat16": "c10::BFloat16",
        "complex64": "c10::complex<float>",
    }
    names |= {"complex128": "c10::complex<double>"}
    return names.get(kind.name, kind.name)


def _ranks(op: str, operands: Sequence[tuple[str, Tensor, int]]) -> None:
    for name, operand, ndim in operands:
        if operand.ndim != ndim:
            got = f"got {operand.ndim}-D"
            if ndim == 1:
                raise RuntimeError(f"{op}: Expected 1-D argument {name}, but {got} — shape {tuple(operand.shape)}")
            kind = {2: "matrix", 3: "3D tensor"}[ndim]
            raise RuntimeError(f"{name} must be a {kind} — {op}: {got} of shape {tuple(operand.shape)}")


def matmul_node(op: str, a: Node, b: Node) -> Node:
    try:
        spec = build.matmul(a.type.shape, b.type.shape)
    except RuntimeError as error:
        raise RuntimeError(f"{error} — {_explained(op, a.type.shape, b.type.shape)}") from None
    return contract(a, b, spec=spec)


def _explained(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """Which sizes differ, and the likely mend."""
    if not a or not b:
        return f"{op}: {a} @ {b}"
    inner = b[-2] if len(b) > 1 else b[0]
    text = f"{op}: {a} @ {b}: inner sizes {a[-1]} and {inner} differ"
    if len(b) > 1 and a[-1] == b[-1]:
        return text + "; did you mean the transpose of the second, .mT?"
    if len(a) > 1 and a[-2] == inner:
        return text + "; did you mean the transpose of the first, .mT?"
    return text


@public("Mm", alias=())
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product, as Python's `@`: vectors, matrices, and batches of matrices that broadcast.

    >>> import rushlight as torch
    >>> torch.matmul(torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    """
    a, b = _pair("matmul", input, other)
    node = matmul_node("matmul", a, b)
    if node.tracked:
        ranks = (min(input.ndim, 3), min(other.ndim, 3))
        node.label = {(1, 1): "Dot", (2, 1): "Mv", (2, 2): "Mm", (1, 2): "SqueezeBackward4", (3, 3): "Bmm"}.get(
            ranks, "UnsafeView"
        )
    return wrap(node)


def _refuse_out_dtype(op: str, out_dtype: dtype | None) -> None:
    if out_dtype is not None:
        raise NotImplementedError(
            f"{op}(out_dtype={out_dtype}): a product in a wider dtype than its operands' is for CUDA, in PyTorch too; convert the operands "
            f"with .to({out_dtype})"
        )


@public("Mm")
def mm(input: Tensor, mat2: Tensor, out_dtype: dtype | None = None) -> Tensor:
    """The product of two matrices."""
    _refuse_out_dtype("mm", out_dtype)
    _ranks("mm", (("self", input, 2), ("mat2", mat2, 2)))
    return wrap(matmul_node("mm", *_pair("mm", input, mat2)))


@public("Bmm")
def bmm(input: Tensor, mat2: Tensor, out_dtype: dtype | None = None) -> Tensor:
    """The products of two batches of matrices."""
    _refuse_out_dtype("bmm", out_dtype)
    _ranks("bmm", (("batch1", input, 3), ("batch2", mat2, 3)))
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{input.shape[0]}, {input.shape[2]}] but got: "
            f"[{mat2.shape[0]}, {mat2.shape[1]}]. — bmm: {tuple(input.shape)} @ {tuple(mat2.shape)}"
        )
    return wrap(matmul_node("bmm", *_pair("bmm", input, mat2)))


@public("Mv")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector."""
    _ranks("mv", (("self", input, 2), ("vec", vec, 1)))
    return wrap(matmul_node("mv", *_pair("mv", input, vec)))


@public("Dot")
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of products of two vectors."""
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    if input.dtype is not tensor.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {scalar_name(input.dtype)} and {scalar_name(tensor.dtype)}"
        )
    return wrap(matmul_node("dot", *_pair("dot", input, tensor)))


@public("Vdot")
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """`dot` with the first vector conjugated."""
    return dot(input.conj() if input.dtype.is_complex else input, other)  # type: ignore[attr-defined]


@public("Inner")
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last axes."""
    if not input.ndim or not other.ndim:
        return input * other  # type: ignore[operator,no-any-return]
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@public("Mul", alias=("ger",))
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of one vector with one of another."""
    _ranks("outer", (("self", input, 1), ("vec2", vec2, 1)))
    return input.unsqueeze(1) * vec2  # type: ignore[attr-defined,no-any-return]


def _combined(op: str, input: Tensor, product: Node, beta: Number, alpha: Number) -> Tensor:
    """beta * input + alpha * product; with beta 0 the input is ignored, NaN and all."""
    kind = input.dtype if input.dtype in HALVES else product.type.dtype
    if kind.category < FLOATING:  # PyTorch drops their fraction
        alpha, beta = int(alpha.real), int(beta.real)
    if alpha != 1:
        product = scalar.mul(product, scalar.number(alpha, product.type.dtype))
    if input.dtype is not kind:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {scalar_name(input.dtype)} and {scalar_name(kind)} — {op}"
        )
    have = node_of(input)
    lead = product.type.ndim - have.type.ndim
    if lead < 0 or any(e not in (1, p) for e, p in zip(have.type.shape, product.type.shape[lead:], strict=True)):
        raise RuntimeError(
            f"The expanded size of the tensor ({product.type.shape[-1]}) must match the existing size "
            f"({have.type.shape[-1] if have.type.ndim else 1}) at non-singleton dimension {product.type.ndim - 1}.  Target sizes: "
            f"{list(product.type.shape)}.  Tensor sizes: {list(have.type.shape)} — {op}"
        )
    if beta == 0:
        return wrap(scalar.cast(product, dtype=kind))
    have = scalar.cast(have, dtype=product.type.dtype)
    if beta != 1:
        have = scalar.mul(have, scalar.number(beta, have.type.dtype))
    return wrap(scalar.cast(scalar.add(have, product), dtype=kind))


@public("Addmm", inplace=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    _ranks("addmm", (("mat1", mat1, 2), ("mat2", mat2, 2)))
    return _combined("addmm", input, matmul_node("addmm", *_pair("addmm", mat1, mat2)), beta, alpha)


@public("Addmv", inplace=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    _ranks("addmv", (("mat", mat, 2), ("vec", vec, 1)))
    return _combined("addmv", input, matmul_node("addmv", *_pair("addmv", mat, vec)), beta, alpha)


@public("Baddbmm", inplace=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""
    if input.dtype in HALVES and batch1.dtype is batch2.dtype is input.dtype:  # rounded once, at the end
        batch1, batch2 = batch1.float(), batch2.float()  # type: ignore[attr-defined]
    return _combined("baddbmm", input, node_of(bmm(batch1, batch2)), beta, alpha)


@public("Addbmm", inplace=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta * input + alpha * the sum of batch1 @ batch2 over the batch."""
    _ranks("addbmm", (("batch1", batch1, 3), ("batch2", batch2, 3)))
    product = einsum("bij,bjk->ik", batch1, batch2)
    return _combined("addbmm", input, node_of(product), beta, alpha)


@public("Addr", inplace=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    _ranks("addr", (("vec1", vec1, 1), ("vec2", vec2, 1)))
    kind = operating_dtype(input, vec1, vec2)
    for name, number in (("beta", beta), ("alpha", alpha)):
        if isinstance(number, float) and kind.category < FLOATING:
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number. — addr"
            )
    a, b = _as_node(vec1, kind), _as_node(vec2, kind)
    product = scalar.mul(view.reshape(a, (a.type.size, 1)), b)
    if kind.category == BOOL:
        return wrap(scalar.logical_or(_as_node(input, kind), product) if beta else product)
    return _combined("addr", input if input.dtype is kind else input.to(kind), product, beta, alpha)  # type: ignore[attr-defined]


# ---- einsum ----


def _split_equation(equation: str, count: int) -> tuple[list[str], str | None]:
    text = equation.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != count:
        more = "more" if count > len(terms) else "fewer"
        raise RuntimeError(f"einsum(): {more} operands were provided than specified in the equation")
    for term in [*terms, output]:
        for letter in term.replace("...", ""):
            if letter not in Letters:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {term.index(letter)} in the equation string, subscripts must be in [a-zA-Z]"
                )
    return terms, output if arrow else None


def _sublist_equation(arguments: tuple[Any, ...]) -> tuple[str, list[Tensor]]:
    """`einsum(a, [0, 1], b, [1, 2], [0, 2])` in the string form."""
    operands = list(arguments[0 : len(arguments) // 2 * 2 : 2])
    lists = list(arguments[1::2])
    output = arguments[-1] if len(arguments) % 2 else None

    def letters(places: Sequence[Any]) -> str:
        return "".join("..." if place is Ellipsis else Letters[place] for place in places)

    equation = ",".join(map(letters, lists))
    return equation + ("" if output is None else "->" + letters(output)), operands


def _labels(term: str, ndim: int, operand: int) -> list[Any]:
    """A term's letters, with the ellipsis as negative labels counted from the right."""
    head, dots, tail = term.partition("...")
    covered = ndim - len(head) - len(tail)
    if covered < 0 or (not dots and covered):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(head) + len(tail)}) {'is more than' if covered < 0 else 'does not match'} the number "
            f"of dimensions ({ndim}) for operand {operand}{'' if dots else ' and no ellipsis was given'}"
        )
    return [*head, *[-(covered - place) for place in range(covered)], *tail]


@public("ViewBackward0", method=False)
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products over named axes.

    >>> import rushlight as torch
    >>> torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    if not isinstance(equation, str):
        equation, listed = _sublist_equation((equation, *operands))
    else:
        listed = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (tuple, list)) else list(operands)
    if not listed:
        raise RuntimeError("einsum(): must provide at least one operand")
    terms, output = _split_equation(equation, len(listed))
    labelled = [
        _labels(term, operand.ndim, place) for place, (term, operand) in enumerate(zip(terms, listed, strict=True))
    ]
    found = [label for labels in labelled for label in labels]
    dots = sorted({label for label in found if isinstance(label, int)})
    if output is None:
        wanted: list[Any] = dots + sorted(label for label in set(found) - set(dots) if found.count(label) == 1)
    else:
        head, has_dots, tail = output.partition("...")
        wanted = [*head, *(dots if has_dots else []), *tail]
        for letter in [*head, *tail]:
            if letter not in found:
                raise RuntimeError(
                    f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
                )
            if wanted.count(letter) > 1:
                raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
    numbers = {label: number for number, label in enumerate(dict.fromkeys(found))}
    kind = listed[0].dtype
    alone = [label for label in numbers if label not in wanted and sum(label in labels for labels in labelled) == 1]
    if alone and kind.category == INTEGER:  # summed by itself, and sums of integers are int64
        listed = [operand.to(int64) for operand in listed]  # type: ignore[attr-defined]
        kind = int64
    nodes = []
    for operand, labels in zip(listed, labelled, strict=True):
        if operand.dtype is not kind:
            _pair("einsum", listed[0], operand)
        nodes.append(_without_diagonals(node_of(operand), labels))
    _check_extents(equation, labelled, nodes)
    spec = build.einsum(
        tuple(tuple(numbers[label] for label in dict.fromkeys(labels)) for labels in labelled),
        tuple(numbers[label] for label in wanted),
        tuple(node.type.shape for node in nodes),
    )
    return wrap(contract(*nodes, spec=spec))


def _check_extents(equation: str, labelled: list[list[Any]], nodes: list[Node]) -> None:
    """RuntimeError, with the letter, where a subscript stands for two sizes."""
    seen: dict[Any, int] = {}
    for place, (labels, node) in enumerate(zip(labelled, nodes, strict=True)):
        for label, extent in zip(dict.fromkeys(labels), node.type.shape, strict=True):
            before = seen.get(label, 1)
            if 1 not in (before, extent) and before != extent:
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {extent} for operand {place} which does not broadcast with "
                    f"previously seen size {before} — {equation!r} with shapes {[n.type.shape for n in nodes]}"
                )
            seen[label] = max(before, extent) if 0 not in (before, extent) else 0


def _without_diagonals(node: Node, labels: list[Any]) -> Node:
    """The operand with each label on one axis: a repeated one keeps its diagonal."""
    kept = list(labels)
    while True:
        twice = next((label for label in kept if kept.count(label) > 1), None)
        if twice is None:
            return node
        first = kept.index(twice)
        second = kept.index(twice, first + 1)
        shape = node.type.shape
        if shape[first] != shape[second]:
            raise RuntimeError(
                f"einsum(): subscript {twice} is repeated for operand but the sizes don't match, {shape[second]} != {shape[first]}"
            )
        extent = shape[first]
        rest = [axis for axis in range(len(shape)) if axis not in (first, second)]
        node = view.permute(node, (first, second, *rest))
        lead = tuple(shape[axis] for axis in rest)
        node = view.reshape(node, (extent * extent, *lead))
        node = view.slice_(node, (0,) * (1 + len(lead)), node.type.shape, (extent + 1, *[1] * len(lead)))
        order = list(range(1, len(rest) + 1))
        order.insert(first, 0)
        node = view.permute(node, tuple(order))
        del kept[second]


@public("ViewBackward0", method=False)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums of products over the last axes of one tensor and the first of another, or over the axes given."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims >= 0 and at most the operands' dimensions, but got dims={dims}")
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = ([dims[k]] if isinstance(dims[k], int) else list(dims[k]) for k in (0, 1))
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    left, right = [axis % a.ndim for axis in left], [axis % b.ndim for axis in right]
    names_a = list(range(a.ndim))
    names_b = [a.ndim + axis for axis in range(b.ndim)]
    for x, y in zip(left, right, strict=True):
        if a.shape[x] != b.shape[y] and 1 not in (a.shape[x], b.shape[y]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[x]} in dim {x} and second has size {b.shape[y]} in dim {y}"
            )
        names_b[y] = names_a[x]
    output = [n for axis, n in enumerate(names_a) if axis not in left] + [
        n for axis, n in enumerate(names_b) if axis not in right
    ]
    nodes = _pair("tensordot", a, b)
    spec = build.einsum((tuple(names_a), tuple(names_b)), tuple(output), (tuple(a.shape), tuple(b.shape)))
    result = wrap(contract(*nodes, spec=spec))
    return result if out is None else write_out("tensordot", out, result)  # type: ignore[no-any-return]


@public("View")
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product."""
    ndim = max(input.ndim, other.ndim)
    a = (1,) * (ndim - input.ndim) + tuple(input.shape)
    b = (1,) * (ndim - other.ndim) + tuple(other.shape)
    kind = operating_dtype(input, other)
    left = view.reshape(_as_node(input, kind), tuple(e for extent in a for e in (extent, 1)))
    right = view.reshape(_as_node(other, kind), tuple(e for extent in b for e in (1, extent)))
    return wrap(view.reshape(scalar.mul(left, right), tuple(x * y for x, y in zip(a, b, strict=True))))


@public("Mm", method=False)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, in the cheapest order."""
    return multi_dot(matrices)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, in the order with the fewest multiplications (dynamic programming, CLRS 14.2)."""
    parts = list(tensors)
    if len(parts) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(parts)}")
    first_vector, last_vector = parts[0].ndim == 1, parts[-1].ndim == 1
    if first_vector:
        parts[0] = parts[0].unsqueeze(0)  # type: ignore[attr-defined]
    if last_vector:
        parts[-1] = parts[-1].unsqueeze(1)  # type: ignore[attr-defined]
    sizes = [part.shape[0] for part in parts] + [parts[-1].shape[1]]
    count = len(parts)
    cost = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], cut[i, j] = min(options)

    def product(i: int, j: int) -> Tensor:
        return parts[i] if i == j else mm(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    result = product(0, count - 1)
    if first_vector:
        result = result.squeeze(0)  # type: ignore[attr-defined]
    return result.squeeze(-1) if last_vector else result  # type: ignore[attr-defined,no-any-return]


@public("LinalgCross", method=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product of vectors of three elements along an axis."""
    axis = dim if dim is not None else next((a for a, e in enumerate(input.shape) if e == 3), None)
    if axis is None:
        raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, axis)


def linalg_cross(input: Tensor, other: Tensor, dim: int = -1) -> Tensor:
    """The cross product of vectors of three elements along an axis."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )
    a = [input.roll(-k, dim) for k in (1, 2)]  # type: ignore[attr-defined]
    b = [other.roll(-k, dim) for k in (1, 2)]  # type: ignore[attr-defined]
    return a[0] * b[1] - a[1] * b[0]  # type: ignore[no-any-return]


def _matmul_operator(self: Tensor, other: Any) -> Any:
    return matmul(self, other) if isinstance(other, Tensor) else NotImplemented


Tensor.__matmul__ = _matmul_operator  # type: ignore[attr-defined]
Tensor.__rmatmul__ = lambda self, other: matmul(other, self)  # type: ignore[attr-defined]
