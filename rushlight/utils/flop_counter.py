"""`torch.utils.flop_counter`: floating-point operations of products and convolutions, module by module, forward and backward."""

from __future__ import annotations

import weakref
from collections import Counter, defaultdict
from math import prod
from typing import Any, ClassVar

from ..ir.attention import attention, attention_gradient
from ..ir.biased import affine, convolution
from ..ir.contract import contract
from ..ir.graph import Node
from ..ir.op import Op
from ..ir.recurrent import recurrence, recurrence_back
from ..nn import Module
from ..nn.modules.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..passes.batching import innermost
from ..passes.repetition import Knowledge

__all__ = ["FlopCounterMode"]

_UNITS = ("", "K", "M", "B", "T", "Q")


def _flops(op: Op, operands: tuple[Node, ...], attributes: dict[str, Any]) -> tuple[str, int]:
    """A name as PyTorch's counter has it, and two operations for each product that is summed."""
    spec = attributes.get("spec")
    if spec is not None:
        windows = any(len(axis.terms) > 1 for axes in spec.maps for axis in axes)
        name = "aten.convolution" if op is convolution or windows else "aten.addmm" if op is affine else "aten.mm"
        return name, 2 * _terms(spec, operands[1:] if op is affine else operands)
    if op in (recurrence, recurrence_back):
        # The product of each step's states with the recurrent weight; the one with all inputs is a contraction of its own.
        back = op is recurrence_back
        given = len(attributes["given"]) + sum(attributes["given"]) if back else 1
        return "aten.mm", 2 * operands[0].type.shape[0] * operands[0].type.shape[1] * prod(operands[given].type.shape)
    q, k, v = (operand.type.shape for operand in operands[:3])
    to_scores, to_result = prod(q) * k[-2], prod(q[:-1]) * prod(v[-2:])
    if op is attention:
        return "aten._scaled_dot_product_attention", 2 * (to_scores + to_result)
    return "aten._scaled_dot_product_attention_backward", 2 * (3 * to_scores + 2 * to_result)


def _terms(spec: Any, operands: tuple[Node, ...]) -> int:
    """The turns of the loops, but only those that read something where an address is a place less a tap, as in a transposed convolution."""
    loops = list(spec.loops)
    for axes, operand in zip(spec.maps, operands, strict=False):
        # From the last: with groups, the contraction sees one axis more in front.
        for axis, extent in zip(reversed(axes), reversed(operand.type.shape), strict=False):
            signs = {coefficient > 0: loop for loop, coefficient in axis.terms}
            if len(signs) == 2:
                loops[signs[True]] = extent
    return prod(loops)


class _Counted(Op):
    """What an op's record becomes while somebody counts: it tells of each call, and where a gradient's calls come from."""

    __slots__ = ()
    rule: ClassVar[Any] = Op.vjp  # type: ignore[attr-defined]  # the slot

    def __call__(self, *operands: Node, **attributes: Any) -> Any:
        node = Op.__call__(self, *operands, **attributes)
        if innermost() is None:  # what is recorded of one example of a batch is recorded again, of all
            for counter in FlopCounterMode.counting:
                counter._note(self, node, operands, attributes)
        return node

    @property
    def vjp(self) -> Any:  # type: ignore[override]
        rule = _Counted.rule.__get__(self)
        return self._followed if callable(rule) else rule

    def _followed(self, node: Node, g: Node) -> Any:
        before = [counter._inside for counter in FlopCounterMode.counting]
        for counter in FlopCounterMode.counting:
            counter._inside = counter._places.get(node, ())
        try:
            return _Counted.rule.__get__(self)(node, g)
        finally:
            for counter, inside in zip(FlopCounterMode.counting, before, strict=True):
                counter._inside = inside


_OPS = (contract, affine, convolution, attention, attention_gradient, recurrence, recurrence_back)


class FlopCounterMode:
    """Counts, within its `with` block, the floating-point operations of products, convolutions, attention and recurrent layers.

    A product that is summed counts as two operations; elementwise work is not counted. Modules are told apart by their path from the
    outermost, whose class is named first. `mods` is not needed; `depth` is how deep the table goes; `display` prints the table at
    the end. Names of operations are text here (PyTorch: `torch.ops`), and attention and recurrent layers are counted, which PyTorch's leaves out on the CPU;
    a gradient of a convolution is told as "aten.convolution".

    >>> import rushlight as torch
    >>> from rushlight.utils.flop_counter import FlopCounterMode
    >>> with FlopCounterMode(display=False) as counter:
    ...     loss = torch.nn.Linear(8, 4)(torch.ones(2, 8)).sum()
    >>> counter.get_total_flops()
    128
    """

    counting: ClassVar[list[FlopCounterMode]] = []

    def __init__(
        self,
        mods: Module | list[Module] | None = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
    ) -> None:
        if custom_mapping:
            raise NotImplementedError(
                "FlopCounterMode: custom_mapping is not in Rushlight yet; count such functions yourself"
            )
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._names: weakref.WeakKeyDictionary[Module, str] = weakref.WeakKeyDictionary()
        self._stack: list[str] = []
        self._inside: tuple[str, ...] = ()  # the modules whose gradient is being recorded
        self._places: weakref.WeakKeyDictionary[Node, tuple[str, ...]] = weakref.WeakKeyDictionary()
        self._handles: list[Any] = []

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self._handles = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        ]
        if not FlopCounterMode.counting:
            for op in _OPS:
                op.__class__ = _Counted
            Knowledge.used = False  # each backward is gone through, so that its operations are seen
        FlopCounterMode.counting.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        FlopCounterMode.counting.remove(self)
        if not FlopCounterMode.counting:
            for op in _OPS:
                op.__class__ = Op
            Knowledge.used = True
        for handle in self._handles:
            handle.remove()
        self._stack.clear()
        if self.display:
            print(self.get_table(self.depth))

    def _enter(self, module: Module, args: Any) -> None:
        name = self._names.setdefault(module, type(module).__name__)
        for child, part in module.named_children():
            self._names[part] = f"{name}.{child}"
        self._stack.append(name)

    def _leave(self, module: Module, args: Any, output: Any) -> None:
        self._stack.pop()

    def _note(self, op: Op, node: Node, operands: tuple[Node, ...], attributes: dict[str, Any]) -> None:
        places = self._inside or tuple(dict.fromkeys(self._stack))
        self._places[node] = places
        name, flops = _flops(op, operands, attributes)
        for place in ("Global", *places):
            self.flop_counts[place][name] += flops

    def get_total_flops(self) -> int:
        """All that were counted."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """By module ("Global": all), then by operation."""
        return {place: dict(counts) for place, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The counts as a table of modules down to a depth."""
        deepest = self.depth if depth is None else depth
        total = max(self.get_total_flops(), 1)
        rows = [("Module", "FLOP", "% Total")]
        for place in sorted(self.flop_counts, key=lambda place: (place != "Global", place)):
            level = 0 if place == "Global" else place.count(".") + 1
            if level > deepest:
                continue
            counts = self.flop_counts[place]
            for name, flops in ((place, sum(counts.values())), *((f" - {name}", n) for name, n in counts.items())):
                rows.append((" " * level + name, _shortened(flops), f"{flops / total:.2%}"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2]))
        return "\n".join(f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows)


def _shortened(number: int) -> str:
    power = min(max((len(str(number)) - 1) // 3, 0), len(_UNITS) - 1)
    return f"{number / 1000**power:.3f}{_UNITS[power]}" if power else str(number)
