"""A client that still sends its body receives an early answer, and cannot send without end."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server.lingering_close import MOST_BYTES
from tests.process import Process, running_server
from tests.wire import Wire, connected, get, post, require_alive

LENGTH = b"Content-Length: %d" % (40 * 2**20)
PIECE = b" " * 2**20
CHUNK = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server that accepts only small bodies, and requires a token for admin verbs."""
    options = ["--max-body-bytes", "4096", "--body-timeout-seconds", "2"]
    options += ["--admin-token", "a-token-that-is-long"]
    with running_server(tmp_path_factory.mktemp("small") / "log", *options) as running:
        yield running
        assert running.stop() == 0, running.log.read_text()


REFUSED = {
    "a body over the limit": (post(b"", framing=LENGTH), PIECE, 413),
    "a body over the limit, in chunks": (post(b"", framing=CHUNKED), CHUNK, 413),
    "to explain": (post(b"", path=b"/explain", framing=LENGTH), PIECE, 413),
    "as tensors": (post(b"", path=b"/v2/models/iris-model/infer", framing=LENGTH), PIECE, 413),
    "feedback": (post(b"", path=b"/feedback", framing=LENGTH), PIECE, 501),
    "nowhere": (post(b"", path=b"/nowhere", framing=LENGTH), PIECE, 404),
    "a method": (post(b"", path=b"/state", framing=LENGTH), PIECE, 405),
    "no token": (post(b"", path=b"/models/iris-model/load", framing=LENGTH), PIECE, 401),
    "a type": (post(b"", b"Content-Type: text/xml", framing=LENGTH), PIECE, 415),
    "a length": (post(b"", framing=b"Content-Length: 00000000000000000000001"), PIECE, 400),
    "no HTTP": (b"hello\r\n", PIECE, 400),
    "no end of a chunk": (post(b"1\r\n12\r\n", framing=CHUNKED), CHUNK, 400),
    "headers": (get(b"/", b"A: " + b"a" * 2**16)[:-4], PIECE, 431),
}


@pytest.mark.parametrize(("start", "piece", "status"), REFUSED.values(), ids=REFUSED)
def test_who_sends_all_before_reading_sees_the_answer(
    small: Process, start: bytes, piece: bytes, status: int
) -> None:
    with connected(small.url, timeout=60) as wire:
        # Send all, without reading: a reset would end the loop.
        wire.socket.sendall(start)
        for _ in range(40):
            wire.socket.sendall(piece)
        reply = wire.reply()
        assert reply is not None
        assert reply.status == status
    with connected(small.url) as wire:
        require_alive(wire)


def test_the_standard_librarys_client_sees_the_413(server: Process) -> None:
    for _ in range(10):
        client = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
        client.request("POST", "/predict", PIECE * 40, {"Content-Type": "application/json"})
        answer = client.getresponse()
        assert (answer.status, answer.getheader("connection")) == (413, "close")
        client.close()


def refused(wire: Wire) -> None:
    wire.send(post(b"", framing=b"Content-Length: %d" % 2**40))
    reply = wire.reply()
    assert reply is not None
    assert reply.status == 413


def send_on(wire: Wire, piece: bytes, most: int, pause: float = 0) -> int:
    """The number of bytes that the server reads before it closes, up to `most`."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most:
            wire.socket.sendall(piece)
            sent += len(piece)
            time.sleep(pause)
    return sent


def test_who_sends_on_is_cut_off_at_a_size(server: Process) -> None:
    with connected(server.url, timeout=60) as wire:
        refused(wire)
        # The rest is in the system's buffers.
        assert MOST_BYTES // 2 < send_on(wire, PIECE, 2 * MOST_BYTES) < 2 * MOST_BYTES


def test_who_drips_on_is_cut_off_at_a_time(small: Process) -> None:
    with connected(small.url, timeout=60) as wire:
        refused(wire)
        assert send_on(wire, b" ", 600, pause=0.1) < 600


def test_the_end_of_the_service_does_not_wait_for_who_sends_on(tmp_path: Path) -> None:
    options = ["--drain-timeout-seconds", "3"]
    with (
        running_server(tmp_path / "log", *options) as running,
        connected(running.url, timeout=60) as wire,
    ):
        refused(wire)
        dripping = threading.Thread(target=send_on, args=(wire, b" ", 2000, 0.05))
        dripping.start()
        # The client alone could continue for the minute that a body may take.
        assert running.stop() == 0
        dripping.join(60)
        assert not dripping.is_alive()
