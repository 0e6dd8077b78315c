"""Requests with an ambiguous end are refused, against request smuggling."""

import json
import time

import pytest

from tests.hostile import CHUNKED, END, FRAMING, UNKNOWN, chunked
from tests.process import Process
from tests.wire import FLOWER, LIVE, connected, get, post, require_alive, require_closed

DOUBTFUL = {name: (request, 400, detail) for name, (request, detail) in FRAMING.items()} | UNKNOWN


@pytest.mark.parametrize(("request_", "status", "detail"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_a_doubtful_request_gets_one_answer_and_nothing_after_it_is_read(
    server: Process, request_: bytes, status: int, detail: str
) -> None:
    with connected(server.url) as wire:
        wire.send(request_ + LIVE)
        reply = wire.reply()
        assert reply is not None
        assert (reply.status, reply.headers["connection"]) == (status, "close")
        assert detail in reply.detail
        require_closed(wire)
    with connected(server.url) as wire:
        require_alive(wire)


INFER = b"/v2/models/iris-model/infer"
OF_V2 = {
    "two types": (post(FLOWER, b"Content-Type: a/b", b"Content-Type: c/d", path=INFER), 400),
    "two lengths": (post(b"1234", b"Content-Length: 5", path=INFER), 400),
    "a coding": (post(END, path=INFER, framing=b"Transfer-Encoding: gzip, chunked"), 501),
    "a chunk of size zz": (post(b"zz\r\n", path=INFER, framing=CHUNKED), 400),
    "HTTP/2.0": (post(FLOWER, path=INFER).replace(b"HTTP/1.1", b"HTTP/2.0"), 505),
    "no Host": (b"GET /v2 HTTP/1.1\r\n\r\n", 400),
    "a Host of two words": (post(FLOWER, path=INFER).replace(b"Host: test", b"Host: a b"), 400),
    "headers": (get(b"/v2/health/live", b"A: " + b"a" * 2**16), 431),
    "a long path": (get(b"/v2/" + b"a" * 2**16), 431),
}


@pytest.mark.parametrize(("request_", "status"), OF_V2.values(), ids=OF_V2)
def test_a_refusal_by_the_parser_has_the_form_of_the_path(
    server: Process, request_: bytes, status: int
) -> None:
    with connected(server.url) as wire:
        wire.send(request_)
        reply = wire.reply()
        assert reply is not None
        assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
        assert json.loads(reply.body).keys() == {"error"}
        require_closed(wire)


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
        wire.send(chunked(b"1\r\n1\r\n", b"Content-Type: text/xml"))
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


def require_answered(server: Process, body: bytes) -> None:
    with connected(server.url) as wire:
        wire.send(chunked(body))
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        require_alive(wire)


def test_trailers_and_chunk_extensions_are_read_over(server: Process) -> None:
    body = b"%x;a=b\r\n%b\r\n0\r\nContent-Type: text/xml\r\nA: b\r\n\r\n" % (len(FLOWER), FLOWER)
    require_answered(server, body)


@pytest.mark.parametrize("size", [b"%x", b"%016x"])
@pytest.mark.parametrize("length", [1, 300])
def test_the_framing_of_many_small_chunks_is_not_limited(
    server: Process, size: bytes, length: int
) -> None:
    chunk = size % length + b"\r\n" + b" " * length + b"\r\n"
    body = chunk * 10_000 + b"%x\r\n%b\r\n" % (len(FLOWER), FLOWER) + END
    require_answered(server, body)


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


def test_http_1_0_has_no_expectations(server: Process) -> None:
    head = post(FLOWER, b"Expect: 100-continue").removesuffix(FLOWER)
    with connected(server.url) as wire:
        wire.send(head.replace(b"HTTP/1.1", b"HTTP/1.0"))
        wire.send(FLOWER)
        assert wire.socket.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((b"", 200), (b"a_b-c.d:80", 200), (b"%C3%A9:", 200), (b"[::1]:8000", 200)),
        *((b"u@a", 400), (b"a/b", 400), (b"a:b", 400), (b"::1", 400), (b"\xc3\xa9", 400)),
    ],
)
def test_a_host_is_a_name_or_an_address_and_a_port(
    server: Process, host: bytes, status: int
) -> None:
    with connected(server.url) as wire:
        wire.send(get(b"/health/live").replace(b"Host: test", b"Host: " + host))
        reply = wire.reply()
        assert reply is not None
        assert reply.status == status
