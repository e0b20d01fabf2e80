"""The graph level: types, nodes, op records. Importing the package loads every record."""

from . import component, index, reduce, scalar, sort, view

__all__ = ["component", "index", "reduce", "scalar", "sort", "view"]
