"""The rate against a leaky bucket in fractions, and its lock against a process that holds it."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.auth.rate_limits import SLOTS, Quota, Rates
from app.errors import SettingsError

SECOND = 10**9


class Bucket:
    """A bucket that drains at the quota's rate and refuses requests that would make it overflow."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.level, self.last = Fraction(0), 0

    def admits(self, now: int) -> bool:
        leaked = Fraction(now - self.last, SECOND) * self.quota.limit / self.quota.period
        self.level, self.last = max(Fraction(0), self.level - leaked), now
        if self.level + 1 > self.quota.burst:
            return False
        self.level += 1
        return True


QUOTAS = st.builds(
    Quota,
    # Limits that divide the period in nanoseconds: others are rounded, the bucket is not.
    st.sampled_from([1, 2, 5, 64, 1000, 10**6]),
    st.sampled_from([1, 60, 3600, 86400]),
    st.integers(1, 20),
)


@given(QUOTAS, st.lists(st.integers(0, 3 * SECOND), max_size=60))
def test_what_a_leaky_bucket_admits_is_admitted(quota: Quota, gaps: list[int]) -> None:
    limit, bucket, now = Rates().limit("key", quota), Bucket(quota), 0
    for gap in gaps:
        now += gap
        wait = limit.take(now)
        assert (wait == 0) == bucket.admits(now)
        if wait:
            # Not a nanosecond sooner: a refused request does not count.
            assert limit.take(now + wait - 1)
            now += wait
            assert bucket.admits(now)
            assert limit.take(now) == 0


@given(
    st.integers(1, 999_999_999),
    st.sampled_from(["second", "minute", "hour", "day"]),
    st.none() | st.integers(1, 999_999_999),
    st.lists(st.integers(0, 2**62), max_size=5),
)
def test_every_quota_that_a_key_may_have_can_be_counted(
    count: int, unit: str, burst: int | None, times: list[int]
) -> None:
    quota = Quota.parse(f"{count}/{unit}" + (f" burst {burst}" if burst else ""))
    limit = Rates().limit("key", quota)
    assert limit.take(0) == 0
    for now in sorted(times):
        assert limit.take(now) >= 0


def test_the_same_owner_and_quota_have_one_rate_and_others_have_their_own() -> None:
    rates = Rates()
    quota = Quota.parse("1/hour")
    assert rates.limit("one", quota).take(0) == 0
    assert rates.limit("one", quota).take(0) > 0
    assert rates.limit("two", quota).take(0) == 0
    assert rates.limit("one", Quota.parse("2/hour")).take(0) == 0


def test_rates_without_end_are_refused() -> None:
    rates, quota = Rates(), Quota.parse("1/hour")
    for number in range(SLOTS):
        assert rates.limit(str(number), quota).take(0) == 0
    with pytest.raises(SettingsError, match="more than 16384 rates"):
        rates.limit("one more", quota)


HOLDER = """
import fcntl, sys, time
with open(sys.argv[1], "wb") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_process_that_stands_still_in_its_turn_holds_nobody_up(tmp_path: Path) -> None:
    rates = Rates(tmp_path / "lock")
    limit = rates.limit("key", Quota.parse("4/hour"))
    command = [sys.executable, "-c", HOLDER, tmp_path / "lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert [limit.take(0) > 0 for _ in range(2)] == [False, False]
        holder.kill()
    assert [limit.take(0) > 0 for _ in range(3)] == [False, False, True]
