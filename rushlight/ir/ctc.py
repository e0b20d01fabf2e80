"""Connectionist temporal classification: minus the logarithm of the chance that a path of labels, repeats merged and blanks
dropped, spells the target.

`ctc(log_probabilities (T, N, C), targets (N, S), input_lengths (N,), target_lengths (N,))` gives (N,). The sums over paths run
over the target with a blank before, between and after its labels, forwards (alpha) and backwards (beta), in the log domain.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .graph import Node
from .op import Cotangents, Op
from .type import Type

Array = np.ndarray


class _Paths(NamedTuple):
    """The targets with blanks between; log-probabilities of their labels; where a step may skip a blank."""

    labels: Array  # (N, 2S + 1)
    emitted: Array  # (T, N, 2S + 1)
    skips: Array  # (N, 2S + 1): state s can be entered from s - 2
    ends: Array  # (N,): the last state


def _paths(logs: Array, targets: Array, lengths: Array, blank: int) -> _Paths:
    batch, longest = targets.shape
    labels = np.full((batch, 2 * longest + 1), blank)
    known = np.arange(longest) < lengths[:, None]
    labels[:, 1::2] = np.where(known, targets, blank)
    skips = np.zeros(labels.shape, bool)
    skips[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    emitted = np.take_along_axis(logs, np.broadcast_to(labels, (len(logs), *labels.shape)), 2)
    return _Paths(labels, emitted, skips, 2 * lengths)


def _shift(x: Array, by: int) -> Array:
    """States moved by `by` places, -inf coming in."""
    result = np.full(x.shape, -np.inf)
    if by > 0:
        result[:, by:] = x[:, :-by]
    else:
        result[:, :by] = x[:, -by:]
    return result


def _forwards(paths: _Paths) -> Array:
    steps, batch, states = paths.emitted.shape
    alpha = np.full((steps, batch, states), -np.inf)
    if not steps:
        return alpha
    alpha[0, :, :2] = paths.emitted[0, :, :2]
    for t in range(1, steps):
        before = alpha[t - 1]
        total = np.logaddexp(before, _shift(before, 1))
        total = np.logaddexp(total, np.where(paths.skips, _shift(before, 2), -np.inf))
        alpha[t] = total + paths.emitted[t]
    return alpha


def _backwards(paths: _Paths, steps: Array) -> Array:
    count, batch, states = paths.emitted.shape
    beta = np.full((count, batch, states), -np.inf)
    after = np.full((batch, states), -np.inf)
    number = np.arange(states)
    last = (number == paths.ends[:, None]) | (number == paths.ends[:, None] - 1)
    leaves = np.zeros(paths.skips.shape, bool)
    leaves[:, :-2] = paths.skips[:, 2:]
    for t in range(count - 1, -1, -1):
        total = np.logaddexp(after, _shift(after, -1))
        total = np.logaddexp(total, np.where(leaves, _shift(after, -2), -np.inf)) + paths.emitted[t]
        first = np.where(last, paths.emitted[t], -np.inf)
        after = np.where((steps == t + 1)[:, None], first, np.where((steps > t + 1)[:, None], total, -np.inf))
        beta[t] = after
    return beta


def _negative_log_likelihood(alpha: Array, paths: _Paths, steps: Array) -> Array:
    batch = np.arange(len(steps))
    found = np.where(paths.ends == 0, 0.0, np.inf)  # what no step at all gives
    running = steps > 0
    rows, ends, final = batch[running], paths.ends[running], steps[running] - 1
    whole = alpha[final, rows, ends]
    before = np.where(ends > 0, alpha[final, rows, np.maximum(ends - 1, 0)], -np.inf)
    found[running] = -np.logaddexp(whole, before)
    return found


def _ctc_eval(
    type: Type, logs: Array, targets: Array, steps: Array, lengths: Array, *, blank: int, zero_infinity: bool
) -> Array:
    with np.errstate(all="ignore"):
        paths = _paths(logs.astype(np.float64), targets, lengths, blank)
        loss = _negative_log_likelihood(_forwards(paths), paths, steps)
    return np.where(np.isinf(loss), 0.0, loss) if zero_infinity else loss


def _ctc_gradient_eval(
    type: Type, g: Array, logs: Array, targets: Array, steps: Array, lengths: Array, *, blank: int, zero_infinity: bool
) -> Array:
    """PyTorch's: less the chance of each label at each step, plus that label's probability, as behind a log-softmax."""
    with np.errstate(all="ignore"):
        wide = logs.astype(np.float64)
        paths = _paths(wide, targets, lengths, blank)
        alpha = _forwards(paths)
        loss = _negative_log_likelihood(alpha, paths, steps)
        through = alpha + _backwards(paths, steps)  # counts what the step emits twice
        top = through.max(axis=2, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0.0)
        one_hot = (paths.labels[:, :, None] == np.arange(logs.shape[2])).astype(np.float64)
        shares = np.matmul(np.exp(through - top).transpose(1, 0, 2), one_hot).transpose(1, 0, 2)
        chances = np.exp(np.log(shares) + top + loss[None, :, None] - wide)
        result = (np.exp(wide) - chances) * g.astype(np.float64)[None, :, None]
        if zero_infinity:
            result = np.where(np.isinf(loss)[None, :, None], 0.0, result)
    running = np.arange(len(logs))[:, None] < steps
    return np.where(running[:, :, None], result, 0.0)


def _ctc_vjp(node: Node, g: Node) -> Cotangents:
    return ctc_gradient(g, *node.operands, **node.attributes), None, None, None


def _no_second_derivative(node: Node, h: Node) -> Cotangents:
    raise RuntimeError("derivative for _ctc_loss_backward is not implemented: ctc_loss can be differentiated once")


def _ctc_infer(logs: Type, targets: Type, *lengths: Type, **settings: Any) -> Type:
    return Type.of((logs.shape[1],), logs.dtype)


ctc = Op("ctc", infer=_ctc_infer, eval=_ctc_eval, vjp=_ctc_vjp, anchor="scan")
ctc_gradient = Op(
    "ctc_gradient",
    infer=lambda g, logs, *rest, **settings: logs,
    eval=_ctc_gradient_eval,
    vjp=_no_second_derivative,
    anchor="scan",
)
