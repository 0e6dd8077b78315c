"""All commands; serve and settings are here, the others in modules of this package."""

import gc
import os
import sys
from importlib.util import find_spec
from runpy import run_module
from typing import Annotated

import typer

from app import __version__
from app.cli.card import card
from app.cli.checkpoints import state
from app.cli.convert import convert
from app.cli.diff import diff
from app.cli.inspection.command import inspect
from app.cli.keys import keys
from app.cli.output import AsJson, print_json, print_table, table
from app.cli.pack import pack
from app.cli.plain_command import PlainCommand, PlainGroup
from app.cli.predict import predict
from app.process import end_on_signals
from stateserve.errors import MissingExtra

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, cls=PlainGroup)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"stateserve {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
]


@cli.callback()
def stateserve(version: Version = False) -> None:
    """Train and serve PyTorch models, and look inside their checkpoints."""


# The options are those of Settings: pydantic-settings parses them and prints --help.
@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def serve(context: typer.Context) -> None:
    """Load the model and serve it; `stateserve serve --help` lists the options."""
    from app.monitor import LINES, configure_logging
    from app.settings import Settings

    settings = Settings.read(context.args)
    configure_logging(settings.log_level)
    end_on_signals(LINES.flush)
    # Read when NumPy is imported. Its threads would take memory, and must not exist at a fork.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imports make no garbage, and traversing all of torch takes a sixth of the start.
    gc.disable()
    # Imported here, so that other commands do not wait for FastAPI.
    from app.api import create_app
    from app.server import Server, keep_freed_memory, raise_file_limit, serve_with_workers

    gc.freeze()
    gc.enable()
    raise_file_limit()
    keep_freed_memory()
    if settings.workers > 1:
        serve_with_workers(settings)
    else:
        Server(create_app(settings), settings).run()


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def train(context: typer.Context) -> None:
    """Train Multiclass on iris, or on a CSV; `stateserve train --help` lists the options."""
    # The image does not contain training, and app/ does not import it.
    if find_spec("training") is None:
        raise MissingExtra("training is not part of this installation: pip install '.[train]'")
    sys.argv = ["stateserve train", *context.args]
    run_module("training", run_name="__main__")


@cli.command(name="settings")
def show_settings(as_json: AsJson = False) -> None:
    """List every setting: environment variable, value in force, meaning."""
    from app.settings import Settings, variable

    current = Settings.read()
    rows = [
        (variable(name), str(getattr(current, name)), field.description)
        for name, field in Settings.model_fields.items()
    ]
    columns = ("variable", "value", "meaning")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    listed = table(*columns)
    for row in rows:
        listed.add_row(*row)
    print_table(listed)


# Unknown options are the features of the model.
cli.command(context_settings={"ignore_unknown_options": True})(predict)
for command in (state, inspect, diff, convert, card, pack):
    cli.command(cls=PlainCommand)(command)
cli.add_typer(keys, name="key")
