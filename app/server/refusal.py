"""The end of a connection whose request no application could answer."""

import logging
from http import HTTPStatus
from typing import Self

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.api import problem

PARSERS_OWN = (httptools.HttpParserError, httptools.HttpParserUpgrade)
logger = logging.getLogger("app.http")


class Refusal(Exception):
    """Why a request is not taken. Raised in the parser, it comes out as an error's context."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status

    @classmethod
    def of(cls, error: httptools.HttpParserError) -> Self:
        """What the parser's error means: the client's mistake, unless our memory ran out."""
        reason = error.__context__
        if isinstance(reason, cls):
            return reason
        if isinstance(reason, MemoryError):
            return cls(HTTPStatus.INTERNAL_SERVER_ERROR, "not enough memory for the request")
        if reason is not None and not isinstance(reason, PARSERS_OWN):
            logger.error("unexpected error", exc_info=reason)
            return cls(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; it is in the log")
        return cls(HTTPStatus.BAD_REQUEST, f"not valid HTTP/1.1: {error}")

    def render(self) -> bytes:
        """The whole answer, as problem details, for the connection to close after."""
        response = problem(self.status, str(self), {"Connection": "close"})
        headers = [b"%b: %b\r\n" % header for header in response.raw_headers]
        return b"".join([STATUS_LINE[self.status], *headers, b"\r\n", response.body])
