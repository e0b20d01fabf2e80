"""Inputs that nobody holds are written over by the results that replace them; whoever kept an old value keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as torch
from rushlight import config
from rushlight.backend.cpu.pool import address_of
from rushlight.ir.graph import trace
from rushlight.runtime import cache, compiled, executor
from rushlight.runtime.overwriting import Overwriting

pytestmark = pytest.mark.skipif(config.TIER == "interp", reason="only compiled plans write over inputs")


@pytest.fixture(autouse=True)
def compiled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "compile")


SIZES = [(256, 192), (261, 259), (197, 1031), (1024, 65), (130, 257)]  # of a weight; tiles overlap in some of them


class Training:
    """One linear layer and its optimizer, with a step that is compiled when it comes again."""

    def __init__(self, rows: int, columns: int, optimizer: Callable[..., Any] = torch.optim.Adam) -> None:
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(columns, rows)
        self.optimizer = optimizer(self.layer.parameters(), lr=0.01)
        self.x, self.labels = torch.randn(64, columns), torch.randint(0, rows, (64,))

    def step(self, labels: Any = None) -> None:
        self.optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(self.layer(self.x), self.labels if labels is None else labels)
        loss.backward()
        self.optimizer.step()
        executor.flush()

    def steps(self, count: int) -> Training:
        for _ in range(count):
            self.step()
        return self

    def array(self) -> Any:
        return executor.value_of(self.layer.weight._storage.node)

    def values(self) -> list[np.ndarray[Any, Any]]:
        state = self.optimizer.state[self.layer.weight]
        tensors = [self.layer.weight, *[value for value in state.values() if isinstance(value, torch.Tensor)]]
        return [np.array(tensor.tolist()) for tensor in tensors]


@pytest.mark.parametrize("size", SIZES)
def test_results_are_the_same_as_beside_the_inputs(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    over = Training(*size).steps(5).values()
    monkeypatch.setattr(compiled, "is_free", lambda values, value: False)
    beside = Training(*size).steps(5).values()
    for one, other in zip(over, beside, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_parameter_stays_where_it_is() -> None:
    training = Training(512, 256).steps(4)
    places = set()
    for _ in range(3):
        training.step()
        places.add(address_of(training.array()))
    assert len(places) == 1


def test_who_kept_the_old_value_keeps_it() -> None:
    training = Training(512, 256).steps(4)
    weight = training.layer.weight
    product, copied = weight.detach() @ torch.ones(256, 1), weight.detach().clone()
    listed = np.array(weight.tolist())
    array = training.array()
    before = array.copy()
    seen = array[1:3]
    training.step()
    np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(seen, before[1:3])
    np.testing.assert_array_equal(np.array(copied.tolist()), listed)
    np.testing.assert_allclose(np.array(product.tolist()).ravel(), listed.sum(1), rtol=1e-4, atol=1e-4)
    assert not np.array_equal(np.array(weight.tolist()), listed)
    del array, seen
    training.step()
    np.testing.assert_array_equal(np.array(copied.tolist()), listed)


def test_a_view_alone_keeps_the_memory() -> None:
    training = Training(512, 256).steps(4)
    seen = training.array()[5]
    before = seen.copy()
    training.step()
    np.testing.assert_array_equal(seen, before)


def test_numpy_shares_the_parameter_and_sees_the_update() -> None:
    training = Training(512, 256).steps(4)
    shared = training.layer.weight.detach().numpy()
    before = shared.copy()
    training.step()
    assert not np.array_equal(shared, before)
    np.testing.assert_array_equal(shared, np.array(training.layer.weight.tolist(), np.float32))


def test_a_graph_kept_for_another_backward_has_its_values() -> None:
    def gradients(steps: int) -> Any:
        training = Training(512, 256)
        for _ in range(steps):
            training.optimizer.zero_grad()
            x = training.x.detach().requires_grad_()
            loss = (training.layer(x) ** 2).mean()
            loss.backward(retain_graph=True)
            training.optimizer.step()
            executor.flush()
        first = x.grad.tolist()
        x.grad = None
        loss.backward()
        return first, x.grad.tolist()

    first, second = gradients(5)
    np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-9)


def test_a_bad_label_leaves_everything_as_it_was() -> None:
    training, same = Training(512, 256).steps(4), Training(512, 256).steps(4)
    bad = training.labels.clone()
    bad[63] = 512
    executor.flush()
    with pytest.raises((IndexError, RuntimeError)):
        training.step(bad)
    training.optimizer.zero_grad()
    for one, other in zip(training.values()[:1], same.values()[:1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_ctrl_c_after_the_inputs_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    training, same = Training(512, 256).steps(4), Training(512, 256).steps(5)
    run = compiled.Program.run

    def interrupted(self: Any, arrays: Any) -> int:
        run(self, arrays)
        monkeypatch.setattr(compiled.Program, "run", run)
        raise KeyboardInterrupt

    monkeypatch.setattr(compiled.Program, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.step()
    assert not trace.pending and Overwriting.program is None
    for one, other in zip(training.values(), same.values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_peak_has_no_second_copy_of_parameters_and_states() -> None:
    training = Training(512, 1024).steps(4)
    weight, bias = 4 * 512 * 1024, 4 * 512
    need = torch.memory.peak(training.step)
    assert need.results < weight + 16 * bias + 4096  # the gradient alone
    kept = training.array()
    assert torch.memory.peak(training.step).results >= 2 * weight
    del kept


def test_accumulated_gradients_stay_where_they_are() -> None:
    training = Training(512, 256)

    def accumulate() -> int:
        torch.nn.functional.cross_entropy(training.layer(training.x), training.labels).backward()
        return address_of(executor.value_of(training.layer.weight.grad._storage.node))

    places = [accumulate() for _ in range(6)]
    assert len(set(places[3:])) == 1


class Deep(Training):
    """Layers whose gradients are big enough to share a block with what dies before they are written."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        layers = [torch.nn.Linear(1024, 1024) for _ in range(3)]
        self.layer = torch.nn.Sequential(*[part for layer in layers for part in (layer, torch.nn.Tanh())])
        self.weights = [layer.weight for layer in layers]
        self.optimizer = torch.optim.SGD(self.layer.parameters(), lr=0.1, momentum=0.9)
        self.x, self.labels = torch.randn(256, 1024), torch.randint(0, 1024, (256,))

    def arrays(self) -> list[np.ndarray[Any, Any]]:
        return [executor.value_of(weight._storage.node).copy() for weight in self.weights]

    def gradients(self) -> list[np.ndarray[Any, Any]]:
        return [executor.value_of(weight.grad._storage.node) for weight in self.weights]


def blocks() -> list[Any]:
    """What the compiled programs that have such a block know of it."""
    segments = [variant.segments[-1] for plan in cache._plans.values() for variant in plan.variants.values()]
    return [segment for segment in segments if getattr(segment, "guests", [])]


def test_gradients_share_a_block_with_what_dies_before(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    together = Deep()
    together.steps(4)
    (*_, last) = blocks()
    assert last.memory.lodging >= 3 * 4 << 20 and not last.apart
    bases = {id(gradient.base) for gradient in together.gradients()}
    assert len(bases) == 1
    cache.clear()
    monkeypatch.setattr(compiled, "LODGING", 1 << 60)
    apart = Deep()
    apart.steps(4)
    assert not blocks()
    for one, other in zip(together.arrays() + together.gradients(), apart.arrays() + apart.gradients(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_gradient_that_is_kept_keeps_its_values_and_no_more_blocks() -> None:
    cache.clear()
    training = Deep()
    training.steps(3)
    kept = training.weights[1].grad
    before = executor.value_of(kept._storage.node).copy()
    training.steps(2)
    assert any(segment.apart for segment in blocks())
    np.testing.assert_array_equal(executor.value_of(kept._storage.node), before)
    gradients = training.gradients()
    assert len({id(gradient.base) for gradient in gradients}) == 3
