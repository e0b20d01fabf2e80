"""Windows into what Rushlight does: it hears `runtime.events`, and changes nothing that is computed.

`RUSHLIGHT_DEBUG` prints to the error output, as `report` says. `explain` times each kernel of a function.
"""

from __future__ import annotations

from importlib import import_module

from .. import config


def start() -> None:
    """Prints events from now on, as RUSHLIGHT_DEBUG says."""
    # The compiler's parts are loaded with it, which a process that looks on pays and others do not.
    import_module(".report", __package__).Report(config.DEBUG).start()
