"""HTTP's conditional requests (RFC 9110, section 13)."""

import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

ETAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


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
