"""Grad modes: contexts, decorators of functions and generators, nested, in threads."""

from __future__ import annotations

import threading
from typing import Any

import rushlight

from .programs import alike, attempt, leaf


def now(t: Any) -> tuple[bool, bool]:
    return t.is_grad_enabled(), t.is_inference_mode_enabled()


@alike
def test_contexts_nested(t: Any) -> Any:
    seen = [now(t)]
    with t.no_grad():
        seen.append(now(t))
        with t.enable_grad():
            seen.append(now(t))
            with t.set_grad_enabled(False):
                seen.append(now(t))
            seen.append(now(t))
        seen.append(now(t))
        with t.inference_mode():
            seen.append(now(t))
            with t.inference_mode(False):
                seen.append(now(t))
            seen.append(now(t))
        seen.append(now(t))
    seen.append(now(t))
    with t.inference_mode(mode=False):
        seen.append(now(t))
    with t.inference_mode(), t.enable_grad():
        seen.append(now(t))
    return [*seen, now(t)]


@alike
def test_contexts_after_an_error(t: Any) -> Any:
    def fail() -> None:
        with t.no_grad(), t.inference_mode():
            raise ValueError("inside")

    return attempt(fail), now(t)


@alike
def test_one_context_used_again(t: Any) -> Any:
    context = t.no_grad()
    seen = []
    for _ in range(2):
        with context:
            seen.append(now(t))
        seen.append(now(t))
    with context, t.enable_grad():
        seen.append(now(t))
        with context:
            seen.append(now(t))
        seen.append(now(t))
    return [*seen, now(t)]


@alike
def test_set_grad_enabled_as_a_function(t: Any) -> Any:
    seen = [now(t)]
    t.set_grad_enabled(False)
    seen.append(now(t))
    t.set_grad_enabled(True)
    seen.append(now(t))
    switch = t.set_grad_enabled(False)
    seen.append(now(t))
    with switch:
        seen.append(now(t))
    seen.append(now(t))
    t.set_grad_enabled(mode=True)
    return seen


@alike
def test_decorated_functions(t: Any) -> Any:
    x = leaf(t, 1.0)

    @t.no_grad()
    def plain(by: float, *, more: float = 0.0) -> Any:
        "Text."
        return x * by + more, now(t)

    @t.no_grad
    def bare() -> Any:
        return x * 2

    @t.enable_grad()
    def enabled() -> Any:
        return x * 2

    @t.inference_mode()
    def inference() -> Any:
        return now(t)

    @t.inference_mode
    def bare_inference() -> Any:
        return now(t)

    @t.set_grad_enabled(False)
    def switched() -> Any:
        return now(t)

    with t.no_grad():
        inner = enabled().requires_grad
    return (
        plain(3.0, more=1.0),
        plain.__name__,
        plain.__doc__,
        bare(),
        inner,
        inference(),
        bare_inference(),
        switched(),
        now(t),
    )


@alike
def test_decorated_generators(t: Any) -> Any:
    seen = []

    @t.no_grad()
    def counting(n: int) -> Any:
        try:
            for i in range(n):
                seen.append(("inside", t.is_grad_enabled()))
                got = yield i
                seen.append(("got", got, t.is_grad_enabled()))
        except ValueError as error:
            seen.append(("thrown", str(error), t.is_grad_enabled()))
            yield "after"
        finally:
            seen.append(("end", t.is_grad_enabled()))
        return "done"

    def outer() -> Any:
        seen.append(("result", (yield from counting(1))))

    list(outer())
    generator = counting(5)
    seen.append(next(generator))
    seen.append(("outside", t.is_grad_enabled()))
    seen.append(generator.send("sent"))
    seen.append(generator.throw(ValueError("mine")))
    generator.close()
    other = counting(5)
    next(other)
    other.close()
    return seen, now(t)


@alike
def test_decorated_class_methods(t: Any) -> Any:
    class Holder:
        @t.no_grad()
        def method(self) -> Any:
            return t.is_grad_enabled()

        @classmethod
        @t.no_grad()
        def of_class(cls) -> Any:
            return cls.__name__, t.is_grad_enabled()

    return Holder().method(), Holder.of_class()


@alike
def test_what_is_tracked(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    with t.no_grad():
        a = x * 2
        b = leaf(t, 1.0)
        parameter = t.nn.Parameter(t.ones(1))
    with t.enable_grad():
        c = x * 2
    with t.no_grad(), t.enable_grad():
        d = x * 2
    flags = [each.requires_grad for each in (a, b, parameter, c, d)]
    (d * a).sum().backward()
    return flags, x.grad


@alike
def test_no_grad_around_part_of_a_program(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * x
    with t.no_grad():
        y.mul_(3)
        y[0] += 1
    z = y * x
    z.sum().backward()
    return y.requires_grad, y.grad_fn is None, y, x.grad


@alike
def test_results_in_inference_mode(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    with t.inference_mode():
        y = x * 2
    return y, y.requires_grad, y.is_leaf, x.is_inference(), x.requires_grad


def test_results_of_inference_mode_are_ordinary() -> None:
    """PyTorch raises where they are saved for backward; here they can be used like others."""
    x = leaf(rushlight, 1.0, 2.0)
    with rushlight.inference_mode():
        y = x * 2
    (x * y).sum().backward()
    assert not y.is_inference()
    assert x.grad.tolist() == [2.0, 4.0]


def test_views_made_without_tracking_are_detached() -> None:
    """PyTorch says that such a view of a leaf requires grad, and then loses the gradient."""
    x = leaf(rushlight, 1.0, 2.0)
    with rushlight.no_grad():
        view = x[:1]
        view += 1
    assert not view.requires_grad
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]


@alike
def test_is_grad_enabled_within_backward(t: Any) -> Any:
    seen = []
    x = leaf(t, 1.0)
    y = x * 2
    y.register_hook(lambda g: seen.append(t.is_grad_enabled()))
    with t.no_grad():
        y.backward(retain_graph=True)
    y.backward(create_graph=True)
    return seen, now(t)


@alike
def test_each_thread_has_its_mode(t: Any) -> Any:
    seen = {}
    started, changed = threading.Event(), threading.Event()

    def other() -> None:
        seen["at the start"] = t.is_grad_enabled()
        with t.no_grad():
            started.set()
            changed.wait()
            seen["inside"] = t.is_grad_enabled()

    with t.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        started.wait()
    seen["here"] = t.is_grad_enabled()
    changed.set()
    thread.join()
    seen = dict(sorted(seen.items()))
    return seen


@alike
def test_backward_from_threads(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    lock = threading.Lock()

    def work(factor: float) -> None:
        with lock:
            (x * x * factor).sum().backward()

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return x.grad
