"""L-BFGS: a quasi-Newton method that remembers the last steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..tensor import Tensor, cat, enable_grad, no_grad
from .optimizer import Optimizer, ParamsT, check_lr, number, real

# The line search's constants for sufficient decrease and curvature, and the most trials it makes.
_DECREASE, _CURVATURE, _MAX_TRIALS = 1e-4, 0.9, 25


class Point(NamedTuple):
    """A place on the search line: how far, the loss, the gradient there, and its slope along the line."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


def _cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through both points, with their slopes, is least within the bounds."""
    low, high = bounds if bounds is not None else (min(a.t, b.t), max(a.t, b.t))
    tilt = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = tilt**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    root = square**0.5
    left, right = (a, b) if a.t <= b.t else (b, a)
    least = right.t - (right.t - left.t) * ((right.slope + root - tilt) / (right.slope - left.slope + 2 * root))
    return min(max(least, low), high)


class _LineSearch:
    """Finds a step that meets the strong Wolfe conditions; Nocedal and Wright, algorithms 3.5 and 3.6."""

    def __init__(self, evaluate: Callable[[float], Point], start: Point, width: float, tolerance: float) -> None:
        self.evaluate = evaluate
        self.start = start
        self.width = width  # the direction's largest element
        self.tolerance = tolerance
        self.trials = 0  # beyond the first evaluation

    def run(self, t: float) -> tuple[Point, int]:
        """The point found, and how often the loss was computed."""
        bracket = self._bracket(self.evaluate(t))
        if len(bracket) == 1:
            return bracket[0], self.trials + 1
        return self._zoom(bracket), self.trials + 1

    def _too_high(self, point: Point) -> bool:
        return point.loss > self.start.loss + _DECREASE * point.t * self.start.slope

    def _flat(self, point: Point) -> bool:
        return abs(point.slope) <= -_CURVATURE * self.start.slope

    def _bracket(self, point: Point) -> list[Point]:
        """One point that will do, or two with such a one between them."""
        before = self.start
        while self.trials < _MAX_TRIALS:
            if self._too_high(point) or (self.trials > 1 and point.loss >= before.loss):
                return [before, point]
            if self._flat(point):
                return [point]
            if point.slope >= 0:
                return [before, point]
            bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10)
            t = _cubic_minimum(before, point, bounds)
            before, point = point, self.evaluate(t)
            self.trials += 1
        return [self.start, point]

    def _zoom(self, bracket: list[Point]) -> Point:
        """Narrows the bracket until a point in it will do."""
        stuck = False
        low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
        done = False
        while not done and self.trials < _MAX_TRIALS:
            if abs(bracket[1].t - bracket[0].t) * self.width < self.tolerance:
                break
            t, stuck = self._next(bracket, stuck)
            point = self.evaluate(t)
            self.trials += 1
            if self._too_high(point) or point.loss >= bracket[low].loss:
                bracket[high] = point
                low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
                continue
            if self._flat(point):
                done = True
            elif point.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
        return bracket[low]

    @staticmethod
    def _next(bracket: list[Point], stuck: bool) -> tuple[float, bool]:
        """Where to look next: the cubic's minimum, moved inwards where it keeps to an end of the bracket."""
        t = _cubic_minimum(bracket[0], bracket[1])
        low, high = sorted(point.t for point in bracket)
        margin = 0.1 * (high - low)
        if min(high - t, t - low) >= margin:
            return t, False
        if not (stuck or t >= high or t <= low):
            return t, True
        return (high - margin if abs(t - high) < abs(t - low) else low + margin), False


class LBFGS(Optimizer):
    """Steps along an approximation of H⁻¹·g made from the last history_size steps; Liu and Nocedal, 1989.

    The step needs a closure. max_iter: iterations in one step; max_eval: losses computed in one step, 1.25·max_iter
    if not given; tolerance_grad, tolerance_change: where to stop. line_search_fn: None or "strong_wolfe". One
    parameter group only.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval if max_eval is not None else max_iter * 5 // 4,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _flat_gradient(self) -> Tensor:
        parts = []
        for parameter in self._params:
            gradient = parameter.grad
            parts.append((real(parameter).detach() * 0 if gradient is None else real(gradient)).reshape(-1))
        return cat(parts, 0)

    def _move(self, t: float, direction: Tensor) -> None:
        """Adds t·direction to the parameters."""
        start = 0
        for parameter in self._params:
            p = real(parameter)
            p.add_(direction[start : start + p.numel()].view(p.shape), alpha=t)
            start += p.numel()

    def _restore(self, saved: list[Tensor]) -> None:
        for parameter, values in zip(self._params, saved, strict=True):
            parameter.copy_(values)

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """One step of up to max_iter iterations; gives the loss that the closure computed first."""
        compute = enable_grad()(closure)
        first = compute()
        run = _Run(self, compute, float(first))
        if not run.flat_enough():
            while run.iterate():
                pass
            run.save()
        return first


# What a step leaves for the next, in the order in which PyTorch keeps it.
_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class _Run:
    """The iterations of one step."""

    d: Tensor
    t: Any
    old_dirs: list[Tensor]  # changes of the gradient
    old_stps: list[Tensor]  # the steps that made them
    ro: list[Tensor]  # one over the product of the two
    H_diag: Any
    prev_flat_grad: Tensor
    prev_loss: float

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any], loss: float) -> None:
        self.optimizer = optimizer
        self.closure = closure
        self.group = optimizer.param_groups[0]
        self.state = optimizer.state[optimizer._params[0]]
        self.state.setdefault("func_evals", 0)
        self.state.setdefault("n_iter", 0)
        self.state["func_evals"] += 1
        for name in _KEPT:
            setattr(self, name, self.state.get(name))
        self.loss = loss
        self.gradient = optimizer._flat_gradient()
        self.evaluations = 1
        self.iterations = 0

    def save(self) -> None:
        """Leaves for the next step what it needs."""
        self.state.update((name, getattr(self, name)) for name in _KEPT)

    def flat_enough(self) -> bool:
        return number(self.gradient.abs().max()) <= self.group["tolerance_grad"]

    def _remember(self) -> None:
        """Takes the last step in, where the loss curves upwards along it."""
        change = self.gradient.sub(self.prev_flat_grad)
        step = self.d.mul(self.t)
        product = change.dot(step)
        if number(product) <= 1e-10:
            return
        for remembered, new in ((self.old_dirs, change), (self.old_stps, step), (self.ro, 1.0 / product)):
            if len(remembered) == self.group["history_size"]:
                remembered.pop(0)
            remembered.append(new)
        self.H_diag = product / change.dot(change)

    def _direction(self) -> Tensor:
        """-H⁻¹·g, by the two loops over the remembered steps."""
        if self.state["n_iter"] == 1:
            self.old_dirs, self.old_stps, self.ro, self.H_diag = [], [], [], 1
            return self.gradient.neg()
        self._remember()
        factors = self.state.setdefault("al", [None] * self.group["history_size"])
        direction = self.gradient.neg()
        for i in reversed(range(len(self.old_dirs))):
            factors[i] = self.old_stps[i].dot(direction) * self.ro[i]
            direction = direction - self.old_dirs[i] * factors[i]
        direction = direction * self.H_diag
        for i in range(len(self.old_dirs)):
            back = self.old_dirs[i].dot(direction) * self.ro[i]
            direction = direction + self.old_stps[i] * (factors[i] - back)
        return direction

    def iterate(self) -> bool:
        """One iteration; whether to go on."""
        group = self.group
        self.iterations += 1
        self.state["n_iter"] += 1
        self.d = self._direction()
        self.prev_flat_grad = self.gradient.clone()
        self.prev_loss = self.loss
        self.t = group["lr"]
        if self.state["n_iter"] == 1:
            self.t = min(1.0, 1.0 / number(self.gradient.abs().sum())) * self.t
        slope = number(self.gradient.dot(self.d))
        if slope > -group["tolerance_change"]:
            return False
        evaluations = self._advance(slope)
        self.evaluations += evaluations
        self.state["func_evals"] += evaluations
        return not (
            self.iterations == group["max_iter"]
            or self.evaluations >= group["max_eval"]
            or self.flat_enough()
            or number(self.d.mul(self.t).abs().max()) <= group["tolerance_change"]
            or abs(self.loss - self.prev_loss) < group["tolerance_change"]
        )

    def _advance(self, slope: float) -> int:
        """Moves the parameters, and says how often the loss was computed."""
        if self.group["line_search_fn"] is not None:
            if self.group["line_search_fn"] != "strong_wolfe":
                raise RuntimeError("only 'strong_wolfe' is supported")
            return self._search(slope)
        self.optimizer._move(number(self.t), self.d)
        if self.iterations == self.group["max_iter"]:
            return 0
        self.loss = float(self.closure())
        self.gradient = self.optimizer._flat_gradient()
        return 1

    def _search(self, slope: float) -> int:
        optimizer, direction = self.optimizer, self.d
        saved = [parameter.clone() for parameter in optimizer._params]

        def evaluate(t: float) -> Point:
            optimizer._move(t, direction)
            loss = float(self.closure())
            gradient = optimizer._flat_gradient()
            optimizer._restore(saved)
            return Point(t, loss, gradient, number(gradient.dot(direction)))

        start = Point(0.0, self.loss, self.gradient, slope)
        search = _LineSearch(evaluate, start, number(direction.abs().max()), 1e-9)
        found, evaluations = search.run(number(self.t))
        self.loss, self.gradient, self.t = found.loss, found.gradient, found.t
        optimizer._move(found.t, direction)
        return evaluations
