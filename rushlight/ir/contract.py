"""The contraction as an op: matmul, linear layers, convolutions, einsum and their gradients are all this one node.

Its vjp is again a contraction, to any order (`contraction.vjp`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import contraction
from .contraction import Contraction
from .graph import Node
from .op import Cotangents, Op, same_dtype
from .scalar import cj
from .type import Type


def _infer(*types: Type, spec: Contraction) -> Type:
    same_dtype("contract", types)
    return Type.of(spec.output_shape, types[0].dtype)


def _eval(type: Type, *arrays: np.ndarray, spec: Contraction) -> np.ndarray:
    return contraction.evaluate(spec, *arrays)


def _vjp(node: Node, g: Node) -> Cotangents:
    spec: Any = node.attributes["spec"]
    cotangents: list[Node | None] = []
    for j, operand in enumerate(node.operands):
        if not operand.tracked:
            cotangents.append(None)
            continue
        others = [cj(other) for k, other in enumerate(node.operands) if k != j]
        cotangents.append(contract(g, *others, spec=contraction.vjp(spec, j, operand.type.shape)))
    return tuple(cotangents)


contract = Op("contract", infer=_infer, eval=_eval, vjp=_vjp, anchor="contract")
