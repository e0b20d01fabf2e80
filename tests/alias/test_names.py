"""`torch.utils._pytree`, `torch.hub`, `torch.jit`, storages: beside PyTorch's, or what they say."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch.utils._pytree as theirs

import rushlight
from rushlight.utils import _pytree as ours

from ..both import check

TREES = [{"a": [1, (2, None)], "b": 3}, OrderedDict(b=1, a=[2]), [], (), 5, [(1, 2), {"x": 4}]]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_trees_come_apart_and_together_as_pytorchs(tree: Any) -> None:
    leaves, spec = ours.tree_flatten(tree)
    reference, described = theirs.tree_flatten(tree)
    assert (leaves, repr(spec)) == (reference, repr(described))
    assert ours.tree_unflatten(leaves, spec) == tree
    assert ours.tree_map(str, tree) == theirs.tree_map(str, tree)
    with pytest.raises(ValueError):
        spec.unflatten([*leaves, 1])


def test_a_model_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "hubconf.py").write_text("def double(x):\n    'Twice.'\n    return 2 * x\n")
    assert rushlight.hub.load(str(tmp_path), "double", 4, source="local") == 8
    with pytest.raises(RuntimeError, match="Cannot find callable nothing"):
        rushlight.hub.load(str(tmp_path), "nothing", source="local")


def test_scripting_returns_the_function() -> None:
    assert rushlight.jit.script(abs) is abs and not rushlight.jit.is_scripting()
    with pytest.raises(NotImplementedError, match="state_dict"):
        rushlight.jit.save(abs, "file")


def test_storages() -> None:
    check(
        lambda t: [
            t.arange(6.0)[2:].storage().tolist(),
            t.arange(3).untyped_storage().nbytes(),
            t.FloatStorage([1, 2]).size(),
        ]
    )
    check(lambda t: t.ones(1).values())


def test_kinds_of_containers_can_be_looked_up() -> None:
    Pair = namedtuple("Pair", "a b")
    for value in ([1, 2], (1,), {"a": 1}, OrderedDict(b=1), Pair(1, 2), 5):
        kind = ours._get_node_type(value)
        assert kind is theirs._get_node_type(value)
        assert (kind in ours.SUPPORTED_NODES) == (kind in theirs.SUPPORTED_NODES)
        if kind in ours.SUPPORTED_NODES:
            node, reference = ours.SUPPORTED_NODES[kind], theirs.SUPPORTED_NODES[kind]
            assert node.flatten_fn(value) == reference.flatten_fn(value)
            assert node.unflatten_fn(*node.flatten_fn(value)) == value
