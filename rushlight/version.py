"""The version, in its one place.

>>> __version__.count(".")
2
"""

__version__ = "0.1.0"
