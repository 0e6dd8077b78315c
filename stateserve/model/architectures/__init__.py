"""Architectures: modules that are rebuilt from a state, and their forward pass in NumPy."""

from stateserve.model.architectures.compiled import FloatArray, Forward, most_probable
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.architectures.tabular import Columns, Tabular

__all__ = [
    "Columns",
    "FloatArray",
    "Forward",
    "Multiclass",
    "Tabular",
    "most_probable",
]
