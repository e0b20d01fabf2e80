"""The graph level: types, nodes, op records. Importing the package loads every record."""

from . import component, contract, fourier, index, reduce, scalar, sort, special_ops, view

__all__ = ["component", "contract", "fourier", "index", "reduce", "scalar", "sort", "special_ops", "view"]
