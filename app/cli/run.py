"""Run a command; an expected error is one line and status 1."""

import logging
import sys

from app.cli.commands import cli
from app.cli.output import reason
from stateserve.errors import StateserveError
from stateserve.text import printable

logger = logging.getLogger("app")


def run(*, as_json: bool) -> None:
    """Run the command line; with `as_json`, an error is a line of the log."""
    try:
        cli()
    except (StateserveError, OSError) as error:
        _fail(reason(error), as_json)
    finally:
        if as_json:
            from app.monitor import LINES

            LINES.flush()


def _fail(text: str, as_json: bool) -> None:
    if not as_json:
        sys.exit(f"stateserve: {printable(text)}")
    logger.critical(text)
    sys.exit(1)
