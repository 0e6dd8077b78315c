"""The command diff: the changes between two states."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.output import AsJson, console, figure, print_json, table
from app.cli.sources import read_source

if TYPE_CHECKING:
    from stateserve.inspect import Comparison, Outline


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A checkpoint, or a service's URL.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    as_json: AsJson = False,
) -> None:
    """Compare two states: the change of each tensor, and added, removed and reshaped ones."""
    from stateserve.inspect import compare_states

    comparison = compare_states(read_source(first), read_source(second))
    if as_json:
        print_json(asdict(comparison))
        return
    _show_differences(comparison)
    for outline in comparison.removed:
        console.print(f"only in A: {_text(outline)}")
    for outline in comparison.added:
        console.print(f"only in B: {_text(outline)}")
    for recast in comparison.recast:
        console.print(f"recast: {_text(recast.first)} -> {_text(recast.second)}")
    if comparison.identical:
        console.print("identical")


def _show_differences(comparison: "Comparison") -> None:
    columns = ("changed", "max |B-A|", "mean |B-A|", "|B-A| / |A|", "cosine")
    rows = table("name", *columns)
    for each in comparison.differences:
        moved = (each.max_absolute, each.mean_absolute, each.relative_norm)
        numbers = [figure(number, "float32") for number in moved]
        # In float64, since float32 would round the cosine of different directions to 1.
        rows.add_row(each.name, str(each.changed), *numbers, figure(each.cosine))
    if comparison.differences:
        console.print(rows)


def _text(outline: "Outline") -> str:
    return f"{outline.name} {outline.shape} {outline.dtype}"
