"""Malicious requests as bytes, each with its expected answer."""

from tests.wire import FLOWER, LIVE, get, post

TOO_LARGE = "numbers from -3.4028234663852886e+38 to 3.4028234663852886e+38 are taken"


DEEP = b"[" * 100_000


NPY, ARROW = (
    b"Content-Type: application/x-npy",
    b"Content-Type: application/vnd.apache.arrow.stream",
)


def flower(value: bytes) -> bytes:
    """A flower with any text as its first number."""
    return post(FLOWER.replace(b"5.1", value))


BODIES = {
    "empty": (post(b""), 400, "expecting value at byte 0"),
    "truncated": (post(FLOWER[:-3]), 400, "expecting ',' delimiter at byte 79"),
    "trailing bytes": (post(FLOWER + b"x"), 400, "extra data at byte 82"),
    "two documents": (post(FLOWER + FLOWER), 400, "extra data at byte 82"),
    "a byte order mark": (post(b"\xef\xbb\xbf" + FLOWER), 400, "a byte order mark at byte 0"),
    "UTF-16": (post(FLOWER.decode().encode("utf-16")), 400, "invalid UTF-8 at byte 0"),
    "UTF-8, broken in a name": (post(b'{"\xff": 1}'), 400, "invalid UTF-8 at byte 2"),
    "UTF-8, broken in a value": (flower(b'"\xc3"'), 400, "invalid UTF-8 at byte 18"),
    "a lone surrogate": (post(b'{"\\ud800": 1}'), 422, r"/\ud800: unknown field"),
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
    "no type": (post(b"1,2,3,4", b"Content-Type: "), 415, "no Content-Type; send application/json"),
    "another type": (post(FLOWER, b"Content-Type: text/xml"), 415, "'text/xml'; send application"),
    "no type at all": (post(FLOWER, b"Content-Type: ;;;"), 415, "';;;': no media type; send app"),
    "a parameter without quotes": (
        post(FLOWER, b"Content-Type: application/json; a=b c"),
        415,
        "a parameter is empty, stands twice or needs quotes; send app",
    ),
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


CHUNKED = b"Transfer-Encoding: chunked"


END = b"0\r\n\r\n"


def chunked(body: bytes, *headers: bytes) -> bytes:
    return post(body, *headers, framing=CHUNKED)


# Each is followed by a request that must not be answered as a separate request.
FRAMING = {
    "CL, then TE": (post(END, b"Content-Length: 4", framing=CHUNKED), "Transfer-Encoding"),
    "TE, then CL": (post(END, CHUNKED, framing=b"Content-Length: 4"), "Content-Length"),
    "two lengths": (post(b"1234", b"Content-Length: 5"), "Content-Length"),
    "one length, twice": (post(b"1234", b"Content-Length: 4"), "Content-Length"),
    "a list of lengths": (post(b"1234", framing=b"Content-Length: 4, 4"), "Content-Length"),
    "a signed length": (post(b"1234", framing=b"Content-Length: +4"), "Content-Length"),
    "a negative length": (post(b"1234", framing=b"Content-Length: -4"), "Content-Length"),
    "a length of 23 digits": (post(b"", framing=b"Content-Length: " + b"9" * 23), "overflow"),
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
    "two timeouts": (
        get(b"/health/live", b"X-Request-Timeout: 1\r\nX-Request-Timeout: 2"),
        "2 X-Request-Timeout headers; send one",
    ),
    "two Hosts": (get(b"/health/live", b"Host: other"), "2 Host headers; send one"),
    "NUL in the path": (get(b"/state/\x00"), "url"),
    "raw UTF-8 in the path": (get("/state/é".encode()), "url"),
    "a target without a host": (get(b"http:///predict"), "not a valid target; send a path"),
    "a port of 99999": (get(b"http://test:99999/predict"), "not a valid target; send a path"),
    "an unknown method": (get(b"/predict", method=b"BREW"), "Invalid method"),
    "CONNECT": (get(b"test:80", method=b"CONNECT"), "CONNECT is not for a server"),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\nHost: test\r\n\r\n", "Invalid HTTP version"),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "Invalid method"),
}


TYPES = b"Content-Type: text/csv", b"content-type: application/json"
# As FRAMING, with the status.
UNKNOWN = {
    "two types": (post(FLOWER, *TYPES), 400, "2 Content-Type headers; send one"),
    "two types to explain": (post(FLOWER, *TYPES, path=b"/explain"), 400, "2 Content-Type headers"),
    "a coding before chunked": (
        post(END, framing=b"Transfer-Encoding: gzip, chunked"),
        501,
        "Transfer-Encoding 'gzip, chunked'; only chunked is known",
    ),
    "gzip, then chunked": (chunked(END, b"Transfer-Encoding: gzip"), 501, "'gzip, chunked'"),
    "chunked, then gzip": (post(END, CHUNKED, framing=b"Transfer-Encoding: gzip"), 400, "Transfer"),
    "an unknown coding": (post(END, framing=b"Transfer-Encoding: xchunked"), 501, "'xchunked'"),
    "HTTP/2.0": (LIVE.replace(b"HTTP/1.1", b"HTTP/2.0"), 505, "this connection speaks HTTP/1.1"),
    "HTTP/0.9": (LIVE.replace(b"HTTP/1.1", b"HTTP/0.9"), 505, "this connection speaks HTTP/1.1"),
    "HTTP/2.0 to predict": (post(FLOWER).replace(b"HTTP/1.1", b"HTTP/2.0"), 505, "HTTP/2.0"),
}


HEADS = {
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
}


FLOODS = {
    "one header of 64 KiB": get(b"/health/live", b"A: " + b"a" * 2**16),
    "one header of 1 MiB": get(b"/health/live", b"A: " + b"a" * 2**20),
    "one header without an end": get(b"/health/live", b"A: ")[:-4] + b"a" * 2**17,
    "20,000 headers": get(b"/health/live", *[b"A: a"] * 20_000),
    "a path of 64 KiB": get(b"/" + b"a" * 2**16),
    "a request after another": get(b"/health/live", b"A: a") + get(b"/", b"A: " + b"a" * 2**20),
    "trailers": post(b"0\r\n" + b"A: a\r\n" * 2**17, framing=b"Transfer-Encoding: chunked"),
    "a chunk's extension": post(b"1;" + b"a" * 2**20, framing=b"Transfer-Encoding: chunked"),
    "an extension after bytes of the body": post(
        b"1\r\n1\r\n1;" + b"a" * 2**20 + b"\r\n1\r\n0\r\n\r\n",
        framing=b"Transfer-Encoding: chunked",
    ),
    "extensions of many chunks": post(
        b"1;%b\r\n \r\n" % (b"a" * 50) * 20_000, framing=b"Transfer-Encoding: chunked"
    ),
    "trailers after a body": post(
        b"1\r\n1\r\n0\r\n" + b"A: a\r\n" * 2**14 + b"\r\n",
        framing=b"Transfer-Encoding: chunked",
    ),
}
