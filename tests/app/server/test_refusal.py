"""Parser errors: 400 for the client's error, 500 for an internal error."""

import httptools
import pytest

from app.server.refusal import Refusal

REQUEST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n1"


class Failing:
    """A protocol whose body callback fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def on_body(self, body: bytes) -> None:
        raise self.error


def refusal_of(content: bytes, error: Exception) -> Refusal:
    with pytest.raises(httptools.HttpParserError) as caught:
        httptools.HttpRequestParser(Failing(error)).feed_data(content)
    return Refusal.of(caught.value)


def test_a_refusal_comes_out_as_it_went_in() -> None:
    reason = Refusal(413, "too much")
    assert refusal_of(REQUEST, reason) is reason


def test_our_memory_is_not_the_clients_mistake() -> None:
    found = refusal_of(REQUEST, MemoryError())
    assert (found.status, str(found)) == (500, "not enough memory for the request")


def test_anything_else_is_not_http() -> None:
    found = refusal_of(b"hello\r\n", ValueError())
    assert found.status == 400
    assert str(found).startswith("not valid HTTP/1.1: ")
