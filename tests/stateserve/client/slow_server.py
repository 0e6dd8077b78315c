"""A hostile server on a socket: it sends without an end, or reads slowly, and never finishes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# What is sent first, and then again and again.
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "100 Continue": (b"", INTERIM),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "a header": (HEAD + b"X-Long: ", b"a"),
    "small chunks": (CHUNKED, b"2\r\n  \r\n"),
    "one chunk": (CHUNKED + b"fffff\r\n", b" "),
    "a chunk extension": (CHUNKED + b"2;", b"a"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\nX-Long: ", b"a"),
    "a long body": (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "a refusal": (b"HTTP/1.1 422 No\r\nContent-Length: 1000000\r\n\r\n", b" "),
    "nothing": (b"", b""),
}
PAUSE = 0.01
# For a client without a limit, so that its test ends.
MOST = 3000


@contextmanager
def slow_server(first: bytes, again: bytes) -> Iterator[str]:
    """Yields its address. Each connection gets `first`, and `again` until its client leaves."""
    end = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(2**16)
            connection.sendall(first)
            for _ in range(MOST):
                if end.wait(PAUSE):
                    return
                connection.sendall(again)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=[connection], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        end.set()
        # Ends the wait for the next connection.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
