"""Runs a program in PyTorch and torchvision:  python -m bench.with_pytorch program.py"""

from __future__ import annotations

import os
import runpy
import sys

from tests.samples import torchvision_oracle  # noqa: F401  (makes `import torchvision` work)

del sys.argv[0]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
