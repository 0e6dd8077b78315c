"""A file's view as text."""

from collections.abc import Iterator

from app.cli.inspection.bars import bars
from app.cli.inspection.file_view import ChosenState, FileView, StateView
from app.cli.inspection.tree_table import counted, size, tree_table
from app.cli.inspection.warning_lines import warning_lines
from app.cli.output import figure, print_line, print_table, short, table
from stateserve.inspect import EntryOutline, Spectrum, ValueReport

MOST_OTHERS = 20
MOST_METADATA = 200
MOST_METADATA_LINES = 200


def show(view: FileView, *, stats: bool) -> None:
    for line in _head(view):
        print_line(line)
    if view.state is None:
        return
    state = view.state
    print_line("")
    if stats and state.values is not None:
        _show_statistics(state.entries, state.values)
    else:
        print_table(tree_table(state.tree))
    print_line("")
    for line in warning_lines(state):
        print_line(line)
    if state.spectra:
        _show_spectra(state.spectra)
    for name, histogram in state.histograms.items():
        print_line(name)
        for line in bars(histogram):
            print_line(line)
    for line in _totals(state):
        print_line(line)


def _head(view: FileView) -> Iterator[str]:
    yield f"{view.file}: {view.format}"
    for note in view.notes:
        yield f"  note: {note}"
    for name, text in list(view.metadata.items())[:MOST_METADATA_LINES]:
        yield f"  metadata: {name[:MOST_METADATA]}: {text[:MOST_METADATA]}"
    if (more := len(view.metadata) - MOST_METADATA_LINES) > 0:
        yield f"  and {more} more entries of metadata: --json has all"
    for state in view.states:
        if state.key or len(view.states) > 1 or state.kind != "state":
            yield f"  {_state(state)}"
    for path, text in list(view.others.items())[:MOST_OTHERS]:
        yield f"  {path or 'content'}: {text}"
    if len(view.others) > MOST_OTHERS:
        yield f"  and {counted(len(view.others) - MOST_OTHERS, 'value')} more: --json has all"
    if view.state is None and view.states:
        yield f"several states: choose one with --key, such as --key {view.states[0].key}"


def _state(state: StateView) -> str:
    kind = {"state": "state", "module": f"module {state.class_name}"}.get(state.kind, state.kind)
    optimizer = ""
    if state.optimizer is not None:
        slots = ", ".join(f"{slot.name} ({slot.tensors})" for slot in state.optimizer.slots)
        name = state.optimizer.optimizer or "unknown"
        optimizer = f"; {name}: {slots}" if slots else "; it has made no step"
    sizes = ", ".join(
        (counted(state.tensors, "tensor"), counted(state.elements, "element"), size(state.bytes))
    )
    return f"{state.key or 'the whole file'}: {kind}: {sizes}{optimizer}"


def _totals(state: ChosenState) -> Iterator[str]:
    sums = state.totals
    others = sums.elements - sums.parameters - sums.buffers
    more = f", {others} others" if others else ""
    where = f" at {state.key}" if state.key else ""
    unread = "" if state.values is not None else "; values not read, --stats reads them"
    yield f"{counted(sums.entries, 'tensor')}{where}, structure {state.fingerprint}"
    tied = f"; {sums.tied} elements more are tied to these" if sums.tied else ""
    counts = f"{sums.parameters} parameters, {sums.buffers} buffers{more}, {sums.bytes} bytes"
    yield f"{counts}{tied}{unread}"


def _show_statistics(entries: list[EntryOutline], values: ValueReport) -> None:
    columns = ("kind", "shape", "dtype", "elements", "min", "max", "mean", "std", "std / new")
    rows = table("name", *columns, "compared")
    for entry in entries:
        found = values.statistics.get(entry.name)
        numbers = (found.min, found.max, found.mean, found.std) if found else [None] * 4
        compared = values.initialisations.get(entry.name)
        rows.add_row(
            entry.name,
            entry.kind,
            str(entry.shape),
            entry.dtype,
            str(entry.elements),
            *(figure(number, entry.dtype) for number in numbers),
            short(compared.ratio) if compared else "",
            compared.state if compared else "",
        )
    print_table(rows)


def _show_spectra(spectra: dict[str, Spectrum | str]) -> None:
    columns = ("matrix", "rank", "effective", "stable", "largest", "smallest", "above random")
    rows = table("singular values", *columns)
    for name, found in spectra.items():
        if isinstance(found, str):
            rows.add_row(name, found)
            continue
        extremes = (found.singular_values[0], found.singular_values[-1])
        ranks = (found.effective_rank, found.stable_rank)
        sides = f"{found.rows} x {found.columns}"
        numbers = [short(number) for number in (*ranks, *extremes)]
        rows.add_row(name, sides, str(found.rank), *numbers, str(found.above_random))
    print_table(rows)
