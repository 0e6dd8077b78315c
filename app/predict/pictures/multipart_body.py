"""Reads the files of a multipart/form-data body; needs `pip install .[images]`.

Source: RFC 7578.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import BodyTooLarge, InvalidInstances, MalformedBody, NotProvided
from app.predict.headers import Body
from app.predict.json_pointer import escape
from app.predict.media_types import MULTIPART, MediaType
from stateserve.errors import Fault
from stateserve.text import shown

MAX_PARTS = 10_000
MAX_HEADERS = 8
MAX_HEADER_BYTES = 4096
LIMITS = (
    f"up to {MAX_PARTS} parts are accepted, each with up to {MAX_HEADERS} headers of up to "
    f"{MAX_HEADER_BYTES} bytes"
)
# Of a content that is not the file itself.
ENCODINGS = {"Content-Transfer-Encoding", "Content-Encoding"}
PLAIN = {"binary", "7bit", "8bit", "identity"}
MOST_OF_LINE = 72
INSTALL = "multipart bodies need a package that is not installed: pip install '.[images]'"


@dataclass(frozen=True)
class FilePart:
    """One part of a form: the name of its field, and its content."""

    name: str
    content: bytes


def read_files(body: Body, media_type: MediaType) -> list[FilePart]:
    """The parts of a form in order, at least one; `media_type` has the boundary.

    Raises MalformedBody, InvalidInstances, BodyTooLarge for more than LIMITS, or NotProvided.
    """
    boundary = media_type.parameters.get("boundary", "")
    if not boundary:
        raise _malformed(
            "the Content-Type has no boundary; an HTTP client writes one if it sets the header "
            "itself"
        )
    parts = _parse(body, boundary)
    if not parts:
        raise InvalidInstances([Fault("", "no part; a form with at least one file is accepted")])
    return parts


def _parse(body: Body, boundary: str) -> list[FilePart]:
    try:
        import multipart
    except ImportError:
        raise NotProvided(INSTALL) from None
    parts: list[tuple[str, list[bytes]]] = []
    try:
        with multipart.PushMultipartParser(
            boundary,
            strict=True,
            max_segment_count=MAX_PARTS,
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        ) as parser:
            for event in parser.parse(bytes(body)):
                if isinstance(event, multipart.MultipartSegment):
                    _require_plain(event.name, event.headerlist)
                    parts.append((event.name, []))
                elif event is not None:
                    parts[-1][1].append(event)
    except multipart.MultipartError as error:
        # The parser keeps its error, whose traceback keeps the parser and the body: without this,
        # they would stay in memory until the next full collection.
        error.__traceback__ = None
        if isinstance(error, multipart.ParserLimitReached):
            raise BodyTooLarge(f"{error.args[0]}; {LIMITS}") from None
        raise _malformed(_fault_of_boundary(body, boundary) or str(error.args[0])) from None
    return [FilePart(name, b"".join(content)) for name, content in parts]


def _require_plain(name: str, headers: Sequence[tuple[str, str]]) -> None:
    """Raise MalformedBody for two headers of one name, InvalidInstances for an encoded content."""
    fields = dict(headers)
    if len(fields) < len(headers):
        raise _malformed(f"part {shown(name)}: a header stands twice")
    for header in ENCODINGS & fields.keys():
        if fields[header].lower() not in PLAIN:
            reason = f"{header} {shown(fields[header])}; the bytes of the file are accepted"
            raise InvalidInstances([Fault(f"/{escape(name)}", reason)])


def _fault_of_boundary(body: Body, boundary: str) -> str | None:
    """What is wrong with the lines between the parts, if one of the first and the last is missing.

    A program that sets the header by hand often names another boundary than the body has.
    """
    mark = f"--{boundary}"
    if body.find(mark.encode()) < 0:
        line = bytes(body[:MOST_OF_LINE]).partition(b"\r\n")[0]
        found = f"it begins with {shown(line)}" if body else "it is empty"
        return f"it has no line {shown(mark)}, the boundary of the Content-Type; {found}"
    last = f"{mark}--"
    if body.find(last.encode()) < 0:
        return f"it does not end with the last boundary, {shown(last)}"
    return None


def _malformed(reason: str) -> MalformedBody:
    return MalformedBody(reason, None, MULTIPART)
