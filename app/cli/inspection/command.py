"""The command inspect and its options."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.checkpoints import Key
from app.cli.names_options import Only
from app.cli.output import AsJson, print_json
from app.cli.progress import progress
from stateserve.errors import StateMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.cli.inspection.file_view import ChosenState
    from stateserve.checkpoint import Checkpoint, FoundState, LazyTensor
    from stateserve.inspect import EntryOutline, Spectrum, Totals

BINS = 20
# The values of a state of up to so many bytes and tensors are always read: they take a tenth of a
# second, and a second.
READ_AT_ONCE = 2**25
TENSORS_AT_ONCE = 3000


def inspect(
    file: Path,
    key: Key = None,
    only: Only = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Levels of modules to show.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every module by itself, where repeated ones are folded.")
    ] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Read all values; a table of every tensor.")
    ] = False,
    histogram: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="The distribution of this tensor. May be repeated."),
    ] = None,
    spectrum: Annotated[
        bool, typer.Option("--spectrum", help="Singular values and ranks of every matrix.")
    ] = False,
    for_programs: AsJson = False,
) -> None:
    """Show what a file of tensors holds: format, states, modules, and what is unusual.

    Of a large file only the headers are read, unless --stats, --histogram or --spectrum asks for
    values. No code of the file is run.
    """
    from app.cli.inspection.file_view import as_json, choose, outline, view_file
    from app.cli.inspection.text import show
    from stateserve.checkpoint import Checkpoint

    checkpoint = Checkpoint.open(file)
    found = choose(checkpoint, key)
    chosen = None
    if found is not None:
        chosen = outline(found, only or [], fold=not every, depth=depth)
        chosen = _read(checkpoint, found, chosen, stats, histogram or [], spectrum)
    view = view_file(str(file), checkpoint, chosen)
    if for_programs:
        print_json(as_json(view))
    else:
        show(view, stats=stats)
    if not checkpoint.states and key is None:
        # Its error says why there is none, below what was shown.
        sys.stdout.flush()
        checkpoint.state()


def _read(
    checkpoint: "Checkpoint",
    found: "FoundState",
    chosen: "ChosenState",
    stats: bool,
    histograms: list[str],
    spectra: bool,
) -> "ChosenState":
    """The state with what was asked of its values."""
    tensors = {entry.name: found.tensors[entry.name] for entry in chosen.entries}
    with_values = stats or _is_small(chosen.totals)
    if with_values or histograms or spectra:
        tensors = checkpoint.placed(tensors)
        if with_values:
            chosen = _with_values(chosen, tensors)
        chosen = _with_histograms(chosen, tensors, histograms)
        if spectra:
            chosen = replace(chosen, spectra=_spectra(tensors, chosen.entries))
    if chosen.values is not None:
        checkpoint.verify({tensor.storage for tensor in tensors.values()})
    return chosen


def _is_small(state: "Totals") -> bool:
    return state.bytes <= READ_AT_ONCE and state.entries <= TENSORS_AT_ONCE


def _with_values(state: "ChosenState", tensors: "Mapping[str, LazyTensor]") -> "ChosenState":
    from stateserve.inspect import read_values

    with _progress("reading", tensors) as done:
        return replace(state, values=read_values(tensors, done))


def _with_histograms(
    state: "ChosenState", tensors: "Mapping[str, LazyTensor]", names: list[str]
) -> "ChosenState":
    from stateserve.inspect import histogram
    from stateserve.names import select

    for name in select(tensors, names) if names else ():
        state.histograms[name] = histogram(tensors[name], BINS)
    return state


def _spectra(
    tensors: "Mapping[str, LazyTensor]", entries: "list[EntryOutline]"
) -> "dict[str, Spectrum | str]":
    from stateserve.inspect import is_slot, matrix_shape, spectrum

    found: dict[str, Spectrum | str] = {}
    with _progress("singular values", tensors) as done:
        for entry in entries:
            name, tensor = entry.name, tensors[entry.name]
            sides = matrix_shape(tensor.shape)
            if entry.tied_to in found:
                found[name] = found[entry.tied_to]
            elif sides is not None and min(sides) > 1 and not is_slot(name):
                try:
                    found[name] = spectrum(*sides, tensor.chunks(2**16))
                except StateMismatch as error:
                    found[name] = str(error)
            done(name)
    return found


@contextmanager
def _progress(
    what: str, tensors: "Mapping[str, LazyTensor]"
) -> "Iterator[Callable[[str], object]]":
    """A bar that goes on with the name of each tensor."""
    total, done = sum(tensor.nbytes for tensor in tensors.values()), 0

    def advance(name: str) -> None:
        nonlocal done
        done += tensors[name].nbytes
        update(done, total)

    with progress(what) as update:
        yield advance
