"""Settings of all tests: one thread, a clean environment, hypothesis the same in each run."""

from __future__ import annotations

import os
import signal
import tempfile

import hypothesis
import torch

KEPT = {"RUSHLIGHT_TIER", "RUSHLIGHT_SHARED"}  # which tier is under test; where the sample programs lie

for _name in [name for name in os.environ if name.startswith("RUSHLIGHT_") and name not in KEPT]:
    del os.environ[_name]

# Compiled kernels of all tests and of earlier runs; not the user's own cache.
os.environ["RUSHLIGHT_CACHE"] = os.path.join(tempfile.gettempdir(), f"rushlight-tests-{os.getuid()}")

torch.set_num_threads(1)

# PyTorch's `manual_seed` also seeds devices that are not there, and for each notes the whole stack of the call, in case that the device is
# started later: half a millisecond, or more where the stack is deep as pytest's is. The CPU's stream, which is all that is tested, is the same without.
for _device in (torch.cuda, torch.xpu, torch.mtia):
    _device.manual_seed_all = lambda seed: None

# A shell starts what runs in the background with Ctrl-C ignored, and processes that the tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("search", deadline=None)  # HYPOTHESIS_PROFILE=search draws anew each time
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
