"""Methods, paths, headers and floods of them: each with its answer."""

import json

import pytest

from tests.conftest import SETOSA, Process
from tests.wire import FLOWER, LIVE, connected, get, post, require_alive, require_closed

ANSWERED = {
    "HEAD": (get(b"/predict", method=b"HEAD"), 405),
    "TRACE": (get(b"/predict", method=b"TRACE"), 405),
    "PROPFIND": (get(b"/predict", method=b"PROPFIND"), 405),
    "OPTIONS of nothing": (get(b"/nowhere", method=b"OPTIONS"), 404),
    "DELETE": (get(b"/state", method=b"DELETE"), 405),
    "an absolute URL": (get(b"http://test/health/live"), 200),
    "..": (get(b"/state/.."), 404),
    "../..": (get(b"/state/../../etc/passwd"), 404),
    "%2f": (get(b"/state/..%2f..%2fetc%2fpasswd"), 404),
    "%2f, files": (get(b"/docs/..%2f..%2f..%2fetc%2fpasswd"), 404),
    "%00": (get(b"/state/%00"), 404),
    "%00, files": (get(b"/docs/%00"), 404),
    "%ff": (get(b"/state/%ff"), 404),
    "%zz": (get(b"/state/%zz"), 404),
    "%0d%0a": (get(b"/state/a%0d%0aA:%20b"), 404),
    "a name of 5,000 bytes": (get(b"/docs/" + b"a" * 5000), 404),
    "a query of bytes": (get(b"/state?a=%ff%00"), 422),
    "an unknown query": (post(FLOWER, path=b"/predict?%00=%ff"), 422),
    "a broken Accept": (post(FLOWER, b"Accept: \xff;;;q=q,,,"), 406),
    "a long Accept": (post(FLOWER, b"Accept: " + b"a/b," * 5000), 406),
    "a broken If-None-Match": (get(b"/state", b'If-None-Match: """\xff,,'), 200),
    "a broken request id": (post(FLOWER, b"X-Request-ID: \xff\xfe" + b"a" * 1000), 200),
    "a coding in the way": (
        post(b"0\r\n\r\n", framing=b"Transfer-Encoding: gzip, chunked"),
        400,
    ),
}


@pytest.mark.parametrize(("request_", "status"), ANSWERED.values(), ids=ANSWERED)
def test_a_strange_request_is_answered_and_the_connection_goes_on(
    server: Process, request_: bytes, status: int
) -> None:
    with connected(server.url) as wire:
        wire.send(request_)
        reply = wire.reply(request_.split(b" ")[0].decode())
        assert reply is not None
        assert reply.status == status
        assert b"passwd:" not in reply.body
        assert ("allow" in reply.headers) == (status == 405)
        require_alive(wire)


FLOODS = {
    "one header of 64 KiB": get(b"/health/live", b"A: " + b"a" * 2**16),
    "one header of 1 MiB": get(b"/health/live", b"A: " + b"a" * 2**20),
    "one header without an end": get(b"/health/live", b"A: ")[:-4] + b"a" * 2**17,
    "20,000 headers": get(b"/health/live", *[b"A: a"] * 20_000),
    "a path of 64 KiB": get(b"/" + b"a" * 2**16),
    "a request after another": get(b"/health/live", b"A: a") + get(b"/", b"A: " + b"a" * 2**20),
    "trailers": post(b"0\r\n" + b"A: a\r\n" * 2**17, framing=b"Transfer-Encoding: chunked"),
    "a chunk's extension": post(b"1;" + b"a" * 2**20, framing=b"Transfer-Encoding: chunked"),
}


@pytest.mark.parametrize("request_", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_headers_is_cut_off(server: Process, request_: bytes) -> None:
    with connected(server.url) as wire:
        wire.send(request_)
        replies = list(iter(wire.reply, None))
        assert [reply.status for reply in replies if reply.status != 200] == [431]
    with connected(server.url) as wire:
        require_alive(wire)


@pytest.mark.parametrize("before", [b"", LIVE])
def test_an_address_that_makes_no_sense_is_refused(server: Process, before: bytes) -> None:
    with connected(server.url) as wire:
        wire.send(before)
        if before:
            assert wire.reply().status == 200
        wire.send(b"GET http://h:99999/x HTTP/1.1\r\nHost: test\r\n\r\n")
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 400
        require_closed(wire)


def test_an_address_that_makes_no_sense_takes_no_answer_from_those_before(server: Process) -> None:
    with connected(server.url) as wire:
        slow = post(json.dumps({"instances": [SETOSA] * 2000}).encode())
        wire.send(slow + LIVE + b"GET http://h:99999/x HTTP/1.1\r\nHost: test\r\n\r\n")
        replies = [wire.reply(), wire.reply()]
        assert [reply and reply.status for reply in replies] == [200, 200]
        require_closed(wire)


def test_a_proxys_form_without_a_path_asks_for_the_root(server: Process) -> None:
    with connected(server.url) as wire:
        wire.send(b"GET http://test HTTP/1.1\r\nHost: test\r\n\r\n")
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/html")


def test_headers_behind_another_request_are_counted_as_well(server: Process) -> None:
    many = get(b"/health/live", *[b"X-%d: %s" % (n, b"v" * 100) for n in range(600)])
    assert 32 * 1024 < len(many) < 100_000
    with connected(server.url) as wire:
        wire.send(LIVE + many)
        replies = [wire.reply(), wire.reply()]
        # The end, and no 431 that could be taken for the first one's answer.
        assert [reply and reply.status for reply in replies] == [200, None]
