"""HTTP's conditional requests (RFC 9110, section 13)."""

import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

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
