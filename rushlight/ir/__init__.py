"""The graph level: types, nodes, op records. Importing the package loads the records that most programs need; a rarer family's come with
what uses them.
"""

from . import component, contract, index, reduce, scalar, sort, view

__all__ = ["component", "contract", "index", "reduce", "scalar", "sort", "view"]
