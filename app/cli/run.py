"""Run a command. An expected error is one line, and status 2 if the command line is at fault."""

import logging
import re
import shlex
import sys
from pathlib import Path

from typer.exceptions import TyperException

from app.cli.commands import cli
from app.cli.output import flush_output, reason
from app.errors import InvalidOption, SettingsError
from stateserve.errors import StateserveError
from stateserve.text import printable
from stateserve.usage import usage_error

logger = logging.getLogger("app")
FAILED, MISUSED = 1, 2
EXTRA = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)\Z", re.DOTALL)


def run(*, serving: bool) -> None:
    """Run the command line; with `serving`, an error is a line of the log."""
    try:
        try:
            status = cli(prog_name="stateserve", standalone_mode=False)
        finally:
            flush_output()
        sys.exit(status or 0)
    except (BrokenPipeError, SystemExit) as end:
        # Typer and Rich would end with status 1, which of `diff` says that the states differ.
        if isinstance(end, BrokenPipeError) or isinstance(end.__context__, BrokenPipeError):
            # Imported here, as it imports rich.
            from stateserve.console import end_on_broken_pipe

            end_on_broken_pipe()
        raise
    except TyperException as error:
        _fail(_misuse(error), serving, error.exit_code)
    except (SettingsError, InvalidOption) as error:
        _fail(str(error), serving, MISUSED)
    except (StateserveError, OSError) as error:
        _fail(reason(error), serving, FAILED)
    finally:
        if serving:
            from app.monitor import LINES

            LINES.flush()


def _misuse(error: TyperException) -> str:
    """The fault of the command line; where an argument is too many, the option for it."""
    found = EXTRA.match(error.message or "")
    context = getattr(error, "ctx", None)
    if found and context and (option := _option_for(context.info_name, found[1])):
        return f"unexpected {found[1]!r}; did you mean {context.command_path} {option}?"
    return usage_error(error, "stateserve")


def _option_for(command: str, extra: str) -> str | None:
    given = shlex.quote(extra)
    if command == "state":
        return f"FILE --tensor {given}"
    if command != "serve":
        return None
    path = Path(extra)
    if path.is_dir() and path.name.isdecimal():
        folder, name = map(shlex.quote, (str(path.parent.parent), path.parent.name))
        return f"--models {folder} --model {name}"
    return f"--models {given}" if path.is_dir() else f"--model {given}"


def _fail(text: str, serving: bool, status: int) -> None:
    if text and serving:
        logger.critical(text)
    elif text:
        line = f"stateserve: {printable(text)}"
        if status == FAILED:
            sys.exit(line)
        print(line, file=sys.stderr)
    sys.exit(status)
