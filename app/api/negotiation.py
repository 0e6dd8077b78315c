"""HTTP's conditional requests and content negotiation (RFC 9110, sections 12 and 13)."""

import re
from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotAcceptable

JSON = "application/json"
NPY = "application/x-npy"
ARROW = "application/vnd.apache.arrow.stream"
SAFETENSORS = "application/vnd.safetensors"
# Some 40 media types; a browser's has 150 bytes.
MOST_ACCEPT = 1024
ETAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def unless_known(request: Request, etag: str, make: Callable[[], Response]) -> Response:
    """304 if the caller already holds `etag`, else what `make` returns, tagged with it."""
    quoted = f'"{etag}"'
    given = request.headers.get("if-none-match", "").strip()
    known = given == "*" or quoted in ETAG.findall(given)
    response = Response(status_code=304) if known else make()
    response.headers["ETag"] = quoted
    # Caches may keep it but have to ask: the model behind the address can change.
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = "Accept"
    return response


def choose_media_type(accept: str, offered: Iterable[str]) -> str:
    """The offered media type that `accept` likes best; the first one wins a tie.

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
