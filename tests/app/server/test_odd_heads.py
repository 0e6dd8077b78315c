"""Headers that the service parses, with any values: each request has an answer, never a 500."""

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from app.predict.headers import MOST_DIGITS
from tests.process import Process
from tests.wire import FLOWER, connected, require_alive

PARSED = [
    b"Accept",
    b"Authorization",
    b"Content-Encoding",
    b"Content-Length",
    b"Content-Type",
    b"Cookie",
    b"Host",
    b"If-Modified-Since",
    b"If-None-Match",
    b"If-Range",
    b"Inference-Header-Content-Length",
    b"Origin",
    b"Range",
    b"X-Prediction-Log",
    b"X-Request-ID",
    b"X-Request-Timeout",
    b"baggage",
    b"traceparent",
    b"tracestate",
]
TARGETS = [
    (b"POST", b"/predict"),
    (b"POST", b"/predict?calibrated=true"),
    (b"POST", b"/explain"),
    (b"POST", b"/feedback"),
    (b"POST", b"/v2/models/iris-model/infer"),
    (b"POST", b"/v2/repository/index"),
    (b"GET", b"/state"),
    (b"GET", b"/state/hidden.weight"),
    (b"GET", b"/state.safetensors"),
    (b"GET", b"/"),
    (b"GET", b"/page/page.css"),
    (b"GET", b"/docs"),
    (b"GET", b"/openapi.json"),
    (b"GET", b"/nowhere"),
]
# Typical difficulties of header parsers: separators, quotes, comments, escapes, numbers.
PIECES = [b";", b",", b"=", b'"', b"\\", b'\\"', b"(", b"*", b"0", b"9", b"-", b"e9", b"\xb2", b" "]
PIECES += [b"a*=", b"q=", b"charset*=u''%ff", b"W/", b"bytes=", b"0-", b"application/json", b"%"]


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """Some pieces, each repeated, so that a value is long enough to show quadratic time."""
    value = b""
    for piece in draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4)):
        value += piece * draw(st.sampled_from([1, 2, 25, 5000]))
    return value[:30_000]


def head(method: bytes, path: bytes, headers: dict[bytes, bytes]) -> bytes:
    whole = {b"Host": b"test", b"Content-Type": b"application/json"}
    whole |= {b"Content-Length": b"%d" % len(FLOWER)}
    lines = [b"%b: %b" % header for header in (whole | headers).items()]
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, path), *lines, b"", FLOWER])


ZEROS = b"0" * 4400


@given(target=st.sampled_from(TARGETS), name=st.sampled_from(PARSED), value=values())
@example(target=TARGETS[0], name=b"Content-Length", value=ZEROS + b"%d" % len(FLOWER))
@example(target=TARGETS[2], name=b"Content-Length", value=ZEROS + b"%d" % len(FLOWER))
@example(target=TARGETS[0], name=b"Content-Type", value=b"application/json" + b";" * 30_000)
@example(target=TARGETS[0], name=b"Content-Type", value=b"application/json;1*")
@example(target=TARGETS[0], name=b"Content-Type", value=b"application/json" + b"(" * 5000)
@example(target=TARGETS[0], name=b"Content-Type", value=b"application/json; charset*=0''%ff")
@example(target=TARGETS[6], name=b"Cookie", value=b'a="' + b"\\" * 29_000 + b'"')
@example(target=TARGETS[0], name=b"X-Request-Timeout", value=b"9" * 4400)
@example(target=TARGETS[4], name=b"Inference-Header-Content-Length", value=b"\xb2")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_of_a_header_is_answered(
    server: Process, target: tuple[bytes, bytes], name: bytes, value: bytes
) -> None:
    # The server would wait for a longer body.
    assume(name != b"Content-Length" or not 0 < len(value.strip()) <= MOST_DIGITS)
    with connected(server.url, timeout=60) as wire:
        wire.send(head(*target, {name: value}))
        reply = wire.reply()
        assert reply is not None
        assert reply.status != 500, reply
    with connected(server.url) as wire:
        require_alive(wire)


QUERIES = [
    b"histogram=" + b"9" * 4400,
    b"histogram=%C2%B2",
    b"histogram=" + b"0" * 4400 + b"3",
    b"slice=" + b"9" * 4400,
    b"slice=%C2%B2",
    b"slice=" + b"," * 20_000,
    b"slice=" + b":" * 20_000,
    b"values=" + b"1" * 4400,
    b"format=" + b"x" * 20_000,
    b"&".join(b"x%d=1" % number for number in range(3000)),
    b"&" * 20_000,
    b"%" * 20_000,
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:24].decode())
@pytest.mark.parametrize("path", [b"/state", b"/state/hidden.weight"])
def test_any_query_is_answered(server: Process, path: bytes, query: bytes) -> None:
    with connected(server.url, timeout=60) as wire:
        wire.send(b"GET %b?%b HTTP/1.1\r\nHost: test\r\n\r\n" % (path, query))
        reply = wire.reply()
        assert reply is not None
        assert reply.status in (200, 422)
        # The error does not repeat a long value.
        assert len(reply.body) < 64 * 1024
        require_alive(wire)
