"""Answers to requests that the HTTP parser rejects, before they reach the application."""

import logging
from http import HTTPStatus
from typing import Self

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.api import error_answer

PARSERS_OWN = (httptools.HttpParserError, httptools.HttpParserUpgrade)
logger = logging.getLogger("app.http")


class Refusal(Exception):
    """A rejected request. httptools raises its own error, with this one as its __context__."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status

    @classmethod
    def of(cls, error: httptools.HttpParserError) -> Self:
        """The refusal behind a parser error: 400, unless the error is ours (500)."""
        reason = error.__context__
        if isinstance(reason, cls):
            return reason
        if isinstance(reason, httptools.HttpParserInvalidURLError):
            return cls(
                HTTPStatus.BAD_REQUEST, "not a valid target; send a path, or http://HOST/PATH"
            )
        if isinstance(reason, MemoryError):
            return cls(HTTPStatus.INTERNAL_SERVER_ERROR, "not enough memory for the request")
        if reason is not None and not isinstance(reason, PARSERS_OWN):
            logger.error("unexpected error", exc_info=reason)
            return cls(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; it is in the log")
        return cls(HTTPStatus.BAD_REQUEST, f"not valid HTTP/1.1: {error}")

    def render(self, path: str) -> bytes:
        """The whole HTTP answer, in the format of `path`; the connection closes after it."""
        response = error_answer(path, self.status, str(self), {"Connection": "close"})
        headers = [b"%b: %b\r\n" % header for header in response.raw_headers]
        status = STATUS_LINE[response.status_code]
        return b"".join([status, *headers, b"\r\n", response.body])
