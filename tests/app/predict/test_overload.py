"""More than the model can do, and a model that fails: the real faces over a forward of our own."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from fastapi import FastAPI

from app.api.endpoints.predict import PredictFace
from app.api.middleware.request_log import AccessMiddleware
from app.api.service import Service
from app.monitor.metrics import Metrics
from app.predict.large_requests import LargeRequests
from app.predict.pipeline import Inference
from app.settings.settings import Settings
from stateserve.model.architectures.compiled import Forward
from stateserve.model.predictor import Predictor
from tests.project import IRIS, SETOSA

LOGS = np.log(np.array([0.8, 0.1, 0.1], np.float32))


class Slow:
    """A call takes `seconds`, whatever its rows: 256 a call at most is its capacity."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.rows = 0

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        self.rows += len(rows)
        time.sleep(self.seconds)
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
    seconds: float


class SmallService:
    """The application's own layers around a forward, called as a server calls them."""

    def __init__(self, forward: Forward, **settings: object) -> None:
        configured = Settings(model=IRIS, **settings)
        loaded = Predictor.load(IRIS)
        predictor = ScriptedPredictor(loaded.module, loaded.card, loaded.name, forward=forward)
        metrics = Metrics()
        self.inference = Inference(predictor, metrics, configured.max_queued_requests)
        large = LargeRequests(configured.max_large_requests)
        face = PredictFace(self.inference, configured, large)
        service = Service(configured, metrics, self.inference, large)
        self._app = AccessMiddleware(FastAPI(), service, {face.path: face.respond})

    async def ask(self, timeout: float | None = None, **changes: float) -> Answer:
        body = json.dumps(SETOSA | changes).encode()
        headers = [(b"content-type", b"application/json")]
        if timeout is not None:
            headers.append((b"x-request-timeout", b"%g" % timeout))
        scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b""}
        messages = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, object]) -> None:
            messages.append(message)

        started = time.monotonic()
        await self._app(scope | {"headers": headers}, receive, send)
        start, rest = messages
        seconds = time.monotonic() - started
        return Answer(start["status"], dict(start["headers"]), rest["body"], seconds)

    async def learn(self) -> None:
        """Until the batcher knows how long a call takes."""
        for _ in range(10):
            assert (await self.ask()).status == 200


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


async def test_at_ten_times_capacity_what_is_accepted_is_answered_in_time() -> None:
    forward = Slow(0.1)
    # 50 of a call's 0.1 s: 500 requests a second are what this one can do.
    service = SmallService(forward, max_queued_requests=50, request_timeout_seconds=2)
    await service.learn()
    forward.rows = 0
    asked = []
    for _ in range(100):
        asked += [asyncio.create_task(service.ask()) for _ in range(50)]
        await asyncio.sleep(0.01)
    answers = await asyncio.gather(*asked)
    found = statuses(answers)
    assert set(found) == {200, 503}
    assert found[200] == forward.rows >= 500
    refused = [answer for answer in answers if answer.status == 503]
    assert all(answer.headers[b"retry-after"] == b"1" for answer in refused)
    assert (await service.ask()).status == 200
    service.inference.close()


async def test_what_cannot_be_answered_in_time_is_not_computed() -> None:
    forward = Slow(0.25)
    service = SmallService(forward, max_queued_requests=4000)
    await service.learn()
    forward.rows = 0
    # Some four calls fit into the deadline; without it, it would take twenty.
    answers = await asyncio.gather(*(service.ask(timeout=1.2) for _ in range(5000)))
    found = statuses(answers)
    assert set(found) == {200, 503, 504}
    assert 0 < found[503] <= 1000
    assert 2 * found[200] >= forward.rows
    assert forward.rows <= 5 * 256
    assert all(answer.seconds < 1.2 + 1 for answer in answers), "a 504 comes at the deadline"
    late = next(answer for answer in answers if answer.status == 504)
    assert b"deadline passed" in late.body
    assert (await service.ask()).status == 200
    service.inference.close()


async def test_under_lasting_overload_most_of_what_is_computed_is_in_time() -> None:
    forward = Slow(0.1)
    service = SmallService(forward, max_queued_requests=4000)
    await service.learn()
    forward.rows = 0
    asked = []
    # A queue that is always full of requests at the edge of their deadline.
    for _ in range(12):
        asked += [asyncio.create_task(service.ask(timeout=0.4)) for _ in range(600)]
        await asyncio.sleep(0.1)
    found = statuses(await asyncio.gather(*asked))
    assert 2 * found[200] >= forward.rows, (found, forward.rows)
    assert found[504] > found[200]
    service.inference.close()


async def test_a_model_that_was_slow_once_is_tried_again() -> None:
    forward = Slow(1.5)
    service = SmallService(forward)
    assert (await service.ask()).status == 200
    forward.seconds = 0
    answers = [await service.ask(timeout=0.2) for _ in range(5)]
    assert statuses(answers) == {200: 5}
    service.inference.close()


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
    service.inference.close()


async def test_a_forward_out_of_memory_is_tried_with_one_row_at_a_time() -> None:
    service = SmallService(raising(MemoryError(), lambda rows: len(rows) > 1))
    answers = await asyncio.gather(*(service.ask() for _ in range(10)))
    assert statuses(answers) == {200: 10}
    service.inference.close()


async def test_memory_that_is_not_enough_for_one_row_fails_and_comes_back() -> None:
    left = [0]
    service = SmallService(raising(MemoryError(), lambda rows: not left[0]))
    answers = await asyncio.gather(*(service.ask() for _ in range(3)))
    assert statuses(answers) == {500: 3}
    left[0] = 1
    assert (await service.ask()).status == 200
    service.inference.close()


@pytest.mark.parametrize("slow", [True, False], ids=["in a thread", "on the loop"])
async def test_batch_mates_of_a_caller_that_left_are_answered(slow: bool) -> None:
    forward = Slow(0.05 if slow else 0)
    service = SmallService(forward)
    await service.learn()
    first = asyncio.create_task(service.ask())
    await asyncio.sleep(0.01)
    tasks = [asyncio.create_task(service.ask()) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    found = await asyncio.gather(first, *tasks, return_exceptions=True)
    answered = [answer for answer in found if isinstance(answer, Answer)]
    assert statuses(answered)[200] == len(answered) >= 6
    service.inference.close()
