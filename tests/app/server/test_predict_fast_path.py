"""The fast path: ordinary requests without a task, and no check of the application left out."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.api.auth.keys import Scope, new_key
from app.server.predict_fast_path import FastPath
from stateserve.model.architectures.multiclass import Multiclass
from tests.calls import count_calls
from tests.checkpoints import save_model
from tests.connections import answers, serving, tick
from tests.wire import FLOWER, post

# Python and C calls from a packet to the end of its tick, when its answer is counted: without
# settings that add a check, and with all of them.
MOST_CALLS = 249
MOST_CHECKED_CALLS = 285
ZEROS = dict.fromkeys(("x0", "x1", "x2", "x3"), 0)
BROKEN = FLOWER[:-1]


@pytest.fixture
def key(tmp_path: Path) -> Callable[..., tuple[dict[str, object], bytes]]:
    """Settings with one key, and the header of a request with it."""

    def write(scope: Scope = Scope.PREDICT, rate: str = "100000/second") -> tuple[dict, bytes]:
        key, entry = new_key("its-name", [scope], rate)
        (tmp_path / "keys.toml").write_text(entry)
        settings = {"api_keys": tmp_path / "keys.toml", "trusted_hosts": "test,*.internal"}
        return settings | {"request_timeout_seconds": 60}, b"Authorization: Bearer " + key.encode()

    return write


async def test_an_ordinary_request_is_answered_in_one_write_and_without_a_task(key) -> None:
    checked, header = key()
    for settings, headers in (({}, []), (checked, [header, b"X-Request-Timeout: 5"])):
        async with serving(**settings) as service:
            protocol = service.connect()
            # The first waits for the end of its tick; the next runs at once.
            for cut in (None, -1, len(FLOWER)):
                before = len(protocol.wire.writes)
                request = post(FLOWER, *headers)
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


async def test_a_canary_answers_its_share_without_a_task(tmp_path: Path) -> None:
    for version in (1, 2):
        (tmp_path / "iris-model" / f"{version}").mkdir(parents=True)
        save_model(tmp_path / "iris-model" / f"{version}" / "iris-model.pth", seed=version)
    async with serving(
        models=tmp_path,
        model=Path("iris-model"),
        version_policy="all",
        canary="iris-model:1=0.5",
    ) as service:
        answered = {b'"version":"1"': 0, b'"version":"2"': 0}
        for number in range(64):
            protocol = service.connect()
            # Every second request has no id; its generated id chooses the version.
            named = [b"X-Request-ID: n%d" % number] if number % 2 else []
            protocol.data_received(post(json.dumps(ZEROS).encode(), *named))
            assert not service.state.tasks
            await answers(protocol, 1)
            [version] = [each for each in answered if each in protocol.wire.writes[0]]
            answered[version] += 1
        assert all(count > 8 for count in answered.values())
        for version, count in zip("12", answered.values(), strict=True):
            label = f'{{model="iris-model",status="200",version="{version}"}}'
            assert f"rollout_requests_total{label} {count:.1f}" in service.metrics()


@pytest.mark.parametrize("broken", [0, 3])
async def test_each_request_of_a_key_is_counted_once(key, broken: int) -> None:
    settings, header = key(rate="5/hour")
    async with serving(**settings) as service:
        protocol = service.connect()
        # The application answers requests that the fast path cannot, and does not count them again.
        bodies = [BROKEN] * broken + [FLOWER] * (8 - broken)
        for number, body in enumerate(bodies):
            protocol.data_received(post(body, header))
            await answers(protocol, number + 1)
        wanted = [400] * broken + [200] * (5 - broken) + [429] * 3
        assert protocol.wire.statuses() == wanted


async def test_a_request_is_refused_before_its_body_has_come(key) -> None:
    settings, header = key(Scope.METRICS)
    for headers, status in (
        ([], 401),
        ([header], 403),
        ([header + b"x"], 401),
        ([header, header], 401),
        ([header, b"Host: evil.com"], 400),
    ):
        async with serving(**settings) as service:
            protocol = service.connect()
            protocol.data_received(post(FLOWER, *headers)[: -len(FLOWER)])
            await answers(protocol, 1)
            assert protocol.wire.statuses() == [status]


async def test_requests_in_one_packet_are_answered_in_order(key) -> None:
    settings, header = key()
    async with serving(**settings) as service:
        protocol = service.connect()
        named = [
            post(FLOWER, b"X-Request-ID: n%d" % number, *[header] * (number % 3 != 1))
            for number in range(5)
        ]
        protocol.data_received(b"".join(named))
        await answers(protocol, len(named))
        assert protocol.wire.statuses() == [200, 401, 200, 200, 401]
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


async def test_a_request_that_finds_no_place_is_shed_without_a_task() -> None:
    async with serving(max_queued_requests=2) as service:
        connections = [service.connect() for _ in range(5)]
        for protocol in connections:
            protocol.data_received(post(FLOWER))
        await tick()
        assert not service.state.tasks
        statuses = [protocol.wire.statuses() for protocol in connections]
        assert statuses == [[200]] * 2 + [[503]] * 3
        assert b"\r\nretry-after: 1\r\n" in connections[-1].wire.writes[0]


async def test_a_client_that_leaves_is_logged_and_harms_nobody() -> None:
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
        metrics = service.metrics()
    label = 'http_requests_total{method="POST",route="/predict",status="%d"}'
    assert f"{label % 499} 2.0" in metrics
    assert f"{label % 200} 1.0" in metrics


class Broken(FastPath):
    """An internal error, between the parser and the answer."""

    def __init__(self) -> None:
        pass

    def begin(self, exchange: object) -> None:
        raise ValueError("of ours")


async def test_an_exchange_that_cannot_begin_is_refused_and_ended() -> None:
    async with serving() as service:
        protocol = service.connect()
        protocol._fast_path = Broken()
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


async def test_the_host_of_an_absolute_target_replaces_the_header() -> None:
    asked = [
        (b"http://test/predict", b"other", 200),
        (b"https://a.internal:8443/predict", b"other", 200),
        (b"http://other/predict", b"test", 421),
        (b"http://test@other/predict", b"test", 421),
        (b"http://[::1]:80/predict", b"test", 421),
        (b"/predict", b"test", 200),
        (b"/predict", b"other", 421),
    ]
    async with serving(trusted_hosts="test,*.internal") as service:
        protocol = service.connect()
        for number, (target, host, _) in enumerate(asked, 1):
            request = post(FLOWER, path=target).replace(b"Host: test", b"Host: " + host)
            protocol.data_received(request)
            await answers(protocol, number)
        assert protocol.wire.statuses() == [status for *_, status in asked]
        protocol.data_received(b"GET http://test/health/live HTTP/1.1\r\n\r\n")
        await tick()
        assert protocol.wire.statuses()[-1] == 400


@pytest.mark.parametrize("most", [MOST_CALLS, MOST_CHECKED_CALLS])
async def test_a_request_takes_no_more_calls_than_it_did(key, most: int) -> None:
    settings, headers = {}, []
    if most == MOST_CHECKED_CALLS:
        settings, header = key()
        headers = [header, b"X-Request-Timeout: 5"]
    async with serving(**settings) as service:
        protocol = service.connect()
        request = post(FLOWER, *headers)
        for number in range(5):
            protocol.data_received(request)
            await answers(protocol, number + 1)

        async def ask() -> None:
            protocol.data_received(request)
            await tick()

        # The least of many: another task of the loop, such as the one of the access log, may run
        # in the same tick, on a loaded machine in most of them.
        counts = []
        for number in range(5, 55):
            counts.append(await count_calls(ask))
            await answers(protocol, number + 1)
        assert protocol.wire.statuses() == [200] * 55
    # More means that the fast path grew: see benchmarks/single.py before raising this.
    assert min(counts) <= most, counts
