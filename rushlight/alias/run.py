"""Runs a program as `python` itself would, with `import torch` meaning Rushlight.

`sys.argv`, `sys.path[0]`, `__main__` and its attributes, exit codes and tracebacks are those of `python script.py`,
`python -m module` and `python -c code`.
"""

from __future__ import annotations

import builtins
import os
import runpy
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType
from typing import Any

from .finder import install


def run_script(path: str, arguments: list[str]) -> None:
    """Runs the file `path` as `python path arguments…`; a folder means its `__main__.py`, "-" standard input."""
    if path == "-":
        _start(["-", *arguments], "")
        main = _fresh_main()
        _as_program(_execute, sys.stdin.buffer.read(), "<stdin>", main)
        return
    folder = os.path.isdir(path)
    file = os.path.join(path, "__main__.py") if folder else path
    # As python does: the folder that the script really lies in, behind any link to it.
    _start([path, *arguments], path if folder else os.path.dirname(os.path.realpath(path)))
    file = os.path.abspath(file)
    try:
        with open(file, "rb") as stream:
            source = stream.read()
    except OSError as error:
        print(f"{sys.executable}: can't open file {file!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        sys.exit(2)
    main = _fresh_main()
    main.__file__ = file
    main.__cached__ = None
    main.__loader__ = SourceFileLoader("__main__", file)
    _as_program(_execute, source, file, main)


def run_module(name: str, arguments: list[str]) -> None:
    """Runs the module `name` as `python -m name arguments…`."""
    _start(["-m", *arguments], None)
    _fresh_main()
    _as_program(runpy._run_module_as_main, name)  # type: ignore[attr-defined]  # what `python -m` itself calls


def run_code(source: str, arguments: list[str]) -> None:
    """Runs `source` as `python -c source arguments…`."""
    _start(["-c", *arguments], "")
    _as_program(_execute, source, "<string>", _fresh_main())


def _start(argv: list[str], first_path: str | None) -> None:
    """Sets what the program sees of its start; `first_path` goes where `python -m` has put the current folder."""
    install()
    sys.argv[:] = argv
    if first_path is not None and not sys.flags.safe_path:
        sys.path[0] = first_path


def _fresh_main() -> ModuleType:
    """A new `__main__`; the one of `python -m rushlight` stays alive, since its code is running."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    return main


def _execute(source: bytes | str, file: str, main: ModuleType) -> None:
    exec(compile(source, file, "exec", dont_inherit=True), main.__dict__)


def _as_program(run: Callable[..., Any], *arguments: Any) -> None:
    """Calls `run(*arguments)`; an exception goes on to the interpreter, whose traceback then begins in the program."""
    try:
        run(*arguments)
    except SystemExit:
        raise
    except BaseException as error:
        program = _beyond_this_file(error.__traceback__)
        show = sys.excepthook  # the program may have set its own

        def show_program(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
            show(kind, value.with_traceback(program), program)

        sys.excepthook = show_program
        raise


def _beyond_this_file(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace
