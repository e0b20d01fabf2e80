"""Parameters, state dicts, optimizers' states and whole modules, both ways between Rushlight and PyTorch."""

from __future__ import annotations

import io
import pickle
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

import rushlight
from rushlight import nn, optim
from rushlight.serialize import load, safetensors, save

from .standin import loaded_by_torch, saved_by_torch
from .test_tensors import from_torch, loaded, saved, to_torch

OURS, THEIRS = SimpleNamespace(nn=nn, optim=optim), torch


def network(library):
    return library.nn.Sequential(
        library.nn.Conv2d(1, 2, 3, padding=1),
        library.nn.BatchNorm2d(2),
        library.nn.ReLU(),
        library.nn.Flatten(),
        library.nn.Linear(32, 3, bias=False),
    )


def same_networks():
    torch.manual_seed(0)
    theirs, ours = network(THEIRS), network(OURS)
    ours.load_state_dict(from_torch(theirs.state_dict()))
    return ours, theirs


def outputs(module, library):
    x = library.arange(32.0).reshape(2, 1, 4, 4) / 32
    return torch.tensor(module(x).tolist())


def test_parameters():
    parameter = nn.Parameter(rushlight.ones(2))
    frozen = nn.Parameter(rushlight.ones(2), requires_grad=False)
    parameter.note = "kept"
    again, still, back = loaded(saved([parameter, frozen, parameter]))
    assert type(again) is nn.Parameter and again.requires_grad and again.note == "kept" and back is again
    assert type(still) is nn.Parameter and not still.requires_grad
    theirs = to_torch([parameter, frozen])
    assert [type(tensor) for tensor in theirs] == [torch.nn.Parameter] * 2
    assert theirs[0].note == "kept" and not theirs[1].requires_grad
    assert repr(from_torch(theirs)) == repr(theirs)


def test_state_dicts_both_ways():
    ours, theirs = same_networks()
    assert torch.allclose(outputs(ours, rushlight), outputs(theirs, torch), atol=1e-5)
    theirs.load_state_dict(to_torch(ours.state_dict()))
    state = to_torch(ours.state_dict())
    assert list(state) == list(theirs.state_dict()) and state._metadata == theirs.state_dict()._metadata
    assert all(torch.equal(state[name], value) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("name, options", [("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {"amsgrad": True})])
def test_optimizers_states_both_ways(name, options):
    ours, theirs = same_networks()
    optimizers = []
    for module, library, tensors in ((ours, OURS, rushlight), (theirs, THEIRS, torch)):
        optimizer = getattr(library.optim, name)(module.parameters(), lr=0.1, **options)
        module(tensors.ones(2, 1, 4, 4)).sum().backward()
        optimizer.step()
        optimizers.append(optimizer)
    mine, other = optimizers
    mine.load_state_dict(from_torch(other.state_dict()))
    other.load_state_dict(to_torch(mine.state_dict()))
    state = to_torch(mine.state_dict())
    assert state["param_groups"][0]["lr"] == 0.1 and sorted(state["state"]) == sorted(other.state_dict()["state"])


def test_whole_modules_need_trust():
    for data in (saved(network(OURS)), saved_by_torch(network(THEIRS))):
        with pytest.raises(pickle.UnpicklingError, match="torch.nn.modules.container.Sequential was not an allowed"):
            loaded(data)


def test_whole_modules():
    ours, theirs = same_networks()
    ours.eval(), theirs.eval()
    again = loaded(saved(ours), weights_only=False)
    assert type(again) is nn.Sequential and not again.training
    assert torch.equal(outputs(again, rushlight), outputs(ours, rushlight))
    from_pytorch = loaded(saved_by_torch(theirs), weights_only=False)
    assert type(from_pytorch[0]) is nn.Conv2d
    assert torch.equal(outputs(from_pytorch, rushlight), outputs(ours, rushlight))
    to_pytorch = loaded_by_torch(saved(ours), weights_only=False)
    assert type(to_pytorch[0]) is torch.nn.Conv2d
    assert torch.equal(outputs(to_pytorch, torch), outputs(theirs, torch))


class Own(nn.Module):
    """A program's own module, with two names for one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = nn.Linear(2, 2)
        self.second.weight = self.first.weight
        self.register_buffer("mean", rushlight.zeros(2))

    def forward(self, x):
        return self.second(self.first(x)) + self.mean


def test_a_programs_own_module():
    module = Own()
    again = loaded(saved(module), weights_only=False)
    assert type(again) is Own and again.second.weight is again.first.weight
    x = rushlight.ones(1, 2)
    assert again(x).tolist() == module(x).tolist()


def test_the_tutorials_way(tmp_path):
    path = tmp_path / "net.pth"
    ours, theirs = same_networks()
    save(ours.state_dict(), path)
    theirs.load_state_dict(torch.load(path, weights_only=True))
    other = network(OURS)
    other.load_state_dict(load(path))
    assert torch.equal(outputs(other, rushlight), outputs(ours, rushlight))


def test_models_in_safetensors(tmp_path):
    path = tmp_path / "model.safetensors"
    module = Own()
    safetensors.save_model(module, path)
    assert sorted(load_file(path)) == ["first.bias", "first.weight", "mean", "second.bias"]
    other = Own()
    assert safetensors.load_model(other, path) == (set(), [])
    assert other.first.weight.tolist() == module.first.weight.tolist()


def test_unpickled_with_nothing_but_pickle():
    """Plain pickle, as used between processes, is not this format but works."""
    module = pickle.load(io.BytesIO(pickle.dumps(network(OURS))))
    assert outputs(module, rushlight).shape == (2, 3)
