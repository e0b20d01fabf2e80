"""`python -m rushlight demo`: the tutorial's image classifier, from the data to a picture of what was learnt.

Written as any user would write it: `import rushlight as torch`, and nothing from inside the library.
"""

from __future__ import annotations

from .command import main

__all__ = ["main"]
