"""Kernels are compiled once, kept on disk whole or not at all, and loaded; a mistake in the text is told."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rushlight import config
from rushlight.backend.cpu import box_muller, build, cache, host, loader, workshop
from rushlight.backend.cpu.assembly import Function, Module
from rushlight.backend.cpu.generated import Generated
from rushlight.backend.machine import KINDS, kind_of_host, of_kind
from rushlight.errors import InternalError

from .small_kernels import ABI, add, begin, call_add, finish, get, run_python

needs_x86 = pytest.mark.skipif(
    not build.available() or build.machine_of("sse").native is False, reason="of x86-64 processors"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "cache"
    monkeypatch.setattr(config, "CACHE", str(folder))
    monkeypatch.setattr(build, "_sources", lambda: "whatever is edited meanwhile")
    build._cache.cache_clear()
    yield folder
    build._cache.cache_clear()


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is in memory; symbols are new ones, since the engine keeps the old."""
    monkeypatch.setattr(build, "_tables", {})
    number = iter(range(1000))
    monkeypatch.setattr(build, "_sources", lambda: f"{time.time_ns()} {next(number)}")


# ---- kinds of machines ----


@needs_x86
@pytest.mark.parametrize("kind", ["sse", "avx2", "avx512"])
def test_every_kind_that_the_host_has_runs(kind: str) -> None:
    machine = build.machine_of(kind)
    if not machine.native:
        pytest.skip("this processor does not have it")
    call_add(get((f"kinds {kind}", lambda: add(37, True, machine)), machine), 37)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_compiles_with_its_own_vectors(kind: str) -> None:
    machine = build.machine_of(kind)
    width = machine.width(4)
    f = begin(machine, "double")
    vector = f"<{width} x float>"
    value = f.load(vector, "%arguments", 4)
    f.store(vector, f.binary("fadd", vector, value, value), "%arguments", 4)
    text = finish(f).text
    assert build.compile_only(text, machine)[:4] == b"\x7fELF"
    assembly = build.assembly(text, machine)
    registers = {"avx512": "zmm", "avx2": "ymm", "sse": "xmm", "neon": "v0.4s"}
    assert registers[kind] in assembly
    wider = {"avx512": [], "avx2": ["zmm"], "sse": ["zmm", "ymm"], "neon": []}[kind]
    assert not any(name in assembly for name in wider)


@needs_x86
def test_wide_vectors_are_used_where_llvm_would_rather_not() -> None:
    features = dict.fromkeys(KINDS["avx512"].needs, True)
    machine = of_kind("avx512", features, "skylake-avx512", build.host_machine().triple)
    f = begin(machine, "copy")
    f.module.declarations["llvm.memcpy.p0.p0.i64"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
    f.do("call void @llvm.memcpy.p0.p0.i64(ptr %arguments, ptr null, i64 128, i1 false)")
    assembly = build.assembly(finish(f).text, machine)
    assert "zmm" in assembly and "ymm" not in assembly


def test_what_the_host_lacks_is_not_run() -> None:
    kind = "neon" if build.host_machine().triple.startswith("x86_64") else "sse"
    machine = build.machine_of(kind)
    assert not machine.native
    with pytest.raises(InternalError, match="cannot run"):
        build.compiled([("never", lambda: add(3, True, machine))], machine)


def test_the_host_is_of_the_widest_kind_it_can_run() -> None:
    def has(*kinds: str) -> dict[str, bool]:
        return {feature: True for kind in kinds for feature in KINDS[kind].needs}

    if build.host_machine().triple.startswith("x86_64"):
        assert kind_of_host({}) is None
        assert kind_of_host(has("sse")) == "sse"
        assert kind_of_host(has("sse", "avx2")) == "avx2"
        assert kind_of_host(has("sse", "avx2", "avx512")) == "avx512"
    with pytest.raises(ValueError, match="known are avx512"):
        of_kind("riscv", {}, "", "")


# ---- once compiled ----


def test_a_kernel_is_generated_once_for_a_key(forgetful: None, own_cache: Path) -> None:
    machine, made = build.host_machine(), []

    def make() -> Generated:
        made.append(1)
        return add(5, True, machine)

    requests = [("once", make), ("once", make)]
    first, second = build.compiled(requests, machine)
    assert first is second is build.compiled(requests[:1], machine)[0]
    assert len(made) == 1
    assert len(list(own_cache.glob("*.kernel"))) == 1
    call_add(first, 5)


PROGRAM = """
from rushlight.backend.cpu import build
from tests.backend.small_kernels import add, call_add, get
machine = build.host_machine()
build._sources = lambda: "whatever is edited meanwhile"
def make():
    print("made")
    return add(50, True, machine)
call_add(get(("another process", make)), 50)
"""


def test_another_process_loads_what_this_one_compiled(own_cache: Path) -> None:
    assert run_python(PROGRAM, own_cache) == "made\n"
    files = sorted(own_cache.glob("*.kernel"))
    assert run_python(PROGRAM, own_cache) == ""
    for path in files:  # damaged in various ways: not used, and written anew
        content = path.read_bytes()
        path.write_bytes(content[:-7] if path.stat().st_size % 2 else content[:-20] + b"x" + content[-19:])
    assert run_python(PROGRAM, own_cache) == "made\n"
    assert sorted(own_cache.glob("*")) == files


def test_two_processes_may_write_the_same_cache(own_cache: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert "made\n" in list(pool.map(lambda _: run_python(PROGRAM, own_cache), range(2)))
    assert not list(own_cache.glob("*.part"))
    assert run_python(PROGRAM, own_cache) == ""


def test_sources_that_have_changed_since_they_were_loaded(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(config, "CACHE", str(own_cache))
    monkeypatch.setattr(config, "LOADED", time.time())
    build._sources.cache_clear()
    assert build._sources() and build._cache().folder == own_cache
    monkeypatch.setattr(config, "LOADED", 1.0)
    build._sources.cache_clear()
    build._cache.cache_clear()
    assert build._sources() == "" and build._cache().folder is None
    build._sources.cache_clear()


def test_a_generator_that_fails_leaves_the_others_usable(forgetful: None) -> None:
    machine = build.host_machine()

    def broken() -> Generated:
        raise InternalError("no")

    good = ("good", lambda: add(4, True, machine))
    with pytest.raises(InternalError, match="no"):
        build.compiled([good, ("broken", broken)], machine)
    call_add(get(good), 4)


def test_a_mistake_in_the_text_is_told_with_the_text(forgetful: None) -> None:
    machine = build.host_machine()

    def wrong(text: str) -> str:
        with pytest.raises(InternalError) as caught:
            build.compiled([(f"wrong {text}", lambda: Generated("f", text))], machine)
        path = Path(str(caught.value).rsplit(" ", 1)[1])
        assert path.read_text() == text
        path.unlink()
        return str(caught.value)

    assert "LLVM does not take" in wrong("define void @f(ptr %x) { ret i64 %x }")
    assert "does not define f" in wrong("define void @g() { ret void }")
    function = Function(Module(machine.triple), "f", ABI, internal=False)
    function.call("no_such_function", "void", [])
    assert "calls no_such_function" in wrong(finish(function).text)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build.available() and build.why_not() == ""
    build.why_not.cache_clear()
    here = build.host()
    monkeypatch.setattr(build, "host", lambda: dataclasses.replace(here, llvm=20))
    assert "LLVM 20; 22 or later" in build.why_not() and not build.available()
    monkeypatch.undo()
    for asked in (build.why_not, build.host, workshop.compiler):
        asked.cache_clear()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.delitem(sys.modules, "rushlight.backend.cpu.compiler", raising=False)
    assert "llvmlite is not installed" in build.why_not()
    monkeypatch.undo()
    for asked in (build.why_not, build.host, workshop.compiler):
        asked.cache_clear()  # type: ignore[attr-defined]
    assert build.available()


# ---- the cache alone ----


def test_a_cache_keeps_within_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LOOK_AFTER", 0)
    kept = cache.Cache(tmp_path, limit=10_000)
    left_over = tmp_path / "broken.part"
    left_over.write_bytes(b"")
    os.utime(left_over, (1, 1))
    for i in range(30):
        kept.write(f"k{i:02}", bytes(900))
        os.utime(kept.path(f"k{i:02}"), (1e9 + i, 1e9 + i))
        assert kept.read("k00") == bytes(900)  # used again and again
    assert not left_over.exists()
    names = sorted(path.stem for path in tmp_path.glob("*.kernel"))
    assert sum(path.stat().st_size for path in tmp_path.glob("*.kernel")) <= 10_000
    assert "k00" in names and "k29" in names and "k01" not in names


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    kept = cache.Cache(file / "folder")
    with pytest.warns(UserWarning, match="RUSHLIGHT_CACHE"):
        kept.write("a", b"1")
    kept.write("b", b"2")  # warns once
    assert kept.read("a") is None
    monkeypatch.setattr(config, "CACHE", "off")
    off = cache.of_user()
    off.write("a", b"1")
    assert off.read("a") is None


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache.of_user().folder == tmp_path / "rushlight"


@needs_x86
def test_code_reaches_its_constants_however_far_apart_they_lie() -> None:
    """An object holds no address of 32 bits: its parts are loaded where the process has room."""
    machine = build.host_machine()
    made = box_muller.generate_normals(machine)
    content = build.compiler().kernel_object(made.text, made.name, "rushlight_far", workshop.processor(machine))
    file = loader.ObjectFile(content)
    kinds = {
        kind
        for section in file.sections
        if section.kind == loader.RELOCATIONS
        for _, kind, _, _ in file.relocations(section)
    }
    assert kinds == {loader.WHOLE_ADDRESS}


# ---- without LLVM ----

SPARING = """
import os, sys
os.environ["RUSHLIGHT_TIER"] = "compile"
import rushlight as torch
torch.manual_seed(0)
layer = torch.nn.Linear(300, 20)
for _ in range(3):
    loss = layer(torch.randn(64, 300)).tanh().square().mean()
    loss.backward()
print(loss.item(), "llvmlite.binding" in sys.modules)
"""


@needs_x86
@pytest.mark.skipif(not host.PROCESSORS.exists(), reason="the system does not say what the processor is")
def test_a_program_that_finds_its_kernels_on_the_disk_does_not_load_llvm(own_cache: Path) -> None:
    first, loaded = run_python(SPARING, own_cache).split()
    assert loaded == "True"
    assert run_python(SPARING, own_cache).split() == [first, "False"]


def test_what_llvm_said_is_asked_again_where_it_may_have_changed(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, other = cache.Cache(own_cache), tmp_path / "cpuinfo"
    found = host.look(kept)
    monkeypatch.setattr(host, "compiler", lambda: pytest.fail("LLVM was asked"))
    if host.PROCESSORS.exists():
        assert host.look(kept) == found
    other.write_text("model name : another\nflags : fpu\n\n")
    monkeypatch.setattr(host, "PROCESSORS", other)
    with pytest.raises(pytest.fail.Exception, match="LLVM was asked"):
        host.look(kept)
    monkeypatch.undo()
    monkeypatch.setattr(host, "PROCESSORS", tmp_path / "none")
    assert host.look(kept) == found


@needs_x86
def test_objects_that_cannot_be_loaded_are_refused() -> None:
    machine = build.host_machine()

    def refused(text: str, symbol: str = "f") -> str:
        with pytest.raises(InternalError) as caught:
            loader.load([(symbol, build.compile_only(text, machine))], workshop.compiler)
        return str(caught.value)

    assert "variables of its own" in refused("@x = global i32 1\ndefine ptr @f() { ret ptr @x }")
    assert "does not define g" in refused("define void @f() { ret void }", "g")
    assert "calls nowhere_at_all" in refused(
        "declare void @nowhere_at_all()\ndefine void @f() {\n  call void @nowhere_at_all()\n  ret void\n}"
    )
