"""The command key: API keys for the file of the setting api_keys."""

import sys
from typing import Annotated

import typer

from app.api.auth import Scope

keys = typer.Typer(no_args_is_help=True)


@keys.callback()
def key() -> None:
    """Make API keys."""


@keys.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be given again.")],
    rate: Annotated[str | None, typer.Option(help="Such as 100/minute; any unless given.")] = None,
) -> None:
    """Make a key. Standard error shows it this once; its entry goes to standard output.

    stateserve key new dashboard --scope predict >> keys.toml
    """
    from app.api.auth import new_key

    made, entry = new_key(name, scope, rate)
    print(entry)
    print(f"The key, which is kept nowhere: {made}", file=sys.stderr)
