"""Runs a trial with PyTorch, with torchvision beside it as the other tests have it.

python -m tests.ecosystem.oracle TRIAL
"""

from __future__ import annotations

import runpy
import sys

from ..samples import torchvision_oracle

__all__ = ["torchvision_oracle"]

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
