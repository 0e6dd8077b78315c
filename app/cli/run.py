"""Run a command; an expected error is one line and status 1."""

import logging
import sys

from app.cli.commands import cli
from app.monitor import LINES
from stateserve.errors import StateserveError
from stateserve.text import printable

logger = logging.getLogger("app")


def run(*, as_json: bool) -> None:
    """Run the command line; with `as_json`, an error is a line of the log."""
    try:
        cli()
    except StateserveError as error:
        _fail(str(error), as_json)
    except OSError as error:
        _fail(f"{error.filename or ''}: {error.strerror or error}", as_json)
    finally:
        LINES.flush()


def _fail(reason: str, as_json: bool) -> None:
    if not as_json:
        sys.exit(f"stateserve: {printable(reason)}")
    logger.critical(reason)
    sys.exit(1)
