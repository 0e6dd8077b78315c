"""One line of JSON for each request, written once per tick of the event loop."""

import asyncio
import logging
import sys
from datetime import UTC, datetime

import msgspec

logger = logging.getLogger("app.access")
_encode = msgspec.json.Encoder().encode


class Record(msgspec.Struct, gc=False):
    """In the order and with the names of every other line (app.server.configure_logging)."""

    request_id: str
    method: str
    path: str
    status: int
    milliseconds: float
    time: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    level: str = "INFO"
    logger: str = logger.name
    message: str = "request"


class AccessLog:
    """logging takes longer over a line than the model over a row; this shares one write.

    Silent where the logger `app.access` is above INFO, as under a server that did not
    configure logging.
    """

    def __init__(self) -> None:
        self._lines: list[Record] = []
        self._enabled = logger.isEnabledFor(logging.INFO)

    def write(self, record: Record) -> None:
        if not self._enabled:
            return
        self._lines.append(record)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        sys.stderr.write(b"".join(_encode(line) + b"\n" for line in lines).decode())
        sys.stderr.flush()
