"""The text of an error from a forward says in which module it happened."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as t


class Net(t.nn.Module):
    def __init__(self, inner: t.nn.Module) -> None:
        super().__init__()
        self.features = t.nn.Sequential(t.nn.Identity(), inner)
        self.listed = t.nn.ModuleList([inner])
        self.hidden = [inner]

    def forward(self, x: Any, way: str = "features") -> Any:
        return self.features(x) if way == "features" else getattr(self, way)[0](x)


class Fails(t.nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: Any) -> Any:
        raise self.error


def text_of(module: t.nn.Module, *args: Any) -> str:
    with pytest.raises(Exception) as caught:
        module(*args)
    return str(caught.value)


def test_path_from_the_root() -> None:
    assert text_of(Net(t.nn.Linear(2, 2)), t.ones(1, 3)).endswith(" — in Net.features.1 (Linear)")


def test_the_module_alone() -> None:
    assert text_of(t.nn.Linear(2, 2), t.ones(1, 3)).endswith(" — in Linear")


def test_once_only() -> None:
    assert text_of(Net(t.nn.Linear(2, 2)), t.ones(1, 3)).count(" — in ") == 1


def test_a_list_between() -> None:
    assert text_of(Net(Fails(ValueError("no"))), 1, "listed") == "no — in Net.features.1 (Fails)"


def test_a_module_that_its_caller_does_not_hold() -> None:
    class Outer(t.nn.Module):
        def forward(self, x: Any) -> Any:
            return hidden(x)

    hidden = Net(Fails(ValueError("no")))
    assert text_of(t.nn.Sequential(Outer()), 1) == "no — in Net.features.1 (Fails)"


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, TypeError, IndexError, NotImplementedError])
def test_class_and_identity_stay(kind: type[Exception]) -> None:
    error = kind("no")
    with pytest.raises(kind) as caught:
        Net(Fails(error))(1)
    assert caught.value is error
    assert error.args == ("no — in Net.features.1 (Fails)",)


class Own(RuntimeError):
    """A user's own exception."""


@pytest.mark.parametrize("error", [KeyError("no"), Own("no"), ValueError(3), ValueError("a", "b"), StopIteration("no")])
def test_other_exceptions_are_left_alone(error: Exception) -> None:
    before = error.args
    with pytest.raises(type(error)):
        Net(Fails(error))(1)
    assert error.args == before


def test_with_hooks() -> None:
    net = Net(Fails(ValueError("no")))
    net.features.register_forward_hook(lambda *a: None)
    assert text_of(net, 1) == "no — in Net.features.1 (Fails)"


def test_an_error_that_is_caught_and_raised_again_later() -> None:
    error = ValueError("no")
    with pytest.raises(ValueError):
        Net(Fails(error))(1)
    with pytest.raises(ValueError):
        t.nn.Sequential(Fails(error))(1)
    assert str(error).count(" — in ") == 1
