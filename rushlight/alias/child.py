"""Run in a child process before all else (`processes.py` says how): makes `import torch` mean Rushlight there too."""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("rushlight") is None:
    sys.path.append(str(Path(__file__).resolve().parents[2]))

importlib.import_module("rushlight.alias").install()
