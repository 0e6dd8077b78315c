"""Admin verbs in every worker process: one does it, publishes what it serves, all follow."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from app.registry import Registry
from app.server.worker_broadcast import Bulletin

logger = logging.getLogger("app.broadcast")


class Broadcast:
    """One worker's registry, kept in step with those of the other workers.

    A plan, not a verb, is what the others follow: so one that takes a dead worker's slot needs
    the last of them alone, and following twice does no harm. The verbs are the registry's own,
    in every worker. They raise what it raises, and OutOfStep if a worker does not follow.
    """

    def __init__(self, registry: Registry[Any], bulletin: Bulletin) -> None:
        self._registry = registry
        self._bulletin = bulletin
        self._followed: dict[str, int] = {}
        self._following = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Catch up with the other workers, and follow them from now on."""
        asyncio.get_running_loop().add_reader(self._bulletin.bell, self._hear)
        await self._follow()

    async def load(self, name: str, version: str | None = None) -> None:
        await self._everywhere(name, partial(self._registry.load, name, version))

    async def unload(self, name: str, version: str | None = None) -> None:
        await self._everywhere(name, partial(self._registry.unload, name, version))

    async def set_default(self, name: str, version: str) -> None:
        await self._everywhere(name, partial(self._registry.set_default, name, version))

    async def _everywhere(self, name: str, verb: Callable[[], Awaitable[None]]) -> None:
        async with self._bulletin.turn():
            await self._follow()
            try:
                await verb()
            finally:
                # After an error, too: of several versions some may have been loaded.
                if plan := self._registry.plan(name):
                    number = self._followed[name] = self._bulletin.publish(name, plan)
                    self._bulletin.acknowledge(number)
                    await self._bulletin.wait_for_all(number)

    def _hear(self) -> None:
        self._bulletin.silence()
        task = asyncio.create_task(self._follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self) -> None:
        async with self._following:
            published = self._bulletin.read()
            trouble = None
            for name, numbered in published.plans.items():
                if numbered.number > self._followed.get(name, 0):
                    trouble = await self._registry.follow(name, numbered.plan) or trouble
                    self._followed[name] = numbered.number
            if trouble:
                logger.error("not in step with the other workers: %s", trouble)
            self._bulletin.acknowledge(published.number, trouble)
