"""Whole training steps, repeated: the numbers are those of the same steps run as they are written, bit for bit."""

from __future__ import annotations

import pytest

import rushlight as torch

from .programs import NETS, Training, repeats

PAIRS = [(net, optimizer) for net in NETS for optimizer in ("momentum", "adam")]
PAIRS += [("mlp", "sgd"), ("mlp", "amsgrad"), ("dropout", "adamw"), ("mlp", "rmsprop")]


@pytest.mark.parametrize(("net", "optimizer"), PAIRS)
def test_equals_the_steps_as_written(net: str, optimizer: str) -> None:
    plain, compiled = Training(net, optimizer), Training(net, optimizer)
    assert [plain.run(False) for _ in range(7)] == [compiled.run(True) for _ in range(7)]
    assert plain.state() == compiled.state()
    assert repeats(compiled.compiled) == (optimizer != "rmsprop"), compiled.compiled.reason


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "adamw"])
def test_schedules_need_no_new_recording(optimizer: str) -> None:
    losses = []
    for way in (False, True):
        training = Training("mlp", optimizer)
        schedule = torch.optim.lr_scheduler.ExponentialLR(training.optimizer, 0.7)
        losses.append([(training.run(way), schedule.step())[0] for _ in range(9)])
    assert losses[0] == losses[1]
    assert repeats(training.compiled) == 1


def test_an_option_that_changes_the_rule_is_recorded_anew() -> None:
    losses = []
    for way in (False, True):
        training, found = Training("mlp", "adam"), []
        for i in range(12):
            if i == 6:
                training.optimizer.param_groups[0]["weight_decay"] = 0.5
            if i == 9:
                training.optimizer.param_groups[0]["betas"] = (0.5, 0.5)
            found.append(training.run(way))
        losses.append(found)
    assert losses[0] == losses[1]


def test_a_changed_count_of_steps_and_a_loaded_state() -> None:
    losses = []
    for way in (False, True):
        training = Training("mlp", "adam")
        found = [training.run(way) for _ in range(5)]
        saved = training.optimizer.state_dict()
        found += [training.run(way) for _ in range(3)]
        training.optimizer.load_state_dict(saved)
        found += [training.run(way) for _ in range(5)]
        next(iter(training.optimizer.state.values()))["step"].add_(3)
        found += [training.run(way) for _ in range(4)]
        losses.append(found)
    assert losses[0] == losses[1]


def test_gradients_that_accumulate() -> None:
    def make() -> tuple:
        torch.manual_seed(0)
        net = torch.nn.Linear(3, 2)

        def more(x: torch.Tensor) -> float:
            loss = net(x).square().mean()
            loss.backward()
            return loss.item()

        return net, more

    (a, plain), (b, other) = make(), make()
    compiled = torch.compile(other)
    x = torch.randn(4, 3)
    for i in range(9):
        if i == 6:
            a.zero_grad(), b.zero_grad()
        assert plain(x) == compiled(x)
        assert torch.equal(a.weight.grad, b.weight.grad)
    assert repeats(compiled)


def test_batches_cut_out_of_all_data() -> None:
    losses = []
    for way in (False, True):
        training = Training("mlp", "momentum")
        x, y = torch.randn(40, 3), torch.randn(40, 2)
        losses.append([training.run(way, x[i : i + 5], y[i : i + 5]) for i in range(0, 40, 5)])
    assert losses[0] == losses[1]
    assert repeats(training.compiled) == 1


def test_batches_that_share_memory_with_numpy() -> None:
    losses = []
    for way in (False, True):
        training = Training("mlp", "momentum")
        array = torch.randn(5, 3).numpy().copy()
        x, found = torch.from_numpy(array), []
        for i in range(7):
            array[0, 0] = i
            found.append(training.run(way, x, training.y))
        losses.append(found)
    assert losses[0] == losses[1]
    assert repeats(training.compiled) == 1


def test_a_kept_loss_gives_what_pytorch_gives() -> None:
    training = Training("mlp", "adam")
    kept = [training.compiled(training.x, training.y) for _ in range(6)]
    assert kept[-1].requires_grad and type(kept[-1].grad_fn).__name__ == "MseLossBackward0"
    with pytest.raises(RuntimeError, match="a second time"):
        kept[-1].backward()
    assert len({loss.item() for loss in kept}) == 6


def test_results_that_are_kept_are_not_overwritten() -> None:
    training = Training("mlp", "adam")
    plain, held, weights = Training("mlp", "adam"), [], []
    for _ in range(8):
        training.run(True), plain.run(False)
        held.append(training.net[0].weight.detach().clone())
        held.append(training.net[0].weight.data)
        weights.append(plain.net[0].weight.detach().clone())
    assert all(torch.equal(a, b) for a, b in zip(held[::2], weights, strict=True))


def test_parts_that_are_kept_are_not_overwritten() -> None:
    training = Training("mlp", "adam")
    held = []
    for _ in range(9):
        loss = training.run(True)
        row = training.net[0].weight.detach()[1].clone()
        held.append((row, row.tolist(), loss))
    assert [row.tolist() for row, _, _ in held] == [numbers for _, numbers, _ in held]
