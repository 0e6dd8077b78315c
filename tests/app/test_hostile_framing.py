"""Requests whose end is in doubt: refused and cut off, so that none hides in another."""

import time

import pytest

from tests.conftest import Process
from tests.wire import FLOWER, LIVE, connected, get, post, require_alive, require_closed

CHUNKED = b"Transfer-Encoding: chunked"
END = b"0\r\n\r\n"


def chunked(body: bytes, *headers: bytes) -> bytes:
    return post(body, *headers, framing=CHUNKED)


# Each is followed by a request that would be answered if it were taken for one.
REFUSED = {
    "CL, then TE": (post(END, b"Content-Length: 4", framing=CHUNKED), "Transfer-Encoding"),
    "TE, then CL": (post(END, CHUNKED, framing=b"Content-Length: 4"), "Content-Length"),
    "two lengths": (post(b"1234", b"Content-Length: 5"), "Content-Length"),
    "one length, twice": (post(b"1234", b"Content-Length: 4"), "Content-Length"),
    "a list of lengths": (post(b"1234", framing=b"Content-Length: 4, 4"), "Content-Length"),
    "a signed length": (post(b"1234", framing=b"Content-Length: +4"), "Content-Length"),
    "a negative length": (post(b"1234", framing=b"Content-Length: -4"), "Content-Length"),
    "a length of 23 digits": (post(b"", framing=b"Content-Length: " + b"9" * 23), "overflow"),
    "an unknown coding": (post(END, framing=b"Transfer-Encoding: xchunked"), "Transfer-Encoding"),
    "chunked not last": (post(END, framing=b"Transfer-Encoding: chunked, gzip"), "Transfer-Enc"),
    "chunked twice": (chunked(END, CHUNKED), "Transfer-Encoding"),
    "a vertical tab": (post(END, framing=b"Transfer-Encoding: \x0bchunked"), "header value"),
    "a space before the colon": (post(END, framing=b"Transfer-Encoding : chunked"), "header"),
    "a chunk of size zz": (chunked(b"zz\r\n"), "chunk size"),
    "a chunk of 2^72": (chunked(b"f" * 18 + b"\r\n"), "Chunk size overflow"),
    "a chunk longer than its size": (chunked(b"1\r\n12\r\n"), "chunk data"),
    "bare LF": (LIVE.replace(b"\r\n", b"\n"), "Expected CRLF"),
    "bare LF in headers": (get(b"/health/live", b"A: a\nB: b"), "header value"),
    "bare CR in headers": (get(b"/health/live", b"A: a\rB: b"), "expected LF"),
    "obs-fold": (get(b"/health/live", b"A: a\r\n b"), "whitespace after header value"),
    "NUL in a header": (get(b"/health/live", b"A: \x00"), "header value"),
    "a space in a name": (get(b"/health/live", b"A B: 1"), "header token"),
    "no Host": (b"GET /health/live HTTP/1.1\r\n\r\n", "0 Host headers; send one"),
    "two Hosts": (get(b"/health/live", b"Host: other"), "2 Host headers; send one"),
    "NUL in the path": (get(b"/state/\x00"), "url"),
    "raw UTF-8 in the path": (get("/state/é".encode()), "url"),
    "an unknown method": (get(b"/predict", method=b"BREW"), "Invalid method"),
    "CONNECT": (get(b"test:80", method=b"CONNECT"), "CONNECT is not for a server"),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\nHost: test\r\n\r\n", "Invalid HTTP version"),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "Invalid method"),
}


@pytest.mark.parametrize(("request_", "detail"), REFUSED.values(), ids=REFUSED)
def test_a_doubtful_request_gets_one_answer_and_nothing_after_it_is_read(
    server: Process, request_: bytes, detail: str
) -> None:
    with connected(server.url) as wire:
        wire.send(request_ + LIVE)
        reply = wire.reply()
        assert reply is not None
        assert (reply.status, reply.headers["connection"]) == (400, "close")
        assert detail in reply.detail
        require_closed(wire)
    with connected(server.url) as wire:
        require_alive(wire)


def test_garbage_after_a_request_does_not_take_the_place_of_its_answer(server: Process) -> None:
    with connected(server.url) as wire:
        wire.send(post(FLOWER) + b"garbage\r\n\r\n")
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        require_closed(wire)


def test_a_request_that_breaks_behind_a_slower_one_takes_nothing_from_it(server: Process) -> None:
    slower = post(FLOWER, b"X-Request-ID: slower", path=b"/explain")
    with connected(server.url) as wire:
        wire.send(slower + LIVE + chunked(b"zz\r\n") + LIVE)
        assert [reply.status for reply in iter(wire.reply, None)] == [200, 200]


def test_a_client_that_leaves_while_it_is_answered_is_no_error_of_ours(server: Process) -> None:
    for number in range(20):
        slower = post(FLOWER, b"X-Request-ID: left-%d" % number, path=b"/explain")
        with connected(server.url) as wire:
            wire.send(slower + LIVE)
    deadline = time.monotonic() + 20
    while (log := server.log.read_text()).count('"request_id":"left-') < 20:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert '"level": "ERROR"' not in log


def test_a_body_that_breaks_after_its_answer_gets_no_second_one(server: Process) -> None:
    with connected(server.url) as wire:
        wire.send(chunked(b"1\r\n1\r\n", b"Content-Type: text/csv"))
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 415
        wire.send(b"zz\r\n" + LIVE)
        require_closed(wire)


def test_pipelined_requests_are_answered_in_order(server: Process) -> None:
    with connected(server.url) as wire:
        wire.send(LIVE + post(FLOWER) + get(b"/nothing") + post(b"") + chunked(END))
        replies = [wire.reply() for _ in range(5)]
        assert [reply and reply.status for reply in replies] == [200, 200, 404, 400, 400]
        require_alive(wire)


def test_trailers_and_chunk_extensions_are_read_over(server: Process) -> None:
    body = b"%x;a=b\r\n%b\r\n0\r\nContent-Type: text/csv\r\nA: b\r\n\r\n" % (len(FLOWER), FLOWER)
    with connected(server.url) as wire:
        wire.send(chunked(body))
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        require_alive(wire)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("pieces", [1, 2], ids=["whole", "in two pieces"])
def test_an_offer_to_upgrade_is_ignored(server: Process, protocol: bytes, pieces: int) -> None:
    head, body = post(FLOWER, b"Connection: Upgrade", b"Upgrade: " + protocol).split(b"\r\n\r\n")
    with connected(server.url) as wire:
        wire.send(head + b"\r\n\r\n" + (body if pieces == 1 else b""))
        if pieces == 2:
            wire.send(body)
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        require_alive(wire)


def test_an_expectation_is_met_before_the_body_is_sent(server: Process) -> None:
    head = post(FLOWER, b"Expect: 100-continue").removesuffix(FLOWER)
    with connected(server.url) as wire:
        wire.send(head)
        assert wire.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(FLOWER)
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
