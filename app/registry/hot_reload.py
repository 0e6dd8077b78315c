"""Watches the models folder and refreshes the registry after changes."""

import asyncio
import logging
from contextlib import aclosing

from watchfiles import awatch

from app.registry.registry import Registry

logger = logging.getLogger("app.hot_reload")
# It logs each change; where the log is a file of the models folder, that is a change again.
logging.getLogger("watchfiles").setLevel(logging.WARNING)
# A pause of this length ends a burst of changes: a checkpoint and its card are two changes.
QUIET_MILLISECONDS = 200


async def watch(registry: Registry, period: float = 5.0) -> None:
    """Refresh `registry` when something changes in its folder, until cancelled.

    An event only triggers a comparison of the files with those read before. So a lost event, or
    a file system without events, delays a reload by at most `period` seconds.
    """
    repository = registry.repository
    changes = awatch(
        repository.folder,
        # The default filter is for source code: it would skip a folder in a .venv.
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


async def _refresh(registry: Registry) -> None:
    try:
        await registry.refresh()
    except Exception:
        # The system may lack threads or memory for now; the next refresh may succeed.
        logger.exception("cannot look for changes now; what is served is served on")
