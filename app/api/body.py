"""Read a JSON body: type checked first, size while it streams."""

from email.message import EmailMessage

from starlette.requests import Request

from app.errors import BodyTooLarge, UnsupportedContent


async def read_json_body(request: Request, limit: int) -> bytes:
    """The body's bytes. Raises UnsupportedContent, or BodyTooLarge as soon as it is known."""
    _require_json(request)
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(f"a body of {declared} bytes; at most {limit} are taken")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"a body of more than {limit} bytes")
    return bytes(body)


def _require_json(request: Request) -> None:
    given = request.headers.get("content-type")
    if given is None:
        raise UnsupportedContent("no Content-Type; send application/json")
    message = EmailMessage()
    message["Content-Type"] = given
    charset = str(message.get_param("charset", "utf-8")).lower()
    if message.get_content_type() != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedContent(f"Content-Type {given!r}; send application/json in UTF-8")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedContent(f"Content-Encoding {encoding!r}; send the body uncompressed")
