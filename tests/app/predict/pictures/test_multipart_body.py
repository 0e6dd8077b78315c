"""multipart/form-data bodies of files, as HTTP clients write them."""

import gc
import weakref
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BodyTooLarge, InvalidInstances, MalformedBody, RequestError
from app.predict import MediaType
from app.predict.pictures import FilePart, read_files
from tests.memory import SPARE, peak_growth

FORM = MediaType("multipart/form-data", {"boundary": "b"})
HEAD = b'Content-Disposition: form-data; name="x"; filename="a.png"\r\n'
PART = b"--b\r\n" + HEAD + b"\r\ncontent\r\n"


@given(st.lists(st.tuples(st.text("abcé/~ ", min_size=1), st.binary()), min_size=1))
def test_the_files_of_a_client_come_in_order(files: list[tuple[str, bytes]]) -> None:
    form = [(name, ("a.png", content, "image/png")) for name, content in files]
    request = httpx.Request("POST", "http://any", files=form)
    media_type = MediaType.parse(request.headers["content-type"].encode())
    assert media_type
    found = read_files(request.read(), media_type)
    assert found == [FilePart(name, content) for name, content in files]
    assert read_files(bytearray(request.read()), media_type) == found


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "has no line '--b', the boundary of the Content-Type; it is empty"),
        (
            PART.replace(b"--b", b"--a"),
            "no line '--b', the boundary of the Content-Type; it begins with '--a'",
        ),
        (b"preamble" + PART + b"--b--", "in front of first boundary"),
        (PART, "does not end with the last boundary, '--b--'"),
        (PART + b"--b", "does not end with the last boundary, '--b--'"),
        (PART.replace(b"\r", b"") + b"--b--", "line break"),
        (b"--b\r\n\r\ncontent\r\n--b--", "Missing Content-Disposition"),
        (PART.replace(b' name="x";', b"") + b"--b--", "Missing name"),
        (PART.replace(b"form-data", b"attachment") + b"--b--", "Wrong type"),
        (PART.replace(b"a.png", b"\xff" * 999) + b"--b--", "failed to decode"),
        (b"--b\r\n" + HEAD + b"Content-Length: 9\r\n\r\nab\r\n--b--", "Content-Length"),
        (PART.replace(HEAD, 2 * HEAD) + b"--b--", "part 'x': a header stands twice"),
        (PART.replace(b"content", b"a\r\n--bc") + b"--b--", "after boundary"),
    ],
)
def test_a_broken_form_is_refused_in_one_line(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedBody, match=reason) as caught:
        read_files(body, FORM)
    text = str(caught.value)
    assert text.startswith("the body is not valid multipart/form-data: ")
    assert text.isprintable()
    assert len(text) < 200


class Watched(bytearray):
    """A body whose end can be observed."""


@pytest.mark.parametrize("body", [PART.replace(b"--b", b"--a"), PART, b"--b\r\n" + b"A: b\r\n" * 9])
def test_a_refused_body_is_not_kept(body: bytes) -> None:
    watched = Watched(body)
    end = weakref.ref(watched)
    gc.disable()
    try:
        with suppress(RequestError):
            read_files(watched, FORM)
        del watched
        assert end() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("boundary", [{}, {"boundary": ""}, {"boundary": "a\nb"}])
def test_a_boundary_is_needed(boundary: dict[str, str]) -> None:
    with pytest.raises(MalformedBody, match="boundary"):
        read_files(PART, MediaType("multipart/form-data", boundary))


@pytest.mark.parametrize(
    "header", [b"Content-Transfer-Encoding: base64", b"content-encoding: gzip"]
)
def test_a_part_is_the_file_itself(header: bytes) -> None:
    body = PART.replace(HEAD, HEAD + header + b"\r\n") + b"--b--"
    with pytest.raises(InvalidInstances, match="the bytes of the file are accepted"):
        read_files(body, FORM)
    plain = PART.replace(HEAD, HEAD + b"Content-Transfer-Encoding: binary\r\n") + b"--b--"
    assert read_files(plain, FORM) == [FilePart("x", b"content")]


def test_a_form_in_a_form_is_one_file() -> None:
    inner = PART.replace(b"--b", b"--c") + b"--c--"
    assert read_files(PART.replace(b"content", inner) + b"--b--", FORM) == [FilePart("x", inner)]


@pytest.mark.parametrize("filler", [b"\r", b"\r\n--", b"\r\n-", b"\r\n--c"])
def test_a_file_that_resembles_boundaries_takes_linear_memory(filler: bytes) -> None:
    content = filler * (2**23 // len(filler))
    body = PART.replace(b"content", content) + b"--b--"
    found: list[FilePart] = []
    # The body as bytes, and the content.
    assert peak_growth(lambda: found.extend(read_files(body, FORM))) < 3 * len(body) + SPARE
    assert found[0].content == content


def test_a_form_without_a_part_is_refused() -> None:
    with pytest.raises(InvalidInstances, match="at least one"):
        read_files(b"--b--\r\n", FORM)


@pytest.mark.parametrize(
    "body",
    [
        PART * 10_001 + b"--b--",
        PART.replace(b"a.png", b"a" * 5_000) + b"--b--",
        PART.replace(HEAD, HEAD * 9) + b"--b--",
    ],
)
def test_parts_and_headers_are_bounded(body: bytes) -> None:
    with pytest.raises(BodyTooLarge, match="exceeded"):
        read_files(body, FORM)


@given(st.lists(st.sampled_from([b"--b", b"--", b"\r\n", HEAD, b"\r", b"\n", b":", b"a", b'"'])))
def test_any_body_is_read_or_refused(parts: list[bytes]) -> None:
    with suppress(RequestError):
        read_files(b"".join(parts), FORM)
