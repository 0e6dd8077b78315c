"""Reads a request body: checks its media type first, and its size while it streams."""

import re
from collections.abc import Collection

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from app.errors import BodyTooLarge, CompressedBody, RequestError, UnsupportedContent
from app.predict import (
    ARROW,
    CSV,
    JSON,
    MOST_DIGITS,
    MULTIPART,
    NPY,
    NPZ,
    PNG,
    SAFETENSORS,
    UNDECLARED,
    UNDECLARED_TYPES,
    Body,
    Headers,
    HeldMemory,
    MediaType,
)
from stateserve.text import shown

# Of a body that may begin with line breaks and spaces.
MOST_SPACE = 64
UNDECLARED_TYPE = MediaType(UNDECLARED, {})
# How bodies of these types begin. Of safetensors, after the length of its header.
MARKS = {
    NPY: (re.compile(rb"\x93NUMPY"), "an npy array"),
    NPZ: (re.compile(rb"PK\x03\x04"), "an npz file"),
    ARROW: (re.compile(rb"\xff\xff\xff\xff"), "an Arrow stream"),
    SAFETENSORS: (re.compile(rb"(?s:.{4})\0\0\0\0\{"), "a safetensors file"),
    JSON: (re.compile(rb"\s*[{\[]"), "JSON"),
}
# The first file in a zip archive of torch.save.
CHECKPOINT = re.compile(rb"PK\x03\x04(?s:.{26})[^/]{1,200}/(data\.pkl|\.format_version)")
MOST_NAMED = 256
# Each format but JSON has some; curl -d leaves them out.
LEFT_OUT = re.compile(rb"[\0\r\n]")
JSON_BYTES = JSON.encode()
PLAIN_JSON = MediaType(JSON, {})
CURL = f"-H 'Content-Type: {JSON}'"


def media_type_of(headers: Headers, accepted: Collection[str]) -> MediaType:
    """The body's media type, one of `accepted`. Raises UnsupportedContent."""
    require_plain(headers)
    given = headers.get(b"content-type", b"")
    if given == JSON_BYTES:
        return PLAIN_JSON
    takes = f"send {' or '.join(accepted)}"
    if given in UNDECLARED_TYPES:
        said = f"Content-Type {shown(given)}" if given else "no Content-Type"
        raise UnsupportedContent(f"{said}; {takes} (curl: {CURL})")
    media_type = MediaType.parse(given)
    if media_type is None:
        named = MediaType.parse(given.partition(b";")[0])
        fault = "a parameter is empty, stands twice or needs quotes" if named else "no media type"
        raise UnsupportedContent(f"Content-Type {shown(given)}: {fault}; {takes}")
    charset = media_type.parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8") and media_type.essence != CSV:
        wanted = media_type.essence if media_type.essence in accepted else JSON
        raise UnsupportedContent(f"Content-Type {shown(given)}; send {wanted} in UTF-8")
    if media_type.essence not in accepted:
        why = f"; {_no_picture(accepted)}" if media_type.essence.startswith("image/") else ""
        raise UnsupportedContent(f"Content-Type {media_type.essence!r}{why}; {takes}")
    return media_type


def _no_picture(accepted: Collection[str]) -> str:
    """Why a body is no picture alone."""
    if PNG in accepted:
        return "of pictures, PNG and JPEG are taken"
    if MULTIPART in accepted:
        return "this model has several inputs, and takes a picture as a part of a form"
    return "this model takes no pictures"


def declared_type(headers: Headers, accepted: Collection[str]) -> MediaType:
    """The media type of the body; UNDECLARED_TYPE where its first bytes decide.

    Raises UnsupportedContent.
    """
    if headers.get(b"content-type", b"") not in UNDECLARED_TYPES:
        return media_type_of(headers, accepted)
    require_plain(headers)
    return UNDECLARED_TYPE


def found_type(
    declared: MediaType, body: Body, headers: Headers, accepted: Collection[str]
) -> MediaType:
    """The type as declared; that of an undeclared body by its first bytes.

    Raises UnsupportedContent.
    """
    if declared is not UNDECLARED_TYPE:
        return declared
    from app.predict.pictures import picture_kind

    if CHECKPOINT.match(bytes(body[:MOST_NAMED])):
        kind = "a checkpoint, and a service starts with it: stateserve serve --model FILE"
        raise UnsupportedContent(f"the body is {kind}; send {' or '.join(accepted)}")
    start = bytes(body[:MOST_SPACE])
    marked = ((found, what) for found, (mark, what) in MARKS.items() if mark.match(start))
    # The reader of PNG reads JPEG, too.
    found, what = next(marked, (PNG, picture_kind(start)))
    if what is None:
        return media_type_of(headers, accepted)
    if found in accepted:
        if found not in (JSON, PNG) and not LEFT_OUT.search(body):
            raise UnsupportedContent(
                f"the body is {what} without the bytes that curl -d leaves out; "
                "curl --data-binary @FILE sends all"
            )
        return MediaType(found, {})
    why = f"; {_no_picture(accepted)}" if found == PNG else ""
    raise UnsupportedContent(f"the body is {what}{why}; send {' or '.join(accepted)}")


def require_plain(headers: Headers) -> None:
    """Raise CompressedBody if the body has a content encoding."""
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding.lower() != b"identity":
        raise CompressedBody(encoding.decode("latin-1"))


async def read_body(
    receive: Receive, headers: Headers, limit: int, where: str = "", held: HeldMemory | None = None
) -> Body:
    """The whole body. Raises BodyTooLarge as early as possible, Overloaded or ClientDisconnect.

    `where` names the bodies with this limit, in the error.
    """
    declared = headers.get(b"content-length", b"0")
    if len(declared) > MOST_DIGITS:
        raise RequestError(f"a Content-Length of {len(declared)} digits")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(f"a body of {int(declared)} bytes; at most {limit} are taken{where}")
    body: Body | None = None
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        if held is not None:
            held.add(len(chunk))
        if body is None:
            # Most bodies are one chunk, which needs no copy.
            body = bytearray(chunk) if more else chunk
        else:
            body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"a body of more than {limit} bytes{where}")
    return body or b""


async def read_json(request: Request, limit: int) -> Body:
    """The body of an endpoint that accepts only JSON.

    Raises the errors of media_type_of and read_body.
    """
    headers: Headers = dict(request.scope["headers"])
    media_type_of(headers, [JSON])
    return await read_body(request.receive, headers, limit)
