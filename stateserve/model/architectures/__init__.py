"""Architectures: modules that are rebuilt from a state, and their forward pass in NumPy."""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.model.architectures.compiled import FloatArray as FloatArray
    from stateserve.model.architectures.compiled import Forward as Forward
    from stateserve.model.architectures.compiled import most_probable as most_probable
    from stateserve.model.architectures.multiclass import Multiclass as Multiclass
    from stateserve.model.architectures.tabular import Columns as Columns
    from stateserve.model.architectures.tabular import Tabular as Tabular

__getattr__ = lazy_exports(
    __name__,
    {
        "compiled": ("FloatArray", "Forward", "most_probable"),
        "multiclass": ("Multiclass",),
        "tabular": ("Columns", "Tabular"),
    },
)
