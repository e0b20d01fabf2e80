"""Making tensors: from data, shapes and ranges, by constructors, on shared memory."""

from __future__ import annotations

import pytest

from .written import check_refused, check_written, programs

DTYPES = [
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "bool",
]
UNSIGNED = ["uint16", "uint32", "uint64"]
CONSTRUCTORS = ["Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"]


@programs("""
    t.tensor([])
    t.tensor([[], []])
    t.tensor([[[]]])
    t.tensor(())
    t.tensor(3)
    t.tensor(3.5)
    t.tensor(True)
    t.tensor(1 + 2j)
    t.tensor([1, 2.5])
    t.tensor([1, True])
    t.tensor([True, 0.5])
    t.tensor([True, False])
    t.tensor([1, 2j])
    t.tensor([1.5, 2j])
    t.tensor((1, 2, 3))
    t.tensor([(1, 2), [3, 4]])
    t.tensor(range(5))
    t.tensor([range(3), range(3)])
    t.tensor([[1], [2.0]])
    t.tensor(2**62)
    t.tensor(-2**63)
    t.tensor(2**63 - 1)
    t.tensor([2**40, 1])
    t.tensor(1e300)
    t.tensor(1e300, dtype=t.float64)
    t.tensor([float('nan'), float('inf'), -float('inf')])
    t.tensor([1.9, -1.9], dtype=t.int32)
    t.tensor([1, 0, 2], dtype=t.bool)
    t.tensor([0.5, 0.0, float('nan')], dtype=t.bool)
    t.tensor([1, 2], dtype=t.float16)
    t.tensor([1.0009765625, 1e5], dtype=t.bfloat16)
    t.tensor([1, 2], dtype=t.complex64)
    t.tensor(3, dtype=t.uint8)
    t.tensor(1.5, requires_grad=True)
    t.tensor([1.0, 2.0], requires_grad=True, dtype=t.float64)
    t.tensor([t.tensor(1), t.tensor(2)])
    t.tensor([t.tensor(1.5), 2])
    t.tensor([t.tensor(1.5, dtype=t.float64), 2])
    t.tensor([t.tensor([1]), t.tensor([2])])
    t.tensor([t.tensor(1, dtype=t.int8), t.tensor(2, dtype=t.int8)])
    t.tensor([np.float64(1.5), np.float64(2)])
    t.tensor([np.float32(1.5), 2])
    t.tensor([np.int32(1), np.int64(2)])
    t.tensor([np.bool_(True)])
    t.tensor(np.float64(1.5))
    t.tensor(np.float32(1.5))
    t.tensor(np.int16(3))
    t.tensor(np.bool_(True))
    t.tensor([np.array([1, 2]), np.array([3, 4])])
    t.tensor([np.array([1.0, 2]), np.array([3.0, 4])])
    t.tensor(np.zeros((0, 3)))
    t.tensor(np.array(5))
    t.tensor(t.tensor([1, 2]), dtype=t.float32)
    t.tensor([[True, 1], [2, 3]])
    t.tensor(np.arange(6).reshape(2, 3).T)
    t.tensor(np.arange(6)[::-1].copy())
    t.tensor(np.arange(6)[::-1])
    t.tensor([1, 2], device='cpu')
    t.tensor([1, 2], device=t.device('cpu'))
    t.tensor([1, 2], pin_memory=False)
    t.tensor([[t.tensor([1])], [t.tensor([[2]])]])
    t.tensor([1, t.tensor([2])])
    t.tensor([[], [1]])
    t.tensor(-1, dtype=t.uint8)
    t.tensor([-1, -200], dtype=t.uint8)
    t.tensor(2**63, dtype=t.uint64)
    t.tensor(2**63, dtype=t.float32)
    t.tensor([2**64, 1.5])
    t.tensor([2**70], dtype=t.bool)
    t.tensor([1j], dtype=t.bool)
    t.tensor(np.array([300]), dtype=t.uint8)
    t.tensor(np.array([1j]), dtype=t.float32)
    t.tensor(70000.0, dtype=t.float16)
    t.tensor(bytearray(b'ab'))
""")
def test_from_data(source):
    check_written(source)


@pytest.mark.parametrize("name", [*DTYPES, *UNSIGNED])
def test_arrays_of_every_dtype(name):
    for values in ("[0, 1, 2]", "[[1, 0]]", "5"):
        check_written(f"t.tensor(np.array({values}, dtype='{name}'))")
        check_written(f"t.as_tensor(np.array({values}, dtype='{name}'))")
        check_written(f"t.from_numpy(np.array({values}, dtype='{name}'))")
        check_written(f"t.tensor({values}, dtype=t.{name})")
        check_written(f"t.tensor(np.array({values}, dtype='{name}'), dtype=t.float32)")


@programs("""
    t.tensor([[1, 2], [3]])
    t.tensor([[1], 2])
    t.tensor([1, [2]])
    t.tensor([[1, 2], [3, 4, 5]])
    t.tensor([[[1]], [[2, 3]]])
    t.tensor(None)
    t.tensor([None])
    t.tensor('a')
    t.tensor(['a'])
    t.tensor(['a', 1])
    t.tensor({1: 2})
    t.tensor({1, 2})
    t.tensor(object())
    t.tensor([object()])
    t.tensor(2**63)
    t.tensor([2**64])
    t.tensor(-2**63 - 1)
    t.tensor([1, 2], requires_grad=True)
    t.tensor([True], requires_grad=True)
    t.tensor(np.array(['a', 'b']))
    t.tensor(np.array([1, None]))
    t.tensor(np.array([1.5], dtype='longdouble'))
    t.tensor(1j, dtype=t.float32)
    t.tensor([1j], dtype=t.int64)
    t.tensor(300, dtype=t.uint8)
    t.tensor([300, 1], dtype=t.uint8)
    t.tensor(-300, dtype=t.uint8)
    t.tensor(1e10, dtype=t.int32)
    t.tensor(float('nan'), dtype=t.int64)
    t.tensor([float('inf')], dtype=t.int32)
    t.tensor(b'ab')
    t.tensor([None], dtype=t.float32)
    t.tensor([t.tensor([1, 2]), t.tensor([2, 3])])
    t.tensor([t.tensor([])])
    t.tensor([[1.0], 2])
    t.tensor([1.0, [2]])
    t.tensor([np.array([1, 2]), np.array([3])])
    t.Tensor(True)
    t.sin([1])
    t.is_floating_point(3)
    t.ones(2).sum(dtype='int')
    t.tensor([1, 2, 3], dtype='float32')
    t.tensor()
    t.tensor(1, 2)
    t.tensor([1], bogus=3)
    t.tensor([1], device='nowhere')
    t.from_numpy([1, 2])
    t.from_numpy(np.arange(3)[::-1])
    t.from_numpy(np.array(['a']))
    t.from_numpy(np.array([1.5], dtype='>f4'))
    t.as_tensor(np.arange(3)[::-1])
    t.frombuffer(b'', dtype=t.uint8)
    t.frombuffer(bytearray(8), dtype=t.int32, offset=8)
    t.frombuffer(bytearray(8), dtype=t.int32, offset=3)
    t.frombuffer(bytearray(8), dtype=t.int32, count=3)
    t.frombuffer(bytearray(8), dtype=t.int32, count=0)
    t.frombuffer(bytearray(8))
    t.frombuffer([1, 2], dtype=t.uint8)
    t.zeros(-1)
    t.zeros(2, -3)
    t.zeros(2.0)
    t.zeros('a')
    t.zeros((2, 2.5))
    t.zeros(None)
    t.ones(2, dtype=int, bogus=1)
    t.full((2,), None)
    t.full(2, 1)
    t.full((2,), 1e5, dtype=t.uint8)
    t.full((2,), 1j, dtype=t.float32)
    t.full((-1,), 1)
    t.arange()
    t.arange(0, 5, 0)
    t.arange(5, 0)
    t.arange(0, 5, -1)
    t.arange(float('nan'))
    t.arange(0, float('inf'))
    t.arange('a')
    t.arange(1, 2, 3, 4)
    t.linspace(0, 1, -1)
    t.linspace(0, 1)
    t.linspace(0, 1, 2.5)
    t.linspace('a', 1, 3)
    t.logspace(0, 1, -1)
    t.eye(-1)
    t.eye(2, -1)
    t.eye(2.5)
    t.empty_strided((2, 3), (1,))
    t.empty_strided((2, 3), (-1, 1))
    t.zeros_like([1, 2])
    t.ones_like(3)
    t.zeros(2).new_zeros(-1)
    t.zeros(2).new_full((2,))
    t.Tensor([1, 2], [3])
    t.Tensor('abc')
    t.Tensor(1.5)
    t.Tensor(-1)
    t.Tensor(None)
    t.LongTensor(1.5)
    t.FloatTensor([[1], [2, 3]])
    t.complex(t.ones(2), t.ones(2, dtype=t.float64))
    t.complex(t.ones(2, dtype=t.int64), t.ones(2, dtype=t.int64))
    t.polar(t.ones(2), t.ones(2, dtype=t.float64))
    t.set_default_dtype(t.int64)
    t.set_default_dtype('float32')
    t.tril_indices(-1, 2)
    t.meshgrid(t.ones(2, 2), t.ones(2))
    t.vander(t.ones(2, 2))
    t.cartesian_prod(t.ones(2, 2))
    t.range(0, 5, 0)
    t.range(5, 0)
    t.finfo(t.int32)
    t.iinfo(t.float32)
    t.zeros(True, 2)
""")
def test_refused(source):
    check_refused(source)


@programs("""
    t.tensor([[1, 2], [3]])
    t.tensor([[1, 2], [3, 4, 5]])
    t.tensor(2**63)
    t.tensor([1, 2], requires_grad=True)
    t.zeros(-1)
    t.zeros(2, -3)
    t.arange(0, 5, 0)
    t.arange(5, 0)
    t.from_numpy([1, 2])
    t.from_numpy(np.array(['a']))
    t.linspace(0, 1, -1)
    t.eye(-1)
    t.tensor(None)
    t.from_numpy(np.arange(3)[::-1])
    t.set_default_dtype(t.int64)
""")
def test_error_texts(source):
    check_written(source)


@programs("""
    t.zeros(2, 3)
    t.zeros((2, 3))
    t.zeros([2, 3])
    t.zeros(t.Size([2, 3]))
    t.zeros(())
    t.zeros(0)
    t.zeros(2, 0, 3)
    t.zeros(size=(2, 3))
    t.zeros(np.int64(2), 3)
    t.zeros(t.tensor(2), 3)
    t.zeros((t.tensor(2), np.int32(3)))
    t.zeros(2, dtype=t.bool)
    t.zeros(2, dtype=None)
    t.zeros(2, layout=t.strided)
    t.zeros(2, requires_grad=True)
    t.ones(2, 3, dtype=t.int16)
    t.ones((2,), dtype=t.complex64)
    t.ones(2, dtype=t.bfloat16)
    t.ones(2, dtype=float)
    t.ones(2, dtype=int)
    t.ones(2, dtype=bool)
    t.ones(2, dtype=complex)
    t.tensor([1, 0], dtype=float)
    t.tensor([1, 0], dtype=bool)
    t.ones(2).to(int)
    t.ones(2).to(dtype=float)
    t.empty(2, 3).shape
    t.empty(2, 3, 4, 5, memory_format=t.channels_last).shape
    t.empty(2, 3, memory_format=t.contiguous_format).shape
    t.full((2, 3), 7)
    t.full((2,), 7.5)
    t.full((2,), True)
    t.full((), 1j)
    t.full([2], 3, dtype=t.float64)
    t.full((2,), t.tensor(3))
    t.full((2,), t.tensor(3.5))
    t.full((2,), t.tensor(3, dtype=t.int32))
    t.full((2,), np.float32(2.5))
    t.full(size=(2,), fill_value=3)
    t.full((2,), float('nan'))
    t.full((2,), -1, dtype=t.uint8)
    t.full((3,), 2**40)
    t.zeros_like(t.ones(2, dtype=t.int8))
    t.zeros_like(t.ones(2), dtype=t.int64)
    t.ones_like(t.ones(2, requires_grad=True))
    t.ones_like(t.ones(2), requires_grad=True)
    t.ones_like(input=t.ones(2), memory_format=t.preserve_format)
    t.full_like(t.ones(2, dtype=t.int32), 7.9)
    t.full_like(t.ones(2), True)
    t.full_like(t.ones(2), t.tensor(4))
    t.empty_like(t.ones(2, 3)).shape
    t.empty_like(t.ones(2, 3), dtype=t.int8).dtype
    t.ones(2, dtype=t.int8).new_zeros(3)
    t.ones(2, dtype=t.int8).new_zeros((3, 2))
    t.ones(2, dtype=t.int8).new_ones(3, dtype=t.float64)
    t.ones(2, dtype=t.int8).new_full((3,), 4)
    t.ones(2).new_full((3,), True)
    t.ones(2).new_full(size=(3,), fill_value=2)
    t.ones(2, dtype=t.int8).new_empty(3).dtype
    t.ones(2, dtype=t.float64).new_tensor([1, 2])
    t.ones(2, dtype=t.int64).new_tensor([1.5, 2])
    t.ones(2, dtype=t.float64).new_tensor([1, 2], dtype=t.int8)
    t.ones(2).new_tensor(np.array([1, 2]))
    t.ones(2).new([1, 2])
    t.ones(2, dtype=t.int64).new(2, 3).shape
    t.ones(2, dtype=t.int64).new([1, 2])
    t.ones(2).new()
    t.ones(2, dtype=t.float64).new_empty_strided((2, 3), (3, 1)).shape
    t.empty_strided((2, 3), (1, 2)).stride()
    t.empty_strided((2, 3), (1, 2)).is_contiguous()
    t.empty_strided((0, 3), (1, 2)).stride()
    t.empty_permuted((2, 3, 4), (2, 0, 1)).stride()
    t.eye(3)
    t.eye(2, 3)
    t.eye(3, 2, dtype=t.int64)
    t.eye(0)
    t.eye(2, dtype=t.bool)
    t.eye(n=2, m=1)
    t.eye(np.int64(2))
    t.scalar_tensor(3)
    t.scalar_tensor(3.5, dtype=t.int64)
    t.scalar_tensor(True)
    t.complex(t.tensor([1.0, 2]), t.tensor([3.0, 4]))
    t.complex(t.tensor([1.0, 2]), t.tensor(3.0))
    t.complex(t.ones(2, dtype=t.float64), t.ones(2, dtype=t.float64))
    t.tril_indices(3, 3)
    t.triu_indices(3, 4, 1)
    t.triu_indices(3, 4, -1, dtype=t.int32)
    t.meshgrid(t.arange(2), t.arange(3))
    t.meshgrid(t.arange(2), t.arange(3), indexing='ij')
    t.meshgrid(t.arange(2), t.arange(3), indexing='xy')
    t.meshgrid([t.arange(2), t.tensor(1)])
    t.cartesian_prod(t.arange(2), t.arange(3))
    t.combinations(t.arange(4))
    t.combinations(t.arange(3), with_replacement=True)
    t.combinations(t.arange(4), 3)
    t.vander(t.tensor([1, 2, 3]))
    t.vander(t.tensor([1.0, 2, 3]), 2, increasing=True)
    t.block_diag(t.ones(2, 2), t.tensor([3.0]), t.tensor(2.0))
    t.block_diag(t.ones(1, 2), t.ones(2, 1, dtype=t.int64))
    t.diag(t.arange(3))
    t.diag(t.arange(3), -1)
    t.diag(t.arange(6).reshape(2, 3), 1)
    t.diagflat(t.arange(4).reshape(2, 2), 1)
    t.diag_embed(t.arange(6).reshape(2, 3))
    t.diag_embed(t.arange(4.0).reshape(2, 2), offset=1, dim1=0, dim2=2)
    t.zeros(2, out=t.ones(2))
    t.ones(2, out=t.zeros(2, dtype=t.int8))
    t.arange(4, out=t.zeros(4, dtype=t.float64))
    t.eye(2, out=t.zeros(0))
    t.linspace(0, 1, 3, out=t.zeros(0))
    t.full((2,), 3, out=t.zeros(2))
    t.rand(0)
    t.randn(2, 0)
    t.randperm(0)
""")
def test_from_shapes(source):
    check_written(source)


@programs("""
    t.arange(5)
    t.arange(5.0)
    t.arange(2, 5)
    t.arange(2, 5, 2)
    t.arange(2.0, 5)
    t.arange(0, 1, 0.1)
    t.arange(1, 0, -0.25)
    t.arange(5, 0, -2)
    t.arange(0)
    t.arange(0, 0)
    t.arange(-3, 3)
    t.arange(end=5)
    t.arange(start=1, end=5)
    t.arange(start=1, end=5, step=2)
    t.arange(1, end=5)
    t.arange(1, 5, step=2)
    t.arange(5, dtype=t.float32)
    t.arange(5, dtype=t.int32)
    t.arange(5, dtype=t.uint8)
    t.arange(5, dtype=t.float16)
    t.arange(5, dtype=t.bfloat16)
    t.arange(0, 2.5, dtype=t.int64)
    t.arange(0, 2.5)
    t.arange(0.5, 3)
    t.arange(t.tensor(5))
    t.arange(t.tensor(1.0), t.tensor(5))
    t.arange(np.int64(4))
    t.arange(np.float64(4))
    t.arange(np.float32(1), 4)
    t.arange(True, 3)
    t.arange(2**40, 2**40 + 3)
    t.arange(2**62, 2**62 + 3)
    t.arange(0, 1, 1/3, dtype=t.float64)
    t.arange(0, 0.3, 0.1, dtype=t.float64)
    t.arange(4, requires_grad=False)
    t.arange(4.0, requires_grad=True)
    t.arange(1000000)[-1]
    t.range(0, 4)
    t.range(1, 2, 0.5)
    t.range(1, 4, dtype=t.int64)
    t.linspace(0, 1, 5)
    t.linspace(0, 10, steps=3)
    t.linspace(start=0, end=10, steps=3)
    t.linspace(1, -1, 4)
    t.linspace(0, 1, 1)
    t.linspace(0, 1, 0)
    t.linspace(0, 10, 4, dtype=t.int64)
    t.linspace(-3, 3, 6, dtype=t.int32)
    t.linspace(0, 1, 7, dtype=t.float64)
    t.linspace(0, 1j, 3)
    t.linspace(t.tensor(0), t.tensor(1), 3)
    t.linspace(0, 1, 3, requires_grad=True)
""")
def test_ranges(source):
    check_written(source)


@programs("""
    t.logspace(0, 2, 3)
    t.logspace(0, 2, 3, 2)
    t.logspace(0, 3, 4, base=2, dtype=t.int64)
    t.logspace(-1, 1, 5, dtype=t.float64)
    t.logspace(0, 1, 1)
    t.polar(t.tensor([1.0, 2]), t.tensor([0.0, 1.5]))
    t.linspace(-3.3, 7.7, 101)
    t.linspace(-2, 5, 13, dtype=t.float64)
""")
def test_computed_ranges(source):
    check_written(source, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_typed_constructors(name):
    kind = f"t.{name}Tensor"
    for arguments in ("[1, 0, 3]", "[[1, 2], [0, 4]]", "[]", "", "np.array([1, 0])", "(1, 2)"):
        if arguments.startswith("np") and name != "Long":
            continue  # PyTorch takes an array's elements one by one; the dtype must be the type's
        check_written(f"{kind}({arguments})")
    check_written(f"{kind}(2, 3).shape, {kind}(2, 3).dtype, {kind}(t.Size([2])).shape, {kind}([1]).type()")
    check_written(f"x = {kind}([1]); [isinstance(x, k) for k in (t.Tensor, {kind}, t.FloatTensor, t.LongTensor)]")
    check_written(f"t.ones(2).type({kind}).dtype, t.ones(2).type('torch.{name}Tensor').dtype, repr({kind})")


@programs("""
    t.Tensor()
    t.Tensor([1, 2])
    t.Tensor((1, 2))
    t.Tensor([[1, 2], [3, 4]])
    t.Tensor([True, False])
    t.Tensor(2, 3).shape
    t.Tensor(t.Size([2, 3])).shape
    t.Tensor(0).shape
    t.Tensor(3).dtype
    t.Tensor(np.array([1, 2], dtype='float32'))
    t.Tensor(np.array([1.5, 2]))
    t.Tensor(np.array([[1, 2]]))
    t.Tensor(t.tensor([1.0, 2]))
    t.Tensor(range(3))
    t.Tensor(np.int64(2)).shape
    x = t.ones(3); y = t.Tensor(x); y[0] = 5; x
    isinstance(t.ones(2), t.Tensor), isinstance(1, t.Tensor), isinstance(np.ones(2), t.Tensor)
    isinstance(t.ones(2).double(), t.DoubleTensor), isinstance(t.ones(2), t.DoubleTensor)
    issubclass(t.nn.Parameter, t.Tensor), isinstance(t.nn.Parameter(t.ones(2)), t.Tensor)
    t.is_tensor(t.ones(2)), t.is_tensor(3), t.is_tensor(np.ones(2))
    t.ones(2).type(), t.ones(2).long().type(), t.ones(2).bool().type(), t.ones(2).bfloat16().type()
    t.ones(2).type(t.int64), t.ones(2).type(t.float32)
    t.ones(2).is_floating_point(), t.ones(2).int().is_floating_point(), t.is_floating_point(t.ones(2).half())
    t.ones(2).is_complex(), t.ones(2).cfloat().is_complex(), t.is_complex(t.ones(2))
    t.ones(2).is_signed(), t.ones(2).byte().is_signed(), t.ones(2).bool().is_signed()
    t.float32.is_floating_point, t.int64.is_floating_point, t.complex64.is_complex, t.uint8.is_signed, t.int8.itemsize
    t.float32.to_complex(), t.complex128.to_real(), t.float32.to_real(), t.float16.to_complex()
    str(t.float32), repr(t.long), str(t.half), t.float is t.float32, t.double is t.float64, t.int is t.int32
    hash(t.float32) == hash(t.float), t.float32 == t.float, t.float32 == t.float64, {t.float32: 1}[t.float]
    pickle.loads(pickle.dumps(t.float32)) is t.float32, copy.deepcopy(t.bool) is t.bool
    t.get_default_dtype()
    t.set_default_dtype(t.float64); r = (t.ones(2), t.tensor(1.5), t.tensor(1), t.tensor(1j), t.arange(2.0), t.Tensor([1]), t.get_default_dtype()); t.set_default_dtype(t.float32); r
    t.set_default_dtype(t.float64); r = (repr(t.ones(2)), repr(t.ones(2).float()), t.ones(2, dtype=t.int64) / 2, t.ones(2).int().sqrt()); t.set_default_dtype(t.float32); r
    t.set_default_dtype(t.float16); r = (t.ones(2), t.tensor(1.5), t.tensor([1, 2]) * 1.5, t.full((1,), 2.0)); t.set_default_dtype(t.float32); r
    t.set_default_dtype(t.bfloat16); r = (t.ones(2), t.tensor([1, 2]) / 3, t.tensor(1.5)); t.set_default_dtype(t.float32); r
    t.set_default_tensor_type(t.DoubleTensor); r = t.ones(2); t.set_default_tensor_type(t.FloatTensor); r, t.ones(1)
    t.set_default_tensor_type('torch.DoubleTensor'); r = t.ones(2); t.set_default_tensor_type('torch.FloatTensor'); r
    repr(t.finfo(t.float32)), repr(t.finfo(t.float64)), repr(t.finfo(t.float16)), repr(t.finfo(t.bfloat16))
    repr(t.iinfo(t.uint8)), repr(t.iinfo(t.int64)), repr(t.iinfo(t.int16)), repr(t.finfo())
    [getattr(t.finfo(t.float32), n) for n in ('bits', 'eps', 'max', 'min', 'tiny', 'smallest_normal', 'resolution', 'dtype')]
    [getattr(t.finfo(t.bfloat16), n) for n in ('bits', 'eps', 'max', 'min', 'tiny', 'smallest_normal', 'resolution', 'dtype')]
    [getattr(t.iinfo(t.int32), n) for n in ('bits', 'max', 'min', 'dtype')]
    t.finfo(t.complex64).eps
""")
def test_class_and_dtypes(source):
    check_written(source)


@programs("""
    a = np.arange(3.0); x = t.from_numpy(a); a[0] = 5; x
    a = np.arange(3.0); x = t.from_numpy(a); x[0] = 5; a
    a = np.arange(3.0); x = t.from_numpy(a); x.add_(1); x.mul_(2); a
    a = np.arange(3.0); x = t.as_tensor(a); x[0] = 5; a
    a = np.arange(3.0); x = t.as_tensor(a, dtype=t.float32); x[0] = 5; a
    a = np.arange(3.0); x = t.as_tensor(a, dtype=t.float64, device='cpu'); x[0] = 5; a
    a = np.arange(3.0); x = t.asarray(a); x[0] = 5; a
    a = np.arange(3.0); x = t.asarray(a, copy=True); x[0] = 5; a
    a = np.arange(3.0); x = t.asarray(a, copy=False); x[0] = 5; a
    a = np.arange(3.0); t.asarray(a, dtype=t.float32, copy=False)
    a = np.arange(3.0); x = t.asarray(a, dtype=t.float32); x[0] = 5; a, x
    x = t.arange(3.0); y = t.asarray(x); y[0] = 5; x
    x = t.arange(3.0); y = t.asarray(x, copy=True); y[0] = 5; x
    x = t.arange(3.0); y = t.as_tensor(x); y is x
    x = t.arange(3.0, requires_grad=True); t.asarray(x).requires_grad
    x = t.arange(3.0); t.asarray(x, requires_grad=True)
    t.asarray([1, 2.5]), t.asarray(3), t.asarray((1, 2)), t.asarray([])
    t.asarray(np.float32(3)), t.asarray(np.array(3))
    t.asarray([1, 2], copy=False)
    t.asarray(bytearray(b'abcd'), dtype=t.uint8)
    t.asarray(memoryview(bytearray(b'abcd')), dtype=t.int16)
    t.as_tensor([1, 2, 3]), t.as_tensor(3.5), t.as_tensor([[1.0], [2.0]], dtype=t.float64)
    t.as_tensor(np.float32(1.5)), t.as_tensor(np.int8(1)), t.as_tensor(True)
    a = np.arange(6).reshape(2, 3).T; x = t.from_numpy(a); x[0, 1] = 9; a, x.shape, x.stride()
    a = np.arange(10)[2:8:2]; x = t.from_numpy(a); x[0] = 9; a, x
    a = np.zeros((2, 3), order='F'); x = t.from_numpy(a); x.stride(), x.is_contiguous()
    a = np.arange(3); x = t.from_numpy(a); y = x[1:]; y += 10; a, x
    a = np.arange(3); x = t.from_numpy(a); y = x.clone(); y += 10; a
    a = np.arange(3); x = t.from_numpy(a); a += 1; x + 0
    a = np.arange(3); x = t.from_numpy(a); y = x * 2; a += 1; y
    a = np.array(3.0); x = t.from_numpy(a); x.add_(1); a
    a = np.zeros((0, 3)); t.from_numpy(a)
    b = bytearray(b'abcdefgh'); t.frombuffer(b, dtype=t.uint8)
    b = bytearray(b'abcdefgh'); x = t.frombuffer(b, dtype=t.uint8); x[0] = 0; bytes(b)
    b = bytearray(b'abcdefgh'); x = t.frombuffer(b, dtype=t.int16); b[0] = 0; x
    b = bytearray(b'abcdefgh'); t.frombuffer(b, dtype=t.int32, count=1, offset=4)
    b = bytearray(8); t.frombuffer(b, dtype=t.float32, requires_grad=True)
    b = bytearray(b'ab'); t.frombuffer(b, dtype=t.bool)
    b = np.array([1.0, 2], dtype='float32'); t.frombuffer(b, dtype=t.bfloat16)
    b = np.arange(3); x = t.frombuffer(b, dtype=t.int64); x[1] = 7; b
    b = bytearray(b'abcde'); t.frombuffer(b, dtype=t.int16, count=2)
""")
def test_shared_memory(source):
    check_written(source)
