"""Hot reload over a real folder: new files are served without a request to load them."""

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from app.monitor.metrics import Metrics
from app.registry.folder import Repository
from app.registry.hot_reload import watch
from app.registry.registry import Registry
from app.settings.settings import Settings
from stateserve.errors import StateserveError
from stateserve.model.cards.card_location import card_path
from stateserve.model.predictor import Predictor
from tests.checkpoints import save_model

# So long that only an event of the file system can cause a reload.
NEVER = 3600.0


@asynccontextmanager
async def watched(repository: Repository, period: float = NEVER) -> AsyncIterator[Registry]:
    """A registry that serves the hash of each state, with a watch of its folder."""
    registry = Registry(repository, lambda predictor: predictor.state_sha256, Metrics())
    registry.load_all()
    task = asyncio.create_task(watch(registry, period))
    # The watch begins in the task's first step; a change before it would wait for the period.
    await asyncio.sleep(0)
    try:
        yield registry
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def serves(registry: Registry, name: str, path: Path) -> Callable[[], bool]:
    expected = Predictor.load(path).state_sha256

    def holds() -> bool:
        with suppress(StateserveError):
            return registry.current(name) == expected
        return False

    return holds


async def test_new_versions_new_models_and_replaced_files_are_served(tmp_path: Path) -> None:
    save_model(tmp_path / "wine/1/model.pth", seed=1)
    async with watched(Repository(tmp_path, "wine")) as registry:
        path = save_model(tmp_path / "wine/2/model.pth", seed=2)
        await until(serves(registry, "wine", path))
        save_model(path, seed=3)
        await until(serves(registry, "wine", path))
        path = save_model(tmp_path / "iris.safetensors", seed=4)
        await until(serves(registry, "iris", path))
        assert [(each.name, each.version) for each in registry.statuses() if each.default] == [
            ("iris", "1"),
            ("wine", "2"),
        ]


async def test_a_model_served_alone_is_watched_alone_and_its_replacement_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_model(tmp_path / "wine.pth", seed=1)
    async with watched(Repository.of(Settings(model=path))) as registry:
        save_model(tmp_path / "other.pth", seed=2)
        old = registry.get("wine", "1")
        with caplog.at_level(logging.INFO, "app.registry"):
            save_model(path, seed=3)
            await until(serves(registry, "wine", path))
        states = f"state {registry.get('wine', '1')[:12]} in place of {old[:12]}"
        assert f"loaded version 1 of wine from {path}: {states}" in caplog.messages
        assert [each.name for each in registry.statuses()] == ["wine"]


async def test_a_change_writes_no_line_that_would_be_a_change_of_the_folder_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with watched(Repository(tmp_path, "a")) as registry:
            path = save_model(tmp_path / "a.pth", seed=1)
            await until(serves(registry, "a", path))
    assert {record.name for record in caplog.records} == {"app.registry"}


async def test_half_a_replacement_is_refused_and_the_whole_is_served(tmp_path: Path) -> None:
    path = save_model(tmp_path / "wine.pth", seed=1)
    new = save_model(tmp_path / "elsewhere/new.pth", seed=2)
    async with watched(Repository(tmp_path, "wine")) as registry:
        old = registry.current("wine")
        shutil.copy(new, path)
        await until(lambda: registry.statuses("wine")[0].reason is not None)
        assert registry.current("wine") == old
        assert registry.statuses("wine")[0].state == "READY"
        shutil.copy(card_path(new), card_path(path))
        await until(serves(registry, "wine", new))
        assert registry.statuses("wine")[0].reason is None


async def test_a_card_that_is_gone_for_a_while_changes_no_names(tmp_path: Path) -> None:
    path = save_model(tmp_path / "wine.pth", seed=1)
    new = save_model(tmp_path / "elsewhere/new.pth", seed=2)
    async with watched(Repository(tmp_path, "wine")) as registry:
        old = registry.current("wine")
        card_path(path).unlink()
        await until(lambda: "its model card is gone" in (registry.statuses("wine")[0].reason or ""))
        assert registry.current("wine") == old
        shutil.copy(new, path)
        shutil.copy(card_path(new), card_path(path))
        await until(serves(registry, "wine", new))


async def test_a_file_written_slowly_in_place_is_served_once_it_is_whole(tmp_path: Path) -> None:
    path = save_model(tmp_path / "wine.pth", seed=1)
    new = save_model(tmp_path / "elsewhere/new.pth", seed=2)
    async with watched(Repository(tmp_path, "wine")) as registry:
        old = registry.current("wine")
        shutil.copy(card_path(new), card_path(path))
        content = new.read_bytes()
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(content), 1 + len(content) // 4):
                file.write(content[start : start + 1 + len(content) // 4])
                await asyncio.sleep(0.3)
                assert registry.current("wine") in {old, Predictor.load(new).state_sha256}
        await until(serves(registry, "wine", new))


async def test_without_events_the_folder_is_looked_at_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "models"
    path = save_model(folder / "wine.pth")
    registry = Registry(Repository(folder, "wine"), lambda p: p.state_sha256, Metrics())
    registry.load_all()
    shutil.rmtree(folder)
    with caplog.at_level(logging.WARNING, "app.hot_reload"):
        task = asyncio.create_task(watch(registry, period=0.05))
        await until(lambda: "looking every 0.05 s instead" in caplog.text)
    save_model(path, seed=2)
    await until(serves(registry, "wine", path))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_change_that_no_event_told_of_is_noticed_all_the_same(tmp_path: Path) -> None:
    # The same files under two names: a write by the other name causes no event.
    other = save_model(tmp_path / "elsewhere/wine.pth", seed=1)
    path = tmp_path / "models/wine.pth"
    path.parent.mkdir()
    path.hardlink_to(other)
    card_path(path).hardlink_to(card_path(other))
    new = save_model(tmp_path / "elsewhere/new.pth", seed=2)
    async with watched(Repository(path.parent, "wine"), period=0.2) as registry:
        other.write_bytes(new.read_bytes())
        card_path(other).write_bytes(card_path(new).read_bytes())
        await until(serves(registry, "wine", new))


class ShortOfThreads(Registry):
    """Its first refresh fails, as on a system without free threads."""

    failed = False

    async def refresh(self) -> None:
        if not self.failed:
            self.failed = True
            raise RuntimeError("can't start new thread")
        await super().refresh()


async def test_a_look_that_fails_is_not_the_last(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_model(tmp_path / "wine.pth")
    registry = ShortOfThreads(Repository(tmp_path, "wine"), lambda p: p.state_sha256, Metrics())
    registry.load_all()
    task = asyncio.create_task(watch(registry, period=0.2))
    await until(lambda: "cannot look for changes now" in caplog.text)
    save_model(path, seed=2)
    await until(serves(registry, "wine", path))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
