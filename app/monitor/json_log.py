"""The server's log. Every record is one JSON object on one line, or a text for people."""

import logging
import sys
import threading
from types import TracebackType

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from app.monitor.line_writer import LineWriter
from app.monitor.text_log import TextFormatter, hush_libraries, is_text
from app.process import STDERR
from stateserve.text import printable_json

logger = logging.getLogger("app")
# Times in UTC, as in the access log (app/monitor/access_log.py).
JSON_FORMATTER = JsonFormatter(
    "%(levelname)s %(name)s %(message)s",
    rename_fields={"levelname": "level", "name": "logger"},
    # uvicorn repeats its message with terminal escapes. The rest is the default.
    reserved_attrs=[*RESERVED_ATTRS, "color_message"],
    timestamp="time",
)


def _report(dropped: int) -> bytes:
    message = f"log lines dropped since the start of this process: {dropped}"
    fields = {"msg": message, "levelname": "WARNING", "levelno": logging.WARNING, "name": __name__}
    return _HANDLER.line(logging.makeLogRecord(fields))


# Writes all logs of this process, the access log included.
LINES = LineWriter(STDERR, _report)


class _Handler(logging.Handler):
    def line(self, record: logging.LogRecord) -> bytes:
        text = self.format(record)
        return (printable_json(text) if self.formatter is JSON_FORMATTER else text).encode() + b"\n"

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.line(record)
        except Exception as error:
            # logging itself would print a traceback in plain text; the caller must not fail.
            record.msg, record.args = f"not formatted: {record.msg!r}: {error!r}", ()
            record.exc_info = record.exc_text = record.stack_info = None
            line = self.line(record)
        LINES.put(line)


_HANDLER = _Handler()


def configure_logging(level: str, form: str = "auto") -> None:
    """Log all records, warnings and uncaught exceptions of the process.

    `form` is the setting log_format.
    """
    text = is_text(form)
    _HANDLER.setFormatter(TextFormatter() if text else JSON_FORMATTER)
    logging.basicConfig(level=level.upper(), handlers=[_HANDLER], force=True)
    hush_libraries(level, text=text)
    logging.captureWarnings(True)
    sys.excepthook = lambda _, error, trace: _log_uncaught(error, trace)
    sys.unraisablehook = lambda each: _log_uncaught(each.exc_value, each.exc_traceback)
    threading.excepthook = lambda each: _log_uncaught(each.exc_value, each.exc_traceback)


def _log_uncaught(error: BaseException | None, trace: TracebackType | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        logger.critical("uncaught exception", exc_info=(type(error), error, trace))
        LINES.flush()
