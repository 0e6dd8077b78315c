"""The registry over real files: load, keep, swap, refuse and roll back."""

import asyncio
import gc
import logging
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from app.errors import ModelNotFound, ModelUnavailable, VersionNotFound
from app.monitor.metrics import Metrics
from app.predict.tabular_pipeline import TabularPipeline
from app.registry.folder import Repository
from app.registry.registry import Registry
from app.settings.version_policy import VersionPolicy
from stateserve.errors import CardMismatch, UnreadableCheckpoint
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.predictor import Predictor
from tests.checkpoints import save_model
from tests.process import HANG_SECONDS

ROWS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def make_registry(
    folder: Path,
    policy: str = "latest",
    metrics: Metrics | None = None,
    gate: Callable[[], object] = lambda: None,
) -> Registry:
    """A registry of `folder`, with all loaded; each later load calls `gate` in its thread."""
    metrics = metrics or Metrics()
    gates: list[Callable[[], object]] = []

    def build(predictor: Predictor) -> TabularPipeline:
        for each in gates:
            each()
        return TabularPipeline(predictor)

    repository = Repository(folder, "wine")
    registry = Registry(repository, build, metrics, VersionPolicy.parse(policy))
    registry.load_all()
    gates.append(gate)
    return registry


def save_versions(folder: Path, *versions: int) -> None:
    """The number of each version is the seed of its weights."""
    for version in versions:
        save_model(folder / f"wine/{version}/model.pth", seed=version)


def states(registry: Registry, name: str = "wine") -> dict[str, str]:
    return {each.version: each.state for each in registry.statuses(name)}


def default(registry: Registry, name: str = "wine") -> str:
    """The default version; `statuses`, `get` and `current` agree on it."""
    predictor = registry.current(name).predictor
    assert [each.version for each in registry.statuses(name) if each.default] == [predictor.version]
    assert registry.get(name, predictor.version) is registry.current(name)
    return predictor.version


def expected(seed: int) -> np.ndarray:
    torch.manual_seed(seed)
    with torch.inference_mode():
        return Multiclass().eval()(torch.from_numpy(ROWS)).exp().numpy()


async def ask(pipeline: TabularPipeline) -> np.ndarray:
    whole, start, end = await pipeline.predict(ROWS)
    return whole.probabilities[start:end]


async def test_each_version_answers_with_its_own_weights(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path, "all")
    for version in (1, 2):
        found = await ask(registry.get("wine", str(version)))
        np.testing.assert_allclose(found, expected(version), atol=1e-6)
    np.testing.assert_allclose(await ask(registry.current("wine")), expected(2), atol=1e-6)
    assert len(registry.served()) == 2


@pytest.mark.parametrize(
    ("policy", "ready"),
    [
        ("latest", ["10"]),
        ("latest:2", ["9", "10"]),
        ("all", ["1", "9", "10"]),
        ("1,9", ["1", "9"]),
        ("9,77", ["9"]),
    ],
)
def test_the_policy_selects_and_the_highest_is_the_default(
    tmp_path: Path, policy: str, ready: list[str]
) -> None:
    save_versions(tmp_path, 1, 9, 10)
    registry = make_registry(tmp_path, policy)
    assert [v for v, state in states(registry).items() if state == "READY"] == ready
    assert default(registry) == ready[-1]
    left = {each.version: each.reason for each in registry.statuses() if each.version not in ready}
    assert left == dict.fromkeys(
        sorted({"1", "9", "10"} - set(ready)), "not selected by the version policy"
    )


async def test_a_policy_may_select_nothing(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    registry = make_registry(tmp_path, "2,3")
    with pytest.raises(ModelUnavailable, match=r"no version of wine is loaded: not selected by"):
        registry.current("wine")
    with pytest.raises(ModelUnavailable, match="not selected by"):
        await registry.load("wine")
    await registry.load("wine", "1")
    assert default(registry) == "1"


def test_a_broken_highest_version_leaves_its_place_to_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_versions(tmp_path, 1, 2, 3)
    (tmp_path / "wine/3/model.pth").write_bytes(b"PK")
    registry = make_registry(tmp_path)
    assert states(registry) == {"1": "UNAVAILABLE", "2": "READY", "3": "UNAVAILABLE"}
    assert default(registry) == "2"
    reason = str(registry.statuses()[2].reason)
    assert reason.startswith("model.pth: a text, not a checkpoint")
    assert "refused version 3 of wine" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_broken_model_leaves_the_others_in_service(tmp_path: Path) -> None:
    save_model(tmp_path / "iris.pth")
    save_model(tmp_path / "wine.pth").with_suffix(".json").write_text("{}")
    save_model(tmp_path / "two words.pth")
    registry = make_registry(tmp_path)
    assert default(registry, "iris") == "1"
    assert [each.split(":")[0] for each in registry.not_served] == ["'two words.pth'"]
    with pytest.raises(ModelUnavailable, match=r"wine\.json: name: missing"):
        registry.current("wine")


def test_a_version_that_must_not_be_read_is_not(tmp_path: Path) -> None:
    save_model(tmp_path / "elsewhere/x.pth")
    (tmp_path / "models/wine").mkdir(parents=True)
    (tmp_path / "models/wine/1").symlink_to(tmp_path / "elsewhere")
    registry = make_registry(tmp_path / "models")
    with pytest.raises(ModelUnavailable, match="1: a symbolic link out of the models folder"):
        registry.current("wine")


def test_names_that_are_not_there_are_told_what_is(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2, 10)
    save_model(tmp_path / "iris.pth")
    registry = make_registry(tmp_path, "latest:2")
    with pytest.raises(ModelNotFound, match=r"no model 'wien'; did you mean wine\?"):
        registry.current("wien")
    with pytest.raises(ModelNotFound, match="no model 'zebra'; known: iris, wine"):
        registry.get("zebra", "1")
    with pytest.raises(VersionNotFound, match="no version '7' of wine; known: 2, 10"):
        registry.get("wine", "7")
    with pytest.raises(
        VersionNotFound, match=r"'1' of wine \(not selected by the version policy\)"
    ):
        registry.get("wine", "1")
    assert [each.name for each in registry.statuses()] == ["iris", "wine", "wine", "wine"]


def test_without_a_folder_there_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCheckpoint, match="nowhere"):
        make_registry(tmp_path / "nowhere")


async def test_a_new_version_replaces_the_default_once_it_is_loaded(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    begun, go_on = threading.Event(), threading.Event()

    def gate() -> None:
        begun.set()
        assert go_on.wait(HANG_SECONDS)

    registry = make_registry(tmp_path, gate=gate)
    save_versions(tmp_path, 2)
    loading = asyncio.create_task(registry.load("wine"))
    assert await asyncio.to_thread(begun.wait, HANG_SECONDS)
    assert states(registry) == {"1": "READY", "2": "LOADING"}
    assert default(registry) == "1"
    with pytest.raises(VersionNotFound, match=r"'2' of wine \(it is being loaded\); known: 1"):
        registry.get("wine", "2")
    # The event loop answers while a thread loads.
    np.testing.assert_allclose(await ask(registry.current("wine")), expected(1), atol=1e-6)
    go_on.set()
    await loading
    assert default(registry) == "2"
    assert states(registry) == {"1": "UNAVAILABLE", "2": "READY"}


async def test_loads_of_one_model_go_one_at_a_time_and_of_two_together(tmp_path: Path) -> None:
    save_model(tmp_path / "iris.pth")
    save_versions(tmp_path, 1)
    meeting = threading.Barrier(2)
    together = make_registry(tmp_path, gate=lambda: meeting.wait(HANG_SECONDS))
    await asyncio.gather(together.load("iris"), together.load("wine"))

    busy = threading.Lock()

    def gate() -> None:
        assert busy.acquire(blocking=False)
        time.sleep(0.01)
        busy.release()

    alone = make_registry(tmp_path, gate=gate)
    save_versions(tmp_path, 1)
    loads = [alone.load("wine"), alone.refresh(), alone.load("wine", "1")]
    await asyncio.gather(*loads, alone.load("wine"))
    assert alone.statuses("wine")[0].reason is None


async def test_a_failed_load_leaves_the_old_one_in_service_and_says_so(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    metrics = Metrics()
    registry = make_registry(tmp_path, metrics=metrics)
    before = registry.current("wine")
    # The new checkpoint with the old card, as between two renames.
    torch.save(Multiclass().state_dict(), tmp_path / "wine/1/model.pth")
    for _ in range(2):
        with pytest.raises(CardMismatch, match=r"the card is of state \w{12}, but model\.pth"):
            await registry.load("wine")
    assert registry.current("wine") is before
    [status] = registry.statuses()
    assert (status.state, status.default) == ("READY", True)
    assert "the card is of state" in str(status.reason)
    text = metrics.render().decode()
    assert 'model_reloads_total{model="wine",result="loaded"} 1.0' in text
    assert 'model_reloads_total{model="wine",result="refused"} 2.0' in text
    assert 'model_default_version{model="wine"} 1.0' in text
    save_versions(tmp_path, 1)
    await registry.load("wine")
    assert registry.statuses()[0].reason is None
    assert registry.current("wine") is not before


async def test_a_fault_of_our_own_is_logged_and_leaves_the_old_one_in_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def gate() -> None:
        raise ZeroDivisionError("a secret")

    save_versions(tmp_path, 1)
    registry = make_registry(tmp_path, gate=gate)
    with pytest.raises(ZeroDivisionError):
        await registry.load("wine")
    assert default(registry) == "1"
    reason = registry.statuses()[0].reason
    assert reason == "an unexpected ZeroDivisionError; it is in the log"
    assert "Traceback" in caplog.text


async def test_a_caller_that_leaves_while_loading_breaks_nothing(tmp_path: Path) -> None:
    go_on = threading.Event()
    save_versions(tmp_path, 1)
    registry = make_registry(tmp_path, gate=lambda: go_on.wait(HANG_SECONDS))
    save_versions(tmp_path, 2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(registry.load("wine"), 0.2)
    assert states(registry) == {"1": "READY", "2": "UNAVAILABLE"}
    go_on.set()
    await registry.load("wine")
    assert default(registry) == "2"


async def test_what_is_not_on_disk_cannot_be_loaded(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    registry = make_registry(tmp_path)
    with pytest.raises(ModelNotFound, match="no model 'iris'; known: wine"):
        await registry.load("iris")
    with pytest.raises(VersionNotFound, match="no version '2' of wine; known: 1"):
        await registry.load("wine", "2")
    with pytest.raises(VersionNotFound, match="no version '2' of wine; known: 1"):
        await registry.set_default("wine", "2")
    assert default(registry) == "1"


async def test_a_model_that_is_new_on_disk_can_be_loaded_by_name(tmp_path: Path) -> None:
    registry = make_registry(tmp_path)
    with pytest.raises(ModelNotFound, match="known: none"):
        registry.current("wine")
    save_versions(tmp_path, 3)
    await registry.load("wine")
    assert default(registry) == "3"
    save_versions(tmp_path, 4)
    await registry.load("wine", "4")
    assert default(registry) == "4"


async def test_a_version_loaded_by_name_stays_whatever_the_policy(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path)
    await registry.load("wine", "1")
    assert default(registry) == "2"
    save_versions(tmp_path, 3)
    await registry.refresh()
    assert states(registry) == {"1": "READY", "2": "UNAVAILABLE", "3": "READY"}
    assert default(registry) == "3"


async def test_a_rollback_holds_until_a_newer_version_comes(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2)
    metrics = Metrics()
    registry = make_registry(tmp_path, metrics=metrics)
    await registry.set_default("wine", "1")
    assert default(registry) == "1"
    assert 'model_default_version{model="wine"} 1.0' in metrics.render().decode()
    # Neither a change or load of the bad version nor a refresh ends it.
    save_versions(tmp_path, 2)
    await registry.refresh()
    await registry.load("wine")
    assert default(registry) == "1"
    assert states(registry) == {"1": "READY", "2": "READY"}
    save_versions(tmp_path, 3)
    await registry.refresh()
    assert default(registry) == "3"
    assert states(registry) == {"1": "UNAVAILABLE", "2": "UNAVAILABLE", "3": "READY"}


async def test_a_version_that_is_held_can_be_rolled_back_to_without_its_file(
    tmp_path: Path,
) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path, "all")
    shutil.rmtree(tmp_path / "wine/1")
    await registry.set_default("wine", "1")
    assert default(registry) == "1"


async def test_a_rollback_to_a_broken_version_changes_nothing(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2)
    (tmp_path / "wine/1/model.pth").write_bytes(b"")
    registry = make_registry(tmp_path)
    with pytest.raises(UnreadableCheckpoint):
        await registry.set_default("wine", "1")
    assert default(registry) == "2"


async def test_unloading_the_default_passes_it_on_and_loading_brings_it_back(
    tmp_path: Path,
) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path, "all")
    await registry.unload("wine", "2")
    assert default(registry) == "1"
    assert states(registry) == {"1": "READY", "2": "UNAVAILABLE"}
    await registry.refresh()
    assert default(registry) == "1"
    await registry.load("wine", "2")
    assert default(registry) == "2"


async def test_an_unloaded_model_stays_so_until_it_is_loaded(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path)
    await registry.unload("wine")
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="no version of wine is loaded: unloaded"):
            registry.current("wine")
        save_versions(tmp_path, 1, 2)
        await registry.refresh()
    assert registry.served() == []
    await registry.load("wine")
    assert default(registry) == "2"
    with pytest.raises(ModelNotFound):
        await registry.unload("iris")
    with pytest.raises(VersionNotFound, match="no version '7' of wine; known: 1, 2"):
        await registry.unload("wine", "7")


async def test_nothing_takes_the_place_of_an_unloaded_version_unasked(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path)
    await registry.unload("wine", "2")
    await registry.refresh()
    assert states(registry) == {"1": "UNAVAILABLE", "2": "UNAVAILABLE"}
    await registry.set_default("wine", "2")
    save_model(tmp_path / "wine/2/model.pth", seed=7)
    await registry.refresh()
    np.testing.assert_allclose(await ask(registry.current("wine")), expected(7), atol=1e-6)


async def test_deleting_the_newest_version_brings_back_the_one_before(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    registry = make_registry(tmp_path)
    save_versions(tmp_path, 2)
    await registry.refresh()
    assert states(registry) == {"1": "UNAVAILABLE", "2": "READY"}
    shutil.rmtree(tmp_path / "wine/2")
    await registry.refresh()
    assert default(registry) == "1"


async def test_unloading_what_was_rolled_back_to_ends_the_rollback(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2, 3)
    registry = make_registry(tmp_path, "all")
    await registry.set_default("wine", "1")
    await registry.unload("wine", "1")
    assert default(registry) == "3"
    await registry.load("wine", "1")
    assert default(registry) == "3"


async def test_a_look_at_the_disk_loads_what_changed_and_that_alone(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    save_model(tmp_path / "iris.pth")
    (tmp_path / "broken.pth").touch()
    metrics = Metrics()
    registry = make_registry(tmp_path, metrics=metrics)
    iris, wine = registry.current("iris"), registry.current("wine")
    await registry.refresh()
    assert (registry.current("iris"), registry.current("wine")) == (iris, wine)
    save_model(tmp_path / "iris.pth", seed=5)
    await registry.refresh()
    np.testing.assert_allclose(await ask(registry.current("iris")), expected(5), atol=1e-6)
    assert registry.current("wine") is wine
    text = metrics.render().decode()
    assert 'model_reloads_total{model="broken",result="refused"} 1.0' in text


async def test_what_vanished_serves_on_until_something_takes_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path)
    shutil.rmtree(tmp_path / "wine/2")
    (tmp_path / "wine/1/model.pth").rename(tmp_path / "wine/1/model.bak")
    await registry.refresh()
    assert default(registry) == "2"
    assert states(registry) == {"2": "READY"}
    (tmp_path / "wine/1/model.bak").rename(tmp_path / "wine/1/model.pth")
    await registry.refresh()
    assert default(registry) == "1"
    shutil.rmtree(tmp_path / "wine")
    await registry.refresh()
    assert default(registry) == "1"
    await registry.unload("wine")
    await registry.refresh()
    with pytest.raises(ModelNotFound):
        registry.statuses("wine")
    tmp_path.rename(tmp_path.with_name("away"))
    with caplog.at_level(logging.WARNING):
        await registry.refresh()
        await registry.refresh()
    assert caplog.text.count("No such file or directory") == 1


async def test_a_request_ends_on_the_version_that_it_began_on(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    registry = make_registry(tmp_path)
    taken = registry.current("wine")
    waiting = [asyncio.create_task(taken.predict(ROWS)) for _ in range(2)]
    save_versions(tmp_path, 2)
    await registry.load("wine")
    for whole, start, end in await asyncio.gather(*waiting):
        np.testing.assert_allclose(whole.probabilities[start:end], expected(1), atol=1e-6)
    np.testing.assert_allclose(await ask(taken), expected(1), atol=1e-6)


async def test_a_replaced_version_is_freed_with_its_last_user(tmp_path: Path) -> None:
    save_versions(tmp_path, 1)
    registry = make_registry(tmp_path)
    taken = registry.current("wine")
    old = weakref.ref(taken)
    weights = weakref.ref(taken.predictor.module.hidden.weight)
    await ask(taken)
    # As after gc.freeze(): the collector visits no object.
    gc.disable()
    try:
        save_versions(tmp_path, 2)
        await registry.load("wine")
        assert old() is not None
        del taken
        assert old() is None
        assert weights() is None
    finally:
        gc.enable()


async def test_a_hundred_reloads_lose_no_request_and_mix_no_versions(tmp_path: Path) -> None:
    save_versions(tmp_path, 1, 2)
    registry = make_registry(tmp_path)
    answers = {str(seed): expected(seed) for seed in (1, 2)}
    seen: list[str] = []
    done = asyncio.Event()

    async def client() -> None:
        while not done.is_set():
            pipeline = registry.current("wine")
            found = await ask(pipeline)
            version = pipeline.predictor.version
            np.testing.assert_allclose(found, answers[version], atol=1e-6)
            seen.append(version)
            await asyncio.sleep(0.001)

    clients = [asyncio.create_task(client()) for _ in range(4)]
    for reload in range(100):
        version = str(1 + reload % 2)
        await registry.load("wine", version)
        await registry.set_default("wine", version)
        assert default(registry) == version
    done.set()
    await asyncio.gather(*clients)
    assert len(seen) >= 100
    assert set(seen) == {"1", "2"}
