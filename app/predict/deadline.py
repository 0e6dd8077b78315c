"""Deadlines of requests: the header `X-Request-Timeout`, in seconds."""

import asyncio
import re
import time
from collections.abc import Awaitable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Self, TypeVar

from app.errors import DeadlineExceeded, InvalidTimeout
from app.predict.headers import Headers
from stateserve.text import shown

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

T = TypeVar("T")
HEADER = b"x-request-timeout"
# A key in a request's scope: the deadline that the fast path has started.
IN_SCOPE = "deadline"
# A day; an event loop supports timers of only some weeks.
MOST_SECONDS = 86_400
# Stricter than Python's float, which accepts 1_0 and any number of digits.
SECONDS = re.compile(rb"\+?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?")
PARAMETER: "JsonSchemaValue" = {
    "in": "header",
    "name": "X-Request-Timeout",
    "description": "seconds after which the caller no longer waits; a late answer is a 504",
    "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_SECONDS},
}


class Deadline:
    """A time of the monotonic clock, which a change of the system time does not affect."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    @classmethod
    def of(cls, headers: Headers, default: float) -> Self | None:
        """The request's own deadline, else one after `default` seconds; None if `default` is 0.

        Raises InvalidTimeout.
        """
        given = headers.get(HEADER)
        if given is None:
            return cls(default) if default else None
        seconds = _seconds_in(given)
        if not 0 < seconds <= MOST_SECONDS:
            text, most = shown(given), MOST_SECONDS
            raise InvalidTimeout(f"X-Request-Timeout {text}; send seconds above 0, up to {most}")
        return cls(seconds)

    def require(self) -> None:
        """Raise DeadlineExceeded after the deadline."""
        if time.monotonic() >= self.at:
            raise DeadlineExceeded

    def require_each(self, steps: Iterable[T]) -> Iterator[T]:
        """Yield the steps; each begins before the deadline. Raises DeadlineExceeded."""
        self.require()
        for step in steps:
            yield step
            self.require()

    async def wait(self, result: Awaitable[T]) -> T:
        """Wait for `result`; at the deadline cancel it and raise DeadlineExceeded."""
        try:
            async with asyncio.timeout(self.at - time.monotonic()) as timeout:
                return await result
        except TimeoutError:
            if timeout.expired():
                raise DeadlineExceeded from None
            raise


@lru_cache(maxsize=64)
def _seconds_in(given: bytes) -> float:
    """The number in a header, 0 if it has none; cached, because most requests have the same."""
    return float(given) if SECONDS.fullmatch(given) else 0.0
