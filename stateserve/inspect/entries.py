"""Entries of a state_dict, their totals and values."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stateserve.checkpoint import DTYPES, Array, Values, dtype_name, tensor_sha256
from stateserve.inspect.optimizer import is_slot
from stateserve.inspect.sharing import ties
from stateserve.inspect.statistics import Statistics, statistics

# JSON takes ten times the size of the numbers; for larger tensors there are binary formats.
MAX_JSON_VALUES = 100_000
USUAL_BUFFERS = {"running_mean", "running_var", "num_batches_tracked"}
# Of torch.nn's linear, convolution, normalisation, embedding, attention and recurrent layers.
USUAL_PARAMETER = re.compile(
    r"(weight|bias)(_[gvuo]|_orig|_[ih]h_l\d+(_reverse)?)?|(in|q|k|v)_proj_(weight|bias)|bias_[kv]"
    r"|original[01]?"
)


@dataclass(frozen=True)
class EntryOutline:
    """One entry of a state_dict without its values.

    `trainable`: an optimizer would change it. `tied_to`: the first name of the same elements of
    the same storage, if this is another.
    """

    name: str
    kind: str
    trainable: bool
    shape: list[int]
    dtype: str
    elements: int
    bytes: int
    tied_to: str | None


@dataclass(frozen=True)
class Entry(EntryOutline):
    sha256: str
    statistics: Statistics


@dataclass(frozen=True)
class Totals:
    """Sums of elements, and of their bytes. Those of tied entries count once, as in torch's
    Module.parameters(); `tied` counts the elements that are left out for that."""

    entries: int
    parameters: int
    buffers: int
    elements: int
    bytes: int
    tied: int


def describe_state(
    state: Mapping[str, Values], trainable: Mapping[str, bool] | None = None
) -> list[Entry]:
    """The entries of a state, in its order, with their kinds as outline_state has them."""
    entries: dict[str, Entry] = {}
    for outline in outline_state(state, trainable):
        known = entries.get(outline.tied_to or "")
        entries[outline.name] = (
            Entry(**vars(outline), sha256=known.sha256, statistics=known.statistics)
            if known is not None
            else describe_entry(outline, state[outline.name])
        )
    return list(entries.values())


def describe_entry(outline: EntryOutline, tensor: Values) -> Entry:
    """The entry of one tensor, whose values are read in chunks."""
    return Entry(**vars(outline), sha256=tensor_sha256(tensor), statistics=statistics(tensor))


def outline_state(
    state: Mapping[str, Values], trainable: Mapping[str, bool] | None = None
) -> list[EntryOutline]:
    """The entries of a state, in its order, without reading values.

    `trainable` has the names of its parameters. Without it, the kinds are those that torch.nn and
    torch.optim give tensors of these names and dtypes, and "unknown" for other names.
    """
    entries = []
    firsts = {name: names[0] for names in ties(state) for name in names[1:]}
    for name, tensor in state.items():
        if trainable is None:
            kind = _usual_kind(name, dtype_name(tensor))
            trained = kind == "parameter"
        else:
            kind = "parameter" if name in trainable else "buffer"
            trained = trainable.get(name, False)
        entries.append(_outline(name, tensor, kind, trained, firsts.get(name)))
    return entries


def _usual_kind(name: str, dtype: str) -> str:
    last = name.rpartition(".")[2]
    if is_slot(name):
        return "optimizer"
    if last in USUAL_BUFFERS or (dtype in DTYPES and DTYPES[dtype].kind in "iub"):
        return "buffer"
    return "parameter" if USUAL_PARAMETER.fullmatch(last) else "unknown"


def _outline(
    name: str, tensor: Values, kind: str, trainable: bool, tied_to: str | None
) -> EntryOutline:
    return EntryOutline(
        name=name,
        kind=kind,
        trainable=trainable,
        shape=list(tensor.shape),
        dtype=dtype_name(tensor),
        elements=math.prod(tensor.shape),
        bytes=tensor.nbytes,
        tied_to=tied_to,
    )


def totals(entries: Sequence[EntryOutline]) -> Totals:
    """Elements by kind: parameters, which an optimizer trains, and buffers."""
    names = {entry.name for entry in entries}
    distinct = [entry for entry in entries if entry.tied_to not in names]
    by_kind: Counter[str] = Counter()
    for entry in distinct:
        by_kind[entry.kind] += entry.elements
    return Totals(
        entries=len(entries),
        parameters=by_kind["parameter"],
        buffers=by_kind["buffer"],
        elements=sum(by_kind.values()),
        bytes=sum(entry.bytes for entry in distinct),
        tied=sum(entry.elements for entry in entries) - sum(by_kind.values()),
    )


def json_values(array: Array) -> object:
    """Nested lists in the array's shape, with None for NaN and infinity.

    A complex number is a list of its real and its imaginary part.
    """
    if np.iscomplexobj(array):
        array = np.stack([array.real, array.imag], axis=-1)
    missing = ~np.isfinite(array)
    if not missing.any():
        return array.tolist()
    values = array.astype(object)
    values[missing] = None
    return values.tolist()
