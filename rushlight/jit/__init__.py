"""`torch.jit`: scripting and tracing without a compiler of their own, as in PyTorch with PYTORCH_JIT=0.

`script` and `trace` return what they are given: functions and modules run as they are written, and what comes again is compiled as
everywhere. There are no TorchScript files: `save` and `load` say what to do instead.
"""

from __future__ import annotations

from typing import Final

from ..futures import Future
from .annotations import (
    Attribute,
    annotate,
    export,
    ignore,
    interface,
    is_scripting,
    is_tracing,
    isinstance,
    script_if_tracing,
    script_method,
    strict_fusion,
    unused,
)
from .annotations import _overload as _overload
from .annotations import _overload_method as _overload_method
from .archive import load, save
from .script import (
    CompilationUnit,
    Error,
    RecursiveScriptModule,
    ScriptFunction,
    ScriptModule,
    TopLevelTracedModule,
    TracerWarning,
    enable_onednn_fusion,
    export_opnames,
    fork,
    freeze,
    onednn_fusion_enabled,
    optimize_for_inference,
    script,
    set_fusion_strategy,
    trace,
    trace_module,
    wait,
)

__all__ = [
    "Attribute",
    "CompilationUnit",
    "Error",
    "Final",
    "Future",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracerWarning",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "export_opnames",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
    "wait",
]
