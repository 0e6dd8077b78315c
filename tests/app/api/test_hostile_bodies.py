"""Invalid bodies to a real server: each with its answer."""

import pytest

from tests.hostile import BODIES, flower
from tests.process import Process
from tests.wire import connected, post, require_alive, require_closed


@pytest.mark.parametrize(("request_", "status", "detail"), BODIES.values(), ids=BODIES)
def test_a_bad_body_is_refused_and_the_connection_goes_on(
    server: Process, request_: bytes, status: int, detail: str
) -> None:
    with connected(server.url) as wire:
        wire.send(request_)
        reply = wire.reply()
        assert reply is not None
        assert (reply.status, detail in reply.detail) == (status, True), reply
        require_alive(wire)


@pytest.mark.parametrize("value", [b"-0", b"-0.0", b"1e-400", b"9223372036854775808", b"1e30"])
def test_a_strange_number_that_float32_holds_is_answered(server: Process, value: bytes) -> None:
    with connected(server.url) as wire:
        wire.send(flower(value))
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        require_alive(wire)


LIMIT = 32 * 2**20
CHUNK = b"%x\r\n%b\r\n" % (2**20, b" " * 2**20)


@pytest.mark.parametrize(
    "request_",
    [
        post(b"", framing=b"Content-Length: %d" % (LIMIT + 1)),
        post(b" " * 10 * 2**20, framing=b"Content-Length: %d" % (LIMIT + 1)),
        post(CHUNK * 33, framing=b"Transfer-Encoding: chunked"),
    ],
    ids=["declared", "declared and begun", "chunked, without an end"],
)
def test_a_body_over_the_limit_is_refused_at_once_and_not_read_on(
    server: Process, request_: bytes
) -> None:
    with connected(server.url) as wire:
        wire.send(request_)
        reply = wire.reply()
        assert reply is not None
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        assert f"at most {LIMIT}" in reply.detail or f"more than {LIMIT}" in reply.detail
        require_closed(wire)
    with connected(server.url) as wire:
        require_alive(wire)
