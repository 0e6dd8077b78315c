"""Valid requests in any split into packets get their answers in order."""

import itertools
import socket
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.process import Process
from tests.wire import FLOWER, connected, get, post, require_alive

CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"5;a=b\r\n%b\r\n%x\r\n%b\r\n0\r\nA: b\r\nX-Request-ID: other\r\n\r\n" % (
    FLOWER[:5],
    len(FLOWER) - 5,
    FLOWER[5:],
)
UPGRADE = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
KINDS = {
    "get": lambda request_id: (get(b"/health/live", request_id), 200),
    "post": lambda request_id: (post(FLOWER, request_id), 200),
    "chunked": lambda request_id: (post(CHUNKS, request_id, framing=CHUNKED), 200),
    "upgrade": lambda request_id: (get(b"/health/live", request_id, *UPGRADE), 200),
    "upgrade with a body": lambda request_id: (post(FLOWER, request_id, *UPGRADE), 200),
    "upgrade in chunks": lambda request_id: (
        post(CHUNKS, request_id, *UPGRADE, framing=CHUNKED),
        200,
    ),
    "no body": lambda request_id: (post(b"", request_id), 400),
    "nowhere": lambda request_id: (get(b"/nowhere", request_id), 404),
}


@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_make_no_difference(server: Process, kinds: list[str], cuts: list[float]) -> None:
    made = [KINDS[kind](b"X-Request-ID: %d" % number) for number, kind in enumerate(kinds)]
    stream = b"".join(request for request, _ in made)
    edges = sorted({0, len(stream), *(int(cut * len(stream)) for cut in cuts)})
    with connected(server.url) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in itertools.pairwise(edges):
            wire.send(stream[start:end])
            # Otherwise the system may join the pieces again.
            time.sleep(0.001)
        for number, (_, status) in enumerate(made):
            reply = wire.reply()
            assert reply is not None
            assert (reply.status, reply.headers["x-request-id"]) == (status, str(number))
        require_alive(wire)
