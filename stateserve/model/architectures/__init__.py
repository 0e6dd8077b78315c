"""The modules that a state fits, and their forward pass as NumPy."""

from stateserve.model.architectures.compiled import FloatArray, Forward, most_probable
from stateserve.model.architectures.multiclass import Multiclass

__all__ = [
    "FloatArray",
    "Forward",
    "Multiclass",
    "most_probable",
]
