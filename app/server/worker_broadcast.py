"""Admin verbs in every worker process: one worker acts and publishes, the others follow."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from app.registry import Registry
from app.server.worker_plans import SharedPlans

logger = logging.getLogger("app.broadcast")


class Broadcast:
    """One worker's registry, kept in step with those of the other workers.

    The others follow a plan, not a verb: a new worker then needs only the last plan, and to
    follow it twice does no harm. Verbs raise the registry's errors, and OutOfStep if a worker
    does not follow.
    """

    def __init__(self, registry: Registry, plans: SharedPlans) -> None:
        self._registry = registry
        self._plans = plans
        self._followed: dict[str, int] = {}
        self._following = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Catch up with the other workers, and follow them from now on."""
        asyncio.get_running_loop().add_reader(self._plans.wakeup, self._wake_up)
        await self._follow()

    async def load(self, name: str, version: str | None = None) -> None:
        await self._everywhere(name, partial(self._registry.load, name, version))

    async def unload(self, name: str, version: str | None = None) -> None:
        await self._everywhere(name, partial(self._registry.unload, name, version))

    async def set_default(self, name: str, version: str) -> None:
        await self._everywhere(name, partial(self._registry.set_default, name, version))

    async def _everywhere(self, name: str, verb: Callable[[], Awaitable[None]]) -> None:
        async with self._plans.turn():
            await self._follow()
            try:
                await verb()
            finally:
                # After an error, too: of several versions some may have been loaded.
                if plan := self._registry.plan(name):
                    number = self._followed[name] = self._plans.publish(name, plan)
                    self._plans.acknowledge(number)
                    await self._plans.wait_for_all(number)

    def _wake_up(self) -> None:
        self._plans.clear_wakeup()
        task = asyncio.create_task(self._follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self) -> None:
        async with self._following:
            published = self._plans.read()
            trouble = None
            for name, numbered in published.plans.items():
                if numbered.number > self._followed.get(name, 0):
                    trouble = await self._registry.follow(name, numbered.plan) or trouble
                    self._followed[name] = numbered.number
            if trouble:
                logger.error("not in step with the other workers: %s", trouble)
            self._plans.acknowledge(published.number, trouble)
