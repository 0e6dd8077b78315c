"""Checks of a request's target and headers, which the HTTP parser leaves to its caller."""

import re
from collections import Counter
from functools import lru_cache
from http import HTTPStatus

import httptools

from app.predict import MOST_DIGITS
from app.server.refusal import Refusal
from stateserve.text import shown

Headers = list[tuple[bytes, bytes]]
# RFC 3986, 3.2.2: a name or an address, and a port. A client may know none.
HOST = re.compile(rb"(\[[\w:.]+\]|[\w.~%!$&'()*+,;=-]*)(:[0-9]*)?")


def head_bytes(url: bytes, headers: Headers) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def fields_of(url: bytes, headers: Headers, version: str) -> dict[bytes, bytes]:
    """The headers by name, with the host of an absolute target. Raises Refusal."""
    fields = dict(headers)
    repeated = len(fields) < len(headers)
    if repeated or b"transfer-encoding" in fields or url[:1] != b"/":
        _require_clear(url, headers)
        fields = dict(headers)
    if len(digits := fields.get(b"content-length", b"")) > MOST_DIGITS:
        # The parser accepts any number of leading zeros; Python refuses too many digits.
        raise Refusal(HTTPStatus.BAD_REQUEST, f"a Content-Length of {len(digits)} digits")
    if b"host" in fields:
        if not _is_host(fields[b"host"]):
            raise Refusal(HTTPStatus.BAD_REQUEST, "a Host that is no host and port")
    elif version == "1.1":
        raise Refusal(HTTPStatus.BAD_REQUEST, "0 Host headers; send one")
    return fields


@lru_cache
def _is_host(host: bytes) -> bool:
    return HOST.fullmatch(host) is not None


def without_offer(parser: httptools.HttpRequestParser, url: bytes, headers: Headers) -> bytes:
    """The head that the parser has read, without an offer to upgrade. Raises HttpParserError."""
    method, version = parser.get_method(), parser.get_http_version()
    if method == b"CONNECT":
        # CONNECT is itself an offer to upgrade, which cannot be removed.
        raise httptools.HttpParserError("CONNECT is not for a server")
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    lines += [b"%b: %b" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])


def _require_clear(url: bytes, headers: Headers) -> None:
    """Refuse a request that two readers could understand differently (RFC 9112, 3.2 and 6.1).

    The host of an absolute target replaces that of the header.
    """
    if (hosts := Counter(name for name, _ in headers)[b"host"]) > 1:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{hosts} Host headers; send one")
    types = {value for name, value in headers if name == b"content-type"}
    if len(types) > 1:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{len(types)} Content-Type headers; send one")
    timeouts = {value for name, value in headers if name == b"x-request-timeout"}
    if len(timeouts) > 1:
        detail = f"{len(timeouts)} X-Request-Timeout headers; send one"
        raise Refusal(HTTPStatus.BAD_REQUEST, detail)
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    # The parser takes any coding before the last.
    if codings and b",".join(codings).lower() != b"chunked":
        detail = f"Transfer-Encoding {shown(b', '.join(codings))}; only chunked is known"
        raise Refusal(HTTPStatus.NOT_IMPLEMENTED, detail)
    if host := _host_of(url):
        # In place: the scope has this list.
        headers[:] = [(name, host if name == b"host" else value) for name, value in headers]


def _host_of(url: bytes) -> bytes:
    """The host and port of an absolute target; empty for a path and for `*`."""
    try:
        target = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        # Refused where the path is read.
        return b""
    host: bytes = target.host or b""
    host = b"[%b]" % host if b":" in host else host
    return host if target.port is None else b"%b:%d" % (host, target.port)
