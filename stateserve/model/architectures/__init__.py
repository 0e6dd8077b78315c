"""Architectures: modules that are rebuilt from a state, and their forward pass in NumPy."""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.model.architectures.code import ClassFile as ClassFile
    from stateserve.model.architectures.code import TableCode as TableCode
    from stateserve.model.architectures.code import open_code as open_code
    from stateserve.model.architectures.columns import Columns as Columns
    from stateserve.model.architectures.compiled import FloatArray as FloatArray
    from stateserve.model.architectures.compiled import Forward as Forward
    from stateserve.model.architectures.compiled import most_probable as most_probable
    from stateserve.model.architectures.custom_tabular import CustomTabular as CustomTabular
    from stateserve.model.architectures.interval import Interval as Interval
    from stateserve.model.architectures.multiclass import Multiclass as Multiclass
    from stateserve.model.architectures.tabular import TableModule as TableModule
    from stateserve.model.architectures.tabular import Tabular as Tabular
    from stateserve.model.architectures.trees import Trees as Trees

__getattr__ = lazy_exports(
    __name__,
    {
        "code": ("ClassFile", "TableCode", "open_code"),
        "columns": ("Columns",),
        "compiled": ("FloatArray", "Forward", "most_probable"),
        "custom_tabular": ("CustomTabular",),
        "interval": ("Interval",),
        "multiclass": ("Multiclass",),
        "tabular": ("TableModule", "Tabular"),
        "trees": ("Trees",),
    },
)
