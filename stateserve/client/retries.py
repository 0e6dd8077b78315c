"""When to send a request again."""

import email.utils
import random
import time
from collections.abc import Generator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple, TypeVar

import httpx

from stateserve.client.failures import no_answer

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
PASSING = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
# The name of the extension of a request that says when it was first sent.
BEGAN = "began"
LOST = (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError)


class Attempt(NamedTuple):
    """Wait `pause` seconds, then send the request."""

    pause: float
    request: httpx.Request


T = TypeVar("T")
Outcome = httpx.Response | Exception
# Yields each attempt, is sent its outcome, and returns the result.
Exchange = Generator[Attempt, Outcome, T]


def persist(request: httpx.Request, patience: float) -> Exchange[httpx.Response]:
    """Send an idempotent request, and again after 503, 429 or a lost connection.

    Each pause is as long as Retry-After says, or a random time of up to 0.1 s, doubled each
    time up to 2 s, if that is longer. No pause ends later than `patience` seconds after the
    first attempt. Raises NoAnswer.
    """
    built = time.monotonic()
    pause, longest = 0.0, FIRST_PAUSE
    while True:
        outcome = yield Attempt(pause, request)
        # Random, so that the clients of a server that stops do not return all at once.
        pause = max(_retry_after(outcome), longest * random.uniform(0.5, 1))  # noqa: S311
        longest = min(2 * longest, LONGEST_PAUSE)
        # The time in the queue before the first attempt does not count.
        deadline = request.extensions.get(BEGAN, built) + patience
        if not _passes(outcome) or time.monotonic() + pause > deadline:
            break
    if isinstance(outcome, Exception):
        raise no_answer(request.url, outcome) from outcome
    return outcome


def _passes(outcome: Outcome) -> bool:
    if isinstance(outcome, Exception):
        return isinstance(outcome, LOST)
    return outcome.status_code in PASSING


def _retry_after(outcome: Outcome) -> float:
    """RFC 9110, section 10.2.3: seconds or a date; 0 without either."""
    value = outcome.headers.get("retry-after", "") if isinstance(outcome, httpx.Response) else ""
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
        # Without a zone, as "-0000" has none, it is UTC.
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
        return (date - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
