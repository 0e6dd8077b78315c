"""The wait of a slow pass for callers whose answers were just sent."""

import asyncio

from app.predict.tensors.returning_callers import MOST_SKIPPED, ReturningCallers
from tests.process import HANG_SECONDS


async def test_the_wait_ends_when_all_are_there() -> None:
    returning = ReturningCallers()
    ended = asyncio.Event()
    returning.expect(3, HANG_SECONDS, ended.set)
    assert [returning.awaited(count) for count in (1, 2, 3, 0)] == [True, True, False, False]
    assert not ended.is_set()


async def test_the_wait_ends_in_time_and_is_then_skipped_for_longer_and_longer() -> None:
    returning = ReturningCallers()
    skipped = []
    for _ in range(9):
        ended, passes = asyncio.Event(), 0
        returning.expect(2, 0.01, ended.set)
        while not returning.awaited(1):
            passes += 1
            returning.expect(2, 0.01, ended.set)
        skipped.append(passes)
        async with asyncio.timeout(HANG_SECONDS):
            await ended.wait()
    assert skipped == [0, 1, 3, 7, 15, 31, 63, MOST_SKIPPED, MOST_SKIPPED]
    # Callers that come back at once are waited for again.
    while not returning.awaited(1):
        returning.expect(2, HANG_SECONDS, ended.set)
    assert not returning.awaited(2)
    returning.expect(2, HANG_SECONDS, ended.set)
    assert returning.awaited(1)
    assert not returning.awaited(2)


async def test_fast_passes_and_lone_callers_do_not_wait() -> None:
    returning = ReturningCallers()
    for requests, seconds in ((1, 1.0), (2, 0.001)):
        returning.expect(requests, seconds, lambda: None)
        assert not returning.awaited(0)


async def test_the_wait_goes_on_while_requests_arrive() -> None:
    returning = ReturningCallers()
    ended = asyncio.Event()
    returning.expect(4, HANG_SECONDS, ended.set)
    for count in (1, 2, 3):
        assert returning.awaited(count)
        returning.look(ended.set)
        assert not ended.is_set()
    returning.look(ended.set)
    assert ended.is_set()
