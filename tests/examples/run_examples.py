"""Runs examples one after another, in whichever engine `import torch` means, and writes what each did:

    run_examples.py '[["mlp_regression", ["--steps", "3"]], …]'

`examples.json` in the current folder then has for each its losses, what it printed and the seconds it took, or the traceback of what it raised.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
found = {}
for name, arguments in json.loads(sys.argv[1]):
    printed, began = io.StringIO(), time.process_time()
    try:
        with contextlib.redirect_stdout(printed):
            losses = importlib.import_module(name).main(arguments)
        found[name] = {"losses": losses, "printed": printed.getvalue(), "seconds": time.process_time() - began}
    except Exception:
        found[name] = {"failed": traceback.format_exc()}
Path("examples.json").write_text(json.dumps(found))
