"""Element types and PyTorch's promotion rules.

A `dtype` is a singleton; `d.storage` is the NumPy dtype its arrays have in memory. NumPy has no bfloat16, so a bfloat16 array is
held as uint16 bit patterns; `decode` and `encode` turn it into float32 and back. float16 is decoded too: PyTorch computes both
in float32 and rounds once at the end.

>>> promote_types(int64, float32)
torch.float32
>>> promote_types(uint8, int8)
torch.int16
"""

from __future__ import annotations

import numpy as np

from .errors import InternalError

# Categories in the order of promotion: bool < integer < floating < complex.
BOOL, INTEGER, FLOATING, COMPLEX = range(4)


class dtype:
    """An element type, as `torch.dtype`; compare with `is`."""

    __slots__ = (
        "name",
        "storage",
        "category",
        "itemsize",
        "compute",
        "order",
        "is_floating_point",
        "is_complex",
        "is_signed",
        "__weakref__",
    )

    def __init__(self, name: str, storage: str, category: int, compute: str, order: int) -> None:
        self.name = name
        self.storage = np.dtype(storage)
        self.compute = self.storage if compute == storage else np.dtype(compute)  # what NumPy computes in
        self.category = category
        self.itemsize = self.storage.itemsize
        self.order = order  # place in the canonical list, for printing and sorting
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.is_signed = not name.startswith(("uint", "quint", "bool")) and name != "float8_e8m0fnu"

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name if self.name != "bool" else "bool_"

    def to_real(self) -> dtype:
        """The dtype of the real part."""
        return {"complex64": float32, "complex128": float64, "complex32": float16}.get(self.name, self)

    def to_complex(self) -> dtype:
        """The complex dtype whose parts are this one."""
        return {"float32": complex64, "float64": complex128, "bfloat16": complex64, "float16": complex32}.get(
            self.name, self
        )


def scalar_name(kind: dtype) -> str:
    """A dtype as PyTorch's messages call it."""
    special = {"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "float32": "Float"}
    special |= {"float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "bool": "Bool"}
    special |= {"complex64": "ComplexFloat", "complex128": "ComplexDouble", "uint16": "UInt16", "uint32": "UInt32"}
    special |= {"uint64": "UInt64", "complex32": "ComplexHalf"}
    return special.get(kind.name, kind.name)


def cpp_name(kind: dtype) -> str:
    """A dtype as the few messages of PyTorch's call it that show its C++ type."""
    special = {"int8": "signed char", "uint8": "unsigned char", "int16": "short int", "int64": "long int"}
    special |= {"float16": "c10::Half", "bfloat16": "c10::BFloat16"}
    special |= {"complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}
    return special.get(kind.name, scalar_name(kind).lower())


def _make(name: str, storage: str, category: int, compute: str | None = None) -> dtype:
    made = dtype(name, storage, category, compute or storage, len(ALL))
    ALL.append(made)
    return made


ALL: list[dtype] = []
uint8 = _make("uint8", "u1", INTEGER)
int8 = _make("int8", "i1", INTEGER)
int16 = _make("int16", "i2", INTEGER)
int32 = _make("int32", "i4", INTEGER)
int64 = _make("int64", "i8", INTEGER)
float16 = _make("float16", "f2", FLOATING, "f4")
float32 = _make("float32", "f4", FLOATING)
float64 = _make("float64", "f8", FLOATING)
complex64 = _make("complex64", "c8", COMPLEX)
complex128 = _make("complex128", "c16", COMPLEX)
bool_ = _make("bool", "?", BOOL)
bfloat16 = _make("bfloat16", "u2", FLOATING, "f4")
# Storage-only types: they can be made, read, converted and saved; arithmetic on them is refused as in PyTorch.
uint16 = _make("uint16", "u2", INTEGER)
uint32 = _make("uint32", "u4", INTEGER)
uint64 = _make("uint64", "u8", INTEGER)
# Dtypes that have a name, since programs compare with them and have them in tables, but no tensors yet.
UNUSED: dict[str, dtype] = {}
for _names, _storage, _category in (
    ("complex32", "c8", COMPLEX),
    ("float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2", "u1", FLOATING),
    ("int1 int2 int3 int4 int5 int6 int7", "i1", INTEGER),
    ("uint1 uint2 uint3 uint4 uint5 uint6 uint7 quint8 quint4x2 quint2x4", "u1", INTEGER),
    ("qint8", "i1", INTEGER),
    ("qint32", "i4", INTEGER),
):
    for _name in _names.split():
        UNUSED[_name] = dtype(_name, _storage, _category, _storage, 99)
globals().update(UNUSED)  # a dtype is pickled by its name here
complex32 = UNUSED["complex32"]
complex32.itemsize = 4

half, float_, double = float16, float32, float64
short, int_, long = int16, int32, int64
cfloat, cdouble = complex64, complex128

BY_NAME = {d.name: d for d in ALL}
_FROM_NUMPY = {d.storage: d for d in ALL if d is not bfloat16}


_FROM_PYTHON = {float: float64, int: int64, bool: bool_, complex: complex128}


def as_dtype(value: object, op: str) -> dtype:
    """A dtype argument that is not a `dtype`: Python's own types stand for the widest of their kind."""
    found = _FROM_PYTHON.get(value)  # type: ignore[call-overload]
    if found is None:
        raise TypeError(f"{op}(): argument 'dtype' must be torch.dtype, not {type(value).__name__}")
    return found


def require_tensors(kind: dtype) -> None:
    """NotImplementedError for a dtype of which there are no tensors."""
    if kind.name in UNUSED:
        raise NotImplementedError(
            f"tensors of {kind!r} are not in Rushlight yet; convert to torch.float16 or another dtype"
        )


def from_numpy_dtype(numpy_dtype: np.dtype) -> dtype | None:
    """The dtype that a NumPy array converts to, or None where there is none."""
    return _FROM_NUMPY.get(np.dtype(numpy_dtype).newbyteorder("="))


def _promote_integers(a: dtype, b: dtype) -> dtype:
    if a.is_signed == b.is_signed:
        return a if a.itemsize >= b.itemsize else b
    signed, unsigned = (a, b) if a.is_signed else (b, a)
    size = max(signed.itemsize, 2 * unsigned.itemsize)
    if size > 8:
        raise _refusal(a, b)
    return {2: int16, 4: int32, 8: int64}[size]


def _refusal(a: dtype, b: dtype) -> RuntimeError:
    return RuntimeError(
        "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
        f"{scalar_name(a)} and {scalar_name(b)} — cast one of them first"
    )


def _promote(a: dtype, b: dtype) -> dtype:
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a
    if a.category == b.category:
        if a.category == INTEGER:
            return _promote_integers(a, b)
        if a.category == FLOATING and {a, b} == {float16, bfloat16}:
            return float32
        return a if a.itemsize >= b.itemsize else b
    if a.category == COMPLEX and b is float64:
        return complex128
    return a


_TABLE: dict[tuple[dtype, dtype], dtype | None] = {(a, b): None for a in ALL for b in ALL}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype both convert to, as `torch.promote_types`, which refuses uint16 … uint64 beside what is not floating."""
    wide, a, b = (uint16, uint32, uint64), type1, type2
    if a is not b and (a in wide or b in wide) and not (a.is_floating_point or b.is_floating_point):
        raise _refusal(a, b)
    return common_dtype(a, b)


def common_dtype(a: dtype, b: dtype) -> dtype:
    """The dtype in which operands of two dtypes meet: `promote_types`, and beyond it the array API standard's table.

    Operators take uint16, uint32 and uint64 beside other integers; PyTorch's refuse that. Only uint64 and a signed integer have no
    dtype that holds both.

    >>> common_dtype(uint16, int8)
    torch.int32
    """
    if (a, b) not in _TABLE:
        for place, given in enumerate((a, b), 1):
            if not isinstance(given, dtype):
                what = type(given).__name__
                raise TypeError(
                    f"promote_types(): argument 'type{place}' (position {place}) must be torch.dtype, not {what}"
                )
        require_tensors(a)
        require_tensors(b)
        raise InternalError(f"promote_types: {a!r} and {b!r} are not dtypes of arrays")
    found = _TABLE[a, b]
    if found is None:
        found = _TABLE[a, b] = _promote(a, b)
    return found


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a result of one dtype may be stored in another in place, as `torch.can_cast`."""
    source, target = from_, to
    if source.is_complex and not target.is_complex:
        return False
    if source.is_floating_point and target.category < FLOATING:
        return False
    return not (source is not bool_ and target is bool_)


def decode(array: np.ndarray, of: dtype) -> np.ndarray:
    """The array in the dtype NumPy computes in: bfloat16 and float16 become float32, all others stay."""
    if of is bfloat16:
        return np.asarray(array.astype(np.uint32) << 16).view(np.float32)  # NumPy makes a shifted 0-d array a scalar
    if of is float16:
        return array.astype(np.float32)
    return array


def encode(array: np.ndarray, to: dtype) -> np.ndarray:
    """A computed array in the form `to` has in memory; rounds to nearest even."""
    if to is bfloat16:
        bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        nan = (bits & 0x7FFFFFFF) > 0x7F800000  # rounding must not carry a NaN into infinity
        return np.where(nan, np.uint16(0x7FC0), rounded).reshape(np.shape(array))
    if to is float16:
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            return np.asarray(array).astype(np.float16, copy=False)
    return np.asarray(array).astype(to.storage, copy=False)
