"""What the draws refuse, in PyTorch's words."""

from __future__ import annotations

from ..dtype import (
    bfloat16,
    bool_,
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

FLOATING = (float32, float64, float16, bfloat16)
COMPLEX = (complex64, complex128)
INTEGERS = (uint8, int8, int16, int32, int64)

# The two ways in which PyTorch's messages call a dtype.
_NAMES = {
    uint8: ("Byte", "unsigned char"),
    int8: ("Char", "signed char"),
    int16: ("Short", "short int"),
    int32: ("Int", "int"),
    int64: ("Long", "long int"),
    float16: ("Half", "c10::Half"),
    float32: ("Float", "float"),
    float64: ("Double", "double"),
    complex64: ("ComplexFloat", "c10::complex<float>"),
    complex128: ("ComplexDouble", "c10::complex<double>"),
    bool_: ("Bool", "bool"),
    bfloat16: ("BFloat16", "c10::BFloat16"),
    uint16: ("UInt16", "short unsigned int"),
    uint32: ("UInt32", "unsigned int"),
    uint64: ("UInt64", "long unsigned int"),
}
# The greatest finite value, and the bits of the significand, of the floating dtypes.
LARGEST = {
    float16: 65504.0,
    bfloat16: float.fromhex("0x1.fep127"),
    float32: float.fromhex("0x1.fffffep127"),
    float64: float.fromhex("0x1.fffffffffffffp1023"),
}
SMALLEST_NORMAL = {float16: 2.0**-14, bfloat16: 2.0**-126, float32: 2.0**-126, float64: 2.0**-1022}
DIGITS = {float16: 11, bfloat16: 8, float32: 24, float64: 53}


def scalar_name(of: dtype) -> str:
    """ "Float" for float32."""
    return _NAMES[of][0]


def c_name(of: dtype) -> str:
    """ "c10::Half" for float16."""
    return _NAMES[of][1]


def require_kernel(kernel: str, of: dtype, accepted: tuple[dtype, ...]) -> None:
    """Raise PyTorch's NotImplementedError unless `of` is one of the accepted dtypes."""
    if of not in accepted:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(of)}'")


def require(condition: bool, message: str) -> None:
    """Raise a RuntimeError with this message unless the condition holds."""
    if not condition:
        raise RuntimeError(message)
