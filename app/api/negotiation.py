"""HTTP's conditional requests and content codings (RFC 9110, sections 13 and 12.5.3)."""

import gzip
import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

ETAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
GZIP = re.compile(
    r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?(?=,|$)", re.IGNORECASE
)


def accepts_gzip(request: Request) -> bool:
    found = GZIP.search(request.headers.get("accept-encoding", ""))
    return found is not None and float(found[1] or 1) > 0


def compress(request: Request, response: Response) -> Response:
    """Make the body a gzip stream, if the client reads them."""
    if accepts_gzip(request):
        response.body = gzip.compress(response.body, 6, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    response.headers["Vary"] = "Accept-Encoding"
    return response


def unless_known(request: Request, etag: str, make: Callable[[], Response]) -> Response:
    """304 if the client already has `etag`, else the answer of `make`, with `etag`."""
    quoted = f'"{etag}"'
    given = request.headers.get("if-none-match", "").strip()
    known = given == "*" or quoted in ETAG.findall(given)
    response = Response(status_code=304) if known else make()
    response.headers["ETag"] = quoted
    # Caches may store the answer but must revalidate it: the model behind a URL can change.
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = "Accept"
    return response
