"""The command diff: the changes between two states."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.names_options import Only, Rename, StripPrefix
from app.cli.output import (
    AsJson,
    figure,
    flush_output,
    print_json,
    print_line,
    print_table,
    reason,
    short,
    table,
    warn,
)
from app.cli.sources import read_source
from stateserve.errors import StateserveError
from stateserve.text import listed

if TYPE_CHECKING:
    from stateserve.checkpoint import Values
    from stateserve.inspect import Aligned, Comparison, Difference, Outline

DIFFERENT, TROUBLE = 1, 2
MOST_UNCHANGED = 10


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A checkpoint, or a service's URL.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    key: Annotated[
        list[str] | None,
        typer.Option(help="The state's place in both files; given twice, in A and in B."),
    ] = None,
    strip_prefix: StripPrefix = None,
    rename: Rename = None,
    only: Only = None,
    by_module: Annotated[
        bool, typer.Option("--by-module", help="Modules instead of tensors.")
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Equal are tensors with |B-A| <= TOLERANCE x |A|, of any dtypes."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two states: the change of each tensor, and added, removed and reshaped ones.

    The exit status is 0 if they are equal, 1 if they differ, 2 if they cannot be compared.
    """
    with _trouble():
        from stateserve.inspect import align, compare_states, exceeding
        from stateserve.names import NameChanges

        keys: Sequence[str | None] = key or [None]
        a, verify_a = _open(first, keys[0])
        b, verify_b = _open(second, keys[-1])
        aligned = align(*NameChanges(strip_prefix or [], rename or []).apply_both(a, b))
        # Of the names without what wraps a network.
        a, b = NameChanges(only=only or []).apply_both(aligned.first, aligned.second)
        aligned = replace(aligned, first=a, second=b)
        comparison = compare_states(aligned.first, aligned.second)
        verify_a()
        verify_b()
        above = None if tolerance is None else exceeding(comparison, tolerance)
        if as_json:
            print_json(_for_programs(aligned, comparison, above))
        else:
            _show(aligned, comparison, by_module=by_module)
            if above is not None:
                print_line(_within(above, tolerance))
        flush_output()
    if above if above is not None else not comparison.identical:
        raise typer.Exit(DIFFERENT)


@contextmanager
def _trouble() -> Iterator[None]:
    """Give expected errors the status that tells them from a difference."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (StateserveError, OSError) as error:
        warn(f"stateserve: {reason(error)}")
        raise typer.Exit(TROUBLE) from None


def _open(source: str, key: str | None) -> "tuple[Mapping[str, Values], Callable[[], None]]":
    """The tensors, lazy if they are of a file, and a check of that file after they were read."""
    if re.match("https?://", source):
        return read_source(source), lambda: None
    from stateserve.checkpoint import Checkpoint

    checkpoint = Checkpoint.open(Path(source))
    tensors = checkpoint.placed(checkpoint.state(key).tensors)
    return tensors, lambda: checkpoint.verify({tensor.storage for tensor in tensors.values()})


def _for_programs(
    aligned: "Aligned[Values]", comparison: "Comparison", above: list[str] | None
) -> dict[str, object]:
    from stateserve.inspect import fingerprint, module_changes, unchanged

    prints = [fingerprint(state) for state in (aligned.first, aligned.second)]
    return {
        **asdict(comparison),
        "fingerprints": prints,
        "notes": aligned.notes,
        "modules": [asdict(each) for each in module_changes(comparison.differences)],
        "unchanged": [asdict(each) for each in unchanged(comparison.differences)],
        "above_tolerance": above,
    }


def _show(aligned: "Aligned[Values]", comparison: "Comparison", *, by_module: bool) -> None:
    from stateserve.inspect import by_change

    for line in (*aligned.notes, _structure(aligned)):
        print_line(line)
    changed = by_change(comparison.differences)
    if changed and by_module:
        _show_modules(comparison.differences)
    elif changed:
        _show_tensors(changed)
    for line in _unchanged(comparison.differences):
        print_line(line)
    for outline in comparison.removed:
        print_line(f"only in A: {_text(outline)}")
    for outline in comparison.added:
        print_line(f"only in B: {_text(outline)}")
    for recast in comparison.recast:
        print_line(f"recast: {_text(recast.first)} -> {_text(recast.second)}")
    if comparison.identical:
        print_line("identical")


def _structure(aligned: "Aligned[Values]") -> str:
    from stateserve.inspect import fingerprint

    a, b = fingerprint(aligned.first), fingerprint(aligned.second)
    return f"structure {a}" if a == b else f"structures differ: A {a}, B {b}"


def _show_tensors(changed: "list[Difference]") -> None:
    columns = ("changed", "share", "max |B-A|", "mean |B-A|", "|B-A| / |A|", "cosine")
    rows = table("name", *columns)
    for each in changed:
        moved = (each.max_absolute, each.mean_absolute, each.relative_norm)
        numbers = [figure(number, "float32") for number in moved]
        # In float64, since float32 would round the cosine of different directions to 1.
        cosine = figure(each.cosine)
        rows.add_row(each.name, str(each.changed), short(each.share), *numbers, cosine)
    print_table(rows)


def _show_modules(differences: "list[Difference]") -> None:
    from stateserve.inspect import module_changes

    rows = table("module", "changed tensors", "share", "max |B-A|", "|B-A| / |A|")
    for each in module_changes(differences):
        if each.changed_tensors:
            numbers = [
                figure(number, "float32") for number in (each.max_absolute, each.relative_norm)
            ]
            count = f"{each.changed_tensors} of {each.tensors}"
            rows.add_row(each.name, count, short(each.share), *numbers)
    print_table(rows)


def _unchanged(differences: "list[Difference]") -> Iterator[str]:
    from stateserve.inspect import unchanged

    parts = unchanged(differences)
    total = sum(part.tensors for part in parts)
    if not total or total == len(differences):
        return
    texts = [
        part.name if part.tensors == 1 else f"{part.name} ({part.tensors} tensors)"
        for part in parts
    ]
    yield f"frozen, {total} of {len(differences)} tensors: {listed(texts, MOST_UNCHANGED)}"


def _within(above: list[str], tolerance: float | None) -> str:
    if not above:
        return f"within the tolerance of {short(tolerance)}"
    return f"above the tolerance of {short(tolerance)}: {listed(above, MOST_UNCHANGED)}"


def _text(outline: "Outline") -> str:
    return f"{outline.name} {outline.shape} {outline.dtype}"
