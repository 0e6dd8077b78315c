"""The plans that worker processes share, by files, a lock and pipes."""

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec

from app.errors import NotReady, OutOfStep
from app.registry import Plan
from stateserve.checkpoint import write_atomically

logger = logging.getLogger("app.broadcast")
LOOK_SECONDS = 0.005
Wakeup = tuple[int, int]
Document = TypeVar("Document")


class Numbered(msgspec.Struct):
    number: int
    plan: Plan


class Published(msgspec.Struct):
    """The last plan of each model that a verb changed; numbers count the verbs."""

    number: int = 0
    plans: dict[str, Numbered] = {}


class Followed(msgspec.Struct):
    """The last plan that one worker follows; `trouble` says why it does not serve the same."""

    number: int = -1
    trouble: str | None = None


def make_wakeups(workers: int) -> list[Wakeup]:
    """A pipe for each worker, made before the fork: a write to it wakes the worker up."""
    wakeups = [os.pipe() for _ in range(workers)]
    for end in sum(wakeups, ()):
        os.set_blocking(end, False)
    return wakeups


class SharedPlans:
    """One worker's view of the shared `directory`; waits at most `patience` seconds for others."""

    def __init__(
        self, directory: Path, slot: int, wakeups: list[Wakeup], patience: float = 30
    ) -> None:
        self._slot = slot
        self._wakeups = wakeups
        self._patience = patience
        self._published = directory / "published.json"
        self._turns = directory / "turns.lock"
        self._followed = [directory / f"followed-{slot}.json" for slot in range(len(wakeups))]
        # Set when this worker drains: the others do so, too, and may end before they follow.
        self.ending = False

    @property
    def wakeup(self) -> int:
        """The file descriptor that is readable when another worker has published."""
        return self._wakeups[self._slot][0]

    def clear_wakeup(self) -> None:
        with suppress(BlockingIOError):
            os.read(self.wakeup, 65536)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the lock of all workers. Raises OutOfStep if another holds it too long, and
        NotReady if this worker drains."""
        deadline = time.monotonic() + self._patience
        # The kernel takes the lock from a worker that dies.
        with _open(self._turns) as file:
            while True:
                if self.ending:
                    raise NotReady("draining: the service is about to stop; nothing was changed")
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise OutOfStep("another worker is busy with an admin verb") from None
                    await asyncio.sleep(LOOK_SECONDS)
            yield

    def read(self) -> Published:
        return _read(self._published, Published)

    def publish(self, name: str, plan: Plan) -> int:
        """Publish a model's plan; returns its number. The caller holds `turn`."""
        published = self.read()
        published.number += 1
        published.plans[name] = Numbered(published.number, plan)
        _write(self._published, published)
        for _, end in self._wakeups:
            # A full pipe wakes its worker up already.
            with suppress(BlockingIOError):
                os.write(end, b".")
        return published.number

    def acknowledge(self, number: int, trouble: str | None = None) -> None:
        """Record that this worker serves the plans up to `number`, or why it does not."""
        if number > _read(self._followed[self._slot], Followed).number:
            try:
                _write(self._followed[self._slot], Followed(number, trouble))
            except OutOfStep as error:
                # The worker that waits for this one reports that it is late.
                logger.error("%s", error)

    async def wait_for_all(self, number: int) -> None:
        """Wait until every worker serves the plan. Raises OutOfStep if one does not.

        Workers load one after the other: the time of each begins when the previous worker ends.
        """
        waiting = dict(enumerate(self._followed))
        deadline = time.monotonic() + self._patience
        while waiting:
            for slot, path in list(waiting.items()):
                followed = _read(path, Followed)
                if followed.number < number:
                    continue
                if followed.trouble:
                    raise OutOfStep(f"worker-{slot} serves something else: {followed.trouble}")
                del waiting[slot]
                deadline = time.monotonic() + self._patience
            late = " and ".join(f"worker-{slot}" for slot in waiting)
            if waiting and self.ending:
                raise OutOfStep(f"{late} has not followed: the service is about to stop")
            if waiting and time.monotonic() > deadline:
                raise OutOfStep(f"{late} has not followed in {self._patience:g} s")
            await asyncio.sleep(LOOK_SECONDS)


def _read(path: Path, kind: type[Document]) -> Document:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return kind()
    except OSError as error:
        raise _not_shared(path, error) from None


def _write(path: Path, document: msgspec.Struct) -> None:
    try:
        write_atomically({path: msgspec.json.encode(document)})
    except OSError as error:
        raise _not_shared(path, error) from None


def _open(path: Path) -> TextIO:
    try:
        return path.open("w")
    except OSError as error:
        raise _not_shared(path, error) from None


def _not_shared(path: Path, error: OSError) -> OutOfStep:
    return OutOfStep(f"the workers cannot share what they serve: {path}: {error.strerror}")
