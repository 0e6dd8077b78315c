"""The way past the application: for ordinary requests alone, and with the same answers."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.api.middleware.request_id import RequestIds
from app.monitor.access_log import AccessLog
from app.monitor.metrics import Metrics
from app.server.predict_fast_path import Express
from stateserve.model.architectures.multiclass import Multiclass
from tests.calls import BODIES, count_calls
from tests.express import answers, serving, tick
from tests.keys import write_keys
from tests.process import Process
from tests.project import SETOSA
from tests.wire import FLOWER, connected, post

# Python and C calls from a packet to the end of its tick, when its answer is counted.
MOST_CALLS = 250
HEADERS = {
    "json": (),
    "charset": (b"Content-Type: application/json; charset=utf-8",),
    "npy": (b"Content-Type: application/x-npy",),
    "accept": (b"Accept: application/x-npy",),
    "anything": (b"Accept: */*",),
    "html": (b"Accept: text/html",),
    "zipped": (b"Content-Encoding: gzip",),
    "timeout": (b"X-Request-Timeout: 5",),
    "no timeout": (b"X-Request-Timeout: never",),
    "named": (b"X-Request-ID: mine",),
    "expect": (b"Expect: 100-continue",),
    "close": (b"Connection: close",),
}
ZEROS = dict.fromkeys(("x0", "x1", "x2", "x3"), 0)


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("body", BODIES)
def test_it_answers_as_the_application_does(server: Process, body: str, headers: str) -> None:
    replies = []
    # A query is what no ordinary request has.
    for path in (b"/predict", b"/predict?log_probabilities=false"):
        with connected(server.url) as wire:
            wire.send(post(BODIES[body], *HEADERS[headers], path=path))
            reply = wire.reply()
        assert reply is not None
        shown = {k.lower(): v for k, v in reply.headers.items() if k.lower() != "date"}
        if headers != "named":
            assert shown.pop("x-request-id")
        replies.append((reply.status, shown, reply.body))
    assert replies[0] == replies[1]


@pytest.mark.parametrize("rows", [1, 2, 64, 65])
def test_it_answers_batches_as_the_application_does(server: Process, rows: int) -> None:
    body = json.dumps({"instances": [SETOSA | {"petal_width": n / 40} for n in range(rows)]})
    answers = []
    for path in (b"/predict", b"/predict?log_probabilities=false"):
        with connected(server.url) as wire:
            wire.send(post(body.encode(), path=path))
            reply = wire.reply()
        assert reply is not None
        assert reply.status == 200
        answers.append(reply.body)
    assert answers[0] == answers[1]
    assert len(json.loads(answers[0])["predictions"]) == rows


async def test_an_ordinary_request_is_answered_in_one_write_and_without_a_task() -> None:
    async with serving() as service:
        protocol = service.connect()
        # The first waits for the end of its tick; the next finds that it was alone.
        for cut in (None, -1, len(FLOWER)):
            before = len(protocol.wire.writes)
            request = post(FLOWER)
            if cut is not None:
                protocol.data_received(request[:cut])
                await tick()
                assert len(protocol.wire.writes) == before
                request = request[cut:]
            protocol.data_received(request)
            await tick()
            assert len(protocol.wire.writes) == before + 1
            assert not service.state.tasks
        assert protocol.wire.statuses() == [200, 200, 200]


@pytest.mark.parametrize("headers", sorted(HEADERS.keys() - {"json", "anything", "named", "close"}))
async def test_what_is_not_ordinary_is_the_applications(headers: str) -> None:
    async with serving() as service:
        protocol = service.connect()
        protocol.data_received(post(FLOWER, *HEADERS[headers]))
        assert len(service.state.tasks) == 1
        await asyncio.gather(*service.state.tasks)
        assert len(protocol.wire.statuses()) == 1 + (headers == "expect")


async def test_what_a_setting_asks_of_all_is_the_applications_to_keep(tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.toml")
    for setting, status in (
        ({"request_timeout_seconds": 5}, 200),
        ({"api_keys": tmp_path / "keys.toml"}, 401),
        ({"trusted_hosts": "models.example.com"}, 421),
        ({"cors_origins": "https://app.example.com"}, 200),
    ):
        async with serving(**setting) as service:
            protocol = service.connect()
            protocol.data_received(post(FLOWER))
            assert len(service.state.tasks) == 1, setting
            await asyncio.gather(*service.state.tasks)
            assert protocol.wire.statuses() == [status]


async def test_requests_in_one_packet_are_answered_in_order() -> None:
    async with serving() as service:
        protocol = service.connect()
        named = [post(FLOWER, b"X-Request-ID: n%d" % number) for number in range(5)]
        protocol.data_received(b"".join(named))
        await answers(protocol, len(named))
        for number, write in enumerate(protocol.wire.writes):
            assert b"x-request-id: n%d\r\n" % number in write


async def test_a_fault_reaches_its_caller_alone(write_model: Callable[..., Path]) -> None:
    module = Multiclass().eval()
    with torch.no_grad():
        module.hidden.weight[:, 0] = 1e10
    async with serving(model=write_model(module=module)) as service:
        right, wrong = service.connect(), service.connect()
        for protocol, value in ((right, 1), (wrong, 1e30)):
            protocol.data_received(post(json.dumps({**ZEROS, "x0": value}).encode()))
        await tick()
        assert right.wire.statuses() == [200]
        await asyncio.gather(*service.state.tasks)
        assert wrong.wire.statuses() == [422]
        assert b"so large that the forward pass overflows" in wrong.wire.writes[0]


async def test_who_finds_no_place_is_the_applications() -> None:
    async with serving(max_queued_requests=2) as service:
        connections = [service.connect() for _ in range(5)]
        for protocol in connections:
            protocol.data_received(post(FLOWER))
        assert len(service.state.tasks) == 3
        # By now the queue is empty again; those that it had no place for get one.
        await asyncio.gather(*service.state.tasks)
        statuses = [protocol.wire.statuses() for protocol in connections]
        assert sorted(statuses) == [[200]] * 4 + [[503]]


async def test_who_leaves_is_written_down_and_harms_nobody() -> None:
    async with serving() as service:
        stays, leaves = service.connect(), service.connect()
        for protocol in (stays, leaves):
            protocol.data_received(post(FLOWER))
        leaves.connection_lost(None)
        await tick()
        assert stays.wire.statuses() == [200]
        assert leaves.wire.writes == []
        half = service.connect()
        half.data_received(post(FLOWER)[:-1])
        half.connection_lost(None)
        await asyncio.gather(*service.state.tasks)
        metrics = service.app.state.service.metrics.render().decode()
    label = 'http_requests_total{method="POST",route="/predict",status="%d"}'
    assert f"{label % 499} 2.0" in metrics
    assert f"{label % 200} 1.0" in metrics


class Broken(Express):
    """A fault of ours, between the parser and the answer."""

    def takes(self, url: bytes, headers: object) -> bool:
        raise ValueError("of ours")


async def test_an_exchange_that_cannot_begin_is_refused_and_ended() -> None:
    async with serving() as service:
        protocol = service.connect()
        protocol._express = Broken(service.app.state.service, AccessLog(Metrics()), RequestIds())
        protocol.data_received(post(FLOWER))
        assert protocol.wire.statuses() == [500]
        assert protocol.transport.is_closing()
        assert not service.state.tasks


async def test_while_draining_the_answer_ends_the_connection() -> None:
    async with serving() as service:
        protocol = service.connect()
        service.app.state.service.draining = True
        protocol.data_received(post(FLOWER))
        await tick()
        assert protocol.wire.statuses() == [200]
        assert b"\r\nconnection: close\r\n" in protocol.wire.writes[0]
        assert protocol.wire.closed


async def test_a_request_takes_no_more_calls_than_it_did() -> None:
    async with serving() as service:
        protocol = service.connect()
        request = post(FLOWER)
        for number in range(5):
            protocol.data_received(request)
            await answers(protocol, number + 1)

        async def ask() -> None:
            protocol.data_received(request)
            await tick()

        # The least: the access log writes its lines in a tick of its own choice.
        counts = []
        for number in range(5, 8):
            counts.append(await count_calls(ask))
            await answers(protocol, number + 1)
        calls = min(counts)
        assert protocol.wire.statuses() == [200] * 8
    # More means that the hot path grew: see benchmarks/single.py before raising this.
    assert MOST_CALLS * 0.8 < calls <= MOST_CALLS, calls
