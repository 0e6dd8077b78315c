"""Where worker processes tell one another what they serve: files, pipes and a lock."""

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

from app.errors import OutOfStep
from app.registry import Plan
from stateserve.checkpoint import write_atomically

logger = logging.getLogger("app.broadcast")
LOOK_SECONDS = 0.005
Bell = tuple[int, int]
Document = TypeVar("Document")


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


class Bulletin:
    """One worker's view of the `directory` that all share; `patience` is in seconds."""

    def __init__(self, directory: Path, slot: int, bells: list[Bell], patience: float = 30) -> None:
        self._slot = slot
        self._bells = bells
        self._patience = patience
        self._published = directory / "published.json"
        self._turns = directory / "turns.lock"
        self._followed = [directory / f"followed-{slot}.json" for slot in range(len(bells))]

    @property
    def bell(self) -> int:
        """What can be read when there is something new."""
        return self._bells[self._slot][0]

    def silence(self) -> None:
        with suppress(BlockingIOError):
            os.read(self.bell, 65536)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Keep all others out meanwhile. Raises OutOfStep if one takes too long."""
        deadline = time.monotonic() + self._patience
        # The kernel takes the lock from a worker that dies.
        with _open(self._turns) as file:
            while True:
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
        """Tell all of a model's plan; returns its number. For one whose turn it is."""
        published = self.read()
        published.number += 1
        published.plans[name] = Numbered(published.number, plan)
        _write(self._published, published)
        for _, end in self._bells:
            # A full pipe has been rung often enough.
            with suppress(BlockingIOError):
                os.write(end, b".")
        return published.number

    def acknowledge(self, number: int, trouble: str | None = None) -> None:
        """Tell that this worker serves what was published up to `number`, or why it does not."""
        if number > _read(self._followed[self._slot], Followed).number:
            try:
                _write(self._followed[self._slot], Followed(number, trouble))
            except OutOfStep as error:
                # Whoever waits for it is told that it is late.
                logger.error("%s", error)

    async def wait_for_all(self, number: int) -> None:
        """Until every worker serves what was published. Raises OutOfStep if one does not.

        They load in turns: each has its own time from when the one before it was done.
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
            if waiting and time.monotonic() > deadline:
                late = f"worker-{next(iter(waiting))}"
                raise OutOfStep(f"{late} has not followed in {self._patience:g} s")
            await asyncio.sleep(LOOK_SECONDS)


def _read(path: Path, kind: type[Document]) -> Document:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return kind()


def _write(path: Path, document: msgspec.Struct) -> None:
    try:
        write_atomically({path: msgspec.json.encode(document)})
    except OSError as error:
        raise _unwritten(path, error) from None


def _open(path: Path) -> TextIO:
    try:
        return path.open("w")
    except OSError as error:
        raise _unwritten(path, error) from None


def _unwritten(path: Path, error: OSError) -> OutOfStep:
    return OutOfStep(
        f"the workers cannot tell one another what they serve: {path}: {error.strerror}"
    )
