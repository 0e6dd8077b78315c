"""HTTP as bytes on a socket: requests that no client library sends, and the exact answers."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from tests.process import HANG_SECONDS
from tests.project import SETOSA

FLOWER = json.dumps(SETOSA).encode()
LIVE = b"GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n"


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def detail(self) -> str:
        """The detail of problem details."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["status"] == self.status
        return str(problem["detail"])


class Wire:
    """One connection. Nothing waits longer than `timeout` seconds."""

    def __init__(self, url: str, timeout: float = HANG_SECONDS) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self._file: BinaryIO = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all, or as much as the server reads before it closes."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def reply(self, method: str = "GET") -> Reply | None:
        """The next answer after any 100 Continue; None if the connection closes."""
        while True:
            line = self._read_line()
            if not line:
                return None
            version, status, _ = line.split(b" ", 2)
            assert version == b"HTTP/1.1", line
            headers = http.client.parse_headers(self._file)
            if status == b"100":
                continue
            length = 0 if method == "HEAD" else int(headers["content-length"])
            body = self._file.read(length)
            assert len(body) == length
            return Reply(int(status), headers, body)

    def _read_line(self) -> bytes:
        try:
            return self._file.readline()
        except ConnectionError:
            # The server closed with unread bytes.
            return b""

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@contextlib.contextmanager
def connected(url: str, timeout: float = HANG_SECONDS) -> Iterator[Wire]:
    wire = Wire(url, timeout)
    try:
        yield wire
    finally:
        wire.close()


def post(body: bytes, *headers: bytes, path: bytes = b"/predict", framing: bytes = b"") -> bytes:
    """A POST; `framing` stands for the Content-Length. JSON unless a header says otherwise."""
    lines = [b"POST %b HTTP/1.1" % path, b"Host: test", *headers]
    if not any(header.lower().startswith(b"content-type") for header in headers):
        lines.append(b"Content-Type: application/json")
    lines.append(framing or b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def get(path: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, path), b"Host: test", *headers, b"", b""])


def require_alive(wire: Wire) -> None:
    """Require that the next request gets its own answer."""
    wire.send(LIVE)
    reply = wire.reply()
    assert reply is not None
    assert (reply.status, reply.body) == (200, b'{"status":"live"}')


def require_closed(wire: Wire) -> None:
    """Require that no further byte arrives, such as a second answer."""
    assert wire.reply() is None


def open_request(url: str, body: bytes) -> socket.socket:
    """Send all of a request but the body's last byte, so that it is in flight."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=HANG_SECONDS)
    head = (
        f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:-1])
    return connection


def refuses(url: str) -> bool:
    """Whether a new connection is refused by the system."""
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=HANG_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # The system accepted the connection just before the close.
        return False
    return False
