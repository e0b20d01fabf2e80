"""Expressions of sparse tensors: what they give prints as PyTorch's does, and what they refuse is refused in its words."""

from __future__ import annotations

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db

import rushlight

from ..both import check
from ..conformance.compare import Tolerances, problem
from ..conformance.convert import Copier, Unconvertible, to_oracle
from .programs import evaluated, lines

MAKING = """
    t.sparse_coo_tensor(i, v, (2, 3))
    t.sparse_coo_tensor(i, v, (2, 3)).is_coalesced(), t.sparse_coo_tensor([[0]], [1.0], (2,)).is_coalesced()
    t.sparse_coo_tensor(indices=i, values=v, size=(2, 3))
    t.sparse_coo_tensor(i, v)
    t.sparse_coo_tensor(i, [1, 2, 3], (2, 3), dtype=t.float64)
    t.sparse_coo_tensor(i, v, (4, 4), requires_grad=True)
    t.sparse_coo_tensor(i, v.requires_grad_(), (2, 3))
    t.sparse_coo_tensor(i, v, (2, 3), is_coalesced=True).is_coalesced()
    t.sparse_coo_tensor(t.tensor([[0.0, 1.0]]), [1.0, 2.0], (2,))
    t.sparse_coo_tensor(t.tensor([[0]]), 1.0, (2,))
    t.sparse_coo_tensor((2, 3)), t.sparse_coo_tensor(size=(2, 3), dtype=t.float64)
    t.sparse_coo_tensor(t.zeros(2, 0), t.zeros(0, 4), (2, 3, 4))
    h, csr, csc
    t.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0])
    t.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0], (2, 10), dtype=t.float64)
    t.sparse_csr_tensor(t.tensor([0, 1]).int(), t.tensor([0]).int(), [1.0]).col_indices().dtype
    t.sparse_csr_tensor([0, 2, 5], [0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0])
    t.sparse_compressed_tensor([0, 1], [0], [2.0], (1, 1), layout=t.sparse_csr)
    t.sparse.FloatTensor(i, v, t.Size([2, 3])), t.sparse.FloatTensor(i, v), t.sparse.FloatTensor(2, 3)
    t.sparse.DoubleTensor(i, v.double(), (2, 3)).dtype
    isinstance(s, t.sparse.FloatTensor), isinstance(s, t.FloatTensor), isinstance(s.double(), t.sparse.FloatTensor), isinstance(s, t.Tensor)
    t.zeros(2, 3, layout=t.sparse_coo), t.empty(2, 3, layout=t.sparse_coo), t.zeros(2, 3, layout=t.sparse_csr)
    t.zeros_like(h), t.zeros_like(d, layout=t.sparse_coo), t.zeros_like(s, layout=t.strided), t.empty_like(s)
    s.new_zeros(2), s.new_empty((2, 2))
    t.sparse.spdiags(t.arange(6.0).reshape(2, 3), t.tensor([0, -1]), (3, 3))
    t.sparse.spdiags(t.arange(6.0).reshape(2, 3), t.tensor([0, 1]), (4, 5), layout=t.sparse_csr)
    t.arange(2000.0).reshape(40, 50).to_sparse()
"""
READING = """
    s.layout, csr.layout, csc.layout, d.layout, t.sparse_csc
    s.is_sparse, csr.is_sparse, s.is_sparse_csr, csr.is_sparse_csr, d.is_sparse, d.is_sparse_csr
    s.shape, s.size(0), s.dim(), s.numel(), len(s), s.element_size(), s.stride(), s.is_contiguous(), s.device, s.dtype
    h.sparse_dim(), h.dense_dim(), h._nnz(), csr.sparse_dim(), d.sparse_dim(), d.dense_dim()
    s.type(), t.typename(s), s.is_floating_point(), t.is_complex(s), t.is_tensor(s)
    s.indices(), s.values(), u._indices(), u._values(), u.is_coalesced()
    csr.crow_indices(), csr.col_indices(), csr.values(), csc.ccol_indices(), csc.row_indices()
    s.requires_grad, s.is_leaf, s.grad, s.grad_fn
    t.sparse_coo_tensor([[0]], [1.0], (1,)).item(), f"{s}", {s: 1}[s]
"""
CONVERTING = """
    s.to_dense(), u.to_dense(), h.to_dense(), csr.to_dense(), csc.to_dense(), none.to_dense()
    d.to_sparse(), d.to_sparse(1), d.to_sparse_coo(), d.to_sparse_csr(), d.to_sparse_csc(), d.to_sparse(layout=t.sparse_csr)
    t.zeros(2, 2).to_sparse(), t.zeros(0, 2).to_sparse(), t.tensor(3.0).to_sparse(), t.tensor(3.0).to_sparse().to_dense()
    u.coalesce(), s.coalesce() is s, none.coalesce(), h.coalesce(), u.coalesce().is_coalesced()
    csr.to_sparse(), csc.to_sparse(), u.to_sparse_csr(), s.to_sparse_csc(), csr.to_sparse_csc(), csc.to_sparse_csr(), none.to_sparse_csr()
    s.to_sparse() is s, csr.to_sparse_csr() is csr
    s.to(t.float64), s.double(), s.long(), s.bool(), s.half(), s.to(t.complex64), s.to("cpu") is s, s.type(t.float64), csr.double()
    s.clone(), s.detach(), s.data, u.clone().is_coalesced()
    u.sparse_mask(s), d.sparse_mask(s), d.sparse_mask(u), d.sparse_mask(csr)
    s.clone().sparse_resize_((3, 4), 2, 0), s.clone().sparse_resize_and_clear_((3, 4), 2, 0)
    s.clone().zero_(), s.clone().copy_(u)
"""
ARITHMETIC = """
    s + s, s - s, u + u, -u, s * 2, 2 * s, s / 2, s // 2, s ** 2, s * True, s.long() * 2.5
    (s + u).to_dense(), t.add(s, u, alpha=2).to_dense(), t.sub(u, s, alpha=3).to_dense(), (none + s), (h + h), (csr + csr)
    (s + s).is_coalesced(), (s + u).is_coalesced(), (s * s).is_coalesced(), (u * u).is_coalesced()
    s + s.long(), s.double() + s
    d + s, d - s, d + h.sum(2), t.ones(2, 3, 2) + h, t.ones(2, 3, dtype=t.long) + s, t.add(d, s, alpha=-2)
    s * s, u * u, s * u, u * s, none * s, csr * csr
    s * d, d * s, u * d, h * t.ones(2, 3, 2), h * t.ones(2, 1, 2), csr * d
    s * t.tensor([1.0, 2.0, 3.0]), s * t.tensor([[1.0], [2.0]]), s * t.tensor(2.0), s / t.tensor(2.0), s * t.ones(1)
    [getattr(u, n)() for n in "abs asin asinh atan ceil erf expm1 floor frac log1p relu round sgn sign sin sinh sqrt square tan tanh trunc".split()]
    u.isnan(), u.isinf(), u.signbit(), u.nan_to_num(), s.pow(3), F.relu(-s)
    s.clone().mul_(2), s.clone().add_(s), s.clone().div_(2), s.clone().sqrt_(), s.clone().neg_()
    t.ones(2, 3).add_(s, alpha=2), t.ones(2, 3).sub_(s), t.ones(2, 3).mul_(s)
"""
PRODUCTS = """
    t.sparse.mm(s, e), t.sparse.mm(u, e), t.mm(s, e), s.mm(e), s @ e, t.matmul(u, e), t.spmm(s, e), csr @ e, csc @ e, none @ e
    s @ e[:, 0], t.mv(csr, e[:, 1]), d.t() @ s, t.sparse.mm(d.t(), csr), e.t()[0] @ s.t()
    t.sparse.mm(s, s.t()), s @ u.t(), (u.t() @ s).to_dense(), t.mm(none, s.t()), (csr @ csr.t()).to_dense(), (csr @ csr.t()).layout
    t.smm(s, e), s.smm(u.t().to_dense()), t.sspaddmm(t.eye(2).to_sparse(), s, e, beta=2, alpha=3), t.hspmm(s, e)
    t.addmm(t.ones(2, 2), s, e, beta=2, alpha=3), t.sparse.addmm(t.ones(2, 2), s, e, beta=2, alpha=3), t.addmm(t.ones(2), s, e)
    t.bmm(t.stack([s, u]), t.stack([e, e + 1]))
    t.sparse.sampled_addmm(csr, t.ones(2, 4), t.arange(12.0).reshape(4, 3), beta=2, alpha=0.5)
    [t.sparse.mm(csr, e, r) for r in ("sum", "mean", "amax", "amin")]
    s.long() @ e.long(), s.double() @ e.double(), s.bfloat16() @ e.bfloat16(), s.to(t.complex64) @ (e * 1j)
    F.linear(s, d), F.linear(s, d, t.ones(2)), F.linear(csr, d)
"""
REDUCTIONS = """
    t.sparse.sum(s), t.sparse.sum(s, 0), t.sparse.sum(u, 1), t.sparse.sum(s, (0, 1)), t.sparse.sum(s, -1, dtype=t.float64), t.sparse.sum(none, 0)
    t.sparse.sum(h), t.sparse.sum(h, 0), t.sparse.sum(h, 2), t.sparse.sum(h, (0, 1)), t.sparse.sum(h, (0, 2))
    s.sum(), s.sum(0), s.sum(1, keepdim=True), u.sum(0), h.sum(2), h.sum(0, keepdim=True), s.int().sum(0), s.sum(dtype=t.float64), csr.sum()
    s.sum((0, 1)), s.sum((0, 1), keepdim=True), s.sum(()), h.sum((0, 1)), h.sum((0, 1, 2), keepdim=True), csr.sum((0, 1), keepdim=True), csr.sum(0, keepdim=True)
    s.sum(axis=0), s.sum(axis=1, keepdims=True), t.sum(input=u)
    s.norm(), u.norm(), s.norm(1), t.norm(s), s.any(), none.any()
    t.sparse.softmax(s, 1), t.sparse.softmax(s, 0), t.sparse.softmax(u, -1), t.sparse.softmax(h, 2), t.sparse.softmax(h, 1), t.sparse.softmax(none, 0)
    t.sparse.log_softmax(s, 1), t.sparse.log_softmax(h, 0), t.sparse.softmax(s, 1, dtype=t.float64), t.sparse.softmax(s * 1000, 1)
"""
SHAPES = """
    s.t(), s.T, s.transpose(0, 1), s.mT, t.transpose(u, 0, -1), csr.t(), csc.t(), h.transpose(0, 1), h.permute(1, 0, 2), s.t().is_coalesced()
    s.unsqueeze(0), s.unsqueeze(-1), h.unsqueeze(1), h.unsqueeze(3)
    s[0], s[-1], s[0][2], s[0][1], s[:, 1], s[None], s[1, 2], h[0], h[0, 2], h[:, :, 1], u[0], csr[0]
    s.select(1, 2), u.select(0, 0), s.narrow_copy(1, 1, 2), s.unbind(0), [row.shape for row in s]
    s.index_select(0, t.tensor([1, 1, 0])), s.index_select(1, t.tensor([2, 0])), h.index_select(2, t.tensor([1])), u.index_select(0, t.tensor([0])).to_dense()
    t.cat([s, s]), t.cat([s, u], 1), t.cat([h, h], 2), t.cat([h, h], 1), t.stack([s, s]), t.stack([s, u], 1), t.stack([s, s], -1)
"""
REFUSED = """
    t.sparse_coo_tensor([[-1]], [1.0], (2,), check_invariants=True)
    t.sparse_coo_tensor([[2]], [1.0], (2,), check_invariants=True)
    t.sparse_coo_tensor(t.tensor([[0, -1]]), [1.0, 2.0])
    t.sparse_coo_tensor([[0]], [1.0], (2, 2))
    t.sparse_coo_tensor([[0, 1]], [1.0], (2,))
    t.sparse_coo_tensor([0, 1], [1.0, 2.0], (2,))
    t.sparse_coo_tensor([[1, 0], [0, 0]], [1.0, 2.0], (2, 3), is_coalesced=True, check_invariants=True)
    t.sparse_csr_tensor([0, 2, 5], [0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0], check_invariants=True)
    t.sparse_csr_tensor([1, 2, 4], [0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0], check_invariants=True)
    u.values()
    u.indices()
    csr.indices()
    csr.coalesce()
    csr.is_coalesced()
    s.crow_indices()
    csr.type()
    d.indices()
    d.coalesce()
    s + 1
    s + d
    2 - s
    s / d
    t.ones(3) + s
    t.ones(2, 3).copy_(s)
    t.sparse.mm(s, d)
    t.mm(s, d)
    t.sparse.mm(s, e.double())
    t.matmul(s, t.ones(2, 3, 2))
    t.cat([s, d])
    h.transpose(0, 2)
    h.permute(2, 0, 1)
    s.reshape(3, 2)
    s.expand(2, 2, 3)
    s.norm(dim=1)
    s.numpy()
    s.long().requires_grad_()
    s.storage()
    s.data_ptr()
    s.nbytes
    s.__setitem__(0, 1)
    t.ones(2, 3, layout=t.sparse_coo)
    bool(s)
    csr.sum(0)
"""

ACCEPTED = [
    line for text in (MAKING, READING, CONVERTING, ARITHMETIC, PRODUCTS, REDUCTIONS, SHAPES) for line in lines(text)
]


@pytest.mark.parametrize("expression", ACCEPTED)
def test_prints_as_pytorch_does(expression: str) -> None:
    check(lambda t: repr(evaluated(expression, t)).replace("rushlight.", "torch."))


@pytest.mark.parametrize("expression", lines(REFUSED))
def test_refuses_in_pytorchs_words(expression: str) -> None:
    check(lambda t: repr(evaluated(expression, t)))


@pytest.mark.parametrize("name", "exp cos max argmax nonzero all cumsum flip tril view squeeze clamp".split())
def test_what_has_no_sparse_form_says_so(name: str) -> None:
    tensor = rushlight.eye(3).to_sparse()
    arguments = {"argmax": (1,), "cumsum": (0,), "flip": (0,), "view": (9,), "clamp": (0,)}.get(name, ())
    with pytest.raises(NotImplementedError, match=r"aten::.*SparseCPU.*to_dense\(\)"):
        getattr(tensor, name)(*arguments)
    with pytest.raises((NotImplementedError, RuntimeError)):  # PyTorch has none either
        getattr(torch.eye(3).to_sparse(), name)(*arguments)


@pytest.mark.parametrize(
    "call", ["rand(2)", "randn(2)", "randperm(2)", "arange(2)", "eye(2)", "linspace(0, 1, 2)", "full((2,), 1)"]
)
def test_factories_make_no_sparse_tensors_of_elements(call: str) -> None:
    name, arguments = call.removesuffix(")").split("(", 1)
    expression = f"t.{name}({arguments}, layout=t.sparse_coo)"
    with pytest.raises(RuntimeError, match=f"{name}.*is not implemented for sparse layout"):
        evaluated(expression, rushlight)
    with pytest.raises((RuntimeError, NotImplementedError)):
        evaluated(expression, torch)


def test_the_switch_of_invariants() -> None:
    switch = rushlight.sparse.check_sparse_tensor_invariants

    @switch(True)
    def inside() -> bool:
        return switch.is_enabled()

    assert not switch.is_enabled()
    with switch(), pytest.raises(RuntimeError, match="negative index -1"):
        rushlight.sparse_coo_tensor([[-1]], [1.0], (2,))
    assert inside()
    assert not switch.is_enabled()
    switch.enable()
    try:
        with pytest.raises(RuntimeError, match="crow_indices"):
            rushlight.sparse_csr_tensor([0, 2], [0], [1.0], (1, 1))
    finally:
        switch.disable()


def test_indices_that_were_not_checked_are_when_they_are_used() -> None:
    wrong = rushlight.sparse_coo_tensor([[5]], [1.0], (2,))
    with pytest.raises(IndexError, match="5"):
        wrong.to_dense().tolist()


def test_memory_is_shared_as_in_pytorch() -> None:
    def program(t: object) -> object:
        indices, values = t.tensor([[0, 1], [0, 1]]), t.tensor([1.0, 2.0])
        made = t.sparse_coo_tensor(indices, values, (2, 2))
        whole = made.coalesce()
        values[0] = 7
        whole.values().mul_(10)
        made._values()[1] = 5
        return made.to_dense(), whole.to_dense(), values

    check(program)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr], ids=str)
@pytest.mark.parametrize("name", ["mul", "sum"])
def test_samples_of_pytorchs_database(name: str, layout: torch.layout) -> None:
    """PyTorch's own samples of sparse tensors, for the functions that it has such of; batches of matrices are not there yet."""
    info = next(info for info in op_db if info.name == name)
    compared = 0
    for sample in info.sample_inputs_sparse(layout, "cpu", torch.float64):
        wanted = info.op(sample.input, *sample.args, **sample.kwargs)
        try:
            first, args, kwargs = Copier(to_subject=True)((sample.input, sample.args, sample.kwargs))
        except Unconvertible:
            continue
        got = to_oracle(getattr(rushlight, name)(first, *args, **kwargs))
        assert problem(got, wanted.detach(), Tolerances({})) is None
        compared += 1
    assert compared > 4
