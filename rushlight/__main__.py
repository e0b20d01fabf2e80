"""`python -m rushlight`: runs PyTorch programs, unchanged, and Rushlight's own commands."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

from .alias import run_code, run_module, run_script
from .version import release

USAGE = """\
usage: python -m rushlight script.py [ARGS]    run a PyTorch program: `import torch` means Rushlight
       python -m rushlight -m module [ARGS]    the same for a module
       python -m rushlight -c code [ARGS]      the same for code given here
       python -m rushlight - [ARGS]            the same for code from standard input
       python -m rushlight demo [OPTIONS]      train the tutorial's image classifier (demo --help)
       python -m rushlight --version | --help"""

# Commands, by the module whose `main(arguments)` runs them; loaded when asked for, since they need more than the core.
COMMANDS = {"demo": "rushlight.demo"}


def main(arguments: list[str]) -> None:
    """Does what the command line says; ends the process with 2 where it is not understood."""
    first, *rest = arguments or [""]
    if first in ("-h", "--help"):
        print(USAGE)
    elif first in ("-V", "--version"):
        print(f"rushlight {release}")
    elif first in ("-m", "-c"):
        if not rest:
            fail(f"argument expected for the {first} option")
        (run_module if first == "-m" else run_code)(rest[0], rest[1:])
    elif first in COMMANDS:
        importlib.import_module(COMMANDS[first]).main(rest)
    elif first == "-" or (first and not first.startswith("-")):
        run_script(first, rest)
    else:
        fail(f"unknown option: {first}" if first else "nothing to run")


def fail(text: str) -> NoReturn:
    """Ends the process as a command line that is not understood does."""
    print(f"{text}\n{USAGE}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
