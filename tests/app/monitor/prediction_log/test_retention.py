"""Old rows are deleted by the clock, unless it has just been set."""

from app.monitor.prediction_log.retention import (
    DAY_SECONDS,
    DOUBT_SECONDS,
    PURGE_SECONDS,
    Retention,
)


class Clocks:
    def __init__(self) -> None:
        self.now, self.steady = 1e9, 5.0

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds


def test_old_rows_are_looked_for_now_and_then() -> None:
    clocks = Clocks()
    retention = Retention(30, lambda: clocks.now, lambda: clocks.steady)
    assert retention.due() == clocks.now - 30 * DAY_SECONDS
    assert retention.due() is not None
    retention.done()
    assert retention.due() is None
    clocks.wait(PURGE_SECONDS)
    assert retention.due() == clocks.now - 30 * DAY_SECONDS


def test_a_clock_that_is_set_and_set_right_again_deletes_nothing() -> None:
    clocks = Clocks()
    right = Retention(30, lambda: clocks.now, lambda: clocks.steady)
    right.done()
    for jump in (40 * DAY_SECONDS, -40 * DAY_SECONDS):
        clocks.now += jump
        assert right.due() is None
        clocks.wait(DOUBT_SECONDS - 1)
        assert right.due() is None
    clocks.wait(1)
    assert right.due() == clocks.now - 30 * DAY_SECONDS


def test_a_clock_that_stays_set_is_believed_and_one_that_drifts_is_too() -> None:
    clocks = Clocks()
    retention = Retention(30, lambda: clocks.now, lambda: clocks.steady)
    clocks.now += 40 * DAY_SECONDS
    assert retention.due() is None
    for _ in range(DOUBT_SECONDS // 100):
        clocks.wait(100)
        clocks.now += 1
        found = retention.due()
    assert found == clocks.now - 30 * DAY_SECONDS
