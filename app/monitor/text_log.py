"""The server's log for people: a short line for each record and for each request."""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

from app.process import STDERR
from stateserve.text import printable

RESET = "\x1b[0m"
DIM, GREEN, YELLOW, RED = ("\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31m")
# Records of a library that a person does not need; with --log-level debug they are written.
NOISY = ("uvicorn.error", "uvicorn", "asyncio", "py.warnings")
KNOWN = {*RESERVED_ATTRS, "color_message"}


def is_text(form: str) -> bool:
    """Whether the setting log_format means text here: all but `json` does on a terminal."""
    return form == "text" or (form != "json" and _is_terminal())


def hush_libraries(level: str, *, text: bool) -> None:
    """Write the records of libraries only from ERROR on, unless all are asked for."""
    for name in NOISY:
        logging.getLogger(name).setLevel("ERROR" if text and level != "debug" else "NOTSET")


class TextFormatter(logging.Formatter):
    """`10:03:05  loaded ...`; the error that ends the process looks as that of any command."""

    def format(self, record: logging.LogRecord) -> str:
        text = printable(record.getMessage())
        extra = {key: value for key, value in vars(record).items() if key not in KNOWN}
        text += "".join(f" {key}={printable(str(value))}" for key, value in extra.items())
        if record.levelno >= logging.CRITICAL:
            line = f"stateserve: {text}"
        elif record.levelno >= logging.WARNING:
            color = RED if record.levelno >= logging.ERROR else YELLOW
            line = f"{_clock(record.created)}  {_colored(color, record.levelname.lower())}: {text}"
        else:
            line = f"{_clock(record.created)}  {text}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line = "\n".join([line, *map(printable, trace)])
        return line


def request_line(fields: Mapping[str, Any]) -> str:
    """`10:03:05  200 POST /predict  1.3 ms`, from the fields of an access log's line."""
    status = fields["status"]
    color = GREEN if status < 400 else YELLOW if status < 500 else RED
    request = f"{fields['method']} {fields['path']}"
    taken = _colored(DIM, f"{fields['milliseconds']} ms")
    when = _clock(fields["time"].timestamp())
    return f"{when}  {_colored(color, str(status))} {printable(request)}  {taken}\n"


def _clock(now: float) -> str:
    return _colored(DIM, time.strftime("%H:%M:%S", time.localtime(now)))


def _colored(color: str, text: str) -> str:
    # https://no-color.org
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not _is_terminal()
    return text if plain else f"{color}{text}{RESET}"


def _is_terminal() -> bool:
    return os.isatty(STDERR)
