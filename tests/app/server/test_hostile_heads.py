"""Invalid or too many methods, paths and headers: each with its answer."""

import json

import pytest

from tests.hostile import FLOODS, HEADS
from tests.process import Process
from tests.project import SETOSA
from tests.wire import LIVE, connected, get, post, require_alive, require_closed


@pytest.mark.parametrize(("request_", "status"), HEADS.values(), ids=HEADS)
def test_a_strange_request_is_answered_and_the_connection_goes_on(
    server: Process, request_: bytes, status: int
) -> None:
    with connected(server.url) as wire:
        wire.send(request_)
        reply = wire.reply(request_.split(b" ")[0].decode())
        assert reply is not None
        assert reply.status == status
        assert b"passwd:" not in reply.body
        assert ("allow" in reply.headers) == (status == 405)
        require_alive(wire)


@pytest.mark.parametrize("request_", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_headers_is_cut_off(server: Process, request_: bytes) -> None:
    with connected(server.url) as wire:
        wire.send(request_)
        replies = list(iter(wire.reply, None))
        assert [reply.status for reply in replies if reply.status != 200] == [431]
    with connected(server.url) as wire:
        require_alive(wire)


@pytest.mark.parametrize("before", [b"", LIVE])
def test_an_address_that_makes_no_sense_is_refused(server: Process, before: bytes) -> None:
    with connected(server.url) as wire:
        wire.send(before)
        if before:
            assert wire.reply().status == 200
        wire.send(b"GET http://h:99999/x HTTP/1.1\r\nHost: test\r\n\r\n")
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 400
        require_closed(wire)


def test_an_address_that_makes_no_sense_takes_no_answer_from_those_before(server: Process) -> None:
    with connected(server.url) as wire:
        slow = post(json.dumps({"instances": [SETOSA] * 2000}).encode())
        wire.send(slow + LIVE + b"GET http://h:99999/x HTTP/1.1\r\nHost: test\r\n\r\n")
        replies = [wire.reply(), wire.reply()]
        assert [reply and reply.status for reply in replies] == [200, 200]
        require_closed(wire)


def test_a_proxys_form_without_a_path_asks_for_the_root(server: Process) -> None:
    with connected(server.url) as wire:
        wire.send(b"GET http://test HTTP/1.1\r\nHost: test\r\n\r\n")
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/html")


def test_headers_behind_another_request_are_counted_as_well(server: Process) -> None:
    many = get(b"/health/live", *[b"X-%d: %s" % (n, b"v" * 100) for n in range(600)])
    assert 32 * 1024 < len(many) < 100_000
    with connected(server.url) as wire:
        wire.send(LIVE + many)
        replies = [wire.reply(), wire.reply()]
        # The connection closes without a 431, which could be taken for the first answer.
        assert [reply and reply.status for reply in replies] == [200, None]
