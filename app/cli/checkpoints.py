"""The command state, and an option that others share."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.output import AsJson, figure, print_json, print_line, print_table, table
from app.cli.sources import model_of, read_source
from app.errors import TensorNotFound

if TYPE_CHECKING:
    from stateserve.checkpoint import Array, State

Key = Annotated[
    str | None,
    typer.Option(help="The state's place in a file of several, such as model/state_dict."),
]


def state(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[FILE | URL]", help="Unless given, the settings' model."),
    ] = None,
    tensor: Annotated[str | None, typer.Option(help="Print this tensor's values.")] = None,
    slice: Annotated[
        str | None, typer.Option(help='Only this part of --tensor, as in NumPy: "0:2,1".')
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print every entry of a file or a running service, or the values of one tensor."""
    if slice is not None and tensor is None:
        raise typer.BadParameter("--slice goes with --tensor")
    if source is None:
        from app.settings import Settings

        source = str(model_of(Settings.read(), "FILE or URL"))
    found = read_source(source)
    if tensor is None:
        _show_entries(found, as_json)
    else:
        _show_values(tensor, _values(found, tensor, slice), as_json)


def _values(state: "State", name: str, slice: str | None) -> "Array":
    from stateserve.inspect import take_slice

    if name not in state:
        raise TensorNotFound(f"no tensor {name!r} in the state; it has {', '.join(state)}")
    array = state[name]
    return array if slice is None else take_slice(array, slice)


def _show_values(name: str, array: "Array", as_json: bool) -> None:
    from stateserve.inspect import json_values

    if as_json:
        print_json({"name": name, "shape": list(array.shape), "values": json_values(array)})
    else:
        print(array)


def _show_entries(state: "State", as_json: bool) -> None:
    from stateserve.inspect import describe_state, totals

    entries = describe_state(state)
    total = totals(entries)
    if as_json:
        print_json({"entries": [asdict(entry) for entry in entries], "totals": asdict(total)})
        return
    columns = ("kind", "shape", "dtype", "elements", "min", "max", "mean", "std")
    rows = table("name", *columns)
    for entry in entries:
        found = entry.statistics
        numbers = (
            figure(number, entry.dtype) for number in (found.min, found.max, found.mean, found.std)
        )
        sizes = (str(entry.shape), entry.dtype, str(entry.elements))
        rows.add_row(entry.name, entry.kind, *sizes, *numbers)
    print_table(rows)
    print_line(f"{total.parameters} parameters, {total.buffers} buffers, {total.bytes} bytes")
