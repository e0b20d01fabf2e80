"""`python -m rushlight …` runs a program as `python …` does: compared with Python itself, program by program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What a program sees of its start, and the ways in which it can end.
PROGRAMS = {
    "start": """
import sys, os
print(sys.argv, __name__, os.path.relpath(__file__), __package__, __spec__, __doc__)
print(sorted(set(vars()) - {"__annotations__"}))
print([os.path.realpath(sys.path[0])], sys.modules["__main__"].__dict__ is globals())
""",
    "docstring and future": """'Text.'
from __future__ import annotations
def f(x: unknown): pass
print(__doc__, f.__annotations__)
""",
    "neighbour": "import neighbour\nprint(neighbour.VALUE, neighbour.__file__ == neighbour.__spec__.origin)",
    "encoding": "# coding: latin-1\nprint(ascii('\\u00e9'))",
    "exit code": "import sys\nsys.exit(7)",
    "exit text": "import sys\nsys.exit('a last word')",
    "exit nothing": "raise SystemExit",
    "error": "def f(x):\n    return 1 / x\n\nf(0)",
    "chained error": "try:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('no a') from error",
    "error in neighbour": "import neighbour\nneighbour.fail()",
    "syntax error": "x = (1,\nprint(x",
    "missing module": "import no_such_module_at_all",
    "own excepthook": "import sys\nsys.excepthook = lambda *error: print('mine:', error[1], error[2].tb_lineno)\n1 / 0",
    "atexit": "import atexit\natexit.register(print, 'the end', __name__)\nraise RuntimeError('first')",
    "thread": "import threading\nthreading.Thread(target=lambda: print(__name__, bool(__file__))).start()",
    "interrupt": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(30)",
    "interrupt handled": "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    print('caught')",
    "pickle": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)",
    "source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))",
    "standard input": "print(input() + '!')",
}

# Programs that speak of their file.
FILES_ONLY = ("start", "encoding", "source", "thread")

NEIGHBOUR = "VALUE = 3\ndef fail():\n    raise LookupError('in the neighbour')\n"


def run(folder: Path, *command: str, standard_input: str = "text\n") -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "neighbour.py").write_text(NEIGHBOUR)
    return tmp_path


@pytest.mark.parametrize("name", PROGRAMS)
def test_script(folder: Path, name: str) -> None:
    (folder / "programs" / "script.py").write_text(PROGRAMS[name], encoding="latin-1")
    command = ("programs/script.py", "--one", "-c", "two words")
    assert run(folder, "-m", "rushlight", *command) == run(folder, *command)


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in FILES_ONLY])
def test_code(folder: Path, name: str) -> None:
    command = ("-c", PROGRAMS[name], "-m", "two words")
    assert run(folder / "programs", "-m", "rushlight", *command) == run(folder / "programs", *command)


def test_module(folder: Path) -> None:
    (folder / "programs" / "__init__.py").write_text("print('package', __name__)")
    (folder / "programs" / "script.py").write_text("import sys\nprint(sys.argv, __spec__.name, sys.path[0])\n1 / 0")
    command = ("-m", "programs.script", "-x", "y")
    assert run(folder, "-m", "rushlight", *command) == run(folder, *command)
    assert run(folder, "-m", "rushlight", "-m", "programs.none") == run(folder, "-m", "programs.none")


def test_folder_link_standard_input_and_missing_file(folder: Path) -> None:
    (folder / "programs" / "__main__.py").write_text("import sys, neighbour\nprint(sys.argv, neighbour.VALUE)")
    (folder / "link.py").symlink_to(folder / "programs" / "__main__.py")
    for command in (("programs", "a"), ("link.py", "a"), ("missing.py",), ("missing/missing.py", "x")):
        assert run(folder, "-m", "rushlight", *command) == run(folder, *command)
    code = "import sys\nprint(sys.argv, __name__, [sys.path[0]])\nraise SystemExit(3)"
    ours = run(folder, "-m", "rushlight", "-", "b", standard_input=code)
    assert ours == run(folder, "-", "b", standard_input=code)


def test_interrupt_ends_by_the_signal(folder: Path) -> None:
    assert run(folder, "-m", "rushlight", "-c", PROGRAMS["interrupt"])[0] == -signal.SIGINT


def test_commands(folder: Path) -> None:
    code, out, _ = run(folder, "-m", "rushlight", "--version")
    assert (code, out.split()[0]) == (0, "rushlight")
    code, out, _ = run(folder, "-m", "rushlight", "--help")
    assert code == 0 and "script.py" in out and "demo" in out
    for wrong in ((), ("--nonsense",), ("-m",), ("-c",)):
        code, out, err = run(folder, "-m", "rushlight", *wrong)
        assert (code, out) == (2, "") and "usage:" in err
