"""The loop waits awake after a short wait, for a moment, and sleeps otherwise."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.server.busy_poll import WINDOW_SECONDS, BusyPoll


class CountingLoop(asyncio.SelectorEventLoop):
    """Of call_soon."""

    calls = 0

    def call_soon(self, callback: Callable[..., Any], *args: Any, **options: Any) -> asyncio.Handle:
        self.calls += 1
        return super().call_soon(callback, *args, **options)


@pytest.mark.parametrize(("waited", "awake"), [(WINDOW_SECONDS / 2, True), (1, False)])
def test_only_a_short_wait_keeps_the_loop_awake_and_only_for_a_moment(
    waited: float, awake: bool
) -> None:
    loop = CountingLoop()

    async def calls() -> tuple[int, int]:
        poll = BusyPoll()
        now = time.perf_counter()
        poll.after(now - 10, now - waited)
        before = loop.calls
        poll.after(now, now)
        at_once = loop.calls - before
        await asyncio.sleep(0.05)
        before = loop.calls
        await asyncio.sleep(0.05)
        return at_once, loop.calls - before

    at_once, later = loop.run_until_complete(calls())
    loop.close()
    assert at_once == awake
    # Those of the sleep itself.
    assert later <= 3
