"""Sparse tensors in files, pickles, copies and modules."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rushlight

from ..both import check
from .programs import Names

KINDS = ("s", "u", "h", "csr", "csc", "none")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("writer", [rushlight, torch])
def test_each_library_reads_the_others_files(tmp_path: Path, writer: Any, legacy: bool) -> None:
    reader = torch if writer is rushlight else rushlight
    tensors = {kind: Names(writer)[kind] for kind in KINDS}
    writer.save(tensors, tmp_path / "sparse.pt", _use_new_zipfile_serialization=not legacy)
    found = reader.load(tmp_path / "sparse.pt")
    for kind, tensor in tensors.items():
        assert repr(found[kind]) == repr(tensor)
        if tensor.layout == writer.sparse_coo:
            assert found[kind].is_coalesced() == tensor.is_coalesced()


def test_a_file_with_indices_out_of_range_is_refused() -> None:
    file = io.BytesIO()
    torch.save(torch.sparse_coo_tensor([[5]], [1.0], (2,), check_invariants=False), file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="found index 5"):
        rushlight.load(file)


@pytest.mark.parametrize("kind", KINDS)
def test_pickles_and_copies(kind: str) -> None:
    tensor = Names(rushlight)[kind]
    for made in (pickle.loads(pickle.dumps(tensor)), copy.deepcopy(tensor), copy.copy(tensor), tensor.clone()):
        assert repr(made) == repr(tensor)
    twin = copy.deepcopy(tensor)
    twin._values().mul_(2)
    assert np.array_equal(twin.to_dense().numpy(), 2 * tensor.to_dense().numpy())


def test_a_module_keeps_a_sparse_buffer() -> None:
    def program(t: Any) -> Any:
        def made() -> Any:
            model = t.nn.Linear(2, 2)
            model.register_buffer("graph", t.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse())
            return model

        first, second = made(), made()
        second.graph.mul_(5)
        second.load_state_dict(first.state_dict())
        first.double()
        return repr(second.graph), repr(first.graph), second(second.graph).detach(), repr(copy.deepcopy(second).graph)

    check(program)


def test_a_sparse_parameter() -> None:
    def program(t: Any) -> Any:
        weight = t.nn.Parameter(t.eye(2).to_sparse())
        t.sparse.mm(weight, t.ones(2, 3)).sum().backward()
        return isinstance(weight, t.nn.Parameter), weight.is_sparse, weight.is_leaf, repr(weight), repr(weight.grad)

    check(program)


def test_autocast_computes_products_in_the_lower_dtype() -> None:
    def program(t: Any) -> Any:
        names = Names(t)
        with t.autocast("cpu", dtype=t.bfloat16):
            return names["s"] @ names["e"], t.sparse.mm(names["s"], names["e"])

    check(program)
