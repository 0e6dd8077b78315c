"""The micro-batcher over small fakes: shared passes, failures, and the requests that they reach."""

import asyncio
import threading
import time

import pytest

from app.errors import DeadlineExceeded, Overloaded
from app.predict.batching import Batcher
from tests.process import HANG_SECONDS


class Doubler:
    """Doubles integers and remembers each call; raises at 13."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.threads: set[int] = set()

    def __call__(self, items: list[int]) -> list[int]:
        self.calls.append(items)
        self.threads.add(threading.get_ident())
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]


async def test_one_tick_is_one_call() -> None:
    run = Doubler()
    batcher = Batcher(run)
    assert await asyncio.gather(*map(batcher.submit, range(5))) == [0, 2, 4, 6, 8]
    assert run.calls == [[0, 1, 2, 3, 4]]


async def test_a_lone_item_is_answered_before_the_tick_ends() -> None:
    run = Doubler()
    batcher = Batcher(run)
    assert await batcher.submit(1) == 2
    alone = batcher.submit(2)
    assert alone.done()
    rest = [batcher.submit(3), batcher.submit(4)]
    assert not any(future.done() for future in rest)
    assert await asyncio.gather(*rest) == [6, 8]
    assert run.calls == [[1], [2], [3, 4]]
    assert not batcher.submit(5).done(), "the tick before had company"


async def test_a_batch_has_a_largest_size() -> None:
    run = Doubler()
    batcher = Batcher(run, max_batch=2)
    assert await asyncio.gather(*map(batcher.submit, range(5))) == [0, 2, 4, 6, 8]
    assert run.calls == [[0, 1], [2, 3], [4]]


async def test_a_fault_reaches_its_own_caller_only() -> None:
    batcher = Batcher(Doubler())
    results = await asyncio.gather(*map(batcher.submit, (1, 13, 3)), return_exceptions=True)
    assert results[0] == 2
    assert isinstance(results[1], ValueError)
    assert results[2] == 6


async def test_a_caller_that_left_is_not_computed_and_harms_nobody() -> None:
    run = Doubler()
    batcher = Batcher(run)
    futures = [batcher.submit(item) for item in (1, 2, 3)]
    futures[1].cancel()
    assert await asyncio.gather(futures[0], futures[2]) == [2, 6]
    assert run.calls == [[1, 3]]


async def test_a_full_queue_refuses_and_then_takes_again() -> None:
    batcher = Batcher(Doubler(), max_pending=2)
    waiting = [batcher.submit(1), batcher.submit(2)]
    with pytest.raises(Overloaded, match="2 requests are waiting already"):
        batcher.submit(3)
    assert await asyncio.gather(*waiting) == [2, 4]
    assert await batcher.submit(3) == 6


async def test_a_slow_call_moves_to_a_thread_and_batches_while_it_is_busy() -> None:
    on_loop = threading.get_ident()
    begun, may_end = threading.Event(), threading.Event()

    class Slow(Doubler):
        def __call__(self, items: list[int]) -> list[int]:
            if threading.get_ident() == on_loop:
                time.sleep(0.02)
            else:
                begun.set()
                assert may_end.wait(HANG_SECONDS)
            return super().__call__(items)

    run = Slow()
    batcher = Batcher(run)
    assert await batcher.submit(0) == 0
    assert run.threads == {on_loop}
    first = batcher.submit(1)
    assert await asyncio.to_thread(begun.wait, HANG_SECONDS)
    rest = [batcher.submit(item) for item in range(2, 7)]
    await asyncio.sleep(0)
    rest.append(batcher.submit(7))
    assert not any(future.done() for future in [first, *rest])
    may_end.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10, 12, 14]
    assert run.calls == [[0], [1], [2, 3, 4, 5, 6, 7]]
    assert len(run.threads) == 2
    batcher.close()


async def test_a_call_that_is_fast_again_comes_back_to_the_loop() -> None:
    run = Doubler()
    pause = [0.05]

    def sometimes_slow(items: list[int]) -> list[int]:
        time.sleep(pause[0])
        return run(items)

    batcher = Batcher(sometimes_slow)
    await batcher.submit(0)
    pause[0] = 0
    run.threads.clear()
    # A busy machine may slow down some of these too.
    async with asyncio.timeout(HANG_SECONDS):
        while threading.get_ident() not in run.threads:
            await batcher.submit(1)
    assert len(run.threads) == 2
    batcher.close()


async def test_an_item_past_its_deadline_is_not_computed_and_harms_nobody() -> None:
    run = Doubler()
    batcher = Batcher(run)
    past, future = time.monotonic(), time.monotonic() + 60
    waiting = [batcher.submit(1), batcher.submit(2, past), batcher.submit(3, future)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[1], DeadlineExceeded)
    assert (results[0], results[2]) == (2, 6)
    assert run.calls == [[1, 3]]


async def test_only_the_first_of_a_batch_is_tried_with_too_little_time_left() -> None:
    run = Doubler()
    pause = [0.0]

    def slow(items: list[int]) -> list[int]:
        time.sleep(pause[0])
        return run(items)

    async def attempt(seconds: float) -> list[object]:
        """One waiting item, then three with less time left than the earlier calls took."""
        batcher = Batcher(slow)
        pause[0] = seconds
        for _ in range(3):
            await batcher.submit(0)
        pause[0] = 0
        run.calls.clear()
        first = batcher.submit(0)
        # The next call is expected to take a quarter more than half of `seconds`.
        deadline = time.monotonic() + seconds / 3
        waiting = [batcher.submit(item, deadline) for item in (1, 2, 3)]
        results = await asyncio.gather(first, *waiting, return_exceptions=True)
        batcher.close()
        return results

    seconds = 0.1
    while isinstance((results := await attempt(seconds))[1], DeadlineExceeded):
        # The machine is too busy to begin even the first in time.
        assert seconds < HANG_SECONDS
        seconds *= 2
    assert results[:2] == [0, 2]
    assert [type(result) for result in results[2:]] == [DeadlineExceeded] * 2
    assert run.calls == [[0], [1]]


async def test_where_no_thread_can_be_started_the_loop_computes() -> None:
    threads = set()

    def run(items: list[int]) -> list[int]:
        threads.add(threading.get_ident())
        time.sleep(0.02)
        return items

    batcher = Batcher(run)
    await batcher.submit(1)
    # No thread starts after this, as on a system without free threads.
    batcher.close()
    assert await asyncio.gather(batcher.submit(2), batcher.submit(3)) == [2, 3]
    assert await batcher.submit(4) == 4
    assert threads == {threading.get_ident()}
