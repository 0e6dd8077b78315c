"""A shadow compares requests, drops those beyond its queue, and affects no answer."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from app.monitor.metrics import Metrics
from app.monitor.model_metrics import ModelMetrics
from app.monitor.rollout_counts import RolloutCounts, ShadowCounts
from app.predict.deadline import Deadline
from app.predict.pending_answer import PendingAnswer
from app.predict.prediction import Prediction
from app.predict.tabular_pipeline import TabularPipeline
from app.registry.shadow import Mirror
from app.registry.shadow_comparison import TabularComparison, why_not_comparable
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.predictor import Predictor
from tests.checkpoints import make_card
from tests.process import HANG_SECONDS

ROWS = np.random.default_rng(0).uniform(-1, 1, (20_000, 4)).astype(np.float32)
CLASSES = ["class-0", "class-1", "class-2"]


def make_predictor(seed: int, version: str, **sizes: int) -> Predictor:
    torch.manual_seed(seed)
    module = Multiclass(**sizes).eval()
    return Predictor(module, make_card(module), "wine", version)


def probabilities(predictor: Predictor, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return predictor.module(torch.from_numpy(rows)).double().exp().numpy()


class Watched:
    """A default version of seed 1, and its mirror."""

    def __init__(self, shadow: Predictor) -> None:
        self.metrics = Metrics()
        counts = ShadowCounts(RolloutCounts(self.metrics), ("wine", "1", "2"), CLASSES)
        self.default = make_predictor(1, "1")
        self.mirror = Mirror(TabularComparison(shadow, counts), counts)
        self.pipeline = TabularPipeline(
            self.default, [ModelMetrics(self.metrics, self.default), self.mirror]
        )
        self._request = PendingAnswer(b"")

    async def predict(self, rows: np.ndarray) -> Prediction:
        """Predict, and report the answer."""
        prediction = await self.pipeline.predict(rows)
        self.pipeline.answered(self._request, prediction)
        return prediction

    def predict_chunks(self, rows: np.ndarray) -> None:
        for prediction in list(self.pipeline.predict_chunks(rows)):
            self.pipeline.answered(self._request, prediction)

    def total(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.metrics.snapshot().of(name, **labels))

    def requests(self, result: str) -> float:
        return self.total("shadow_requests_total", result=result)

    async def until(self, condition: Callable[[], bool]) -> None:
        # Answers are counted at the end of their tick.
        await asyncio.sleep(0)
        deadline = time.monotonic() + HANG_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)


class Slow:
    """A shadow that waits for permission; a mirror needs only `log_probabilities`."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Event()

    def log_probabilities(self, rows: np.ndarray) -> np.ndarray:
        self.entered.set()
        assert self.gate.wait(HANG_SECONDS)
        return np.zeros((len(rows), 3), np.float32)


class Broken:
    """Fails for a batch in which any row begins with a negative number."""

    def log_probabilities(self, rows: np.ndarray) -> np.ndarray:
        if (rows[:, 0] < 0).any():
            raise MemoryError
        return np.zeros((len(rows), 3), np.float32)


@pytest.fixture
def slow() -> Iterator[Slow]:
    shadow = Slow()
    yield shadow
    shadow.gate.set()


async def test_disagreements_are_those_of_plain_torch() -> None:
    shadow = make_predictor(2, "2")
    watched = Watched(shadow)
    parts = np.split(ROWS[:600], range(20, 600, 20))
    await asyncio.gather(*map(watched.predict, parts))
    watched.predict_chunks(ROWS)
    # Two chunks.
    await watched.until(lambda: watched.requests("compared") == len(parts) + 2)

    rows = np.concatenate([ROWS[:600], ROWS])
    ours, theirs = probabilities(watched.default, rows), probabilities(shadow, rows)
    a, b = ours.argmax(axis=1), theirs.argmax(axis=1)
    confusion = {
        (CLASSES[i], CLASSES[j]): float(np.sum((a == i) & (b == j)))
        for i in range(3)
        for j in range(3)
        if ((a == i) & (b == j)).any()
    }
    found = {
        (labels["default_class"], labels["shadow_class"]): value
        for labels, value in watched.metrics.snapshot().of("shadow_rows_total")
    }
    assert found == confusion
    assert watched.total("shadow_disagreements_total") == np.sum(a != b) > 0
    expected = np.abs(ours - theirs).mean(axis=1).sum()
    assert watched.total("shadow_probability_difference_total") == pytest.approx(expected, rel=1e-5)
    assert watched.requests("shed") == watched.requests("failed") == 0
    # Predictions of the shadow are not counted.
    assert watched.total("predictions_total") == len(rows)


async def test_a_shadow_that_hangs_delays_nobody_and_misses_what_does_not_fit(slow: Slow) -> None:
    watched = Watched(slow)
    await watched.predict(ROWS[:1])
    await watched.until(slow.entered.is_set)
    batch = 64
    offered = TabularComparison.most_waiting // batch + 10
    for _ in range(offered):
        prediction = await watched.predict(ROWS[:batch])
        assert prediction.end - prediction.start == batch
    await watched.until(lambda: watched.requests("shed") == 10)
    slow.gate.set()
    await watched.until(lambda: watched.requests("compared") == offered - 10 + 1)
    # The queue has room again.
    await watched.predict(ROWS[:1])
    await watched.until(lambda: watched.requests("compared") == offered - 10 + 2)
    assert watched.requests("shed") == 10


async def test_a_shadow_that_fails_fails_alone() -> None:
    watched = Watched(Broken())
    good, bad = np.abs(ROWS[:3]), -np.abs(ROWS[:3])
    answers = await asyncio.gather(*map(watched.predict, [good, bad, good]))
    for rows, (whole, start, end) in zip([good, bad, good], answers, strict=True):
        np.testing.assert_allclose(
            whole.probabilities[start:end], probabilities(watched.default, rows), atol=1e-6
        )
    await watched.until(lambda: watched.requests("failed") == 1)
    await watched.until(lambda: watched.requests("compared") == 2)


async def test_a_shadow_that_overflows_counts_as_failed() -> None:
    module = Multiclass().eval()
    with torch.no_grad():
        module.output.weight.fill_(3e38)
        module.hidden.bias.fill_(1e3)
    # This predictor is not loaded, so its golden prediction is not checked.
    watched = Watched(Predictor(module, make_card(Multiclass().eval()), "wine", "2"))
    await watched.predict(ROWS[:2])
    await watched.until(lambda: watched.requests("failed") == 1)


async def test_what_was_refused_or_given_up_is_not_mirrored() -> None:
    watched = Watched(make_predictor(2, "2"))
    # Several requests in a tick wait for its end, and can still be cancelled.
    answered, given_up = (asyncio.ensure_future(watched.predict(ROWS[:1])) for _ in range(2))
    await asyncio.sleep(0)
    late = watched.pipeline.predict(ROWS[:1], Deadline(-1))
    given_up.cancel()
    await asyncio.gather(answered, given_up, late, return_exceptions=True)
    await watched.until(lambda: watched.requests("compared") == 1)
    await watched.predict(ROWS[:1])
    await watched.until(lambda: watched.requests("compared") == 2)
    assert watched.total("predictions_total") == 2
    watched.pipeline.close()


async def test_offers_from_many_threads_are_all_counted() -> None:
    watched = Watched(make_predictor(2, "2"))
    prediction: Prediction = next(watched.pipeline.predict_chunks(ROWS[:8]))
    threads = [
        threading.Thread(target=lambda: [watched.mirror.offer(prediction) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await watched.until(lambda: watched.requests("compared") == 800)
    assert watched.total("shadow_rows_total") == 800 * 8


def test_only_the_same_features_and_classes_can_be_compared() -> None:
    default = make_predictor(1, "1")
    assert why_not_comparable(default, make_predictor(2, "2")) is None
    assert why_not_comparable(default, make_predictor(2, "2", n_features=2)) == (
        "its features are x0, x1; those of the default x0, x1, x2, x3"
    )
    assert why_not_comparable(default, make_predictor(2, "2", n_classes=2)) == (
        "its classes are class-0, class-1; those of the default class-0, class-1, class-2"
    )


async def test_a_shadow_whose_thread_cannot_start_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(make_predictor(2, "2"))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", refuse)
        await watched.predict(ROWS[:1])
        # The answer is given to observers at the end of the tick.
        await asyncio.sleep(0)
    await watched.predict(ROWS[:1])
    await watched.until(lambda: watched.requests("compared") == 2)
