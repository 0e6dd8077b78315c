"""The `app` command."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from app.errors import ServiceError, StateMismatch
from app.settings import Settings, variable

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
# In a pipe nothing is folded to a width that no terminal has: grep finds whole names.
console = Console(width=None if sys.stdout.isatty() else 1000, soft_wrap=True, highlight=False)


@cli.callback()
def app() -> None:
    """Serve a PyTorch classifier and look inside its checkpoints."""


# The options are those of Settings: pydantic-settings parses them and prints --help.
@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def serve(context: typer.Context) -> None:
    """Load the model and serve it; `app serve --help` lists the options."""
    settings = Settings.read(context.args)
    # Here, not above: other commands need not wait for FastAPI.
    from app.main import create_app
    from app.server import Server, configure_logging

    configure_logging(settings.log_level)
    Server(create_app(settings), settings).run()


@cli.command(name="settings")
def show_settings() -> None:
    """List every setting: environment variable, value in force, meaning."""
    current = Settings.read()
    table = Table("variable", "value", "meaning", box=None, pad_edge=False)
    for name, field in Settings.model_fields.items():
        table.add_row(variable(name), str(getattr(current, name)), field.description)
    console.print(table)


@cli.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN")],
    target: Annotated[Path, typer.Argument(metavar="OUT")],
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Run the code in IN, to take a whole module.")
    ] = False,
) -> None:
    """Write a checkpoint in another format: .pth, .safetensors or .pickle, by suffix."""
    from app.checkpoint import convert as convert_checkpoint

    state = convert_checkpoint(source, target, trust_pickle=trust_pickle)
    console.print(f"wrote {target}: {len(state)} tensors")


@cli.command()
def inspect(
    file: Path, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Print the table of a checkpoint: every entry, its shape and its statistics."""
    from app.formats import read_state
    from app.inspection import Entry, describe_module, describe_state, totals
    from app.multiclass import Multiclass

    state = read_state(file)
    entries: list[Entry]
    try:
        entries = describe_module(Multiclass.from_state(state))
    except StateMismatch:
        entries = describe_state(state)
    if as_json:
        view = {"entries": [asdict(e) for e in entries], "totals": asdict(totals(entries))}
        print(json.dumps(view, indent=2))
        return
    columns = ("kind", "shape", "dtype", "elements", "min", "max", "mean", "std")
    table = Table(Column("name", overflow="fold"), *columns, box=None, pad_edge=False)
    for entry in entries:
        statistics = entry.statistics
        numbers = (statistics.min, statistics.max, statistics.mean, statistics.std)
        cells = ("" if number is None else f"{number:.4g}" for number in numbers)
        sizes = (str(entry.shape), entry.dtype, str(entry.elements))
        table.add_row(entry.name, entry.kind, *sizes, *cells)
    console.print(table)
    total = totals(entries)
    console.print(f"{total.parameters} parameters, {total.buffers} buffers, {total.bytes} bytes")


def main() -> None:
    """Run the command; an error that we raised on purpose is one line and status 1."""
    try:
        cli()
    except ServiceError as error:
        sys.exit(f"app: {error}")
    except OSError as error:
        sys.exit(f"app: {error.filename or ''}: {error.strerror or error}")
