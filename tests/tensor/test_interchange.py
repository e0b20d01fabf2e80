"""Tensors and the rest of Python: NumPy, DLPack, copies, pickles, numbers, devices, sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rushlight

from .written import check_refused, check_written, programs


@programs("""
    x = t.arange(4.0); a = x.numpy(); a[0] = 9; x, a
    x = t.arange(4.0); a = x.numpy(); x[1] = 9; x.add_(1); a
    x = t.arange(4.0); a = x.numpy(); y = x * 2; a += 1; y, x
    x = t.arange(4.0); a = x[1:3].numpy(); a[:] = 0; x
    x = t.arange(6).reshape(2, 3); a = x.t().numpy(); a[0, 1] = 50; x, a.shape, a.strides
    x = t.arange(6).reshape(2, 3); a = x.numpy(); b = x[0].numpy(); b[:] = -1; x += 1; a, b
    x = t.arange(4.0); y = x.view(2, 2); a = y.numpy(); x.zero_(); a
    x = t.arange(4.0); a = x.numpy(); b = x.numpy(); a[0] = 5; b
    x = t.arange(4.0); a = np.asarray(x); a[0] = 5; x
    x = t.arange(4.0); a = np.array(x); a[0] = 5; x
    x = t.arange(4.0); np.asarray(x, dtype=np.float64), np.array(x, dtype=int), np.asarray(x.bool())
    x = t.arange(4.0); x.numpy().dtype, x.half().numpy(), x.long().numpy(), x.cfloat().numpy(), x.bool().numpy(), x.to(t.uint8).numpy()
    x = t.tensor(3.0); a = x.numpy(); a.shape, float(a), x.add_(1), a
    t.zeros(0, 3).numpy().shape, t.ones(2).expand(3, 2).numpy(), t.ones(2, 3)[..., 0].numpy()
    t.ones(2, requires_grad=True).detach().numpy(), t.ones(2, requires_grad=True).numpy(force=True), t.ones(2).numpy(force=True)
    t.ones(2, requires_grad=True).data.numpy(), t.nn.Parameter(t.ones(2)).detach().numpy()
    a = np.arange(3.0); x = t.from_numpy(a); b = x.numpy(); b[0] = 7; a, x, np.shares_memory(a, b)
    a = np.arange(3.0); x = t.from_numpy(a); x.add_(1); x[0] = 5; x.copy_(t.tensor([1.0, 2, 3])); x.mul_(x); a
    a = np.zeros((2, 3)); x = t.from_numpy(a); x[:, 1] = 4; x.t()[2] += 1; x[x > 3] = 0; a
    np.add(t.ones(2), np.ones(2)), np.multiply(t.arange(3.0), 2), np.exp(t.zeros(2)), np.sqrt(t.tensor(4.0))
    t.ones(2) + np.ones(2), type(t.ones(2) + np.ones(2)).__name__
    t.ones(2, dtype=t.float64) * np.array([2.0, 3])
    np.linalg.norm(t.ones(4)), np.dot(t.ones(2), t.ones(2))
    np.concatenate([t.ones(2), t.zeros(1)]), np.stack([t.ones(2), t.zeros(2)]), np.isnan(t.tensor([float('nan'), 1.0])), np.allclose(t.ones(2), t.ones(2))
    np.float32(2) * t.ones(2), np.float64(2) * t.ones(2), t.ones(2) * np.float32(2), np.int64(3) + t.arange(2)
    np.testing.assert_array_equal(t.ones(2), np.ones(2)), np.array([t.tensor(1), t.tensor(2)]), np.array([t.tensor(1.5)]).dtype
    list(np.array(t.arange(3))), float(np.asarray(t.tensor(2.5))), np.where(t.tensor([True, False]), 1, 2), np.arange(3)[t.tensor([0, 2])], np.zeros((2, 3))[t.tensor(1)]
    np.sin(t.zeros(2)), np.modf(t.tensor([1.5])), np.greater(t.arange(3), 1), np.add.reduce(t.ones(3)), np.add(t.ones(2, dtype=t.int32), 1)
    [1, 2, 3][t.tensor(1)], 'abc'[t.tensor(2)], range(t.tensor(3)), list(range(5))[t.tensor(1):t.tensor(3)]
    a = np.arange(3.0); x = t.from_dlpack(a); x[0] = 5; a, x
    x = t.arange(3.0); a = np.from_dlpack(x); x, a
    x = t.arange(3.0); y = t.from_dlpack(x); y[0] = 5; x
    x = t.arange(3.0); y = t.utils.dlpack.from_dlpack(t.utils.dlpack.to_dlpack(x)); y[1] = 4; x
    x = t.arange(6).reshape(2, 3).t(); y = np.from_dlpack(x); y, y.strides
    t.from_dlpack(np.arange(3, dtype='int32')).dtype, t.from_dlpack(np.ones((2, 2), dtype='float64')), t.ones(2).__dlpack_device__()[1]
""")
def test_numpy(source):
    check_written(source)


def test_dlpack_with_pytorch():
    ours = rushlight.arange(6.0).reshape(2, 3)
    theirs = torch.from_dlpack(ours)
    theirs[0, 0] = 50
    assert ours[0, 0].item() == 50
    given = torch.arange(4, dtype=torch.int32)
    taken = rushlight.from_dlpack(given)
    taken[1] = 7
    assert given[1].item() == 7 and taken.dtype is rushlight.int32
    assert np.array_equal(taken.numpy(), given.numpy())


@programs("""
    t.ones(2, requires_grad=True).numpy()
    np.asarray(t.ones(2, requires_grad=True))
    t.ones(2).bfloat16().numpy()
    t.from_dlpack(3)
    None in t.ones(2)
    np.exp(t.ones(2, requires_grad=True))
    np.from_dlpack(t.ones(2, requires_grad=True))
    t.ones(2).item()
    t.ones(0).item()
    float(t.ones(2))
    int(t.ones(2))
    complex(t.ones(2))
    bool(t.ones(2))
    bool(t.ones(0))
    len(t.tensor(1))
    list(t.tensor(1))
    for_each = [v for v in t.tensor(1)]; for_each
    range(t.tensor(1.5))
    [1, 2][t.tensor(1.0)]
    [1, 2][t.tensor([0, 1])]
    operator.index(t.tensor(1.0))
    int(t.tensor(1j))
    float(t.tensor(1j))
    int(t.tensor(float('nan')))
    int(t.tensor(float('inf')))
    'a' in t.ones(2)
    format(t.ones(2), '.2f')
    if_many = 1 if t.ones(2) > 0 else 0; if_many
    t.ones(2) and 1
    not t.ones(2)
    copy.deepcopy(t.ones(2, requires_grad=True) * 2)
    t.device('bogus')
    t.device('cuda:x')
    t.device('cpu', 'a')
    t.device(1.5)
    t.device()
    t.Size(3)
    t.Size(['a'])
    t.Size([1.5])
    t.equal(t.ones(2), 3)
    t.allclose(t.ones(2), t.ones(3))
    t.allclose(t.ones(2), t.ones(2).double())
    t.ones(2).to('bogus')
    t.ones(2).type('bogus')
    t.ones(2).to(dtype='float32')
    t.ones(2).not_a_method()
    t.ones(2).not_an_attribute
    hash([t.ones(2)])
    t.ones(2)()
    iter(t.tensor(3))
    t.is_nonzero(t.ones(2))
    t.is_nonzero(t.ones(0))
""")
def test_refused(source):
    check_refused(source)


@programs("""
    x = t.arange(3.0); y = copy.copy(x); y is x, y
    x = t.arange(3.0); y = copy.deepcopy(x); y[0] = 5; x, y
    x = t.arange(3.0, requires_grad=True); y = copy.deepcopy(x); y.requires_grad, y.is_leaf, y
    x = t.nn.Parameter(t.ones(2)); y = copy.deepcopy(x); type(y) is t.nn.Parameter, y.requires_grad, y
    x = t.ones(2, requires_grad=True); (x * 3).sum().backward(); y = copy.deepcopy(x); y.grad, y.grad is x.grad
    x = t.arange(6)[1:4]; y = copy.deepcopy(x); y, y.stride()
    x = t.arange(4); d = {'a': x, 'b': [x, x[1:]]}; e = copy.deepcopy(d); e['a'][0] = 9; e['a'] is e['b'][0], e, x
    x = t.arange(3.0); x.note = 'kept'; y = copy.deepcopy(x); y.note
    x = t.arange(3.0); y = pickle.loads(pickle.dumps(x)); y[0] = 5; x, y
    x = t.arange(3.0, requires_grad=True); y = pickle.loads(pickle.dumps(x)); y, y.requires_grad, y.is_leaf
    x = t.nn.Parameter(t.ones(2), requires_grad=False); y = pickle.loads(pickle.dumps(x)); type(y) is t.nn.Parameter, y.requires_grad
    x = t.ones(2, requires_grad=True) * 2; y = pickle.loads(pickle.dumps(x)); y, y.requires_grad, y.is_leaf
    x = t.arange(3.0); x.note = [1]; y = pickle.loads(pickle.dumps(x)); y.note
    [pickle.loads(pickle.dumps(t.ones(2, dtype=d))).dtype for d in (t.bfloat16, t.float16, t.bool, t.complex64, t.int8)]
    x = t.arange(6).reshape(2, 3).t(); pickle.loads(pickle.dumps(x)), copy.deepcopy(x)
    pickle.loads(pickle.dumps((t.float32, t.device('cpu'), t.Size([2, 3]))))
    pickle.loads(pickle.dumps(t.tensor(3))), pickle.loads(pickle.dumps(t.zeros(0, 3))).shape, [pickle.loads(pickle.dumps(t.ones(2), protocol=p)) for p in (2, 3, 4, 5)]
    copy.deepcopy(t.device('cuda:1')), copy.deepcopy(t.Size([1])), copy.copy(t.float32) is t.float32
""")
def test_copies_and_pickles(source):
    check_written(source)


@programs("""
    t.tensor(3).item(), t.tensor([2.5]).item(), t.tensor([[True]]).item(), t.tensor(1j).item(), t.tensor(0.1, dtype=t.float16).item(), t.tensor(1.1, dtype=t.bfloat16).item()
    type(t.tensor(3).item()).__name__, type(t.tensor(3, dtype=t.uint8).item()).__name__, type(t.tensor(True).item()).__name__, type(t.tensor(3.0).item()).__name__
    t.tensor([[1, 2], [3, 4]]).tolist(), t.tensor(3).tolist(), t.tensor([]).tolist(), t.zeros(2, 0).tolist(), t.tensor([True]).tolist(), t.tensor([1.1], dtype=t.bfloat16).tolist()
    int(t.tensor(3.7)), int(t.tensor(-3.7)), float(t.tensor(3)), bool(t.tensor(0)), bool(t.tensor([[1]])), complex(t.tensor(1.5)), int(t.tensor([5])), int(t.tensor(1 + 0j)), bool(t.tensor(float('nan')))
    operator.index(t.tensor(3)), operator.index(t.tensor([3])), operator.index(t.tensor(True)), round(t.tensor(2.6)), abs(t.tensor(-2))
    len(t.ones(3, 2)), len(t.ones(0)), [x.item() for x in t.arange(3)], [x.shape for x in t.ones(2, 3)]
    3 in t.arange(5), t.ones(2) in t.ones(3, 2), 1j in t.ones(2), 7 in t.arange(5), t.tensor(2) in t.arange(3), 1.5 in t.tensor([1.5]), True in t.tensor([1])
    f'{t.tensor(3.14159):.2f}', f'{t.tensor(3):5d}', f'{t.tensor(2.5)}', f'{t.ones(2)}', '%.3f' % t.tensor(1.5), '{:e}'.format(t.tensor(12.0)), str(t.tensor(1)), f'{t.tensor([1.0])}'
    x, y = t.ones(2), t.ones(2); hash(x) == hash(x), hash(x) == hash(y), x in [x], len({x, y}), {x: 1}[x]
    (t.ones(2) == t.ones(2)), t.ones(2) == 1, t.ones(2) == None, t.ones(2) != None, t.ones(2) == 'a', t.ones(2) != 'a', t.ones(2) is None
    a, b = t.tensor([1, 2]); (a, b), max(t.tensor([3, 1])), min(t.tensor([3, 1])), sum(t.tensor([3, 1])), sorted(t.tensor([3, 1, 2]))
    t.equal(t.ones(2), t.ones(2)), t.equal(t.ones(2), t.ones(3)), t.ones(2).equal(t.zeros(2)), t.equal(t.zeros(0), t.zeros(0))
    t.allclose(t.ones(2), t.ones(2) + 1e-9), t.allclose(t.tensor([1.0]), t.tensor([1.1]), rtol=0.2), t.allclose(t.tensor([float('nan')]), t.tensor([float('nan')])), t.allclose(t.tensor([float('nan')]), t.tensor([float('nan')]), equal_nan=True)
    t.isclose(t.tensor([1.0, 2]), t.tensor([1.0, 2.1])), t.isclose(t.tensor([float('inf')]), t.tensor([float('inf')])), t.tensor([1, 2]).isclose(t.tensor([1, 3]), atol=1)
    t.ones(2).to(t.int64), t.ones(2).to('cpu'), t.ones(2).to(t.device('cpu'), t.float64), t.ones(2).to(t.zeros(1, dtype=t.int8)), t.ones(2).to('cpu', t.int32), t.ones(2).to(dtype=t.bool, copy=True)
    x = t.ones(2); x.to(t.float32) is x, x.to('cpu') is x, x.float() is x, x.cpu() is x, x.to(t.float32, copy=True) is x, x.type(t.float32) is x, x.type_as(x) is x, x.contiguous() is x
    [getattr(t.tensor([0, 1, 200]), n)() for n in ('float', 'double', 'half', 'bfloat16', 'int', 'long', 'short', 'char', 'byte', 'bool', 'cfloat', 'cdouble')]
    t.ones(2).is_cuda, t.ones(2).is_cpu, t.ones(2).device, t.ones(2).get_device(), repr(t.ones(2).layout), t.ones(2).is_sparse, t.ones(2).is_quantized, t.ones(2).is_meta, t.ones(2).is_pinned(), t.ones(2).requires_grad
    repr(t.device('cpu')), repr(t.device('cuda')), repr(t.device('cuda:1')), repr(t.device('cuda', 0)), str(t.device('cuda:1')), t.device('cuda:1').index, t.device('cpu').index, t.device('cuda').type, t.device(t.device('cpu')), repr(t.device(type='cuda', index=2))
    t.device('cpu') == t.device('cpu'), t.device('cuda') == t.device('cuda:0'), t.device('cpu') == 'cpu', t.device('cpu') != t.device('cuda'), hash(t.device('cpu')) == hash(t.device('cpu')), t.ones(2).device == t.device('cpu'), len({t.device('cpu'), t.device('cpu')})
    repr(t.strided), repr(t.contiguous_format), repr(t.channels_last), repr(t.preserve_format), str(t.sparse_coo)
    s = t.Size([2, 3, 4]); s[0], s[1:], s[-1], type(s[1:]).__name__, s + (5,), type(s + (5,)).__name__, (1,) + s, s * 2, s.numel(), len(s), list(s), tuple(s), s == (2, 3, 4), s == [2, 3, 4], hash(s) == hash((2, 3, 4)), repr(s), 3 in s, s.index(3), s.count(2)
    t.Size([]), t.Size(()), t.Size([]).numel(), t.Size((1, 2)), t.Size(t.Size([3])), t.Size(x for x in [1, 2]), t.Size([np.int64(3)]), t.Size([t.tensor(2)]), isinstance(t.Size([1]), tuple), t.ones(2, 3).shape == t.Size([2, 3]), [*t.ones(2, 3).shape], t.Size() == ()
    a, b = t.ones(2, 3).shape; a, b, type(a).__name__, t.ones(2, 3).size(0) * 2, t.zeros(t.ones(2, 3).shape[1:]), t.ones(2, 3).shape.numel(), '%s' % (t.ones(2).shape,), f'{t.ones(2, 3).shape}'
    t.is_nonzero(t.tensor([1.5])), t.is_nonzero(t.tensor(0)), t.numel(t.ones(2, 3)), t.is_tensor([1]), t.is_complex(t.ones(2)), t.is_storage(3)
    x = t.ones(2); hasattr(x, 'bogus'), getattr(x, 'bogus', 5), x.__class__.__name__, type(x).__name__
    x = t.ones(2); x.extra = 5; x.extra, x.__dict__, hasattr(x.clone(), 'extra'), hasattr(x[:], 'extra')
    t.ones(2).__array_priority__, t.ones(2).T, t.ones(2).ndim, t.ones(2).data_ptr() != 0, t.ones(2).is_shared(), t.ones(2).grad, t.ones(2).grad_fn, t.ones(2).is_leaf, t.ones(2)._version
    t.typename(t.ones(2)), t.typename(3), t.ones(2).type(), t.nn.Parameter(t.ones(2)).type(), repr(t.nn.Parameter(t.ones(2))), repr(t.nn.Parameter(t.ones(2), requires_grad=False))
    t.e, t.pi, t.inf, t.nan != t.nan, t.newaxis is None, -t.inf
""")
def test_python(source):
    check_written(source)


@pytest.mark.parametrize(
    "use", ["t.ones(2, device='cuda')", "t.ones(2).to('cuda')", "t.ones(2).cuda()", "t.tensor([1], device='cuda:1')"]
)
def test_cuda_is_refused_and_the_way_out_named(use):
    with pytest.raises(RuntimeError, match="computes on the CPU.*device='cpu'"):
        eval(use, {"t": rushlight})


def test_a_leaf_whose_memory_numpy_shares_while_a_graph_holds_it() -> None:
    w = rushlight.ones(2, requires_grad=True)
    kept = (w * 3).sum()
    kept.item()
    w.data.numpy()[:] = 5
    again = (w * 3).sum()
    assert again.item() == 30
    (again + kept).backward()
    assert w.grad.tolist() == [6.0, 6.0]


COPIES = """
c.clone(); c.detach().clone(); c.view(2, 2).clone(); c[1:].clone(); t.stack([c]); t.cat([c]); c.repeat(1); c.to(c.dtype, copy=True)
t.empty(4).copy_(c); c.expand(2, 4).clone(); t.flip(t.flip(c, (0,)), (0,)); c.clone().requires_grad_().clone(); c.contiguous(); c.view(2, 2)
"""


@pytest.mark.parametrize("source", [one.strip() for line in COPIES.strip().splitlines() for one in line.split(";")])
def test_a_copy_of_shared_memory_is_a_copy(source: str) -> None:
    """What NumPy writes later is seen by views of its memory, and by nothing else."""

    def program(t):
        array = np.arange(4, dtype=np.float32)
        c = t.from_numpy(array)
        result = eval(source, {"t": t, "c": c})
        array[:] = 9
        return result

    assert program(rushlight).tolist() == program(torch).tolist()
