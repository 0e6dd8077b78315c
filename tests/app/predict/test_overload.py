"""Overload, and a failing model: the real endpoints over a fake forward pass."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from app.api.auth.keys import Keys
from app.api.auth.route_scopes import Guard
from app.api.endpoints import predict
from app.api.middleware.hosts import TrustedHosts
from app.api.middleware.request_log import AccessMiddleware
from app.api.problems import install_error_handlers
from app.api.service import Service
from app.monitor.access_log import AccessLog
from app.monitor.metrics import Metrics
from app.predict.large_requests import LargeRequests
from app.predict.tabular_endpoint import TabularEndpoint
from app.predict.tabular_pipeline import TabularPipeline
from app.settings.settings import Settings
from stateserve.model.architectures.compiled import Forward
from stateserve.model.predictor import Predictor
from tests.connections import Connections, answers
from tests.process import HANG_SECONDS
from tests.project import IRIS, SETOSA
from tests.wire import FLOWER, post

LOGS = np.log(np.array([0.8, 0.1, 0.1], np.float32))


class Slow:
    """A call takes `seconds`, for any number of rows, and waits for `may_end`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.rows = self.calls = 0
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        self.rows += len(rows)
        self.calls += 1
        self.begun.set()
        time.sleep(self.seconds)
        assert self.may_end.wait(HANG_SECONDS)
        return np.tile(LOGS, (len(rows), 1))


@dataclass(frozen=True, kw_only=True)
class ScriptedPredictor(Predictor):
    forward: Forward

    @property
    def log_probabilities(self) -> Forward:
        return self.forward


@dataclass
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class OneModel:
    """The methods of a registry that an application uses."""

    def __init__(self, endpoint: TabularEndpoint) -> None:
        self.repository = SimpleNamespace(default=endpoint.predictor.name)
        self._endpoint = endpoint

    def current(self, name: str) -> TabularEndpoint:
        assert name == self.repository.default
        return self._endpoint


class SmallService:
    """The service around a fake forward pass, called as by a socket."""

    def __init__(self, forward: Forward, **settings: object) -> None:
        configured = Settings(model=IRIS, **settings)
        loaded = Predictor.load(IRIS)
        predictor = ScriptedPredictor(loaded.module, loaded.card, loaded.name, forward=forward)
        metrics = Metrics()
        self.pipeline = TabularPipeline(predictor, (), configured.max_queued_requests)
        large = LargeRequests(configured.max_large_requests, run_in_threadpool)
        endpoint = TabularEndpoint(self.pipeline, configured.max_instances, large)
        service = Service(configured, metrics, OneModel(endpoint), large)
        app = FastAPI()
        app.include_router(predict.router)
        install_error_handlers(app)
        access = AccessMiddleware(app, service, AccessLog(service.metrics))
        app.middleware_stack = access
        app.state.service, app.state.guard = service, Guard(Keys({}), everything=False)
        app.state.access, app.state.hosts = access, TrustedHosts(())
        self.connections = Connections(app, configured)

    async def ask(self, timeout: float | None = None, **changes: float) -> Answer:
        headers = [] if timeout is None else [b"X-Request-Timeout: %g" % timeout]
        protocol = self.connections.connect()
        protocol.data_received(post(json.dumps(SETOSA | changes).encode(), *headers))
        await protocol.wire.wrote.wait()
        protocol.connection_lost(None)
        [answer] = protocol.wire.writes
        head, _, body = answer.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        return Answer(int(line.split()[1]), dict(each.split(b": ", 1) for each in lines), body)

    async def learn(self) -> None:
        """Predict until the batcher has measured the duration of a call."""
        for _ in range(10):
            assert (await self.ask()).status == 200


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


@asynccontextmanager
async def busy(service: SmallService, forward: Slow) -> AsyncIterator[None]:
    """While the context is open, the model computes in its thread."""
    forward.begun.clear()
    forward.may_end.clear()
    first = asyncio.create_task(service.ask())
    try:
        assert await asyncio.to_thread(forward.begun.wait, HANG_SECONDS)
        yield
    finally:
        forward.may_end.set()
    assert (await first).status == 200


async def test_at_ten_times_capacity_what_is_accepted_is_answered_in_time() -> None:
    forward = Slow(0.02)
    service = SmallService(forward, max_queued_requests=50)
    await service.learn()
    for _ in range(3):
        forward.rows = 0
        async with busy(service, forward):
            requests = [asyncio.create_task(service.ask()) for _ in range(500)]
            # Requests beyond the limit are refused at once: no call has ended since.
            while sum(each.done() for each in requests) < 450:
                await asyncio.sleep(0)
            refused = [each.result() for each in requests if each.done()]
            assert statuses(refused) == {503: 450}
            assert all(answer.headers[b"retry-after"] == b"1" for answer in refused)
        assert statuses(await asyncio.gather(*requests)) == {200: 50, 503: 450}
        assert forward.rows == 51
    service.pipeline.close()


async def test_what_cannot_be_answered_in_time_is_not_computed() -> None:
    forward = Slow(0.05)
    service = SmallService(forward)
    await service.learn()
    for _ in range(2):
        forward.rows = forward.calls = 0
        # A call takes longer than the first of each two requests would wait.
        requests = [service.ask(timeout) for timeout in (0.02, None) * 500]
        answers = await asyncio.gather(*requests)
        assert statuses(answers[1::2]) == {200: 500}
        # In each call, one late request is computed, to measure the duration again.
        assert statuses(answers[::2])[504] >= 500 - forward.calls
        assert forward.rows <= 500 + forward.calls
        late = next(answer for answer in answers if answer.status == 504)
        assert b"deadline passed" in late.body
    service.pipeline.close()


async def test_a_model_that_was_slow_once_is_tried_again() -> None:
    seconds = 1.0
    while statuses(await after_a_slow_call(seconds)) != {200: 5}:
        # The machine is too busy to begin in time.
        assert seconds < HANG_SECONDS
        seconds *= 2


async def after_a_slow_call(seconds: float) -> list[Answer]:
    """Five requests whose deadlines are shorter than the expected duration of a call."""
    forward = Slow(seconds)
    service = SmallService(forward)
    assert (await service.ask()).status == 200
    forward.seconds = 0
    answers = [await service.ask(timeout=seconds / 7) for _ in range(5)]
    service.pipeline.close()
    return answers


def raising(error: Exception, when: Callable[[np.ndarray], bool]) -> Forward:
    def forward(rows: np.ndarray) -> np.ndarray:
        if when(rows):
            raise error
        return np.tile(LOGS, (len(rows), 1))

    return forward


async def test_a_forward_that_raises_fails_its_own_request_only() -> None:
    service = SmallService(raising(RuntimeError("boom"), lambda rows: (rows == 13).any()))
    answers = await asyncio.gather(*(service.ask(petal_width=width) for width in range(10, 20)))
    assert statuses(answers) == {200: 9, 500: 1}
    failed = answers[3]
    assert failed.headers[b"x-request-id"] in failed.body
    assert b"boom" not in failed.body
    service.pipeline.close()


async def test_a_forward_out_of_memory_is_tried_with_one_row_at_a_time() -> None:
    service = SmallService(raising(MemoryError(), lambda rows: len(rows) > 1))
    answers = await asyncio.gather(*(service.ask() for _ in range(10)))
    assert statuses(answers) == {200: 10}
    service.pipeline.close()


async def test_memory_that_is_not_enough_for_one_row_fails_and_comes_back() -> None:
    left = [0]
    service = SmallService(raising(MemoryError(), lambda rows: not left[0]))
    answers = await asyncio.gather(*(service.ask() for _ in range(3)))
    assert statuses(answers) == {500: 3}
    left[0] = 1
    assert (await service.ask()).status == 200
    service.pipeline.close()


@pytest.mark.parametrize("slow", [True, False], ids=["in a thread", "on the loop"])
async def test_batch_mates_of_a_caller_that_left_are_answered(slow: bool) -> None:
    forward = Slow(0.02 if slow else 0)
    service = SmallService(forward)
    await service.learn()
    async with busy(service, forward) if slow else nullcontext():
        tasks = [asyncio.create_task(service.ask()) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    answered = [answer for answer in found if isinstance(answer, Answer)]
    assert statuses(answered)[200] == len(answered) >= 5
    service.pipeline.close()


class Held:
    """A slow model, whose calls in other threads wait until they are released."""

    def __init__(self) -> None:
        self.rows = 0
        self.release = threading.Event()
        self._home = threading.get_ident()

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        self.rows += len(rows)
        if threading.get_ident() == self._home:
            time.sleep(0.01)
        else:
            assert self.release.wait(HANG_SECONDS)
        return np.tile(LOGS, (len(rows), 1))


async def test_at_its_deadline_a_request_of_the_fast_path_is_late() -> None:
    forward = Held()
    service = SmallService(forward)
    first, late = service.connections.connect(), service.connections.connect()
    first.data_received(post(FLOWER))
    await answers(first, 1)
    forward.rows = 0
    # From now on the model runs in a thread.
    first.data_received(post(FLOWER))
    late.data_received(post(FLOWER, b"X-Request-Timeout: 0.05"))
    async with asyncio.timeout(HANG_SECONDS):
        await answers(late, 1)
    assert late.wire.statuses() == [504]
    assert first.wire.statuses() == [200]
    forward.release.set()
    async with asyncio.timeout(HANG_SECONDS):
        await answers(first, 2)
    assert (first.wire.statuses(), late.wire.statuses()) == ([200, 200], [504])
    # Nothing was computed for the late one, unless it shared the call of the first.
    assert forward.rows <= 2
    service.pipeline.close()


async def test_at_its_deadline_a_large_request_is_late_while_its_thread_works_on() -> None:
    forward = Held()
    service = SmallService(forward)
    late = service.connections.connect()
    body = json.dumps({"instances": [SETOSA] * 400}).encode()
    late.data_received(post(body, b"X-Request-Timeout: 0.05"))
    async with asyncio.timeout(HANG_SECONDS):
        await answers(late, 1)
    assert late.wire.statuses() == [504]
    forward.release.set()
    assert (await service.ask()).status == 200
    service.pipeline.close()
