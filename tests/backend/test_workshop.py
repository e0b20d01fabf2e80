"""Other processes help to compile; whatever becomes of them, every kernel is compiled, and a mistake is told."""

from __future__ import annotations

import sys
import time

import pytest

from rushlight.backend.cpu import build, workshop
from rushlight.backend.cpu.workshop import Job, Workshop
from rushlight.errors import InternalError

from .small_kernels import add, call_add

pytestmark = pytest.mark.skipif(not build.available(), reason="kernels cannot be compiled here")


def jobs(count: int) -> list[Job]:
    machine, stamp = build.host_machine(), time.time_ns()
    made = [add(5 + i, True, machine) for i in range(count)]
    return [Job(f"{i}", f"{stamp}_{i}", [one.name, 0, 0, True], one.text) for i, one in enumerate(made)]


def compile_all(waiting: list[Job]) -> Workshop:
    with Workshop(build.host_machine()) as shop:
        for job in waiting:
            shop.take(job)
    return shop


def test_a_helper_compiles_what_waits() -> None:
    machine, waiting = build.host_machine(), jobs(3)
    shop = Workshop(machine)
    shop._waiting, shop._closed = list(waiting), True
    shop._help()
    (address, *_) = workshop.compiler().load([(job.symbol, job.content) for job in waiting])
    call_add(build.Compiled("add", address), 5)
    for job in waiting:  # here LLVM does the same
        content, job.content = job.content, b""
        job.compile(machine)
        assert content == job.content


@pytest.mark.parametrize("executable", [sys.executable, "/nowhere/python", "/bin/false", ""])
def test_nothing_is_lost_with_a_helper(executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "TEXT_FOR_A_HELPER", 1)
    monkeypatch.setattr(workshop, "cores_allowed", lambda: 3)
    monkeypatch.setattr(workshop, "_runs_python", bool)
    monkeypatch.setattr(sys, "executable", executable)
    waiting = jobs(7)
    assert len(compile_all(waiting)._helpers) == (2 if executable else 0)
    assert all(job.content[:4] == b"\x7fELF" for job in waiting)


def test_little_text_needs_no_helper() -> None:
    waiting = jobs(2)
    assert compile_all(waiting)._helpers == []
    assert all(job.content[:4] == b"\x7fELF" for job in waiting)


def test_a_helper_is_a_python() -> None:
    assert workshop._runs_python("/usr/bin/python3.11") and workshop._runs_python("C:/python.exe")
    assert not any(map(workshop._runs_python, ("", None, "/usr/bin/uwsgi", "/opt/blender")))


def test_a_mistake_in_one_of_many_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "TEXT_FOR_A_HELPER", 1)
    monkeypatch.setattr(workshop, "cores_allowed", lambda: 2)
    waiting = jobs(4)
    waiting[2].text = "define void @add(ptr %x) { ret i64 %x }"
    with pytest.raises(InternalError, match="does not take"):
        compile_all(waiting)


def test_a_generator_that_fails_leaves_no_helper_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "TEXT_FOR_A_HELPER", 1)
    monkeypatch.setattr(workshop, "cores_allowed", lambda: 2)
    with pytest.raises(ZeroDivisionError), Workshop(build.host_machine()) as shop:
        for job in jobs(4):
            shop.take(job)
        raise ZeroDivisionError
    for helper in shop._helpers:
        helper.join(60)
        assert not helper.is_alive()
