"""A change does not cost time for each of many models."""

import gc
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from app.api.app import create_app
from app.api.service import Service
from app.monitor.metrics import Metrics
from app.predict.tabular_pipeline import TabularPipeline
from app.registry.folder import Repository
from app.registry.registry import Registry
from app.settings.settings import Settings
from app.settings.version_policy import VersionPolicy
from stateserve.model.cards.card_location import card_path
from tests.checkpoints import save_model

pytestmark = pytest.mark.anyio
MODELS = 12


async def test_a_change_of_one_model_is_work_for_that_model_alone(tmp_path: Path) -> None:
    published: Counter[str] = Counter()

    def rollout(
        default: TabularPipeline,
        ready: Mapping[str, TabularPipeline],
        before: TabularPipeline | None,
    ) -> TabularPipeline:
        published[default.predictor.name] += 1
        return default

    metrics = Metrics()
    for index in range(MODELS):
        save_model(tmp_path / f"m{index}/1/model.pth", seed=index)
    registry = Registry(
        Repository(tmp_path, "m0"),
        TabularPipeline,
        metrics,
        VersionPolicy.parse("all"),
        rollout=rollout,
    )
    registry.load_all()
    assert published == dict.fromkeys((f"m{index}" for index in range(MODELS)), 1)
    published.clear()
    await registry.refresh()
    assert published == {}
    save_model(tmp_path / "m7/2/model.pth", seed=1)
    await registry.refresh()
    assert set(published) == {"m7"}
    await registry.unload("m3")
    await registry.load("m4", "1")
    published.clear()
    # Only the models that verbs changed are compared again.
    await registry.refresh()
    assert set(published) <= {"m3", "m4"}
    assert {each.name for each in registry.statuses() if each.state != "READY"} == {"m3"}
    assert len(registry.served()) == MODELS


async def test_names_follow_the_card_that_appears_and_stay_when_it_goes(tmp_path: Path) -> None:
    path = save_model(tmp_path / "made.pth")
    card = card_path(path).read_bytes()
    card_path(path).unlink()
    metrics = Metrics()
    registry = Registry(Repository(tmp_path, "made"), TabularPipeline, metrics)
    registry.load_all()

    def name() -> str:
        return registry.current("made").predictor.card.features[0].name

    assert name() == "feature_0"
    card_path(path).write_bytes(card)
    await registry.refresh()
    assert name() == "x0"
    card_path(path).write_text("{}")
    await registry.refresh()
    # Broken: the old version stays in service, and never with neutral names.
    assert name() == "x0"
    assert "missing" in str(registry.statuses("made")[0].reason)
    card_path(path).unlink()
    await registry.refresh()
    assert name() == "x0"
    assert "its model card is gone" in str(registry.statuses("made")[0].reason)
    await registry.unload("made")
    await registry.load("made")
    assert name() == "feature_0"


async def test_the_garbage_collector_does_not_look_at_what_was_loaded(tmp_path: Path) -> None:
    for version in range(MODELS):
        save_model(tmp_path / f"made/{version + 1}/model.pth")
    metrics = Metrics()
    registry = Registry(
        Repository(tmp_path, "made"),
        TabularPipeline,
        metrics,
        VersionPolicy.parse("all"),
    )
    await registry.refresh()
    assert len(registry.served()) == MODELS
    seen = set(map(id, gc.get_objects()))
    assert not [each for each in registry.served() if id(each.predictor) in seen]


def calls_of(work: Callable[[], object]) -> int:
    """The number of function calls, C functions included."""
    calls = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize(
    "ask",
    [
        Service.statistics,
        lambda service: service.metrics.render(),
        lambda service: service.registry.index(ready=False),
    ],
    ids=["statistics", "metrics", "index"],
)
def test_what_is_told_of_each_version_takes_as_many_calls_however_many_there_are(
    tmp_path: Path, ask: Callable[[Service], object]
) -> None:
    calls = []
    for number in (4, 8, 16):
        folder = tmp_path / str(number)
        for version in range(number):
            save_model(folder / f"made/{version + 1}/model.pth")
        app = create_app(Settings(models=folder, model=Path("made.pth"), version_policy="all"))
        service = app.state.service
        for endpoint in service.registry.served():
            list(endpoint.pipeline.predict_chunks(np.zeros((1, 4), np.float32)))
        ask(service)
        calls.append(calls_of(partial(ask, service)))
        assert len(service.statistics().model_stats) == number
    few, some, many = calls
    assert many - some == pytest.approx(2 * (some - few), rel=0.2), calls
