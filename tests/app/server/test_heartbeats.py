"""Silent workers, by artificial times; test_hangs.py has real processes."""

import pytest

from app.server.heartbeats import Heartbeats

TIMEOUT = 30.0


@pytest.fixture
def heartbeats() -> Heartbeats:
    heartbeats = Heartbeats(2, TIMEOUT)
    for slot in (0, 1):
        heartbeats.beat(slot, 1000.0)
    assert heartbeats.silent(1000.0) == []
    return heartbeats


def look_until(heartbeats: Heartbeats, start: int, end: int) -> dict[int, list[int]]:
    """The silent workers by time, checked once a second."""
    found = {now: heartbeats.silent(now) for now in range(start, end)}
    return {now: slots for now, slots in found.items() if slots}


def test_who_does_not_beat_for_the_timeout_is_silent(heartbeats: Heartbeats) -> None:
    assert look_until(heartbeats, 1001, 1020) == {}
    heartbeats.beat(0, 1019.0)
    assert look_until(heartbeats, 1020, 1032) == {1031: [1]}
    assert look_until(heartbeats, 1032, 1051) == {now: [1] for now in range(1032, 1050)} | {
        1050: [0, 1]
    }


def test_after_a_standstill_of_all_each_has_the_time_once_more(heartbeats: Heartbeats) -> None:
    """A suspended machine or a stopped supervisor does not count as a worker's hang."""
    assert heartbeats.silent(5000.0) == []
    heartbeats.beat(0, 5001.0)
    assert look_until(heartbeats, 5001, 5031) == {}
    assert look_until(heartbeats, 5031, 5032) == {5031: [1]}


def test_without_a_timeout_nobody_is_silent() -> None:
    heartbeats = Heartbeats(2, 0)
    assert look_until(heartbeats, 0, 1000) == {}
