"""Inspect state_dicts: entries, slices, statistics, and the difference of two.

Takes NumPy arrays, tensors of a file, and torch tensors; reads them in chunks, without torch.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.inspect.alignment import Aligned as Aligned
    from stateserve.inspect.alignment import align as align
    from stateserve.inspect.blocks import MAX_CELLS as MAX_CELLS
    from stateserve.inspect.blocks import Blocks as Blocks
    from stateserve.inspect.blocks import downsample as downsample
    from stateserve.inspect.changes import ModuleChange as ModuleChange
    from stateserve.inspect.changes import Unchanged as Unchanged
    from stateserve.inspect.changes import by_change as by_change
    from stateserve.inspect.changes import module_changes as module_changes
    from stateserve.inspect.changes import unchanged as unchanged
    from stateserve.inspect.entries import MAX_JSON_VALUES as MAX_JSON_VALUES
    from stateserve.inspect.entries import Entry as Entry
    from stateserve.inspect.entries import EntryOutline as EntryOutline
    from stateserve.inspect.entries import Totals as Totals
    from stateserve.inspect.entries import describe_entry as describe_entry
    from stateserve.inspect.entries import describe_state as describe_state
    from stateserve.inspect.entries import json_values as json_values
    from stateserve.inspect.entries import outline_state as outline_state
    from stateserve.inspect.entries import totals as totals
    from stateserve.inspect.findings import Dead as Dead
    from stateserve.inspect.findings import Findings as Findings
    from stateserve.inspect.findings import Found as Found
    from stateserve.inspect.findings import find as find
    from stateserve.inspect.initialisations import Initialisation as Initialisation
    from stateserve.inspect.initialisations import initialisation as initialisation
    from stateserve.inspect.optimizer import OptimizerState as OptimizerState
    from stateserve.inspect.optimizer import is_slot as is_slot
    from stateserve.inspect.optimizer import optimizer_state as optimizer_state
    from stateserve.inspect.sharing import equal_tensors as equal_tensors
    from stateserve.inspect.sharing import ties as ties
    from stateserve.inspect.slices import take_slice as take_slice
    from stateserve.inspect.spectra import Spectrum as Spectrum
    from stateserve.inspect.spectra import matrix_shape as matrix_shape
    from stateserve.inspect.spectra import spectrum as spectrum
    from stateserve.inspect.state_difference import Comparison as Comparison
    from stateserve.inspect.state_difference import Outline as Outline
    from stateserve.inspect.state_difference import compare_states as compare_states
    from stateserve.inspect.state_difference import exceeding as exceeding
    from stateserve.inspect.statistics import MAX_BINS as MAX_BINS
    from stateserve.inspect.statistics import Histogram as Histogram
    from stateserve.inspect.statistics import Statistics as Statistics
    from stateserve.inspect.statistics import histogram as histogram
    from stateserve.inspect.structure_fingerprint import fingerprint as fingerprint
    from stateserve.inspect.tensor_difference import Difference as Difference
    from stateserve.inspect.tree import Node as Node
    from stateserve.inspect.tree import cut as cut
    from stateserve.inspect.tree import module_tree as module_tree
    from stateserve.inspect.tree import prune as prune
    from stateserve.inspect.values import ValueReport as ValueReport
    from stateserve.inspect.values import read_values as read_values

__getattr__ = lazy_exports(
    __name__,
    {
        "alignment": ("Aligned", "align"),
        "blocks": ("Blocks", "MAX_CELLS", "downsample"),
        "state_difference": ("Comparison", "Outline", "compare_states", "exceeding"),
        "tensor_difference": ("Difference",),
        "entries": (
            "Entry",
            "EntryOutline",
            "MAX_JSON_VALUES",
            "Totals",
            "describe_entry",
            "describe_state",
            "json_values",
            "outline_state",
            "totals",
        ),
        "findings": ("Dead", "Findings", "Found", "find"),
        "structure_fingerprint": ("fingerprint",),
        "initialisations": ("Initialisation", "initialisation"),
        "changes": ("ModuleChange", "Unchanged", "by_change", "module_changes", "unchanged"),
        "optimizer": ("OptimizerState", "is_slot", "optimizer_state"),
        "sharing": ("equal_tensors", "ties"),
        "slices": ("take_slice",),
        "spectra": ("Spectrum", "matrix_shape", "spectrum"),
        "statistics": ("Histogram", "MAX_BINS", "Statistics", "histogram"),
        "tree": ("Node", "cut", "module_tree", "prune"),
        "values": ("ValueReport", "read_values"),
    },
)
