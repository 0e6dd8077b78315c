"""Turn httpx's errors into one line that says what to do."""

import json
from typing import Self

import httpx
import msgspec

from stateserve.errors import Fault, NoAnswer, Problem
from stateserve.text import printable


class AnswerTooLong(httpx.HTTPError):
    """An answer of more bytes than its request can have."""


class AnswerTooSlow(httpx.TimeoutException):
    """An answer that is not there, whole, when its time is over."""

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(f"no whole answer after {seconds:g} s")


# Every error of httpx, and what it lets through: errors of TLS, and of a host's name. A closed
# client is checked for earlier.
FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    httpx.StreamError,
    OSError,
    UnicodeError,
    MemoryError,
)
ADDRESS = "an address is like http://127.0.0.1:8000"
LATER = "the service may be busy: timeout=SECONDS lets the client wait longer"
# Looked up along the failure's MRO.
HINTS: dict[type[BaseException], str] = {
    BaseException: "httpx names the cause",
    httpx.ConnectError: "is the service running, and is this its address?",
    httpx.ConnectTimeout: "is the service running, and is this its address?",
    httpx.ReadTimeout: LATER,
    httpx.WriteTimeout: LATER,
    httpx.PoolTimeout: "all of the transport's connections are in use; allow it more of them",
    httpx.NetworkError: "the connection was lost",
    httpx.RemoteProtocolError: "the connection ended too early, or no HTTP is spoken there",
    httpx.LocalProtocolError: "is each header in the client's options a header of HTTP?",
    httpx.UnsupportedProtocol: "an address begins with http:// or https://",
    httpx.ProxyError: "look at the proxy that the options or the environment name",
    httpx.DecodingError: "something on the way changed the answer's Content-Encoding",
    AnswerTooSlow: "total_timeout=SECONDS lets the client wait longer",
    AnswerTooLong: "is this the address of stateserve?",
    MemoryError: "this machine has too little memory for the answer",
    httpx.TooManyRedirects: "give the address that the service itself has",
    httpx.InvalidURL: ADDRESS,
    OSError: "the connection was lost",
    UnicodeError: ADDRESS,
    httpx.CookieConflict: "the client needs no cookies",
    httpx.StreamError: "the client was closed, or its transport reads no answer to its end",
}
# What the service's own words do not say to users of this client.
STATUS_HINTS = {
    401: "Client(url, key=...) sends a key",
    403: "another key may have this scope: Client(url, key=...)",
    429: "patience=SECONDS lets the client wait longer",
    502: "a proxy did not reach the service",
    503: "patience=SECONDS lets the client wait longer",
    504: "fewer rows take less time",
}


def no_answer(url: object, failure: BaseException) -> NoAnswer:
    """The NoAnswer for an error of httpx."""
    reason = str(failure).partition("\n")[0].rstrip(".") or type(failure).__name__
    hint = next(HINTS[kind] for kind in type(failure).__mro__ if kind in HINTS)
    return NoAnswer(f"{url}: {reason}; {hint}")


class _Fault(msgspec.Struct):
    detail: str
    pointer: str = ""
    parameter: str = ""


class _ProblemDetails(msgspec.Struct):
    detail: str
    errors: list[_Fault] = []


def problem_of(response: httpx.Response) -> Problem:
    try:
        # msgspec.json refuses half of a surrogate pair, which another server may answer.
        details = msgspec.convert(json.loads(response.content), _ProblemDetails)
    except (ValueError, RecursionError):
        # From a proxy in front of the service, such as an HTML page.
        details = _ProblemDetails(response.reason_phrase)
    hint = STATUS_HINTS.get(response.status_code, "")
    return Problem(
        url=str(response.url),
        status=response.status_code,
        detail=printable(details.detail),
        errors=[Fault(fault.pointer or fault.parameter, fault.detail) for fault in details.errors],
        request_id=response.headers.get("x-request-id"),
        hint=hint,
    )
