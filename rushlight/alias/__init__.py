"""`import torch` and `import torchvision` mean Rushlight: for one process and the worker processes it starts.

    import rushlight.alias
    rushlight.alias.install()
    import torch                # is rushlight
    import torch.utils.data     # is rushlight.data

`python -m rushlight script.py` does this before it runs the script. A PyTorch that is installed is neither read nor
changed.
"""

from __future__ import annotations

from .finder import install
from .run import run_code, run_module, run_script

__all__ = ["install", "run_code", "run_module", "run_script"]
