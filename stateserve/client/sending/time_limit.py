"""A limit on the whole time of a request and its answer, for threads.

httpx's timeouts are those of each read and write alone: a server that sends a byte before each
of them ends would hold a client for ever. httpx's extension `trace` is given each connection that
is opened; from then on, each read and write has the time that is left. AsyncClient needs no such
thing: a task can be cancelled.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import httpx

from stateserve.client.failures import AnswerTooSlow

# A server that reads slowly is noticed after each part of a request.
PART_BYTES = 2**18
# The ends of the events that have a connection.
OPENED = ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")


class _Clock(threading.local):
    """When the answer to the request that this thread sends must be there."""

    end = math.inf

    def left(self, timeout: float | None) -> float | None:
        """Raises httpx.ReadTimeout if no time is left."""
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise httpx.ReadTimeout("no time is left")
        return min(seconds, timeout or math.inf) if math.isfinite(self.end) else timeout


_clock = _Clock()


@contextmanager
def limited(end: float, seconds: float) -> Iterator[None]:
    """A context in which a request is sent, by a client that is `watched`, until `end` of the
    monotonic clock, which is `seconds` after it was first sent. Raises AnswerTooSlow."""
    before, _clock.end = _clock.end, min(_clock.end, end)
    try:
        yield
    except httpx.TimeoutException:
        if time.monotonic() < _clock.end:
            raise
        raise AnswerTooSlow.after(seconds) from None
    finally:
        _clock.end = before


def watch(http: httpx.Client) -> None:
    http.event_hooks = {**http.event_hooks, "request": [_trace, *http.event_hooks["request"]]}


def _trace(request: httpx.Request) -> None:
    request.extensions["trace"] = _limit
    timeouts = request.extensions["timeout"]
    request.extensions["timeout"] = {name: _clock.left(each) for name, each in timeouts.items()}


class _Connection(Protocol):
    """httpcore.NetworkStream."""

    read: Callable[[int, float | None], bytes]
    write: Callable[[bytes, float | None], None]


def _limit(event: str, details: Mapping[str, _Connection]) -> None:
    if not event.endswith(OPENED):
        return
    connection = details["return_value"]
    plain_read, plain_write = connection.read, connection.write

    def read(max_bytes: int, timeout: float | None = None) -> bytes:
        return plain_read(max_bytes, _clock.left(timeout))

    def write(buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PART_BYTES):
            plain_write(buffer[start : start + PART_BYTES], _clock.left(timeout))

    connection.read, connection.write = read, write
