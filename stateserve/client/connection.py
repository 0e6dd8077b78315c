"""What a client needs of httpx: its address, its key, its limits."""

import math
import os
import re
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from stateserve.client.failures import AnswerTooLong, no_answer
from stateserve.errors import ClientError
from stateserve.text import MOST_SHOWN, printable, shown

PATIENCE_SECONDS = 10.0
# More connections would not be served faster.
LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=32)
# httpx's own 5 s are short for the first explanation, and for a batch of a slow model.
TIMEOUT = httpx.Timeout(30, connect=5)
# Of one request and its whole answer.
TOTAL_SECONDS = 600.0
# Sockets take no longer timeouts.
MOST_SECONDS = 1e9
KEY = re.compile(r"[\x21-\x7e]+")
# The name of the extension of a request that says how many bytes its answer may have.
MOST_BYTES = "most_bytes"
# Of cards, lists and pages of tensors.
MOST_LISTED = 64 * 2**20
# Of predictions; the service holds 256 MiB of outputs, which have more bytes in JSON.
MOST_PREDICTED = 2**30
# Of a refusal.
MOST_REFUSED = 2**20


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
    # The service sets no cookies, and those of another server would grow with each answer.
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    defaults: dict[str, Any] = {
        "base_url": _parse_url(url),
        "limits": LIMITS,
        "timeout": TIMEOUT,
        "cookies": cookies,
    }
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


def seconds_of(total_timeout: object) -> float:
    """The seconds of `total_timeout`, infinity for None. Raises ClientError."""
    if total_timeout is None:
        return math.inf
    if not (isinstance(total_timeout, int | float) and 0 < total_timeout <= MOST_SECONDS):
        wanted = "a number of seconds over 0, or None to wait without an end"
        raise ClientError(f"total_timeout is {wanted}, not {total_timeout!r:.100}")
    return total_timeout


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
        # Its name is decoded only now.
        found.host  # noqa: B018
    except (httpx.InvalidURL, UnicodeError) as error:
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


def memory_bytes() -> int:
    """The bytes of this machine's memory, which no state that it can hold exceeds."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        # Windows has no sysconf.
        return 2**63


def limit_answers(http: httpx.Client | httpx.AsyncClient) -> None:
    """Let each answer of `http` be as long as its request expects; a longer one fails as
    AnswerTooLong, an encoded one as DecodingError."""
    http.headers["Accept-Encoding"] = "identity"
    limit = _limit if isinstance(http, httpx.Client) else _limit_async
    http.event_hooks = {**http.event_hooks, "response": [limit, *http.event_hooks["response"]]}


async def _limit_async(response: httpx.Response) -> None:
    _limit(response)


def _limit(response: httpx.Response) -> None:
    coding = response.headers.get("content-encoding", "identity")
    if coding.strip().lower() not in ("", "identity"):
        raise httpx.DecodingError(f"an answer in {shown(coding)}, which was not asked for")
    most = response.request.extensions.get(MOST_BYTES, MOST_LISTED)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        most = MOST_REFUSED
    length = response.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > len(str(most)) or int(length) > most):
        raise _too_long(most)
    response.stream = _Counted(response.stream, most)


class _Counted(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._most = self._left = most

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:  # type: ignore[union-attr]
            self._count(part)
            yield part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:  # type: ignore[union-attr]
            self._count(part)
            yield part

    def close(self) -> None:
        self._stream.close()  # type: ignore[union-attr]

    async def aclose(self) -> None:
        await self._stream.aclose()  # type: ignore[union-attr]

    def _count(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise _too_long(self._most)


def _too_long(most: int) -> AnswerTooLong:
    return AnswerTooLong(f"an answer of more than {most} bytes")
