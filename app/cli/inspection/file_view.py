"""A file as `stateserve inspect` shows it: one object for the text and for --json."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from stateserve.checkpoint import Checkpoint, FoundState, Opaque, describe
from stateserve.errors import StateMismatch, UnsafeCheckpoint
from stateserve.inspect import (
    EntryOutline,
    Histogram,
    Node,
    OptimizerState,
    Spectrum,
    Totals,
    ValueReport,
    fingerprint,
    module_tree,
    optimizer_state,
    outline_state,
    prune,
    totals,
)
from stateserve.names import select

MOST_OTHERS = 1000
MOST_IN_LINE = 8


@dataclass(frozen=True)
class StateView:
    """One state of the file. `optimizer` is of an optimizer's state alone."""

    key: str
    kind: str
    class_name: str | None
    tensors: int
    elements: int
    bytes: int
    optimizer: OptimizerState | None


@dataclass(frozen=True)
class ChosenState:
    """The state that is shown in full, after --only.

    `ties` are the names of each tensor that has several. `values` is None where no values were
    read; `spectra` has a reason for what is refused.
    """

    key: str
    fingerprint: str
    totals: Totals
    tree: Node
    ties: list[list[str]]
    entries: list[EntryOutline]
    values: ValueReport | None = None
    spectra: dict[str, Spectrum | str] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True)
class FileView:
    """`others` are the values that are in no state, by their paths, as text.

    `state` is None if the file has no state, or several and no key chooses one.
    """

    file: str
    format: str
    notes: list[str]
    metadata: dict[str, str]
    states: list[StateView]
    others: dict[str, str]
    state: ChosenState | None


def view_file(file: str, checkpoint: Checkpoint, state: ChosenState | None) -> FileView:
    return FileView(
        file,
        checkpoint.format,
        checkpoint.notes,
        checkpoint.metadata,
        [_view_state(found, state) for found in checkpoint.states.values()],
        _view_others(checkpoint),
        state,
    )


def as_json(view: FileView) -> dict[str, object]:
    """The chosen state's fields beside the file's; an entry has what is known of its values."""
    fields = asdict(view)
    chosen = fields.pop("state") or {}
    values = chosen.pop("values", None) or {}
    known = {
        name: values.get(source, {})
        for name, source in (
            ("sha256", "sha256"),
            ("statistics", "statistics"),
            ("findings", "findings"),
            ("initialisation", "initialisations"),
        )
    }
    for entry in chosen.get("entries", ()):
        entry.update({name: found.get(entry["name"]) for name, found in known.items()})
    read = {"copies": values.get("copies"), "unread": values.get("unread")}
    return {**fields, "values_read": bool(values), **chosen, **read}


def _view_state(found: FoundState, chosen: ChosenState | None) -> StateView:
    if chosen and chosen.key == found.key and len(chosen.entries) == len(found.tensors):
        outlines = chosen.entries
    else:
        outlines = outline_state(found.tensors)
    sums = totals(outlines)
    optimizer = optimizer_state(outlines) if found.kind == "optimizer" else None
    sizes = (sums.entries, sums.elements, sums.bytes)
    return StateView(found.key, found.kind, found.class_name, *sizes, optimizer)


def choose(checkpoint: Checkpoint, key: str | None) -> FoundState | None:
    """The state to show; None where the file has none or several, and no key is given."""
    try:
        return checkpoint.state(key)
    except (StateMismatch, UnsafeCheckpoint):
        if key is None:
            return None
        raise


def outline(found: FoundState, only: list[str], *, fold: bool, depth: int | None) -> ChosenState:
    """All that is known without reading values. Raises InvalidNames."""
    tensors = {name: found.tensors[name] for name in select(found.tensors, only)}
    entries = outline_state(tensors)
    tree = module_tree(entries, fold=fold)
    return ChosenState(
        key=found.key,
        fingerprint=fingerprint(tensors),
        totals=totals(entries),
        tree=tree if depth is None else prune(tree, depth),
        ties=_ties(entries),
        entries=entries,
    )


def _ties(entries: list[EntryOutline]) -> list[list[str]]:
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry.tied_to or entry.name, []).append(entry.name)
    return [each for each in names.values() if len(each) > 1]


def _view_others(checkpoint: Checkpoint) -> dict[str, str]:
    """The first MOST_OTHERS values that are neither containers nor in a state."""
    found: dict[str, str] = {}
    for path, text in _others(checkpoint):
        if len(found) == MOST_OTHERS:
            break
        found[path] = text
    return found


def _others(checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    states = checkpoint.states
    whole = {key for key, state in states.items() if state.kind != "state"}
    short: dict[int, bool] = {}
    for node in checkpoint.walk():
        keys = ["/".join(node.path[:depth]) for depth in range(len(node.path) + 1)]
        path, parent = keys[-1], keys[-2] if len(keys) > 1 else None
        if whole.intersection(keys):
            continue
        if parent in states and str(node.path[-1]) in states[parent].tensors:
            continue
        if id(node.value) not in short:
            # A long list may be at many paths.
            short[id(node.value)] = _is_short(node.value)
        if short[id(node.value)] and isinstance(node.value, list | tuple):
            whole.add(path)
            yield path, _list_text(node.value)
        elif isinstance(node.value, Opaque) or not isinstance(node.value, dict | list | tuple):
            yield path, describe(node.value)


def _is_short(value: object) -> bool:
    """Whether it is a list of numbers and texts, which is shown in one line."""
    plain = (int, float, str, bool, type(None))
    return isinstance(value, list | tuple) and all(type(each) in plain for each in value)


def _list_text(values: Sequence[object]) -> str:
    shown = ", ".join(map(describe, values[:MOST_IN_LINE]))
    more = f", ... {len(values)} values" if len(values) > MOST_IN_LINE else ""
    return f"[{shown}{more}]"
