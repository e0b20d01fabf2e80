"""`torch.onnx`: what packages ask about an export that does not run. No ONNX files are written."""

from __future__ import annotations

import enum

from .absent import absent_class, absent_function

__all__ = [
    "ONNXProgram",
    "OperatorExportTypes",
    "TrainingMode",
    "export",
    "is_in_onnx_export",
    "register_custom_op_symbolic",
    "unregister_custom_op_symbolic",
]

_INSTEAD = "`torch.save` of the `state_dict` and PyTorch's own export make an ONNX file of the model"
_UNUSED = "nothing is exported, so no operator needs a translation"

ONNXProgram = absent_class("torch.onnx.ONNXProgram", _INSTEAD)
export = absent_function("torch.onnx.export", _INSTEAD)
register_custom_op_symbolic = absent_function("torch.onnx.register_custom_op_symbolic", _UNUSED)
unregister_custom_op_symbolic = absent_function("torch.onnx.unregister_custom_op_symbolic", _UNUSED)


class OperatorExportTypes(enum.IntEnum):
    """How PyTorch's exporter writes an operator that ONNX has not."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


class TrainingMode(enum.IntEnum):
    """The mode in which PyTorch's exporter runs a module."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


def is_in_onnx_export() -> bool:
    """False: nothing is exported."""
    return False
