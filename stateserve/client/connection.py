"""What a client needs of httpx: its address, its key, its limits."""

import math
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from stateserve.client.failures import no_answer
from stateserve.errors import ClientError
from stateserve.text import MOST_SHOWN, printable

PATIENCE_SECONDS = 10.0
# More connections would not be served faster.
LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=32)
# httpx's own 5 s are short for the first explanation, and for a batch of a slow model.
TIMEOUT = httpx.Timeout(30, connect=5)
# Sockets take no longer timeouts.
MOST_SECONDS = 1e9
KEY = re.compile(r"[\x21-\x7e]+")


def connection_options(
    url: object,
    key: object,
    options: Mapping[str, object],
    transport: type[httpx.BaseTransport] | type[httpx.AsyncBaseTransport],
) -> dict[str, Any]:
    """httpx's options, with address, key and limits; a `transport` is of this type.

    Raises NoAnswer if `url` is not a URL, and ClientError if `key` cannot be a key, or an option
    is none of httpx's.
    """
    defaults: dict[str, Any] = {"base_url": _parse_url(url), "limits": LIMITS, "timeout": TIMEOUT}
    found = defaults | dict(options)
    with checking_options():
        timeout = httpx.Timeout(found["timeout"])
        if not all(each is None or 0 < each <= MOST_SECONDS for each in timeout.as_dict().values()):
            raise ValueError(f"{timeout}: seconds are over 0, or None to wait without an end")
        if not isinstance(found["limits"], httpx.Limits):
            raise TypeError("limits are of the type httpx.Limits")
        # httpx would fail at the first request, with an AttributeError.
        if not isinstance(found.get("transport"), transport | None):
            raise TypeError(f"transport is of the type httpx.{transport.__name__}")
    if key is None:
        return found
    if not (isinstance(key, str) and KEY.fullmatch(key)):
        # httpx's own error would show it.
        raise ClientError("the key has a character that no key has")
    return found | {"auth": _Bearer(key)}


@contextmanager
def checking_options() -> Iterator[None]:
    """A context in which httpx reads its options: what it raises becomes ClientError."""
    try:
        yield
    except (AssertionError, AttributeError, OSError, TypeError, ValueError) as error:
        reason = printable(str(error).partition("\n")[0])[:MOST_SHOWN]
        raise ClientError(f"the client's options are not those of httpx: {reason}") from None


def most_requests(options: dict[str, Any]) -> float:
    """The most requests in flight: as many as the limits allow connections."""
    most: int | None = options["limits"].max_connections
    return math.inf if most is None else most


def require_open(http: httpx.Client | httpx.AsyncClient) -> None:
    if http.is_closed:
        raise ClientError("this client is closed; make a new one")


def _parse_url(url: object) -> httpx.URL:
    if not isinstance(url, str | httpx.URL):
        raise ClientError(f"an address is like http://127.0.0.1:8000, not {url!r:.100}")
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise no_answer(str(url)[:MOST_SHOWN], error) from None
    if found.query or found.fragment:
        # They would stand before the paths of requests.
        hint = "a path such as /models/NAME/versions/VERSION chooses another version"
        raise ClientError(f"{str(url)!r:.100}: an address has no query and no fragment; {hint}")
    return found


class _Bearer(httpx.Auth):
    def __init__(self, key: str) -> None:
        self._value = f"Bearer {key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._value
        yield request
