"""Architectures: modules that are rebuilt from a state, and their forward pass in NumPy."""

from stateserve.model.architectures.compiled import FloatArray, Forward, most_probable
from stateserve.model.architectures.multiclass import Multiclass

__all__ = [
    "FloatArray",
    "Forward",
    "Multiclass",
    "most_probable",
]
