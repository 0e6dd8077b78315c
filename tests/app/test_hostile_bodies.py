"""Bodies that must be refused, byte for byte, by a real server: each with its answer."""

import pytest

from tests.conftest import Process
from tests.wire import FLOWER, connected, post, require_alive, require_closed

TOO_LARGE = "numbers from -3.4028234663852886e+38 to 3.4028234663852886e+38 are taken"
DEEP = b"[" * 100_000
NPY, ARROW = (
    b"Content-Type: application/x-npy",
    b"Content-Type: application/vnd.apache.arrow.stream",
)


def flower(value: bytes) -> bytes:
    """A flower with anything for its first number."""
    return post(FLOWER.replace(b"5.1", value))


REFUSED = {
    "empty": (post(b""), 400, "expecting value at byte 0"),
    "truncated": (post(FLOWER[:-3]), 400, "expecting ',' delimiter at byte 79"),
    "trailing bytes": (post(FLOWER + b"x"), 400, "extra data at byte 82"),
    "two documents": (post(FLOWER + FLOWER), 400, "extra data at byte 82"),
    "a byte order mark": (post(b"\xef\xbb\xbf" + FLOWER), 400, "a byte order mark at byte 0"),
    "UTF-16": (post(FLOWER.decode().encode("utf-16")), 400, "invalid UTF-8 at byte 0"),
    "UTF-8, broken in a name": (post(b'{"\xff": 1}'), 400, "invalid UTF-8 at byte 2"),
    "UTF-8, broken in a value": (flower(b'"\xc3"'), 400, "invalid UTF-8 at byte 18"),
    "a lone surrogate": (post(b'{"\\ud800": 1}'), 422, "/\ud800: unknown field"),
    "deep, never closed": (post(DEEP), 400, "nested too deeply"),
    "deep, closed": (post(DEEP + b"]" * len(DEEP)), 400, "nested too deeply"),
    "deep objects": (post(b'{"a":' * 100_000), 400, "nested too deeply"),
    "deep in a field": (flower(DEEP + b"]" * len(DEEP)), 400, "nested too deeply"),
    "NaN": (flower(b"NaN"), 422, "/sepal_length: NaN where a finite number belongs"),
    "Infinity": (flower(b"Infinity"), 422, "/sepal_length: Infinity where"),
    "-Infinity": (flower(b"-Infinity"), 422, "/sepal_length: -Infinity where"),
    "1e400": (flower(b"1e400"), 422, f"/sepal_length: too large; {TOO_LARGE}"),
    "-1e39": (flower(b"-1e39"), 422, f"/sepal_length: too large; {TOO_LARGE}"),
    "10^50": (flower(b"1" + b"0" * 50), 422, f"/sepal_length: too large; {TOO_LARGE}"),
    "10^5000": (flower(b"1" + b"0" * 5000), 422, "a number has too many digits"),
    "a string": (flower(b'"5.1"'), 422, "/sepal_length: a string where a finite number belongs"),
    "a boolean": (flower(b"true"), 422, "/sepal_length: true where a finite number belongs"),
    "null": (flower(b"null"), 422, "/sepal_length: null where a finite number belongs"),
    "a list": (flower(b"[5.1]"), 422, "/sepal_length: a list where a finite number belongs"),
    "a name twice": (post(FLOWER[:-1] + b',"petal_width":1}'), 422, "/petal_width: stands twice"),
    "a name too many": (post(FLOWER[:-1] + b',"x":1}'), 422, "/x: unknown field; the features are"),
    "no name": (post(b"{}"), 422, "/sepal_length: missing; a finite number is needed"),
    "no instances": (post(b'{"instances":[]}'), 422, "/instances: empty"),
    "not an object": (post(b"[]"), 422, 'a list where an object with "sepal_length"'),
    "10 MiB of spaces": (post(b" " * 10 * 2**20), 400, "expecting value at byte 10485760"),
    "no type": (post(FLOWER, b"Content-Type: "), 415, "no Content-Type; send application/json"),
    "another type": (post(FLOWER, b"Content-Type: text/csv"), 415, "'text/csv'; send application"),
    "no type at all": (post(FLOWER, b"Content-Type: ;;;"), 415, "';;;': no media type; send app"),
    "Latin-1": (post(FLOWER, b"Content-Type: application/json;charset=l1"), 415, "in UTF-8"),
    "gzip": (post(b"\x1f\x8b\x08", b"Content-Encoding: gzip"), 415, "'gzip'; send the body uncomp"),
    "zstd": (
        post(b"\x28\xb5\x2f\xfd", b"Content-Encoding: zstd"),
        415,
        "'zstd'; send the body unc",
    ),
    "npy, empty": (post(b"", NPY), 400, "not valid npy"),
    "npy, junk": (post(b"\x93NUMPY\x09\x09", NPY), 400, "not valid npy"),
    "npy, JSON": (post(FLOWER, NPY), 400, "not valid npy"),
    "Arrow, empty": (post(b"", ARROW), 400, "not valid Arrow"),
    "Arrow, junk": (post(b"\xff" * 64, ARROW), 400, "not valid Arrow"),
    "Arrow, JSON": (post(FLOWER, ARROW), 400, "not valid Arrow"),
    "to explain, deep": (post(DEEP[:4000], path=b"/explain"), 400, "nested too deeply"),
    "to explain, broken": (post(b'{"\xff": 1}', path=b"/explain"), 400, "invalid UTF-8 at byte 2"),
}


@pytest.mark.parametrize(("request_", "status", "detail"), REFUSED.values(), ids=REFUSED)
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
