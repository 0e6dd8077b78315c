"""Slow, silent and gone clients: cut off at a deadline, without an effect on others."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server.http_protocol import MOST_WAITING
from tests.process import Process, running_server
from tests.wire import FLOWER, LIVE, Wire, connected, get, post, require_alive, require_closed

CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server whose every deadline is a second or less."""
    options = ["--header-timeout-seconds", "0.3", "--body-timeout-seconds", "0.4"]
    options += ["--keep-alive-seconds", "1"]
    with running_server(tmp_path_factory.mktemp("hasty") / "log", *options) as running:
        yield running
        assert running.stop() == 0, running.log.read_text()


def drip(wire: Wire, data: bytes, seconds: float = 0.05) -> None:
    """Send a byte at a time until the server closes."""
    for index in range(600):
        time.sleep(seconds)
        try:
            wire.socket.sendall(data[index % len(data) :][:1])
        except OSError:
            return


SLOW = {
    "headers": (b"GET /health/live HTTP/1.1\r\n", b"a", "the headers did not arrive within 0.3 s"),
    "a path": (b"GET /", b"a", "the headers did not arrive within 0.3 s"),
    "a body": (
        post(b"", framing=b"Content-Length: 1000"),
        b" ",
        "the body did not arrive within 0.4 s",
    ),
    "chunks": (
        post(b"", framing=CHUNKED),
        b"1\r\n \r\n",
        "the body did not arrive within 0.4 s",
    ),
    "a chunk's size": (
        post(b"", framing=CHUNKED),
        b"0",
        "the body did not arrive within 0.4 s",
    ),
    "trailers": (
        post(b"0\r\nA: ", framing=CHUNKED),
        b"a",
        "the body did not arrive within 0.4 s",
    ),
}


@pytest.mark.parametrize(("start", "drops", "detail"), SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("steady", [True, False], ids=["dripping", "silent"])
def test_a_slow_request_gets_408_and_is_cut_off(
    hasty: Process, start: bytes, drops: bytes, detail: str, steady: bool
) -> None:
    with connected(hasty.url) as wire:
        wire.send(start)
        dripping = threading.Thread(target=drip, args=(wire, drops))
        if steady:
            dripping.start()
        reply = wire.reply()
        assert reply is not None
        assert (reply.status, reply.headers["connection"]) == (408, "close")
        assert reply.detail == detail
        require_closed(wire)
    if steady:
        dripping.join(60)
        assert not dripping.is_alive()


def test_a_slow_body_is_logged_as_what_it_was_answered(hasty: Process) -> None:
    with connected(hasty.url) as wire:
        wire.send(post(b" ", b"X-Request-ID: slow-body", framing=b"Content-Length: 2"))
        assert wire.reply() is not None
        require_closed(wire)
    assert hasty.wait_for_record(request_id="slow-body")["status"] == 408


def test_a_body_that_is_slow_after_its_answer_is_cut_off_without_another(hasty: Process) -> None:
    with connected(hasty.url) as wire:
        wire.send(post(b" ", b"Content-Type: text/xml", framing=b"Content-Length: 1000"))
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 415
        require_closed(wire)


def test_each_request_of_a_connection_has_deadlines_of_its_own(tmp_path: Path) -> None:
    """Together they take longer than a deadline, which is much longer than each of them."""
    options = ("--header-timeout-seconds", "2", "--body-timeout-seconds", "2")
    request = post(FLOWER)
    with running_server(tmp_path / "log", *options) as server, connected(server.url) as wire:
        for _ in range(4):
            for part in (request[:20], request[20:-20], request[-20:]):
                wire.send(part)
                time.sleep(0.2)
            reply = wire.reply()
            assert reply is not None
            assert reply.status == 200


@pytest.mark.parametrize("start", [b"", b"\r\n", LIVE, LIVE + b"\r\n"])
def test_a_connection_without_a_request_is_closed_in_silence(hasty: Process, start: bytes) -> None:
    with connected(hasty.url) as wire:
        wire.send(start)
        if LIVE in start:
            assert wire.reply() is not None
        require_closed(wire)


def test_a_client_that_reads_no_answer_is_cut_off(hasty: Process) -> None:
    with connected(hasty.url) as wire:
        wire.send(get(b"/openapi.json") * MOST_WAITING)
        # A client that reads nothing cannot see the end; but no further request is answered.
        answered = [0]
        while not (answered[-1] and answered[-1] == answered[-30:][0]):
            time.sleep(0.1)
            answered.append(hasty.log.read_text().count('"path":"/openapi.json"'))
        # Only the system's buffers are read: otherwise more answers would arrive.
        assert sum(1 for _ in answers_until_cut(wire)) < MOST_WAITING
    with connected(hasty.url) as wire:
        require_alive(wire)


def test_a_flood_of_requests_is_cut_off_behind_those_that_wait(server: Process) -> None:
    with connected(server.url, timeout=60) as wire:
        wire.send(LIVE * 50_000)
        statuses = [reply.status for reply in iter(wire.reply, None)]
        assert set(statuses) == {200}
        assert MOST_WAITING < len(statuses) < 50_000
    with connected(server.url) as wire:
        require_alive(wire)


def answers_until_cut(wire: Wire) -> Iterator[bytes]:
    """The answers on a connection that may end within one of them."""
    try:
        while data := wire.socket.recv(2**20):
            yield from data.split(b"HTTP/1.1 200")[1:]
    except ConnectionError:
        return
