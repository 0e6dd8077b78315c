"""Parses Content-Type, and chooses a media type by Accept.

Source: RFC 9110, sections 8.3.1 and 12.5.1; each header is parsed in one pass.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from app.errors import NotAcceptable

JSON = "application/json"
NPY = "application/x-npy"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
NPZ = "application/x-npz"
PNG = "image/png"
JPEG = "image/jpeg"
MULTIPART = "multipart/form-data"
SAFETENSORS = "application/vnd.safetensors"
# Of a body that its sender did not describe; also what curl and HTTP libraries say by default.
UNDECLARED = "application/octet-stream"
UNDECLARED_TYPES = (b"", UNDECLARED.encode(), b"application/x-www-form-urlencoded")
# About 40 media types; a browser's Accept has 150 bytes.
MOST_ACCEPT = 1024
# "application/vnd.apache.arrow.stream; charset=utf-8" has 50 bytes.
MOST_BYTES = 256
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_TYPE = re.compile(rb"(%b/%b)[\t ]*" % (_TOKEN, _TOKEN))
_PARAMETER = re.compile(rb";[\t ]*(?:(%b)=(%b|%b)[\t ]*)?" % (_TOKEN, _TOKEN, _QUOTED))
_ESCAPED = re.compile(rb"\\(.)")


class MediaType(NamedTuple):
    """`essence` and the names of the parameters are in lower case."""

    essence: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, text: bytes) -> "MediaType | None":
        """None if `text` is malformed, too long, or names a parameter twice."""
        match = _TYPE.match(text) if len(text) <= MOST_BYTES else None
        if match is None:
            return None
        essence = match[1].decode().lower()
        parameters: dict[str, str] = {}
        while (end := match.end()) < len(text):
            match = _PARAMETER.match(text, end)
            if match is None:
                return None
            if match[1]:
                name = match[1].decode().lower()
                if name in parameters:
                    return None
                parameters[name] = _unquote(match[2])
        return cls(essence, parameters)


def _unquote(value: bytes) -> str:
    if value.startswith(b'"'):
        value = _ESCAPED.sub(rb"\1", value[1:-1])
    return value.decode("latin-1")


def choose_media_type(accept: str, offered: Iterable[str]) -> str:
    """The offered media type that `accept` prefers; the first of equal ones.

    Raises NotAcceptable.
    """
    offered = list(offered)
    if len(accept) > MOST_ACCEPT:
        raise NotAcceptable(f"an Accept of {len(accept)} bytes; up to {MOST_ACCEPT} are read")
    qualities = _accepted(accept)
    best = max(offered, key=lambda media_type: _quality(media_type, qualities))
    if _quality(best, qualities) <= 0:
        raise NotAcceptable(f"only {', '.join(offered)} can be sent")
    return best


def _accepted(header: str) -> dict[str, float]:
    qualities = {}
    for part in header.split(","):
        media_type, *parameters = [piece.strip().lower() for piece in part.split(";")]
        quality = 1.0
        for parameter in parameters:
            if match := re.fullmatch(r"q=([01](?:\.\d{0,3})?)", parameter):
                quality = float(match[1])
        qualities[media_type] = quality
    return qualities


def _quality(media_type: str, qualities: dict[str, float]) -> float:
    kind = media_type.partition("/")[0]
    candidates = (media_type, f"{kind}/*", "*/*")
    return next((qualities[name] for name in candidates if name in qualities), 0.0)
