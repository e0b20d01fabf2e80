"""Windows into what Rushlight does, for `RUSHLIGHT_DEBUG`; hears `runtime.events`, changes nothing.

1 prints plan-cache misses, 2 also every flush with its time, 3 also the graph of each new plan as text that reads back.
"""

from __future__ import annotations

import sys
from typing import Any

from .. import config
from ..runtime import events


def _print(event: str, facts: dict[str, Any]) -> None:
    if event == "plan miss":
        print(f"rushlight: new plan of {facts['nodes']} steps ({facts['plans']} kept)", file=sys.stderr)
        if config.DEBUG >= 3:
            print(facts["plan"].text(), file=sys.stderr)
    elif event == "flush" and config.DEBUG >= 2:
        print(f"rushlight: {facts['steps']} steps in {facts['seconds'] * 1e3:.3f} ms", file=sys.stderr)


def start() -> None:
    """Prints events from now on, as RUSHLIGHT_DEBUG says."""
    events.subscribe(_print)
