"""Views: what they are, what shares memory with what, strides, and which shapes may be viewed."""

from __future__ import annotations

import pytest

from .written import check_refused, check_written, programs

# Each makes a view `v` of `x`, which is arange(24).reshape(2, 3, 4).
VIEWS = """
    x.view(-1)
    x.view(6, 4)
    x.view(2, 12)
    x.view(2, 3, 2, 2)
    x.view((4, 6))
    x.reshape(4, 6)
    x.reshape(-1, 2)
    x.reshape_as(x.new_zeros(24))
    x.view_as(x.new_zeros(4, 6))
    x.flatten()
    x.flatten(1)
    x.flatten(0, 1)
    x.flatten(start_dim=1, end_dim=2)
    x.unflatten(2, (2, 2))
    x.unflatten(-1, (2, -1))
    x.ravel()
    x[0]
    x[-1]
    x[1, 2]
    x[1, 2, 3]
    x[:, 1]
    x[..., 1]
    x[:, :, 1:3]
    x[:, ::2]
    x[:, 1:, ::3]
    x[0:1]
    x[1:1]
    x[..., None]
    x[None]
    x[:, None, 1]
    x[...]
    x[()]
    x[:]
    x[0].t()
    x[0].T
    x.mT
    x[0].H
    x.mH
    x.transpose(0, 2)
    x.transpose(-1, 0)
    x.swapaxes(0, 1)
    x.swapdims(1, 2)
    x.permute(2, 0, 1)
    x.permute((1, 2, 0))
    x.permute(-1, 0, 1)
    x.movedim(0, 2)
    x.movedim((0, 1), (1, 0))
    x.moveaxis(0, -1)
    x.adjoint()
    x.unsqueeze(0)
    x.unsqueeze(-1)
    x.unsqueeze(2)
    x[:1].squeeze()
    x[:1].squeeze(0)
    x[:1, :1].squeeze((0, 1))
    x.squeeze(0)
    x[:1].squeeze(1)
    x.narrow(2, 1, 2)
    x.narrow(0, -1, 1)
    x.select(1, 0)
    x.select(-1, -1)
    x.diagonal()
    x.diagonal(1)
    x.diagonal(-1, 1, 2)
    x.diagonal(offset=1, dim1=2, dim2=0)
    x[0].diagonal()
    x.unfold(2, 2, 1)
    x.unfold(1, 2, 1)
    x.unfold(2, 3, 2)
    x.unfold(0, 1, 1)
    x.as_strided((2, 2), (1, 12))
    x.as_strided((3,), (2,), 5)
    x.as_strided((2, 3), (4, 1), storage_offset=1)
    x[1].as_strided((2, 2), (1, 2))
    x.data
    x.detach()
    x.chunk(2, 2)[1]
    x.chunk(2)[0]
    x.chunk(3, -1)[1]
    x.split(2, 1)[0]
    x.split([1, 3], 2)[1]
    x.split((1, 1))[1]
    x.tensor_split(3, 2)[1]
    x.tensor_split((1, 3), 2)[1]
    x.hsplit(3)[1]
    x.vsplit(2)[1]
    x.dsplit(2)[1]
    x.unbind()[1]
    x.unbind(2)[3]
    x.unbind(dim=1)[0]
    list(x)[1]
    x.view(t.int32)
    x.view(t.int16)
    x[..., :2].view(t.int16)
    x[..., ::2].view(t.int32)
    x.view(t.float32)
    x.view(dtype=t.uint8)
    x.contiguous()
    x.transpose(0, 1).transpose(0, 1)
    x.transpose(0, 2)[1]
    x.permute(2, 0, 1)[1:3, :, ::2]
    x[:, 1:].transpose(0, 1)[1]
    x[1].view(-1)[::5]
    x.flatten(1)[:, 2::3]
    x.unsqueeze(1).transpose(1, 3)
    x.diagonal()[1:]
    x.unfold(2, 2, 2)[0]
    x[0].T[1]
    x.transpose(0, 1)[:, 1]
    x.expand(2, 3, 4)
    x.real
    x.narrow(1, 0, 2).select(2, 3)
    t.transpose(x, 0, 1)
    t.permute(x, (2, 1, 0))
    t.select(x, 0, 1)
    t.narrow(x, 0, 0, 1)
    t.squeeze(x[:1])
    t.unsqueeze(x, 1)
    t.reshape(x, (6, 4))
    t.flatten(x)
    t.chunk(x, 3, 2)[2]
    t.split(x, 1)[1]
    t.unbind(x, 1)[2]
    t.diagonal(x, 0, 1, 2)
    t.atleast_1d(x)
    t.atleast_2d(x[0, 0])
    t.atleast_3d(x[0])
    t.movedim(x, 0, 1)
    t.swapaxes(x, 0, 1)
    t.as_strided(x, (2,), (3,))
    t.view_as_real(t.view_as_complex(x.double().view(2, 3, 2, 2)))
    x.unsafe_chunk(2)[1]
    x.unsafe_split(1)[1]
"""


@programs(VIEWS)
def test_geometry(source):
    check_written(
        f"x = t.arange(24).reshape(2, 3, 4); v = {source}; v, v.shape, v.stride(), v.storage_offset(), v.is_contiguous()"
    )


OVERLAPPING = ("x.unfold(2, 2, 1)", "x.unfold(1, 2, 1)")  # which of two writes to one place is last is not said


@programs(VIEWS)
def test_writes_are_seen_both_ways(source):
    make = f"x = t.arange(24).reshape(2, 3, 4); v = {source}; "
    check_written(make + "v.zero_(); x, v")
    check_written(make + "x.add_(100); x, v")
    if source not in OVERLAPPING:
        check_written(make + "v += 1; x, v")
    check_written(make + "w = x[1]; v.fill_(7); x.mul_(2); w, v, x")


@programs("""
    x = t.arange(6); y = x.view(2, 3); z = y.t(); z[0, 1] = 50; y[1] += 1; x, y, z
    x = t.zeros(3, 3); x.diagonal().fill_(1); x[:, 0].add_(2); x.t()[2].mul_(3); x
    x = t.arange(4); a, b = x.split(2); a.add_(b); b.mul_(a); x, a, b
    x = t.arange(4); a, b = x.chunk(2); a[:], b[:] = b.clone(), a.clone(); x
    x = t.zeros(2, 3); [row.fill_(i) for i, row in enumerate(x)]; x
    x = t.zeros(2, 3); [row.fill_(i) for i, row in enumerate(x.unbind(1))]; x
    x = t.arange(4.0); y = x.data; y[0] = 9; x, y
    x = t.arange(4.0, requires_grad=True); x.data[0] = 9; x.detach().mul_(2); x
    x = t.arange(4.0, requires_grad=True); y = x.detach(); y[1] = 7; x, y, y.requires_grad
    x = t.arange(6).reshape(2, 3); y = x.t().contiguous(); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.t().reshape(-1); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.contiguous(); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.clone(); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.flatten(); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.t().flatten(); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x[[0, 1]]; y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x[x > 2]; y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.to(t.int64); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.to(t.float32); y[0] = 9; x
    x = t.arange(6).reshape(2, 3); y = x.to(t.int64, copy=True); y[0] = 9; x
    x = t.arange(3); y = x.expand(2, 3); x[0] = 9; y, y.stride()
    x = t.arange(3.0); y = x.view(t.int32); y[0] = 0x40000000; x
    x = t.arange(3.0); y = x.view(t.int32); x[1] = 2; y
    x = t.arange(3.0, dtype=t.float64); y = x.view(t.int16); y[3] = 0x4000; x
    x = t.zeros(2, dtype=t.complex64); x.real[0] = 1; x.imag[1] = 2; x
    x = t.zeros(2, dtype=t.complex64); y = t.view_as_real(x); y[0, 1] = 3; y[1] += 1; x, y.stride()
    x = t.zeros(2, 2); y = t.view_as_complex(x); y[0] = 1 + 2j; x
    x = t.zeros(4, dtype=t.complex64); x.real.copy_(t.arange(4)); x[1:3].imag.fill_(5); x
    x = t.zeros(2, dtype=t.complex64); x.real = t.tensor([1.0, 2.0]); x.imag = 3; x
    x = t.arange(10); y = x.unfold(0, 3, 2); x[2] = 50; y
    x = t.arange(10); y = x.unfold(0, 3, 3); y[1] = 0; x
    x = t.zeros(3, 4); x[:, 1].copy_(t.arange(3)); x[1:, 2:] = t.ones(2, 2); x
    x = t.zeros(3, 4); x.select(0, 1).fill_(1); x.narrow(1, 1, 2).add_(5); x
    x = t.zeros(2, 2); y = x[0]; z = y[1]; z += 4; w = x.t(); w[0] = 2; x, y, z
    x = t.zeros(2, 2, 2); x.transpose(0, 2).select(1, 0)[1].fill_(3); x
    x = t.arange(3); y = x[:]; y is x, y.data_ptr() == x.data_ptr()
    x = t.arange(3); x.data_ptr() == x.view(3, 1).data_ptr(), x[1:].data_ptr() - x.data_ptr(), x.clone().data_ptr() == x.data_ptr()
    x = t.arange(3); y = x[1:]; y._base is not None, x._base is None, y._is_view(), x._is_view()
    x = t.arange(4); y = x.view(2, 2); v = x._version; y.add_(1); x[0] = 3; x._version - v, y._version - v
    x = t.arange(6).view(2, 3); y = x.as_strided((3,), (2,)); y.fill_(-1); x
    x = t.arange(6).view(2, 3)[:, 1:]; y = x.as_strided((2, 2), (1, 3), 0); y[0] = 9; x, y
    x = t.zeros(5); y = x[1:4]; y.set_(t.ones(2)); x, y
    x = t.zeros(5); y = x.view(5); y.resize_(2); x, y
    x = t.zeros(3); y = x; y += 1; x is y, x
    x = t.zeros(3); y = x; y = y + 1; x
    x = t.ones(2, 2); x.t_(); x[0, 1] = 5; x
    x = t.arange(6).reshape(2, 3); x.t_(); x, x.shape, x.stride()
    x = t.arange(6).reshape(2, 3); x.unsqueeze_(0); x.squeeze_(0); x.transpose_(0, 1); x
    x = t.arange(6).reshape(1, 6); x.squeeze_(); x.swapaxes_(0, 0); x
    x = t.arange(3); x.unsqueeze_(1).shape, x.shape
    x = t.arange(8).as_strided_((2, 2), (4, 1)); x, x.stride()
    x = t.zeros(2, 3); x.T.copy_(t.arange(6).view(3, 2)); x
    x = t.zeros(4); x.view(2, 2).diagonal().add_(t.tensor([1.0, 2])); x
    x = t.eye(3); x.diagonal().mul_(2); x.diagonal(1).fill_(7); x
    x = t.arange(3); y = x.expand(2, 3).clone(); y[0] = 0; x, y
    x = t.zeros(3).expand(2, 3); x.fill_(2); x
    x = t.ones(3); y = x.view(3, 1).expand(3, 2); y.zero_(); x, y
    x = t.ones(2, requires_grad=True) * 2; y = x.unsqueeze_(0); y is x, x.shape, x.requires_grad
    x = t.ones(2, 3, requires_grad=True); y = x * 2; y.t_().mul_(t.arange(2.0)); y.sum().backward(); x.grad, y
    x = t.zeros(2, 3); y = x.unsqueeze(1).squeeze(1).view(6).view(3, 2); y[2, 1] = 1; x
    x = t.zeros(0, 3); x.view(-1, 3).shape, x.reshape(3, 0).shape, x.t().shape, x[:, 1].shape
    x = t.tensor(5); x.view(1).add_(1); x.unsqueeze(0)[0] = 9; x, x.view(()), x.view(1, 1).shape
    x = t.tensor(5); x.t(), x.flatten(), x.squeeze(), x.squeeze(0), x.expand(3), x[...], x[None]
""")
def test_aliasing(source):
    check_written(source)


@programs("""
    x = t.arange(24).reshape(2, 3, 4); x.transpose(1, 2).is_contiguous()
    x = t.arange(24).reshape(2, 3, 4).transpose(1, 2); x.contiguous().stride()
    x = t.ones(2, 3); x.contiguous() is x, x.contiguous(memory_format=t.contiguous_format) is x
    t.ones(2, 3, 4, 5).to(memory_format=t.channels_last).shape, t.ones(2, 3, 4, 5).contiguous(memory_format=t.channels_last).shape
    t.ones(2, 3).clone(memory_format=t.preserve_format), t.ones(2, 3).float(memory_format=t.preserve_format).shape
    t.ones(2, 3).stride(), t.ones(2, 3).stride(0), t.ones(2, 3).stride(-1), t.ones(()).stride(), t.ones(0, 3).stride(), t.ones(2, 0, 3).stride()
    t.ones(2, 1, 3).transpose(0, 1).is_contiguous(), t.ones(1, 3).t().is_contiguous(), t.ones(2, 3)[:, :1].is_contiguous(), t.ones(2, 3)[1:].is_contiguous()
    t.ones(2, 3).expand(4, 2, 3).stride(), t.ones(1, 3).expand(2, 3).stride(), t.ones(3).expand(2, 3).is_contiguous(), t.ones(1).expand(1).is_contiguous()
    t.ones(2, 3).element_size(), t.ones(2, 3).nbytes, t.ones(2, dtype=t.int8).itemsize, t.ones(2, 3).nelement(), t.ones(2, 3).numel(), t.numel(t.ones(4))
    t.ones(2, 3).dim(), t.ones(2, 3).ndim, t.ones(2, 3).ndimension(), t.ones(2, 3).size(), t.ones(2, 3).size(1), t.ones(2, 3).size(-1), t.ones(2, 3).size(dim=0)
    x = t.ones(2, 3, 4); x.mT.shape, x[0].T.shape, x.transpose(0, 1).contiguous().is_contiguous()
    x = t.arange(12).reshape(3, 4)[:, ::2]; x.view(6), x.reshape(6), x.stride(), x.flatten()
    x = t.arange(12).reshape(3, 4).t(); x.reshape(2, 6), x.reshape(12), x.view(4, 3), x.view(2, 2, 3).stride()
    x = t.arange(12).reshape(3, 4)[1:]; x.view(-1), x.view(-1).storage_offset(), x.view(4, 2).stride()
    x = t.arange(3).expand(4, 3); x.view(2, 2, 3).stride(), x.reshape(12)
    t.arange(6).view(2, 3).t().storage_offset(), t.arange(6)[2:].storage_offset(), t.arange(6)[2:][1:].storage_offset(), t.arange(6).view(2, 3)[1, 1].storage_offset()
    t.ones(2).is_same_size(t.zeros(2)), t.ones(2).is_same_size(t.zeros(3))
    t.arange(24).reshape(2, 3, 4).permute(2, 0, 1).stride(), t.empty_like(t.ones(2, 3)).stride()
    t.arange(10).chunk(3), t.arange(10).chunk(4), t.arange(3).chunk(5), t.arange(10).split(4), t.arange(10).split([3, 3, 4])
    t.arange(10).tensor_split(3), t.arange(10).tensor_split([2, 5]), t.arange(10).tensor_split(t.tensor([2, 5])), t.arange(2).tensor_split(4)
    t.arange(12).reshape(2, 6).hsplit([1, 3]), t.arange(4).hsplit(2), t.arange(0).chunk(2), t.arange(0).split(2)
    t.arange(4).unbind(), t.ones(0, 2).unbind(), t.ones(2, 0).unbind()
    x = t.arange(6); x.view(2, -1).shape, x.view(-1, 1, 6).shape, x.reshape(t.Size([3, 2])).shape, x.view(np.int64(2), 3).shape
    t.block_diag(t.ones(1, 1)).shape, t.ones(2, 3).flip(0).stride(), t.ones(2, 3).rot90().shape, t.ones(2, 3).roll(1, 0).shape
    t.arange(4).flip(0), t.arange(6).view(2, 3).flip(0, 1), t.arange(6).view(2, 3).fliplr(), t.arange(6).view(2, 3).flipud(), t.arange(4).roll(1), t.arange(4).roll(-1)
    t.arange(4).repeat(2), t.arange(4).repeat(2, 1), t.arange(2).repeat_interleave(2), t.arange(2).tile(3), t.arange(2).tile((2, 2)), t.arange(2).repeat_interleave(t.tensor([1, 3]))
""")
def test_layout(source):
    check_written(source)


@programs("""
    t.ones(2, 3).t().view(6)
    t.arange(12).reshape(3, 4)[:, :3].view(9)
    t.ones(4)[1:3].view(t.float64)
    t.ones(3, 3)[:, :2].view(t.float64)
    t.ones(2, 2, 2).H
    t.view_as_complex(t.ones(2, 3)[:, :2])
    t.view_as_complex(t.ones(5)[1:].view(2, 2))
    t.ones(2, 3).view(5)
    t.ones(2, 3).view(-1, -1)
    t.ones(2, 3).view(-1, 4)
    t.ones(2, 3).view(-2, 3)
    t.ones(2, 3).reshape(5)
    t.ones(2, 3).reshape(-1, -1)
    t.ones(2, 3).reshape(4, -1)
    t.ones(0).view(-1, 0)
    t.ones(2, 3).view()
    t.ones(2, 3).view('a')
    t.ones(2, 3).view(2.0, 3)
    t.ones(3).view(t.float64)
    t.ones(4)[::2].view(t.float64)
    t.ones(2, 3).t().view(t.int16)
    t.ones(2, 3).transpose(0, 2)
    t.ones(2, 3).transpose(0)
    t.ones(2, 3, 4).t()
    t.ones(2, 3).permute(0)
    t.ones(2, 3).permute(0, 0)
    t.ones(2, 3).permute(0, 2)
    t.ones(2, 3).movedim(0, 5)
    t.ones(2, 3).movedim((0, 1), (0,))
    t.ones(2, 3).unsqueeze(4)
    t.ones(2, 3).squeeze(3)
    t.ones(2, 3).select(0, 2)
    t.ones(2, 3).select(2, 0)
    t.tensor(1).select(0, 0)
    t.ones(2, 3).narrow(1, 2, 2)
    t.ones(2, 3).narrow(1, 0, -1)
    t.ones(2, 3).narrow(1, 4, 0)
    t.ones(2, 3).diagonal(0, 0, 0)
    t.ones(3).diagonal()
    t.ones(3).unfold(0, 4, 1)
    t.ones(3).unfold(0, 2, 0)
    t.ones(3).unfold(0, -1, 1)
    t.ones(3).unfold(1, 1, 1)
    t.ones(3).as_strided((2, 2), (2, 1))
    t.ones(3).as_strided((2,), (1, 1))
    t.ones(3).as_strided((2,), (-1,))
    t.ones(3).as_strided((-1,), (1,))
    t.ones(3).as_strided((4,), (1,), 0)
    t.ones(3).as_strided((1,), (1,), 3)
    t.ones(4).split(-1)
    t.ones(4).split([1, 2])
    t.ones(4).split([1, 4])
    t.ones(4).split(2, 1)
    t.ones(4).split(0)
    t.ones(4).chunk(0)
    t.ones(4).chunk(-1)
    t.tensor(1).chunk(2)
    t.tensor(1).split(1)
    t.tensor(1).unbind()
    t.ones(4).unbind(1)
    t.ones(4).hsplit(3)
    t.ones(4).vsplit(2)
    t.ones(2, 2).dsplit(2)
    t.ones(4).tensor_split(0)
    t.ones(2, 3).flatten(1, 0)
    t.ones(2, 3).flatten(0, 2)
    t.ones(4).unflatten(0, (3, 2))
    t.ones(4).unflatten(0, ())
    t.ones(4).unflatten(1, (2, 2))
    t.ones(2, 3).expand(-1)
    t.ones(2, 3).expand(-1, 2, 3)
    t.ones(2, 3).expand(2, 4)
    t.ones(3).expand(2, 3).add_(1)
    t.ones(1).expand(3).mul_(2)
    t.ones(2, requires_grad=True).unsqueeze_(0)
    t.ones(2, 2).vsplit(3)
    t.ones(4).imag
    t.ones(3).H
    t.ones(3).mT
    t.ones(3).mH
    t.view_as_complex(t.ones(3))
    t.view_as_complex(t.ones(2, 3).t())
    t.view_as_complex(t.ones(2, 2, dtype=t.int64))
    t.view_as_real(t.ones(2))
    t.ones(2, 3).size(2)
    t.ones(2, 3).stride(2)
    t.ones(2, 3).flip(2)
    t.ones(2, 3).flip(0, 0)
    t.ones(2, 3).roll((1, 2), 0)
    t.ones(2, 3).repeat(2)
    t.ones(2, 3).tile(-1)
    t.ones(3).repeat_interleave(t.tensor([1, 2]))
    t.ones(3).repeat_interleave(-1)
    t.ones(2, 3).unsqueeze('a')
    t.ones(2, 3).transpose('a', 0)
    t.ones(3, requires_grad=True)[0].add_(1)
    t.ones(3, requires_grad=True).view(3).zero_()
    t.ones(3, requires_grad=True).view(3).detach_()
    t.ones(3).view(3).requires_grad_().view(1, 3).detach_()
    t.cat([])
    t.cat([t.ones(2, 3), t.ones(3, 2)])
    t.cat([t.ones(2), t.ones(2, 2)])
    t.cat([t.tensor(1), t.tensor(2)])
    t.cat([t.ones(2), 3])
    t.cat(t.ones(2))
    t.cat([t.ones(2)], 1)
    t.stack([])
    t.stack([t.ones(2), t.ones(3)])
    t.stack([t.ones(2)], 2)
    t.hstack([t.ones(2), t.ones(2, 2)])
    t.vstack([t.ones(2), t.ones(3)])
    t.stack([t.ones(2), 3])
    t.ones(2, 3).squeeze((0, 0))
    t.ones(2, 3).resize_(-1)
""")
def test_refused(source):
    check_refused(source)


@programs("""
    t.ones(2, 3).t().view(6)
    t.ones(2, 3).view(5)
    t.ones(2, 3).view(-1, -1)
    t.ones(2, 3).view(-1, 4)
    t.ones(2, 3).reshape(5)
    t.ones(2, 3).transpose(0, 2)
    t.ones(2, 3, 4).t()
    t.ones(2, 3).permute(0)
    t.ones(2, 3).unsqueeze(4)
    t.ones(2, 3).select(0, 2)
    t.ones(2, 3).narrow(1, 2, 2)
    t.ones(3).unfold(0, 4, 1)
    t.ones(3).as_strided((4,), (1,), 0)
    t.ones(4).split([1, 2])
    t.ones(4).chunk(0)
    t.ones(3).expand(2, 3).add_(1)
    t.ones(4).imag
    t.cat([])
    t.cat([t.ones(2, 3), t.ones(3, 2)])
    t.cat([t.ones(2), t.ones(2, 2)])
    t.stack([t.ones(2), t.ones(3)])
    t.stack([])
    t.ones(3, requires_grad=True)[0].add_(1)
    t.ones(2, 3).size(2)
    t.ones(4).unflatten(0, (3, 2))
    t.ones(2, 3).flatten(1, 0)
""")
def test_error_texts(source):
    check_written(source)


@pytest.mark.parametrize("shape", ["(2, 3)", "(1, 3)", "(3, 1)", "(0, 2)", "()", "(2, 1, 3)"])
@pytest.mark.parametrize("target", ["(6,)", "(3, 2)", "(-1,)", "(1, -1)", "(3,)", "(0,)", "(2, 3, 1)", "(1, 1)", "()"])
def test_view_and_reshape_of_many_shapes(shape, target):
    for method in ("view", "reshape"):
        for before in ("", ".transpose(0, -1)" if shape != "()" else "", "[..., ::2]"):
            program = f"n = {shape}; x = t.arange(int(np.prod(n))).reshape(n){before}; v = x.{method}({target}); v, v.stride()"
            check_view(program)


def check_view(program):
    """The same values and strides; where it is refused, the same class of error."""
    try:
        check_written(program)
    except AssertionError as difference:
        if "is not RuntimeError" not in str(difference):
            raise
        check_refused(program)
