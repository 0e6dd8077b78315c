"""Records each request: a count, a latency, and a line of the log."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from prometheus_client import Counter, Histogram

from app.monitor.json_log import LINES
from app.monitor.metrics import Metrics
from app.monitor.text_log import request_line

logger = logging.getLogger("app.access")
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# A killed process loses at most the lines of this time.
MOMENT_SECONDS = 0.01
# Bounds the time that requests wait while lines are written.
MOST_LINES = 16
# Orchestrators and monitoring call these often; a successful call is no news.
PROBES = frozenset(
    {
        "/health/live",
        "/health/ready",
        "/metrics",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{model}/ready",
        "/v2/models/{model}/versions/{version}/ready",
    }
)
# nginx's status for a request whose client left before the answer.
CLIENT_CLOSED_REQUEST = 499
# The route of a request that matches no route.
UNMATCHED = "unmatched"
_encode_json = msgspec.json.Encoder().encode_lines


class Access(NamedTuple):
    """One answered request; `route` is a declared path, never text from the client."""

    request_id: bytes
    method: str
    path: str
    route: str
    status: int
    seconds: float
    trace_id: str = ""


def is_quiet(access: Access) -> bool:
    """Whether it is a successful probe, which is logged at DEBUG."""
    return access.route in PROBES and access.status < 400


class AccessLog:
    """Counts each answer at once, and writes the lines of MOMENT_SECONDS together.

    logging takes longer for a line than the model for a row, so lines share one write. If the
    logger `app.access` is above INFO, no line is written, as under a server that did not
    configure logging.
    """

    def __init__(
        self, metrics: Metrics, trace: Callable[[Access], str] | None = None, *, text: bool = False
    ) -> None:
        """`trace` puts the answer into the request's span, and returns the id of its trace.
        With `text` the lines are for people, else JSON."""
        self._metrics = metrics
        self._trace = trace
        self._encode = _encode_text if text else _encode_json
        self._measures: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._timed = False
        self._unwritten: list[tuple[float, Access]] = []

    def append(self, access: Access) -> None:
        if self._trace is not None:
            access = access._replace(trace_id=self._trace(access))
        requests, latency = self._measure(access)
        requests.inc()
        latency.observe(access.seconds)
        self._unwritten.append((time.time(), access))
        if len(self._unwritten) == MOST_LINES:
            # call_soon: the answers of this iteration of the event loop are sent first.
            asyncio.get_running_loop().call_soon(self.flush)
        elif not self._timed:
            self._timed = True
            asyncio.get_running_loop().call_later(MOMENT_SECONDS, self._flush_in_time)

    def _flush_in_time(self) -> None:
        self._timed = False
        self.flush()

    def flush(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        if not logger.isEnabledFor(logging.DEBUG):
            unwritten = [each for each in unwritten if not is_quiet(each[1])]
        if unwritten and logger.isEnabledFor(logging.INFO):
            LINES.put(self._encode([self.line(*answered) for answered in unwritten]))

    def line(self, now: float, access: Access) -> dict[str, object]:
        traced = {"trace_id": access.trace_id} if access.trace_id else {}
        # The same field names as in json_log.py.
        return traced | {
            "time": datetime.fromtimestamp(now, UTC),
            "level": "DEBUG" if is_quiet(access) else "INFO",
            "logger": logger.name,
            "message": "request",
            "request_id": access.request_id.decode(),
            "method": access.method,
            "path": _shown(access.path),
            "status": access.status,
            "milliseconds": round(access.seconds * 1000, 3),
        }

    def _measure(self, access: Access) -> tuple[Counter, Histogram]:
        method = access.method if access.method in KNOWN_METHODS else "other"
        key = (method, access.route, access.status)
        if key not in self._measures:
            requests, latency = self._metrics.requests, self._metrics.latency
            self._measures[key] = requests.labels(*key), latency.labels(method, access.route)
        return self._measures[key]


def _encode_text(lines: list[dict[str, object]]) -> bytes:
    return "".join(map(request_line, lines)).encode()


def _shown(path: str) -> str:
    # Percent-encoded if a terminal could interpret it: msgspec escapes only ASCII characters.
    return path if path.isprintable() else quote(path)
