"""All commands, in the order and under the headings of `stateserve --help`."""

import sys
from importlib.util import find_spec
from runpy import run_module
from typing import Annotated

import typer

from app import __version__
from app.cli.bench.command import bench
from app.cli.card import card
from app.cli.checkpoints import state
from app.cli.convert import convert
from app.cli.diff import diff
from app.cli.doctor.command import doctor
from app.cli.inspection.command import inspect
from app.cli.pack import pack
from app.cli.predict import predict
from app.cli.service.keys import keys
from app.cli.service.serve import serve
from app.cli.service.settings_command import SettingsCommand
from app.cli.service.show_settings import show_settings
from app.limits import require_memory
from stateserve.errors import MissingExtra
from stateserve.plain_command import PlainCommand, PlainGroup

MODELS, SERVICE, CHECKPOINTS = "Models", "The service", "Files of tensors"
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


def train(context: typer.Context) -> None:
    """Train a network on a table, or the article's network on iris."""
    # The image does not contain training, and app/ does not import it.
    if find_spec("training") is None:
        raise MissingExtra("training is not part of this installation: pip install '.[train]'")
    require_memory()
    sys.argv = ["stateserve train", *context.args]
    run_module("training", run_name="__main__")


# The options of training/command.py, which prints the help, too.
cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
    rich_help_panel=MODELS,
)(train)
cli.command(cls=PlainCommand, rich_help_panel=MODELS)(pack)
cli.command(cls=PlainCommand, rich_help_panel=MODELS)(card)
# Unknown options are the features of the model.
cli.command(
    cls=PlainCommand,
    context_settings={"ignore_unknown_options": True},
    rich_help_panel=MODELS,
)(predict)
cli.command(cls=SettingsCommand, rich_help_panel=SERVICE)(serve)
cli.command(cls=SettingsCommand, rich_help_panel=SERVICE)(doctor)
cli.command(cls=PlainCommand, rich_help_panel=SERVICE)(bench)
cli.command(name="settings", rich_help_panel=SERVICE)(show_settings)
cli.add_typer(keys, name="key", rich_help_panel=SERVICE)
for command in (inspect, state, diff, convert):
    cli.command(cls=PlainCommand, rich_help_panel=CHECKPOINTS)(command)
