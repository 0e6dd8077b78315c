"""What is unusual in a state, one line for each kind of it."""

from collections.abc import Iterable, Iterator, Mapping

from app.cli.inspection.file_view import ChosenState
from app.cli.output import figure
from stateserve.inspect import Dead, Found, ValueReport, is_slot
from stateserve.text import listed

MOST_NAMES = 5
# Of fewer elements, a sample looks like any law.
FEWEST = 32


def warning_lines(state: ChosenState) -> Iterator[str]:
    yield from _limited("tied, one storage", (listed(names, MOST_NAMES) for names in state.ties))
    if state.values is None:
        return
    dtypes = {entry.name: entry.dtype for entry in state.entries}
    yield from _findings(state.values, dtypes)
    yield from _limited(
        "equal, but not tied", (listed(names, MOST_NAMES) for names in state.values.copies)
    )
    unread = (f"{name}: {reason}" for name, reason in state.values.unread.items())
    yield from _limited("not read", unread)
    yield from _initialisations(state)


def _findings(values: ValueReport, dtypes: Mapping[str, str]) -> Iterator[str]:
    found = values.findings.items()
    nan = (f"{name}: {_found(each.nan)}" for name, each in found if each.nan)
    yield from _limited("NaN", nan)
    infinite = (f"{name}: {_found(each.infinite)}" for name, each in found if each.infinite)
    yield from _limited("infinite", infinite)
    # Of an optimizer, zeros and constants say nothing.
    of_model = [(name, each) for name, each in found if not is_slot(name)]
    rows = (f"{name} {_dead(each.dead_rows, 'row')}" for name, each in of_model if each.dead_rows)
    yield from _several("all zeros", rows)
    columns = (
        f"{name} {_dead(each.dead_columns, 'column')}"
        for name, each in of_model
        if each.dead_columns
    )
    yield from _several("all zeros", columns)
    constants = (
        f"{name} {figure(each.constant, dtypes[name])}"
        for name, each in of_model
        if each.constant is not None and not _new(values, name)
    )
    yield from _several("constant", constants)


def _initialisations(state: ChosenState) -> Iterator[str]:
    values = state.values or ValueReport()
    compared = values.initialisations
    elements = {entry.name: entry.elements for entry in state.entries}
    collapsed = (
        name
        for name, found in compared.items()
        if found.state == "collapsed" and values.findings[name].constant is None
    )
    yield from _several("collapsed, nearly constant", collapsed)
    # Biases and norms stay as they were more often than weights, and their ones prove little.
    random = [
        name
        for name, found in compared.items()
        if found.law != "constant" and elements[name] >= FEWEST
    ]
    new = [name for name in random if _new(values, name)]
    if len(new) == len(random) > 1:
        yield f"as torch initialises them: all {len(new)} weights and biases; not trained?"
    else:
        yield from _several("as torch initialises them", new)


def _new(values: ValueReport, name: str) -> bool:
    found = values.initialisations.get(name)
    return found is not None and found.state == "as initialised"


def _limited(what: str, found: Iterable[str]) -> Iterator[str]:
    """A line for each of the first, then one for the rest."""
    texts = list(found)
    for text in texts[:MOST_NAMES]:
        yield f"{what}: {text}"
    if len(texts) > MOST_NAMES:
        yield f"{what}: {len(texts) - MOST_NAMES} more, which --json lists"


def _several(what: str, found: Iterable[str]) -> Iterator[str]:
    texts = list(found)
    if texts:
        yield f"{what}: {listed(texts, MOST_NAMES)}"


def _found(where: Found) -> str:
    elements = "element" if where.count == 1 else "elements"
    return f"{where.count} {elements}, the first at {where.first}"


def _dead(lines: Dead, what: str) -> str:
    if lines.count == 1:
        return f"{what} {lines.first[0]}"
    return f"{lines.count} {what}s ({listed([str(each) for each in lines.first], MOST_NAMES)})"
