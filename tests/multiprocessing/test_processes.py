"""Tensors that processes share, and what `spawn` says of a process that fails."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch as theirs

import rushlight as ours
import rushlight.multiprocessing as mp

from . import functions


def test_processes_write_into_each_others_tensors() -> None:
    context: Any = mp.get_context("spawn")
    asked, answers = context.Queue(), context.Queue()
    shared, parameter = ours.zeros(3), ours.nn.Parameter(ours.ones(2))
    started = mp.spawn(functions.serve, (asked, answers, shared, parameter), nprocs=2, join=False)
    assert started is not None
    sent = [ours.zeros(2, 3), ours.arange(6.0).reshape(2, 3).t()[1:], ours.zeros(2, dtype=ours.bfloat16)]
    for tensor in sent:
        asked.put(tensor)
    asked.put(None)
    found = [answers.get(timeout=60) for _ in range(4)]
    while not started.join():
        pass
    assert [tensor.tolist() for tensor in sent] == [[[1.0] * 3] * 2, [[2.0, 5.0], [3.0, 6.0]], [1.0, 1.0]]
    assert shared.tolist() == [0.0, 5.0, 0.0] and parameter.tolist() == [2.0, 2.0]
    assert shared.is_shared() and parameter.is_shared() and not ours.ones(1).is_shared()
    pids = started.pids()
    assert os.getpid() not in pids
    assert ("first", "Parameter", True, pids[0]) in found
    assert [answer for answer in found if answer[0] == "second"] == [
        ("second", (3, 1), "torch.float32", pids[1]),
        ("second", (1, 3), "torch.float32", pids[1]),
        ("second", (1,), "torch.bfloat16", pids[1]),
    ]


@pytest.mark.parametrize("kind", ["raise", "exit", "kill"])
def test_the_process_that_fails_is_named_and_ends_the_others(kind: str) -> None:
    # Forked, which is quicker than "spawn" and leaves what is tested the same.
    with pytest.raises((mp.ProcessRaisedException, mp.ProcessExitedException)) as caught:
        mp.start_processes(functions.fail, (kind,), nprocs=2, start_method="fork")
    error: Any = caught.value
    assert error.error_index == 1
    if kind == "raise":
        assert "Process 1 terminated" in str(error) and "ValueError: wrong number 7" in str(error)
    else:
        wanted = (3, None) if kind == "exit" else (-9, "SIGKILL")
        assert (error.exit_code, error.signal_name) == wanted


def test_a_pool_and_a_pipe() -> None:
    context: Any = mp.get_context("fork")
    with context.Pool(1) as pool:
        assert pool.map(functions.total, [ours.ones(3), ours.arange(4)]) == [3.0, 6.0]
    near, far = mp.Pipe()
    tensor = ours.zeros(2)
    near.send(tensor)
    received = far.recv()
    received[0] = 1
    assert tensor.tolist() == [1.0, 0.0]


def test_what_autograd_tracks_is_not_sent() -> None:
    near, _ = mp.Pipe()
    with pytest.raises(RuntimeError) as mine:
        near.send(ours.ones(1, requires_grad=True) * 2)
    with pytest.raises(RuntimeError) as reference:
        theirs.multiprocessing.reductions.reduce_tensor(theirs.ones(1, requires_grad=True) * 2)
    assert str(mine.value) == str(reference.value)


def test_strategies() -> None:
    assert mp.get_all_sharing_strategies() == theirs.multiprocessing.get_all_sharing_strategies()
    assert mp.get_sharing_strategy() == theirs.multiprocessing.get_sharing_strategy()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError):
        mp.set_sharing_strategy("nothing")
