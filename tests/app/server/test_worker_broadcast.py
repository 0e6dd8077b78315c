"""Several registries in step, as in workers: real files and pipes, in one process."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.errors import ModelNotFound, NotReady, OutOfStep, VersionNotFound
from app.monitor.metrics import Metrics
from app.registry.folder import Repository
from app.registry.registry import Registry
from app.server.worker_broadcast import Broadcast
from app.server.worker_plans import SharedPlans, make_wakeups
from app.settings.version_policy import VersionPolicy
from stateserve.errors import CardMismatch, StateserveError
from stateserve.model.predictor import Predictor
from tests.checkpoints import save_model


class Worker:
    def __init__(self, folder: Path, slot: int, wakeups: list, patience: float = 20) -> None:
        policy = VersionPolicy.parse("latest:2")
        repository = Repository(folder / "models", "wine")
        build: Callable[[Predictor], str] = lambda predictor: predictor.state_sha256  # noqa: E731
        self.registry = Registry(repository, build, Metrics(), policy)
        self.registry.load_all()
        self.plans = SharedPlans(folder, slot, wakeups, patience)
        self.verbs = Broadcast(self.registry, self.plans)

    def serves(self) -> tuple[object, ...]:
        """The state of every version, and the hash of each served one."""
        statuses = self.registry.statuses("wine")
        ready = [each.version for each in statuses if each.state == "READY"]
        return (*statuses, *(self.registry.get("wine", version) for version in ready))

    def default(self) -> str:
        return next(each.version for each in self.registry.statuses("wine") if each.default)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for version in (1, 2, 3):
        save_model(tmp_path / f"models/wine/{version}/model.pth", seed=version)
    return tmp_path


@asynccontextmanager
async def workers(folder: Path, number: int = 3) -> AsyncIterator[list[Worker]]:
    wakeups = make_wakeups(number)
    started = [Worker(folder, slot, wakeups) for slot in range(number)]
    for worker in started:
        await worker.verbs.begin()
    yield started


def require_the_same(started: list[Worker]) -> None:
    for worker in started[1:]:
        assert worker.serves() == started[0].serves()


async def test_after_each_verb_all_serve_the_same(folder: Path) -> None:
    async with workers(folder) as started:
        first, second, third = started
        await first.verbs.set_default("wine", "1")
        require_the_same(started)
        assert third.default() == "1"
        await second.verbs.unload("wine", "3")
        require_the_same(started)
        save_model(folder / "models/wine/2/model.pth", seed=7)
        await third.verbs.load("wine")
        require_the_same(started)
        assert (
            third.registry.get("wine", "2")
            == Predictor.load(folder / "models/wine/2/model.pth").state_sha256
        )
        await first.verbs.unload("wine", "1")
        require_the_same(started)
        # The newest remaining version.
        assert third.default() == "3"


async def test_a_verb_that_fails_leaves_all_as_they_were(folder: Path) -> None:
    async with workers(folder) as started:
        before = started[1].serves()
        with pytest.raises(VersionNotFound):
            await started[0].verbs.set_default("wine", "9")
        assert started[1].serves() == before
        shutil.copy(folder / "models/wine/1/model.pth", folder / "models/wine/3/model.pth")
        with pytest.raises(CardMismatch):
            await started[0].verbs.load("wine")
        # The old state stays in service, and all report why.
        require_the_same(started)
        assert "3" in [each.version for each in started[2].registry.statuses("wine") if each.reason]
        assert started[1].default() == "3"


async def test_a_verb_on_no_model_tells_the_others_nothing(folder: Path) -> None:
    async with workers(folder) as started:
        with pytest.raises(ModelNotFound, match=r"no model 'wein'; did you mean wine\?"):
            await started[0].verbs.unload("wein")
        assert not (folder / "published.json").exists()


async def test_one_that_comes_later_catches_up_with_all_models(folder: Path) -> None:
    save_model(folder / "models/other/1/model.pth", seed=5)
    wakeups = make_wakeups(2)
    first, late = (Worker(folder, slot, wakeups) for slot in range(2))
    await first.verbs.begin()
    verbs = [
        asyncio.create_task(first.verbs.unload("other")),
        asyncio.create_task(first.verbs.set_default("wine", "1")),
    ]
    await asyncio.sleep(0.1)
    # They wait for the other slot.
    assert not any(verb.done() for verb in verbs)
    await late.verbs.begin()
    await asyncio.gather(*verbs)
    require_the_same([first, late])
    assert late.default() == "1"
    again = Worker(folder, 1, wakeups)
    await again.verbs.begin()
    require_the_same([first, again])
    assert {each.reason for each in again.registry.statuses("other")} == {"unloaded"}


async def test_verbs_of_all_workers_take_turns(folder: Path) -> None:
    async with workers(folder) as started:
        await asyncio.gather(
            *(
                worker.verbs.set_default("wine", version)
                for worker in started
                for version in ("1", "2", "3")
            ),
            started[1].verbs.unload("wine", "2"),
        )
        require_the_same(started)


async def test_what_does_not_follow_is_named(folder: Path) -> None:
    wakeups = make_wakeups(2)
    first, silent = (Worker(folder, slot, wakeups, patience=0.1) for slot in range(2))
    await first.verbs.begin()
    with pytest.raises(OutOfStep, match=r"worker-1 has not followed in 0.1 s"):
        await first.verbs.set_default("wine", "1")
    # The worker follows later.
    await silent.verbs.begin()
    assert silent.default() == "1"


async def published(folder: Path) -> None:
    """Wait until a worker has told the others what to serve."""
    while not (folder / "published.json").exists():
        await asyncio.sleep(0.01)


async def test_a_file_that_changes_between_is_noticed(folder: Path) -> None:
    wakeups = make_wakeups(2)
    first, late = (Worker(folder, slot, wakeups) for slot in range(2))
    await first.verbs.begin()
    verb = asyncio.create_task(first.verbs.load("wine", "1"))
    await published(folder)
    save_model(folder / "models/wine/1/model.pth", seed=9)
    await late.verbs.begin()
    with pytest.raises(
        OutOfStep,
        match="worker-1 serves something else: version 1 of wine is gone, refused or changed",
    ):
        await verb
    await first.verbs.load("wine", "1")
    require_the_same([first, late])


async def test_a_turn_that_does_not_come_is_told(folder: Path) -> None:
    wakeups = make_wakeups(2)
    first, second = (
        Worker(folder, slot, wakeups, patience=wait) for slot, wait in ((0, 20), (1, 0))
    )
    await first.verbs.begin()
    waiting = asyncio.create_task(first.verbs.set_default("wine", "1"))
    await published(folder)
    with pytest.raises(StateserveError, match="another worker is busy with an admin verb"):
        await second.verbs.set_default("wine", "2")
    await second.verbs.begin()
    await waiting
    assert second.default() == "1"


async def test_no_verb_waits_for_others_when_the_service_stops(folder: Path) -> None:
    wakeups = make_wakeups(2)
    first, _ended = (Worker(folder, slot, wakeups) for slot in range(2))
    await first.verbs.begin()
    waiting = asyncio.create_task(first.verbs.set_default("wine", "1"))
    await published(folder)
    queued = asyncio.create_task(first.verbs.set_default("wine", "2"))
    await asyncio.sleep(0)
    first.plans.ending = True
    with pytest.raises(OutOfStep, match="worker-1 has not followed: the service is about to stop"):
        await waiting
    with pytest.raises(NotReady, match="the service is about to stop; nothing was changed"):
        await queued
    assert first.default() == "1"
