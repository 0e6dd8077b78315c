"""Admin verbs in every worker process: one does it, publishes what it serves, all follow."""

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from app.atomic import write_atomically
from app.errors import OutOfStep
from app.registry import Registry
from app.versions import Plan

logger = logging.getLogger("app.broadcast")
LOOK_SECONDS = 0.005
Bell = tuple[int, int]
Document = TypeVar("Document")


class Verbs(Protocol):
    """What changes which versions are served: of one registry, or of every worker's."""

    async def load(self, name: str, version: str | None = None) -> None: ...

    async def unload(self, name: str, version: str | None = None) -> None: ...

    async def set_default(self, name: str, version: str) -> None: ...


class Numbered(msgspec.Struct):
    number: int
    plan: Plan


class Published(msgspec.Struct):
    """The last plan of each model that a verb changed; numbers count the verbs."""

    number: int = 0
    plans: dict[str, Numbered] = {}


class Followed(msgspec.Struct):
    """How far one worker has come; `trouble` is what keeps it from serving the same."""

    number: int = -1
    trouble: str | None = None


def make_bells(workers: int) -> list[Bell]:
    """A pipe for each worker, made before they fork: whoever writes to it has it look."""
    bells = [os.pipe() for _ in range(workers)]
    for end in sum(bells, ()):
        os.set_blocking(end, False)
    return bells


class Broadcast:
    """One worker's registry in step with the others', by files in the `directory` of all.

    Verbs of all workers take turns. A plan, not a verb, is what the others follow: so one that
    takes a dead worker's slot needs the last of them alone, and following twice does no harm.
    """

    def __init__(
        self,
        registry: Registry[Any],
        directory: Path,
        slot: int,
        bells: list[Bell],
        patience: float = 30,
    ) -> None:
        self._registry = registry
        self._slot = slot
        self._bells = bells
        self._patience = patience
        self._published = directory / "published.json"
        self._turns = directory / "turns.lock"
        self._acks = [directory / f"followed-{slot}.json" for slot in range(len(bells))]
        self._followed: dict[str, int] = {}
        self._following = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Catch up with the other workers, and follow them from now on."""
        asyncio.get_running_loop().add_reader(self._bells[self._slot][0], self._hear)
        await self._follow()

    async def load(self, name: str, version: str | None = None) -> None:
        """As the registry's, in every worker. Raises OutOfStep if one does not follow."""
        await self._everywhere(name, partial(self._registry.load, name, version))

    async def unload(self, name: str, version: str | None = None) -> None:
        """As the registry's, in every worker. Raises OutOfStep if one does not follow."""
        await self._everywhere(name, partial(self._registry.unload, name, version))

    async def set_default(self, name: str, version: str) -> None:
        """As the registry's, in every worker. Raises OutOfStep if one does not follow."""
        await self._everywhere(name, partial(self._registry.set_default, name, version))

    async def _everywhere(self, name: str, verb: Callable[[], Awaitable[None]]) -> None:
        async with self._turn():
            await self._follow()
            try:
                await verb()
            finally:
                # After an error, too: of several versions some may have been loaded.
                if plan := self._registry.plan(name):
                    await self._wait_for_others(self._publish(name, plan))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        deadline = time.monotonic() + self._patience
        # The kernel takes the lock from a worker that dies.
        with self._turns.open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise OutOfStep("another worker is busy with an admin verb") from None
                    await asyncio.sleep(LOOK_SECONDS)
            yield

    def _publish(self, name: str, plan: Plan) -> int:
        published = _read(self._published, Published)
        published.number += 1
        published.plans[name] = Numbered(published.number, plan)
        _write(self._published, published)
        self._followed[name] = published.number
        _write(self._acks[self._slot], Followed(published.number))
        for _, end in self._bells:
            # A full pipe has been rung often enough.
            with suppress(BlockingIOError):
                os.write(end, b".")
        return published.number

    async def _wait_for_others(self, number: int) -> None:
        deadline = time.monotonic() + self._patience
        for slot, path in enumerate(self._acks):
            while (followed := _read(path, Followed)).number < number:
                if time.monotonic() > deadline:
                    raise OutOfStep(f"worker-{slot} has not followed in {self._patience:g} s")
                await asyncio.sleep(LOOK_SECONDS)
            if followed.trouble:
                raise OutOfStep(f"worker-{slot} serves something else: {followed.trouble}")

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._bells[self._slot][0], 65536)
        task = asyncio.create_task(self._follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self) -> None:
        async with self._following:
            published = _read(self._published, Published)
            trouble = None
            for name, numbered in published.plans.items():
                if numbered.number > self._followed.get(name, 0):
                    trouble = await self._registry.follow(name, numbered.plan) or trouble
                    self._followed[name] = numbered.number
            if trouble:
                logger.error("not in step with the other workers: %s", trouble)
            if published.number > _read(self._acks[self._slot], Followed).number:
                _write(self._acks[self._slot], Followed(published.number, trouble))


def _read(path: Path, kind: type[Document]) -> Document:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return kind()


def _write(path: Path, document: msgspec.Struct) -> None:
    write_atomically({path: msgspec.json.encode(document)})
