"""Reads the files of a multipart/form-data body; needs `pip install .[images]`.

Source: RFC 7578.
"""

from dataclasses import dataclass

from app.errors import BodyTooLarge, InvalidInstances, MalformedBody, NotProvided
from app.predict.headers import Body
from app.predict.media_types import MediaType
from stateserve.errors import Fault

MAX_PARTS = 10_000
INSTALL = "multipart bodies need a package that is not installed: pip install '.[images]'"


@dataclass(frozen=True)
class FilePart:
    """One part of a form: the name of its field, and its content."""

    name: str
    content: bytes


def read_files(body: Body, media_type: MediaType) -> list[FilePart]:
    """The parts of a form in order, at least one; `media_type` has the boundary.

    Raises MalformedBody, InvalidInstances, BodyTooLarge for more than MAX_PARTS, or NotProvided.
    """
    try:
        from multipart import (
            MultipartError,
            MultipartSegment,
            ParserLimitReached,
            PushMultipartParser,
        )
    except ImportError:
        raise NotProvided(INSTALL) from None
    boundary = media_type.parameters.get("boundary", "")
    names: list[str] = []
    contents: list[bytes] = []
    try:
        with PushMultipartParser(boundary, strict=True, max_segment_count=MAX_PARTS) as parser:
            for event in parser.parse(bytes(body)):
                if isinstance(event, MultipartSegment):
                    names.append(event.name)
                    contents.append(b"")
                elif event is not None:
                    contents[-1] += event
    except ParserLimitReached as error:
        raise BodyTooLarge(f"{error.args[0]}; up to {MAX_PARTS} parts are accepted") from None
    except MultipartError as error:
        raise MalformedBody(str(error.args[0]), 0, "multipart/form-data") from None
    if not names:
        raise InvalidInstances([Fault("", "no part; a form with at least one file is accepted")])
    return [FilePart(*each) for each in zip(names, contents, strict=True)]
