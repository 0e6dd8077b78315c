"""Read a body: its type first, its size while it streams."""

from collections.abc import Collection
from email.message import EmailMessage

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from app.api.negotiation import JSON
from app.errors import BodyTooLarge, CompressedBody, UnsupportedContent

Headers = dict[bytes, bytes]
Body = bytes | bytearray


def media_type_of(headers: Headers, accepted: Collection[str]) -> str:
    """The body's media type, one of `accepted`. Raises UnsupportedContent, naming these."""
    require_plain(headers)
    given = headers.get(b"content-type", b"").decode("latin-1")
    if given == JSON:
        return given
    if not given:
        raise UnsupportedContent(f"no Content-Type; send {' or '.join(accepted)}")
    message = EmailMessage()
    message["Content-Type"] = given
    charset = str(message.get_param("charset", "utf-8")).lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedContent(f"Content-Type {given!r}; send application/json in UTF-8")
    media_type = message.get_content_type()
    if media_type not in accepted:
        # What cannot be read is text/plain to the parser, but not to the caller.
        sent = media_type if media_type in given.lower() else given
        raise UnsupportedContent(f"Content-Type {sent!r}; send {' or '.join(accepted)}")
    return media_type


def require_plain(headers: Headers) -> None:
    """Raise CompressedBody unless the body is sent as it is."""
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    if encoding.lower() != "identity":
        raise CompressedBody(encoding)


async def read_body(receive: Receive, headers: Headers, limit: int, where: str = "") -> Body:
    """The whole body. Raises BodyTooLarge as soon as it is known, or ClientDisconnect.

    `where` says in the error which bodies are limited so.
    """
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(f"a body of {int(declared)} bytes; at most {limit} are taken{where}")
    body: Body | None = None
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        if body is None:
            # Most bodies are one chunk, and need no second copy.
            body = bytearray(chunk) if more else chunk
        else:
            body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"a body of more than {limit} bytes{where}")
    return body or b""


async def read_json(request: Request, limit: int, where: str = "") -> Body:
    """The body of an endpoint that takes JSON alone. Raises as the two above do."""
    headers: Headers = dict(request.scope["headers"])
    media_type_of(headers, [JSON])
    return await read_body(request.receive, headers, limit, where)
