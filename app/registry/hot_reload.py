"""Notice what changes in the models folder, and have the registry load it."""

import asyncio
import logging
from contextlib import aclosing
from typing import Any

from watchfiles import awatch

from app.registry.registry import Registry

logger = logging.getLogger("app.hot_reload")
# Quiet time that ends a burst of changes: a checkpoint and its card arrive as two.
QUIET_MILLISECONDS = 200


async def watch(registry: Registry[Any], period: float = 5.0) -> None:
    """Refresh `registry` when something changes in its folder, until cancelled.

    An event says only when to look; what changed is told by comparing files with what was
    read. So a lost event, or a file system that tells of none, costs at most `period` seconds.
    """
    repository = registry.repository
    changes = awatch(
        repository.folder,
        # watchfiles' own filter is for source code: it would leave out a folder in a .venv.
        watch_filter=None,
        recursive=repository.nested,
        step=QUIET_MILLISECONDS,
        rust_timeout=int(period * 1000),
        yield_on_timeout=True,
    )
    try:
        async with aclosing(changes):
            async for _ in changes:
                await _refresh(registry)
    except Exception as error:
        logger.warning(
            "cannot watch %s (%s): looking every %g s instead", repository.folder, error, period
        )
    while True:
        await asyncio.sleep(period)
        await _refresh(registry)


async def _refresh(registry: Registry[Any]) -> None:
    try:
        await registry.refresh()
    except Exception:
        # No thread or no memory to look with, at present: the next look may have them.
        logger.exception("cannot look for changes now; what is served is served on")
